//! What `--help` says, made from the table of flags.

use crate::cli::command::Command;
use crate::cli::flags::FLAGS;

const SIGN: &str = "Usage: vault-plugin-alicloud sign -role=NAME [-region=REGION] [flags]

Signs a GetCallerIdentity request of STS and prints it as the JSON that the auth method's login takes:

  vault-plugin-alicloud sign -role=dev -region=cn-hangzhou -output=payload.json
  bao write auth/alicloud/login @payload.json

The request is not sent: the server does that when you log in. It proves who you are for 15 minutes and is good for one
login: treat it as a password.
";

const LOGIN: &str = "Usage: vault-plugin-alicloud login -role=NAME [-region=REGION] [flags]

Signs a login with the RAM identity of this machine, logs in to OpenBao or Vault, and shows the token:

  vault-plugin-alicloud login -role=dev -region=cn-hangzhou -address=https://bao.example.com:8200
  export BAO_TOKEN=$(vault-plugin-alicloud login -role=dev -token-only)
  vault-plugin-alicloud login -role=dev -output=/run/agent/token
";

const CREDENTIALS: &str = "
Credentials, the first of these that is there:

  1. -access-key and -secret-key, with -security-token if the key is temporary. Other users of the machine can see the
     arguments of a program: rather write -secret-key=- and send the secret to standard input, or use the environment.
  2. ALICLOUD_ACCESS_KEY and ALICLOUD_SECRET_KEY, with ALICLOUD_ACCESS_KEY_STS_TOKEN if the key is temporary. With
     ALICLOUD_ROLE_ARN they are used to assume that role, which then logs in.
  3. ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET, with ALIBABA_CLOUD_SECURITY_TOKEN.
  4. The identity token of a pod (RRSA): ALIBABA_CLOUD_OIDC_TOKEN_FILE, ALIBABA_CLOUD_OIDC_PROVIDER_ARN and
     ALIBABA_CLOUD_ROLE_ARN.
  5. The service at ALIBABA_CLOUD_CREDENTIALS_URI.
  6. The RAM role of the ECS instance, unless ALIBABA_CLOUD_ECS_METADATA_DISABLED is true.

Id, secret and token are always taken from one place. To assume a role or to exchange a pod's token, STS is called in
-region, or where ALIBABA_CLOUD_STS_ENDPOINT or ALIBABA_CLOUD_STS_REGION say.
";

const SERVER_VARIABLES: &str = "
The server's address and TLS settings are read from the bao command's variables: BAO_ADDR, BAO_NAMESPACE, BAO_CACERT,
BAO_CACERT_BYTES, BAO_CAPATH, BAO_CLIENT_CERT, BAO_CLIENT_KEY, BAO_TLS_SERVER_NAME, BAO_SKIP_VERIFY, BAO_CLIENT_TIMEOUT,
BAO_PROXY_ADDR, BAO_HTTP_PROXY, BAO_DISABLE_REDIRECTS and BAO_TOKEN_PATH, and for each the VAULT_ name where the BAO_
name is not set. A flag takes precedence over both. HTTPS_PROXY, HTTP_PROXY and NO_PROXY are honoured, but not for a
server on this machine.

One redirect is followed, as a standby server sends: to the same path, and never from https to http. A login is never
sent a second time otherwise, because a signature is valid for one login.
";

const CODES: &str = "
Exit codes: 0 success, 1 failure, 2 a command line that cannot be read.";

/// The help of a command.
pub(super) fn help(command: Command) -> String {
    let (intro, variables) = match command {
        Command::Sign => (SIGN, ""),
        Command::Login => (LOGIN, SERVER_VARIABLES),
    };
    let mut text = format!("{intro}\nFlags:\n\n");
    for flag in FLAGS {
        if flag.only.is_some_and(|only| only != command) {
            continue;
        }
        text.push_str("  -");
        text.push_str(flag.name);
        if let Some(value) = flag.value {
            text.push('=');
            text.push_str(value);
        }
        wrap(&mut text, flag.help);
    }
    text + CREDENTIALS + variables + CODES
}

/// Adds a paragraph, indented and not wider than a terminal is.
fn wrap(text: &mut String, paragraph: &str) {
    let mut column = usize::MAX;
    for word in paragraph.split_whitespace() {
        if column.saturating_add(1 + word.len()) > 100 {
            text.push_str("\n      ");
            column = 6;
        } else {
            text.push(' ');
            column += 1;
        }
        text.push_str(word);
        column += word.len();
    }
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_command_shows_its_flags_and_how_to_keep_the_secret() {
        for command in [Command::Sign, Command::Login] {
            let help = help(command);
            for part in ["  -role=NAME\n      Role of", "-secret-key=-", "Exit codes"] {
                assert!(help.contains(part), "{part}");
            }
            let login_only = ["  -mount=PATH", "  -token-only\n", "BAO_ADDR"];
            for part in login_only {
                assert_eq!(help.contains(part), command == Command::Login, "{part}");
            }
            assert!(help.lines().all(|line| line.chars().count() <= 120), "{help}");
        }
    }
}
