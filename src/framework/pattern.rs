//! The patterns that paths are routed by: a small language instead of regular expressions.
//!
//! Vault's plugins write their routes as Go regular expressions, but use three things only: literal text, one optional
//! character, and a named segment. This language has exactly those:
//!
//! | written | means | as Go regular expression |
//! |---|---|---|
//! | `config` | this text | `config` |
//! | `s?` | the character before the mark, or nothing | `s?` |
//! | `{name}` | a name, captured | `(?P<name>\w(([\w-.]+)?\w)?)` |
//!
//! A name is what `framework.GenericNameRegex` of Vault's SDK accepts: ASCII letters, digits and `_`, with `-` and `.`
//! inside but at neither end. A pattern always covers the whole path.

use std::ops::Range;

/// A route's pattern.
///
/// A brace that does not enclose a name, and a `?` with no character before it, stand for themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    elements: Vec<Element>,
}

/// What the names of a pattern matched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Captures {
    found: Vec<(&'static str, Range<usize>)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Element {
    Literal(char),
    Name(&'static str),
    Optional(char),
}

impl Pattern {
    /// Reads a pattern.
    #[must_use]
    pub fn new(text: &'static str) -> Self {
        let mut elements = Vec::new();
        let mut rest = text;
        while let Some(character) = rest.chars().next() {
            if let Some((name, after)) = leading_name(rest) {
                elements.push(Element::Name(name));
                rest = after;
                continue;
            }
            match (character, elements.last().copied()) {
                ('?', Some(Element::Literal(optional))) => {
                    elements.pop();
                    elements.push(Element::Optional(optional));
                }
                _ => elements.push(Element::Literal(character)),
            }
            rest = rest.get(character.len_utf8()..).unwrap_or_default();
        }
        Self { elements }
    }

    /// Matches a whole path, relative to the mount.
    #[must_use]
    pub fn captures(&self, path: &str) -> Option<Captures> {
        let width = path.len() + 1;
        let dead = vec![false; self.elements.len() * width];
        let mut search = Search {
            path,
            width,
            dead,
            found: Vec::new(),
        };
        search
            .fits(&self.elements, 0)
            .then_some(Captures { found: search.found })
    }

    /// The names, in the order in which they are written.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.elements.iter().filter_map(|element| match element {
            Element::Name(name) => Some(*name),
            Element::Literal(_) | Element::Optional(_) => None,
        })
    }

    /// The anchored regular expression that a Go plugin would have written, as help texts print it.
    #[must_use]
    pub fn go_regex(&self) -> String {
        let mut text = String::from("^");
        for element in &self.elements {
            match *element {
                Element::Literal(character) => push_quoted(&mut text, character),
                Element::Name(name) => text.push_str(&format!(r"(?P<{name}>\w(([\w-.]+)?\w)?)")),
                Element::Optional(character) => {
                    push_quoted(&mut text, character);
                    text.push('?');
                }
            }
        }
        text.push('$');
        text
    }

    /// The OpenAPI paths, each beginning with `/`: one for every choice of the optional characters, those without the
    /// character first. A path that ends in an optional `/` is left out, as Vault's framework does.
    #[must_use]
    pub fn openapi_paths(&self) -> Vec<String> {
        // Beside each path: whether its last character is an optional slash.
        let mut paths = vec![(String::from("/"), false)];
        for element in &self.elements {
            match *element {
                Element::Literal(character) => extend_all(&mut paths, &character.to_string()),
                Element::Name(name) => extend_all(&mut paths, &format!("{{{name}}}")),
                Element::Optional(character) => {
                    let with = paths
                        .iter()
                        .map(|(path, _)| (format!("{path}{character}"), character == '/'));
                    let with: Vec<_> = with.collect();
                    paths.extend(with);
                }
            }
        }
        paths
            .into_iter()
            .filter(|(_, dropped)| !dropped)
            .map(|(path, _)| path)
            .collect()
    }
}

impl Captures {
    /// Each name with the bytes of the path that it covers.
    pub fn ranges(&self) -> impl Iterator<Item = (&'static str, Range<usize>)> {
        self.found.iter().cloned()
    }

    /// Each name with its text. `path` is the path that was matched.
    #[must_use]
    pub fn values<'path>(&self, path: &'path str) -> Vec<(&'static str, &'path str)> {
        self.ranges()
            .filter_map(|(name, range)| Some((name, path.get(range)?)))
            .collect()
    }
}

