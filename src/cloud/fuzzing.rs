//! For `tests/fuzz`, compiled only with `--cfg fuzzing`: a client without a network.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use time::OffsetDateTime;
use zeroize::Zeroizing;

use crate::cloud::client::Client;
use crate::cloud::clock::Clock;
use crate::cloud::transport::{Answer, Failure, Request, Signer, Transport};

/// A clock that stands still at `2024-02-29T23:59:59Z`, the time of the corpus.
#[derive(Debug, Clone, Copy)]
pub struct FixedClock;

impl Clock for FixedClock {
    fn now(&self) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(1_709_251_199).unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }
}

/// Statuses and bodies, in the order in which they are given out. Status 0 is a connection that breaks.
#[derive(Debug)]
struct Answers {
    left: Mutex<VecDeque<(u16, Vec<u8>)>>,
    secret: &'static str,
}

/// A client that gets these answers, whatever it sends, and after the last of them no connection. It checks that
/// `secret` is in none of its requests: keys sign, and are not sent.
#[must_use]
pub fn client(answers: Vec<(u16, Vec<u8>)>, secret: &'static str) -> Client {
    let answers = Answers {
        left: Mutex::new(answers.into()),
        secret,
    };
    Client::assemble(Box::new(answers), Arc::new(FixedClock), 64)
}

#[async_trait]
impl Transport for Answers {
    async fn send(&self, request: Request, _: Signer) -> Result<Answer, Failure> {
        let body = String::from_utf8_lossy(&request.body);
        assert!(!request.query.contains(self.secret) && !body.contains(self.secret));
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        match left.pop_front() {
            None => Err(Failure::Connect("nothing is reachable from here".to_owned())),
            Some((0, _)) => Err(Failure::Interrupted),
            Some((_, body)) if body.len() > request.answer_limit => Err(Failure::TooLong),
            Some((status, body)) => Ok(Answer {
                status,
                headers: http::HeaderMap::new(),
                body: Zeroizing::new(body),
            }),
        }
    }
}
