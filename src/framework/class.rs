//! Classes of requests: what a request costs, and who asks. The host's adapter admits requests by class, so that no
//! class can use up what another needs, and gives each its deadline.

use std::time::Duration;

use crate::cloud::budget;

/// The class of a request, known from its operation and path alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RequestClass {
    /// Unauthenticated: anybody may send it, and it may call the cloud.
    Login,
    /// Makes something in the cloud for the caller.
    Issue,
    /// Calls the cloud for an operator.
    CloudCall,
    /// Ends a lease.
    Revoke,
    /// The host's tick: rolls back WAL entries and runs schedules. The host sends one at a time to each mount.
    Tick,
    /// Needs only storage, or little more: renewals, and reads and writes of roles and settings.
    Storage,
    /// Needs neither storage nor the cloud.
    Static,
}

impl RequestClass {
    /// How long such a request may take, from its arrival to the answer.
    pub fn budget(self) -> Duration {
        match self {
            Self::Login => budget::LOGIN,
            Self::Issue => budget::ISSUE,
            Self::Revoke => budget::REVOKE,
            Self::Tick => budget::TICK,
            Self::CloudCall | Self::Storage | Self::Static => budget::REQUEST,
        }
    }
}
