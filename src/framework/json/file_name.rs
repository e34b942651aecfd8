//! Texts that are the name of a file, where the content was meant.

use std::fmt;

use crate::framework::Excerpt;

/// Longer than the names that people type.
const LONGEST: usize = 256;

/// What JSON and lists of pairs have, and names of files have not.
const NEVER_IN_NAMES: [char; 8] = ['{', '[', '"', '\n', '=', ',', '<', '>'];

/// A text that looks like the name of a file, and what to write to have the file read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileName {
    field: String,
    name: String,
    marked: bool,
}

impl FileName {
    /// Recognises a text that looks like the name of a file. `field` is where it was written.
    pub fn recognise(field: &str, text: &str) -> Option<Self> {
        let text = text.trim().trim_matches(['"', '\'']);
        let marked = text.starts_with('@');
        let name = text.strip_prefix('@').unwrap_or(text);
        let (url, name) = match name.strip_prefix("file://") {
            Some(name) => (true, name),
            None => (false, name),
        };
        let plausible = (1..=LONGEST).contains(&name.len()) && !name.contains(NEVER_IN_NAMES);
        (plausible && (marked || url || is_path(name))).then(|| Self {
            field: field.to_owned(),
            name: name.to_owned(),
            marked,
        })
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (field, name) = (&self.field, Excerpt(&self.name));
        if self.marked {
            return write!(
                f,
                "@{name} came as it is, and not as the content of the file: only the command line reads files, where the \
                 value begins with @: {field}=@{name}"
            );
        }
        write!(
            f,
            "this looks like a file name; to read a file write {field}=@{name}"
        )
    }
}

/// A path, or a name with an extension of letters and digits.
fn is_path(name: &str) -> bool {
    let last = name.rsplit(['/', '\\']).next().unwrap_or(name);
    let extension = last.rsplit_once('.').map(|(_, extension)| extension);
    let has_extension = extension.is_some_and(|extension| {
        (1..=8).contains(&extension.len())
            && extension.starts_with(|c: char| c.is_ascii_alphabetic())
            && extension.bytes().all(|b| b.is_ascii_alphanumeric())
    });
    let rooted = ["/", "./", "../", "~/", ".\\", "..\\"]
        .iter()
        .any(|root| name.starts_with(root));
    let drive = name
        .get(1..3)
        .is_some_and(|after| after == ":\\" || after == ":/");
    has_extension || rooted || drive
}
