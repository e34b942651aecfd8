//! Behaviour tests.
mod arrows;
