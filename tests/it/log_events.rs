//! Every warning and error of the log has a word for its `event`, and every word is explained to operators.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// How a word is given to a line of the log: by a macro, or where a record is written by hand.
const FORMS: [&str; 3] = ["event = \"", "\"event\":\"", "field(\"event\", \""];

#[test]
fn every_warning_and_error_begins_with_its_event() {
    let mut lines = 0;
    let mut without = Vec::new();
    for (path, code) in sources() {
        for name in ["warn!(", "error!("] {
            for (at, _) in code.match_indices(name) {
                lines += 1;
                // In full, so that no other name for the macros escapes the test below.
                let is_ours = code[..at].ends_with("tracing::");
                let arguments = code[at + name.len()..].trim_start();
                if !is_ours || !arguments.starts_with(FORMS[0]) {
                    let line = code[..at].lines().count();
                    without.push(format!("{}:{line}", path.display()));
                }
            }
        }
    }
    assert!(lines > 30, "only {lines} were found");
    assert!(
        without.is_empty(),
        "not tracing::warn!(event = …), tracing::error!(event = …):\n{}",
        without.join("\n")
    );
}

#[test]
fn every_event_says_one_thing_and_is_documented() {
    let mut texts = BTreeMap::<String, BTreeSet<String>>::new();
    for (path, code) in sources() {
        for form in FORMS {
            for (at, _) in code.match_indices(form) {
                // The word, what is between it and the text of the line, and that text.
                let mut parts = code[at + form.len()..].split('"');
                let word = parts.next().unwrap().to_owned();
                assert!(
                    !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'),
                    "{}: {word:?} is no word in snake case",
                    path.display()
                );
                let text = parts.nth(1).unwrap_or_default().to_owned();
                texts.entry(word).or_default().insert(text);
            }
        }
    }
    let two: Vec<_> = texts.iter().filter(|(_, texts)| texts.len() > 1).collect();
    assert!(two.is_empty(), "one word for two things: {two:#?}");
    let used: BTreeSet<_> = texts.into_keys().collect();
    assert_eq!(documented(), used, "docs/operations.md, and the sources");
}

/// The words in the columns `event` of the tables.
fn documented() -> BTreeSet<String> {
    let text = fs::read_to_string(root().join("docs/operations.md")).unwrap();
    let mut found = BTreeSet::new();
    let mut in_table = false;
    for line in text.lines() {
        let Some(row) = line.strip_prefix('|') else {
            in_table = false;
            continue;
        };
        let first = row.split('|').next().unwrap().trim();
        in_table |= first == "event";
        if in_table && let Some(word) = first.strip_prefix('`').and_then(|rest| rest.strip_suffix('`')) {
            assert!(found.insert(word.to_owned()), "{word} is documented twice");
        }
    }
    found
}

/// The sources without their tests.
fn sources() -> Vec<(PathBuf, String)> {
    let mut folders = vec![root().join("src")];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            if ["tests", "testing"].contains(&name.as_str()) {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else {
                let text = fs::read_to_string(&path).unwrap();
                let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap().to_owned();
                found.push((path, code));
            }
        }
    }
    found
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
