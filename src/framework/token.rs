//! The parameters that every auth role has for the tokens it gives: Vault's `tokenutil` package.
//!
//! Three shapes of the same values meet here: what a caller sends ([`TokenArguments`]), what is stored, in the JSON of
//! Vault's own plugins (durations in nanoseconds, the type as a number), and what a read shows (seconds, words). Older
//! roles have five of the parameters under a name without the prefix; these [deprecated twins](DeprecatedFields) are written,
//! stored and shown beside their successors as Vault does.

mod address;
mod stored;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value};

pub use address::{AddressError, BoundAddress};

use super::duration::human_duration;
use super::error::{Error, Status};
use super::excerpt::Excerpt;
use super::field::{Field, FieldKind};
use super::response::{Auth, TokenType};

/// What a role says about the tokens that it gives.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TokenParameters {
    /// Where the token may be used, and its login made; everywhere if empty. `None` where the list was never written,
    /// which Vault stores apart from an empty one.
    pub bound_cidrs: Option<Vec<BoundAddress>>,
    /// The end that no renewal passes, fixed when the token is made; zero is none.
    pub explicit_max_ttl: Duration,
    /// The end that no renewal passes; zero is the mount's maximum.
    pub max_ttl: Duration,
    /// Leaves the policy `default` out.
    pub no_default_policy: bool,
    /// How often the token may be used; zero is without limit.
    pub num_uses: i64,
    /// Above zero, the token can be renewed for ever, this long at a time.
    pub period: Duration,
    /// The token's policies. `None` as for the addresses.
    pub policies: Option<Vec<String>>,
    /// Service, batch, or as the mount says.
    pub token_type: TokenType,
    /// How long the token lives at first; zero is the mount's default.
    pub ttl: Duration,
    /// Binds each token to the address that its login came from. Of OpenBao.
    pub strictly_bind_ip: bool,
    /// Kept with the entity alias of whoever logs in. Of Vault from 1.21 on.
    pub alias_metadata: BTreeMap<String, String>,
    /// The values under the deprecated names.
    pub twins: DeprecatedFields,
}

/// The parameters under their deprecated names, as far as they were set under those.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeprecatedFields {
    /// Now `token_policies`.
    pub policies: Option<Vec<String>>,
    /// Now `token_ttl`.
    pub ttl: Duration,
    /// Now `token_max_ttl`.
    pub max_ttl: Duration,
    /// Now `token_period`.
    pub period: Duration,
    /// Now `token_bound_cidrs`.
    pub bound_cidrs: Option<Vec<BoundAddress>>,
}

/// What the caller of a write gave of the fields of [`TokenParameters::fields`] and
/// [`TokenParameters::deprecated_fields`]. Durations are seconds.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TokenArguments {
    token_bound_cidrs: Option<Vec<String>>,
    token_explicit_max_ttl: Option<u64>,
    token_max_ttl: Option<u64>,
    token_no_default_policy: Option<bool>,
    token_num_uses: Option<i64>,
    token_period: Option<u64>,
    token_policies: Option<Vec<String>>,
    token_type: Option<String>,
    token_ttl: Option<u64>,
    token_strictly_bind_ip: Option<bool>,
    alias_metadata: Option<BTreeMap<String, String>>,
    policies: Option<Vec<String>>,
    ttl: Option<u64>,
    max_ttl: Option<u64>,
    period: Option<u64>,
    bound_cidrs: Option<Vec<String>>,
}

impl TokenArguments {
    /// Takes the arguments of the token fields out of all arguments of a write. (Serde's `flatten` cannot do it: it does
    /// not read numbers that keep their digits.)
    ///
    /// # Errors
    /// When a value does not have the form of its field, which coercion rules out.
    pub fn take_from(arguments: &mut Map<String, Value>) -> Result<Self, serde_json::Error> {
        let fields = TokenParameters::fields()
            .into_iter()
            .chain(TokenParameters::deprecated_fields());
        let own: Map<String, Value> = fields
            .filter_map(|field| arguments.remove_entry(field.name()))
            .collect();
        serde_json::from_value(Value::Object(own))
    }
}

