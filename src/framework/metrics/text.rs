//! Prometheus' text format, version 0.0.4.

use std::fmt::Write as _;

use super::families::{Families, PREFIX};

/// What the format is called in HTTP.
pub(super) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// All families, each with its help and type, also when it has no sample yet.
pub(super) fn text(families: &Families) -> String {
    let mut text = String::new();
    for (name, family) in families.iter() {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "# HELP {PREFIX}{name} {}", escaped(family.help, false));
        let _ = writeln!(text, "# TYPE {PREFIX}{name} {}", family.kind.word());
        for sample in &family.samples {
            let _ = write!(text, "{PREFIX}{name}{}", sample.suffix);
            let mut before = '{';
            for (label, value) in &sample.labels {
                let _ = write!(text, "{before}{label}=\"{}\"", escaped(value, true));
                before = ',';
            }
            if before == ',' {
                text.push('}');
            }
            let _ = writeln!(text, " {}", sample.value);
        }
    }
    text
}

/// A text within its line, and within its quotes where it has any.
fn escaped(text: &str, quoted: bool) -> String {
    let text = text.replace('\\', "\\\\").replace('\n', "\\n");
    if quoted { text.replace('"', "\\\"") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_follow_the_help_and_the_type_of_their_family() {
        let mut families = Families::default();
        let calls = families.counter("calls_total", "Calls, \"all\" of them.");
        calls.sample(&[("operation", "DeleteUser"), ("outcome", "success")], 3.0);
        calls.sample(&[], 0.5);
        families.gauge("a_seconds", "Not known yet.");
        assert_eq!(
            text(&families),
            "# HELP vault_plugin_alicloud_a_seconds Not known yet.\n\
             # TYPE vault_plugin_alicloud_a_seconds gauge\n\
             # HELP vault_plugin_alicloud_calls_total Calls, \"all\" of them.\n\
             # TYPE vault_plugin_alicloud_calls_total counter\n\
             vault_plugin_alicloud_calls_total{operation=\"DeleteUser\",outcome=\"success\"} 3\n\
             vault_plugin_alicloud_calls_total 0.5\n"
        );
    }

    /// One label with a quote in it makes Prometheus refuse the whole scrape.
    #[test]
    fn quotes_backslashes_and_line_breaks_are_escaped() {
        let mut families = Families::default();
        let family = families.gauge("g", "one \\ two\nthree \"four\"");
        family.sample(&[("l", "a\"b\\c\nd")], 1.0);
        let text = text(&families);
        assert!(
            text.contains("# HELP vault_plugin_alicloud_g one \\\\ two\\nthree \"four\"\n"),
            "{text}"
        );
        assert!(
            text.contains("vault_plugin_alicloud_g{l=\"a\\\"b\\\\c\\nd\"} 1\n"),
            "{text}"
        );
    }

    #[test]
    fn numbers_are_written_in_full() {
        let mut families = Families::default();
        families.gauge("g_seconds", "G.").sample(&[], 1_795_725_600.0);
        assert!(text(&families).ends_with("g_seconds 1795725600\n"));
    }
}
