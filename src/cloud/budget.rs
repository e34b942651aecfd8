//! How long things may take: every limit of time that one request can run into, and how they add up.
//!
//! The host ends a request after 90 seconds (`default_max_request_duration`), and a revocation that its expiration
//! manager makes likewise. A request gets one deadline where it comes in; every queue, retry and nested call takes the
//! earlier of its own limit and that deadline. Only an undo gets a fresh budget, for it must run when the request has
//! failed by its deadline.
//!
//! | request | deadline | of which | undo | together |
//! |---|---|---|---|---|
//! | `creds` | [`ISSUE`] 65 s | queue at most [`QUEUE`] 20 s; making at most [`MAKE`] 45 s; the rest for `wait_for_propagation` | [`UNDO`] 20 s | 85 s |
//! | login | [`LOGIN`] 45 s | queue at most [`QUEUE`] 20 s; STS one [`TRY`]; the tags of a RAM role [`TAGS`] 10 s | none | 45 s |
//! | revoke | [`REVOKE`] 85 s | all queues, credentials and calls together | none: it is repeated | 85 s |
//! | anything else | [`REQUEST`] 60 s | `config` with a look at the cloud included | [`UNDO_KEY`] 10 s for rotations | 70 s |
//! | tick | [`TICK`] 60 s | at most [`TICK_ENTRY`] 10 s for each entry | none: the next tick goes on | 60 s |
//!
//! One call in the cloud: connecting takes at most [`CONNECT`], one try [`TRY`], and the call with all its tries, pauses
//! and its time in the rate limiter's queue [`CALL`].

use std::time::Duration;

/// Connecting to the cloud: DNS, proxy, TCP and TLS together.
pub const CONNECT: Duration = Duration::from_secs(5);
/// One try of a call, from connecting to the end of the answer.
pub const TRY: Duration = Duration::from_secs(10);
/// One call with all its tries, its pauses and its time in the queue of the rate limiter.
pub const CALL: Duration = Duration::from_secs(45);

/// The longest wait for a permit before a request is refused with 503. Clients' libraries give up after a minute.
pub const QUEUE: Duration = Duration::from_secs(20);
/// A request for credentials, from its arrival to the answer or the beginning of the undo.
pub const ISSUE: Duration = Duration::from_secs(65);
/// Making what a lease needs in the cloud.
pub const MAKE: Duration = Duration::from_secs(45);
/// Undoing a failed issue at once. What is not undone by then is left to the WAL.
pub const UNDO: Duration = Duration::from_secs(20);
/// Undoing a failed rotation at once, or the first key of a static role. What is not undone by then is left to the WAL.
pub const UNDO_KEY: Duration = Duration::from_secs(10);
/// Reading the tags of the RAM role whose session logs in, or whose token is renewed.
pub const TAGS: Duration = Duration::from_secs(10);
/// A login, from its arrival to the answer.
pub const LOGIN: Duration = Duration::from_secs(45);
/// A revocation with its queues. The host gives up on it after 90 seconds, and for good after six failures.
pub const REVOKE: Duration = Duration::from_secs(85);
/// Every other request.
pub const REQUEST: Duration = Duration::from_secs(60);
/// One tick of the host. The host holds a lock while it waits, so that a slow tick delays seal and step-down.
pub const TICK: Duration = Duration::from_secs(60);
/// One entry that a tick works on: a WAL entry, or one entry of a schedule.
pub const TICK_ENTRY: Duration = Duration::from_secs(10);

/// One transaction of the host's storage. It is ended in order also when its request is cut off.
pub const TRANSACTION: Duration = Duration::from_secs(20);

/// How long the host waits for an answer (`default_max_request_duration`).
#[cfg(test)]
const HOST: Duration = Duration::from_secs(90);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_request_and_its_undo_end_before_the_host_gives_up() {
        for together in [ISSUE + UNDO, LOGIN, REVOKE, REQUEST + UNDO_KEY, TICK] {
            assert!(together < HOST, "{together:?}");
        }
        assert!(QUEUE + MAKE <= ISSUE);
        assert!(QUEUE + TRY + TAGS <= LOGIN);
        assert!(CONNECT < TRY && TRY < CALL && CALL <= MAKE);
    }
}
