//! The login payload, as Vault's own client makes it: a V1-signed POST of GetCallerIdentity.
//!
//! It is made here from its parts. Vault's client lets an SDK send the request and captures it on the way, which fails
//! behind a proxy and then lets the request out.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use zeroize::Zeroizing;

use crate::alicloud::sign::{add_common, add_signature_v1};
use crate::alicloud::sts::STS_VERSION;
use crate::alicloud::{Credentials, Endpoint, Parameters, Region};
use crate::cloud::Method;

const ACTION: &str = "GetCallerIdentity";

/// The parameter that binds a login to a server, with the name that the auth method's `server_id` looks for.
const SERVER_ID: &str = "VaultServerId";

/// What is signed.
pub(super) struct Login<'a> {
    pub(super) role: &'a str,
    pub(super) region: &'a Region,
    /// The STS that the server is to ask. STS accepts the same signature at each of its hosts.
    pub(super) endpoint: &'a Endpoint,
    pub(super) server_id: Option<&'a str>,
    pub(super) credentials: &'a Credentials,
}

/// The fields of a login. They prove an identity until the signature is used or 15 minutes old, so there is no `Debug`
/// of the values.
#[derive(Serialize)]
pub(super) struct Payload {
    role: String,
    #[serde(serialize_with = "exposed")]
    identity_request_url: Zeroizing<String>,
    identity_request_headers: String,
}

impl Login<'_> {
    /// Signs, without any network.
    pub(super) fn sign(&self, at: OffsetDateTime, nonce: String) -> Payload {
        let mut query = Parameters::new()
            // Upstream's server takes the host that it expects from this one.
            .with("RegionId", self.region.as_str())
            // Blank and present, as the SDK of Vault's client has it.
            .with("SignatureType", "");
        if let Some(id) = self.server_id {
            query.set(SERVER_ID, id);
        }
        add_common(&mut query, ACTION, STS_VERSION, at, nonce);
        add_signature_v1(&mut query, Method::Post, self.credentials);
        let url = Zeroizing::new(format!("https://{}/?{}", self.endpoint, *query.encoded()));
        Payload {
            role: self.role.to_owned(),
            identity_request_url: Zeroizing::new(STANDARD.encode(url.as_bytes())),
            identity_request_headers: STANDARD.encode(self.headers().to_string()),
        }
    }

    /// The headers of Vault's client under their names, each with a list of one value. V1 signs none of them.
    fn headers(&self) -> Value {
        let provider = match self.credentials.security_token {
            Some(_) => "static_sts",
            None => "static_ak",
        };
        let agent = format!(
            "AlibabaCloud ({}; {}) vault-plugin-alicloud/{}",
            std::env::consts::OS,
            std::env::consts::ARCH,
            env!("CARGO_PKG_VERSION")
        );
        let headers = [
            ("Accept-Encoding", "identity"),
            ("Content-Type", "application/x-www-form-urlencoded"),
            ("User-Agent", agent.as_str()),
            ("x-acs-action", ACTION),
            ("x-acs-credentials-provider", provider),
            ("x-acs-version", STS_VERSION),
            ("x-sdk-client", "rust/1.0.0"),
            ("x-sdk-core-version", env!("CARGO_PKG_VERSION")),
            ("x-sdk-invoke-type", "normal"),
        ];
        let entries = headers
            .into_iter()
            .map(|(name, value)| (name.to_owned(), json!([value])));
        Value::Object(entries.collect::<Map<_, _>>())
    }
}

fn exposed<S: Serializer>(text: &Zeroizing<String>, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(text)
}

impl Payload {
    /// The body of the login, on one line.
    pub(super) fn json(&self) -> Result<Zeroizing<String>, serde_json::Error> {
        serde_json::to_string(self).map(Zeroizing::new)
    }
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;
    use time::format_description::well_known::Rfc3339;

    use super::*;
    use crate::alicloud::sign::sign_v1;

