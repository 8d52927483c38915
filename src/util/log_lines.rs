//! A writer for a log, in which every record is one printable line.
//!
//! It knows bytes only, never what is logged.

use std::io::{self, Write};

use super::text::printable;

/// Writes each record as one [printable] line, whatever texts from elsewhere it contains.
///
/// A record is what one call of [`write`](Write::write) gets, as a subscriber of `tracing`
/// calls it.
#[derive(Debug)]
pub struct LogLines<W>(pub W);

impl<W: Write> Write for LogLines<W> {
    fn write(&mut self, record: &[u8]) -> io::Result<usize> {
        let line = String::from_utf8_lossy(record.strip_suffix(b"\n").unwrap_or(record));
        self.0.write_all(format!("{}\n", printable(&line)).as_bytes())?;
        Ok(record.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_record_is_one_printable_line() {
        let mut log = LogLines(Vec::new());
        log.write_all("one\nforged \u{1b}[2J\u{202e}\r\n".as_bytes()).unwrap();
        log.write_all(b"two\n").unwrap();
        let text = String::from_utf8(log.0).unwrap();
        assert_eq!(text, "one forged \u{fffd}[2J\u{fffd} \ntwo\n");
    }
}
