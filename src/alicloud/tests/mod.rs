//! The client's rules, as calls of RAM show them.

mod calls;
mod credentials;
