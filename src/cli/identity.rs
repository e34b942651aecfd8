//! Whose login it is, and from which region: flags, then environment, then the instance.

use std::io::{BufRead, Read as _};
use std::sync::Arc;

use secrecy::SecretString;
use zeroize::Zeroizing;

use crate::alicloud::credentials::{Environment, Provider as _, Settings, Source, Sources, instance_region};
use crate::alicloud::{Client, Credentials, Region, endpoint};
use crate::cli::error::Error;
use crate::cli::flags::Flags;

/// Upstream's spelling first, as for the keys.
const REGION_VARIABLES: [&str; 3] = [
    "ALICLOUD_REGION",
    "ALIBABA_CLOUD_REGION_ID",
    "ALIBABA_CLOUD_REGION",
];

/// Variables that tell the chain where STS is.
const STS_VARIABLES: [&str; 3] = [
    "ALIBABA_CLOUD_STS_ENDPOINT",
    "ALIBABA_CLOUD_STS_REGION",
    "ALIBABA_CLOUD_VPC_ENDPOINT_ENABLED",
];

/// Longest secret or token that is read from standard input, in bytes.
const LONGEST_LINE: u64 = 32 * 1024;

/// Who signs, and the region that is signed for.
#[derive(Debug)]
pub(super) struct Identity {
    pub(super) credentials: Credentials,
    pub(super) region: Region,
}

/// The key of the flags, with what `-` says to read from the input.
pub(super) fn flag_keys(flags: &Flags, input: &mut dyn BufRead) -> Result<Option<Credentials>, Error> {
    let (Some(id), Some(secret)) = (flags.get("access-key"), flags.get("secret-key")) else {
        return Ok(None);
    };
    let keys = Credentials::new(id, or_line("secret-key", secret, input)?);
    Ok(Some(match flags.get("security-token") {
        Some(token) => keys.with_token(or_line("security-token", token, input)?),
        None => keys,
    }))
}

fn or_line(name: &'static str, value: &str, input: &mut dyn BufRead) -> Result<SecretString, Error> {
    if value != "-" {
        return Ok(SecretString::from(value));
    }
    // Sized at once, so that growing leaves no copy behind.
    let mut line = Zeroizing::new(String::with_capacity(usize::try_from(LONGEST_LINE).unwrap_or(0)));
    match input.take(LONGEST_LINE).read_line(&mut line) {
        Ok(_) if !line.trim().is_empty() => Ok(SecretString::from(line.trim())),
        Ok(_) => Err(Error::Input(name, "there is none".to_owned())),
        Err(error) => Err(Error::Input(name, error.kind().to_string())),
    }
}

/// Finds both, or says what is missing.
pub(super) async fn find(
    flags: &Flags,
    keys: Option<Credentials>,
    environment: &Arc<dyn Environment>,
) -> Result<Identity, Error> {
    let named = named_region(flags, environment.as_ref())?;
    let credentials = match keys {
        Some(keys) => keys,
        None => ambient(named.as_ref(), environment).await?,
    };
    let region = match named {
        Some(region) => region,
        None if credentials.source == Source::Ecs.name() => instance_region(Arc::clone(environment))
            .await
            .ok_or(Error::NoRegion)?,
        None => return Err(Error::NoRegion),
    };
    Ok(Identity { credentials, region })
}

/// The region that somebody named.
fn named_region(flags: &Flags, environment: &dyn Environment) -> Result<Option<Region>, Error> {
    if let Some(label) = flags.get("region") {
        return region("-region", label).map(Some);
    }
    for name in REGION_VARIABLES {
        let value = environment.var(name).unwrap_or_default();
        if !value.trim().is_empty() {
            return region(name, value.trim()).map(Some);
        }
    }
    Ok(None)
}

fn region(name: &'static str, label: &str) -> Result<Region, Error> {
    Region::parse(label).map_err(|rule| Error::Region(name, rule))
}

