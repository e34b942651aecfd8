//! The documents agree with the program and with each other.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::host::{Host, Kind};

const README_LIMIT: usize = 130;

#[test]
fn the_readme_is_short() {
    let lines = read("README.md").lines().count();
    assert!(lines <= README_LIMIT, "README.md has {lines} lines");
}

#[test]
fn every_link_within_the_repository_leads_somewhere() {
    let documents = files(&root(), "md");
    assert!(documents.len() > 12, "{documents:?}");
    let mut followed = 0;
    let mut broken = Vec::new();
    for document in &documents {
        let text = fs::read_to_string(document).unwrap();
        for link in links(&text) {
            if link.contains("://") {
                continue;
            }
            followed += 1;
            let (file, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target = match file {
                "" => document.clone(),
                file => document.parent().unwrap().join(file),
            };
            let found = target.exists()
                && (anchor.is_empty() || anchors(&fs::read_to_string(&target).unwrap()).contains(anchor));
            if !found {
                broken.push(format!("{}: {link}", document.display()));
            }
        }
    }
    assert!(followed > 100, "only {followed} links were found");
    assert!(broken.is_empty(), "broken links:\n{}", broken.join("\n"));
}

#[tokio::test]
async fn every_path_and_every_field_is_documented() {
    for (engine, kind, document, mount) in [
        ("alicloud", Kind::Secrets, "docs/secrets-engine.md", "/alicloud"),
        ("alicloud", Kind::Auth, "docs/auth-method.md", "/auth/alicloud"),
        ("aws", Kind::Secrets, "docs/aws-engine.md", "/aws"),
    ] {
        let host = Host::builder().arg(&format!("-engine={engine}")).start().await;
        let openapi = host.mount(kind).await.help("").await.expect(200).data["openapi"].clone();
        let text = read(document);
        let sections: Vec<Section<'_>> = text.split("\n## ").skip(1).map(Section::parse).collect();
        let documented: BTreeSet<_> = sections.iter().flat_map(Section::operations).collect();
        let served: BTreeSet<_> = operations(&openapi, mount).into_iter().collect();
        assert!(served.len() > 7, "{document}: {served:?}");
        assert_eq!(
            documented, served,
            "{document}: methods and paths of its sections"
        );

        for (path, item) in openapi["paths"].as_object().unwrap() {
            let path = format!("{mount}{path}");
            let about_it: Vec<_> = sections
                .iter()
                .filter(|section| section.is_about(&path))
                .collect();
            let missing: Vec<_> = fields(&openapi, item)
                .into_iter()
                .filter(|field| !about_it.iter().any(|section| section.names(field)))
                .collect();
            assert!(
                missing.is_empty(),
                "{document}: the sections on {path} do not name {missing:?}"
            );
        }
        host.shutdown().await;
    }
}

#[test]
fn quoted_error_texts_and_log_lines_are_in_the_sources() {
    let sources: String = files(&root().join("src"), "rs")
        .iter()
        .map(|file| literals(&fs::read_to_string(file).unwrap()))
        .collect();
    let mut quoted = 0;
    let mut unknown = Vec::new();
    for document in ["docs/operations.md", "docs/troubleshooting.md"] {
        for text in quotes(&read(document)) {
            quoted += 1;
            if text.split('…').any(|part| !sources.contains(part.trim())) {
                unknown.push(format!("{document}: {text}"));
            }
        }
    }
    assert!(quoted > 50, "only {quoted} texts are quoted");
    assert!(
        unknown.is_empty(),
        "texts that no source has:\n{}",
        unknown.join("\n")
    );
}

/// A second-level section of an API document: its head names methods and paths in a table.
struct Section<'a> {
    text: &'a str,
    served: Vec<(&'a str, &'a str)>,
}

impl<'a> Section<'a> {
    fn parse(text: &'a str) -> Self {
        let served = text
            .lines()
            .filter_map(|line| {
                let mut cells = line.split('|').map(str::trim).skip(1);
                Some((code(cells.next()?)?, code(cells.next()?)?))
            })
            .filter(|(_, path)| path.starts_with('/'))
            .collect();
        Self { text, served }
    }

    fn operations(&self) -> impl Iterator<Item = (String, String)> {
        self.served
            .iter()
            .map(|(method, path)| ((*method).to_owned(), (*path).to_owned()))
    }

    fn is_about(&self, path: &str) -> bool {
        self.served.iter().any(|(_, served)| *served == path)
    }

