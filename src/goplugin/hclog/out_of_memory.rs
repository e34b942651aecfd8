//! The last line of a process that gets no memory.

use std::io::{self, Write as _};

use time::OffsetDateTime;

use super::record::Timestamp;

const BEFORE_TIME: &str = r#"{"@level":"error","@module":"alicloud","event":"out_of_memory","@timestamp":""#;
const AFTER_TIME: &str = "\",\"@message\":\"out of memory: the plugin exits and the server restarts it; raise the memory limit \
    of the server, or RLIMIT_MEMLOCK where memory is locked\"}";

/// Writes to stderr, in the host's log format and at level error, that an allocation failed. It allocates nothing, and is
/// for the program's allocator: without it the host shows the runtime's own text at debug level, and an operator sees a
/// plugin that vanished without a word.
#[expect(
    clippy::disallowed_methods,
    reason = "a line of the log: nothing is decided by its time"
)]
pub fn report_out_of_memory() {
    let mut line = [0; 512];
    let length = write_line(&mut line, OffsetDateTime::now_utc());
    // A system call and nothing else. Nobody is left to tell when it fails.
    let _ = nix::unistd::write(io::stderr(), line.get(..length).unwrap_or_default());
}

/// Makes the line, and gives its length.
fn write_line(buffer: &mut [u8], now: OffsetDateTime) -> usize {
    let size = buffer.len();
    let mut rest = buffer;
    // All of it is shorter than the buffer.
    let _ = writeln!(rest, "{BEFORE_TIME}{}{AFTER_TIME}", Timestamp(now));
    size - rest.len()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn the_line_is_a_whole_record() {
        let mut line = [0; 512];
        let length = write_line(&mut line, OffsetDateTime::UNIX_EPOCH);
        let (end, record) = line[..length].split_last().unwrap();
        assert_eq!(*end, b'\n');
        let record: Value = serde_json::from_slice(record).unwrap();
        assert_eq!(record["@level"], "error");
        assert_eq!(record["@timestamp"], "1970-01-01T00:00:00.000000Z");
    }
}
