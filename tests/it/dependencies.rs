//! Modules depend on each other in one direction only, files never in a cycle, and no file is too long to be read.
//!
//! The sources are read here, not compiled: a dependency is a name that another file defines. A method that is called
//! without naming its type is not seen.

mod cycles;
mod resolve;
mod source;
mod test_code;
mod tests;
mod tokens;

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use cycles::cycles;
use resolve::{Dependency, dependencies};
use source::Sources;

/// What is neither a vendor's nor Vault's, and small: the time, names at random, limits of time, and what counts calls.
const BASICS: [&str; 5] = [
    "cloud/budget",
    "cloud/clock",
    "cloud/deadline",
    "cloud/observer",
    "cloud/random",
];

/// Each module, and the modules that its files may name besides their own and, but for `cloud` and `goplugin`, `BASICS`.
const ALLOWED: [(&str, &[&str]); 14] = [
    ("alicloud", &["cloud"]),
    ("auth", &["alicloud", "cloud", "framework"]),
    ("aws", &["cloud"]),
    ("cli", &["alicloud", "cloud", "framework"]),
    ("cloud", &[]),
    ("framework", &[]),
    ("goplugin", &[]),
    (
        "secrets/alicloud",
        &[
            "alicloud",
            "cloud",
            "framework",
            "secrets/identity",
            "secrets/lease",
            "secrets/rotation",
            "secrets/template",
        ],
    ),
    ("secrets/aws", &["aws", "cloud", "framework", "secrets/lease"]),
    ("secrets/identity", &["framework"]),
    ("secrets/lease", &["cloud", "framework"]),
    ("secrets/rotation", &["framework"]),
    ("secrets/template", &["framework", "secrets/identity"]),
    ("vault", &["framework", "goplugin"]),
];

/// Lines of a file without its tests.
const LONGEST: usize = 400;

#[test]
fn modules_depend_in_one_direction_only() {
    let broken = forbidden(&dependencies(&SOURCES));
    assert!(
        broken.is_empty(),
        "dependencies that are not allowed:\n{}",
        broken.join("\n")
    );
}

#[test]
fn no_files_depend_on_each_other_in_a_cycle() {
    let found = cycles(&dependencies(&SOURCES));
    assert!(
        found.is_empty(),
        "files that depend on each other:\n{}",
        found.join("\n")
    );
}

#[test]
fn no_file_is_too_long() {
    let mut long: Vec<_> = SOURCES.files.iter().filter(|file| file.lines > LONGEST).collect();
    long.sort_by_key(|file| std::cmp::Reverse(file.lines));
    let long: Vec<_> = long
        .iter()
        .map(|file| format!("{}: {}", file.path.display(), file.lines))
        .collect();
    assert!(
        long.is_empty(),
        "files of more than {LONGEST} lines without tests:\n{}",
        long.join("\n")
    );
}

#[test]
fn every_file_belongs_to_a_module() {
    assert_eq!(SOURCES.undeclared(), Vec::<PathBuf>::new());
}

/// The sources of this crate.
static SOURCES: LazyLock<Sources> = LazyLock::new(|| {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let sources = Sources::read(&root.join("src"), &env!("CARGO_PKG_NAME").replace('-', "_"));
    assert!(
        sources.files.len() > 50,
        "only {} files were found",
        sources.files.len()
    );
    sources
});

/// The dependencies between modules that `ALLOWED` does not have. `main.rs` with its allocator, `lib.rs` and `run.rs` put
/// the crate together: they may name anything, and only they may name each other.
fn forbidden(dependencies: &[Dependency]) -> Vec<String> {
    let mut broken = Vec::new();
    for Dependency { from, line, path, to } in dependencies {
        if is_root(from) {
            continue;
        }
        let allowed = match (module_of(from), module_of(to)) {
            (Some((own, _)), Some((other, _))) if own == other => true,
            (Some((own, allowed)), Some((other, _))) => {
                allowed.contains(&other) || (own != "goplugin" && is_basic(to))
            }
            _ => false,
        };
        if !allowed {
            broken.push(format!(
                "{}:{line} names {path}, which is in {}",
                from.display(),
                to.display()
            ));
        }
    }
    broken
}

fn is_basic(file: &Path) -> bool {
    BASICS
        .iter()
        .any(|basic| file.with_extension("") == Path::new(basic))
}

fn is_root(file: &Path) -> bool {
    [
        "allocator.rs",
        "allocator/pages.rs",
        "lib.rs",
        "main.rs",
        "run.rs",
    ]
    .iter()
    .any(|root| file == Path::new(root))
}

/// The module of `ALLOWED` that a file belongs to.
fn module_of(file: &Path) -> Option<(&'static str, &'static [&'static str])> {
    let path = file.with_extension("");
    ALLOWED.into_iter().find(|(module, _)| path.starts_with(module))
}
