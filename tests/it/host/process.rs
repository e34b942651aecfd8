//! The plugin as a child process: environment, handshake line, log, signals, end.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader},
    process::{Child, ChildStdout, Command},
    task::JoinHandle,
    time::timeout,
};

use super::{handshake::Line, identity::Identity, log::Log, user};

/// The binary under test.
pub const PLUGIN: &str = env!("CARGO_BIN_EXE_vault-plugin-alicloud");
/// The value of `VAULT_BACKEND_PLUGIN`.
pub const COOKIE: &str = "6669da05-b1c8-4f49-97d9-c8e5bed98e20";
/// More than anything here should take, on a busy machine too.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// How to start the plugin. Begins with what OpenBao 2.7 sets and nothing inherited.
pub struct Start {
    env: BTreeMap<String, String>,
    args: Vec<String>,
    dir: TempDir,
    program: PathBuf,
    user: Option<u32>,
    orphan: bool,
    limits: Option<String>,
}

/// A plugin that ended by itself, before or instead of a handshake.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub stdout: String,
    pub log: Log,
    pub stderr: String,
}

/// A plugin that has printed its handshake line.
pub struct Process {
    child: Child,
    /// The plugin's id, also when it is not our direct child.
    pub pid: u32,
    pub line: Line,
    pub log: Log,
    /// The host's and the plugin's sockets are made here.
    pub dir: TempDir,
    stdout: JoinHandle<String>,
    stderr: JoinHandle<()>,
}

impl Start {
    pub fn new(identity: &Identity) -> Self {
        let dir = tempfile::Builder::new().prefix("it").tempdir().unwrap();
        let mut env: BTreeMap<String, String> = BTreeMap::new();
        for prefix in ["BAO", "VAULT"] {
            env.insert(format!("{prefix}_VERSION"), "2.7.2".to_owned());
            env.insert(format!("{prefix}_PLUGIN_METADATA_MODE"), "false".to_owned());
            env.insert(format!("{prefix}_PLUGIN_AUTOMTLS_ENABLED"), "true".to_owned());
        }
        for (name, value) in [
            ("VAULT_BACKEND_PLUGIN", COOKIE),
            ("PLUGIN_MIN_PORT", "10000"),
            ("PLUGIN_MAX_PORT", "25000"),
            ("PLUGIN_PROTOCOL_VERSIONS", "5"),
            ("PLUGIN_CLIENT_CERT", &identity.pem()),
            ("TMPDIR", dir.path().to_str().unwrap()),
            // No test asks the cloud or the metadata service: nothing listens there.
            ("HTTPS_PROXY", "http://127.0.0.1:1"),
            ("ALIBABA_CLOUD_ECS_METADATA_DISABLED", "true"),
        ] {
            env.insert(name.to_owned(), value.to_owned());
        }
        Self {
            env,
            args: Vec::new(),
            dir,
            program: PLUGIN.into(),
            user: None,
            orphan: false,
            limits: None,
        }
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.insert(name.to_owned(), value.to_owned());
        self
    }

    pub fn without(mut self, name: &str) -> Self {
        self.env.remove(name);
        self
    }

    pub fn arg(mut self, arg: &str) -> Self {
        self.args.push(arg.to_owned());
        self
    }

    /// Puts a shell between us and the plugin, which can die in the host's place: [`Process::kill_parent`].
    pub fn under_a_shell(mut self) -> Self {
        self.orphan = true;
        self
    }

    /// Sets limits by the shell's `ulimit`, such as `-l 16384`, before the plugin takes the shell's place.
    pub fn limits(mut self, options: &str) -> Self {
        self.limits = Some(options.to_owned());
        self
    }

    /// Runs it as a user without rights when the tests are root's.
    pub fn unprivileged(mut self) -> Self {
        self.program = user::program(self.dir.path());
        self.user = Some(user::id());
        self
    }

