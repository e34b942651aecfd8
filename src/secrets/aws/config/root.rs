//! `config/root`: the credentials that manage IAM users, and where IAM is.

use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, LazyLock};

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::aws::Region;
use crate::cloud::credentials::Credentials;
use crate::cloud::{Endpoint, ParseEndpointError};
use crate::framework::{
    Context, DisplayAttributes, Error, Excerpt, Field, FieldValues, HandlerResult, NoArguments, Operation,
    Path, Response, Setting, Settings, stored,
};
use crate::secrets::aws::engine::{Engine, OPERATIONS};

/// Upstream's key, and the path.
pub(in crate::secrets::aws) const STORAGE_KEY: &str = "config/root";

const SYNOPSIS: &str = "Configure the root credentials that are used to manage IAM.";

const DESCRIPTION: &str = "
Before doing anything, the AWS backend needs credentials that are able to manage IAM users: to create and delete them,
and to give them a policy and access keys. They need ten permissions of IAM, on the users whose names begin with
\"vault-\". The secret key is never read back.

All three parameters are written together. The region decides in which partition IAM is called; IAM is the same for all
regions of a partition.

This path needs a token with \"sudo\".
";

/// The configuration. Upstream's members first, then ours where they are set, then what this version does not know.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(in crate::secrets::aws) struct RootConfig {
    access_key: String,
    #[serde(with = "stored::secret")]
    secret_key: SecretString,
    #[serde(with = "stored::as_shown")]
    region: Option<Region>,
    #[serde(with = "stored::as_shown", skip_serializing_if = "Option::is_none")]
    iam_endpoint: Option<IamEndpoint>,
    #[serde(with = "stored::secret", skip_serializing_if = "stored::secret::is_blank")]
    session_token: SecretString,
    #[serde(flatten)]
    unknown: Map<String, Value>,
}

static SETTINGS: LazyLock<Settings<RootConfig>> = LazyLock::new(|| {
    Settings::new()
        .with(
            Setting::new("access_key", |config: &mut RootConfig| &mut config.access_key)
                .describe("The AWS access key that has permission to manage IAM credentials.")
                .document(Field::required),
        )
        .with(
            Setting::new("secret_key", |config: &mut RootConfig| &mut config.secret_key)
                .describe("The AWS secret key that has permission to manage IAM credentials.")
                .document(Field::required)
                .secret(),
        )
        .with(
            Setting::new("region", |config: &mut RootConfig| &mut config.region)
                .describe("The AWS region for API calls. Default: us-east-1, with a warning.")
                .document(Field::required)
                .shown_as(|config| config.region().to_string().into()),
        )
        .with(
            Setting::new("iam_endpoint", |config: &mut RootConfig| &mut config.iam_endpoint).describe(
                "Host to call for IAM in place of the partition's own, for a private endpoint. Calls are signed for \
                 the partition's region of IAM all the same.",
            ),
        )
        .with(
            Setting::new("session_token", |config: &mut RootConfig| &mut config.session_token)
                .describe("The session token that belongs to a temporary access key.")
                .secret(),
        )
});

impl RootConfig {
    /// What was written.
    ///
    /// # Errors
    /// Nothing was written yet, or storage cannot be read.
    pub(in crate::secrets::aws) async fn required(context: &Context) -> Result<Self, Error> {
        let config: Option<Self> = context.storage.get_json(STORAGE_KEY).await?;
        let complete =
            |config: &Self| !config.access_key.is_empty() && !stored::secret::is_blank(&config.secret_key);
        config.filter(complete).ok_or_else(|| {
            Error::bad_request(format!(
                "no root credentials are configured: write access_key, secret_key and region to {}config/root",
                Excerpt(&context.request.mount_point)
            ))
        })
    }

    pub(in crate::secrets::aws) fn credentials(&self) -> Credentials {
        let credentials = Credentials::new(self.access_key.clone(), self.secret_key.clone());
        match stored::secret::is_blank(&self.session_token) {
            true => credentials,
            false => credentials.with_token(self.session_token.expose_secret()),
        }
    }

    pub(in crate::secrets::aws) fn region(&self) -> Region {
        self.region.clone().unwrap_or_default()
    }

    pub(in crate::secrets::aws) fn iam_endpoint(&self) -> Option<Endpoint> {
        self.iam_endpoint.clone().map(|IamEndpoint(endpoint)| endpoint)
    }
}

