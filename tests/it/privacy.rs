//! What is in the memory of the program stays there: it dumps no core, and whoever runs as the same user cannot look.

use std::{
    fs,
    process::{Child, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use crate::host::{Identity, PATIENCE, Start, user};

/// A process that ends with the test.
struct Ends(Child);

impl Drop for Ends {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The limits of the size of a core, soft and hard.
fn core_limits(pid: u32) -> Vec<String> {
    let limits = fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
    let core = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"))
        .unwrap();
    core.split_whitespace()
        .skip(4)
        .take(2)
        .map(str::to_owned)
        .collect()
}

/// Both protections are there. The program may still be at its start.
fn assert_private(pid: u32) {
    let start = Instant::now();
    loop {
        let (limits, seen) = (core_limits(pid), user::sees_into(pid));
        if limits == ["0", "0"] && !seen {
            return;
        }
        assert!(
            start.elapsed() < PATIENCE,
            "core limits {limits:?}, seen into: {seen}"
        );
        sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_program_that_does_nothing_about_it_is_seen_into() {
    let other = Ends(user::command("/bin/sleep").arg("60").spawn().unwrap());
    let start = Instant::now();
    // Not at once: it has to become that user's first.
    while !user::sees_into(other.0.id()) {
        assert!(start.elapsed() < PATIENCE, "the other tests show nothing");
        sleep(Duration::from_millis(10));
    }
}

#[tokio::test]
async fn the_memory_of_a_plugin_is_private() {
    let process = Start::new(&Identity::new()).unprivileged().start().await;
    assert_private(process.pid);
}

#[test]
fn the_memory_of_the_signer_is_private() {
    let folder = tempfile::tempdir().unwrap();
    let mut signer = user::command(user::program(folder.path()));
    signer
        .args(["sign", "-role=r", "-region=r-1", "-access-key=k", "-secret-key=-"])
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::null());
    // It waits for the secret.
    let signer = Ends(signer.spawn().unwrap());
    assert_private(signer.0.id());
}