    /// The directory of sockets.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    fn command(&self) -> Command {
        let mut command = if self.orphan {
            let mut shell = Command::new("/bin/sh");
            // Not the last command, so that no shell replaces itself with it; the id goes out first.
            shell
                .args(["-c", "\"$@\" & echo $!; wait; exit 0", "sh"])
                .arg(&self.program);
            shell
        } else if let Some(limits) = &self.limits {
            let mut shell = Command::new("/bin/sh");
            shell
                .args(["-c", &format!("ulimit {limits} && exec \"$@\""), "sh"])
                .arg(&self.program);
            shell
        } else {
            Command::new(&self.program)
        };
        if let Some(user) = self.user {
            command.uid(user);
        }
        command
            .args(&self.args)
            .env_clear()
            .envs(&self.env)
            .kill_on_drop(true);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Starts it and reads the handshake line.
    pub async fn start(self) -> Process {
        let mut child = self.command().spawn().unwrap();
        let log = Log::default();
        let stderr = tokio::spawn({
            let (log, stderr) = (log.clone(), child.stderr.take().unwrap());
            async move {
                let mut lines = BufReader::new(stderr).split(b'\n');
                while let Ok(Some(line)) = lines.next_segment().await {
                    log.push(&line);
                }
            }
        });
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut pid = child.id().unwrap();
        if self.orphan {
            pid = first_line(&mut stdout, &log).await.trim().parse().unwrap();
        }
        let line = first_line(&mut stdout, &log).await;
        let line = Line::parse(&line).unwrap_or_else(|error| panic!("{error}\n{}", log.text()));
        let stdout = tokio::spawn(async move {
            let mut rest = String::new();
            let _ = stdout.read_to_string(&mut rest).await;
            rest
        });
        Process {
            child,
            pid,
            line,
            log,
            dir: self.dir,
            stdout,
            stderr,
        }
    }

    /// Runs it until it ends by itself.
    pub async fn run(self) -> Ended {
        let output = timeout(PATIENCE, self.command().output())
            .await
            .expect("the plugin ends")
            .unwrap();
        let log = Log::default();
        for line in output
            .stderr
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
        {
            log.push(line);
        }
        Ended {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
            log,
        }
    }
}

async fn first_line(stdout: &mut BufReader<ChildStdout>, log: &Log) -> String {
    let mut line = String::new();
    timeout(PATIENCE, stdout.read_line(&mut line))
        .await
        .expect("a line on stdout in time")
        .unwrap();
    assert!(
        !line.is_empty(),
        "the plugin ended instead of a handshake:\n{}\n{:?}",
        log.text(),
        log.violations()
    );
    line
}

impl Process {
    /// Sends a signal, by its name for `kill`.
    pub fn signal(&self, signal: nix::sys::signal::Signal) {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.pid).unwrap());
        nix::sys::signal::kill(pid, signal).unwrap();
    }

    /// Kills the shell that started the plugin and leaves the plugin alone.
    pub async fn kill_parent(&mut self) {
        self.child.kill().await.unwrap();
    }

    /// Whether the plugin has not ended.
    pub fn is_running(&self) -> bool {
        !self.stdout.is_finished()
    }

    /// Waits for the end and checks what was written: nothing more on stdout, only records on stderr.
    pub async fn ended(&mut self) -> ExitStatus {
        // The pipe closes with the process, be it our child or not.
        let rest = timeout(PATIENCE, &mut self.stdout)
            .await
            .expect("the plugin ends")
            .unwrap();
        assert_eq!(rest, "", "output on stdout after the handshake");
        timeout(PATIENCE, &mut self.stderr)
            .await
            .expect("stderr ends")
            .unwrap();
        assert_eq!(
            self.log.violations(),
            Vec::<String>::new(),
            "lines on stderr that are no records"
        );
        timeout(PATIENCE, self.child.wait())
            .await
            .expect("the child ends")
            .unwrap()
    }

    /// Whether the plugin's socket file is there.
    pub fn has_socket(&self) -> bool {
        self.line.address.exists()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // A child is killed by tokio; one under a shell notices by itself.
        if !std::thread::panicking() {
            assert_eq!(
                self.log.violations(),
                Vec::<String>::new(),
                "lines on stderr that are no records"
            );
        }
    }
}
