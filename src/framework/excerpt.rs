//! Texts of callers in messages.

use std::fmt;

/// The most characters that are shown. Names and ARNs of the cloud are shorter.
const LONGEST: usize = 128;

/// The beginning of a text that a caller sent, for a message about it: printable, and never long. `Debug` puts it into
/// quotes, as it does with a text.
#[derive(Clone, Copy)]
pub struct Excerpt<'a>(pub &'a str);

impl<'a> Excerpt<'a> {
    /// What is shown, and a mark if there is more.
    fn parts(self) -> (&'a str, &'static str) {
        let end = self.0.char_indices().nth(LONGEST).map(|(end, _)| end);
        match end.and_then(|end| self.0.split_at_checked(end)) {
            Some((beginning, _)) => (beginning, "…"),
            None => (self.0, ""),
        }
    }
}

impl fmt::Display for Excerpt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (beginning, more) = self.parts();
        write!(f, "{}{more}", beginning.escape_debug())
    }
}

impl fmt::Debug for Excerpt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (beginning, more) = self.parts();
        write!(f, "{beginning:?}{more}")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_long_text_is_cut() {
        let name = "é".repeat(LONGEST);
        assert_eq!(Excerpt(&name).to_string(), name);
        let longer = format!("{name}x");
        assert_eq!(Excerpt(&longer).to_string(), format!("{name}…"));
        assert_eq!(format!("{:?}", Excerpt(&longer)), format!("{name:?}…"));
    }

    proptest! {
        #[test]
        fn an_excerpt_is_one_bounded_line(text in "\\PC*.*") {
            for shown in [Excerpt(&text).to_string(), format!("{:?}", Excerpt(&text))] {
                prop_assert!(shown.len() <= 10 * LONGEST + 5);
                prop_assert!(!shown.chars().any(char::is_control));
            }
        }

        #[test]
        fn a_short_text_is_quoted_as_ever(text in ".{0,128}") {
            prop_assert_eq!(format!("{:?}", Excerpt(&text)), format!("{text:?}"));
        }
    }
}
