//! What a host asks a backend about itself, once for each mount.

/// Whether a backend is mounted under `auth/` or beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BackendKind {
    /// An auth method.
    Auth,
    /// A secrets engine.
    Secrets,
}

/// Paths that the host treats specially. It asks once for each mount.
#[derive(Debug, Clone, Default)]
pub struct SpecialPaths {
    /// Served only to tokens whose policy grants `sudo`.
    pub root_protected: Vec<String>,
    /// Served without a token.
    pub unauthenticated: Vec<String>,
    /// Storage that the host wraps with its seal.
    pub seal_wrapped: Vec<String>,
}