/// What the surroundings offer, by the chain that the plugin uses too.
async fn ambient(region: Option<&Region>, environment: &Arc<dyn Environment>) -> Result<Credentials, Error> {
    let client = Client::new();
    // The region's own STS is near, and may be the only one in reach. What the environment says of STS goes before.
    let told = STS_VARIABLES.iter().any(|name| {
        environment
            .var(name)
            .is_some_and(|value| !value.trim().is_empty())
    });
    let sts = region.filter(|_| !told).map(endpoint::sts);
    let settings = Settings {
        sts,
        ..Settings::default()
    };
    let chain = Sources::new(&client, Arc::clone(environment)).chain(&client, &settings);
    chain.load().await?.ok_or(Error::NoCredentials)
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use secrecy::ExposeSecret as _;

    use super::*;
    use crate::cli::command::Command;

    fn flags(line: &str) -> Flags {
        let line = format!("-role=r {line}");
        Flags::parse(Command::Sign, line.split_whitespace().map(OsString::from)).unwrap()
    }

    async fn run(line: &str, variables: &'static str, input: &str) -> Result<String, String> {
        let environment: Arc<dyn Environment> = Arc::new(move |name: &str| {
            let mut pairs = variables.split(' ').filter_map(|pair| pair.split_once('='));
            match name {
                // No test asks the real address.
                "ALIBABA_CLOUD_ECS_METADATA_DISABLED" => Some("true".to_owned()),
                _ => pairs
                    .find(|(found, _)| *found == name)
                    .map(|(_, value)| value.to_owned()),
            }
        });
        let flags = flags(line);
        let keys = flag_keys(&flags, &mut input.as_bytes()).map_err(|error| error.to_string())?;
        let found = find(&flags, keys, &environment)
            .await
            .map_err(|error| error.to_string())?;
        let Credentials {
            access_key_id,
            access_key_secret,
            security_token,
            ..
        } = found.credentials;
        let token = security_token.map_or("-".to_owned(), |token| token.expose_secret().to_owned());
        let secret = access_key_secret.expose_secret();
        Ok(format!("{access_key_id} {secret} {token} {}", found.region))
    }

    #[tokio::test]
    async fn flags_go_before_both_families_of_names() {
        const ALL: &str = "ALICLOUD_ACCESS_KEY=a1 ALICLOUD_SECRET_KEY=a2 ALICLOUD_ACCESS_KEY_STS_TOKEN=a3 \
            ALICLOUD_REGION=a-4 ALIBABA_CLOUD_ACCESS_KEY_ID=b1 ALIBABA_CLOUD_ACCESS_KEY_SECRET=b2 \
            ALIBABA_CLOUD_SECURITY_TOKEN=b3 ALIBABA_CLOUD_REGION_ID=b-4 ALIBABA_CLOUD_REGION=c-4";
        const NEW: &str = "ALIBABA_CLOUD_ACCESS_KEY_ID=b1 ALIBABA_CLOUD_ACCESS_KEY_SECRET=b2 \
            ALICLOUD_ACCESS_KEY_STS_TOKEN=a3 ALIBABA_CLOUD_REGION=c-4";
        for (line, variables, input, expected) in [
            ("", ALL, "", "a1 a2 a3 a-4"),
            ("-region=f-4", ALL, "", "a1 a2 a3 f-4"),
            ("-access-key=f1 -secret-key=f2", ALL, "", "f1 f2 - a-4"),
            (
                "-access-key=f1 -secret-key=f2 -security-token=f3",
                ALL,
                "",
                "f1 f2 f3 a-4",
            ),
            ("-access-key=f1 -secret-key=-", ALL, "in\n", "f1 in - a-4"),
            (
                "-access-key=f1 -secret-key=- -security-token=-",
                ALL,
                "in\r\nput",
                "f1 in put a-4",
            ),
            // A token of the other family is not mixed in.
            ("", NEW, "", "b1 b2 - c-4"),
        ] {
            let found = run(line, variables, input).await;
            assert_eq!(found.as_deref(), Ok(expected), "{line} {variables}");
        }
    }

    #[tokio::test]
    async fn what_is_missing_is_named() {
        for (line, variables, input, part) in [
            ("-region=r-1", "", "", "no credentials found: give -access-key"),
            (
                "",
                "ALICLOUD_ACCESS_KEY=a1 ALICLOUD_REGION=r-1",
                "",
                "ALICLOUD_SECRET_KEY is not",
            ),
            ("-access-key=f1 -secret-key=f2", "", "", "no region: give -region"),
            (
                "-access-key=f1 -secret-key=-",
                "",
                "\n",
                "-secret-key cannot be read",
            ),
            ("-region=Hangzhou", "", "", "-region: a region has only"),
            (
                "",
                "ALIBABA_CLOUD_REGION_ID=a/b",
                "",
                "ALIBABA_CLOUD_REGION_ID: a region has only",
            ),
        ] {
            let error = run(line, variables, input).await.unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }
}
