//! Panics as log records: the standard hook's plain text would reach the host as debug output.

use std::{any::Any, panic::PanicHookInfo};

use super::record::{Record, stderr};

/// Writes an error record for each panic, with the place. The text is written only when it is part of the program:
/// a formatted one may hold a secret.
pub(super) fn hook(module: &'static str) {
    std::panic::set_hook(Box::new(move |info| stderr(&record(module, info).line())));
}

fn record(module: &'static str, info: &PanicHookInfo<'_>) -> Record {
    let location = info
        .location()
        .map(|place| format!("{}:{}", place.file(), place.line()));
    let thread = std::thread::current();
    let mut record = Record::new("error", module);
    record.field("event", "panic".into());
    record.field("message", message(info.payload()).into());
    record.field(
        "location",
        location.unwrap_or_else(|| "unknown".to_owned()).into(),
    );
    record.field("thread", thread.name().unwrap_or("unnamed").into());
    record
}

fn message(payload: &dyn Any) -> String {
    match payload.downcast_ref::<&'static str>() {
        Some(text) => format!("panic: {text}"),
        None => "panic".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_texts_of_the_program_are_told() {
        let secret = "s3cret";
        assert_eq!(message(&"fixed"), "panic: fixed");
        assert_eq!(message(&format!("with {secret}")), "panic");
        assert_eq!(message(&7), "panic");
    }
}
