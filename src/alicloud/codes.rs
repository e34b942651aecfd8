//! The cloud's codes, sorted into kinds and subjects. The only place that knows code texts by family.

use crate::cloud::meaning::{Meaning, ambiguous, refused, told};
use crate::cloud::{Kind, Subject};

/// Families and single codes. An entry matches its own text and everything that continues it with a dot; the first
/// that matches wins, so the special ones come first.
const FAMILIES: &[(&str, Meaning)] = &[
    (
        "Throttling",
        told(Kind::Throttled, "too many calls in this account"),
    ),
    (
        "Rejected.Throttling",
        told(Kind::Throttled, "too many calls in this account"),
    ),
    (
        "ServiceUnavailable",
        told(Kind::Unavailable, "the service is temporarily unavailable"),
    ),
    (
        "InternalError",
        ambiguous(Kind::Unavailable, "the service failed"),
    ),
    ("UnknownError", ambiguous(Kind::Unavailable, "the service failed")),
    ("EntityNotExist", refused(Kind::NotFound)),
    ("EntityAlreadyExists", refused(Kind::Exists)),
    ("DeleteConflict", refused(Kind::Conflict)),
    ("LimitExceeded", refused(Kind::LimitExceeded)),
    // Each try of ours has a new nonce: only a copy made on the way can have used it up, and that one arrived.
    (
        "SignatureNonceUsed",
        ambiguous(
            Kind::Interrupted,
            "the nonce was already used: a duplicate of this request arrived first",
        ),
    ),
    (
        "InvalidTimeStamp",
        told(
            Kind::Clock,
            "the time of the request differs too much from the cloud's clock",
        ),
    ),
    (
        "SignatureDoesNotMatch",
        told(
            Kind::Credentials,
            "the access key secret does not belong to the access key id",
        ),
    ),
    (
        "IncompleteSignature",
        told(
            Kind::Credentials,
            "the access key secret does not belong to the access key id",
        ),
    ),
    (
        "InvalidSignatureMethod",
        told(Kind::Credentials, "the signature was not accepted"),
    ),
    (
        "InvalidAccessKeyId.NotFound",
        told(Kind::Credentials, "the access key id is not known"),
    ),
    (
        "InvalidAccessKeyId.Inactive",
        told(Kind::Credentials, "the access key is disabled"),
    ),
    (
        "Forbidden.AccessKeyDisabled",
        told(Kind::Credentials, "the access key is disabled"),
    ),
    (
        "InvalidAccessKeyId",
        told(Kind::Credentials, "the access key was not accepted"),
    ),
    (
        "InvalidAccessKeySecret",
        told(Kind::Credentials, "the access key secret was not accepted"),
    ),
    (
        "InvalidSecurityToken.Expired",
        told(Kind::Credentials, "the security token has expired"),
    ),
    (
        "InvalidSecurityToken",
        told(Kind::Credentials, "the security token was not accepted"),
    ),
    (
        "MissingSecurityToken",
        told(
            Kind::Credentials,
            "a temporary access key was used without its security token",
        ),
    ),
    (
        "AuthenticationFail.NoPermission",
        told(Kind::Denied, "the role does not trust this identity"),
    ),
    (
        "AuthenticationFail.OIDCToken.Expired",
        told(Kind::Credentials, "the identity token has expired"),
    ),
    (
        "AuthenticationFail",
        told(Kind::Credentials, "the identity was not accepted"),
    ),
    ("NoPermission", refused(Kind::Denied)),
    ("Forbidden", refused(Kind::Denied)),
    ("NotAuthorized", refused(Kind::Denied)),
    (
        "Inactive",
        told(
            Kind::Denied,
            "the RAM service was never activated in this account",
        ),
    ),
    ("CheckAuthenticationCodeFail", refused(Kind::Denied)),
    (
        "InvalidProduct",
        told(
            Kind::Invalid,
            "this host does not serve this operation; check the endpoint",
        ),
    ),
    (
        "InvalidApi",
        told(
            Kind::Invalid,
            "this host does not know this operation; check the endpoint",
        ),
    ),
    (
        "InvalidAction",
        told(
            Kind::Invalid,
            "this host does not know this operation; check the endpoint",
        ),
    ),
    (
        "InvalidVersion",
        told(
            Kind::Invalid,
            "this host does not know this operation; check the endpoint",
        ),
    ),
    ("MalformedPolicyDocument", refused(Kind::Invalid)),
    (
        "UnsupportedHTTPMethod",
        told(Kind::Invalid, "the HTTP method was not accepted"),
    ),
];