impl TokenParameters {
    /// The fields for a role's table, with the texts of Vault's SDK.
    #[must_use]
    pub fn fields() -> Vec<Field> {
        let field = |name, kind, label| Field::new(name, kind).display_name(label).group("Tokens");
        vec![
            field("token_bound_cidrs", FieldKind::CommaStringSlice, "Generated Token's Bound CIDRs")
                .describe(
                    "Comma separated string or JSON list of CIDR blocks. If set, specifies the blocks of IP addresses \
                     which are allowed to use the generated token.",
                )
                .display_description(
                    "A list of CIDR blocks. If set, specifies the blocks of IP addresses which are allowed to use the \
                     generated token.",
                ),
            field(
                "token_explicit_max_ttl",
                FieldKind::DurationSecond,
                "Generated Token's Explicit Maximum TTL",
            )
            .describe(
                "If set, tokens created via this role carry an explicit maximum TTL. During renewal, the current \
                 maximum TTL values of the role and the mount are not checked for changes, and any updates to these \
                 values will have no effect on the token being renewed.",
            ),
            field("token_max_ttl", FieldKind::DurationSecond, "Generated Token's Maximum TTL")
                .describe("The maximum lifetime of the generated token"),
            field(
                "token_no_default_policy",
                FieldKind::Bool,
                "Do Not Attach 'default' Policy To Generated Tokens",
            )
            .describe("If true, the 'default' policy will not automatically be added to generated tokens"),
            field("token_num_uses", FieldKind::Int, "Maximum Uses of Generated Tokens")
                .describe("The maximum number of times a token may be used, a value of zero means unlimited"),
            field("token_period", FieldKind::DurationSecond, "Generated Token's Period").describe(
                "If set, tokens created via this role will have no max lifetime; instead, their renewal period will \
                 be fixed to this value. This takes an integer number of seconds, or a string duration (e.g. \"24h\").",
            ),
            field("token_policies", FieldKind::CommaStringSlice, "Generated Token's Policies")
                .describe("Comma-separated list of policies")
                .display_description("A list of policies that will apply to the generated token for this user."),
            field("token_strictly_bind_ip", FieldKind::Bool, "Strictly Bind Generated Tokens To Login IP").describe(
                "If true, CIDRs for the token will be strictly bound to the source IP address of the login request",
            ),
            field("token_ttl", FieldKind::DurationSecond, "Generated Token's Initial TTL")
                .describe("The initial ttl of the token to generate"),
            field("token_type", FieldKind::String, "Generated Token's Type")
                .describe("The type of token to generate, service or batch")
                .documented_default("default-service"),
            field("alias_metadata", FieldKind::KvPairs, "Metadata of the Entity Alias").describe(
                "The metadata to be tied to generated entity alias. This should be a list or map containing the \
                 metadata in key value pairs.",
            ),
        ]
    }

    /// The fields under their deprecated names.
    #[must_use]
    pub fn deprecated_fields() -> Vec<Field> {
        macro_rules! instead_of {
            ($new:literal) => {
                concat!(
                    "Use \"",
                    $new,
                    "\" instead. If this and \"",
                    $new,
                    "\" are both specified, only \"",
                    $new,
                    "\" will be used."
                )
            };
        }
        let field = |name, kind, text| Field::new(name, kind).describe(text).deprecated();
        vec![
            field(
                "policies",
                FieldKind::CommaStringSlice,
                instead_of!("token_policies"),
            ),
            field("ttl", FieldKind::DurationSecond, instead_of!("token_ttl")),
            field("max_ttl", FieldKind::DurationSecond, instead_of!("token_max_ttl")),
            field("period", FieldKind::DurationSecond, instead_of!("token_period")),
            field(
                "bound_cidrs",
                FieldKind::CommaStringSlice,
                instead_of!("token_bound_cidrs"),
            ),
        ]
    }

