//! The command line: what a person or an agent runs. `sign` and `login` are for clients that cannot log in with
//! AliCloud themselves; `install` is for whoever sets up a server.
//!
//! `sign` prints the payload of a login, `login` logs in with it and keeps or shows the token. Both follow Vault's own
//! client in what they send, and OpenBao's and Vault's CLIs in what they read and show.
//!
//! A command line goes through `arguments`, and for `sign` and `login` through `flags` to `commands`; `identity` finds keys and
//! region; `payload` signs; for a login `login::settings` reads where the server is, `login::tls` and `login::server`
//! talk to it, and `login::answer` reads what it says. `file` writes private files.

pub(crate) mod arguments;
mod checksum;
mod command;
mod commands;
mod error;
mod file;
mod flags;
mod go_flags;
mod help;
mod identity;
pub(crate) mod install;
mod login;
mod payload;
pub(crate) mod process;
mod text;

use std::ffi::OsString;
use std::io::{self, BufRead, Write};
use std::process::ExitCode;
use std::sync::Arc;

use zeroize::Zeroizing;

use self::command::{Command, Shown};
use self::error::Error;
use self::flags::Flags;
use crate::alicloud::credentials::Environment;

/// Runs a command with the arguments that follow its name. The exit code is 0, 1 for a failure, or 2 for a command line
/// that cannot be read.
pub fn run(
    command: Command,
    arguments: impl IntoIterator<Item = OsString>,
    environment: Arc<dyn Environment>,
) -> ExitCode {
    // Keys and tokens are in this memory. What the system refuses here is no reason to refuse the login.
    let _ = process::harden();
    let outcome = execute(command, arguments, &environment, &mut io::stdin().lock());
    match outcome {
        Ok(shown) => show(&shown).map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS),
        Err(error) => {
            let code = error.exit_code();
            let name = command.name();
            let mut text = format!("vault-plugin-alicloud {name}: {error}\n");
            if code == 2 {
                text.push_str(&format!("See vault-plugin-alicloud {name} --help.\n"));
            }
            // Nobody is left to tell when this fails.
            let _ = io::stderr().lock().write_all(text.as_bytes());
            ExitCode::from(code)
        }
    }
}

fn show(shown: &Shown) -> io::Result<()> {
    let mut output = io::stdout().lock();
    output.write_all(shown.output.as_bytes())?;
    output.flush()?;
    let mut notes = io::stderr().lock();
    shown.notes.iter().try_for_each(|note| writeln!(notes, "{note}"))
}

fn execute(
    command: Command,
    arguments: impl IntoIterator<Item = OsString>,
    environment: &Arc<dyn Environment>,
    input: &mut dyn BufRead,
) -> Result<Shown, Error> {
    let flags = Flags::parse(command, arguments)?;
    if flags.help {
        let output = Zeroizing::new(help::help(command) + "\n");
        return Ok(Shown {
            output,
            notes: Vec::new(),
        });
    }
    let keys = identity::flag_keys(&flags, input)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Error::Runtime)?;
    runtime.block_on(async {
        match command {
            Command::Sign => commands::sign(&flags, keys, environment).await,
            Command::Login => commands::login(&flags, keys, environment).await,
        }
    })
}
