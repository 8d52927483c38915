//! Limits on input from the network, checked before memory is allocated.

/// A frame before the handshake is done: room for a `Hello` with the most
/// instruments in it. 16 KiB.
pub const HELLO_FRAME: usize = 16 * 1024;
/// A frame from a client. 1 MiB: the largest action is a pasted region.
pub const CLIENT_FRAME: usize = 1024 * 1024;
/// A frame from the authority. 256 MiB: a full state of the largest
/// session.
pub const SERVER_FRAME: usize = 256 * 1024 * 1024;
/// A frame from the authority that is worth compressing, its length included.
/// 4 KiB: the patch of an edit is far smaller, and stays as quick as it is.
pub const COMPRESSED_FROM: usize = 4 * 1024;
/// Characters of a name.
pub const NAME: u32 = 64;
/// Instruments in one request.
pub const REQUESTED_INSTRUMENTS: u32 = 1024;
/// Characters of a decoder's complaint that are sent back.
pub const DETAIL: usize = 300;
