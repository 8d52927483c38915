//! What a client asks for when it joins.

use super::ClientConfig;
use crate::{installation::PlaceFile, model::InstrumentId};

/// What a client asks for when it joins.
#[derive(Debug, Default)]
pub struct JoinOptions {
    /// Your name: 1 to 64 plain characters. If it is taken, the host appends a number.
    pub name: String,
    /// The instruments that you want to own.
    pub own: Vec<InstrumentId>,
    /// Whether you want the privilege.
    pub privilege: bool,
    /// Where to keep the place in the session, so that the client can resume even after
    /// its process was killed. With `None` only this dispatcher can resume.
    pub place: Option<PlaceFile>,
    /// The options of the connection.
    pub config: ClientConfig,
}