/// The refusal of a call because the cloud has found the access key in public has no code of its own: "Forbidden: There is
/// a risk of leakage of this AccessKey."
pub(super) const LEAKED: Meaning = told(
    Kind::Credentials,
    "Alibaba Cloud has restricted this access key because it may have leaked",
);

/// What a code means, with the cloud's message; of a code that is in no family, what the status suggests, and never that
/// something does not exist or already exists.
pub(super) fn meaning(code: &str, message: &str, status: u16) -> Meaning {
    let family = |family: &str| {
        code.strip_prefix(family)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    let is_refusal = ["Forbidden", "NoPermission", "NotAuthorized"]
        .into_iter()
        .any(family);
    if is_refusal && [code, message].into_iter().any(mentions_a_leak) {
        return LEAKED;
    }
    if let Some((_, meaning)) = FAMILIES.iter().find(|(name, _)| family(name)) {
        return *meaning;
    }
    // `MissingUserName`, `InvalidParameter.UserName.Length` and whatever else begins like them.
    if code.starts_with("Missing") || code.starts_with("Invalid") {
        return refused(Kind::Invalid);
    }
    match status {
        429 => refused(Kind::Throttled),
        401 | 403 => refused(Kind::Denied),
        409 => refused(Kind::Conflict),
        400..=499 => refused(Kind::Invalid),
        500..=599 => ambiguous(Kind::Unavailable, "the service failed"),
        _ => ambiguous(Kind::Unexpected, "the answer has an unknown code"),
    }
}

/// Looks at plain words only: a message may also quote the names of users, roles and policies, which callers choose in
/// part.
fn mentions_a_leak(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    let is_plain = |word: &&str| {
        word.bytes()
            .all(|byte| byte.is_ascii_alphabetic() || b".,;:!()".contains(&byte))
    };
    text.split_whitespace()
        .filter(is_plain)
        .any(|word| word.contains("leak") || word.contains("compromised"))
}

/// What an answer without a code means: it came from something on the way, not from the service.
pub(super) fn meaning_without_code(status: u16) -> Meaning {
    match status {
        407 => told(Kind::Connect, "the proxy requires authentication"),
        429 => told(Kind::Throttled, "too many calls"),
        300..=399 => ambiguous(
            Kind::Unexpected,
            "the answer is a redirect, which is not followed",
        ),
        500..=599 => ambiguous(Kind::Unavailable, "the service, or a gateway before it, failed"),
        _ => ambiguous(Kind::Unexpected, "the answer is not one of this service"),
    }
}

/// What a refusal is about, by the last part of its code that names a thing: "DeleteConflict.Policy.Version.Default" is
/// about the version.
pub(super) fn subject(kind: Kind, code: &str) -> Option<Subject> {
    if !matches!(
        kind,
        Kind::NotFound | Kind::Exists | Kind::Conflict | Kind::LimitExceeded
    ) {
        return None;
    }
    code.rsplit('.').find_map(|part| {
        Some(match part {
            "AccessKey" => Subject::AccessKey,
            "Group" => Subject::Group,
            "LoginProfile" => Subject::LoginProfile,
            "MFADevice" => Subject::MfaDevice,
            "Policy" => Subject::Policy,
            "Role" => Subject::Role,
            "User" => Subject::User,
            "Version" => Subject::Version,
            _ => return None,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_subject_is_the_last_known_part() {
        for (kind, code, expected) in [
            (
                Kind::Conflict,
                "DeleteConflict.User.MFADevice",
                Some(Subject::MfaDevice),
            ),
            (
                Kind::Conflict,
                "DeleteConflict.Policy.Version.Default",
                Some(Subject::Version),
            ),
            (
                Kind::NotFound,
                "EntityNotExist.User.AccessKey",
                Some(Subject::AccessKey),
            ),
            (Kind::NotFound, "EntityNotExist.Something", None),
            (Kind::Denied, "NoPermission.User", None),
        ] {
            assert_eq!(subject(kind, code), expected, "{code}");
        }
    }

    #[test]
    fn codes_fall_into_their_families() {
        for (code, status, kind) in [
            ("Throttling", 400, Kind::Throttled),
            ("Throttling.User", 429, Kind::Throttled),
            ("Rejected.Throttling", 503, Kind::Throttled),
            ("ServiceUnavailable", 503, Kind::Unavailable),
            ("InternalError", 500, Kind::Unavailable),
            ("EntityNotExist.User.AccessKey", 404, Kind::NotFound),
            ("EntityNotExist", 404, Kind::NotFound),
            ("EntityAlreadyExists.User.Policy", 409, Kind::Exists),
            ("DeleteConflict.Policy.Role", 409, Kind::Conflict),
            ("LimitExceeded.User.AccessKey", 409, Kind::LimitExceeded),
            ("InvalidTimeStamp.Expired", 400, Kind::Clock),
            ("SignatureNonceUsed", 400, Kind::Interrupted),
            ("IncompleteSignature", 400, Kind::Credentials),
            ("InvalidAccessKeyId.NotFound", 404, Kind::Credentials),
            ("InvalidAccessKeyId.Inactive", 400, Kind::Credentials),
            ("Forbidden.AccessKeyDisabled", 403, Kind::Credentials),
            ("Forbidden.RAM", 403, Kind::Denied),
            (
                "InvalidSecurityToken.MismatchWithAccessKey",
                400,
                Kind::Credentials,
            ),
            ("MissingSecurityToken", 400, Kind::Credentials),
            ("MissingUserName", 400, Kind::Invalid),
            ("InvalidParameter.PolicyName.InvalidChars", 400, Kind::Invalid),
            ("InvalidProduct.NotFound", 404, Kind::Invalid),
            ("NoPermission", 403, Kind::Denied),
            ("AuthenticationFail.OIDCToken.Expired", 400, Kind::Credentials),
            ("AuthenticationFail.NoPermission", 403, Kind::Denied),
            // The status of a known code does not matter, and an unknown code never means "not found".
            ("EntityNotExist.User", 500, Kind::NotFound),
            ("SomethingNew", 404, Kind::Invalid),
            ("EntityNotExistence", 404, Kind::Invalid),
            ("SomethingNew", 500, Kind::Unavailable),
        ] {
            assert_eq!(meaning(code, "", status).kind, kind, "{code}");
        }
    }

    #[test]
    fn a_leaked_key_is_known_by_the_message() {
        for (code, message, leaked) in [
            ("Forbidden", "There is a risk of leakage of this AccessKey.", true),
            (
                "Forbidden",
                "Forbidden: There is a risk of leakage of this AccessKey.",
                true,
            ),
            (
                "Forbidden.AccessKey",
                "there is a risk of LEAKAGE of this AccessKey",
                true,
            ),
            ("Forbidden.AccessKeyLeaked", "", true),
            ("NoPermission", "This AccessKey may have been leaked.", true),
            ("NotAuthorized", "The AccessKey is compromised.", true),
            ("Forbidden", "You are not authorized to do this action.", false),
            (
                "NoPermission",
                "no permission for acs:ram:*:1:user/vault-leak-scanner",
                false,
            ),
            ("EntityNotExist.Policy", "The policy leaks does not exist.", false),
            ("MalformedPolicyDocument", "leakage", false),
        ] {
            assert_eq!(meaning(code, message, 403) == LEAKED, leaked, "{code} {message}");
        }
    }

    #[test]
    fn only_what_may_have_happened_is_ambiguous() {
        for code in ["InternalError", "UnknownError", "SignatureNonceUsed"] {
            assert!(meaning(code, "", 500).outcome_unknown, "{code}");
        }
        for code in [
            "Throttling.User",
            "ServiceUnavailable",
            "EntityAlreadyExists.User",
            "NoPermission",
        ] {
            assert!(!meaning(code, "", 503).outcome_unknown, "{code}");
        }
        assert!(meaning_without_code(503).outcome_unknown);
        assert!(!meaning_without_code(429).outcome_unknown);
    }

    #[test]
    fn a_signature_message_is_never_the_clouds() {
        for code in [
            "SignatureDoesNotMatch",
            "IncompleteSignature",
            "InvalidSecurityToken.Malformed",
            "SignatureNonceUsed",
        ] {
            assert!(meaning(code, "", 400).text.is_some(), "{code}");
        }
    }
}
