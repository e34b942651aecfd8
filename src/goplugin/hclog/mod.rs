//! The log that the host reads on stderr: one line of JSON for each record, as hashicorp/go-hclog writes it.
//!
//! The host (`log_entry.go` in hashicorp/go-plugin) takes `@level`, `@message`, `@module` and `@timestamp` out of each
//! line and hands the other members on. A line in which one of these is not a string makes the whole host panic, so
//! nothing but the record type of this module may ever write to stderr.

mod out_of_memory;
mod panic;
mod record;

use std::{error::Error, fmt};

use serde_json::Value;
use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    level_filters::LevelFilter,
    span,
    subscriber::{Interest, SetGlobalDefaultError},
};

pub use out_of_memory::report_out_of_memory;
use record::{Record, stderr};

/// Libraries that talk a lot; of them only warnings and errors are written.
const QUIET: [&str; 11] = [
    "h2",
    "hickory_net",
    "hickory_proto",
    "hickory_resolver",
    "hyper",
    "hyper_util",
    "rustls",
    "tokio_rustls",
    "tonic",
    "tower",
    "yamux",
];

/// Sends all records of the process, panics included, to stderr. `module` is the name under which the host files
/// them; records below `level` are dropped here, and the host drops more by its own level, which it does not tell.
pub fn init(module: &'static str, level: LevelFilter) -> Result<(), SetGlobalDefaultError> {
    tracing::subscriber::set_global_default(Hclog {
        module,
        level,
        write: stderr,
    })?;
    panic::hook(module);
    Ok(())
}

/// Writes events. Spans are dropped: a record of go-hclog has none.
struct Hclog<W> {
    module: &'static str,
    level: LevelFilter,
    write: W,
}

impl<W> Hclog<W> {
    fn wants(&self, metadata: &Metadata<'_>) -> bool {
        let target = metadata.target().split("::").next().unwrap_or_default();
        metadata.is_event()
            && *metadata.level() <= self.level
            && (*metadata.level() <= Level::WARN || !QUIET.contains(&target))
    }
}

impl<W: Fn(&[u8]) + 'static> Subscriber for Hclog<W> {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.wants(metadata) {
            Interest::always()
        } else {
            Interest::never()
        }
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.wants(metadata)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.level)
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let level = match *event.metadata().level() {
            Level::TRACE => "trace",
            Level::DEBUG => "debug",
            Level::INFO => "info",
            Level::WARN => "warn",
            Level::ERROR => "error",
        };
        let mut record = Record::new(level, self.module);
        event.record(&mut record);
        (self.write)(&record.line());
    }
}

impl Visit for Record {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.field(field.name(), value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.field(field.name(), value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.field(field.name(), value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.field(field.name(), value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.field(field.name(), Value::String(value.to_owned()));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.field(field.name(), Value::String(value.to_string()));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.field(field.name(), Value::String(format!("{value:?}")));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// What `log` writes at `level`, one value for each line.
    fn written(level: LevelFilter, log: impl FnOnce()) -> Vec<Value> {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let write = {
            let lines = Arc::clone(&lines);
            move |line: &[u8]| lines.lock().unwrap().push(line.to_vec())
        };
        let hclog = Hclog {
            module: "test",
            level,
            write,
        };
        tracing::subscriber::with_default(hclog, log);
        let lines = lines.lock().unwrap();
        lines
            .iter()
            .map(|line| serde_json::from_slice(line).unwrap())
            .collect()
    }

    #[test]
    fn fields_become_members_of_their_kind() {
        let error = std::io::Error::other("broken");
        let lines = written(LevelFilter::INFO, || {
            tracing::warn!(count = 3, ratio = 0.5, ok = true, name = "n", what = ?Some(1), "two\nlines {}", "x");
            tracing::error!(error = &error as &(dyn Error + 'static));
        });
        let line = &lines[0];
        assert_eq!(line["@level"], "warn");
        assert_eq!(line["@module"], "test");
        assert_eq!(line["@message"], "two\nlines x");
        assert_eq!(
            (&line["count"], &line["ratio"], &line["ok"]),
            (&3.into(), &0.5.into(), &true.into())
        );
        assert_eq!((&line["name"], &line["what"]), (&"n".into(), &"Some(1)".into()));
        assert_eq!(
            (&lines[1]["@message"], &lines[1]["error"]),
            (&"".into(), &"broken".into())
        );
    }

    #[test]
    fn spans_are_dropped_and_what_is_logged_in_them_is_written() {
        let lines = written(LevelFilter::INFO, || {
            let span = tracing::error_span!("span", secret = "hush");
            span.in_scope(|| tracing::info!("in it"));
        });
        assert_eq!(lines.len(), 1);
        assert!(!lines[0].to_string().contains("hush"));
    }

    #[test]
    fn records_below_the_level_and_chatter_of_libraries_are_dropped() {
        let lines = written(LevelFilter::INFO, || {
            tracing::debug!("no");
            tracing::info!(target: "h2::codec", "no");
            tracing::warn!(target: "h2::codec", "yes");
            tracing::info!(target: "h2o", "yes");
            tracing::info!("yes");
        });
        assert_eq!(lines.len(), 3, "{lines:?}");
        assert_eq!(written(LevelFilter::OFF, || tracing::error!("no")).len(), 0);
        assert_eq!(written(LevelFilter::TRACE, || tracing::trace!("yes")).len(), 1);
    }
}