    fn names(&self, field: &str) -> bool {
        self.text.contains(&format!("`{field}`"))
    }
}

/// The content of a cell that is one code span.
fn code(cell: &str) -> Option<&str> {
    cell.strip_prefix('`')?
        .strip_suffix('`')
        .filter(|text| !text.contains('`'))
}

/// Methods and paths of an OpenAPI document, as API documents write them.
fn operations(openapi: &Value, mount: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (path, item) in openapi["paths"].as_object().unwrap() {
        for (name, method) in [("get", "GET"), ("post", "POST"), ("delete", "DELETE")] {
            let operation = &item[name];
            let lists = parameters(operation).any(|parameter| parameter == "list");
            if !operation.is_null() {
                let method = if lists { "LIST" } else { method };
                found.push((method.to_owned(), format!("{mount}{path}")));
            }
        }
    }
    found
}

/// The fields of a path: in the path itself, in the query of a read and in the body of a write.
fn fields(openapi: &Value, item: &Value) -> BTreeSet<String> {
    let schema = &item["post"]["requestBody"]["content"]["application/json"]["schema"]["$ref"];
    let body = schema
        .as_str()
        .and_then(|pointer| openapi.pointer(pointer.trim_start_matches('#')))
        .and_then(|schema| schema["properties"].as_object());
    let query = parameters(&item["get"]).filter(|parameter| *parameter != "list");
    parameters(item)
        .chain(query)
        .map(str::to_owned)
        .chain(body.into_iter().flat_map(|properties| properties.keys().cloned()))
        .collect()
}

fn parameters(of: &Value) -> impl Iterator<Item = &str> {
    of["parameters"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|parameter| parameter["name"].as_str())
}

/// The texts in the column of error texts or log lines, of the tables that have one.
fn quotes(document: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut column = None;
    for line in document.lines() {
        let Some(row) = line.strip_prefix('|') else {
            column = None;
            continue;
        };
        let cells: Vec<_> = row.split(" | ").map(str::trim).collect();
        if column.is_none() {
            column = cells
                .iter()
                .position(|cell| matches!(*cell, "error text" | "log line"));
        }
        let quoted = column.and_then(|column| cells.get(column)).unwrap_or(&"");
        found.extend(quoted.split('`').skip(1).step_by(2).map(str::to_owned));
    }
    found
}

/// A source with the line breaks and escapes of its string literals resolved.
fn literals(source: &str) -> String {
    let mut text = String::new();
    let mut continued = false;
    for line in source.lines() {
        let line = if continued { line.trim_start() } else { line };
        continued = line.ends_with('\\');
        text.push_str(line.trim_end_matches('\\'));
        if !continued {
            text.push('\n');
        }
    }
    text.replace("\\\"", "\"")
}

/// The targets of all links outside of code.
fn links(document: &str) -> Vec<String> {
    prose(document)
        .flat_map(|line| {
            // Odd parts are code spans.
            let text: String = line.split('`').step_by(2).collect::<Vec<_>>().join("code");
            text.split("](")
                .skip(1)
                .filter_map(|rest| rest.split_once(')'))
                .map(|(target, _)| target.to_owned())
                .collect::<Vec<_>>()
        })
        .collect()
}

/// The anchors of a document's headings, as GitHub makes them.
fn anchors(document: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for heading in prose(document).filter(|line| line.starts_with('#')) {
        let anchor: String = heading
            .trim_start_matches('#')
            .trim()
            .to_lowercase()
            .chars()
            .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
            .map(|c| if c == ' ' { '-' } else { c })
            .collect();
        let mut unique = anchor.clone();
        for count in 1.. {
            if found.insert(unique) {
                break;
            }
            unique = format!("{anchor}-{count}");
        }
    }
    found
}

/// The lines outside of fenced blocks.
fn prose(document: &str) -> impl Iterator<Item = &str> {
    let mut fenced = false;
    document.lines().filter(move |line| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        !fenced && !fence
    })
}

fn read(document: &str) -> String {
    fs::read_to_string(root().join(document)).unwrap()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// All files with this ending below a folder, but not in hidden ones and not in Cargo's.
fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy();
        if name.starts_with('.') || name == "target" {
            continue;
        }
        if path.is_dir() {
            found.extend(files(&path, ending));
        } else if path.extension().is_some_and(|extension| extension == ending) {
            found.push(path);
        }
    }
    found
}
