//! How a client enters: the encrypted channel, what it believes of the host, the run of
//! the code, and the words that its person compares.
//!
//! Until the host is believed, only the key, the messages of the run and the nonce leave
//! the client, and frames are short. docs/security.md, "What a client believes", has the rules.

use std::{fmt, io, net::SocketAddr, time::Duration};

use tokio::{
    io::AsyncReadExt as _,
    sync::oneshot,
    task::{JoinHandle, spawn_blocking},
    time::timeout,
};
use tracing::warn;

use super::{
    JoinOptions,
    client_connection::{encode_own, write_flushed},
};
use crate::{
    dispatcher::{ConnectionError, HostTrust},
    installation::{HostLabels, Installation},
    protocol::{
        EntryRefusal, ProtocolError,
        entry::{EntryReply, EntryRequest},
        framing::{self, Codec},
        limits,
    },
    security::{
        ChannelError, CodeRun, Entry, Initiator, JoinCode, PublicKey, Words, WordsNonce,
        channel::{Answered, REPLY_LENGTH},
        words,
    },
    transport::{ChannelReader, ChannelWriter, Frames, Reader, Writer},
};

/// How long the host has for message 2 and for each answer of a program. 6 s: it answers
/// within 5 s.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(6);

/// How long two people have to compare the words. 65 s: the host ends the question after
/// 60 s.
const WORDS_TIMEOUT: Duration = Duration::from_secs(65);

/// Shows the words to the person at this computer, and returns what that person answers:
/// `true` if the host shows the same words. A dropped sender means `false`.
pub struct WordsPrompt(Box<dyn FnOnce(Words) -> oneshot::Receiver<bool> + Send + Sync>);

impl WordsPrompt {
    /// Calls `show` with the words. It must not block.
    #[must_use]
    pub fn new(
        show: impl FnOnce(Words) -> oneshot::Receiver<bool> + Send + Sync + 'static,
    ) -> Self {
        Self(Box::new(show))
    }
}

impl fmt::Debug for WordsPrompt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WordsPrompt(…)")
    }
}

/// How a client enters, in every connection of its dispatcher.
pub(super) struct ClientEntry {
    installation: Installation,
    labels: HostLabels,
    name: String,
    plain: bool,
    local_exemption: bool,
    code: Option<JoinCode>,
    ask: Option<WordsPrompt>,
    /// Whether the host has refused the `Hello` until the client shows the code or asks.
    must_prove: bool,
    /// The host, once it was believed. There is no other for this dispatcher.
    host: Option<(PublicKey, HostTrust)>,
    /// Its key, if this was known before, and the host is not on this machine.
    met_again: Option<PublicKey>,
    keeping: Option<JoinHandle<()>>,
}

/// How the client enters the session of the host that has answered.
enum EntryMethod {
    /// Believes it.
    Hello(HostTrust),
    Code(JoinCode),
    Ask(WordsPrompt),
}

/// The two directions of a connection before the client is admitted.
struct EntryStream<'a, R, W> {
    frames: &'a mut Frames<ChannelReader<R>>,
    writer: &'a mut ChannelWriter<W>,
}

impl ClientEntry {
    /// Takes what concerns the entry from `options`. `address` is the label of the host; with
    /// `None` it is the address of the peer.
    ///
    /// # Errors
    /// If there are no random numbers for a key in memory.
    pub(super) fn new(
        options: &mut JoinOptions,
        address: Option<&str>,
    ) -> Result<Self, ConnectionError> {
        let installation = match options.installation.take() {
            Some(installation) => installation,
            None => Installation::in_memory().map_err(|_| ChannelError::NoRandomNumbers)?,
        };
        let labels = HostLabels {
            session: options.session.take(),
            machine: options.machine.take(),
            address: address.unwrap_or_default().to_owned(),
        };
        Ok(Self {
            installation,
            labels,
            name: options.name.clone(),
            plain: options.plain,
            local_exemption: options.local_exemption,
            code: options.code.take(),
            ask: options.ask.take(),
            must_prove: false,
            host: None,
            met_again: None,
            keeping: None,
        })
    }

