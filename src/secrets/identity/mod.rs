//! Values of the caller's identity in texts: `{{identity.entity.name}}` and its like, as in Vault's ACL policy templates.
//!
//! A [`Selector`] names a value, a [`Text`] is a text with selectors, and [`Identity`] has the values of one caller. A value
//! never changes what is around it: one with another character than those of names is refused, and one that is missing
//! fails the request. Sources: "Templated policies" of Vault's documentation on policies.

mod caller;
mod selector;
#[cfg(test)]
mod tests;
mod text;

pub use caller::Identity;
pub use selector::{Selector, SelectorError};
pub use text::{Text, has_groups, has_selectors};
