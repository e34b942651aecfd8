//! Whether a text is an identity token that may be sent to STS.
//!
//! A path may lead to anything that the process can read, and STS may be a host that somebody else chose: nothing leaves
//! but what an identity provider issued for others to see. A Kubernetes token for the API server is none, for whoever
//! has it can use the cluster; it names its own issuer, or the API server, as its audience.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

/// Audiences of the API server that do not begin with its host name, by the distribution.
const API_SERVERS: [&str; 4] = ["api", "k3s", "kubernetes", "rke2"];

/// Why a text is not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unfit {
    #[error("it holds no signed identity token (a JWT with alg, iss and aud)")]
    NoToken,
    #[error("its token is for the Kubernetes API server; project one with an audience of its own")]
    ForApiServer,
}

/// The part of a JOSE header that matters here, RFC 7515 section 4.1.
#[derive(Deserialize)]
struct Header {
    alg: String,
}

/// The registered claims that matter here, RFC 7519 section 4.1.
#[derive(Deserialize)]
struct Claims {
    iss: String,
    aud: Audience,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

/// Checks a text without white space around it.
pub(super) fn check(text: &str) -> Result<(), Unfit> {
    let [header, claims, signature] = text.split('.').collect::<Vec<_>>()[..] else {
        return Err(Unfit::NoToken);
    };
    let header: Header = decode(header)?;
    let claims: Claims = decode(claims)?;
    let audiences = match claims.aud {
        Audience::One(audience) => vec![audience],
        Audience::Many(audiences) => audiences,
    };
    let signed = !signature.is_empty() && !header.alg.is_empty() && !header.alg.eq_ignore_ascii_case("none");
    let named =
        !claims.iss.is_empty() && !audiences.is_empty() && audiences.iter().all(|name| !name.is_empty());
    if !(signed && named && is_base64url(signature)) {
        return Err(Unfit::NoToken);
    }
    let issuer = claims.iss.trim_end_matches('/');
    if audiences
        .iter()
        .any(|audience| audience.contains(issuer) || is_api_server(audience))
    {
        return Err(Unfit::ForApiServer);
    }
    Ok(())
}

fn decode<T: DeserializeOwned>(part: &str) -> Result<T, Unfit> {
    let json = Zeroizing::new(
        URL_SAFE_NO_PAD
            .decode(part.trim_end_matches('='))
            .map_err(|_| Unfit::NoToken)?,
    );
    serde_json::from_slice(&json).map_err(|_| Unfit::NoToken)
}

fn is_base64url(text: &str) -> bool {
    text.bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"-_=".contains(&b))
}

fn is_api_server(audience: &str) -> bool {
    let host = audience.strip_prefix("https://").unwrap_or(audience);
    host.starts_with("kubernetes.default") || API_SERVERS.contains(&host)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A token with these claims.
    pub(crate) fn token(claims: &str) -> String {
        let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
        format!(
            "{}.{}.c2ln",
            encode(r#"{"alg":"RS256","kid":"k"}"#),
            encode(claims)
        )
    }

    #[test]
    fn an_identity_token_for_others_is_fit() {
        for claims in [
            r#"{"iss":"https://oidc.example.com","aud":"sts.aliyuncs.com","sub":"s"}"#,
            r#"{"iss":"https://oidc.example.com/","aud":["sts.aliyuncs.com","vault"]}"#,
            r#"{"iss":"https://kubernetes.default.svc","aud":["sts.aliyuncs.com"]}"#,
        ] {
            assert_eq!(check(&token(claims)), Ok(()), "{claims}");
        }
    }

    #[test]
    fn a_token_for_the_api_server_is_not_sent() {
        for claims in [
            r#"{"iss":"https://kubernetes.default.svc.cluster.local","aud":["https://kubernetes.default.svc.cluster.local"]}"#,
            r#"{"iss":"https://oidc.example.com","aud":"https://oidc.example.com"}"#,
            r#"{"iss":"https://oidc.example.com/","aud":["sts.aliyuncs.com","https://oidc.example.com"]}"#,
            r#"{"iss":"https://oidc.example.com","aud":["https://oidc.example.com/api"]}"#,
            r#"{"iss":"https://oidc.example.com","aud":["https://kubernetes.default.svc","k3s"]}"#,
            r#"{"iss":"kubernetes/serviceaccount","aud":"api"}"#,
        ] {
            assert_eq!(check(&token(claims)), Err(Unfit::ForApiServer), "{claims}");
        }
    }

    #[test]
    fn nothing_else_is_sent() {
        let good = r#"{"iss":"i","aud":"a"}"#;
        let unsigned = format!(
            "{}.{}.c2ln",
            URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#),
            URL_SAFE_NO_PAD.encode(good)
        );
        for text in [
            "",
            "root:x:0:0::/root:/bin/sh",
            "a.b",
            "a..c",
            "s.ABCdefGHI012345678901234.nsid1",
            "hvs.CAESIABCdef.nsid1",
            "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0",
            &token("{}"),
            &token(r#"{"iss":"i"}"#),
            &token(r#"{"aud":"a"}"#),
            &token(r#"{"iss":"","aud":"a"}"#),
            &token(r#"{"iss":"i","aud":[]}"#),
            &token(r#"{"iss":"i","aud":7}"#),
            &token("[]"),
            &unsigned,
            &token(good).replace("c2ln", ""),
            &token(good).replace("c2ln", "a b"),
            &format!("{}.x", token(good)),
        ] {
            assert_eq!(check(text), Err(Unfit::NoToken), "{text}");
        }
    }
}
