//! How long the process lives: until the host asks it to stop, or until there is no host any more.
//!
//! A host that crashes tells nobody, so two things are watched: the parent process id, and the main connection, which
//! a host keeps for the life of the process. `PR_SET_PDEATHSIG` would not do: it follows the thread that forked, and
//! the threads of a Go program come and go. In a container only the connection is left to watch.
//!
//! SIGINT is swallowed as Go plugins do, and SIGTERM and SIGHUP wait for the host to leave: a terminal or a service
//! manager sends them to the whole process group, and the host may need the plugin for its own shutdown.

use std::{io, time::Duration};

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
    time::{Instant, MissedTickBehavior, interval, sleep_until},
};

/// Time for the host to connect; it gives up on us after the same time.
const CONNECT: Duration = Duration::from_secs(60);
/// Time to come back after the last connection broke.
const RECONNECT: Duration = Duration::from_secs(5);
/// How often the parent process is looked at.
const PARENT: Duration = Duration::from_secs(1);

/// Why the process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    /// The main connection is gone and did not come back.
    Disconnected,
    /// No host ever connected.
    NeverConnected,
    /// The process that started us is gone.
    Orphaned,
    /// The host asked for it.
    Requested,
    /// A signal asked for it and no host is connected.
    Signalled,
}

/// The number of open main connections; `None` before the first.
#[derive(Clone, Debug)]
pub(super) struct Connections(watch::Sender<Option<usize>>);

/// One counted connection, open until dropped.
#[derive(Debug)]
pub(super) struct OpenConnection(Connections);

impl Connections {
    pub(super) fn new() -> Self {
        Self(watch::Sender::new(None))
    }

    /// Counts one more.
    pub(super) fn open(&self) -> OpenConnection {
        self.0
            .send_modify(|count| *count = Some(count.unwrap_or(0).saturating_add(1)));
        OpenConnection(self.clone())
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0
            .0
            .send_modify(|count| *count = count.map(|count| count.saturating_sub(1)));
    }
}

/// The signals that would end the process if nobody listened.
#[derive(Debug)]
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
}

impl Signals {
    /// From here on these signals do nothing by themselves. Needs a running runtime.
    pub(super) fn catch() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// The next signal that asks for an end.
    async fn end(&mut self) {
        loop {
            tokio::select! {
                _ = self.interrupt.recv() => {}
                _ = self.terminate.recv() => return,
                _ = self.hang_up.recv() => return,
            }
        }
    }
}

/// The process id of the parent.
pub(super) fn parent() -> i32 {
    nix::unistd::getppid().as_raw()
}

/// Waits for the end. `requested` completes when the host asks; `first_parent` is what `parent` said at the start.
pub(super) async fn end(
    connections: &Connections,
    mut signals: Signals,
    first_parent: i32,
    parent: impl Fn() -> i32,
    requested: impl Future<Output = ()>,
) -> Reason {
    let mut requested = std::pin::pin!(requested);
    let mut count = connections.0.subscribe();
    // A fast host has connected before this was called.
    count.mark_changed();
    let mut look = interval(PARENT);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut deadline = Some((Instant::now() + CONNECT, Reason::NeverConnected));
    let mut signalled = false;
    loop {
        if signalled && deadline.is_some() {
            return Reason::Signalled;
        }
        let late = async {
            match deadline {
                Some((at, reason)) => {
                    sleep_until(at).await;
                    reason
                }
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = &mut requested => return Reason::Requested,
            reason = late => return reason,
            // The sender is borrowed, so there is no end of changes.
            _ = count.changed() => {
                deadline = match *count.borrow_and_update() {
                    Some(0) => Some((Instant::now() + RECONNECT, Reason::Disconnected)),
                    Some(_) => None,
                    None => deadline,
                };
            }
            _ = look.tick() => {
                if parent() != first_parent {
                    return Reason::Orphaned;
                }
            }
            () = signals.end() => signalled = true,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        future::pending,
        sync::atomic::{AtomicI32, Ordering},
    };

    use tokio::time::sleep;

    use super::*;

    /// How long the process lives when the host does `script`.
    async fn lived(
        script: impl AsyncFnOnce(&Connections),
        requested: impl Future<Output = ()>,
    ) -> (Reason, Duration) {
        let connections = Connections::new();
        let start = Instant::now();
        let signals = Signals::catch().unwrap();
        let ended = end(&connections, signals, 7, || 7, requested);
        let script = async {
            script(&connections).await;
            pending::<()>().await;
        };
        let reason = tokio::select! {
            reason = ended => reason,
            () = script => unreachable!("the script never ends"),
        };
        (reason, start.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_connection_the_process_gives_up_after_a_minute() {
        let (reason, after) = lived(async |_| (), pending()).await;
        assert_eq!(reason, Reason::NeverConnected);
        assert!(after >= CONNECT && after < CONNECT + PARENT, "{after:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_keeps_the_process_and_its_loss_ends_it() {
        let host = async |connections: &Connections| {
            let main = connections.open();
            sleep(CONNECT * 100).await;
            let second = connections.open();
            drop(main);
            sleep(CONNECT).await;
            drop(second);
        };
        let (reason, after) = lived(host, pending()).await;
        assert_eq!(reason, Reason::Disconnected);
        assert!(
            after >= CONNECT * 101 + RECONNECT && after < CONNECT * 101 + RECONNECT + PARENT,
            "{after:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_host_may_come_back_in_time() {
        let host = async |connections: &Connections| {
            drop(connections.open());
            sleep(RECONNECT - Duration::from_millis(1)).await;
            let _again = connections.open();
            sleep(CONNECT * 3).await;
        };
        let (reason, after) = lived(host, pending()).await;
        assert_eq!(reason, Reason::Disconnected);
        assert!(after > CONNECT * 3, "{after:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn the_host_can_ask_for_the_end() {
        let host = async |connections: &Connections| {
            let _main = connections.open();
            pending::<()>().await;
        };
        assert_eq!(
            lived(host, sleep(CONNECT * 2)).await,
            (Reason::Requested, CONNECT * 2)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn another_parent_ends_the_process_at_once() {
        let connections = Connections::new();
        let _main = connections.open();
        let parent = AtomicI32::new(7);
        let ended = end(
            &connections,
            Signals::catch().unwrap(),
            7,
            || parent.load(Ordering::Relaxed),
            pending(),
        );
        let dying = async {
            sleep(CONNECT).await;
            parent.store(1, Ordering::Relaxed);
            pending::<()>().await;
        };
        tokio::select! {
            reason = ended => assert_eq!(reason, Reason::Orphaned),
            () = dying => {}
        }
    }
}
