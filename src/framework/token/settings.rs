//! The settings of tokens, with the texts of Vault's SDK.

use std::sync::LazyLock;

use serde_json::Value;

use crate::framework::error::Error;
use crate::framework::excerpt::Excerpt;
use crate::framework::field::{Field, FieldKind};
use crate::framework::response::TokenType;
use crate::framework::settings::{Setting, SettingValue, Settings};
use crate::framework::token::address::BoundAddress;
use crate::framework::token::parameters::{DeprecatedFields, TokenParameters};

/// Each parameter with a deprecated name, which comes first.
pub(super) const NAMES: [[&str; 2]; 5] = [
    ["policies", "token_policies"],
    ["ttl", "token_ttl"],
    ["max_ttl", "token_max_ttl"],
    ["period", "token_period"],
    ["bound_cidrs", "token_bound_cidrs"],
];

/// The parameters under their names of today.
pub(super) static CURRENT: LazyLock<Settings<TokenParameters>> = LazyLock::new(|| {
    Settings::new()
        .with(
            addresses("token_bound_cidrs", |token: &mut TokenParameters| &mut token.bound_cidrs)
                .document(labelled("Generated Token's Bound CIDRs"))
                .document(|field| {
                    field.display_description(
                        "A list of CIDR blocks. If set, specifies the blocks of IP addresses which are allowed to use \
                         the generated token.",
                    )
                })
                .describe(
                    "Comma separated string or JSON list of CIDR blocks. If set, specifies the blocks of IP addresses \
                     which are allowed to use the generated token.",
                ),
        )
        .with(
            current("token_explicit_max_ttl", |token| &mut token.explicit_max_ttl, "Generated Token's Explicit Maximum TTL")
                .describe(
                    "If set, tokens created via this role carry an explicit maximum TTL. During renewal, the current \
                     maximum TTL values of the role and the mount are not checked for changes, and any updates to these \
                     values will have no effect on the token being renewed.",
                ),
        )
        .with(
            current("token_max_ttl", |token| &mut token.max_ttl, "Generated Token's Maximum TTL")
                .describe("The maximum lifetime of the generated token"),
        )
        .with(
            current(
                "token_no_default_policy",
                |token| &mut token.no_default_policy,
                "Do Not Attach 'default' Policy To Generated Tokens",
            )
            .describe("If true, the 'default' policy will not automatically be added to generated tokens"),
        )
        .with(
            current("token_period", |token| &mut token.period, "Generated Token's Period").describe(
                "If set, tokens created via this role will have no max lifetime; instead, their renewal period will \
                 be fixed to this value. This takes an integer number of seconds, or a string duration (e.g. \"24h\").",
            ),
        )
        .with(
            policies("token_policies", |token: &mut TokenParameters| &mut token.policies, <[String]>::to_vec)
                .document(labelled("Generated Token's Policies"))
                .document(|field| {
                    field.display_description("A list of policies that will apply to the generated token for this user.")
                })
                .describe("Comma-separated list of policies"),
        )
        .with(
            Setting::custom(
                Field::new("token_type", FieldKind::String).documented_default("default-service"),
                |token: &mut TokenParameters| &mut token.token_type,
                |_, value| token_type(value),
                |token_type| token_type.word().into(),
            )
            .document(labelled("Generated Token's Type"))
            .describe("The type of token to generate, service or batch"),
        )
        .with(
            current("token_num_uses", |token| &mut token.num_uses, "Maximum Uses of Generated Tokens")
                .describe("The maximum number of times a token may be used, a value of zero means unlimited"),
        )
        .with(
            current("token_ttl", |token| &mut token.ttl, "Generated Token's Initial TTL")
                .describe("The initial ttl of the token to generate"),
        )
        .with(
            current(
                "token_strictly_bind_ip",
                |token| &mut token.strictly_bind_ip,
                "Strictly Bind Generated Tokens To Login IP",
            )
            .describe(
                "If true, CIDRs for the token will be strictly bound to the source IP address of the login request",
            ),
        )
        .with(
            current("alias_metadata", |token| &mut token.alias_metadata, "Metadata of the Entity Alias").describe(
                "The metadata to be tied to generated entity alias. This should be a list or map containing the \
                 metadata in key value pairs.",
            ),
        )
});

