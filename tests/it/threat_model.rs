//! The tests that `docs/threat-model.md` names are there, and each of them checks something.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn every_test_that_the_threat_model_names_exists_and_checks_something() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let document = fs::read_to_string(root.join("docs/threat-model.md")).unwrap();
    let named: Vec<(&str, &str)> = document
        .split('`')
        .skip(1)
        .step_by(2)
        .filter_map(|code| code.split_once("::"))
        .collect();
    assert!(named.len() > 40, "only {} tests are named", named.len());
    let mut wrong = Vec::new();
    for (file, test) in named {
        let path = root.join(file);
        let source = fs::read_to_string(&path).unwrap_or_default();
        match body(&source, test) {
            None => wrong.push(format!("{file}::{test} does not exist")),
            Some(_) if !is_test(&source, test) => wrong.push(format!("{file}::{test} is no test")),
            Some(_) if !checks(&sources_for(root, &path, source), test, &mut HashSet::new()) => {
                wrong.push(format!("{file}::{test} checks nothing"));
            }
            Some(_) => {}
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Where a test and its helpers are.
struct Sources {
    /// The test's own file, and in Rust those beside it.
    own: Vec<String>,
    /// What all tests share: its names are common ones, so only a helper that asserts something itself counts.
    shared: Vec<String>,
}

fn sources_for(root: &Path, file: &Path, source: String) -> Sources {
    let is_python = file.extension().is_some_and(|extension| extension == "py");
    let texts = |folder: &Path| -> Vec<String> {
        let others = files(folder).into_iter().filter(|path| path != file);
        others.map(|path| fs::read_to_string(path).unwrap()).collect()
    };
    let mut own = vec![source];
    if is_python {
        let shared = texts(&root.join("tests/e2e/harness"));
        return Sources { own, shared };
    }
    own.extend(texts(file.parent().unwrap()));
    let shared = texts(&root.join("tests/it/host"));
    Sources { own, shared }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "rs" || extension == "py")
        })
        .collect()
}

/// Whether a function asserts something itself, or calls one that does. That an answer is a success says nothing about
/// a threat: `ok` does not count, nor do `unwrap` and `expect`.
fn checks(sources: &Sources, function: &str, seen: &mut HashSet<String>) -> bool {
    const ASSERTIONS: [&str; 6] = [
        "assert",
        "prop_assert",
        "raises",
        "refused",
        "expect_err",
        "unwrap_err",
    ];
    const SUCCESS: [&str; 2] = ["ok", "new"];
    if !seen.insert(function.to_owned()) || SUCCESS.contains(&function) {
        return false;
    }
    let asserts = |calls: &[String]| {
        let is_assertion = |name: &String| ASSERTIONS.iter().any(|assertion| name.starts_with(assertion));
        calls.iter().any(is_assertion)
    };
    let calls_in = |sources: &[String]| -> Vec<String> {
        let bodies = sources.iter().filter_map(|source| body(source, function));
        bodies.flat_map(|body| calls(&body)).collect()
    };
    let own = calls_in(&sources.own);
    asserts(&own) || asserts(&calls_in(&sources.shared)) || own.iter().any(|name| checks(sources, name, seen))
}

/// The lines of a function's body, comments left out. Sources are formatted, so a body ends where the indentation of
/// the function's own line comes back.
fn body(source: &str, function: &str) -> Option<String> {
    let mut lines = source.lines().skip_while(|line| !defines(line, function));
    let first = lines.next()?;
    let own = indentation(first);
    let mut body = Vec::new();
    // What is on the first line after the name, for functions of one line.
    body.push(first.split_once('(').map_or("", |(_, rest)| rest));
    for line in lines {
        let code = line.trim_start();
        // The end of a signature of several lines: `) -> bool {`, `) -> None:`.
        let is_signature = code.starts_with(')');
        if !code.is_empty() && indentation(line) <= own && !is_signature {
            break;
        }
        if !code.starts_with("//") && !code.starts_with('#') {
            body.push(line);
        }
    }
    Some(body.join("\n"))
}

fn defines(line: &str, function: &str) -> bool {
    ["fn ", "def "].iter().any(|keyword| {
        let rest = line
            .split_once(keyword)
            .and_then(|(_, rest)| rest.strip_prefix(function));
        rest.is_some_and(|rest| rest.starts_with(['(', '<']))
    })
}

/// Whether the function runs as a test.
fn is_test(source: &str, function: &str) -> bool {
    if function.starts_with("test_") {
        return true;
    }
    let before = source.lines().take_while(|line| !defines(line, function));
    let attributes: Vec<&str> = before.collect();
    let attributes = attributes
        .iter()
        .rev()
        .take_while(|line| !line.trim().is_empty() && line.trim() != "}");
    attributes
        .into_iter()
        .any(|line| line.trim_start().starts_with("#[") && line.contains("test"))
}

fn indentation(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// The names that are called: a function or a method before `(`, a macro before `!`, and Python's `assert`.
fn calls(body: &str) -> Vec<String> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut found = Vec::new();
    let mut rest = body;
    while let Some(start) = rest.find(is_name) {
        let (_, name) = rest.split_at(start);
        let end = name.find(|c| !is_name(c)).unwrap_or(name.len());
        let (name, after) = name.split_at(end);
        if after.starts_with(['(', '!'])
            || after.starts_with("::<")
            || (name == "assert" && after.starts_with(' '))
        {
            found.push(name.to_owned());
        }
        rest = after;
    }
    found
}

#[test]
fn what_asserts_nothing_is_seen() {
    let source = r#"
#[test]
fn asserts() {
    assert_eq!(1, 1);
}

#[test]
fn asks_a_helper() {
    let x = helper(
        1,
    );
}

fn helper<T>(
    x: T,
) -> bool {
    loop { assert!(true); }
}

#[test]
fn only_calls() {
    // assert!(false)
    server().call().unwrap();
}

#[test]
fn calls_itself() { calls_itself() }

def test_python(
    x: int,
) -> None:
    with pytest.raises(ValueError):

        x.ok()

def test_weak() -> None:
    # assert x
    x.ok()

def test_asks_the_harness() -> None:
    strong(1)

def test_uses_the_harness() -> None:
    weak(1)

def test_last() -> None:
    assert x
"#;
    let harness = r#"
def weak(x: int) -> None:
    strong(x)

def strong(x: int) -> None:
    assert x
"#;
    let sources = Sources {
        own: vec![source.to_owned()],
        shared: vec![harness.to_owned()],
    };
    let checks = |function| checks(&sources, function, &mut HashSet::new());
    for function in [
        "asserts",
        "asks_a_helper",
        "test_python",
        "test_asks_the_harness",
        "test_last",
    ] {
        assert!(checks(function), "{function}");
    }
    for function in [
        "only_calls",
        "calls_itself",
        "test_weak",
        "test_uses_the_harness",
        "absent",
        "assert",
    ] {
        assert!(!checks(function), "{function}");
    }
    assert!(is_test(source, "asserts") && !is_test(source, "helper"));
}
