//! What the program does: it is a plugin when a host starts it, and prints help or runs a command when a person does.

#[cfg(test)]
mod tests;

use std::env;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;

use tracing::level_filters::LevelFilter;

use crate::alicloud::Client;
use crate::alicloud::credentials::{Sources, process_environment};
use crate::cli::arguments::{Arguments, Invocation, SecretsEngine, VERSION, help};
use crate::cli::{self, process};
use crate::framework::{Backend, BackendKind, Product};
use crate::goplugin::{Cookie, Handshake, HandshakeError, hclog, serve};
use crate::vault::{COOKIE_KEY, COOKIE_VALUE, PROTOCOL_VERSION, Plugin};
use crate::{auth, secrets};

/// Set by a host that locks its own memory.
const MLOCK: &str = "VAULT_PLUGIN_MLOCK_ENABLED";

/// How much of the log is written. The host filters by its own level.
const LOG_LEVEL: LevelFilter = LevelFilter::INFO;

/// Runs the program with the process's arguments and environment.
#[must_use]
pub fn run() -> ExitCode {
    let arguments = match Arguments::parse(env::args_os()) {
        Ok(arguments) => arguments,
        Err(error) => return show(io::stderr(), &error.to_string(), ExitCode::from(2)),
    };
    match arguments.invocation {
        Invocation::Help => show(io::stdout(), &help(), ExitCode::SUCCESS),
        Invocation::Version => show(
            io::stdout(),
            &format!("vault-plugin-alicloud {VERSION}"),
            ExitCode::SUCCESS,
        ),
        Invocation::Install => cli::install::run(env::args_os().skip(2)),
        Invocation::Command(command) => cli::run(command, env::args_os().skip(2), process_environment()),
        Invocation::Plugin => plugin(&arguments),
    }
}

fn plugin(arguments: &Arguments) -> ExitCode {
    let cookie = Cookie {
        key: COOKIE_KEY,
        value: COOKIE_VALUE,
    };
    let handshake = match Handshake::from_env(cookie, PROTOCOL_VERSION, |name| env::var_os(name)) {
        Ok(handshake) => handshake,
        Err(HandshakeError::NotAPlugin { .. }) => return show(io::stderr(), &help(), ExitCode::FAILURE),
        Err(error) => {
            if matches!(error, HandshakeError::UnsupportedVersion { .. }) {
                // Hosts quote the first line on stdout to the operator, and log stderr at debug level only.
                let _ = show(io::stdout(), &error.to_string(), ExitCode::FAILURE);
            }
            return show(io::stderr(), &error.to_string(), ExitCode::FAILURE);
        }
    };
    if let Err(error) = hclog::init(arguments.engine.word(), LOG_LEVEL) {
        return show(io::stderr(), &error.to_string(), ExitCode::FAILURE);
    }
    if arguments.unknown > 0 {
        // Not told which: one may be a secret in the wrong place.
        tracing::warn!(
            event = "unknown_arguments",
            count = arguments.unknown,
            "unknown command-line arguments were ignored"
        );
    }
    protect_memory();
    // One thread, which nothing may block: what takes long is for the pool of blocking threads.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let outcome = match runtime {
        Ok(runtime) => {
            let outcome = runtime.block_on(serve_plugin(handshake, arguments));
            // A name lookup that hangs would hold up the end; the host gives two seconds.
            runtime.shutdown_background();
            outcome
        }
        Err(error) => Err(error.into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(event = "plugin_exited", %error, "the plugin exited with an error");
            ExitCode::FAILURE
        }
    }
}

/// What the system refuses is a warning: the operator may not be able to grant it.
fn protect_memory() {
    let hardened = process::harden();
    let asked = env::var_os(MLOCK).is_some_and(|value| value == "true");
    let locked = if asked { process::lock_memory() } else { Ok(()) };
    for error in [hardened, locked].into_iter().filter_map(Result::err) {
        tracing::warn!(event = "memory_hardening_failed", %error, "memory hardening failed");
    }
}

async fn serve_plugin(handshake: Handshake, arguments: &Arguments) -> Result<(), Box<dyn std::error::Error>> {
    // One client for all mounts: they share its connections.
    let client = Client::new();
    let sources = Arc::new(Sources::new(&client, process_environment()));
    let used_signatures = Arc::new(auth::alicloud::UsedSignatures::new()?);
    let engine = arguments.engine;
    let factory = move |kind, mount: &str| -> Backend {
        match (kind, engine) {
            (BackendKind::Secrets, SecretsEngine::AliCloud) => {
                secrets::alicloud::backend(client.clone(), Arc::clone(&sources), mount)
            }
            (BackendKind::Secrets, SecretsEngine::Aws) => secrets::aws::backend(client.clone(), mount),
            // AWS has none here.
            (BackendKind::Auth, _) => {
                auth::alicloud::backend(client.clone(), &sources, Arc::clone(&used_signatures))
            }
        }
    };
    let plugin = Plugin {
        factory: Arc::new(factory),
        fallback_kind: arguments.fallback_kind,
        product: if env::var_os("BAO_VERSION").is_some() {
            Product::OpenBao
        } else {
            Product::Vault
        },
        version: VERSION,
    };
    Ok(serve(handshake, |broker| plugin.services(broker)).await?)
}

fn show(mut stream: impl Write, text: &str, code: ExitCode) -> ExitCode {
    // Nobody is left to tell when this fails.
    writeln!(stream, "{}", text.trim_end()).map_or(ExitCode::FAILURE, |()| code)
}
