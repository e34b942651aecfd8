//! How long leases live: what their role says, or else `config`, or else the mount, whose maximum nothing exceeds.

use std::time::Duration;

use crate::framework::{LeaseTerms, TtlCap};
use crate::secrets::alicloud::config::Config;
use crate::secrets::alicloud::role::Role;

/// What STS takes when it is not told, and the maximum of a RAM role where nobody raised it.
pub(super) const DEFAULT_SESSION: Duration = Duration::from_secs(3600);

/// The TTLs of a lease of a user, where `mount` are those of the mount, and which wishes of the role were capped.
pub(super) fn of_user(role: &Role, config: &Config, mount: LeaseTerms) -> (LeaseTerms, Vec<TtlCap>) {
    let max_ttl = or(role.max_ttl, config.max_ttl.min(mount.max_ttl));
    let ttl = or(config.default_ttl, mount.ttl);
    LeaseTerms { ttl, ..mount }.limit(role.ttl, max_ttl)
}

/// The TTL of a lease of STS credentials before the cloud has its say, where `limit` is the mount's maximum.
pub(super) fn of_session(role: &Role, config: &Config, limit: Duration) -> Duration {
    let ttl = or(or(role.ttl, config.default_ttl), DEFAULT_SESSION);
    let max_ttl = or(or(role.max_ttl, config.max_ttl), limit);
    ttl.min(max_ttl).min(limit)
}

/// The other one in place of zero, which means that there is none.
fn or(own: Duration, other: Duration) -> Duration {
    if own.is_zero() { other } else { own }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn role(ttl: u32, max_ttl: u32) -> Role {
        Role {
            ttl: ttl * HOUR,
            max_ttl: max_ttl * HOUR,
            ..Role::default()
        }
    }

    fn config(default_ttl: u32, max_ttl: u32) -> Config {
        let mut config = Config::default();
        config.default_ttl = default_ttl * HOUR;
        config.max_ttl = max_ttl * HOUR;
        config
    }

    #[test]
    fn the_role_goes_before_the_configuration_and_that_before_the_mount() {
        let mount = LeaseTerms {
            ttl: 10 * HOUR,
            max_ttl: 20 * HOUR,
        };
        for (of_role, of_config, ttl, max_ttl, caps) in [
            ((0, 0), (0, 0), 10, 20, 0),
            ((0, 0), (3, 6), 3, 6, 0),
            ((1, 2), (3, 6), 1, 2, 0),
            ((0, 2), (3, 6), 2, 2, 0),
            ((0, 8), (3, 6), 3, 8, 0),
            ((8, 0), (3, 6), 6, 6, 1),
            ((0, 0), (0, 6), 6, 6, 0),
            ((0, 0), (30, 40), 20, 20, 0),
            ((30, 40), (3, 6), 20, 20, 2),
        ] {
            let (terms, capped) = of_user(
                &role(of_role.0, of_role.1),
                &config(of_config.0, of_config.1),
                mount,
            );
            let expected = LeaseTerms {
                ttl: ttl * HOUR,
                max_ttl: max_ttl * HOUR,
            };
            assert_eq!(
                (terms, capped.len()),
                (expected, caps),
                "{of_role:?} {of_config:?}"
            );
        }
    }

    #[test]
    fn a_session_takes_the_least_of_role_configuration_and_mount() {
        for (of_role, of_config, limit, expected) in [
            ((0, 0), (0, 0), 24, 1),
            ((0, 0), (3, 6), 24, 3),
            ((2, 0), (3, 6), 24, 2),
            ((8, 0), (3, 6), 24, 6),
            ((8, 9), (3, 6), 24, 8),
            ((0, 2), (3, 6), 24, 2),
            ((0, 0), (3, 6), 2, 2),
            ((5, 0), (0, 0), 4, 4),
        ] {
            let (role, config) = (role(of_role.0, of_role.1), config(of_config.0, of_config.1));
            let wish = of_session(&role, &config, limit * HOUR);
            assert_eq!(wish, expected * HOUR, "{of_role:?} {of_config:?} {limit}");
        }
    }
}
