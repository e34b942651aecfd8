//! The checks find what they are there for, in small crates made for the purpose.

use std::fs;

use tempfile::TempDir;

use super::cycles::cycles;
use super::resolve::dependencies;
use super::source::Sources;

/// A crate of these files; `lib.rs` is among them.
fn sources(files: &[(&str, &str)]) -> (TempDir, Sources) {
    let folder = TempDir::new().unwrap();
    for (path, text) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let sources = Sources::read(folder.path(), "the_library");
    (folder, sources)
}

/// Its dependencies as `from:line to`.
fn found(files: &[(&str, &str)]) -> Vec<String> {
    let (_folder, sources) = sources(files);
    let show = |d: super::Dependency| format!("{}:{} {}", d.from.display(), d.line, d.to.display());
    dependencies(&sources).into_iter().map(show).collect()
}

/// A module `a` of this text beside `b`, which defines `B` and `make`, and has a child `c`, which defines `C`.
fn of(text: &str) -> Vec<String> {
    found(&[
        ("lib.rs", "mod a; mod b;"),
        ("a.rs", text),
        ("b/mod.rs", "mod c; pub use c::C; pub struct B; pub fn make() {}"),
        ("b/c.rs", "pub struct C; impl C { pub const ONE: Self = C; }"),
    ])
}

const TO_B: [&str; 1] = ["a.rs:1 b/mod.rs"];
const TO_C: [&str; 1] = ["a.rs:1 b/c.rs"];
const TO_NONE: [&str; 0] = [];

#[test]
fn every_way_to_name_something_is_a_dependency() {
    for text in [
        "use crate::b::B;",
        "use super::b::B;",
        "use self::super::b::B;",
        "use super::{b::B};",
        "use crate::{b::{B as Other, make}};",
        "use super::b; fn f() { b::make() }",
        "use super::b as other; fn f() { other::make() }",
        "use super::b::*; fn f() { make() }",
        "fn f() -> crate::b::B { todo!() }",
        "fn f() { let _ = vec![super::b::make()]; }",
        "fn f() { use super::b; b::make() }",
        "mod inner { use super::super::b::B; }",
        "impl From<super::b::B> for () {}",
        "fn f() { <super::b::B as Default>::default(); }",
        "#[cfg(any(test, fuzzing))] use super::b::B;",
        "#[cfg(not(test))] use super::b::B;",
        "fn f() { for i in 0..super::b::B {} }",
    ] {
        assert_eq!(of(text), TO_B, "{text}");
    }
}

#[test]
fn what_is_exported_again_is_where_it_is_defined() {
    for text in [
        "use super::b::C;",
        "use crate::b::{C as Other};",
        "use super::b; fn f() { b::C::ONE }",
        "fn f() -> super::b::C { todo!() }",
        "use super::b::*; fn f() -> C { todo!() }",
    ] {
        assert_eq!(of(text), TO_C, "{text}");
    }
}

#[test]
fn what_is_not_compiled_into_the_product_is_no_dependency() {
    for text in [
        "// use super::b::B;",
        "/// See `super::b::B`, [`crate::b::make`].\nfn f() {}",
        "//! crate::b::B",
        "/* super::b::B /* crate::b::B */ */",
        "const X: &str = \"super::b::B\";",
        "const X: &str = r#\"crate::b::\"B\"#;",
        "#[doc = \"super::b::B\"] fn f() {}",
        "#[cfg(test)] mod tests { use crate::b::B; }",
        "#[cfg(test)] use super::b::B;",
        "#[cfg(test)] #[allow(dead_code)] fn f<A, B>(_: super::b::B) { super::b::make() }",
        "#[cfg(all(test, unix))] impl Clone for crate::b::B {}",
        "struct S { #[cfg(test)] b: super::b::B, c: () }",
        "fn f() { #[cfg(test)] super::b::make(); }",
        // A module alone is none: what is used of it is.
        "use super::b;",
        // Names that are the same by chance.
        "fn f(b: u8) { let make = b; s.b.make(make); }",
        "use std::{b, make}; fn f() -> b::B { make() }",
    ] {
        assert_eq!(of(text), TO_NONE, "{text}");
    }
}