    /// The payload taken apart: URL, parameters, headers.
    fn decode(payload: &Payload) -> (String, Vec<(String, String)>, Map<String, Value>) {
        let plain = |text: &str| String::from_utf8(STANDARD.decode(text).unwrap()).unwrap();
        let body: Map<String, Value> = serde_json::from_str(&payload.json().unwrap()).unwrap();
        assert_eq!(
            body.keys().collect::<Vec<_>>(),
            ["identity_request_headers", "identity_request_url", "role"]
        );
        let url = plain(body["identity_request_url"].as_str().unwrap());
        let headers = serde_json::from_str(&plain(body["identity_request_headers"].as_str().unwrap()));
        let parsed = url::Url::parse(&url).unwrap();
        (url, parsed.query_pairs().into_owned().collect(), headers.unwrap())
    }

    fn sign(credentials: &Credentials, region: &str, server_id: Option<&str>) -> Payload {
        let region = Region::parse(region).unwrap();
        let endpoint = crate::alicloud::endpoint::sts(&region);
        let login = Login {
            role: "Dev",
            region: &region,
            endpoint: &endpoint,
            server_id,
            credentials,
        };
        let at = OffsetDateTime::parse("2024-02-29T23:59:59Z", &Rfc3339).unwrap();
        login.sign(at, "0123456789abcdef0123456789abcdef".to_owned())
    }

    #[test]
    fn parameters_and_headers_are_those_of_vaults_own_client() {
        let (url, query, headers) = decode(&sign(&Credentials::new("LTAI1", "s"), "us-east-1", None));
        assert!(
            url.starts_with("https://sts.us-east-1.aliyuncs.com/?AccessKeyId=LTAI1&Action="),
            "{url}"
        );
        let names: Vec<_> = query.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(
            names,
            [
                "AccessKeyId",
                "Action",
                "Format",
                "RegionId",
                "Signature",
                "SignatureMethod",
                "SignatureNonce",
                "SignatureType",
                "SignatureVersion",
                "Timestamp",
                "Version"
            ]
        );
        for (name, value) in [
            ("Action", "GetCallerIdentity"),
            ("Format", "JSON"),
            ("RegionId", "us-east-1"),
            ("SignatureType", ""),
            ("Timestamp", "2024-02-29T23:59:59Z"),
            ("Version", "2015-04-01"),
        ] {
            assert!(query.contains(&(name.to_owned(), value.to_owned())), "{name}");
        }
        let names: Vec<_> = headers.keys().map(String::as_str).collect();
        assert_eq!(
            names,
            [
                "Accept-Encoding",
                "Content-Type",
                "User-Agent",
                "x-acs-action",
                "x-acs-credentials-provider",
                "x-acs-version",
                "x-sdk-client",
                "x-sdk-core-version",
                "x-sdk-invoke-type"
            ]
        );
        assert!(
            headers
                .values()
                .all(|value| value.as_array().is_some_and(|list| list.len() == 1))
        );
        assert_eq!(headers["x-acs-credentials-provider"], json!(["static_ak"]));
    }

    #[test]
    fn the_signature_covers_token_and_server_id() {
        let credentials = Credentials::new("STS.1", "s").with_token("to/k+en=");
        let (url, query, headers) = decode(&sign(&credentials, "ap-southeast-6", Some("https://bao/ a")));
        // A region without a host of its own.
        assert!(url.starts_with("https://sts.aliyuncs.com/?"), "{url}");
        assert_eq!(headers["x-acs-credentials-provider"], json!(["static_sts"]));
        let value = |name: &str| &query.iter().find(|(found, _)| found == name).unwrap().1;
        assert_eq!(value("SecurityToken"), "to/k+en=");
        assert_eq!(value("VaultServerId"), "https://bao/ a");
        let parameters = query.iter().fold(Parameters::new(), |all, (name, value)| {
            all.with(name.clone(), value.clone())
        });
        let verified = sign_v1(Method::Post, &parameters, &SecretString::from("s"));
        assert_eq!(&verified, value("Signature"));
        let other = parameters.with("VaultServerId", "other");
        assert_ne!(
            &sign_v1(Method::Post, &other, &SecretString::from("s")),
            value("Signature")
        );
    }
}
