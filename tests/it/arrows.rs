//! The rooms of the crate import only along the arrows that the crate documentation draws.

use std::fs;
use std::path::{Path, PathBuf};

/// Each room, and the rooms that it may name.
const ALLOWED: [(&str, &[&str]); 10] = [
    ("alicloud", &[]),
    ("arguments", &["framework", "go_flags", "signer"]),
    ("auth", &["alicloud", "framework"]),
    ("framework", &[]),
    ("go_flags", &[]),
    ("goplugin", &[]),
    ("process", &[]),
    ("secrets", &["alicloud", "framework"]),
    ("signer", &["alicloud", "framework", "go_flags", "process"]),
    ("vault", &["framework", "goplugin"]),
];

#[test]
fn rooms_import_along_the_arrows_only() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut broken = Vec::new();
    for file in files(&source) {
        let relative = file.strip_prefix(&source).unwrap();
        let first = relative
            .components()
            .next()
            .unwrap()
            .as_os_str()
            .to_string_lossy()
            .into_owned();
        let room = first.trim_end_matches(".rs");
        if matches!(room, "main" | "lib") {
            continue;
        }
        let (_, allowed) = ALLOWED
            .iter()
            .find(|(name, _)| *name == room)
            .unwrap_or_else(|| panic!("{room} is a room without arrows: add it to this test and to lib.rs"));
        let text = fs::read_to_string(&file).unwrap();
        for (line, named) in text
            .lines()
            .zip(1..)
            .flat_map(|(line, at)| named_rooms(line).map(move |n| (at, n)))
        {
            if named != room && !allowed.contains(&named) {
                broken.push(format!("{}:{line} names crate::{named}", relative.display()));
            }
        }
    }
    assert!(
        broken.is_empty(),
        "imports against the arrows:\n{}",
        broken.join("\n")
    );
}

/// The rooms that a line names, comments left out.
fn named_rooms(line: &str) -> impl Iterator<Item = &str> {
    let code = line.split("//").next().unwrap_or_default();
    code.split("crate::").skip(1).map(|rest| {
        rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .next()
            .unwrap_or_default()
    })
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}
