//! The patterns of paths: matching, what is captured, and the folded path. The first bytes choose the pattern's segments,
//! up to a line break; the rest is the path.
//!
//! The regular expression that a Go plugin would have written is the second opinion.
#![no_main]

use std::cell::RefCell;
use std::collections::HashSet;
use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use regex_lite::Regex;
use serde_json::{Value, json};
use vault_plugin_alicloud::fuzzing::cloud::fuzzing::FixedClock;
use vault_plugin_alicloud::fuzzing::framework::{Backend, BackendKind, Field, FieldKind, Path, Pattern};
use vault_plugin_alicloud::fuzzing::vault::generated::pb;
use vault_plugin_alicloud::fuzzing::vault::testing::Mount;
use vault_plugin_alicloud_fuzz::block_on;

/// What patterns are made of here. Few segments, and few in a pattern: each one that was used is kept for ever.
const SEGMENTS: [&str; 7] = ["a", "as?", "_.", "{n}", "{m}", "é?", "role"];
const MOST_SEGMENTS: usize = 4;

fuzz_target!(|data: &[u8]| {
    let Some(end) = data
        .iter()
        .take(MOST_SEGMENTS + 1)
        .position(|byte| *byte == b'\n')
    else {
        return;
    };
    let (choice, path) = data.split_at(end);
    let Ok(path) = std::str::from_utf8(&path[1..]) else {
        return;
    };
    if path.len() > 512 {
        return;
    }
    let segments = choice
        .iter()
        .map(|byte| SEGMENTS[usize::from(*byte) % SEGMENTS.len()]);
    // A letter, rather than a digit, as the last choice.
    let end = if choice.last() >= Some(&b'a') { "/?" } else { "" };
    let text = kept(segments.collect::<Vec<_>>().join("/") + end);
    let pattern = Pattern::new(text);
    let captured = pattern.captures(path);

    let regex = pattern.go_regex();
    let names: Vec<_> = pattern.names().collect();
    // Two names may be equal here; and hyphens stand elsewhere in the classes of this crate.
    let regex = regex
        .replace("(?P<n>", "(")
        .replace("(?P<m>", "(")
        .replace(r"[\w-.]", r"[\w.\-]");
    let expected = Regex::new(&regex).expect("it is an expression").captures(path);
    let Some(captured) = captured else {
        assert!(expected.is_none(), "{text:?} {path:?}");
        return;
    };
    let expected = expected.expect("the expression matches too");
    // A name is three groups, each inside the one before it.
    let expected: Vec<_> = names
        .iter()
        .zip(0..)
        .map(|(name, at)| (*name, expected.get(1 + 3 * at).expect("a name matches").range()))
        .collect();
    assert_eq!(
        captured.ranges().collect::<Vec<_>>(),
        expected,
        "{text:?} {path:?}"
    );
    for (_, value) in captured.values(path) {
        assert!(path.contains(value) && !value.is_empty());
    }
    assert!(pattern.openapi_paths().len() <= 1 << MOST_SEGMENTS);

    let folded = folded(text, path);
    let mut lower = path.to_owned();
    for (_, range) in captured.ranges().filter(|(name, _)| *name == "n") {
        lower.replace_range(range.clone(), &path[range].to_ascii_lowercase());
    }
    assert_eq!(folded.as_deref().unwrap_or(path), lower);
    // Nothing is left to be folded.
    if let Some(folded) = folded {
        let again = pattern.captures(&folded);
        assert_eq!(again.as_ref(), Some(&captured), "{text:?} {path:?}");
        assert_eq!(self::folded(text, &folded), None, "{text:?} {path:?}");
    }
});

/// What a mount with this one path resolves a path to, if that differs. `n` is folded, `m` is not.
fn folded(pattern: &'static str, path: &str) -> Option<String> {
    let route = Path::new(pattern)
        .field(Field::new("n", FieldKind::LowercaseString))
        .field(Field::new("m", FieldKind::String));
    let mount = Mount::new(
        Backend::new(BackendKind::Secrets, "").path(route),
        Arc::new(FixedClock),
    );
    let request = pb::Request {
        operation: "resolve-path".to_owned(),
        path: path.to_owned(),
        ..pb::Request::default()
    };
    let reply = block_on(mount.handle(pb::HandleRequestArgs {
        request: Some(Box::new(request)),
        ..pb::HandleRequestArgs::default()
    }));
    let data = reply.response?.data;
    let data: Value = serde_json::from_str(&data).expect("an answer is JSON");
    assert_eq!(data, json!({"path": data["path"]}));
    data["path"].as_str().map(str::to_owned)
}

/// A text for ever: patterns are constants of the program.
fn kept(text: String) -> &'static str {
    thread_local! {
        static KEPT: RefCell<HashSet<&'static str>> = RefCell::default();
    }
    KEPT.with_borrow_mut(|kept| {
        if let Some(text) = kept.get(text.as_str()) {
            return *text;
        }
        let text: &'static str = text.leak();
        kept.insert(text);
        text
    })
}
