//! Why a text is not the JSON that we take, in words for the person who wrote it.

use std::fmt;

use super::invisible::invisible;
use super::place::Place;
use crate::framework::Excerpt;

/// Why a text is refused, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonError {
    /// What is wrong.
    pub mistake: Mistake,
    /// The first character that is wrong.
    pub place: Place,
}

/// What is wrong with a text.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mistake {
    /// A character that only looks like a blank, or like nothing, outside of strings.
    Invisible(char),
    /// A comment, which begins like this.
    Comment(&'static str),
    /// A comma before a closing bracket.
    TrailingComma,
    /// A quote that is not `"`.
    Quote(char),
    /// A word without quotes.
    Word(String),
    /// A placeholder in angle brackets, outside of strings.
    Placeholder(String),
    /// Another character than what must come here.
    Unexpected(char, Expected),
    /// The value ends, and the text goes on.
    TrailingText,
    /// The value ends, and another one comes.
    SeveralValues,
    /// The text ends too early; the place is that of what is not closed.
    NotClosed(char),
    /// There is no value.
    Nothing,
    /// A line break, or another control character, inside a string.
    ControlInString(char),
    /// A backslash before something else than JSON's escapes.
    Escape,
    /// A backslash before a quote, outside of strings.
    EscapedTwice,
    /// What stands for bytes that are no UTF-8.
    NotUtf8,
    /// Digits that are no number of JSON, or more than 64 bits of floating point hold.
    Number(String),
    /// A member that the same object has already; the first one's place.
    Duplicate(String, Place),
    /// More levels than we follow.
    TooDeep(usize),
}

/// What must come at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// A value.
    Value,
    /// A member's name.
    Name,
    /// The colon after a name.
    Colon,
    /// A comma, or the end of the list.
    CommaOrBracket,
    /// A comma, or the end of the object.
    CommaOrBrace,
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Value => "a value",
            Self::Name => "a name in double quotes",
            Self::Colon => "a colon",
            Self::CommaOrBracket => "a comma or ]",
            Self::CommaOrBrace => "a comma or }",
        })
    }
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = self.place;
        match &self.mistake {
            Mistake::Invisible(character) => write!(
                f,
                "{} (U+{:04X}) at {place}, outside of a string: delete it, or write a blank",
                invisible(*character).unwrap_or("an invisible character"),
                u32::from(*character)
            ),
            Mistake::Comment(begins) => write!(
                f,
                "a comment ({begins}) at {place}: JSON has no comments, so delete it"
            ),
            Mistake::TrailingComma => write!(
                f,
                "a comma at {place} with nothing after it: JSON allows none before ] or }}, so delete it"
            ),
            Mistake::Quote(character) => write!(
                f,
                "a {} quote {character} (U+{:04X}) at {place}: JSON takes only the straight double quote \"",
                if character.is_ascii() { "single" } else { "curly" },
                u32::from(*character)
            ),
            Mistake::Word(word) => {
                write!(f, "the word {:?} at {place} ", Excerpt(word))?;
                match word.as_str() {
                    "True" | "False" | "TRUE" | "FALSE" => {
                        write!(f, "is not JSON's: write {}", word.to_ascii_lowercase())
                    }
                    "None" | "nil" | "Null" | "NULL" | "undefined" => {
                        f.write_str("is not JSON's: write null")
                    }
                    "NaN" | "Infinity" => f.write_str("is no number of JSON"),
                    _ => f.write_str("needs double quotes around it"),
                }
            }
            Mistake::Placeholder(text) => write!(
                f,
                "{} at {place} is a placeholder: put the value that is meant in its place",
                Excerpt(text)
            ),
            Mistake::Unexpected(character, expected) => {
                write!(f, "{character:?} at {place}, where {expected} is expected")
            }
            Mistake::TrailingText => write!(f, "there is more text after the end of the JSON, at {place}"),
            Mistake::SeveralValues => write!(
                f,
                "there is a second value at {place}: several go into one list, [ ... , ... ]"
            ),
            Mistake::NotClosed(opened) => {
                write!(f, "the text ends, and the {opened} at {place} is not closed")
            }
            Mistake::Nothing => f.write_str("the text is blank"),
            Mistake::ControlInString('\n' | '\r') => write!(
                f,
                "a line break inside a string at {place}: the closing quote is missing, or write \\n"
            ),
            Mistake::ControlInString('\t') => write!(f, "a tab inside a string at {place}: write \\t"),
            Mistake::ControlInString(character) => write!(
                f,
                "a control character (U+{:04X}) inside a string at {place}",
                u32::from(*character)
            ),
            Mistake::Escape => write!(
                f,
                "a backslash at {place} before something that JSON does not escape; a backslash itself is written \\\\"
            ),
            Mistake::EscapedTwice => write!(
                f,
                "a backslash before a quote at {place}: the text is escaped once too often; write it without these \
                 backslashes"
            ),
            Mistake::NotUtf8 => write!(
                f,
                "bytes at {place} that are no UTF-8: save the file as UTF-8 (PowerShell's > writes UTF-16)"
            ),
            Mistake::Number(text) => write!(
                f,
                "{} at {place} is no number of JSON, or too large",
                Excerpt(text)
            ),
            Mistake::Duplicate(name, first) => write!(
                f,
                "the member {:?} is given twice in one object, at {first} and at {place}",
                Excerpt(name)
            ),
            Mistake::TooDeep(levels) => write!(f, "nested more than {levels} levels deep at {place}"),
        }
    }
}

impl std::error::Error for JsonError {}