/// A host, also as a URL without a path, in which form Vault's own engine stores it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct IamEndpoint(Endpoint);

impl fmt::Display for IamEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for IamEndpoint {
    type Err = ParseEndpointError;

    fn from_str(text: &str) -> Result<Self, ParseEndpointError> {
        let host = text.strip_prefix("https://").unwrap_or(text);
        host.strip_suffix('/').unwrap_or(host).parse().map(Self)
    }
}

pub(in crate::secrets::aws) fn path(engine: &Arc<Engine>) -> Path {
    Path::new("config/root")
        .fields(SETTINGS.fields())
        .display(OPERATIONS)
        .on(Operation::Update, engine, write)
        .displayed(
            DisplayAttributes::default()
                .verb("configure")
                .suffix("root-iam-credentials"),
        )
        .on(Operation::Read, engine, read)
        .displayed(DisplayAttributes::default().suffix("root-iam-credentials-configuration"))
        .help(SYNOPSIS, DESCRIPTION)
}

/// Everything is written at once: what is not given is not set.
async fn write(_: Arc<Engine>, context: Context, given: FieldValues) -> HandlerResult {
    // One that cannot be read is replaced.
    let before: Option<RootConfig> = context.storage.get_json(STORAGE_KEY).await.unwrap_or_default();
    let mut config = RootConfig {
        unknown: before.map(|before| before.unknown).unwrap_or_default(),
        ..RootConfig::default()
    };
    SETTINGS.merge(&mut config, &given)?;
    if config.access_key.is_empty() {
        return Err(Error::bad_request("access_key is required"));
    }
    if stored::secret::is_blank(&config.secret_key) {
        return Err(Error::bad_request("secret_key is required"));
    }
    context.storage.put_json(STORAGE_KEY, &config).await?;
    let warning = config.region.is_none().then(|| {
        format!(
            "region is missing and taken as {}, whose partition has all but the regions of China and of governments",
            config.region()
        )
    });
    Ok(Response::warnings(warning.into_iter().collect()))
}

async fn read(_: Arc<Engine>, context: Context, _: NoArguments) -> HandlerResult {
    let config: Option<RootConfig> = context.storage.get_json(STORAGE_KEY).await?;
    Ok(config.map(|config| Response::data(SETTINGS.shown(&config))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::framework::to_go_json;

    #[test]
    fn entries_of_vault_are_read_and_what_is_unknown_is_kept() {
        for stored in [
            "{\"access_key\":\"AKIA\",\"secret_key\":\"s\\u0026t\",\"region\":\"eu-west-1\"}\n",
            "{\"access_key\":\"AKIA\",\"secret_key\":\"s\",\"region\":\"us-east-1\",\"iam_endpoint\":\"iam.example.com\",\
             \"max_retries\":-1,\"username_template\":\"\"}\n",
        ] {
            let config: RootConfig = serde_json::from_str(stored).unwrap();
            assert_eq!(to_go_json(&config).unwrap(), stored.as_bytes());
        }
        let blank = "{\"access_key\":\"a\",\"secret_key\":\"s\",\"region\":\"\",\"iam_endpoint\":\"\"}";
        let config: RootConfig = serde_json::from_str(blank).unwrap();
        assert_eq!(
            (config.region().to_string().as_str(), config.iam_endpoint()),
            ("us-east-1", None)
        );
    }

    #[test]
    fn an_endpoint_is_a_host_or_its_url() {
        for text in [
            "iam.example.com",
            "https://iam.example.com",
            "https://iam.example.com/",
        ] {
            assert_eq!(
                text.parse::<IamEndpoint>().unwrap().to_string(),
                "iam.example.com"
            );
        }
        for text in [
            "http://iam.example.com",
            "https://iam.example.com/path",
            "https://u@iam.example.com",
        ] {
            assert!(text.parse::<IamEndpoint>().is_err(), "{text}");
        }
    }

    #[test]
    fn secrets_do_not_print() {
        let config = RootConfig {
            secret_key: "hush".into(),
            session_token: "token".into(),
            ..RootConfig::default()
        };
        let shown = format!("{config:?} {:?}", SETTINGS.shown(&config));
        assert!(!shown.contains("hush") && !shown.contains("\"token\""), "{shown}");
    }
}
