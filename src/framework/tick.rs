//! The work of the host's tick: entries that are worked on in turn, several at the same time, so that one that fails,
//! hangs or panics costs seconds and the others none.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::FutureExt as _;
use futures_util::stream::{self, StreamExt as _};
use tokio::sync::{Mutex, Semaphore};
use tokio::time::Instant;

use super::error::Error;
use super::metrics::JobMetrics;
use super::request::Context;
use crate::cloud::budget::TICK_ENTRY;

/// Entries that one tick of a mount works on at the same time. Their calls share the account's rate limit with requests
/// that somebody waits for.
const CONCURRENT: usize = 8;

/// Entries of one job that one tick looks at. A mount may have a hundred thousand lease records: the next tick goes on with
/// them, so that none holds up the requests of others for long.
const TOGETHER: usize = 10_000;

/// How long an entry that failed once is left alone. It doubles with each further failure, up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_secs(30);
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);

/// How many failing entries are remembered for each job. The failures of further ones are not counted: such an entry is
/// tried when it is its turn.
const REMEMBERED: usize = 10_000;

/// One tick of one mount.
pub(super) struct Tick {
    pub(super) context: Context,
    /// The host wants everything done now: the mount is about to go away. Pauses after failures do not count.
    pub(super) immediate: bool,
    permits: Semaphore,
}

impl Tick {
    pub(super) fn new(context: Context) -> Self {
        Self {
            immediate: context.request.data.contains_key("immediate"),
            permits: Semaphore::new(CONCURRENT),
            context,
        }
    }

    /// Works on one entry once a permit is free, if there is time for the whole of an entry's budget.
    async fn attempt<R>(&self, work: impl FnOnce(Context) -> R) -> Outcome
    where
        R: Future<Output = Result<(), Error>>,
    {
        let Ok(_permit) = self.permits.acquire().await else {
            return Outcome::NotBegun;
        };
        let context = &self.context;
        if context.deadline().remaining() < TICK_ENTRY || context.check_cancelled().is_err() {
            return Outcome::NotBegun;
        }
        let context = context.within(TICK_ENTRY);
        let deadline = context.deadline();
        // A panic must not end the tick: the next one would come to the same entry.
        let work = AssertUnwindSafe(async { work(context).await }).catch_unwind();
        Outcome::Ended(match deadline.run(work).await {
            Ok(Ok(Ok(()))) => Ok(()),
            Ok(Ok(Err(error))) => Err(Failure::Error(error)),
            Ok(Err(_)) => Err(Failure::Panic),
            Err(_) => Err(Failure::Timeout),
        })
    }
}

enum Outcome {
    /// The tick has no time left for it.
    NotBegun,
    /// It failed a short while ago.
    Paused,
    Ended(Result<(), Failure>),
}

/// Why an entry was not finished.
enum Failure {
    Error(Error),
    Timeout,
    Panic,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Error(error) => {
                write!(f, "{error}")?;
                match std::error::Error::source(error) {
                    Some(cause) => write!(f, ": {cause}"),
                    None => Ok(()),
                }
            }
            Self::Timeout => write!(f, "it takes longer than {} seconds", TICK_ENTRY.as_secs()),
            Self::Panic => f.write_str("it panicked"),
        }
    }
}

/// Works on the entries of one job, tick by tick. It remembers where it stopped and which entries failed; a new process
/// begins at the front.
#[derive(Debug)]
pub(super) struct Runner {
    progress: Mutex<Progress>,
    pub(super) metrics: Arc<JobMetrics>,
}

#[derive(Debug, Default)]
struct Progress {
    /// The entry that was begun last. The next tick goes on behind it.
    cursor: Option<String>,
    /// How many entries were not begun when it was stopped; then the job rests.
    left: usize,
    failed: HashMap<String, Pause>,
    /// When all entries were last begun.
    completed: Option<Instant>,
}

#[derive(Debug)]
struct Pause {
    failures: u32,
    until: Instant,
}

impl Runner {
    /// For a job by the name that it has in the log.
    pub(super) fn new(job: &'static str) -> Self {
        Self {
            progress: Mutex::default(),
            metrics: Arc::new(JobMetrics::new(job)),
        }
    }

