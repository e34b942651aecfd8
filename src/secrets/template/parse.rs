//! Reading a template: texts, and between them actions.

use crate::secrets::template::error::{LONGEST_TEMPLATE, TemplateError};
use crate::secrets::template::expression::{Expression, MOST_EXPRESSIONS, Operand};
use crate::secrets::template::tokens::{Token, tokens};

/// Parentheses inside each other.
const DEEPEST: usize = 8;

/// Reads a template. Says, too, whether it has values of the caller's identity.
pub(super) fn parse(source: &str) -> Result<(Vec<Expression>, bool), TemplateError> {
    if source.len() > LONGEST_TEMPLATE {
        return Err(TemplateError::TooLong);
    }
    let mut parts = Vec::new();
    let mut rest = source;
    let mut trims = false;
    let mut has_identity = false;
    while let Some((text, action)) = rest.split_once("{{") {
        // As in Go, the sign counts only before white space: `{{-1}}` is a number.
        let after = action
            .strip_prefix('-')
            .filter(|rest| rest.starts_with(char::is_whitespace));
        push_text(&mut parts, text, trims, after.is_some());
        let action = after.unwrap_or(action);
        let (tokens, end) = tokens(action)?;
        has_identity |= tokens.iter().any(Token::is_selector);
        parts.push(Parser::new(&tokens).whole()?);
        trims = end.trims;
        rest = action.get(end.length..).unwrap_or_default();
    }
    push_text(&mut parts, rest, trims, false);
    Ok((parts, has_identity))
}

fn push_text(parts: &mut Vec<Expression>, text: &str, trims_start: bool, trims_end: bool) {
    let text = if trims_start { text.trim_start() } else { text };
    let text = if trims_end { text.trim_end() } else { text };
    if !text.is_empty() {
        parts.push(Expression::Text(text.to_owned()));
    }
}

/// Reads the words of one action.
struct Parser<'t> {
    rest: std::slice::Iter<'t, Token>,
    left: usize,
}

impl<'t> Parser<'t> {
    fn new(tokens: &'t [Token]) -> Self {
        Self {
            rest: tokens.iter(),
            left: MOST_EXPRESSIONS,
        }
    }

    fn whole(mut self) -> Result<Expression, TemplateError> {
        let value = self.pipeline(DEEPEST)?.into_value()?;
        match self.rest.next() {
            None => Ok(value),
            Some(_) => Err(TemplateError::Expected("an action without a further \")\"")),
        }
    }

    /// Commands, each of which is the last argument of the next one.
    fn pipeline(&mut self, deepest: usize) -> Result<Operand, TemplateError> {
        let mut value = self.command(None, deepest)?;
        while self.rest.as_slice().first() == Some(&Token::Pipe) {
            self.rest.next();
            value = self.command(Some(value), deepest)?;
        }
        Ok(value)
    }

    fn command(&mut self, piped: Option<Operand>, deepest: usize) -> Result<Operand, TemplateError> {
        self.left = self.left.checked_sub(1).ok_or(TemplateError::TooDeep)?;
        let first = self
            .operand(deepest)?
            .ok_or(TemplateError::Expected("a value or a function"))?;
        let mut arguments = Vec::new();
        while let Some(argument) = self.operand(deepest)? {
            // A function among the arguments has none of its own.
            arguments.push(match argument {
                Operand::Function(name) => name.call(Vec::new())?,
                argument => argument,
            });
        }
        arguments.extend(piped);
        match first {
            Operand::Function(function) => function.call(arguments),
            value if arguments.is_empty() => Ok(value),
            _ => Err(TemplateError::Expected("a function before its arguments")),
        }
    }

    /// The next operand, if there is one before the end of the command.
    fn operand(&mut self, deepest: usize) -> Result<Option<Operand>, TemplateError> {
        Ok(Some(match self.rest.as_slice().first() {
            None | Some(Token::Pipe | Token::Close) => return Ok(None),
            Some(Token::Open) => {
                self.rest.next();
                let deepest = deepest.checked_sub(1).ok_or(TemplateError::TooDeep)?;
                let inner = self.pipeline(deepest)?;
                if self.rest.next() != Some(&Token::Close) {
                    return Err(TemplateError::Expected("\")\""));
                }
                inner
            }
            Some(token) => {
                self.rest.next();
                Operand::of(token)?
            }
        }))
    }
}
