//! When each static role has something to do, as a cache of what is stored: so that a tick reads those that are due and no
//! others.
//!
//! It is read from storage by the first tick of a process, and again every ten minutes, for another node may have written
//! meanwhile. It decides nothing: whoever works on a role reads it first.

use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash as _, Hasher as _};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use tokio::time::Instant;

use crate::framework::{Context, Error};
use crate::secrets::alicloud::static_roles::role::{STORAGE_PREFIX, StaticRole};
use crate::secrets::lease::now;

/// After this time everything is read again.
const RELOAD: Duration = Duration::from_secs(600);

/// Roles that are read at the same time.
const READ_AT_ONCE: usize = 16;

/// When no more than so many roles are due at once, they begin at once: a tick works on so many at the same time. More are
/// spread over [`SPREAD`].
const AT_ONCE: usize = 8;

/// Over how many seconds roles are spread, each by an offset of its own that stays the same.
const SPREAD: u64 = 300;

/// When roles have something to do.
#[derive(Debug, Default)]
pub(super) struct Queue(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// In seconds since 1970, by name. None: nothing by itself.
    roles: HashMap<String, Option<u64>>,
    read: Option<Instant>,
}

impl Queue {
    /// Has everything read from storage again.
    pub(super) fn reload(&self) {
        self.lock().read = None;
    }

    /// Notes what a role that was stored has to do.
    pub(super) fn set(&self, context: &Context, name: &str, role: &StaticRole) {
        let at = role.next_work(now(context));
        self.lock().roles.insert(name.to_owned(), at);
    }

    /// Notes that there is no such role.
    pub(super) fn remove(&self, name: &str) {
        self.lock().roles.remove(name);
    }

    /// The names of the roles that have something to do now.
    ///
    /// # Errors
    /// Storage cannot be read.
    pub(super) async fn due(&self, context: &Context) -> Result<Vec<String>, Error> {
        if self.lock().read.is_none_or(|read| read.elapsed() >= RELOAD) {
            self.read(context).await?;
        }
        let now = now(context);
        let state = self.lock();
        let is_due = |spread: fn(&str) -> u64| {
            let due = state
                .roles
                .iter()
                .filter(move |(name, at)| at.is_some_and(|at| at.saturating_add(spread(name)) <= now));
            due.map(|(name, _)| name.clone()).collect::<Vec<_>>()
        };
        let due = is_due(|_| 0);
        Ok(if due.len() > AT_ONCE { is_due(offset) } else { due })
    }

    /// How many roles there are, and when the first of them has something to do, once that was read.
    pub(super) fn seen(&self) -> (Option<f64>, Option<f64>) {
        let state = self.lock();
        if state.read.is_none() {
            return (None, None);
        }
        let next = state.roles.values().flatten().min();
        let number = |value: u64| u32::try_from(value).ok().map(f64::from);
        (
            number(state.roles.len() as u64),
            next.and_then(|next| number(*next)),
        )
    }

    async fn read(&self, context: &Context) -> Result<(), Error> {
        let (begun, now) = (Instant::now(), now(context));
        let names = context.storage.list(STORAGE_PREFIX).await?;
        let read = names.into_iter().map(|name| async {
            let role = StaticRole::load(&*context.storage, &name).await;
            // One that cannot be read is due: then the log says why.
            let at = role.map_or(Some(0), |role| role?.next_work(now));
            (name, at)
        });
        let read: Vec<_> = read.collect();
        let read: HashMap<_, _> = stream::iter(read).buffer_unordered(READ_AT_ONCE).collect().await;
        let mut state = self.lock();
        // One that was written meanwhile may have been read before: the earlier time is looked at.
        let before = std::mem::replace(&mut state.roles, read);
        // One that was not found may have been created meanwhile; if there is none, its turn removes it.
        for (name, at) in before {
            let found = state.roles.entry(name).or_insert(at);
            *found = [*found, at].into_iter().flatten().min();
        }
        state.read = Some(begun);
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// By how many seconds a role waits when many are due.
fn offset(name: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    hasher.finish() % SPREAD
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::framework::testing::context;

    fn due_at(at: u64) -> StaticRole {
        serde_json::from_value(json!({"rotation_period": 3600, "next_vault_rotation": at})).unwrap()
    }

    #[tokio::test]
    async fn a_role_that_is_written_while_all_are_read_is_not_forgotten() {
        let (context, queue) = (context(), Queue::default());
        queue.set(&context, "new", &due_at(now(&context)));
        assert_eq!(queue.due(&context).await.unwrap(), ["new"]);
    }

    #[tokio::test]
    async fn what_is_due_is_found_in_storage_and_what_is_written_later_counts() {
        let context = context();
        let now = now(&context);
        for (name, at) in [("past", now - 1), ("future", now + 1000)] {
            due_at(at).store(&*context.storage, name).await.unwrap();
        }
        context
            .storage
            .put(&StaticRole::storage_key("damaged"), b"{".to_vec())
            .await
            .unwrap();
        let queue = Queue::default();
        assert_eq!(queue.seen(), (None, None));
        let mut due = queue.due(&context).await.unwrap();
        due.sort();
        assert_eq!(due, ["damaged", "past"]);
        assert_eq!(queue.seen().0, Some(3.0));
        queue.set(&context, "past", &due_at(now + 1000));
        queue.remove("damaged");
        queue.set(&context, "new", &due_at(now));
        assert_eq!(queue.due(&context).await.unwrap(), ["new"]);
    }

    #[tokio::test]
    async fn many_that_are_due_at_once_are_spread() {
        let context = context();
        let now = now(&context);
        let queue = Queue::default();
        queue.due(&context).await.unwrap();
        for number in 0..1000 {
            queue.set(&context, &format!("role-{number}"), &due_at(now - 60));
        }
        let due = queue.due(&context).await.unwrap().len();
        assert!(
            (120..280).contains(&due),
            "{due} of 1000 in the first of five minutes"
        );
        for number in 0..1000 {
            queue.set(&context, &format!("role-{number}"), &due_at(now - SPREAD));
        }
        assert_eq!(queue.due(&context).await.unwrap().len(), 1000);
    }
}