    /// Changes what was given and leaves the rest, with Vault's checks in Vault's order.
    ///
    /// # Errors
    /// The first broken rule, as an answer that names the field. Then `self` is half changed and must not be used.
    pub fn apply(&mut self, given: TokenArguments) -> Result<(), Error> {
        let (policies_given, cidrs_given) =
            (given.token_policies.is_some(), given.token_bound_cidrs.is_some());
        let new_given = [given.token_ttl, given.token_max_ttl, given.token_period].map(|ttl| ttl.is_some());
        if let Some(addresses) = given.token_bound_cidrs {
            self.bound_cidrs = Some(parse_addresses("token_bound_cidrs", &addresses)?);
        }
        set_duration(&mut self.explicit_max_ttl, given.token_explicit_max_ttl);
        set_duration(&mut self.max_ttl, given.token_max_ttl);
        set(&mut self.no_default_policy, given.token_no_default_policy);
        set_duration(&mut self.period, given.token_period);
        if given.token_policies.is_some() {
            self.policies = given.token_policies;
        }
        if let Some(word) = given.token_type {
            self.token_type = match word.as_str() {
                "" | "default" => TokenType::Default,
                "service" => TokenType::Service,
                "batch" => TokenType::Batch,
                _ => {
                    return Err(Error::bad_request(format!(
                        "invalid 'token_type' value {:?}: it can be default, service or batch",
                        Excerpt(&word)
                    )));
                }
            };
        }
        set(&mut self.num_uses, given.token_num_uses);
        set_duration(&mut self.ttl, given.token_ttl);
        set(&mut self.strictly_bind_ip, given.token_strictly_bind_ip);
        set(&mut self.alias_metadata, given.alias_metadata);
        self.check()?;

        let twins = &mut self.twins;
        let policies = given.policies.map(|policies| Some(normal_policies(&policies)));
        upgrade(policies, policies_given, &mut twins.policies, &mut self.policies);
        let [ttl_given, max_ttl_given, period_given] = new_given;
        upgrade(seconds(given.ttl), ttl_given, &mut twins.ttl, &mut self.ttl);
        upgrade(
            seconds(given.max_ttl),
            max_ttl_given,
            &mut twins.max_ttl,
            &mut self.max_ttl,
        );
        upgrade(
            seconds(given.period),
            period_given,
            &mut twins.period,
            &mut self.period,
        );
        let addresses = match given.bound_cidrs {
            // With the successor given, the old value is not even read.
            Some(_) if cidrs_given => Some(None),
            Some(addresses) => Some(Some(parse_addresses("bound_cidrs", &addresses)?)),
            None => None,
        };
        upgrade(
            addresses,
            cidrs_given,
            &mut twins.bound_cidrs,
            &mut self.bound_cidrs,
        );
        if !self.max_ttl.is_zero() && self.ttl > self.max_ttl {
            return Err(Error::bad_request("ttl exceeds max ttl"));
        }
        // Vault stops here, and so takes a batch type with a period if that has its old name.
        self.check()
    }

    fn check(&self) -> Result<(), Error> {
        if self.num_uses < 0 {
            return Err(Error::bad_request("'token_num_uses' cannot be negative"));
        }
        if matches!(self.token_type, TokenType::Batch | TokenType::DefaultBatch) {
            if !self.period.is_zero() {
                return Err(Error::bad_request(
                    "'token_type' cannot be 'batch' or 'default_batch' when set to generate periodic tokens \
                     ('token_period')",
                ));
            }
            if self.num_uses != 0 {
                return Err(Error::bad_request(
                    "'token_type' cannot be 'batch' or 'default_batch' when set to generate tokens with limited use \
                     count ('token_num_uses')",
                ));
            }
        }
        if !self.max_ttl.is_zero() && self.ttl > self.max_ttl {
            return Err(Error::bad_request(
                "'token_ttl' cannot be greater than 'token_max_ttl'",
            ));
        }
        if self.strictly_bind_ip && !self.addresses().is_empty() {
            return Err(Error::bad_request(
                "'token_strictly_bind_ip' cannot be used together with 'token_bound_cidrs'",
            ));
        }
        Ok(())
    }

