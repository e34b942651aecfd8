//! TTL arithmetic: what a role asks for against what the mount allows, and what the caller is told about it.

use std::time::Duration;

use futures_util::future::try_join;

use crate::framework::duration::human_duration;
use crate::framework::error::Error;
use crate::framework::system::SystemView;

/// The TTLs in force for one lease: never zero, never above the mount's maximum, `ttl <= max_ttl`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaseTerms {
    /// How long until the first renewal is due.
    pub ttl: Duration,
    /// The end that no renewal passes.
    pub max_ttl: Duration,
}

/// A TTL that was asked for and could not be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TtlCap {
    /// The name of the field that asked.
    pub field: &'static str,
    /// What was asked for.
    pub asked: Duration,
    /// What is given.
    pub given: Duration,
}

impl LeaseTerms {
    /// Those of the mount: its default and its maximum.
    ///
    /// # Errors
    /// The server does not tell them.
    pub async fn of_mount(system: &dyn SystemView) -> Result<Self, Error> {
        let (ttl, max_ttl) = try_join(system.default_lease_ttl(), system.max_lease_ttl()).await?;
        Ok(Self { ttl, max_ttl })
    }

    /// Applies the mount's limits, which these are, to a role's wishes, zero meaning "as the mount says".
    #[must_use]
    pub fn limit(self, ttl: Duration, max_ttl: Duration) -> (Self, Vec<TtlCap>) {
        let Self {
            ttl: default,
            max_ttl: limit,
        } = self;
        let mut cuts = Vec::new();
        let mut cut = |field, asked: Duration, limit: Duration| {
            if asked > limit {
                cuts.push(TtlCap {
                    field,
                    asked,
                    given: limit,
                });
            }
            asked.min(limit)
        };
        let max_ttl = if max_ttl.is_zero() {
            limit
        } else {
            cut("max_ttl", max_ttl, limit)
        };
        let ttl = if ttl.is_zero() {
            default.min(max_ttl)
        } else {
            cut("ttl", ttl, max_ttl)
        };
        (Self { ttl, max_ttl }, cuts)
    }
}

impl TtlCap {
    /// The warning for the caller, in human units.
    pub fn warning(&self) -> String {
        format!(
            "{} of {} exceeds the mount's maximum; it is cut to {}",
            self.field,
            human_duration(self.asked),
            human_duration(self.given)
        )
    }
}

/// Warnings about the TTLs, by the names of their fields, that the mount's maximum is below.
pub fn above_maximum(ttls: &[(&str, Duration)], maximum: Duration) -> Vec<String> {
    let above = ttls.iter().filter(|(_, asked)| *asked > maximum);
    above
        .map(|(field, asked)| {
            format!(
                "{field} of {} exceeds the mount's maximum of {}; leases are capped to it",
                human_duration(*asked),
                human_duration(maximum)
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wishes_are_bounded_by_the_mount() {
        let hour = Duration::from_secs(3600);
        let mount = LeaseTerms {
            ttl: 2 * hour,
            max_ttl: 4 * hour,
        };
        for (ttl, max, want_ttl, want_max, cuts) in [
            (0, 0, 2, 4, 0),
            (1, 0, 1, 4, 0),
            (0, 1, 1, 1, 0),
            (3, 3, 3, 3, 0),
            (5, 0, 4, 4, 1),
            (5, 6, 4, 4, 2),
            (0, 9, 2, 4, 1),
        ] {
            let (terms, cut) = mount.limit(ttl * hour, max * hour);
            assert_eq!(
                terms,
                LeaseTerms {
                    ttl: want_ttl * hour,
                    max_ttl: want_max * hour
                },
                "{ttl} {max}"
            );
            assert_eq!(cut.len(), cuts, "{ttl} {max}");
        }
    }

    #[test]
    fn a_cut_is_told_in_human_units() {
        let cut = TtlCap {
            field: "ttl",
            asked: Duration::from_secs(7200),
            given: Duration::from_secs(5400),
        };
        assert_eq!(
            cut.warning(),
            "ttl of 2h exceeds the mount's maximum; it is cut to 1h30m"
        );
    }
}
