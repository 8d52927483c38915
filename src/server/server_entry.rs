//! How a stranger enters, up to its `Hello`: opens the channel, runs the code, asks.
//! Whether it may is decided by the [`AdmissionControl`]; docs/protocol.md has the table
//! of states.

use std::{io, pin::pin};

use tokio::io::AsyncReadExt as _;

use super::{
    admissions::{StrangerGuard, StrangerOrder},
    connection_io::{ConnectionEnd, read_failure},
    server_inner::ServerInner,
};
use crate::{
    admission::{AdmissionControl, StrangerId},
    model::Model,
    protocol::{
        ClientMessage, EntryRefusal, Hello, PROTOCOL_VERSION, ProtocolError,
        entry::{EntryReply, EntryRequest},
        framing::{self, Codec, CodecError},
    },
    security::{
        ChannelError, CodeRun, Element, PublicKey, Responder, WordsCommitment, WordsNonce,
        channel::{FINISH_LENGTH, OPENING_LIMIT},
        words,
    },
    transport::{ChannelReader, ChannelWriter, Reader, Writer, single_frame},
    util::time::Timestamp,
};

/// The connection of a stranger.
pub(super) struct ServerEntry<'a, M: Model, R, W> {
    inner: &'a ServerInner<M>,
    guard: &'a StrangerGuard<M>,
    pub(super) reader: ChannelReader<R>,
    pub(super) writer: ChannelWriter<W>,
    /// Whether the client understands no frame at the moment: from message 2 until
    /// message 3 has opened the channel.
    pub(super) is_mid_handshake: bool,
}

/// The client of an encrypted channel.
struct Proven {
    key: PublicKey,
    /// The handshake hash.
    hash: [u8; 32],
}

impl<'a, M: Model, R: Reader, W: Writer> ServerEntry<'a, M, R, W> {
    pub(super) fn new(
        inner: &'a ServerInner<M>,
        guard: &'a StrangerGuard<M>,
        reader: R,
        writer: W,
    ) -> Self {
        let (reader, writer) = (ChannelReader::new(reader), ChannelWriter::new(writer));
        Self { inner, guard, reader, writer, is_mid_handshake: false }
    }

    /// Runs the entry up to the client's `Hello`, which the control has not seen yet. Dropping the future leaves the writer between two frames, unless
    /// [`is_mid_handshake`](Self::is_mid_handshake).
    ///
    /// # Errors
    /// How the connection ended.
    pub(super) async fn hello(&mut self) -> Result<Hello, ConnectionEnd> {
        let mut first = [0; 2];
        self.reader.read_exact(&mut first).await.map_err(|_| ConnectionEnd::Lost)?;
        if first == [0, 0] {
            self.reader.put_back(&first);
            return self.plain_hello().await;
        }
        // On the heap, because most strangers do not get this far.
        Box::pin(async {
            let client = self.open_channel(first).await?;
            self.enter(client).await
        })
        .await
    }

    async fn plain_hello(&mut self) -> Result<Hello, ConnectionEnd> {
        let payload = self.frame().await?;
        match framing::decode::<ClientMessage<M>>(Codec::Json, &payload) {
            Ok(ClientMessage::Hello(hello)) => of_this_version(hello),
            Ok(_) => Err(ConnectionEnd::Fault(ProtocolError::HelloExpected)),
            Err(error) => Err(undecoded(&payload, &error)),
        }
    }

