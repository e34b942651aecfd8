//! What `sign` and `login` do, from the flags to what is shown.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use secrecy::ExposeSecret as _;
use zeroize::Zeroizing;

use super::command::Shown;
use super::file;
use super::identity::{self, Identity};
use super::login::answer::{Answer, Auth};
use super::login::server;
use super::payload::Login;
use crate::alicloud::credentials::Environment;
use crate::alicloud::{Credentials, Endpoint, Region, endpoint};
use crate::cli::error::Error;
use crate::cli::flags::{Flags, TOKEN_HELPER};
use crate::cli::login::settings::{Settings, named_variable};
use crate::cloud::random::nonce;
use crate::cloud::{Clock as _, SystemClock};

/// Makes a payload and shows or writes it.
pub(super) async fn sign(
    flags: &Flags,
    keys: Option<Credentials>,
    environment: &Arc<dyn Environment>,
) -> Result<Shown, Error> {
    let (mut payload, found) = payload(flags, keys, environment).await?;
    payload.push('\n');
    let notes = doubt(&found.region).into_iter().collect();
    match flags.get("output") {
        None => Ok(Shown {
            output: payload,
            notes,
        }),
        Some(path) => {
            file::write(Path::new(path), &payload)?;
            Ok(Shown {
                notes,
                ..Shown::default()
            })
        }
    }
}

/// Logs in and shows or writes the token.
pub(super) async fn login(
    flags: &Flags,
    keys: Option<Credentials>,
    environment: &Arc<dyn Environment>,
) -> Result<Shown, Error> {
    // First, so that a wrong setting costs no call.
    let settings = Settings::read(flags, environment.as_ref())?;
    let helper = match flags.is_on(TOKEN_HELPER) {
        true => Some(helper_file(environment.as_ref())?),
        false => None,
    };
    let (payload, found) = payload(flags, keys, environment).await?;
    let body = server::login(&settings, payload, &found.credentials).await?;
    let answer = Answer::parse(&body).map_err(|reason| server::LoginError::odd(&settings.url, reason))?;
    let warnings = answer
        .warnings()
        .map(|warning| format!("Server warning: {warning}"));
    let mut notes: Vec<_> = doubt(&found.region).into_iter().chain(warnings).collect();
    let token = answer.auth.client_token.expose_secret();
    let output = if let Some(path) = &helper {
        notes.push(keep(path, &answer.auth)?);
        if named_variable(environment.as_ref(), "TOKEN").is_some() {
            notes.push(
                "BAO_TOKEN or VAULT_TOKEN is set and takes precedence over the token that was written."
                    .to_owned(),
            );
        }
        Zeroizing::default()
    } else if let Some(path) = flags.get("output") {
        notes.push(keep(Path::new(path), &answer.auth)?);
        Zeroizing::default()
    } else if flags.is_on("token-only") {
        line(token)
    } else if flags.get("format") == Some("json") {
        line(String::from_utf8_lossy(&body).trim_end())
    } else {
        notes.push(
            "The token is not stored: set BAO_TOKEN or VAULT_TOKEN to it, or use -token-helper or -output."
                .to_owned(),
        );
        answer.table()
    };
    Ok(Shown { output, notes })
}

/// The payload as JSON, and whose it is.
async fn payload(
    flags: &Flags,
    keys: Option<Credentials>,
    environment: &Arc<dyn Environment>,
) -> Result<(Zeroizing<String>, Identity), Error> {
    let chosen = flags
        .get("sts-endpoint")
        .map(Endpoint::parse)
        .transpose()
        .map_err(Error::Endpoint)?;
    let server_id = flags.get("server-id");
    if server_id.is_some_and(|id| id.chars().any(char::is_control)) {
        return Err(Error::ServerId);
    }
    let role = flags.required("role")?;
    let found = identity::find(flags, keys, environment).await?;
    let login = Login {
        role,
        region: &found.region,
        endpoint: &chosen.unwrap_or_else(|| endpoint::sts(&found.region)),
        server_id,
        credentials: &found.credentials,
    };
    let payload = login.sign(SystemClock.now(), nonce().map_err(Error::Nonce)?);
    Ok((payload.json()?, found))
}

/// A note about a region that may be meant otherwise.
fn doubt(region: &Region) -> Option<String> {
    region.doubt().map(|doubt| format!("Warning: {doubt}."))
}

/// The file of the CLIs' own token helper. A helper that is a program of its own is not asked.
fn helper_file(environment: &dyn Environment) -> Result<PathBuf, Error> {
    if let Some((path, _)) = named_variable(environment, "TOKEN_PATH") {
        return Ok(PathBuf::from(path));
    }
    match environment.var("HOME") {
        Some(home) if !home.is_empty() => Ok(Path::new(&home).join(".vault-token")),
        _ => Err(Error::NoHome),
    }
}

/// Writes the token, and says so.
fn keep(path: &Path, auth: &Auth) -> Result<String, Error> {
    file::write(path, auth.client_token.expose_secret())?;
    Ok(format!(
        "The token was written to {}; it is valid for {}.",
        path.display(),
        auth.duration()
    ))
}

fn line(text: &str) -> Zeroizing<String> {
    let mut line = Zeroizing::new(String::with_capacity(text.len() + 1));
    line.push_str(text);
    line.push('\n');
    line
}
