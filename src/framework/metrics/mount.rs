//! The requests and ticks of one mount.

use super::families::{Collect, Families};
use super::values::{Counter, Gauge};
use crate::framework::class::RequestClass;
use crate::framework::error::{Error, Kind};
use crate::framework::kind::BackendKind;
use crate::framework::request::{Operation, Request};
use crate::framework::response::Response;
use crate::framework::words::words;

words! {
    /// How a request ended, by the status that its caller gets.
    enum Outcome {
        Success = "success",
        Invalid = "invalid",
        Denied = "denied",
        NotFound = "not_found",
        Conflict = "conflict",
        Throttled = "throttled",
        Unavailable = "unavailable",
        Error = "error",
    }
}

/// Requests of one kind by how they ended.
#[derive(Debug, Default)]
pub(in crate::framework) struct Outcomes([Counter; Outcome::WORDS.len()]);

/// What one mount has served.
#[derive(Debug)]
pub(in crate::framework) struct MountMetrics {
    kind: BackendKind,
    issue: Outcomes,
    renew: Outcomes,
    revoke: Outcomes,
    login: Outcomes,
    token_renew: Outcomes,
    ticks: Counter,
    /// In seconds since 1970.
    ticked_at: Gauge,
}

impl MountMetrics {
    pub(in crate::framework) fn new(kind: BackendKind) -> Self {
        Self {
            kind,
            issue: Outcomes::default(),
            renew: Outcomes::default(),
            revoke: Outcomes::default(),
            login: Outcomes::default(),
            token_renew: Outcomes::default(),
            ticks: Counter::default(),
            ticked_at: Gauge::default(),
        }
    }

    /// Where a request for a lease or a token is counted, if it is one.
    pub(in crate::framework) fn of(&self, class: RequestClass, request: &Request) -> Option<&Outcomes> {
        match (request.operation, class) {
            (Operation::Renew, _) if request.secret.is_some() => Some(&self.renew),
            (Operation::Renew, _) => Some(&self.token_renew),
            (Operation::Revoke, _) => Some(&self.revoke),
            (_, RequestClass::Issue) => Some(&self.issue),
            (Operation::Update, RequestClass::Login) => Some(&self.login),
            _ => None,
        }
    }

    /// A tick at that time, in seconds since 1970.
    pub(in crate::framework) fn ticked(&self, now: i64) {
        self.ticks.increment();
        self.ticked_at.set(now);
    }
}

impl Outcomes {
    pub(in crate::framework) fn count(&self, request: &Request, result: &Result<Option<Response>, Error>) {
        let outcome = match result {
            Ok(None) if request.operation == Operation::Read => Outcome::NotFound,
            Ok(_) => Outcome::Success,
            Err(error) => match error.kind() {
                // The active node counts it.
                Kind::ReadOnly => return,
                Kind::BadRequest | Kind::UnsupportedOperation | Kind::UnsupportedPath => Outcome::Invalid,
                Kind::Internal => Outcome::Error,
                Kind::Coded(status) => match status.code() {
                    403 => Outcome::Denied,
                    404 => Outcome::NotFound,
                    409 => Outcome::Conflict,
                    429 => Outcome::Throttled,
                    503 => Outcome::Unavailable,
                    400..500 => Outcome::Invalid,
                    _ => Outcome::Error,
                },
            },
        };
        if let Some(counter) = self.0.get(outcome as usize) {
            counter.increment();
        }
    }

    fn by_word(&self) -> impl Iterator<Item = (&'static str, f64)> {
        Outcome::WORDS
            .iter()
            .copied()
            .zip(self.0.iter().map(Counter::value))
    }
}

impl Collect for MountMetrics {
    fn collect(&self, families: &mut Families) {
        families
            .counter("ticks_total", "Ticks of the server at which this node worked.")
            .sample(&[], self.ticks.value());
        families
            .gauge("last_tick_timestamp_seconds", "When the last tick began.")
            .sample(&[], self.ticked_at.value());
        match self.kind {
            BackendKind::Secrets => {
                let leases = families.counter(
                    "lease_operations_total",
                    "Requests to issue, renew and revoke leases, by how they ended.",
                );
                for (operation, outcomes) in [
                    ("issue", &self.issue),
                    ("renew", &self.renew),
                    ("revoke", &self.revoke),
                ] {
                    for (outcome, count) in outcomes.by_word() {
                        leases.sample(&[("operation", operation), ("outcome", outcome)], count);
                    }
                }
            }
            BackendKind::Auth => {
                let logins = families.counter("logins_total", "Logins, by how they ended.");
                for (outcome, count) in self.login.by_word() {
                    logins.sample(&[("outcome", outcome)], count);
                }
                let renewals =
                    families.counter("token_renewals_total", "Renewals of tokens, by how they ended.");
                for (outcome, count) in self.token_renew.by_word() {
                    renewals.sample(&[("outcome", outcome)], count);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::framework::error::Status;
    use crate::framework::metrics::text::text;

    #[test]
    fn requests_are_counted_by_what_they_are_and_how_they_end() {
        let metrics = MountMetrics::new(BackendKind::Secrets);
        let count = |operation, class, result| {
            let request = Request::new(operation, "creds/x");
            metrics.of(class, &request).unwrap().count(&request, &result);
        };
        count(
            Operation::Read,
            RequestClass::Issue,
            Ok(Some(Response::default())),
        );
        count(Operation::Read, RequestClass::Issue, Ok(None));
        count(Operation::Read, RequestClass::Issue, Err(Error::read_only()));
        for (status, times) in [
            (Status::FORBIDDEN, 2),
            (Status::TOO_LARGE, 1),
            (Status::BAD_GATEWAY, 1),
        ] {
            for _ in 0..times {
                count(
                    Operation::Update,
                    RequestClass::Issue,
                    Err(Error::coded(status, "")),
                );
            }
        }
        count(Operation::Revoke, RequestClass::Revoke, Ok(None));
        metrics.ticked(1000);
        let read = Request::new(Operation::Read, "config");
        assert!(metrics.of(RequestClass::Storage, &read).is_none());

        let mut families = Families::default();
        metrics.collect(&mut families);
        let text = text(&families);
        let issued = |outcome| format!("operation=\"issue\",outcome=\"{outcome}\"");
        for (labels, count) in [
            (issued("success"), 1),
            (issued("not_found"), 1),
            (issued("denied"), 2),
            (issued("invalid"), 1),
            (issued("error"), 1),
            (issued("unavailable"), 0),
            ("operation=\"revoke\",outcome=\"success\"".to_owned(), 1),
        ] {
            let line = format!("lease_operations_total{{{labels}}} {count}\n");
            assert!(text.contains(&line), "{line}{text}");
        }
        assert!(text.contains("last_tick_timestamp_seconds 1000\n"), "{text}");
        assert!(!text.contains("logins"), "{text}");
    }
}
