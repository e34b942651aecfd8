//! Which known name somebody meant.

use super::invisible::invisible;

/// Longer than any name that is compared.
const LONGEST: usize = 64;

/// The known name that differs from what was written in letter case, blanks, invisible characters, or one more, missing,
/// wrong or swapped letter; none if it is another word.
pub fn meant<'k>(written: &str, known: &[&'k str]) -> Option<&'k str> {
    let written = folded(written);
    if written.len() > LONGEST {
        return None;
    }
    // Known names are letters of ASCII: where the lengths differ by more, there is no need to look.
    let is_near = |name: &str| name.len().abs_diff(written.len()) <= 1;
    let close = |name: &&&str| is_near(name) && distance_is_at_most_one(&written, &folded(name));
    known.iter().find(close).copied()
}

fn folded(name: &str) -> Vec<char> {
    let letters = name
        .chars()
        .filter(|c| !c.is_whitespace() && invisible(*c).is_none());
    letters.flat_map(char::to_lowercase).collect()
}

fn distance_is_at_most_one(one: &[char], other: &[char]) -> bool {
    let same = one.iter().zip(other).take_while(|(a, b)| a == b).count();
    let (one, other) = (
        one.get(same..).unwrap_or_default(),
        other.get(same..).unwrap_or_default(),
    );
    match (one, other) {
        ([], []) | ([_], []) | ([], [_]) => true,
        ([a, one @ ..], [b, other @ ..]) => {
            let swapped =
                matches!((one, other), ([c, one @ ..], [d, other @ ..]) if a == d && b == c && one == other);
            swapped || one == other || one == [&[*b], other].concat() || [&[*a], one].concat() == other
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_slip_is_understood_and_another_word_is_not() {
        let known = ["Effect", "Action", "NotAction", "Resource", "Condition"];
        for (written, expected) in [
            ("Efect", "Effect"),
            ("effect", "Effect"),
            ("EFFECT", "Effect"),
            ("Effect ", "Effect"),
            ("Eff\u{200b}ect", "Effect"),
            ("Effects", "Effect"),
            ("Effcet", "Effect"),
            ("Effekt", "Effect"),
            ("xEffect", "Effect"),
            ("Resources", "Resource"),
            ("Acton", "Action"),
            ("notaction", "NotAction"),
            ("Condtion", "Condition"),
            ("Conditino", "Condition"),
        ] {
            assert_eq!(meant(written, &known), Some(expected), "{written}");
        }
        for other in [
            "",
            "Sid",
            "Principal",
            "Option",
            "Section",
            "Effectiveness",
            "Act",
            &"Effect".repeat(100),
        ] {
            assert_eq!(meant(other, &known), None, "{other}");
        }
    }
}