    /// What is known of the host.
    pub(super) const fn trust(&self) -> HostTrust {
        match self.host {
            Some((_, trust)) => trust,
            None => HostTrust::Plain,
        }
    }

    /// Whether the next connection can show what the host has asked for in `refusal`. It
    /// will then.
    pub(super) fn can_prove(&mut self, refusal: &ConnectionError) -> bool {
        let ConnectionError::Host(ProtocolError::NotAdmitted(refusal)) = refusal else {
            return false;
        };
        self.must_prove = match refusal {
            EntryRefusal::CodeNeeded => self.code.is_some(),
            EntryRefusal::CodeOrQuestion => self.code.is_some() || self.ask.is_some(),
            _ => false,
        };
        self.must_prove
    }

    /// The client is in the session: from now on it shows no code and does not ask.
    /// Returns when the key of the host is kept.
    pub(super) async fn admitted(&mut self) {
        (self.code, self.ask) = (None, None);
        if let Some(host) = self.met_again.filter(|_| self.keeping.is_none()) {
            self.keep(host, Installation::refresh);
        }
        if let Some(keeping) = self.keeping.take() {
            // Its failure is in the log.
            let _ = keeping.await;
        }
    }

    /// Enters: the `Hello` may follow. A connection within this process, whose `peer` has
    /// no address, stays plain. The limit of `frames` is [`limits::HELLO_FRAME`] before,
    /// and that of a host that is believed afterwards.
    ///
    /// # Errors
    /// If the host has no channel, is not believed, or refuses.
    pub(super) async fn enter<R: Reader, W: Writer>(
        &mut self,
        frames: &mut Frames<ChannelReader<R>>,
        writer: &mut ChannelWriter<W>,
        peer: Option<SocketAddr>,
    ) -> Result<(), ConnectionError> {
        if self.plain || (peer.is_none() && self.host.is_none()) {
            frames.set_limit(limits::SERVER_FRAME);
            return Ok(());
        }
        if let Some(peer) = peer.filter(|_| self.labels.address.is_empty()) {
            self.labels.address = peer.to_string();
        }
        let (initiator, opening) = Initiator::new(self.installation.private())?;
        let mut stream = EntryStream { frames, writer };
        // The host may have closed the connection already, and said why.
        let written = stream.writer.send(&opening).await;
        let reply = stream.message_2().await.map_err(|error| match (error, written) {
            (ConnectionError::Closed, Err(written)) => written.into(),
            (error, _) => error,
        })?;
        let answered = initiator.read_reply(&reply)?;
        let method = self.choose_method(&answered, peer)?;
        let (finish, channel) = answered.finish()?;
        stream.writer.send(&finish).await?;
        stream.writer.encrypt(channel.sealer);
        stream.frames.reader_mut().decrypt(channel.opener);
        let trust = match method {
            EntryMethod::Hello(trust) => trust,
            EntryMethod::Code(code) => {
                self.run_code(&mut stream, code, channel.peer, &channel.hash).await?;
                HostTrust::Verified
            }
            EntryMethod::Ask(prompt) => {
                self.ask(&mut stream, prompt, channel.peer, &channel.hash).await?;
                HostTrust::Verified
            }
        };
        self.host = Some((channel.peer, trust));
        frames.reader_mut().admit();
        frames.set_limit(limits::SERVER_FRAME);
        Ok(())
    }