    async fn open_channel(&mut self, first: [u8; 2]) -> Result<Proven, ConnectionEnd> {
        let key = self.inner.installation.private();
        let opening = self.reader.message_of(first, OPENING_LIMIT).await;
        let opening = match opening {
            // As a plain frame, it has 64 KiB or more.
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                return Err(self.too_long());
            }
            opening => opening.map_err(|_| ConnectionEnd::Lost)?,
        };
        let responder = match Responder::read_opening(key, &opening) {
            Err(ChannelError::Malformed) => return Err(self.too_long()),
            Err(ChannelError::NoCommonVersion) => {
                let speaks = PROTOCOL_VERSION;
                return Err(ConnectionEnd::Fault(ProtocolError::WrongProtocol { speaks }));
            }
            responder => responder.map_err(malformed)?,
        };
        self.change(AdmissionControl::opening)?;
        self.guard.order(|order| order == StrangerOrder::Answer).await;
        let entry = self.guard.admissions.inspect(|control| control.entry(self.guard.id));
        let (reply, replied) = responder.reply(entry).map_err(malformed)?;
        self.is_mid_handshake = true;
        self.writer.send(&reply).await.map_err(|_| ConnectionEnd::Lost)?;
        let message = self.reader.message(FINISH_LENGTH).await;
        let message = message.map_err(|_| ConnectionEnd::Lost)?;
        let channel = replied.finish(&message).map_err(malformed)?;
        self.reader.decrypt(channel.opener);
        self.writer.encrypt(channel.sealer);
        self.is_mid_handshake = false;
        let (key, hash) = (channel.peer, channel.hash);
        self.change(|control, now, id| control.proven(now, id, key))?;
        Ok(Proven { key, hash })
    }

    async fn enter(&mut self, client: Proven) -> Result<Hello, ConnectionEnd> {
        match self.request().await? {
            EntryRequest::Hello(hello) => Ok(hello),
            EntryRequest::ProveCode { element } => {
                self.run_code(&client, &element).await?;
                match self.request().await? {
                    EntryRequest::Hello(hello) => Ok(hello),
                    _ => Err(out_of_turn()),
                }
            }
            EntryRequest::Ask { commitment } => self.ask(&client, commitment).await,
            _ => Err(out_of_turn()),
        }
    }

    async fn run_code(&mut self, client: &Proven, theirs: &Element) -> Result<(), ConnectionEnd> {
        let code = self.change(|control, now, id| control.begin_code(now, id).cloned())?;
        let (run, element) = CodeRun::host(&code, client.key, self.inner.installation.public());
        drop(code);
        let proof = run.finish(theirs, &client.hash).map_err(malformed)?;
        self.reply(&EntryReply::CodeElement { element }).await?;
        let EntryRequest::ConfirmCode { mac } = self.request().await? else {
            return Err(out_of_turn());
        };
        self.change(|control, now, id| control.code_proof(now, id, || proof.verify(&mac)))?;
        self.reply(&EntryReply::CodeConfirmed { mac: proof.own() }).await
    }

    async fn ask(
        &mut self,
        client: &Proven,
        commitment: WordsCommitment,
    ) -> Result<Hello, ConnectionEnd> {
        self.change(AdmissionControl::ask)?;
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(malformed)?;
        let ours = WordsNonce::new(bytes);
        self.reply(&EntryReply::Nonce { nonce: ours }).await?;
        let EntryRequest::Reveal { nonce: theirs } = self.request().await? else {
            return Err(out_of_turn());
        };
        if theirs.commitment(&client.hash) != commitment {
            return Err(malformed("the nonce is not the one of the commitment"));
        }
        let words = words(self.inner.installation.public(), client.key, ours, theirs);
        self.change(|control, now, id| control.revealed(now, id, words))?;

        let guard = self.guard;
        let mut introducing = pin!(introduced_hello(guard, &mut self.reader));
        tokio::select! {
            biased;
            early = &mut introducing => return early,
            _ = guard.order(|order| order == StrangerOrder::Admit) => {}
        }
        send(&mut self.writer, &EntryReply::Admitted).await?;
        introducing.await
    }

    /// Changes the control.
    fn change<T>(
        &self,
        change: impl FnOnce(&mut AdmissionControl, Timestamp, StrangerId) -> Result<T, EntryRefusal>,
    ) -> Result<T, ConnectionEnd> {
        changed(self.guard, change)
    }

    async fn frame(&mut self) -> Result<Vec<u8>, ConnectionEnd> {
        next_frame(self.guard, &mut self.reader).await
    }

    async fn request(&mut self) -> Result<EntryRequest, ConnectionEnd> {
        next_request(self.guard, &mut self.reader).await
    }

    async fn reply(&mut self, reply: &EntryReply) -> Result<(), ConnectionEnd> {
        send(&mut self.writer, reply).await
    }

    fn too_long(&self) -> ConnectionEnd {
        let limit = frame_limit(self.guard) as u64;
        ConnectionEnd::Fault(ProtocolError::FrameTooLong { limit })
    }
}