/// One attempt to match. `dead` remembers the element and position pairs that led nowhere, so that the work is
/// bounded by their number and not exponential in the names.
struct Search<'path> {
    path: &'path str,
    width: usize,
    dead: Vec<bool>,
    found: Vec<(&'static str, Range<usize>)>,
}

impl Search<'_> {
    /// Whether the elements cover the path from `start` to its end; if so, their captures are in `found`.
    fn fits(&mut self, elements: &[Element], start: usize) -> bool {
        let Some((first, rest)) = elements.split_first() else {
            return start == self.path.len();
        };
        let state = rest.len() * self.width + start;
        if self.dead.get(state).copied().unwrap_or(true) {
            return false;
        }
        let fits = match *first {
            Element::Literal(character) => self.fits_after(character, rest, start),
            Element::Name(name) => self.fits_name(name, rest, start),
            Element::Optional(character) => self.fits_after(character, rest, start) || self.fits(rest, start),
        };
        if !fits && let Some(dead) = self.dead.get_mut(state) {
            *dead = true;
        }
        fits
    }

    fn fits_after(&mut self, character: char, rest: &[Element], start: usize) -> bool {
        let follows = self
            .path
            .get(start..)
            .is_some_and(|text| text.starts_with(character));
        follows && self.fits(rest, start + character.len_utf8())
    }

    /// Tries the longest name first, as the regular expression does.
    fn fits_name(&mut self, name: &'static str, rest: &[Element], start: usize) -> bool {
        let text = self.path.as_bytes().get(start..).unwrap_or_default();
        if !text.first().copied().is_some_and(is_word) {
            return false;
        }
        let longest = text.iter().take_while(|byte| is_inside_name(**byte)).count();
        for length in (1..=longest).rev() {
            let ends_well = length
                .checked_sub(1)
                .and_then(|last| text.get(last))
                .copied()
                .is_some_and(is_word);
            if !ends_well {
                continue;
            }
            let before = self.found.len();
            self.found.push((name, start..start + length));
            if self.fits(rest, start + length) {
                return true;
            }
            self.found.truncate(before);
        }
        false
    }
}

/// Whether the whole text is a name: what `{name}` matches in a pattern.
pub(super) fn is_name(text: &str) -> bool {
    let bytes = text.as_bytes();
    let ends_well = [bytes.first(), bytes.last()]
        .iter()
        .all(|end| end.copied().is_some_and(is_word));
    ends_well && bytes.iter().copied().all(is_inside_name)
}

/// Splits `{name}` off the beginning.
fn leading_name(text: &'static str) -> Option<(&'static str, &'static str)> {
    let (name, after) = text.strip_prefix('{')?.split_once('}')?;
    let is_name = !name.is_empty() && name.bytes().all(is_word);
    is_name.then_some((name, after))
}

/// Go's `\w`, which is ASCII.
fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn is_inside_name(byte: u8) -> bool {
    is_word(byte) || matches!(byte, b'-' | b'.')
}

fn extend_all(paths: &mut [(String, bool)], text: &str) {
    for (path, ends_in_optional_slash) in paths {
        path.push_str(text);
        *ends_in_optional_slash = false;
    }
}

