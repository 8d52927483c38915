//! What a client asks for when it joins.

use super::{ClientConfig, WordsPrompt};
use crate::{
    installation::{Installation, PlaceFile},
    model::InstrumentId,
    protocol::Role,
    security::JoinCode,
};

/// What a client asks for when it joins.
#[derive(Debug)]
pub struct JoinOptions {
    /// Your name: 1 to 64 plain characters. If it is taken, the host appends a number.
    pub name: String,
    /// The instruments that you want to own.
    pub own: Vec<InstrumentId>,
    /// Whether you want the privilege.
    pub privilege: bool,
    /// As what you want to take part. Default: as a player.
    pub role: Role,
    /// Where to keep the place in the session, so that the client can resume even after
    /// its process was killed. With `None` only this dispatcher can resume.
    pub place: Option<PlaceFile>,
    /// Your key, and the keys of the hosts that you know. With `None` this dispatcher has
    /// a key of its own, and knows no host.
    pub installation: Option<Installation>,
    /// The name of the session, if it was announced. Together with the machine and the
    /// address it is a label of the host: under it another key than before is refused.
    pub session: Option<String>,
    /// The name of the host's machine, if it was announced.
    pub machine: Option<String>,
    /// The code of the session, as it was typed. It is shown once, to a host that you do
    /// not know, or that does not know you; a host that proves that it has it is known
    /// from then on.
    pub code: Option<JoinCode>,
    /// How to compare words with the person at a host that you do not know, if you have no
    /// code and the host can be asked.
    pub ask: Option<WordsPrompt>,
    /// Whether the connection is not encrypted. A host then admits you only to an open
    /// session or from its own machine, and a listener can read everything. Default:
    /// `false`; within this process a connection is plain in any case.
    pub plain: bool,
    /// Whether a host on this machine, at a loopback address, is believed although it is
    /// not known. Switch it off if a forwarded port makes other hosts look local. Default:
    /// `true`.
    pub local_exemption: bool,
    /// The options of the connection.
    pub config: ClientConfig,
}

impl Default for JoinOptions {
    fn default() -> Self {
        Self {
            name: String::new(),
            own: Vec::new(),
            privilege: false,
            role: Role::default(),
            place: None,
            installation: None,
            session: None,
            machine: None,
            code: None,
            ask: None,
            plain: false,
            local_exemption: true,
            config: ClientConfig::default(),
        }
    }
}