/// The name of a client that asks, and then its `Hello`: the name may still be on its way
/// when the client is admitted.
async fn introduced_hello<M: Model, R: Reader>(
    guard: &StrangerGuard<M>,
    reader: &mut ChannelReader<R>,
) -> Result<Hello, ConnectionEnd> {
    loop {
        match next_request(guard, reader).await? {
            EntryRequest::Hello(hello) => return Ok(hello),
            EntryRequest::Introduce { name } => {
                changed(guard, |control, now, id| control.introduced(now, id, &name))?;
            }
            _ => return Err(out_of_turn()),
        }
    }
}

fn changed<M: Model, T>(
    guard: &StrangerGuard<M>,
    change: impl FnOnce(&mut AdmissionControl, Timestamp, StrangerId) -> Result<T, EntryRefusal>,
) -> Result<T, ConnectionEnd> {
    let changed = guard.admissions.change(|control, now| change(control, now, guard.id));
    changed.map_err(refused)
}

fn frame_limit<M: Model>(guard: &StrangerGuard<M>) -> usize {
    guard.admissions.inspect(|control| control.frame_limit(guard.id))
}

async fn next_frame<M: Model, R: Reader>(
    guard: &StrangerGuard<M>,
    reader: &mut ChannelReader<R>,
) -> Result<Vec<u8>, ConnectionEnd> {
    let frame = single_frame(reader, || frame_limit(guard)).await;
    frame.map_err(|error| read_failure(&error, frame_limit(guard)))?.ok_or(ConnectionEnd::Lost)
}

async fn next_request<M: Model, R: Reader>(
    guard: &StrangerGuard<M>,
    reader: &mut ChannelReader<R>,
) -> Result<EntryRequest, ConnectionEnd> {
    let payload = next_frame(guard, reader).await?;
    match framing::decode(Codec::Json, &payload) {
        Ok(EntryRequest::Hello(hello)) => of_this_version(hello).map(EntryRequest::Hello),
        Ok(request) => Ok(request),
        Err(error) => Err(undecoded(&payload, &error)),
    }
}

async fn send<W: Writer>(
    writer: &mut ChannelWriter<W>,
    reply: &EntryReply,
) -> Result<(), ConnectionEnd> {
    use tokio::io::AsyncWriteExt as _;

    let mut frame = Vec::new();
    framing::encode(Codec::Json, reply, &mut frame).map_err(malformed)?;
    let sending = async {
        writer.write_all(&frame).await?;
        writer.flush().await
    };
    sending.await.map_err(|_: io::Error| ConnectionEnd::Lost)
}

/// The version comes before everything else, so that older clients learn why.
fn of_this_version(hello: Hello) -> Result<Hello, ConnectionEnd> {
    if hello.protocol == PROTOCOL_VERSION { Ok(hello) } else { Err(wrong_version()) }
}

fn undecoded(payload: &[u8], error: &CodecError) -> ConnectionEnd {
    // The Hello of another version may have other fields.
    match framing::protocol_version(payload) {
        Some(version) if version != PROTOCOL_VERSION => wrong_version(),
        _ => ConnectionEnd::Fault(ProtocolError::Malformed { detail: error.detail() }),
    }
}

const fn wrong_version() -> ConnectionEnd {
    ConnectionEnd::Fault(ProtocolError::WrongProtocol { speaks: PROTOCOL_VERSION })
}

pub(super) const fn refused(reason: EntryRefusal) -> ConnectionEnd {
    ConnectionEnd::Fault(ProtocolError::NotAdmitted(reason))
}

const fn out_of_turn() -> ConnectionEnd {
    refused(EntryRefusal::OutOfTurn)
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn malformed(error: impl ToString) -> ConnectionEnd {
    ConnectionEnd::Fault(ProtocolError::Malformed { detail: error.to_string() })
}
