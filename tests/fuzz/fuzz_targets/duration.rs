//! Durations, in Vault's grammar.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vault_plugin_alicloud::fuzzing::framework::{DurationError, human_duration, nanoseconds, parse_duration};

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    check(text);
    let signed = text.starts_with(['+', '-']);
    if !text.is_empty() && !signed {
        let plain = parse_duration(text);
        assert_eq!(parse_duration(&format!("+{text}")), plain);
        let negative = parse_duration(&format!("-{text}"));
        match plain {
            Ok(length) if length.is_zero() => assert_eq!(negative, plain),
            Ok(_) => assert_eq!(negative, Err(DurationError::Negative)),
            Err(error) => assert_eq!(negative, Err(error)),
        }
        if text.bytes().all(|byte| byte.is_ascii_digit()) {
            let days = parse_duration(&format!("{text}d"));
            if let (Ok(seconds), Ok(days)) = (plain, days) {
                assert_eq!(days, 86_400 * seconds);
            }
        }
    }
    // Parts add up, wherever the text is cut. What each loses below a second may make one together.
    let units = ['s', 'm', 'h'];
    if let (false, true, Ok(whole)) = (signed, text.ends_with(units), parse_duration(text)) {
        let cuts = text.match_indices(units).map(|(at, unit)| at + unit.len());
        for (one, two) in cuts.take(64).map(|at| text.split_at(at)) {
            if let (Ok(one), Ok(two)) = (parse_duration(one), parse_duration(two)) {
                let lost = whole - one - two;
                assert!(lost.as_secs() <= 1, "{one:?} {two:?} {whole:?}");
            }
        }
    }
});

fn check(text: &str) {
    match parse_duration(text) {
        Ok(length) => {
            assert_eq!(length.subsec_nanos(), 0);
            let back = i64::try_from(length.as_nanos());
            assert_eq!(back, Ok(nanoseconds(length)));
            assert_eq!(parse_duration(&human_duration(length)), Ok(length));
            let sum = sum(text).expect("it is a duration");
            assert!(
                (length.as_secs_f64() - sum).abs() < 1.0 + sum * 1e-9,
                "{text:?} {sum}"
            );
        }
        // The text itself may be a secret.
        Err(error) => assert!(error.to_string().len() < 128),
    }
}

/// The seconds of a duration of zero or more, nearly: what is written, added up.
fn sum(text: &str) -> Option<f64> {
    const UNITS: [(&str, f64); 9] = [
        ("ns", 1e-9),
        ("us", 1e-6),
        ("\u{b5}s", 1e-6),
        ("\u{3bc}s", 1e-6),
        ("ms", 1e-3),
        ("s", 1.0),
        ("m", 60.0),
        ("h", 3600.0),
        ("d", 86_400.0),
    ];
    let in_number = |c: char| c.is_ascii_digit() || c == '.';
    let mut rest = text.trim_start_matches(['+', '-']);
    let mut sum = 0.0;
    while !rest.is_empty() {
        let (number, after) = rest.split_at(rest.find(|c| !in_number(c)).unwrap_or(rest.len()));
        let (unit, after) = after.split_at(after.find(in_number).unwrap_or(after.len()));
        let unit = if unit.is_empty() { "s" } else { unit };
        let (_, seconds) = UNITS.iter().find(|(name, _)| *name == unit)?;
        sum += number.parse::<f64>().ok()? * seconds;
        rest = after;
    }
    // Less than a second below zero counts as zero.
    Some(if text.starts_with('-') { 0.0 } else { sum })
}
