//! The evaluation of a template.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;

use crate::cloud::random::{alphanumeric, hex, uuid};
use crate::secrets::identity::Identity;
use crate::secrets::template::error::RenderError;
use crate::secrets::template::expression::Expression;

/// The longest text on the way, in bytes: far more than a name can have.
const LONGEST: usize = 4096;

/// How many characters of a hash `truncate_sha256` keeps, as Vault's.
const HASH_KEPT: usize = 8;

/// What actions can name.
#[derive(Debug, Clone, Copy)]
pub struct Values<'v> {
    /// `.DisplayName`.
    pub display_name: &'v str,
    /// `.RoleName`.
    pub role_name: &'v str,
    /// The time of day. Times are in UTC.
    pub now: OffsetDateTime,
    /// Those of the caller's identity.
    pub identity: IdentityValues<'v>,
}

/// Values of the caller's identity.
#[derive(Debug, Clone, Copy)]
pub enum IdentityValues<'v> {
    /// None can be used.
    None,
    /// The same for each, to try a template.
    Example(&'v str),
    /// Those of this caller.
    Of(&'v Identity),
}

/// What a template gave.
#[derive(Debug)]
pub struct Rendered {
    /// The text.
    pub text: String,
    random: Vec<Random>,
}

/// What `random` or `uuid` gave.
#[derive(Debug)]
struct Random {
    text: String,
    /// So many characters of it are as good as never given twice.
    enough: usize,
}

impl Rendered {
    /// Whether the text has at least 10 characters in a row of `random`, or 16 of `uuid`, in lower or upper case: then it
    /// is as good as never given twice, whatever else is done to it.
    #[must_use]
    pub fn is_unique(&self) -> bool {
        let text = self.text.to_ascii_lowercase();
        self.random.iter().any(|random| {
            let mut runs = random.text.as_bytes().windows(random.enough);
            runs.any(|run| text.as_bytes().windows(run.len()).any(|part| part == run))
        })
    }
}

/// Evaluates the parts of a template.
pub(super) fn render(parts: &[Expression], values: &Values<'_>) -> Result<Rendered, RenderError> {
    let mut renderer = Renderer {
        values,
        random: Vec::new(),
    };
    let text = renderer.all(parts)?.trim().to_owned();
    Ok(Rendered {
        text,
        random: renderer.random,
    })
}

struct Renderer<'v> {
    values: &'v Values<'v>,
    random: Vec<Random>,
}

impl Renderer<'_> {
    fn all(&mut self, parts: &[Expression]) -> Result<String, RenderError> {
        let mut whole = String::new();
        for part in parts {
            whole.push_str(&self.value(part)?);
            bounded(whole.len())?;
        }
        Ok(whole)
    }

    fn value(&mut self, expression: &Expression) -> Result<String, RenderError> {
        let text = match expression {
            Expression::Text(text) => text.clone(),
            Expression::DisplayName => self.values.display_name.to_owned(),
            Expression::RoleName => self.values.role_name.to_owned(),
            Expression::Identity(selector) => match self.values.identity {
                IdentityValues::None => return Err(RenderError::NoIdentity),
                IdentityValues::Example(value) => value.to_owned(),
                IdentityValues::Of(identity) => identity
                    .value(selector)
                    .map_err(RenderError::Identity)?
                    .to_owned(),
            },
            Expression::Random(length) => self.drawn(alphanumeric(*length), 10)?,
            Expression::Uuid => self.drawn(uuid(), 16)?,
            Expression::UnixTime => self.values.now.unix_timestamp().to_string(),
            Expression::UnixTimeMillis => (self.values.now.unix_timestamp_nanos() / 1_000_000).to_string(),
            Expression::Timestamp(layout) => layout.format(self.values.now),
            Expression::Truncate(length, text) => cut(&self.value(text)?, *length).to_owned(),
            Expression::TruncateSha256(length, text) => {
                let text = self.value(text)?;
                if text.len() <= *length {
                    text
                } else {
                    let kept = cut(&text, length.saturating_sub(HASH_KEPT));
                    let rest = text.get(kept.len()..).unwrap_or_default();
                    format!("{kept}{}", cut(&sha256(rest), HASH_KEPT))
                }
            }
            Expression::Uppercase(text) => self.value(text)?.to_uppercase(),
            Expression::Lowercase(text) => self.value(text)?.to_lowercase(),
            Expression::Replace { find, with, text } => {
                let text = self.value(text)?;
                let found = text.matches(find.as_str()).count();
                bounded(text.len() + found * with.len())?;
                text.replace(find, with)
            }
            Expression::Sha256(text) => sha256(&self.value(text)?),
            Expression::Base64(text) => STANDARD.encode(self.value(text)?),
            Expression::Printf(parts) => self.all(parts)?,
        };
        bounded(text.len())?;
        Ok(text)
    }

    fn drawn(
        &mut self,
        text: Result<String, getrandom::Error>,
        enough: usize,
    ) -> Result<String, RenderError> {
        let text = text.map_err(RenderError::Random)?;
        self.random.push(Random {
            text: text.clone(),
            enough,
        });
        Ok(text)
    }
}

fn bounded(length: usize) -> Result<(), RenderError> {
    if length > LONGEST {
        return Err(RenderError::TooLong(LONGEST));
    }
    Ok(())
}

/// At most so many bytes, in whole characters.
fn cut(text: &str, length: usize) -> &str {
    let mut end = length.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

fn sha256(text: &str) -> String {
    hex(&Sha256::digest(text))
}
