//! The words of an action.

use std::iter::Peekable;
use std::str::CharIndices;

use crate::secrets::template::error::TemplateError;

/// The longest part of a template that an error shows, in characters.
const LONGEST_SHOWN: usize = 40;

/// One word of an action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    Open,
    Close,
    Pipe,
    Number(usize),
    Text(String),
    Word(String),
}

impl Token {
    /// Whether it names a value of the caller's identity.
    pub(super) fn is_selector(&self) -> bool {
        matches!(self, Self::Word(word) if word.starts_with("identity."))
    }
}

/// The words of an action, and where it ends in `source`, which begins after `{{`.
pub(super) fn tokens(source: &str) -> Result<(Vec<Token>, Ending), TemplateError> {
    let mut tokens = Vec::new();
    let mut characters = source.char_indices().peekable();
    while let Some((at, c)) = characters.next() {
        let rest = source.get(at..).unwrap_or_default();
        for (end, trims) in [("-}}", true), ("}}", false)] {
            if rest.starts_with(end) {
                let length = at + end.len();
                return Ok((tokens, Ending { length, trims }));
            }
        }
        match c {
            ' ' | '\t' | '\r' | '\n' => {}
            '(' => tokens.push(Token::Open),
            ')' => tokens.push(Token::Close),
            '|' => tokens.push(Token::Pipe),
            '"' => tokens.push(Token::Text(quoted(&mut characters)?)),
            '`' => tokens.push(Token::Text(raw(&mut characters)?)),
            c if c.is_ascii_digit() => {
                let digits = run(rest, &mut characters, |c| c.is_ascii_digit());
                let number = digits
                    .parse()
                    .map_err(|_| TemplateError::Expected("a smaller number"))?;
                tokens.push(Token::Number(number));
            }
            c if is_of_word(c) => tokens.push(Token::Word(run(rest, &mut characters, is_of_word).to_owned())),
            other => return Err(TemplateError::Character(other)),
        }
    }
    Err(TemplateError::Unclosed)
}

/// How an action ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ending {
    /// Bytes up to the end of it.
    pub(super) length: usize,
    /// Whether white space after it is left out.
    pub(super) trims: bool,
}

/// A part of a template for an error.
pub(super) fn shown(text: &str) -> String {
    text.chars().take(LONGEST_SHOWN).collect()
}

type Characters<'s> = Peekable<CharIndices<'s>>;

/// The characters of `rest` up to the first that is not of this kind. `characters` is one behind its beginning.
fn run<'s>(rest: &'s str, characters: &mut Characters<'_>, is_of: impl Fn(char) -> bool) -> &'s str {
    let length = rest.find(|c| !is_of(c)).unwrap_or(rest.len());
    while characters.next_if(|(_, c)| is_of(*c)).is_some() {}
    rest.get(..length).unwrap_or_default()
}

fn is_of_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_')
}

/// A text in double quotes, with the escapes that names can need.
fn quoted(characters: &mut Characters<'_>) -> Result<String, TemplateError> {
    let mut text = String::new();
    while let Some((_, c)) = characters.next() {
        match c {
            '"' => return Ok(text),
            '\\' => match characters.next() {
                Some((_, escaped @ ('"' | '\\'))) => text.push(escaped),
                _ => return Err(TemplateError::Expected("\\\" or \\\\ after a backslash")),
            },
            c => text.push(c),
        }
    }
    Err(TemplateError::Quote)
}

/// A text in backquotes.
fn raw(characters: &mut Characters<'_>) -> Result<String, TemplateError> {
    let mut text = String::new();
    for (_, c) in characters.by_ref() {
        match c {
            '`' => return Ok(text),
            c => text.push(c),
        }
    }
    Err(TemplateError::Quote)
}
