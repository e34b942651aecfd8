//! JSON as a tree that knows its text.

use std::borrow::Cow;

/// A value of a JSON text.
#[derive(Debug, Clone, PartialEq)]
pub struct Node<'t> {
    /// The value as it is written.
    pub text: &'t str,
    /// Bytes of the text before the value.
    pub start: usize,
    /// What the value is.
    pub content: Content<'t>,
}

/// What a value is.
#[derive(Debug, Clone, PartialEq)]
pub enum Content<'t> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number; [`Node::text`] has its digits.
    Number,
    /// A string, without its escapes.
    String(Cow<'t, str>),
    /// A list.
    Array(Vec<Node<'t>>),
    /// Members in the order of the text, each name once.
    Object(Vec<Member<'t>>),
}

/// A member of an object.
#[derive(Debug, Clone, PartialEq)]
pub struct Member<'t> {
    /// Its name, without escapes.
    pub name: Cow<'t, str>,
    /// Bytes of the text before the name.
    pub start: usize,
    /// Its value.
    pub value: Node<'t>,
}

impl<'t> Node<'t> {
    /// The text of a string.
    pub fn as_str(&self) -> Option<&str> {
        match &self.content {
            Content::String(text) => Some(text),
            _ => None,
        }
    }

    /// The members of an object.
    pub fn members(&self) -> Option<&[Member<'t>]> {
        match &self.content {
            Content::Object(members) => Some(members),
            _ => None,
        }
    }

    /// A member of an object by its name.
    pub fn member(&self, name: &str) -> Option<&Member<'t>> {
        self.members()?.iter().find(|member| member.name == name)
    }

    /// The type in words, for a text such as "expected a string, got a list".
    pub fn type_name(&self) -> &'static str {
        match &self.content {
            Content::Null => "null",
            Content::Bool(_) => "a boolean",
            Content::Number => "a number",
            Content::String(_) => "a string",
            Content::Array(_) => "a list",
            Content::Object(_) => "an object",
        }
    }
}
