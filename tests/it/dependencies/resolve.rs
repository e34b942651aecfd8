//! Which file a path leads to, and with that, which file depends on which.

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;

use super::source::{Id, NamedPath, Sources};

/// One file names something that another one defines.
#[derive(Debug)]
pub struct Dependency {
    pub from: PathBuf,
    pub line: usize,
    pub path: String,
    pub to: PathBuf,
}

/// What a path leads to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Target {
    Module(Id),
    /// Something that this module defines.
    ItemOf(Id),
}

/// The dependencies between files, the first line of each.
///
/// That a module declares another or exports its names again is none; one that uses such a name depends on the file
/// that defines it. So does the module itself, where it uses a name that it exports again.
pub fn dependencies(sources: &Sources) -> Vec<Dependency> {
    let mut found = BTreeMap::new();
    for (id, module) in sources.modules.iter().enumerate() {
        let imported = module
            .imports
            .iter()
            .filter(|import| !import.is_reexport)
            .map(|import| &import.path);
        for path in imported.chain(&module.paths) {
            for target in resolve(sources, id, path, &mut HashSet::new()) {
                let Target::ItemOf(other) = target else { continue };
                let (from, to) = (sources.file_of(id), sources.file_of(other));
                if from != to {
                    found
                        .entry((from, to))
                        .or_insert((path.line, path.segments.join("::")));
                }
            }
        }
    }
    let dependency = |((from, to), (line, path)): ((&std::path::Path, &std::path::Path), _)| Dependency {
        from: from.to_owned(),
        line,
        path,
        to: to.to_owned(),
    };
    found.into_iter().map(dependency).collect()
}

/// `seen`: the imports that were followed to come here. One that leads back to itself names another crate.
fn resolve(sources: &Sources, from: Id, path: &NamedPath, seen: &mut HashSet<(Id, usize)>) -> Vec<Target> {
    let mut targets = Vec::new();
    for (index, segment) in path.segments.iter().enumerate() {
        let is_last = index + 1 == path.segments.len();
        targets = if index == 0 {
            first_segment(sources, from, segment, is_last, seen)
        } else {
            targets
                .into_iter()
                .flat_map(|target| next_segment(sources, target, segment, is_last, seen))
                .collect()
        };
        if targets.is_empty() {
            break;
        }
    }
    targets
}

fn first_segment(
    sources: &Sources,
    from: Id,
    name: &str,
    is_last: bool,
    seen: &mut HashSet<(Id, usize)>,
) -> Vec<Target> {
    let parent = |id: Id| sources.modules[id].parent;
    match name {
        "self" => vec![Target::Module(from)],
        "super" => parent(from).map(Target::Module).into_iter().collect(),
        "crate" => {
            let mut root = from;
            while let Some(above) = parent(root) {
                root = above;
            }
            vec![Target::Module(root)]
        }
        _ => {
            let found = look_up(sources, from, name, is_last, seen);
            if found.is_empty() && name == sources.library_name {
                return vec![Target::Module(sources.library())];
            }
            found
        }
    }
}

fn next_segment(
    sources: &Sources,
    target: Target,
    name: &str,
    is_last: bool,
    seen: &mut HashSet<(Id, usize)>,
) -> Vec<Target> {
    let Target::Module(module) = target else {
        // A variant, an associated function: where its type is.
        return vec![target];
    };
    if name == "super" {
        return sources.modules[module]
            .parent
            .map(Target::Module)
            .into_iter()
            .collect();
    }
    let found = look_up(sources, module, name, is_last, seen);
    if found.is_empty() {
        vec![made_by_macro(sources, module)]
    } else {
        found
    }
}

/// What a module knows under a name: modules and items that it declares, what it imports by name, then what it imports
/// with `*`.
fn look_up(
    sources: &Sources,
    id: Id,
    name: &str,
    is_last: bool,
    seen: &mut HashSet<(Id, usize)>,
) -> Vec<Target> {
    let module = &sources.modules[id];
    let mut found: Vec<Target> = module
        .children
        .get(name)
        .map(|child| Target::Module(*child))
        .into_iter()
        .collect();
    if module.items.contains(name) {
        found.push(Target::ItemOf(id));
    }
    for (index, import) in module.imports.iter().enumerate() {
        if import.name.as_deref() == Some(name) && seen.insert((id, index)) {
            found.extend(resolve(sources, id, &import.path, seen));
            seen.remove(&(id, index));
        }
    }
    if found.is_empty() {
        for (index, import) in module.imports.iter().enumerate() {
            if import.name.is_none() && seen.insert((id, index)) {
                for target in resolve(sources, id, &import.path, seen) {
                    if let Target::Module(other) = target {
                        found.extend(look_up(sources, other, name, is_last, seen));
                    }
                }
                seen.remove(&(id, index));
            }
        }
    }
    // A function may have the name of a module; `name::` is the module.
    if !is_last && found.iter().any(|target| matches!(target, Target::Module(_))) {
        found.retain(|target| matches!(target, Target::Module(_)));
    }
    found.dedup();
    found
}

/// Whose macro has made a name that is declared nowhere: the module's own, or that of one that it imports with `*`.
fn made_by_macro(sources: &Sources, id: Id) -> Target {
    let module = &sources.modules[id];
    if !module.has_macro_items {
        for import in module.imports.iter().filter(|import| import.name.is_none()) {
            for target in resolve(sources, id, &import.path, &mut HashSet::new()) {
                if let Target::Module(other) = target
                    && sources.modules[other].has_macro_items
                {
                    return Target::ItemOf(other);
                }
            }
        }
    }
    Target::ItemOf(id)
}
