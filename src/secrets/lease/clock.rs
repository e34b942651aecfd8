//! The time of day as lease records and names have it.

use crate::framework::Context;

/// Seconds since 1970.
pub fn now(context: &Context) -> u64 {
    u64::try_from(context.clock.now().unix_timestamp()).unwrap_or(0)
}
