//! The reader. Strings with escapes and numbers are left to `serde_json`; this one knows structure and places.

use std::borrow::Cow;
use std::collections::HashMap;

use super::error::{Expected, JsonError, Mistake};
use super::invisible::invisible;
use super::node::{Content, Member, Node};
use super::place::{BYTE_ORDER_MARK, Place};

/// The most levels of lists and objects, so that no text ends the stack.
const MAX_DEPTH: usize = 64;

/// Quotes of other languages and of word processors.
const CURLY_QUOTES: &str = "‘’‚‛“”„‟′″«»＂＇";

pub(super) struct Parser<'t> {
    text: &'t str,
    at: usize,
    depth: usize,
}

impl<'t> Parser<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let at = text.len() - text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text).len();
        Self { text, at, depth: 0 }
    }

    pub(super) fn document(mut self) -> Result<Node<'t>, JsonError> {
        self.skip_blanks();
        if self.rest().is_empty() {
            return Err(self.mistake(Mistake::Nothing));
        }
        let node = self.value()?;
        self.skip_blanks();
        let mistake = match self.peek() {
            None => return Ok(node),
            Some(',' | '{' | '[') => Mistake::SeveralValues,
            Some(_) => Mistake::TrailingText,
        };
        Err(self.known_mistake().unwrap_or_else(|| self.mistake(mistake)))
    }

    fn value(&mut self) -> Result<Node<'t>, JsonError> {
        let start = self.at;
        let content = match self.peek() {
            Some('{') => self.nested('{', Self::object)?,
            Some('[') => self.nested('[', Self::array)?,
            Some('"') => Content::String(self.string()?),
            Some('-' | '+' | '.' | '0'..='9') => self.number()?,
            _ => match self.word() {
                "null" => self.skip("null", Content::Null),
                "true" => self.skip("true", Content::Bool(true)),
                "false" => self.skip("false", Content::Bool(false)),
                _ => return Err(self.unexpected(Expected::Value)),
            },
        };
        let text = self.text.get(start..self.at).unwrap_or_default();
        Ok(Node { text, start, content })
    }

    fn nested(
        &mut self,
        opened: char,
        read: fn(&mut Self) -> Result<Content<'t>, JsonError>,
    ) -> Result<Content<'t>, JsonError> {
        let start = self.at;
        if self.depth == MAX_DEPTH {
            return Err(self.mistake(Mistake::TooDeep(MAX_DEPTH)));
        }
        self.depth += 1;
        self.at += 1;
        self.skip_blanks();
        let content = read(self).map_err(|error| match error.mistake {
            // The innermost bracket that is open, not the end of the text, is what the writer looks for.
            Mistake::Nothing => self.mistake_at(Mistake::NotClosed(opened), start),
            _ => error,
        })?;
        self.depth -= 1;
        Ok(content)
    }

    fn array(&mut self) -> Result<Content<'t>, JsonError> {
        let mut elements = Vec::new();
        if self.take(']') {
            return Ok(Content::Array(elements));
        }
        loop {
            elements.push(self.value()?);
            if self.ends(']', Expected::CommaOrBracket)? {
                return Ok(Content::Array(elements));
            }
        }
    }

    fn object(&mut self) -> Result<Content<'t>, JsonError> {
        let mut members = Vec::new();
        let mut starts: HashMap<Cow<'t, str>, usize> = HashMap::new();
        if self.take('}') {
            return Ok(Content::Object(members));
        }
        loop {
            let start = self.at;
            if self.peek() != Some('"') {
                return Err(self.unexpected(Expected::Name));
            }
            let name = self.string()?;
            if let Some(first) = starts.insert(name.clone(), start) {
                let first = Place::in_text(self.text, first);
                return Err(self.mistake_at(Mistake::Duplicate(name.into_owned(), first), start));
            }
            self.skip_blanks();
            if !self.take(':') {
                return Err(self.unexpected(Expected::Colon));
            }
            self.skip_blanks();
            let value = self.value()?;
            members.push(Member { name, start, value });
            if self.ends('}', Expected::CommaOrBrace)? {
                return Ok(Content::Object(members));
            }
        }
    }

    /// What comes after an element: the end, or a comma and one more.
    fn ends(&mut self, close: char, expected: Expected) -> Result<bool, JsonError> {
        self.skip_blanks();
        if self.take(close) {
            return Ok(true);
        }
        let comma = self.at;
        if !self.take(',') {
            return Err(self.unexpected(expected));
        }
        self.skip_blanks();
        if self.peek() == Some(close) {
            return Err(self.mistake_at(Mistake::TrailingComma, comma));
        }
        Ok(false)
    }

    fn string(&mut self) -> Result<Cow<'t, str>, JsonError> {
        let start = self.at;
        let mut escaped = false;
        let mut curly = None;
        let mut characters = self.rest().char_indices().skip(1);
        let length = loop {
            match characters.next() {
                Some((at, '"')) => break at + 1,
                Some((at, '\\')) => {
                    escaped = true;
                    if !matches!(
                        characters.next(),
                        Some((_, '"' | '\\' | '/' | 'b' | 'f' | 'n' | 'r' | 't' | 'u'))
                    ) {
                        return Err(self.string_mistake(start, (Mistake::Escape, at)));
                    }
                }
                Some((at, character)) if character < ' ' => {
                    let mistake = (Mistake::ControlInString(character), at);
                    return Err(self.string_mistake(start, curly.unwrap_or(mistake)));
                }
                Some((at, character)) if CURLY_QUOTES.contains(character) => {
                    curly = curly.or(Some((Mistake::Quote(character), at)));
                }
                Some(_) => {}
                None => {
                    let mistake = (Mistake::NotClosed('"'), 0);
                    return Err(self.string_mistake(start, curly.unwrap_or(mistake)));
                }
            }
        };
        self.at += length;
        let written = self.text.get(start..self.at).unwrap_or_default();
        if !escaped {
            return Ok(Cow::Borrowed(written.trim_matches('"')));
        }
        // What remains are the digits after `\u`.
        serde_json::from_str(written)
            .map(Cow::Owned)
            .map_err(|_| self.mistake_at(Mistake::Escape, start))
    }

    fn string_mistake(&self, start: usize, (mistake, at): (Mistake, usize)) -> JsonError {
        self.mistake_at(mistake, start + at)
    }

    fn number(&mut self) -> Result<Content<'t>, JsonError> {
        let digits = |c: char| c.is_ascii_alphanumeric() || "+-._".contains(c);
        let rest = self.rest();
        let length = rest.find(|c| !digits(c)).unwrap_or(rest.len());
        let text = rest.get(..length).unwrap_or_default();
        if serde_json::from_str::<serde_json::Number>(text).is_err() {
            return Err(self
                .known_mistake()
                .unwrap_or_else(|| self.mistake(Mistake::Number(text.to_owned()))));
        }
        self.at += length;
        Ok(Content::Number)
    }

    /// The letters, digits, and what else variables are made of, that come next.
    fn word(&self) -> &'t str {
        let rest = self.rest();
        let end = rest.find(|c: char| !(c.is_alphanumeric() || "_-.:*".contains(c)));
        rest.get(..end.unwrap_or(rest.len())).unwrap_or_default()
    }

    fn skip<T>(&mut self, word: &str, content: T) -> T {
        self.at += word.len();
        content
    }

    fn skip_blanks(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches([' ', '\t', '\n', '\r']).len();
    }

    fn take(&mut self, wanted: char) -> bool {
        let taken = self.peek() == Some(wanted);
        if taken {
            self.at += wanted.len_utf8();
        }
        taken
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// The error for what is here in place of what is expected.
    fn unexpected(&self, expected: Expected) -> JsonError {
        if let Some(known) = self.known_mistake() {
            return known;
        }
        self.mistake(match self.peek() {
            None => Mistake::Nothing,
            Some(first) if first.is_alphabetic() && matches!(expected, Expected::Value | Expected::Name) => {
                Mistake::Word(self.word().trim_end_matches(':').to_owned())
            }
            Some(first) => Mistake::Unexpected(first, expected),
        })
    }

    /// What people put between the values of JSON.
    fn known_mistake(&self) -> Option<JsonError> {
        let first = self.peek()?;
        let rest = self.rest();
        let mistake = match first {
            _ if invisible(first).is_some() => Mistake::Invisible(first),
            _ if first == '\'' || first == '`' || CURLY_QUOTES.contains(first) => Mistake::Quote(first),
            '#' => Mistake::Comment("#"),
            '/' if rest.starts_with("//") => Mistake::Comment("//"),
            '/' if rest.starts_with("/*") => Mistake::Comment("/*"),
            '\\' if rest.starts_with("\\\"") => Mistake::EscapedTwice,
            '.' if rest.starts_with("...") => Mistake::Placeholder("...".to_owned()),
            '\u{fffd}' => Mistake::NotUtf8,
            '…' => Mistake::Placeholder(first.to_string()),
            '<' => {
                let end = rest.find('>')? + 1;
                Mistake::Placeholder(rest.get(..end)?.to_owned())
            }
            _ => return None,
        };
        Some(self.mistake(mistake))
    }

    fn mistake(&self, mistake: Mistake) -> JsonError {
        self.mistake_at(mistake, self.at)
    }

    fn mistake_at(&self, mistake: Mistake, byte: usize) -> JsonError {
        JsonError {
            mistake,
            place: Place::in_text(self.text, byte),
        }
    }
}
