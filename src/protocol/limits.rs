//! Limits on input from the network, checked before memory is allocated.
//!
//! Options that a program may set are in the configuration of their layer, and the
//! limits of the state in its model.

use crate::model::MAX_REASON;

/// Bytes of a frame during the handshake: enough for a `Hello` that requests the most
/// instruments. 16 KiB.
pub const HELLO_FRAME: usize = 16 * 1024;
/// Bytes of a frame from a client. 1 MiB: the largest action is a pasted region.
pub const CLIENT_FRAME: usize = 1024 * 1024;
/// Bytes of a frame from the authority. 256 MiB: the full state of the largest
/// session.
pub const SERVER_FRAME: usize = 256 * 1024 * 1024;
/// Bytes of a metering or a notice, in every codec. 16 KiB.
pub const REPORT: usize = 16 * 1024;
/// Bytes of the message with one: in JSON its name stands around it.
pub const REPORT_MESSAGE: usize = REPORT + 16;
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
/// Characters of a text that says why something is refused or has failed. A longer one
/// is cut, where it is made and where it is decoded.
pub const DETAIL: usize = MAX_REASON;
/// Participants of a session, with the host and those away.
pub const PARTICIPANTS: usize = 1024;
/// Instruments of a session that have an owner.
pub const OWNED_INSTRUMENTS: usize = 16 * 1024;
/// Changes of the roster in a patch: from one full roster to another.
pub const ROSTER_CHANGES: usize = 2 * (PARTICIPANTS + OWNED_INSTRUMENTS) + 1;
/// Rejections, and changes of the undo history, that a client is told when it resumes.
pub const MISSED: usize = 4096;
/// Names of codecs in an answer.
pub const CODECS: usize = 16;
/// Pings that the other side has not answered, or whose answers it has not read. A client
/// that has more to answer ends the connection.
pub const PINGS: usize = 1024;
