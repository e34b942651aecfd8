//! The parameters that every auth role has for the tokens it gives: Vault's `tokenutil` package.
//!
//! Three forms of the same values meet here: what a caller sends and what a read shows (seconds, words), by the tables in
//! `settings`, and what is stored, in the JSON of Vault's own plugins (durations in nanoseconds, the type as a number).
//! Older roles have five of the parameters under a name without the prefix; these [`DeprecatedFields`] are written, stored
//! and shown beside their successors as Vault does.

mod address;
mod login;
mod parameters;
mod settings;
mod stored;

use std::time::Duration;

use serde_json::{Map, Value};

use crate::framework::duration::human_duration;
use crate::framework::error::Error;
use crate::framework::field::{Field, FieldValues};
use crate::framework::response::TokenType;
pub use crate::framework::token::parameters::{DeprecatedFields, TokenParameters};
use crate::framework::token::settings::{CURRENT, DEPRECATED, NAMES};

impl TokenParameters {
    /// The fields for a role's table, with those under deprecated names.
    pub fn fields() -> impl Iterator<Item = &'static Field> {
        CURRENT.fields().chain(DEPRECATED.fields())
    }

    /// Changes what was given and leaves the rest, with Vault's checks in Vault's order.
    ///
    /// # Errors
    /// The first broken rule, as an answer that names the field. Then both are half changed and must not be used.
    pub fn merge(&mut self, old: &mut DeprecatedFields, given: &FieldValues) -> Result<(), Error> {
        CURRENT.merge(self, given)?;
        self.check()?;
        // With the successor given, the old value is not even read.
        let mut read = given.clone();
        for [old_name, name] in NAMES {
            if given.given(name) {
                read.remove(old_name);
            }
        }
        DEPRECATED.merge(old, &read)?;
        let [policies, ttl, max_ttl, period, bound_cidrs] =
            NAMES.map(|names| names.map(|name| given.given(name)));
        reconcile(policies, &mut old.policies, &mut self.policies);
        reconcile(ttl, &mut old.ttl, &mut self.ttl);
        reconcile(max_ttl, &mut old.max_ttl, &mut self.max_ttl);
        reconcile(period, &mut old.period, &mut self.period);
        reconcile(bound_cidrs, &mut old.bound_cidrs, &mut self.bound_cidrs);
        if !self.max_ttl.is_zero() && self.ttl > self.max_ttl {
            return Err(Error::bad_request("ttl exceeds max ttl"));
        }
        // Vault stops here, and so takes a batch type with a period if that has its old name.
        self.check()
    }

    /// Gives each parameter that is not set the value of its deprecated field: a stored role may be older than the prefix.
    pub fn upgrade(&mut self, old: &DeprecatedFields) {
        unless_set(&mut self.ttl, &old.ttl, Duration::is_zero);
        unless_set(&mut self.max_ttl, &old.max_ttl, Duration::is_zero);
        unless_set(&mut self.period, &old.period, Duration::is_zero);
        unless_set(&mut self.policies, &old.policies, empty);
        unless_set(&mut self.bound_cidrs, &old.bound_cidrs, empty);
    }

    fn check(&self) -> Result<(), Error> {
        let is_batch = matches!(self.token_type, TokenType::Batch | TokenType::DefaultBatch);
        let broken = [
            (self.num_uses < 0, "'token_num_uses' cannot be negative"),
            (
                is_batch && !self.period.is_zero(),
                "'token_type' cannot be 'batch' or 'default_batch' when set to generate periodic tokens \
                 ('token_period')",
            ),
            (
                is_batch && self.num_uses != 0,
                "'token_type' cannot be 'batch' or 'default_batch' when set to generate tokens with limited use \
                 count ('token_num_uses')",
            ),
            (
                !self.max_ttl.is_zero() && self.ttl > self.max_ttl,
                "'token_ttl' cannot be greater than 'token_max_ttl'",
            ),
            (
                self.strictly_bind_ip && !self.addresses().is_empty(),
                "'token_strictly_bind_ip' cannot be used together with 'token_bound_cidrs'",
            ),
        ];
        match broken.into_iter().find(|(broken, _)| *broken) {
            Some((_, rule)) => Err(Error::bad_request(rule)),
            None => Ok(()),
        }
    }

    /// What a read shows: seconds, words, empty lists in place of missing ones, and of the deprecated fields those that
    /// are set.
    pub fn shown(&self, old: &DeprecatedFields) -> Map<String, Value> {
        let mut data = CURRENT.shown(self);
        data.extend(DEPRECATED.shown(old));
        data
    }

    /// One warning for each TTL that the mount's maximum cuts, in human units.
    pub fn warnings(&self, old: &DeprecatedFields, limit: Duration) -> Vec<String> {
        [
            ("token_ttl", self.ttl, "ttl", old.ttl),
            ("token_max_ttl", self.max_ttl, "max_ttl", old.max_ttl),
            ("token_period", self.period, "period", old.period),
            (
                "token_explicit_max_ttl",
                self.explicit_max_ttl,
                "",
                Duration::ZERO,
            ),
        ]
        .into_iter()
        .filter(|(_, asked, ..)| *asked > limit)
        .map(|(name, asked, old_name, old_asked)| {
            let also = if old_asked.is_zero() {
                String::new()
            } else {
                format!(" ({old_name})")
            };
            format!(
                "{name}{also} of {} exceeds the mount's maximum of {}; tokens are capped to it",
                human_duration(asked),
                human_duration(limit)
            )
        })
        .collect()
    }
}

/// What a write does to a parameter and its deprecated field, by which of `[old, new]` were given, after each was read.
fn reconcile<T: Clone + Default>(given: [bool; 2], old: &mut T, new: &mut T) {
    match given {
        [false, false] => {}
        [true, false] => new.clone_from(old),
        [true, true] => old.clone_from(new),
        [false, true] => *old = T::default(),
    }
}

fn unless_set<T: Clone>(value: &mut T, old: &T, unset: impl Fn(&T) -> bool) {
    if unset(value) && !unset(old) {
        value.clone_from(old);
    }
}

fn empty<T>(list: &Option<Vec<T>>) -> bool {
    list.as_ref().is_none_or(Vec::is_empty)
}

#[cfg(test)]
mod tests;