    /// Lists entries and works on them, until all were begun, [`TOGETHER`] of them, or the tick's time is over. A job that
    /// went through all of its entries rests for `every`. A second tick waits for the first.
    ///
    /// # Errors
    /// The entries cannot be listed.
    pub(super) async fn run<L, W, R>(
        &self,
        tick: &Tick,
        every: Duration,
        list: L,
        work: W,
    ) -> Result<(), Error>
    where
        L: Future<Output = Result<Vec<String>, Error>>,
        W: Fn(Context, String) -> R,
        R: Future<Output = Result<(), Error>>,
    {
        let job = self.metrics.job;
        let mut progress = tick.context.unless_cancelled(self.progress.lock()).await?;
        let rests = progress.completed.is_some_and(|at| at.elapsed() < every);
        if rests && !tick.immediate {
            return Ok(());
        }
        progress.completed = None;
        let names = progress.in_turn(tick.context.unless_cancelled(list).await??);
        self.metrics.entries.set_count(names.len());
        let now = Instant::now();
        let round = if tick.immediate || progress.left == 0 {
            names.len()
        } else {
            progress.left.min(names.len())
        };
        let turns = if tick.immediate {
            round
        } else {
            round.min(TOGETHER)
        };
        let attempts = names.iter().take(turns).enumerate().map(|(turn, name)| {
            let paused = !tick.immediate && progress.is_paused(name, now);
            let work = &work;
            async move {
                let outcome = if paused {
                    Outcome::Paused
                } else {
                    tick.attempt(|context| work(context, name.clone())).await
                };
                (turn, name, outcome)
            }
        });
        // Collected first: the borrow of what is remembered ends here.
        let attempts: Vec<_> = attempts.collect();
        let mut attempts = stream::iter(attempts).buffer_unordered(CONCURRENT);
        let mut stopped_at = turns;
        while let Some((turn, name, outcome)) = attempts.next().await {
            match outcome {
                Outcome::NotBegun => stopped_at = stopped_at.min(turn),
                Outcome::Paused => {}
                Outcome::Ended(Ok(())) => {
                    self.metrics.processed.increment();
                    progress.failed.remove(name);
                }
                Outcome::Ended(Err(failure)) => {
                    self.metrics.failed.increment();
                    let pause = progress.failed(name);
                    tracing::error!(
                        event = "job_entry_failed",
                        job,
                        entry = name,
                        error = %failure,
                        retry_in_seconds = pause.as_secs(),
                        "processing an entry failed; it will be retried"
                    );
                }
            }
        }
        if let Some(last) = stopped_at.checked_sub(1).and_then(|last| names.get(last)) {
            progress.cursor = Some(last.clone());
        }
        let now = tick.context.clock.now().unix_timestamp();
        progress.left = round - stopped_at;
        self.metrics.ended(now, progress.left, progress.failed.len());
        if progress.left == 0 {
            progress.completed = Some(Instant::now());
        } else if stopped_at < turns {
            tracing::warn!(
                event = "job_time_limit",
                job,
                "the periodic run reached its time limit; the next run continues"
            );
        }
        Ok(())
    }
}

impl Progress {
    /// The entries in the order of their turns. What is remembered of entries that are gone is forgotten.
    fn in_turn(&mut self, mut names: Vec<String>) -> Vec<String> {
        names.sort_unstable();
        self.failed.retain(|name, _| names.binary_search(name).is_ok());
        if let Some(cursor) = &self.cursor {
            let behind = names.partition_point(|name| name <= cursor);
            names.rotate_left(behind);
        }
        names
    }

    fn is_paused(&self, name: &str, now: Instant) -> bool {
        self.failed.get(name).is_some_and(|pause| now < pause.until)
    }

    /// Counts a failure, and says how long the entry is left alone.
    fn failed(&mut self, name: &str) -> Duration {
        let failures = self.failed.get(name).map_or(0, |pause| pause.failures);
        if failures == 0 && self.failed.len() >= REMEMBERED {
            return Duration::ZERO;
        }
        let pause = FIRST_PAUSE
            .saturating_mul(2_u32.saturating_pow(failures))
            .min(LONGEST_PAUSE);
        self.failed.insert(
            name.to_owned(),
            Pause {
                failures: failures.saturating_add(1),
                until: Instant::now() + pause,
            },
        );
        pause
    }
}

#[cfg(test)]
mod tests;
