//! Large frames made small: a compressed payload in the place of a plain one.
//!
//! ```text
//! [0xFF][u32 length of what it expands to, big-endian][LZ4 block]
//! ```
//!
//! No message begins with this byte, in any codec, so a payload tells by itself
//! whether it is compressed.

use std::borrow::Cow;

use bytes::Buf;
use lz4_flex::block;

use super::CodecError;

/// Begins a payload in LZ4.
const LZ4: u8 = 0xff;

/// What stands before the block: the byte above, and a length.
const HEADER: usize = 5;

/// How many bytes one byte of an LZ4 block can become at most.
const MOST_LZ4_EXPANDS: usize = 255;

/// How large frames are made small.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Compression {
    /// LZ4, a block a frame: quick rather than small. A full state becomes a
    /// sixth of itself in JSON, and two thirds in Postcard.
    Lz4,
}

impl Compression {
    /// All there are.
    pub const ALL: [Self; 1] = [Self::Lz4];

    /// What it is called in the handshake.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lz4 => "lz4",
        }
    }

    /// The compression of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|compression| compression.name() == name)
    }

    /// The first that is known here of those a client can expand; none means
    /// that frames stay as they are.
    #[must_use]
    pub fn agree(names: &[String]) -> Option<Self> {
        names.iter().find_map(|name| Self::from_name(name))
    }

    /// Compresses the payload of the frame that begins at `start` of `buffer`,
    /// if that makes it smaller.
    pub(super) fn compress(self, buffer: &mut Vec<u8>, start: usize) {
        let Self::Lz4 = self;
        let plain = &buffer[start + 4..];
        let Ok(length) = u32::try_from(plain.len()) else { return };
        let mut frame = vec![0; 4 + HEADER + block::get_maximum_output_size(plain.len())];
        let Ok(size) = block::compress_into(plain, &mut frame[4 + HEADER..]) else { return };
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

/// What `payload` stands for: what it expands to, if it is compressed, of at most
/// `limit` bytes; or itself.
///
/// # Errors
/// If it is not what it pretends to be, or would expand to more than `limit`, or
/// to more than can be in so many bytes. That is found out before memory is taken.
pub fn expand(payload: &[u8], limit: usize) -> Result<Cow<'_, [u8]>, CodecError> {
    let Some((&LZ4, mut rest)) = payload.split_first() else { return Ok(payload.into()) };
    let length = rest.try_get_u32().map_err(|_| CodecError("it is cut short".into()))? as usize;
    if length > limit || length / MOST_LZ4_EXPANDS > rest.len() {
        return Err(CodecError(format!("{} bytes do not expand to {length}", rest.len())));
    }
    let mut plain = vec![0; length];
    match block::decompress_into(rest, &mut plain) {
        Ok(expanded) if expanded == length => Ok(plain.into()),
        Ok(expanded) => Err(CodecError(format!("it expands to {expanded} bytes, not {length}"))),
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
    fn what_is_compressed_is_smaller_and_expands_to_itself() {
        let plain = b"{\"Filter\":{\"Cutoff\":440.0}}".repeat(100);
        let small = frame(&plain);
        assert!(small.len() < plain.len() / 10, "{}", small.len());
        assert_eq!(expand(&small, plain.len()).unwrap(), plain);
    }

    #[test]
    fn what_would_not_get_smaller_stays_as_it_is() {
        let plain: Vec<u8> = (0..=127).collect();
        assert_eq!(frame(&plain), plain);
        assert_eq!(expand(&plain, 1).unwrap(), plain);
    }

    #[test]
    fn nothing_expands_to_more_than_the_limit_or_than_it_can() {
        let small = frame(&vec![b' '; 100_000]);
        assert!(expand(&small, 99_999).is_err());
        let mut bomb = small.clone();
        bomb[1..5].copy_from_slice(&u32::MAX.to_be_bytes());
        assert!(expand(&bomb, usize::MAX).is_err(), "4 GiB in {} bytes", bomb.len());
        for length in [0, 1, 99_999, 100_001] {
            let mut lie = small.clone();
            lie[1..5].copy_from_slice(&u32::to_be_bytes(length));
            assert!(expand(&lie, 200_000).is_err(), "{length}");
        }
        for cut in 1..small.len() {
            assert!(expand(&small[..cut], 200_000).is_err(), "{cut}");
        }
    }
}
