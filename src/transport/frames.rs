//! Splits a byte stream into frames.
//!
//! It checks the length of each frame against a limit before it allocates memory
//! for it, and never looks into a payload.

use std::io;

use bytes::BytesMut;
use tokio::{io::AsyncReadExt as _, task::yield_now};
use tokio_util::codec::{Decoder as _, LengthDelimitedCodec};

use super::Reader;

/// A decoder that splits a byte stream into payloads of at most `limit` bytes. A longer
/// one is rejected when its length prefix is read, before memory is allocated.
#[must_use]
pub fn frame_splitter(limit: usize) -> LengthDelimitedCodec {
    LengthDelimitedCodec::builder().max_frame_length(limit).new_codec()
}

/// Reads one frame, and no byte after it: its payload; `None` at the end of the stream.
/// `limit` is asked for the most bytes of it when its length has arrived. It takes no
/// memory before that, and none but for the payload. Not cancel safe.
///
/// # Errors
/// As [`Frames::next`].
pub(crate) async fn single_frame<R: Reader>(
    reader: &mut R,
    limit: impl Fn() -> usize,
) -> io::Result<Option<Vec<u8>>> {
    let mut length = [0; 4];
    let (first, rest) = length.split_at_mut(1);
    if reader.read(first).await? == 0 {
        return Ok(None);
    }
    reader.read_exact(rest).await?;
    let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
    if length > limit() {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut payload = vec![0; length];
    reader.read_exact(&mut payload).await?;
    Ok(Some(payload))
}

/// The smallest buffer for a read, in bytes. 4 KiB: dozens of edits.
const MIN_READ: usize = 4 * 1024;

/// The largest buffer for a read, in bytes, to which it grows while reads fill it.
/// 32 KiB.
const MAX_READ: usize = 32 * 1024;

/// Reads frames from a byte stream.
pub(crate) struct Frames<R> {
    reader: R,
    buffer: BytesMut,
    splitter: LengthDelimitedCodec,
    /// The buffer for the next read, in bytes.
    read_size: usize,
    /// Whether bytes were read since [`take_heard`](Self::take_heard).
    heard: bool,
}

impl<R: Reader> Frames<R> {
    /// Reads from `reader`, and rejects payloads of over `limit` bytes.
    pub(crate) fn new(reader: R, limit: usize) -> Self {
        Self {
            reader,
            buffer: BytesMut::new(),
            splitter: frame_splitter(limit),
            read_size: MIN_READ,
            heard: false,
        }
    }

    /// Changes the limit for the following frames.
    pub(crate) fn set_limit(&mut self, limit: usize) {
        self.splitter.set_max_frame_length(limit);
    }

    /// The payload of the next frame; `None` at the end of the stream. Cancel safe.
    ///
    /// # Errors
    /// `InvalidData` if a frame is too long, `UnexpectedEof` if the stream ends within
    /// a frame, and errors of the network.
    pub(crate) async fn next(&mut self) -> io::Result<Option<BytesMut>> {
        loop {
            if let Some(payload) = self.arrived()? {
                return Ok(Some(payload));
            }
            if self.read().await? == 0 {
                return if self.buffer.is_empty() {
                    Ok(None)
                } else {
                    Err(io::ErrorKind::UnexpectedEof.into())
                };
            }
        }
    }

    /// Reads what has arrived, and returns how many bytes that are; 0 at the end of the
    /// stream. Cancel safe.
    async fn read(&mut self) -> io::Result<usize> {
        // The splitter reserves room for the current frame only. With more room, one
        // read takes everything that has arrived.
        self.buffer.reserve(self.read_size);
        let read = self.reader.read_buf(&mut self.buffer).await?;
        // A read that fills the buffer has probably left data behind.
        let full = self.buffer.len() == self.buffer.capacity();
        self.read_size = if full { MAX_READ.min(self.read_size * 2) } else { MIN_READ };
        self.heard |= read > 0;
        Ok(read)
    }

    /// Whether bytes were read since the last call, even if they complete no frame.
    pub(crate) const fn take_heard(&mut self) -> bool {
        std::mem::replace(&mut self.heard, false)
    }

    /// Whether the other end has closed its sending side, or the connection is reset.
    /// Reads what has arrived, up to 32 KiB, and does not wait for more.
    pub(crate) async fn is_closed(&mut self) -> bool {
        // The end may have arrived after the runtime last asked the operating system.
        yield_now().await;
        while self.buffer.len() < MAX_READ {
            tokio::select! {
                biased;
                read = self.read() => if !read.is_ok_and(|read| read > 0) {
                    return true;
                },
                () = std::future::ready(()) => return false,
            }
        }
        false
    }

    /// The payload of the next frame, if it is in the buffer already.
    ///
    /// # Errors
    /// `InvalidData` if it is too long.
    pub(crate) fn arrived(&mut self) -> io::Result<Option<BytesMut>> {
        let payload = self.splitter.decode(&mut self.buffer)?;
        let length = payload.as_ref().map_or(0, BytesMut::len);
        if length > self.buffer.len().max(MAX_READ) {
            // The rest shares the memory of the long frame, and would keep it for ever.
            self.buffer = BytesMut::from(&self.buffer[..]);
        }
        Ok(payload)
    }

    /// The reader. Bytes in the buffer are not in it any more.
    pub(crate) const fn reader_mut(&mut self) -> &mut R {
        &mut self.reader
    }

    /// The reader. Bytes in the buffer are dropped.
    pub(crate) fn into_reader(self) -> R {
        self.reader
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[tokio::test]
    async fn memory_of_a_long_frame_is_given_back() {
        let frame = |length: u32| [&length.to_be_bytes()[..], &vec![7; length as usize]].concat();
        let stream = [frame(10 << 20), frame(1000).repeat(100)].concat();
        let mut frames = Frames::new(Cursor::new(stream), usize::MAX);
        let mut lengths = Vec::new();
        while let Some(payload) = frames.next().await.unwrap() {
            assert!(payload.iter().all(|byte| *byte == 7));
            lengths.push(payload.len());
        }
        assert_eq!(lengths, [vec![10 << 20], vec![1000; 100]].concat());
        assert!(frames.buffer.capacity() <= 4 * MAX_READ, "{}", frames.buffer.capacity());
    }
}
