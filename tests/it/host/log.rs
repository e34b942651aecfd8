//! What the plugin writes to stderr, read as the host reads it.
//!
//! A record that would be shown wrongly, or bring the host down, is a violation; tests fail on the first one.

use std::sync::{Arc, Mutex};

use serde_json::Value;

/// The records of one process.
#[derive(Clone, Debug, Default)]
pub struct Log(Arc<Mutex<Vec<Result<Value, String>>>>);

impl Log {
    /// Takes one line without its end.
    pub fn push(&self, line: &[u8]) {
        self.0.lock().unwrap().push(parse(line));
    }

    /// The good records.
    pub fn records(&self) -> Vec<Value> {
        self.0
            .lock()
            .unwrap()
            .iter()
            .filter_map(|record| record.clone().ok())
            .collect()
    }

    /// The lines that are no records.
    pub fn violations(&self) -> Vec<String> {
        self.0
            .lock()
            .unwrap()
            .iter()
            .filter_map(|record| record.clone().err())
            .collect()
    }

    /// All records as one text, to look for things that must not be there.
    pub fn text(&self) -> String {
        self.records()
            .iter()
            .map(|record| format!("{record}\n"))
            .collect()
    }
}

/// As `log_entry.go` of go-plugin parses a line, with its tolerance taken away.
fn parse(line: &[u8]) -> Result<Value, String> {
    let shown = || String::from_utf8_lossy(line).into_owned();
    if line.len() >= 64 << 10 {
        return Err(format!("a line of {} bytes", line.len()));
    }
    let record: Value = serde_json::from_slice(line).map_err(|_| format!("not JSON: {}", shown()))?;
    for key in ["@level", "@message", "@timestamp", "@module"] {
        if !record[key].is_string() {
            return Err(format!(
                "{key} is not a string, which kills the host: {}",
                shown()
            ));
        }
    }
    let level = record["@level"].as_str().unwrap_or_default();
    if !["trace", "debug", "info", "warn", "error"].contains(&level) {
        return Err(format!("unknown level: {}", shown()));
    }
    let timestamp = record["@timestamp"].as_str().unwrap_or_default();
    let shape: String = timestamp
        .chars()
        .map(|c| if c.is_ascii_digit() { '0' } else { c })
        .collect();
    if shape != "0000-00-00T00:00:00.000000Z" {
        return Err(format!("timestamp not in Go's layout: {}", shown()));
    }
    Ok(record)
}
