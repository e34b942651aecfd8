//! Takes out of a file what only tests compile.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

use super::tokens::{ITEM_KEYWORDS, ident, is_ident, is_punct, line};

/// What only tests compile, taken out of a file.
#[derive(Default)]
pub struct TestCode {
    /// First and last lines of test modules that are written out.
    pub blocks: Vec<(usize, usize)>,
    /// Names of test modules in files of their own.
    pub modules: Vec<String>,
}

impl TestCode {
    /// The code without attributes, and without the items that an attribute keeps for tests.
    pub fn strip(&mut self, tokens: TokenStream) -> Vec<TokenTree> {
        let tokens: Vec<_> = tokens.into_iter().collect();
        let mut kept = Vec::new();
        let mut at = 0;
        while at < tokens.len() {
            if let Some((attribute, next)) = attribute_at(&tokens, at) {
                if is_test_only(attribute) {
                    let end = item_end(&tokens, next);
                    self.note(&tokens[at..end]);
                    at = end;
                } else {
                    at = next;
                }
                continue;
            }
            kept.push(match &tokens[at] {
                TokenTree::Group(group) => {
                    let inner = self.strip(group.stream()).into_iter().collect();
                    let mut stripped = Group::new(group.delimiter(), inner);
                    stripped.set_span(group.span());
                    stripped.into()
                }
                other => other.clone(),
            });
            at += 1;
        }
        kept
    }

    fn note(&mut self, item: &[TokenTree]) {
        let Some(module) = item.iter().position(|token| is_ident(token, "mod")) else {
            return;
        };
        match item.get(module + 2) {
            Some(TokenTree::Group(block)) => {
                self.blocks.push((line(&item[0]), block.span_close().end().line));
            }
            _ => self.modules.extend(item.get(module + 1).and_then(ident)),
        }
    }
}

/// The content of the attribute that begins here, and what comes after it.
fn attribute_at(tokens: &[TokenTree], at: usize) -> Option<(TokenStream, usize)> {
    if !is_punct(tokens.get(at)?, '#') {
        return None;
    }
    let at = at + 1 + usize::from(is_punct(tokens.get(at + 1)?, '!'));
    match tokens.get(at)? {
        TokenTree::Group(group) if group.delimiter() == Delimiter::Bracket => Some((group.stream(), at + 1)),
        _ => None,
    }
}

fn is_test_only(attribute: TokenStream) -> bool {
    let tokens: Vec<_> = attribute.into_iter().collect();
    matches!(tokens.as_slice(), [name, TokenTree::Group(condition)]
        if is_ident(name, "cfg") && !can_hold_without_tests(condition.stream()))
}

/// Whether a condition of `cfg` may hold when `test` does not. Of others than `test` it is taken that they may.
fn can_hold_without_tests(condition: TokenStream) -> bool {
    let tokens: Vec<_> = condition.into_iter().collect();
    match tokens.as_slice() {
        [name] => !is_ident(name, "test"),
        [name, TokenTree::Group(inner)] => {
            let inner: Vec<_> = inner.stream().into_iter().collect();
            let mut parts = inner
                .split(|token| is_punct(token, ','))
                .filter(|part| !part.is_empty())
                .map(|part| can_hold_without_tests(part.iter().cloned().collect()));
            if is_ident(name, "all") {
                parts.all(|holds| holds)
            } else {
                is_ident(name, "not") || parts.any(|holds| holds)
            }
        }
        _ => true,
    }
}

/// The end of the item, statement, field or arm that begins here, with its further attributes.
fn item_end(tokens: &[TokenTree], mut at: usize) -> usize {
    while let Some((_, next)) = attribute_at(tokens, at) {
        at = next;
    }
    let first = tokens[at..].iter().filter_map(ident).find(|word| word != "pub");
    let first = first.unwrap_or_default();
    let ends_at_block = !["use", "static", "type", "let"].contains(&first.as_str());
    let ends_at_comma = ends_at_block && !ITEM_KEYWORDS.contains(&first.as_str());
    for (index, token) in tokens.iter().enumerate().skip(at) {
        let is_block = matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace);
        if is_punct(token, ';') || (is_block && ends_at_block) || (is_punct(token, ',') && ends_at_comma) {
            return index + 1;
        }
    }
    tokens.len()
}
