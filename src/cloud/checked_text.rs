//! Texts that keep a rule, as types of their own.

/// Makes such a type, given what checks a text: `checked_text! { struct Name, check -> Error; }`.
macro_rules! checked_text {
    ($(#[$attribute:meta])* $visibility:vis struct $name:ident, $check:expr => $error:ty;) => {
        $(#[$attribute])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        $visibility struct $name(String);

        impl $name {
            /// Checks a text.
            ///
            /// # Errors
            /// Names the broken rule.
            $visibility fn parse(text: &str) -> Result<Self, $error> {
                let check: fn(&str) -> Result<(), $error> = $check;
                check(text).map(|()| Self(text.to_owned()))
            }

            /// The text.
            #[allow(dead_code, reason = "some types are only printed")]
            $visibility fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = $error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::parse(text)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

pub(crate) use checked_text;