/// The parameters under their deprecated names. A read shows those that are set.
pub(super) static DEPRECATED: LazyLock<Settings<DeprecatedFields>> = LazyLock::new(|| {
    macro_rules! instead_of {
        ($setting:expr, $new:literal) => {
            $setting.document(Field::deprecated).describe(concat!(
                "Use \"",
                $new,
                "\" instead. If this and \"",
                $new,
                "\" are both specified, only \"",
                $new,
                "\" will be used."
            ))
        };
    }
    type Old = DeprecatedFields;
    Settings::new()
        .with(instead_of!(
            policies("policies", |old: &mut Old| &mut old.policies, normal_policies).shown_if_set(),
            "token_policies"
        ))
        .with(instead_of!(
            Setting::new("ttl", |old: &mut Old| &mut old.ttl).shown_if_set(),
            "token_ttl"
        ))
        .with(instead_of!(
            Setting::new("max_ttl", |old: &mut Old| &mut old.max_ttl).shown_if_set(),
            "token_max_ttl"
        ))
        .with(instead_of!(
            Setting::new("period", |old: &mut Old| &mut old.period).shown_if_set(),
            "token_period"
        ))
        .with(instead_of!(
            addresses("bound_cidrs", |old: &mut Old| &mut old.bound_cidrs).shown_if_set(),
            "token_bound_cidrs"
        ))
});

fn current<T: SettingValue + 'static>(
    name: &'static str,
    access: fn(&mut TokenParameters) -> &mut T,
    label: &'static str,
) -> Setting<TokenParameters> {
    Setting::new(name, access).document(labelled(label))
}

fn labelled(label: &'static str) -> impl FnOnce(Field) -> Field {
    move |field| field.display_name(label).group("Tokens")
}

fn policies<C: 'static>(
    name: &'static str,
    access: fn(&mut C) -> &mut Option<Vec<String>>,
    normal: fn(&[String]) -> Vec<String>,
) -> Setting<C> {
    Setting::custom(
        Field::new(name, FieldKind::CommaStringSlice),
        access,
        move |_, value| Ok(Some(normal(&texts(value)))),
        |policies| policies.clone().unwrap_or_default().into(),
    )
}

fn addresses<C: 'static>(
    name: &'static str,
    access: fn(&mut C) -> &mut Option<Vec<BoundAddress>>,
) -> Setting<C> {
    let parse = |name, text: &String| {
        BoundAddress::parse(text)
            .map_err(|error| Error::bad_request(format!("{name}: {:?}: {error}", Excerpt(text))))
    };
    Setting::custom(
        Field::new(name, FieldKind::CommaStringSlice),
        access,
        move |name, value| {
            texts(value)
                .iter()
                .map(|text| parse(name, text))
                .collect::<Result<_, _>>()
                .map(Some)
        },
        |addresses| addresses.iter().flatten().map(ToString::to_string).collect(),
    )
}

/// The elements of a list that was coerced to texts.
fn texts(list: &Value) -> Vec<String> {
    let elements = list.as_array().into_iter().flatten();
    elements.filter_map(Value::as_str).map(str::to_owned).collect()
}

fn token_type(value: &Value) -> Result<TokenType, Error> {
    match value.as_str().unwrap_or_default() {
        "" | "default" => Ok(TokenType::Default),
        "service" => Ok(TokenType::Service),
        "batch" => Ok(TokenType::Batch),
        word => Err(Error::bad_request(format!(
            "invalid 'token_type' value {:?}: it can be default, service or batch",
            Excerpt(word)
        ))),
    }
}

/// What Vault does to policies under the deprecated name: trimmed, lower case, sorted, each once; and `root` alone if
/// it is there.
pub(super) fn normal_policies(given: &[String]) -> Vec<String> {
    let mut policies: Vec<_> = given.iter().map(|policy| policy.trim().to_lowercase()).collect();
    if policies.iter().any(|policy| policy == "root") {
        return vec!["root".to_owned()];
    }
    policies.retain(|policy| !policy.is_empty());
    policies.sort_unstable();
    policies.dedup();
    policies
}
