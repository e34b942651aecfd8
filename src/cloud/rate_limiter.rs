//! How fast the cloud is called: a rate limiter for each operation of each account.
//!
//! The cloud counts the calls of an account by operation, and throttles what is too much in a second. Throttled calls
//! only come again, so the calls of one operation queue here instead: at most as many begin in a second as the cloud's
//! documents allow. When the cloud throttles one all the same (others use the account too), the limiter slows down; it
//! comes back to the documented rate within seconds, and never exceeds it.
//!
//! A limiter has no queue of its own: its calls wait for tokio's semaphores and mutex, which serve in order, and a call
//! that is dropped leaves the queue. No crate for rate limits has a rate that adapts and two priorities.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Mutex as Turn, Semaphore};
use tokio::time::{Instant, sleep_until};

/// The second in which the cloud counts, and by how much two calls may come closer to each other: on the way to it, and by
/// [`TOGETHER`].
const WINDOW: Duration = Duration::from_millis(1100);

/// Calls that may begin almost at the same time do so: to be woken for each would cost more than the calls do.
const TOGETHER: Duration = Duration::from_millis(10);

/// What is left of the rate when a call was throttled; at most once in a window, for calls in flight were begun before.
const SLOWED: f64 = 0.75;

/// By how much a rate recovers in a second, as a part of the documented one.
const RECOVERY: f64 = 0.1;

/// No limiter stops for longer, whatever the cloud asks for.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(30);

/// How many calls of each priority wait at the front of the queue, where they take turns. Of four turns one is for the
/// background, so neither starves.
const AT_FRONT: [usize; 2] = [3, 1];

/// More limiters are kept only as long as somebody uses them.
const MAX_LIMITERS: usize = 256;

/// Who goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Priority {
    /// Somebody waits for the answer.
    Foreground,
    /// It must be done, but nobody waits.
    Background,
}

/// An access key id and an operation.
type Key = (Arc<str>, &'static str);

/// All rate limiters of a client.
#[derive(Debug, Default)]
pub(super) struct RateLimiters(Mutex<HashMap<Key, Arc<RateLimiter>>>);

impl RateLimiters {
    /// The limiter of an operation, with its documented rate in calls a second. The access key id stands for its account,
    /// which is not known without a call: two keys of one account have limiters of their own, which adapt when the cloud
    /// throttles.
    pub(super) fn get(
        &self,
        access_key_id: &Arc<str>,
        operation: &'static str,
        documented: u32,
    ) -> Arc<RateLimiter> {
        let mut limiters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (Arc::clone(access_key_id), operation);
        if let Some(limiter) = limiters.get(&key) {
            return Arc::clone(limiter);
        }
        if limiters.len() >= MAX_LIMITERS {
            limiters.retain(|_, limiter| Arc::strong_count(limiter) > 1);
        }
        let limiter = Arc::new(RateLimiter::new(documented));
        limiters.insert(key, Arc::clone(&limiter));
        limiter
    }
}

/// The rate limiter for one operation of one account.
#[derive(Debug)]
pub(super) struct RateLimiter {
    at_front: [Semaphore; 2],
    turn: Turn<()>,
    rate: Mutex<Rate>,
}

impl RateLimiter {
    fn new(documented: u32) -> Self {
        Self {
            at_front: AT_FRONT.map(Semaphore::new),
            turn: Turn::default(),
            rate: Mutex::new(Rate::new(documented)),
        }
    }

    /// Waits until a call may begin. A retry has queued before and goes to the front.
    pub(super) async fn wait(&self, priority: Priority, retry: bool) {
        let [foreground, background] = &self.at_front;
        let front = match priority {
            Priority::Foreground => foreground,
            Priority::Background => background,
        };
        // Neither is ever closed.
        let _permit = if retry { None } else { front.acquire().await.ok() };
        let _turn = self.turn.lock().await;
        loop {
            let begun = self.rate().begin(Instant::now());
            match begun {
                Ok(()) => return,
                Err(later) => sleep_until(later).await,
            }
        }
    }

    /// The cloud throttled a call, and may have said how long to wait.
    pub(super) fn throttled(&self, retry_after: Option<Duration>) {
        self.rate().slow_down(Instant::now(), retry_after);
    }

    fn rate(&self) -> MutexGuard<'_, Rate> {
        self.rate.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The rate of a limiter.
#[derive(Debug)]
struct Rate {
    documented: f64,
    /// Calls in a window.
    current: f64,
    /// When the rate changed last.
    changed: Instant,
    /// When the rate was last cut.
    slowed: Option<Instant>,
    /// No call begins before.
    stopped_until: Instant,
    /// When the calls of the last window began, in order.
    begun: VecDeque<Instant>,
}

impl Rate {
    fn new(documented: u32) -> Self {
        let now = Instant::now();
        let documented = f64::from(documented.max(1));
        Self {
            documented,
            current: documented,
            changed: now,
            slowed: None,
            stopped_until: now,
            begun: VecDeque::new(),
        }
    }

    /// Begins a call, or says when to look again.
    fn begin(&mut self, now: Instant) -> Result<(), Instant> {
        if now < self.stopped_until {
            return Err(self.stopped_until);
        }
        while self
            .begun
            .front()
            .is_some_and(|begun| now + TOGETHER >= *begun + WINDOW)
        {
            self.begun.pop_front();
        }
        self.recover(now);
        // Whole calls in a window; the rate is never below one.
        let surplus = self.begun.len().checked_sub(self.current as usize);
        match surplus.and_then(|surplus| self.begun.get(surplus)) {
            Some(in_the_way) => Err(*in_the_way + WINDOW),
            None => {
                self.begun.push_back(now);
                Ok(())
            }
        }
    }

    fn recover(&mut self, now: Instant) {
        if self.current < self.documented {
            let recovered = self.documented * RECOVERY * (now - self.changed).as_secs_f64();
            self.current = (self.current + recovered).min(self.documented);
            self.changed = now;
        }
    }

    fn slow_down(&mut self, now: Instant, retry_after: Option<Duration>) {
        if self.slowed.is_none_or(|slowed| now >= slowed + WINDOW) {
            self.recover(now);
            self.current = (self.current * SLOWED).max(1.0);
            self.changed = now;
            self.slowed = Some(now);
        }
        if let Some(retry_after) = retry_after {
            self.stopped_until = self.stopped_until.max(now + retry_after.min(MAX_RETRY_AFTER));
        }
    }
}

#[cfg(test)]
mod tests;