    /// Decides what to do with a host, before it is shown the client's key.
    fn choose_method(
        &mut self,
        answered: &Answered,
        peer: Option<SocketAddr>,
    ) -> Result<EntryMethod, ConnectionError> {
        let Answered { host, entry, .. } = *answered;
        let other = |label: String| ConnectionError::OtherHost { label, host };
        let known = match self.host {
            Some((known, trust)) if known == host => Some(trust),
            Some(_) => return Err(other(self.labels.address.clone())),
            None => self.installation.is_pinned(host).then_some(HostTrust::Verified),
        };
        let is_local = peer.is_some_and(|peer| peer.ip().to_canonical().is_loopback());
        self.met_again = known.filter(|_| !is_local).map(|_| host);
        let must_prove = std::mem::take(&mut self.must_prove);
        if let Some(trust) = known.filter(|_| !must_prove) {
            return Ok(EntryMethod::Hello(trust));
        }
        if let Some(code) = self.code.take() {
            let spent = self.installation.is_spent(&code, host);
            return if spent {
                Err(ConnectionError::HostNotProven)
            } else {
                Ok(EntryMethod::Code(code))
            };
        }
        let pinned = self.installation.pinned_under(&self.labels);
        if let Some((_, label)) = pinned.filter(|(key, _)| *key != host) {
            return Err(other(label));
        }
        if !must_prove && is_local && self.local_exemption {
            return Ok(EntryMethod::Hello(HostTrust::Verified));
        }
        if !must_prove && entry == Entry::Open {
            return Ok(EntryMethod::Hello(HostTrust::Unverified));
        }
        match self.ask.take().filter(|_| entry == Entry::Ask) {
            Some(prompt) => Ok(EntryMethod::Ask(prompt)),
            None => Err(ConnectionError::UnknownHost { host, entry }),
        }
    }

    /// Proves to the host that the client has the code, then verifies the host's proof.
    async fn run_code<R: Reader, W: Writer>(
        &mut self,
        stream: &mut EntryStream<'_, R, W>,
        code: JoinCode,
        host: PublicKey,
        hash: &[u8; 32],
    ) -> Result<(), ConnectionError> {
        let (run, element) = CodeRun::joiner(&code, self.installation.public(), host);
        stream.send(&EntryRequest::ProveCode { element }).await?;
        let EntryReply::CodeElement { element } = stream.answer().await? else {
            return Err(unexpected());
        };
        let proof = run.finish(&element, hash).map_err(|_| ConnectionError::HostNotProven)?;
        // Before the MAC leaves: with it the host can test one guess.
        self.installation.spend(code, host);
        stream.send(&EntryRequest::ConfirmCode { mac: proof.own() }).await?;
        match stream.answer().await? {
            EntryReply::CodeConfirmed { mac } if proof.verify(&mac) => {
                self.installation.restore(host);
                self.keep(host, Installation::pin);
                Ok(())
            }
            EntryReply::CodeConfirmed { .. } => Err(ConnectionError::HostNotProven),
            _ => Err(unexpected()),
        }
    }

    /// Asks to join: both people compare the words.
    async fn ask<R: Reader, W: Writer>(
        &mut self,
        stream: &mut EntryStream<'_, R, W>,
        WordsPrompt(show): WordsPrompt,
        host: PublicKey,
        hash: &[u8; 32],
    ) -> Result<(), ConnectionError> {
        let mut nonce = [0; 32];
        getrandom::fill(&mut nonce).map_err(|_| ChannelError::NoRandomNumbers)?;
        let nonce = WordsNonce::new(nonce);
        stream.send(&EntryRequest::Ask { commitment: nonce.commitment(hash) }).await?;
        let EntryReply::Nonce { nonce: host_nonce } = stream.answer().await? else {
            return Err(unexpected());
        };
        stream.send(&EntryRequest::Reveal { nonce }).await?;
        let verdict = show(words(host, self.installation.public(), host_nonce, nonce));
        timeout(WORDS_TIMEOUT, self.await_people(stream, verdict, host))
            .await
            .map_err(|_| ConnectionError::Timeout)?
    }