    /// The addresses that logins and tokens are bound to; none for no bounds.
    #[must_use]
    pub fn addresses(&self) -> &[BoundAddress] {
        self.bound_cidrs.as_deref().unwrap_or_default()
    }

    /// Adds what a read shows: seconds, words, empty lists in place of missing ones, and of the twins those that are
    /// set.
    pub fn show(&self, data: &mut Map<String, Value>) {
        let texts = |addresses: &[BoundAddress]| {
            Value::from(addresses.iter().map(ToString::to_string).collect::<Vec<_>>())
        };
        let mut show = |name: &str, value: Value| data.insert(name.to_owned(), value);
        show("token_bound_cidrs", texts(self.addresses()));
        show("token_explicit_max_ttl", self.explicit_max_ttl.as_secs().into());
        show("token_max_ttl", self.max_ttl.as_secs().into());
        show("token_no_default_policy", self.no_default_policy.into());
        show("token_num_uses", self.num_uses.into());
        show("token_period", self.period.as_secs().into());
        show("token_policies", self.policies.clone().unwrap_or_default().into());
        show("token_strictly_bind_ip", self.strictly_bind_ip.into());
        show("token_ttl", self.ttl.as_secs().into());
        show("token_type", self.token_type.word().into());
        let metadata = self.alias_metadata.iter();
        let metadata = metadata.map(|(name, value)| (name.clone(), value.as_str().into()));
        show("alias_metadata", Value::Object(metadata.collect()));

        let twins = &self.twins;
        for (name, ttl) in [
            ("ttl", twins.ttl),
            ("max_ttl", twins.max_ttl),
            ("period", twins.period),
        ] {
            if !ttl.is_zero() {
                show(name, ttl.as_secs().into());
            }
        }
        if let Some(policies) = twins.policies.as_ref().filter(|policies| !policies.is_empty()) {
            show("policies", policies.clone().into());
        }
        if let Some(addresses) = twins
            .bound_cidrs
            .as_ref()
            .filter(|addresses| !addresses.is_empty())
        {
            show("bound_cidrs", texts(addresses));
        }
    }

    /// One warning for each TTL that the mount's maximum cuts, in human units.
    #[must_use]
    pub fn warnings(&self, limit: Duration) -> Vec<String> {
        let twins = &self.twins;
        [
            ("token_ttl", self.ttl, "ttl", twins.ttl),
            ("token_max_ttl", self.max_ttl, "max_ttl", twins.max_ttl),
            ("token_period", self.period, "period", twins.period),
            (
                "token_explicit_max_ttl",
                self.explicit_max_ttl,
                "",
                Duration::ZERO,
            ),
        ]
        .into_iter()
        .filter(|(_, asked, ..)| *asked > limit)
        .map(|(name, asked, old_name, old)| {
            let also = if old.is_zero() {
                String::new()
            } else {
                format!(" ({old_name})")
            };
            format!(
                "{name}{also} of {} exceeds the mount's maximum of {}, to which tokens are cut",
                human_duration(asked),
                human_duration(limit)
            )
        })
        .collect()
    }

