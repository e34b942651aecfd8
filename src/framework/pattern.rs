//! The patterns that paths are routed by: whole segments instead of regular expressions.
//!
//! Vault's plugins write their routes as Go regular expressions, but use four things only. A pattern has exactly those:
//!
//! | written | means | as Go regular expression |
//! |---|---|---|
//! | `config` | this segment | `config` |
//! | `roles?` | this segment, with its last character or without it | `roles?` |
//! | `{name}` | a segment that is a name, captured | `(?P<name>\w(([\w-.]+)?\w)?)` |
//! | `/?` at the end | a slash, or nothing | `/?` |
//!
//! A name is what `framework.GenericNameRegex` of Vault's SDK accepts: ASCII letters, digits and `_`, with `-` and `.`
//! inside but at neither end. A pattern always covers the whole path.

use std::ops::Range;

/// A route's pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    segments: Box<[Segment]>,
    /// Whether the path may end in a slash.
    optional_slash: bool,
}

/// What the names of a pattern matched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Captures {
    found: Vec<(&'static str, Range<usize>)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Segment {
    /// This text, also without its last character if that is optional.
    Text { text: &'static str, optional_end: bool },
    /// A name, captured.
    Name(&'static str),
}

impl Pattern {
    /// Reads a pattern.
    pub fn new(pattern: &'static str) -> Self {
        let (segments, optional_slash) = match pattern.strip_suffix("/?") {
            Some(segments) => (segments, true),
            None => (pattern, false),
        };
        Self {
            segments: segments.split('/').map(Segment::new).collect(),
            optional_slash,
        }
    }

    /// Matches a whole path, relative to the mount.
    pub fn captures(&self, path: &str) -> Option<Captures> {
        let path = match path.strip_suffix('/') {
            Some(path) if self.optional_slash => path,
            _ => path,
        };
        let mut wanted = self.segments.iter();
        let mut found = Vec::new();
        let mut start = 0;
        for segment in path.split('/') {
            let end = start + segment.len();
            let wanted = wanted.next().filter(|wanted| wanted.matches(segment))?;
            if let Segment::Name(name) = *wanted {
                found.push((name, start..end));
            }
            start = end + 1;
        }
        wanted.next().is_none().then_some(Captures { found })
    }

    /// The names, in the order in which they are written.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.segments.iter().filter_map(|segment| match segment {
            Segment::Name(name) => Some(*name),
            Segment::Text { .. } => None,
        })
    }

    /// The anchored regular expression that a Go plugin would have written, as help texts print it.
    pub fn go_regex(&self) -> String {
        let segments: Vec<String> = self.segments.iter().map(|segment| segment.go_regex()).collect();
        let end = if self.optional_slash { "/?$" } else { "$" };
        format!("^{}{end}", segments.join("/"))
    }

    /// The OpenAPI paths, each beginning with `/`: one for every choice of the optional characters, those without the
    /// character first. The slash at the end is left out, as Vault's framework does.
    pub fn openapi_paths(&self) -> Vec<String> {
        let mut paths = vec![String::new()];
        for segment in &self.segments {
            let texts = segment.openapi_texts();
            paths = texts
                .iter()
                .flat_map(|text| paths.iter().map(move |path| format!("{path}/{text}")))
                .collect();
        }
        paths
    }
}

impl Segment {
    fn new(segment: &'static str) -> Self {
        if let Some(name) = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
            return Self::Name(name);
        }
        match segment.strip_suffix('?') {
            Some(text) => Self::Text {
                text,
                optional_end: true,
            },
            None => Self::Text {
                text: segment,
                optional_end: false,
            },
        }
    }

    /// The texts that a path can have here: the shorter one first.
    fn openapi_texts(self) -> Vec<String> {
        match self {
            Self::Name(name) => vec![format!("{{{name}}}")],
            Self::Text { text, optional_end } => {
                let shorter = without_last(text).filter(|_| optional_end);
                shorter.into_iter().chain([text]).map(str::to_owned).collect()
            }
        }
    }

    fn matches(self, segment: &str) -> bool {
        match self {
            Self::Name(_) => is_name(segment),
            Self::Text { text, optional_end } => {
                segment == text || (optional_end && without_last(text) == Some(segment))
            }
        }
    }

    fn go_regex(self) -> String {
        match self {
            Self::Name(name) => format!(r"(?P<{name}>\w(([\w-.]+)?\w)?)"),
            Self::Text { text, optional_end } => {
                let mut quoted = String::new();
                for character in text.chars() {
                    if r"\.+*?()|[]{}^$".contains(character) {
                        quoted.push('\\');
                    }
                    quoted.push(character);
                }
                if optional_end {
                    quoted.push('?');
                }
                quoted
            }
        }
    }
}

impl Captures {
    /// Each name with the bytes of the path that it covers.
    pub fn ranges(&self) -> impl Iterator<Item = (&'static str, Range<usize>)> {
        self.found.iter().cloned()
    }

    /// Each name with its text. `path` is the path that was matched.
    pub fn values<'path>(&self, path: &'path str) -> Vec<(&'static str, &'path str)> {
        self.ranges()
            .filter_map(|(name, range)| Some((name, path.get(range)?)))
            .collect()
    }
}

/// Whether the whole text is a name: what `{name}` matches in a pattern.
pub fn is_name(text: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let bytes = text.as_bytes();
    let ends = [bytes.first(), bytes.last()];
    ends.iter().all(|end| end.copied().is_some_and(is_word))
        && bytes
            .iter()
            .all(|byte| is_word(*byte) || matches!(byte, b'-' | b'.'))
}

fn without_last(text: &str) -> Option<&str> {
    let (last, _) = text.char_indices().last()?;
    text.get(..last)
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
    fn segments_may_follow_names() {
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
        assert_eq!(captured("{a}/?", "x/"), pairs(&[("a", "x")]));
        assert_eq!(captured("{a}/?", "x//"), None);
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
        let cases: [(&str, &[&str]); 6] = [
            ("config", &["/config"]),
            ("role/?", &["/role"]),
            ("roles?/?", &["/role", "/roles"]),
            ("role/{name}", &["/role/{name}"]),
            ("role/{name}/rotate", &["/role/{name}/rotate"]),
            ("as?/bs?", &["/a/b", "/as/b", "/a/bs", "/as/bs"]),
        ];
        for (pattern, expected) in cases {
            assert_eq!(Pattern::new(pattern).openapi_paths(), expected, "{pattern}");
        }
    }

    const SAMPLES: [&str; 6] = [
        "config",
        "roles?/?",
        "role/{name}",
        "role/{name}/rotate",
        "{a}/{b}/{c}",
        "é?/{a}/?",
    ];

    proptest! {
        #[test]
        fn no_path_panics(path in ".{0,40}", sample in 0..SAMPLES.len()) {
            if let Some(captures) = Pattern::new(SAMPLES[sample]).captures(&path) {
                prop_assert_eq!(captures.values(&path).len(), captures.ranges().count());
            }
        }

        #[test]
        fn a_name_put_in_comes_out(name in "[0-9A-Za-z_]([0-9A-Za-z_.-]{0,20}[0-9A-Za-z_])?") {
            let expected = Some(vec![("name".to_owned(), name.clone())]);
            prop_assert_eq!(captured("role/{name}/rotate", &format!("role/{name}/rotate")), expected);
        }
    }
}
