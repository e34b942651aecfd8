//! How long leases live: what is asked for, or else their role says, or else `config`, or else the mount, whose maximum
//! nothing exceeds.

use std::time::Duration;

use crate::framework::{Error, LeaseTerms, TtlCap, human_duration};
use crate::secrets::alicloud::config::Config;
use crate::secrets::alicloud::role::Role;

/// What STS takes when it is not told, and the maximum of a RAM role where nobody raised it.
pub(super) const DEFAULT_SESSION: Duration = Duration::from_secs(3600);

/// The TTLs of a lease of a user, where `mount` are those of the mount, and which wishes were capped. `asked` is what a
/// request asks for, or zero.
///
/// # Errors
/// The role does not let a request have this TTL.
pub(super) fn of_user(
    role: &Role,
    config: &Config,
    mount: LeaseTerms,
    asked: Duration,
) -> Result<(LeaseTerms, Vec<TtlCap>), Error> {
    let mount = LeaseTerms {
        max_ttl: mount.max_ttl.min(role.longest_life()),
        ..mount
    };
    let max_ttl = or(role.max_ttl, config.max_ttl.min(mount.max_ttl));
    let ttl = or(config.default_ttl, mount.ttl);
    check(asked, role, config, ttl)?;
    Ok(LeaseTerms { ttl, ..mount }.limit(or(asked, role.ttl), max_ttl))
}

/// The TTL of a lease of STS credentials before the cloud has its say, where `limit` is the mount's maximum. `asked` as
/// for [`of_user`].
///
/// # Errors
/// As for [`of_user`].
pub(super) fn of_session(
    role: &Role,
    config: &Config,
    limit: Duration,
    asked: Duration,
) -> Result<Duration, Error> {
    check(asked, role, config, or(config.default_ttl, DEFAULT_SESSION))?;
    let ttl = or(or(or(asked, role.ttl), config.default_ttl), DEFAULT_SESSION);
    let max_ttl = or(or(role.max_ttl, config.max_ttl), limit);
    Ok(ttl.min(max_ttl).min(limit))
}

/// The longest TTL of STS credentials that a request can get from a role, before the cloud has its say.
pub(super) fn longest_session(role: &Role, config: &Config, limit: Duration) -> Duration {
    longest(role, config, or(config.default_ttl, DEFAULT_SESSION)).min(limit)
}

/// Whether a role lets a request have this TTL: up to its `max_ttl`, or its `ttl` where it has none; where it has neither,
/// up to the `max_ttl` of the configuration, or else `default`. So a role from before requests had a TTL gives no more.
fn check(asked: Duration, role: &Role, config: &Config, default: Duration) -> Result<(), Error> {
    let longest = longest(role, config, default);
    if asked <= longest {
        return Ok(());
    }
    let limit = if longest == role.longest_life() {
        "service_credential_days"
    } else {
        "max_ttl"
    };
    Err(Error::bad_request(format!(
        "ttl of {} exceeds the {} that the role allows; {limit} of the role can allow more",
        human_duration(asked),
        human_duration(longest)
    )))
}

fn longest(role: &Role, config: &Config, default: Duration) -> Duration {
    or(or(role.max_ttl, role.ttl), or(config.max_ttl, default)).min(role.longest_life())
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
                Duration::ZERO,
            )
            .unwrap();
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
    fn a_request_may_ask_for_what_the_role_allows() {
        let mount = LeaseTerms {
            ttl: 4 * HOUR,
            max_ttl: 20 * HOUR,
        };
        for (of_role, of_config, user, session) in [
            ((2, 8), (0, 0), 8, 8),
            ((2, 0), (0, 6), 2, 2),
            ((0, 0), (3, 6), 6, 6),
            ((0, 0), (3, 0), 3, 3),
            ((0, 0), (0, 0), 4, 1),
        ] {
            let (role, config) = (role(of_role.0, of_role.1), config(of_config.0, of_config.1));
            let minute = Duration::from_secs(60);
            for asked in [minute, user * HOUR] {
                assert_eq!(
                    of_user(&role, &config, mount, asked).unwrap().0.ttl,
                    asked,
                    "{of_role:?}"
                );
            }
            for asked in [minute, session * HOUR] {
                assert_eq!(
                    of_session(&role, &config, 20 * HOUR, asked).unwrap(),
                    asked,
                    "{of_role:?}"
                );
            }
            assert!(
                of_user(&role, &config, mount, user * HOUR + minute).is_err(),
                "{of_role:?}"
            );
            let refusal = of_session(&role, &config, 20 * HOUR, session * HOUR + minute).unwrap_err();
            assert!(refusal.message().starts_with("ttl of "), "{refusal}");
        }
        // The mount's maximum caps what the role allows.
        let capped = of_user(&role(0, 40), &config(0, 0), mount, 30 * HOUR).unwrap();
        assert_eq!((capped.0.ttl, capped.1.len()), (20 * HOUR, 2));
        assert_eq!(
            of_session(&role(0, 40), &config(0, 0), HOUR, 30 * HOUR).unwrap(),
            HOUR
        );
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
            let wish = of_session(&role, &config, limit * HOUR, Duration::ZERO).unwrap();
            assert_eq!(wish, expected * HOUR, "{of_role:?} {of_config:?} {limit}");
        }
    }
}
