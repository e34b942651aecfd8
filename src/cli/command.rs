//! The commands for people, and what they show.

use zeroize::Zeroizing;

/// What the signer can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Print a login payload.
    Sign,
    /// Log in.
    Login,
}

impl Command {
    /// The command of this name.
    pub fn named(word: &str) -> Option<Self> {
        match word {
            "sign" => Some(Self::Sign),
            "login" => Some(Self::Login),
            _ => None,
        }
    }

    /// The name, as it is written on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sign => "sign",
            Self::Login => "login",
        }
    }
}

/// What a command leaves to be shown.
#[derive(Default)]
pub(super) struct Shown {
    /// For standard output, with a newline at its end.
    pub(super) output: Zeroizing<String>,
    /// For a person who watches; never secret.
    pub(super) notes: Vec<String>,
}
