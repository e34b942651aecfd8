//! Command lines in the syntax of Go's `flag` package: one or two hyphens, `=value` or a following one.

/// One part of a command line. It has no `Debug`: a value may be a secret.
pub(crate) enum Argument {
    /// Something with a hyphen in front.
    Flag(Flag),
    /// Something without, or a hyphen alone.
    Word(String),
}

/// A flag as it was written.
pub(crate) struct Flag {
    /// Without the hyphens.
    pub(crate) name: String,
    /// What stands after `=`.
    pub(crate) value: Option<String>,
}

/// Reads a command line from left to right. What a flag means, and whether it has a value, the caller knows.
pub(crate) struct Reader<I>(I);

impl<I: Iterator<Item = String>> Reader<I> {
    /// Reads these arguments; the program's name is not among them.
    pub(crate) fn new(arguments: I) -> Self {
        Self(arguments)
    }

    /// The next part, or `None` at the end.
    pub(crate) fn read(&mut self) -> Option<Argument> {
        let argument = self.0.next()?;
        let flag = argument.strip_prefix("--").or_else(|| argument.strip_prefix('-'));
        let Some(flag) = flag.filter(|flag| !flag.is_empty()) else {
            return Some(Argument::Word(argument));
        };
        let (name, value) = match flag.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (flag, None),
        };
        Some(Argument::Flag(Flag {
            name: name.to_owned(),
            value,
        }))
    }

    /// The value of a flag that has one: after `=`, or else the argument that follows.
    pub(crate) fn value(&mut self, flag: Flag) -> Option<String> {
        flag.value.or_else(|| self.0.next())
    }
}

/// The value of a switch, as Go's `strconv.ParseBool` reads it; a switch without a value is on.
pub(crate) fn switch(value: Option<&str>) -> Option<bool> {
    match value {
        None | Some("1" | "t" | "T" | "true" | "TRUE" | "True") => Some(true),
        Some("0" | "f" | "F" | "false" | "FALSE" | "False") => Some(false),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_of_flag_and_value_are_read() {
        let line = ["-a=1", "--b", "2", "word", "-", "--", "--c=x=y", "-d"];
        let mut reader = Reader::new(line.into_iter().map(str::to_owned));
        let mut seen = Vec::new();
        while let Some(argument) = reader.read() {
            seen.push(match argument {
                Argument::Word(word) => word,
                Argument::Flag(flag) => {
                    let name = flag.name.clone();
                    format!("{name}:{}", reader.value(flag).unwrap_or_default())
                }
            });
        }
        assert_eq!(seen, ["a:1", "b:2", "word", "-", "--", "c:x=y", "d:"]);
    }

    #[test]
    fn switches_are_go_booleans() {
        for (value, on) in [
            (None, Some(true)),
            (Some("t"), Some(true)),
            (Some("False"), Some(false)),
            (Some("yes"), None),
            (Some(""), None),
        ] {
            assert_eq!(switch(value), on, "{value:?}");
        }
    }
}
