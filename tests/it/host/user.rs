//! A user without rights, for tests that run as root: root sees through what keeps others out.

use std::{
    fs::{self, Permissions},
    os::unix::{
        fs::{PermissionsExt as _, chown},
        process::CommandExt as _,
    },
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::process::PLUGIN;

/// Who that is: nobody when the tests run as root, else whoever runs them.
pub fn id() -> u32 {
    let own = nix::unistd::geteuid();
    if own.is_root() { 65_534 } else { own.as_raw() }
}

/// A copy of the program, in a folder that is this user's from now on. The build's own folder may be closed to others.
pub fn program(folder: &Path) -> PathBuf {
    let copy = folder.join("program");
    // By another process: were the file open for writing here, a child that is started at this moment would keep it
    // so, and the system starts no program that is being written.
    let copied = Command::new("/bin/cp").arg(PLUGIN).arg(&copy).status().unwrap();
    assert!(copied.success());
    // A program that its user cannot read is protected whatever it does.
    fs::set_permissions(&copy, Permissions::from_mode(0o755)).unwrap();
    chown(folder, Some(id()), None).unwrap();
    copy
}

/// A command that this user runs.
pub fn command(program: impl AsRef<Path>) -> Command {
    let mut command = Command::new(program.as_ref());
    command.uid(id());
    command
}

/// Whether this user can look into a process: its environment stands for its memory.
pub fn sees_into(pid: u32) -> bool {
    command("/bin/cat")
        .arg(format!("/proc/{pid}/environ"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap()
        .success()
}
