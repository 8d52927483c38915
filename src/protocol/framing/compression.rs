//! The compression of large payloads.
//!
//! ```text
//! [0xFF][u32 uncompressed length, big-endian][LZ4 block]
//! ```
//!
//! No message starts with this byte, in any codec, so the first byte tells whether
//! a payload is compressed. Nothing here knows what is in a payload.

use std::borrow::Cow;

use bytes::Buf;
use lz4_flex::block;

use super::CodecError;

/// The first byte of a payload in LZ4.
const LZ4: u8 = 0xff;

/// Bytes before the block: the byte above, and a length.
const HEADER: usize = 5;

/// The most bytes that one byte of an LZ4 block can expand to.
const MAX_LZ4_RATIO: usize = 255;

/// A way to compress large frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Compression {
    /// LZ4, one block per frame. It favours speed: a full state shrinks to a sixth in
    /// JSON, and to two thirds in Postcard.
    Lz4,
}

impl Compression {
    /// Every way.
    pub const ALL: [Self; 1] = [Self::Lz4];

    /// The name in the handshake.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lz4 => "lz4",
        }
    }

    /// The compression called `name` in the handshake.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|compression| compression.name() == name)
    }

    /// The first supported entry of a client's list; `None` if frames stay
    /// uncompressed.
    #[must_use]
    pub fn agree(names: &[String]) -> Option<Self> {
        names.iter().find_map(|name| Self::from_name(name))
    }

    /// Compresses the frame that starts at `buffer[start]`, if that makes it
    /// smaller.
    pub(super) fn compress(self, buffer: &mut Vec<u8>, start: usize) {
        let Self::Lz4 = self;
        let original = &buffer[start + 4..];
        let Ok(length) = u32::try_from(original.len()) else { return };
        let mut frame = vec![0; 4 + HEADER + block::get_maximum_output_size(original.len())];
        let Ok(size) = block::compress_into(original, &mut frame[4 + HEADER..]) else { return };
        let Ok(payload) = u32::try_from(HEADER + size) else { return };
        if payload >= length {
            return;
        }
        frame[..4].copy_from_slice(&payload.to_be_bytes());
        frame[4] = LZ4;
        frame[5..9].copy_from_slice(&length.to_be_bytes());
        buffer.truncate(start);
        buffer.extend_from_slice(&frame[..4 + HEADER + size]);
    }
}

/// The uncompressed form of `payload`, of at most `limit` bytes; `payload` itself if it
/// is not compressed.
///
/// # Errors
/// If the block is damaged, if its stated length is over `limit`, or more than a
/// block of that size can expand to. The length is checked before memory is
/// allocated.
pub fn expand(payload: &[u8], limit: usize) -> Result<Cow<'_, [u8]>, CodecError> {
    let Some((&LZ4, mut rest)) = payload.split_first() else { return Ok(payload.into()) };
    let length =
        rest.try_get_u32().map_err(|_| CodecError("the compressed payload is cut short".into()))?
            as usize;
    if length > limit || length / MAX_LZ4_RATIO > rest.len() {
        return Err(CodecError(format!("{} bytes cannot expand to {length}", rest.len())));
    }
    let mut expanded = vec![0; length];
    match block::decompress_into(rest, &mut expanded) {
        Ok(size) if size == length => Ok(expanded.into()),
        Ok(size) => Err(CodecError(format!("it expands to {size} bytes, not {length}"))),
        Err(error) => Err(CodecError(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(payload: &[u8]) -> Vec<u8> {
        let mut buffer = b"before".to_vec();
        buffer.extend(u32::try_from(payload.len()).unwrap().to_be_bytes());
        buffer.extend_from_slice(payload);
        Compression::Lz4.compress(&mut buffer, 6);
        let mut frame = buffer.strip_prefix(b"before").unwrap();
        assert_eq!(frame.get_u32() as usize, frame.len());
        frame.to_vec()
    }

    #[test]
    fn compressed_payload_is_smaller_and_expands_to_itself() {
        let original = b"{\"Filter\":{\"Cutoff\":440.0}}".repeat(100);
        let small = frame(&original);
        assert!(small.len() < original.len() / 10, "{}", small.len());
        assert_eq!(expand(&small, original.len()).unwrap(), original);
    }

    #[test]
    fn incompressible_payload_stays_uncompressed() {
        let original: Vec<u8> = (0..=127).collect();
        assert_eq!(frame(&original), original);
        assert_eq!(expand(&original, 1).unwrap(), original);
    }

    #[test]
    fn wrong_uncompressed_length_is_rejected() {
        let small = frame(&vec![b' '; 100_000]);
        assert!(expand(&small, 99_999).is_err());
        let mut bomb = small.clone();
        bomb[1..5].copy_from_slice(&u32::MAX.to_be_bytes());
        assert!(expand(&bomb, usize::MAX).is_err(), "4 GiB in {} bytes", bomb.len());
        for length in [0, 1, 99_999, 100_001] {
            let mut wrong = small.clone();
            wrong[1..5].copy_from_slice(&u32::to_be_bytes(length));
            assert!(expand(&wrong, 200_000).is_err(), "{length}");
        }
        for cut in 1..small.len() {
            assert!(expand(&small[..cut], 200_000).is_err(), "{cut}");
        }
    }
}
