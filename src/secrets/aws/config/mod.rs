//! `config/root` and `config/lease`: what the engine works with, each as it is stored, written and shown.

pub(super) mod lease;
pub(super) mod root;