    /// Whether a login from this address may go on.
    ///
    /// # Errors
    /// "Permission denied" when there are bounds and the address is unknown or outside of all.
    pub fn check_address(&self, client: Option<&str>) -> Result<(), Error> {
        if self.addresses().is_empty() && !self.strictly_bind_ip {
            return Ok(());
        }
        let Some(client) = client.and_then(address::client) else {
            tracing::warn!("a role has bound CIDRs, but the server did not say where the login came from");
            return Err(denied(
                "the client's address is not known, and the role is bound to addresses",
            ));
        };
        let within = |addresses: &[BoundAddress]| addresses.iter().any(|bound| bound.contains(client));
        if self.addresses().is_empty() || within(self.addresses()) {
            return Ok(());
        }
        Err(denied(
            "the client's address is not within the role's token_bound_cidrs",
        ))
    }

    /// Fills in what the role says about the token. The alias must already be there; of its metadata, what is there
    /// stays.
    ///
    /// # Errors
    /// "Permission denied" when the token is to be bound to a client's address that is not known.
    pub fn populate(&self, auth: &mut Auth, client: Option<&str>) -> Result<(), Error> {
        auth.bound_cidrs = if self.strictly_bind_ip {
            let address: Option<IpAddr> = client.and_then(address::client);
            vec![
                address
                    .ok_or_else(|| denied("the client's address is not known"))?
                    .to_string(),
            ]
        } else {
            self.addresses().iter().map(ToString::to_string).collect()
        };
        auth.explicit_max_ttl = self.explicit_max_ttl;
        auth.lease.max_ttl = self.max_ttl;
        auth.no_default_policy = self.no_default_policy;
        auth.period = self.period;
        auth.policies = self.policies.clone().unwrap_or_default();
        auth.lease.renewable = true;
        auth.token_type = self.token_type;
        auth.lease.ttl = self.ttl;
        auth.num_uses = self.num_uses;
        if let Some(alias) = &mut auth.alias {
            for (name, value) in &self.alias_metadata {
                alias
                    .metadata
                    .entry(name.clone())
                    .or_insert_with(|| value.clone());
            }
        }
        Ok(())
    }

    /// Sets the terms of a token's renewal to what the role says now. Everything else of a token stays as its login
    /// made it.
    pub fn renew(&self, auth: &mut Auth) {
        auth.lease.ttl = self.ttl;
        auth.lease.max_ttl = self.max_ttl;
        auth.period = self.period;
    }
}

fn denied(reason: &str) -> Error {
    Error::coded(Status::FORBIDDEN, format!("permission denied: {reason}"))
}

fn set<T>(value: &mut T, given: Option<T>) {
    if let Some(given) = given {
        *value = given;
    }
}

fn set_duration(value: &mut Duration, given: Option<u64>) {
    set(value, seconds(given));
}

fn seconds(given: Option<u64>) -> Option<Duration> {
    given.map(Duration::from_secs)
}

fn parse_addresses(field: &'static str, addresses: &[String]) -> Result<Vec<BoundAddress>, Error> {
    let parse = |text: &String| {
        BoundAddress::parse(text)
            .map_err(|error| Error::bad_request(format!("{field}: {:?}: {error}", Excerpt(text))))
    };
    addresses.iter().map(parse).collect()
}

/// What a write does to a parameter and its deprecated twin, after the parameter itself was set.
fn upgrade<T: Clone + Default>(old_given: Option<T>, new_given: bool, old: &mut T, new: &mut T) {
    match (new_given, old_given) {
        (false, None) => {}
        (false, Some(given)) => {
            new.clone_from(&given);
            *old = given;
        }
        (true, Some(_)) => old.clone_from(new),
        (true, None) => *old = T::default(),
    }
}

/// What Vault does to policies under the deprecated name: trimmed, lower case, sorted, each once; and `root` alone if
/// it is there.
fn normal_policies(given: &[String]) -> Vec<String> {
    let mut policies: Vec<_> = given.iter().map(|policy| policy.trim().to_lowercase()).collect();
    if policies.iter().any(|policy| policy == "root") {
        return vec!["root".to_owned()];
    }
    policies.retain(|policy| !policy.is_empty());
    policies.sort_unstable();
    policies.dedup();
    policies
}
