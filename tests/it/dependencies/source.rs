//! The modules of a crate as its source declares them: what each one declares, imports and names. Test-only code is
//! left out.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{Spacing, TokenStream, TokenTree};

use super::test_code::TestCode;
use super::tokens::{ITEM_KEYWORDS, ident, is_ident, is_punct, line};

/// An index into `Sources::modules`.
pub type Id = usize;

/// What is read from one folder of sources: the library's modules, then those of the program.
#[derive(Default)]
pub struct Sources {
    pub modules: Vec<Module>,
    pub files: Vec<SourceFile>,
    /// How the program names the library.
    pub library_name: String,
    folder: PathBuf,
    /// Files and folders of modules that only tests compile.
    test_only: Vec<PathBuf>,
}

/// A file that is compiled into the product.
pub struct SourceFile {
    /// Below the folder of sources.
    pub path: PathBuf,
    /// Without the lines of test modules that are written out in it.
    pub lines: usize,
}

/// A module: a file, or a block in one.
pub struct Module {
    /// An index into `Sources::files`.
    pub file: usize,
    pub parent: Option<Id>,
    pub children: HashMap<String, Id>,
    /// The names that it defines itself.
    pub items: HashSet<String>,
    pub imports: Vec<Import>,
    pub paths: Vec<NamedPath>,
    /// It calls a macro that may define further names.
    pub has_macro_items: bool,
}

/// One name of a `use` declaration.
pub struct Import {
    pub path: NamedPath,
    /// The name that it gets here; none for `*`.
    pub name: Option<String>,
    /// It has a visibility, so that it is there for others.
    pub is_reexport: bool,
}

/// A path as it is written, for instance `super::client::Client`.
#[derive(Clone)]
pub struct NamedPath {
    pub segments: Vec<String>,
    pub line: usize,
}

impl Sources {
    /// Reads `lib.rs` and, if it is there, `main.rs`, with all modules below them.
    pub fn read(folder: &Path, library_name: &str) -> Self {
        let mut sources = Self {
            folder: folder.to_owned(),
            library_name: library_name.to_owned(),
            ..Self::default()
        };
        sources.read_file(PathBuf::from("lib.rs"), Path::new(""), None);
        if folder.join("main.rs").is_file() {
            sources.read_file(PathBuf::from("main.rs"), Path::new(""), None);
        }
        sources
    }

    /// The root of the library.
    pub fn library(&self) -> Id {
        0
    }

    /// The path of the file that a module is in.
    pub fn file_of(&self, module: Id) -> &Path {
        &self.files[self.modules[module].file].path
    }

    /// Files that no module declares.
    pub fn undeclared(&self) -> Vec<PathBuf> {
        let mut found = all_files(&self.folder);
        found.retain(|file| {
            let relative = file.strip_prefix(&self.folder).unwrap();
            !self.files.iter().any(|known| known.path == relative)
                && !self.test_only.iter().any(|path| relative.starts_with(path))
        });
        found
    }

    /// `below`: the folder in which its own modules are.
    fn read_file(&mut self, path: PathBuf, below: &Path, parent: Option<Id>) -> Id {
        let text = fs::read_to_string(self.folder.join(&path)).unwrap();
        let tokens: TokenStream = text
            .parse()
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let mut tests = TestCode::default();
        let code = tests.strip(tokens);
        let in_tests: usize = tests.blocks.iter().map(|(first, last)| last - first + 1).sum();
        self.files.push(SourceFile {
            path,
            lines: text.lines().count() - in_tests,
        });
        for name in tests.modules {
            self.test_only.push(below.join(format!("{name}.rs")));
            self.test_only.push(below.join(name));
        }
        self.read_module(&code, self.files.len() - 1, below, parent)
    }

    fn read_module(&mut self, code: &[TokenTree], file: usize, below: &Path, parent: Option<Id>) -> Id {
        let id = self.modules.len();
        self.modules.push(Module {
            file,
            parent,
            children: HashMap::new(),
            items: HashSet::new(),
            imports: Vec::new(),
            paths: Vec::new(),
            has_macro_items: false,
        });
        let mut rest = Vec::new();
        let mut at = 0;
        while at < code.len() {
            if let (true, Some(name)) = (is_ident(&code[at], "mod"), code.get(at + 1).and_then(ident)) {
                let child = match code.get(at + 2) {
                    Some(TokenTree::Group(block)) => {
                        let block: Vec<_> = block.stream().into_iter().collect();
                        self.read_module(&block, file, &below.join(&name), Some(id))
                    }
                    _ => {
                        let flat = below.join(format!("{name}.rs"));
                        let nested = below.join(&name).join("mod.rs");
                        let path = if self.folder.join(&flat).is_file() {
                            flat
                        } else {
                            nested
                        };
                        self.read_file(path, &below.join(&name), Some(id))
                    }
                };
                self.modules[id].children.insert(name, child);
                at += 3;
                continue;
            }
            if let Some(name) = defined_at(code, at) {
                self.modules[id].items.insert(name);
            }
            if is_macro_call(code, at) {
                self.modules[id].has_macro_items = true;
            }
            rest.push(code[at].clone());
            at += 1;
        }
        let module = &mut self.modules[id];
        collect(&rest, &mut module.imports, &mut module.paths);
        id
    }
}

