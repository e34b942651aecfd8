//! Locks by name, for read-modify-write sequences on one storage entry.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

/// One lock for each name in use. A name that nobody holds or waits for costs nothing.
#[derive(Debug, Default)]
pub struct NamedLocks {
    locks: Mutex<HashMap<String, Weak<AsyncMutex<()>>>>,
}

impl NamedLocks {
    /// Waits for the lock of `name` and holds it until the guard is dropped.
    pub async fn lock(&self, name: &str) -> OwnedMutexGuard<()> {
        let lock = {
            let mut locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
            locks.retain(|_, lock| lock.strong_count() > 0);
            match locks.get(name).and_then(Weak::upgrade) {
                Some(lock) => lock,
                None => {
                    let lock = Arc::new(AsyncMutex::new(()));
                    locks.insert(name.to_owned(), Arc::downgrade(&lock));
                    lock
                }
            }
        };
        lock.lock_owned().await
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future as _;

    use super::*;

    #[tokio::test]
    async fn one_name_excludes_itself_and_no_other() {
        let locks = NamedLocks::default();
        let held = locks.lock("a").await;
        let _other = locks.lock("b").await;
        let mut waiting = std::pin::pin!(locks.lock("a"));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(waiting.as_mut().poll(&mut context).is_pending());
        drop(held);
        waiting.await;
        assert!(locks.locks.lock().unwrap().len() <= 2);
    }
}
