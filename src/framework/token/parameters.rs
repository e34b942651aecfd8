//! The parameters, as a role keeps and stores them.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::framework::response::TokenType;
use crate::framework::stored as form;
use crate::framework::token::address::BoundAddress;
use crate::framework::token::stored;

/// What a role says about the tokens that it gives. A stored role has these as members of its own, in this order
/// (`#[serde(flatten)]`); those that only newer hosts know are written where they are set.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TokenParameters {
    /// Where the token may be used, and its login made; everywhere if empty. `None` where the list was never written,
    /// which Vault stores apart from an empty one.
    #[serde(rename = "token_bound_cidrs")]
    pub bound_cidrs: Option<Vec<BoundAddress>>,
    /// The end that no renewal passes, fixed when the token is made; zero is none.
    #[serde(rename = "token_explicit_max_ttl", with = "form::nanoseconds")]
    pub explicit_max_ttl: Duration,
    /// The end that no renewal passes; zero is the mount's maximum.
    #[serde(rename = "token_max_ttl", with = "form::nanoseconds")]
    pub max_ttl: Duration,
    /// Leaves the policy `default` out.
    #[serde(
        rename = "token_no_default_policy",
        deserialize_with = "form::null_as_default"
    )]
    pub no_default_policy: bool,
    /// How often the token may be used; zero is without limit.
    #[serde(rename = "token_num_uses", deserialize_with = "form::null_as_default")]
    pub num_uses: i64,
    /// Above zero, the token can be renewed for ever, this long at a time.
    #[serde(rename = "token_period", with = "form::nanoseconds")]
    pub period: Duration,
    /// The token's policies. `None` as for the addresses.
    #[serde(rename = "token_policies")]
    pub policies: Option<Vec<String>>,
    /// Service, batch, or as the mount says.
    #[serde(rename = "token_type", with = "stored::token_type")]
    pub token_type: TokenType,
    /// How long the token lives at first; zero is the mount's default.
    #[serde(rename = "token_ttl", with = "form::nanoseconds")]
    pub ttl: Duration,
    /// Binds each token to the address that its login came from. Of OpenBao.
    #[serde(
        rename = "token_strictly_bind_ip",
        deserialize_with = "form::null_as_default",
        skip_serializing_if = "std::ops::Not::not"
    )]
    pub strictly_bind_ip: bool,
    /// Kept with the entity alias of whoever logs in. Of Vault from 1.21 on.
    #[serde(
        deserialize_with = "form::null_as_default",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub alias_metadata: BTreeMap<String, String>,
}

/// The parameters under their deprecated names, as far as they were set under those. A stored role has these as its last
/// members of Vault's.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DeprecatedFields {
    /// Now `token_policies`.
    pub policies: Option<Vec<String>>,
    /// Now `token_ttl`.
    #[serde(with = "form::nanoseconds")]
    pub ttl: Duration,
    /// Now `token_max_ttl`.
    #[serde(with = "form::nanoseconds")]
    pub max_ttl: Duration,
    /// Now `token_period`.
    #[serde(with = "form::nanoseconds")]
    pub period: Duration,
    /// Now `token_bound_cidrs`.
    pub bound_cidrs: Option<Vec<BoundAddress>>,
}

impl TokenParameters {
    /// The addresses that logins and tokens are bound to; none for no bounds.
    pub fn addresses(&self) -> &[BoundAddress] {
        self.bound_cidrs.as_deref().unwrap_or_default()
    }
}
