//! Characters that an editor shows as a blank or not at all, and that JSON does not allow outside of strings.

/// The name of such a character, with its article: word processors, web pages and chat programs put them in place of
/// blanks.
pub fn invisible(character: char) -> Option<&'static str> {
    Some(match character {
        ' ' | '\t' | '\n' | '\r' => return None,
        '\u{a0}' => "a no-break space",
        '\u{ad}' => "a soft hyphen",
        '\u{85}' | '\u{2028}' => "a line separator",
        '\u{2029}' => "a paragraph separator",
        '\u{2007}' => "a figure space",
        '\u{200b}' => "a zero-width space",
        '\u{200c}' => "a zero-width non-joiner",
        '\u{200d}' => "a zero-width joiner",
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
            "a mark of text direction"
        }
        '\u{202f}' => "a narrow no-break space",
        '\u{2060}' => "a word joiner",
        '\u{3000}' => "an ideographic space",
        '\u{feff}' => "a byte order mark",
        '\u{180e}' | '\u{2061}'..='\u{2064}' | '\u{fe00}'..='\u{fe0f}' => "a character without width",
        _ if character.is_whitespace() => "white space that JSON does not know",
        _ if character.is_control() => "a control character",
        _ => return None,
    })
}