#[test]
fn a_declaration_and_an_export_alone_are_no_dependency_of_a_module() {
    let of = |text| {
        found(&[
            ("lib.rs", "mod a;"),
            ("a/mod.rs", text),
            ("a/b.rs", "pub struct B; pub fn b() {}"),
        ])
    };
    for text in [
        "mod b; pub use b::B;",
        "mod b; pub(crate) use self::b::{B, b};",
        "pub mod b; pub use b::*;",
    ] {
        assert_eq!(of(text), TO_NONE, "{text}");
    }
    for text in [
        "mod b; use b::B;",
        "mod b; pub use b::B; fn f() -> B { todo!() }",
        "mod b; fn f() { b::b() }",
        "mod b; pub use self::b::b; fn f() { b() }",
        "pub mod b; pub use b::*; struct A(B);",
    ] {
        assert_eq!(of(text), ["a/mod.rs:1 a/b.rs"], "{text}");
    }
}

#[test]
fn names_that_a_macro_makes_belong_to_the_file_that_calls_it() {
    let files = [
        (
            "lib.rs",
            "mod generated; mod facade { pub use super::generated::*; } mod a;",
        ),
        ("generated.rs", "include!(\"made.rs\");"),
        ("a.rs", "use super::facade::Made;\nuse super::generated::Other;"),
    ];
    assert_eq!(found(&files), ["a.rs:1 generated.rs"]);
}

#[test]
fn the_program_depends_on_the_library() {
    let files = [
        ("lib.rs", "pub mod a;"),
        ("a.rs", "pub fn run() {}"),
        (
            "main.rs",
            "mod cli;\nfn main() { the_library::a::run(); cli::parse() }",
        ),
        ("cli.rs", "pub fn parse() {}"),
    ];
    assert_eq!(found(&files), ["main.rs:2 a.rs", "main.rs:2 cli.rs"]);
}

#[test]
fn a_cycle_over_three_files_is_found_and_one_way_is_none() {
    let files = [
        ("lib.rs", "mod a; mod b; mod c; mod d;"),
        ("a.rs", "use super::b::B; pub struct A;"),
        ("b.rs", "pub struct B(crate::c::C);"),
        ("c.rs", "use crate::d::D;\npub struct C;\nfn f() { super::a::A; }"),
        ("d.rs", "pub struct D;"),
    ];
    let (_folder, read) = sources(&files);
    let [cycle] = cycles(&dependencies(&read)).try_into().unwrap();
    assert!(cycle.starts_with("3 files:"), "{cycle}");
    assert!(
        cycle.contains("c.rs:3 names super::a::A, which is in a.rs"),
        "{cycle}"
    );
    assert!(!cycle.contains("d.rs"), "{cycle}");
    let (_folder, read) = sources(
        &files[..2]
            .iter()
            .chain(&files[4..])
            .copied()
            .chain([
                ("b.rs", "pub struct B(crate::c::C);"),
                ("c.rs", "use crate::d::D; pub struct C;"),
            ])
            .collect::<Vec<_>>(),
    );
    assert_eq!(cycles(&dependencies(&read)), TO_NONE);
}

#[test]
fn a_child_and_its_parent_are_a_cycle_when_each_uses_what_the_other_defines() {
    let files = [
        ("lib.rs", "mod a;"),
        ("a/mod.rs", "mod b; pub struct A; fn f() { b::b() }"),
        ("a/b.rs", "use super::A; pub fn b() {}"),
    ];
    let (_folder, read) = sources(&files);
    assert_eq!(cycles(&dependencies(&read)).len(), 1);
    let (_folder, read) = sources(&[
        files[0],
        ("a/mod.rs", "mod b; pub use b::b; pub struct A;"),
        files[2],
    ]);
    assert_eq!(cycles(&dependencies(&read)), TO_NONE);
}

#[test]
fn lines_of_tests_do_not_count_and_their_files_are_known() {
    let (_folder, read) = sources(&[
        ("lib.rs", "mod a;\nmod b;\n"),
        (
            "a.rs",
            "fn f() {}\n\n#[cfg(test)]\nmod tests {\n    fn g() {}\n}\n",
        ),
        (
            "b/mod.rs",
            "#[cfg(test)]\nmod tests;\n#[cfg(test)]\npub(crate) mod testing;\nfn f() {}\n",
        ),
        ("b/tests.rs", "use crate::lost;\n"),
        ("b/testing/mod.rs", "mod part;\n"),
        ("b/testing/part.rs", "\n"),
        ("lost.rs", "\n"),
    ]);
    let lines: Vec<_> = read
        .files
        .iter()
        .map(|file| (file.path.to_str().unwrap(), file.lines))
        .collect();
    assert_eq!(lines, [("lib.rs", 2), ("a.rs", 2), ("b/mod.rs", 5)]);
    let [lost] = read.undeclared().try_into().unwrap();
    assert!(lost.ends_with("lost.rs"), "{}", lost.display());
}
