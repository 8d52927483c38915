//! Bytes on their way into a buffer.
//!
//! A codec writes a few bytes at a time, and a growing buffer looks for room each
//! time. Here they are gathered on the stack first.

use std::io;

use bytes::BytesMut;

/// How many bytes are gathered: most messages at once.
const STAGE: usize = 512;

/// Gathers what is written, in front of a buffer.
pub(super) struct Staged<'a> {
    buffer: &'a mut BytesMut,
    stage: [u8; STAGE],
    length: usize,
}

impl<'a> Staged<'a> {
    pub(super) const fn before(buffer: &'a mut BytesMut) -> Self {
        Self { buffer, stage: [0; STAGE], length: 0 }
    }

    /// Moves what was gathered on.
    pub(super) fn flush(&mut self) {
        self.buffer.extend_from_slice(&self.stage[..self.length]);
        self.length = 0;
    }

    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        if bytes.len() > STAGE - self.length {
            self.flush();
        }
        if let Some(room) = self.stage.get_mut(self.length..self.length + bytes.len()) {
            room.copy_from_slice(bytes);
            self.length += bytes.len();
        } else {
            self.buffer.extend_from_slice(bytes);
        }
    }
}

impl io::Write for Staged<'_> {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.put(bytes);
        Ok(bytes.len())
    }

    #[inline]
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.put(bytes);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Staged::flush(self);
        Ok(())
    }
}

impl postcard::ser_flavors::Flavor for Staged<'_> {
    type Output = ();

    #[inline]
    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.put(&[byte]);
        Ok(())
    }

    #[inline]
    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        self.put(bytes);
        Ok(())
    }

    fn finalize(mut self) -> postcard::Result<()> {
        self.flush();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_arrives_in_order_however_it_is_cut() {
        let all: Vec<u8> = (0..5000_u32).map(|n| n.to_le_bytes()[0]).collect();
        for size in [1, 3, STAGE - 1, STAGE, STAGE + 1, 2000, 5000] {
            let mut buffer = BytesMut::from(&b"before"[..]);
            let mut staged = Staged::before(&mut buffer);
            // Some bytes beside the others, so that the stage is never just full.
            staged.put(&[7; 5]);
            all.chunks(size).for_each(|piece| staged.put(piece));
            staged.flush();
            assert_eq!(buffer[..11], *b"before\x07\x07\x07\x07\x07");
            assert_eq!(buffer[11..], all, "{size}");
        }
    }
}
