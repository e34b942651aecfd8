//! Help texts, in the layout of Vault's `framework` package, which people know from `vault path-help`.

use crate::framework::field::{Field, FieldKind};
use crate::framework::path::Path;

/// The help of one path. `request_path` is the path that was asked about.
pub fn path_help(path: &Path, request_path: &str) -> String {
    let mut sections = vec![
        format!(
            "Request:        {request_path}\nMatching Route: {}",
            path.pattern.go_regex()
        ),
        or_placeholder(path.synopsis, "<no synopsis>").to_owned(),
    ];
    if path.fields.is_empty() {
        // Vault prints an empty line where the parameters would be.
        sections.push("\n## DESCRIPTION".to_owned());
    } else {
        let mut fields = path.fields.clone();
        fields.sort_unstable_by_key(|field| field.name());
        sections.push("## PARAMETERS".to_owned());
        sections.extend(fields.into_iter().map(field_help));
        sections.push("## DESCRIPTION".to_owned());
    }
    sections.push(or_placeholder(path.description, "<no description>").to_owned());
    sections.join("\n\n").trim().to_owned()
}

/// The help of a whole backend: its own text, and each path with its synopsis, sorted by pattern.
pub fn root_help(backend_help: &str, paths: &[Path]) -> String {
    let mut routes: Vec<(String, &str)> = paths
        .iter()
        .map(|path| (path.pattern.go_regex(), path.synopsis.trim()))
        .collect();
    routes.sort_unstable();
    let mut sections = vec![
        "## DESCRIPTION".to_owned(),
        backend_help.trim().to_owned(),
        "## PATHS".to_owned(),
        PATHS_INTRODUCTION.to_owned(),
    ];
    let route_help =
        |(route, synopsis): (String, &str)| format!("{}\n{}", indent(4, &route), indent(8, synopsis));
    sections.extend(routes.into_iter().map(route_help));
    sections.join("\n\n").trim().to_owned()
}

fn field_help(field: &Field) -> String {
    let description = or_placeholder(field.description, "<no description>");
    let mark = if field.deprecated { "(DEPRECATED) " } else { "" };
    let heading = format!("{} ({})", field.name(), kind_name(field.kind()));
    format!(
        "{}\n\n{}",
        indent(4, &heading),
        indent(8, &format!("{mark}{description}"))
    )
}

/// The kind's name as Vault's help prints it.
fn kind_name(kind: FieldKind) -> &'static str {
    match kind {
        FieldKind::Bool => "bool",
        FieldKind::CommaStringSlice | FieldKind::StringSlice => "slice",
        FieldKind::DurationSecond => "duration (sec)",
        FieldKind::Header => "header",
        FieldKind::Int => "int",
        FieldKind::KvPairs => "keypair",
        FieldKind::LowercaseString => "lowercase string",
        FieldKind::String => "string",
    }
}

fn or_placeholder(text: &'static str, placeholder: &'static str) -> &'static str {
    match text.trim() {
        "" => placeholder,
        text => text,
    }
}

/// Indents every line, empty ones too, as Vault does.
fn indent(width: usize, text: &str) -> String {
    let lines: Vec<String> = text.lines().map(|line| format!("{:width$}{line}", "")).collect();
    lines.join("\n").trim_end_matches('\n').to_owned()
}

const PATHS_INTRODUCTION: &str = "\
These are the paths of this mount. Each is written as a pattern; ask for help
on any path that matches one to see its parameters, for example with
`vault path-help` or `bao path-help`. What a token may do with a path depends
on its policies.";

#[cfg(test)]
mod tests {
    use super::*;

    fn role() -> Path {
        Path::new("role/{name}")
            .help(" Manage roles. ", "\nFirst line.\n\nLast line.\n")
            .field(
                Field::new("ttl", FieldKind::DurationSecond)
                    .describe("How long.")
                    .deprecated(),
            )
            .field(Field::new("name", FieldKind::LowercaseString).describe("The role.\nIts name."))
            .field(Field::new("arn", FieldKind::String))
    }

    #[test]
    fn path_help_has_vaults_layout() {
        let expected = r"
Request:        role/dev
Matching Route: ^role/(?P<name>\w(([\w-.]+)?\w)?)$

Manage roles.

## PARAMETERS

    arn (string)

        <no description>

    name (lowercase string)

        The role.
        Its name.

    ttl (duration (sec))

        (DEPRECATED) How long.

## DESCRIPTION

First line.

Last line.";
        assert_eq!(path_help(&role(), "role/dev"), expected.trim_start());
    }

    #[test]
    fn a_path_without_anything_still_has_help() {
        let expected = "\
Request:        config
Matching Route: ^config$

<no synopsis>


## DESCRIPTION

<no description>";
        assert_eq!(path_help(&Path::new("config"), "config"), expected);
    }

    #[test]
    fn root_help_lists_the_paths_in_order() {
        let help = root_help(
            "\nAn engine.\n",
            &[role(), Path::new("config").help("Configure.\nTwice.", "")],
        );
        let expected = format!(
            r"## DESCRIPTION

An engine.

## PATHS

{PATHS_INTRODUCTION}

    ^config$
        Configure.
        Twice.

    ^role/(?P<name>\w(([\w-.]+)?\w)?)$
        Manage roles."
        );
        assert_eq!(help, expected);
    }
}