/// All Rust files below a folder.
fn all_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(all_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

/// The name of the item whose keyword is here.
fn defined_at(code: &[TokenTree], at: usize) -> Option<String> {
    let keyword = ident(&code[at])?;
    // A parameter `const N`, and the type `*const T`.
    let is_item = at == 0 || !['<', ',', '*'].iter().any(|sign| is_punct(&code[at - 1], *sign));
    if !is_item
        || !ITEM_KEYWORDS.contains(&keyword.as_str())
        || ["async", "extern", "impl", "unsafe"].contains(&keyword.as_str())
    {
        return None;
    }
    // `macro_rules! name`, `static mut name`.
    let skipped = usize::from(is_punct(code.get(at + 1)?, '!') || is_ident(&code[at + 1], "mut"));
    ident(code.get(at + 1 + skipped)?)
}

fn is_macro_call(code: &[TokenTree], at: usize) -> bool {
    ident(&code[at]).is_some_and(|name| name != "macro_rules")
        && code.get(at + 1).is_some_and(|next| is_punct(next, '!'))
        && matches!(code.get(at + 2), Some(TokenTree::Group(_)))
}

/// Gathers the imports and the paths of a piece of code, blocks included.
fn collect(code: &[TokenTree], imports: &mut Vec<Import>, paths: &mut Vec<NamedPath>) {
    let mut at = 0;
    while at < code.len() {
        match &code[at] {
            TokenTree::Group(group) => {
                let inner: Vec<_> = group.stream().into_iter().collect();
                collect(&inner, imports, paths);
                at += 1;
            }
            token if is_ident(token, "use") && !code.get(at + 1).is_some_and(|next| is_punct(next, '<')) => {
                let is_reexport =
                    at > 0 && (is_ident(&code[at - 1], "pub") || (at > 1 && is_ident(&code[at - 2], "pub")));
                let end = code[at..]
                    .iter()
                    .position(|token| is_punct(token, ';'))
                    .map_or(code.len(), |n| at + n);
                for (path, name) in use_tree(&code[at + 1..end], &[]) {
                    imports.push(Import {
                        path,
                        name,
                        is_reexport,
                    });
                }
                at = end;
            }
            token => match ident(token) {
                Some(first) if begins_path(code, at) => {
                    let line = line(token);
                    let mut segments = vec![first];
                    while let Some(next) = segment_after(code, at) {
                        segments.push(next);
                        at += 3;
                    }
                    paths.push(NamedPath { segments, line });
                    at += 1;
                }
                _ => at += 1,
            },
        }
    }
}

/// Whether the identifier here is the first of a path: no field, no method, no lifetime, no later segment.
fn begins_path(code: &[TokenTree], at: usize) -> bool {
    let Some(before) = at.checked_sub(1).map(|index| &code[index]) else {
        return true;
    };
    // `..` of a range or a pattern does not make a field of what follows.
    let is_range = at > 1 && is_punct(&code[at - 2], '.');
    let is_field = is_punct(before, '.') && !is_range;
    let is_later = at > 1 && is_separator(code, at - 2);
    !(is_field || is_later || is_punct(before, '\''))
}

/// The segment after the one here, if `::` and a name follow.
fn segment_after(code: &[TokenTree], at: usize) -> Option<String> {
    is_separator(code, at + 1)
        .then(|| code.get(at + 3).and_then(ident))
        .flatten()
}

fn is_separator(code: &[TokenTree], at: usize) -> bool {
    let joint = matches!(code.get(at), Some(TokenTree::Punct(punct)) if punct.as_char() == ':'
        && punct.spacing() == Spacing::Joint);
    joint && code.get(at + 1).is_some_and(|next| is_punct(next, ':'))
}

/// The paths of a `use` declaration, each with the name that it gets.
fn use_tree(tree: &[TokenTree], prefix: &[String]) -> Vec<(NamedPath, Option<String>)> {
    let mut segments = prefix.to_vec();
    let mut found = Vec::new();
    for (index, token) in tree.iter().enumerate() {
        match token {
            TokenTree::Group(group) => {
                let inner: Vec<_> = group.stream().into_iter().collect();
                for part in inner.split(|token| is_punct(token, ',')) {
                    found.extend(use_tree(part, &segments));
                }
                return found;
            }
            token if is_punct(token, '*') => {
                let line = line(token);
                return vec![(NamedPath { segments, line }, None)];
            }
            token if is_ident(token, "as") => {
                let line = line(token);
                let name = tree.get(index + 1).and_then(ident);
                return vec![(NamedPath { segments, line }, name)];
            }
            // `{self}` is the module itself.
            token if is_ident(token, "self") && !segments.is_empty() => {}
            token => segments.extend(ident(token)),
        }
    }
    if let Some(last) = tree.last().filter(|_| !segments.is_empty()) {
        let name = segments.last().cloned();
        let line = line(last);
        found.push((NamedPath { segments, line }, name));
    }
    found
}
