//! The answer to a `Hello`: asks the admission, then the authority, and writes their
//! answer. Knows nothing of the entry and of what follows.

use std::{
    io,
    time::{SystemTime, UNIX_EPOCH},
};

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::{
    admissions::StrangerGuard,
    connection_io::{CLOSE_TIMEOUT, ConnectionEnd, write_frames},
    server_entry::refused,
    server_inner::ServerInner,
};
use crate::{
    admission::Admitted,
    model::Model,
    protocol::{Hello, Reconnected, ServerMessage, SessionToken, Welcome, framing::Format},
    sync::session::{Accepted, ConnectionId, Credentials, Rejected},
    transport::{ChannelWriter, Writer},
};

/// An admitted client's connection. Dropping it tells the session that the
/// connection has ended, even if its task is aborted.
#[must_use = "dropping it ends the connection in the session"]
pub(super) struct ConnectionGuard<'a, M: Model> {
    inner: &'a ServerInner<M>,
    pub(super) connection: ConnectionId,
    pub(super) format: Format,
    /// Cancelled when another connection has taken the client's place.
    superseded: CancellationToken,
}

impl<M: Model> ConnectionGuard<'_, M> {
    /// Resolves a while after another connection has taken the client's place.
    pub(super) async fn replaced(&self) {
        self.superseded.cancelled().await;
        sleep(CLOSE_TIMEOUT).await;
    }
}

impl<M: Model> Drop for ConnectionGuard<'_, M> {
    fn drop(&mut self) {
        self.inner.authority.disconnected(self.connection);
        self.inner.connections.remove(self.connection);
    }
}

/// Has the admission and the authority decide about `hello`, and sends the answer unless
/// that is a fault.
pub(super) async fn admit<'a, M: Model, W: Writer>(
    inner: &'a ServerInner<M>,
    stranger: &StrangerGuard<M>,
    hello: &Hello,
    peer: &str,
    writer: &mut ChannelWriter<W>,
) -> Result<ConnectionGuard<'a, M>, ConnectionEnd> {
    let (answer, format, guard) = match decide(inner, stranger, hello)? {
        Ok(Accepted { connection, format, answer }) => {
            let superseded = inner.connections.insert(connection, peer);
            writer.admit();
            (answer, format, Ok(ConnectionGuard { inner, connection, format, superseded }))
        }
        Err(Rejected::Unfit(error)) => return Err(ConnectionEnd::Fault(error)),
        Err(Rejected::Unknown(reason)) => {
            let answer = ServerMessage::ReconnectFailed { reason };
            (answer, Format::default(), Err(ConnectionEnd::ResumeRefused))
        }
    };
    let mut buffer = Vec::new();
    let written = match format.encode(&answer, &mut buffer) {
        Ok(()) => {
            let connection = guard.as_ref().ok().map(|guard| guard.connection);
            write_frames(inner, connection, writer, &buffer).await
        }
        Err(error) => Err(io::Error::other(error)),
    };
    match written {
        Ok(()) => guard,
        Err(_) => guard.and(Err(ConnectionEnd::Lost)),
    }
}

/// The admission decides first. If the person removes the key in between, the session
/// refuses it.
fn decide<M: Model>(
    inner: &ServerInner<M>,
    stranger: &StrangerGuard<M>,
    hello: &Hello,
) -> Result<Result<Accepted<M>, Rejected>, ConnectionEnd> {
    let (authority, admissions, id) = (&inner.authority, &stranger.admissions, stranger.id);
    let roster = &authority.state().roster;
    let has_place = |key| roster.participants.values().any(|other| other.key == Some(key));
    let admitted = admissions.change(|control, now| control.hello(now, id, has_place));
    let Admitted { key, kept_places, .. } = admitted.map_err(refused)?;
    let token = if key.is_none() { Some(fresh_token()?) } else { None };
    let decided = authority.hello(hello, Credentials { key, token, kept_places });
    if let Ok(Accepted { answer, .. }) = &decided {
        let name = match answer {
            ServerMessage::Welcome(Welcome { name, .. })
            | ServerMessage::ReconnectSuccessful(Reconnected { name, .. }) => name,
            _ => &hello.name,
        };
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        admissions.change(|control, now| control.joined(now, id, name, since_1970.as_secs()));
    }
    Ok(decided)
}

fn fresh_token() -> Result<SessionToken, ConnectionEnd> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| {
        warn!(%error, "the operating system provides no random bytes");
        ConnectionEnd::Lost
    })?;
    Ok(SessionToken::new(bytes))
}