/// Appends a character so that a regular expression takes it literally.
fn push_quoted(text: &mut String, character: char) {
    if r"\.+*?()|[]{}^$".contains(character) {
        text.push('\\');
    }
    text.push(character);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn captured(pattern: &'static str, path: &str) -> Option<Vec<(String, String)>> {
        let captures = Pattern::new(pattern).captures(path)?;
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        Some(captures.values(path).into_iter().map(owned).collect())
    }

    #[test]
    fn names_follow_vaults_grammar() {
        for name in ["a", "_", "0", "a.b-c_d", "a--b", "a..b", "A9"] {
            let expected = Some(vec![("name".to_owned(), name.to_owned())]);
            assert_eq!(
                captured("role/{name}", &format!("role/{name}")),
                expected,
                "{name:?}"
            );
        }
        for name in [
            "", "a/", "a b", "-a", "a-", "a.", ".a", "é", "aé", "a\n", "a/b", "\u{ff11}",
        ] {
            assert_eq!(captured("role/{name}", &format!("role/{name}")), None, "{name:?}");
        }
    }

    #[test]
    fn a_pattern_covers_the_whole_path() {
        assert!(captured("config", "config").is_some());
        for path in ["", "confi", "config/", "/config", "xconfig", "config\n", "CONFIG"] {
            assert_eq!(captured("config", path), None, "{path:?}");
        }
    }

    #[test]
    fn an_optional_character_may_be_missing() {
        for path in ["role", "role/", "roles", "roles/"] {
            assert_eq!(captured("roles?/?", path), Some(Vec::new()), "{path:?}");
        }
        for path in ["rol", "roless", "role//", "roles/x"] {
            assert_eq!(captured("roles?/?", path), None, "{path:?}");
        }
    }

    #[test]
    fn literals_may_follow_names() {
        let pairs = |pairs: &[(&str, &str)]| {
            Some(
                pairs
                    .iter()
                    .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                    .collect(),
            )
        };
        assert_eq!(
            captured("role/{name}/rotate", "role/a.b/rotate"),
            pairs(&[("name", "a.b")])
        );
        assert_eq!(captured("role/{name}/rotate", "role/a/b/rotate"), None);
        assert_eq!(captured("{a}/{b}", "x/y"), pairs(&[("a", "x"), ("b", "y")]));
        assert_eq!(
            captured("{a}-{b}", "x-y-z"),
            pairs(&[("a", "x-y"), ("b", "z")]),
            "the first is the longest"
        );
        assert_eq!(captured("{a}.json", "x.json.json"), pairs(&[("a", "x.json")]));
        assert_eq!(captured("{a}/?", "x/"), pairs(&[("a", "x")]));
    }

    #[test]
    fn many_names_do_not_take_exponential_time() {
        let path = "a-".repeat(400) + "!";
        assert_eq!(captured("{a}-{b}-{c}-{d}-{e}-{f}-{g}-{h}", &path), None);
    }

    #[test]
    fn the_go_expression_is_the_one_that_vault_prints() {
        let cases = [
            ("config", "^config$"),
            ("roles?/?", "^roles?/?$"),
            ("role/{name}", r"^role/(?P<name>\w(([\w-.]+)?\w)?)$"),
            ("role/{name}/rotate", r"^role/(?P<name>\w(([\w-.]+)?\w)?)/rotate$"),
            ("a.b", r"^a\.b$"),
        ];
        for (pattern, expected) in cases {
            assert_eq!(Pattern::new(pattern).go_regex(), expected);
        }
    }

    #[test]
    fn expansion_is_that_of_vaults_framework() {
        let cases: [(&str, &[&str]); 7] = [
            ("config", &["/config"]),
            ("role/?", &["/role"]),
            ("roles?/?", &["/role", "/roles"]),
            ("role/{name}", &["/role/{name}"]),
            ("role/{name}/rotate", &["/role/{name}/rotate"]),
            ("a/?b", &["/ab", "/a/b"]),
            ("a/", &["/a/"]),
        ];
        for (pattern, expected) in cases {
            assert_eq!(Pattern::new(pattern).openapi_paths(), expected, "{pattern}");
        }
    }

    #[test]
    fn what_is_no_pattern_is_text() {
        for (pattern, path) in [
            ("{", "{"),
            ("{}", "{}"),
            ("{a b}", "{a b}"),
            ("?a", "?a"),
            ("{a}?", "x?"),
        ] {
            assert!(captured(pattern, path).is_some(), "{pattern}");
        }
        assert_eq!(Pattern::new("x??").go_regex(), r"^x?\?$");
    }

    const SAMPLES: [&str; 6] = [
        "config",
        "roles?/?",
        "role/{name}",
        "role/{name}/rotate",
        "{a}-{b}.{c}",
        "é?{a}/?",
    ];

    proptest! {
        #[test]
        fn no_path_panics(path in ".{0,40}", sample in 0..SAMPLES.len()) {
            if let Some(captures) = Pattern::new(SAMPLES[sample]).captures(&path) {
                prop_assert_eq!(captures.values(&path).len(), captures.ranges().count());
            }
        }

        #[test]
        fn no_pattern_panics(text in "[a-z{}?/é.]{0,20}", path in "[a-z{}?/é.]{0,20}") {
            let pattern = Pattern::new(text.leak());
            let _ = pattern.captures(&path);
            let _ = (pattern.go_regex(), pattern.openapi_paths());
        }

        #[test]
        fn a_name_put_in_comes_out(name in "[0-9A-Za-z_]([0-9A-Za-z_.-]{0,20}[0-9A-Za-z_])?") {
            let expected = Some(vec![("name".to_owned(), name.clone())]);
            prop_assert_eq!(captured("role/{name}/rotate", &format!("role/{name}/rotate")), expected);
        }
    }
}
