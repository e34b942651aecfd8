//! Files that depend on each other in a circle.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;

use super::resolve::Dependency;

/// Each group of files that depend on each other, with the lines by which they do.
pub fn cycles(dependencies: &[Dependency]) -> Vec<String> {
    let mut direct: BTreeMap<&Path, Vec<&Path>> = BTreeMap::new();
    for dependency in dependencies {
        direct.entry(&dependency.from).or_default().push(&dependency.to);
    }
    let reached: BTreeMap<&Path, BTreeSet<&Path>> = direct
        .keys()
        .map(|file| (*file, reachable(&direct, file)))
        .collect();
    let depends = |from: &Path, to: &Path| reached.get(from).is_some_and(|files| files.contains(to));

    let mut groups = Vec::new();
    let mut grouped = BTreeSet::new();
    for file in reached.keys().filter(|file| depends(file, file)) {
        let group: BTreeSet<&Path> = reached
            .keys()
            .copied()
            .filter(|other| depends(file, other) && depends(other, file))
            .collect();
        if grouped.insert(group.clone()) {
            groups.push(describe(&group, dependencies));
        }
    }
    groups
}

/// All files that a file depends on, over any number of steps.
fn reachable<'a>(direct: &BTreeMap<&'a Path, Vec<&'a Path>>, file: &Path) -> BTreeSet<&'a Path> {
    let mut found = BTreeSet::new();
    let mut next: Vec<&Path> = direct.get(file).cloned().unwrap_or_default();
    while let Some(file) = next.pop() {
        if found.insert(file) {
            next.extend(direct.get(file).into_iter().flatten());
        }
    }
    found
}

fn describe(group: &BTreeSet<&Path>, dependencies: &[Dependency]) -> String {
    let mut text = format!("{} files:", group.len());
    for Dependency { from, line, path, to } in dependencies {
        if group.contains(from.as_path()) && group.contains(to.as_path()) {
            let _ = write!(
                text,
                "\n  {}:{line} names {path}, which is in {}",
                from.display(),
                to.display()
            );
        }
    }
    text
}
