//! The time of a signature.

use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

use super::Refusal;

/// STS's own window, to either side.
const WINDOW: Duration = Duration::minutes(15);

/// Checks that the time is written as STS reads it, and lies within the window. `name` is where it stood.
pub(super) fn check(name: &'static str, text: &str, now: OffsetDateTime) -> Result<(), Refusal> {
    // The length and the ends leave only whole seconds in UTC of what RFC 3339 allows.
    let exact = text.len() == 20 && text.ends_with('Z') && text.as_bytes().get(10) == Some(&b'T');
    let at = OffsetDateTime::parse(text, &Rfc3339).ok().filter(|_| exact);
    let at = at.ok_or(Refusal::TimeForm(name))?;
    if now - at > WINDOW {
        return Err(Refusal::TooLate(name));
    }
    if at - now > WINDOW {
        return Err(Refusal::TooEarly(name));
    }
    Ok(())
}
