//! How fast the cloud is asked: a line of calls for each operation of each account.
//!
//! The cloud counts the calls of an account by operation, and refuses what is too much in a second. Calls that are
//! refused only come again, so the calls of one operation wait here in a line instead: at most as many begin in a
//! second as the cloud's documents allow. When it refuses one all the same (others use the account too), the whole
//! line goes slower; it comes back to the documented rate within seconds, and goes beyond it where that is used up and
//! nothing was refused for minutes, because the account's quota may have been raised.
//!
//! A line has no queue of its own: its calls wait for tokio's semaphores and mutex, which serve in order, and a call
//! that is dropped gives its place back. No crate for rate limits has a rate that learns and two classes of callers.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Mutex as Turn, Semaphore};
use tokio::time::{Instant, sleep_until};

/// The second in which the cloud counts, and by how much two calls may come closer to each other on the way to it.
const WINDOW: Duration = Duration::from_millis(1100);

/// What is left of the rate when a call was refused; at most once in a window, for what is under way was begun before.
const SLOWED: f64 = 0.75;

/// By how much a rate comes back in a second, as a part of the documented one.
const RECOVERY: f64 = 0.1;

/// By how much a rate that is used up grows beyond the documented one in a window, as a part of it.
const GROWTH: f64 = 0.25;

/// How long after a refusal the documented rate is not exceeded.
const CAUTION: Duration = Duration::from_secs(300);

/// No line is closed for longer, whatever the cloud asks for.
const LONGEST_WISH: Duration = Duration::from_secs(30);

/// How many calls of each class stand at the front of a line, where they go in turn. Of four turns one is for the
/// background, so neither starves.
const IN_FRONT: [usize; 2] = [3, 1];

/// More lines are kept only as long as somebody uses them.
const LINES: usize = 256;

/// Who goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Priority {
    /// Somebody waits for the answer.
    Foreground,
    /// It must be done, but nobody waits.
    Background,
}

/// Calls a second that an account may make, by the cloud's documents. Detaching is not in them; it is taken for
/// as slow as attaching.
fn documented(operation: &str) -> f64 {
    match operation {
        "AttachPolicyToUser" | "DetachPolicyFromUser" | "AddUserToGroup" | "RemoveUserFromGroup" => 10.0,
        _ if ["Get", "List", "AssumeRole"]
            .iter()
            .any(|reading| operation.starts_with(reading)) =>
        {
            100.0
        }
        _ => 20.0,
    }
}

/// An access key id and an operation.
type Key = (Arc<str>, &'static str);

/// All lines of a client.
#[derive(Debug, Default)]
pub(super) struct Lines(Mutex<HashMap<Key, Arc<Line>>>);

impl Lines {
    /// The line of an operation. The access key id stands for its account, which is not known without a call: two keys
    /// of one account have lines of their own, and learn from the cloud's refusals.
    pub(super) fn line(&self, access_key_id: &Arc<str>, operation: &'static str) -> Arc<Line> {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (Arc::clone(access_key_id), operation);
        if let Some(line) = lines.get(&key) {
            return Arc::clone(line);
        }
        if lines.len() >= LINES {
            lines.retain(|_, line| Arc::strong_count(line) > 1);
        }
        let line = Arc::new(Line::new(documented(operation)));
        lines.insert(key, Arc::clone(&line));
        line
    }
}

/// The line for one operation of one account.
#[derive(Debug)]
pub(super) struct Line {
    in_front: [Semaphore; 2],
    turn: Turn<()>,
    pace: Mutex<Pace>,
}

impl Line {
    fn new(documented: f64) -> Self {
        Self {
            in_front: IN_FRONT.map(Semaphore::new),
            turn: Turn::default(),
            pace: Mutex::new(Pace::new(documented)),
        }
    }

    /// Waits until a call may begin. One that comes `again`, after a try, has stood in line before and goes to the
    /// front.
    pub(super) async fn pass(&self, priority: Priority, again: bool) {
        let [foreground, background] = &self.in_front;
        let front = match priority {
            Priority::Foreground => foreground,
            Priority::Background => background,
        };
        // Neither is ever closed.
        let _place = if again { None } else { front.acquire().await.ok() };
        let _turn = self.turn.lock().await;
        loop {
            let taken = self.pace().take(Instant::now());
            match taken {
                Ok(()) => return,
                Err(later) => sleep_until(later).await,
            }
        }
    }

    /// The cloud carried a call out.
    pub(super) fn went_well(&self) {
        self.pace().grow(Instant::now());
    }

    /// The cloud refused a call as one too many, and may have said how long it wants to be left alone.
    pub(super) fn was_throttled(&self, wish: Option<Duration>) {
        self.pace().slow_down(Instant::now(), wish);
    }

    fn pace(&self) -> MutexGuard<'_, Pace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The rate of a line.
#[derive(Debug)]
struct Pace {
    documented: f64,
    /// Calls in a window.
    rate: f64,
    /// When the rate changed last.
    changed: Instant,
    /// When the rate was last cut.
    slowed: Option<Instant>,
    /// No call begins before.
    closed_until: Instant,
    /// When the calls of the last window began, in order.
    begun: VecDeque<Instant>,
}

impl Pace {
    fn new(documented: f64) -> Self {
        let now = Instant::now();
        Self {
            documented,
            rate: documented,
            changed: now,
            slowed: None,
            closed_until: now,
            begun: VecDeque::new(),
        }
    }

    /// Begins a call, or says when to look again.
    fn take(&mut self, now: Instant) -> Result<(), Instant> {
        if now < self.closed_until {
            return Err(self.closed_until);
        }
        while self.begun.front().is_some_and(|begun| now >= *begun + WINDOW) {
            self.begun.pop_front();
        }
        self.recover(now);
        let surplus = self.begun.len().checked_sub(self.limit());
        match surplus.and_then(|surplus| self.begun.get(surplus)) {
            Some(in_the_way) => Err(*in_the_way + WINDOW),
            None => {
                self.begun.push_back(now);
                Ok(())
            }
        }
    }

    /// Whole calls in a window; the rate is never below one.
    fn limit(&self) -> usize {
        self.rate as usize
    }

    /// Time alone brings a rate back to the documented one.
    fn recover(&mut self, now: Instant) {
        if self.rate < self.documented {
            let grown = self.rate + self.documented * RECOVERY * (now - self.changed).as_secs_f64();
            self.rate = grown.min(self.documented);
            self.changed = now;
        }
    }

    /// Beyond it a rate grows only by being used up.
    fn grow(&mut self, now: Instant) {
        let used_up = self.begun.len() >= self.limit();
        let cautious = self.slowed.is_some_and(|slowed| now < slowed + CAUTION);
        if used_up && !cautious && self.rate >= self.documented && now >= self.changed + WINDOW {
            self.rate += self.documented * GROWTH;
            self.changed = now;
        }
    }

    fn slow_down(&mut self, now: Instant, wish: Option<Duration>) {
        if self.slowed.is_none_or(|slowed| now >= slowed + WINDOW) {
            self.recover(now);
            self.rate = (self.rate * SLOWED).max(1.0);
            self.changed = now;
            self.slowed = Some(now);
        }
        if let Some(wish) = wish {
            self.closed_until = self.closed_until.max(now + wish.min(LONGEST_WISH));
        }
    }
}

#[cfg(test)]
mod tests;