    /// Waits for both people, in any order. The host learns the name, and then more, only
    /// after the person here has accepted the words.
    async fn await_people<R: Reader, W: Writer>(
        &mut self,
        stream: &mut EntryStream<'_, R, W>,
        mut verdict: oneshot::Receiver<bool>,
        host: PublicKey,
    ) -> Result<(), ConnectionError> {
        let (mut accepted, mut admitted) = (false, false);
        while !(accepted && admitted) {
            tokio::select! {
                is_same = &mut verdict, if !accepted => {
                    if is_same != Ok(true) {
                        return Err(ConnectionError::WordsDeclined);
                    }
                    accepted = true;
                    self.keep(host, Installation::pin);
                    if !admitted {
                        let name = self.name.clone();
                        stream.send(&EntryRequest::Introduce { name }).await?;
                    }
                }
                reply = stream.reply() => match reply? {
                    EntryReply::Admitted if !admitted => admitted = true,
                    _ => return Err(unexpected()),
                }
            }
        }
        Ok(())
    }

    /// Begins to keep `host` with its labels, for every program of this installation.
    fn keep(
        &mut self,
        host: PublicKey,
        keep: fn(&Installation, PublicKey, &HostLabels) -> io::Result<()>,
    ) {
        let (installation, labels) = (self.installation.clone(), self.labels.clone());
        self.keeping = Some(spawn_blocking(move || {
            if let Err(error) = keep(&installation, host, &labels) {
                warn!(%error, "the key of the host cannot be kept");
            }
        }));
    }
}

impl<R: Reader, W: Writer> EntryStream<'_, R, W> {
    /// Message 2 of the channel.
    ///
    /// # Errors
    /// What the host says in clear instead: nothing proves that it was the host.
    async fn message_2(&mut self) -> Result<Vec<u8>, ConnectionError> {
        let reading = async {
            let reader = self.frames.reader_mut();
            let mut length = [0; 2];
            reader.read_exact(&mut length).await.map_err(ended)?;
            if length == [0, 0] {
                reader.put_back(&length);
                return Err(self.plain_refusal().await);
            }
            reader.message_of(length, REPLY_LENGTH).await.map_err(ended)
        };
        timeout(ANSWER_TIMEOUT, reading).await.map_err(|_| ConnectionError::Timeout)?
    }

    async fn plain_refusal(&mut self) -> ConnectionError {
        match self.reply().await {
            Err(ConnectionError::Host(ProtocolError::FrameTooLong { .. })) => {
                ConnectionError::NoEncryption
            }
            Err(ConnectionError::Host(error)) => ConnectionError::Unverified(error),
            Ok(_) | Err(ConnectionError::Malformed(_)) => ChannelError::Malformed.into(),
            Err(lost) => lost,
        }
    }

    async fn send(&mut self, request: &EntryRequest) -> Result<(), ConnectionError> {
        let mut buffer = Vec::new();
        encode_own(Codec::Json, request, &mut buffer)?;
        write_flushed(self.writer, &buffer).await
    }

    /// The answer of a program.
    async fn answer(&mut self) -> Result<EntryReply, ConnectionError> {
        timeout(ANSWER_TIMEOUT, self.reply()).await.map_err(|_| ConnectionError::Timeout)?
    }

    /// The next reply. Cancel safe.
    ///
    /// # Errors
    /// If it is an error of the host, or none comes.
    async fn reply(&mut self) -> Result<EntryReply, ConnectionError> {
        let payload = self.frames.next().await?.ok_or(ConnectionError::Closed)?;
        match framing::decode(Codec::Json, &payload) {
            Ok(EntryReply::Error(error)) => Err(ConnectionError::Host(error)),
            Ok(reply) => Ok(reply),
            Err(error) => Err(ConnectionError::Malformed(error.detail())),
        }
    }
}

/// The error of a handshake message that does not arrive.
fn ended(error: io::Error) -> ConnectionError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => ConnectionError::Closed,
        _ => error.into(),
    }
}

fn unexpected() -> ConnectionError {
    ConnectionError::Malformed("it does not answer what it was asked".into())
}
