//! Limits on input from the network, checked before memory is allocated.
//!
//! Options that a program may set are in the configuration of their layer.

/// Bytes of a frame during the handshake: enough for a `Hello` that requests the most
/// instruments. 16 KiB.
pub const HELLO_FRAME: usize = 16 * 1024;
/// Bytes of a frame from a client. 1 MiB: the largest action is a pasted region.
pub const CLIENT_FRAME: usize = 1024 * 1024;
/// Bytes of a frame from the authority. 256 MiB: the full state of the largest
/// session.
pub const SERVER_FRAME: usize = 256 * 1024 * 1024;
/// The smallest frame from the authority that is compressed, in bytes, with its
/// length prefix. 4 KiB: the patch of an edit is far smaller, so compression does
/// not delay it.
pub const COMPRESSED_FROM: usize = 4 * 1024;
/// Characters of a participant's name.
pub const NAME: u32 = 64;
/// Actions in a batch.
pub const BATCH: usize = 1024;
/// Instruments in one request for ownership.
pub const REQUESTED_INSTRUMENTS: u32 = 1024;
/// Participants of a session, with the host and those away.
pub const PARTICIPANTS: usize = 1024;
/// Characters of a decoder's error text that are sent back.
pub const DETAIL: usize = 300;
