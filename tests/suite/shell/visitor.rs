//! A client of the encrypted channel that sends only what a test tells it to send, and a
//! listener whose connections come from the addresses that a test chooses.

use std::{io, net::SocketAddr};

use imbolc_net::{
    authority::inline,
    protocol::{
        ClientMessage, EntryRefusal, ProtocolError, ServerMessage,
        entry::{EntryReply, EntryRequest},
        framing::{self, Codec},
    },
    security::{
        Channel, CodeRun, Entry, Initiator, JoinCode, PrivateKey, PublicKey, Words, WordsNonce,
        join_code::CodeProof, words,
    },
    server::{HostDispatcher, HostOptions},
    studio::{SilentEngine, Studio, StudioState},
    transport::Listener,
};
use serde::Serialize;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf},
    sync::mpsc,
};

/// Accepts what a test connects.
pub struct AddressedListener(mpsc::UnboundedReceiver<(DuplexStream, SocketAddr)>);

impl Listener for AddressedListener {
    type Reader = ReadHalf<DuplexStream>;
    type Writer = WriteHalf<DuplexStream>;

    async fn accept(&mut self) -> io::Result<(Self::Reader, Self::Writer, Option<SocketAddr>)> {
        match self.0.recv().await {
            Some((stream, peer)) => {
                let (reader, writer) = tokio::io::split(stream);
                Ok((reader, writer, Some(peer)))
            }
            None => std::future::pending().await,
        }
    }

    fn address(&self) -> Option<SocketAddr> {
        None
    }
}

/// A network of which a host is part.
#[derive(Clone)]
pub struct Lan(mpsc::UnboundedSender<(DuplexStream, SocketAddr)>);

/// A network, and where its host listens.
pub fn lan() -> (Lan, AddressedListener) {
    let (sender, receiver) = mpsc::unbounded_channel();
    (Lan(sender), AddressedListener(receiver))
}

/// A host, and the network in which it is.
pub fn host_on_a_lan(options: HostOptions) -> (HostDispatcher, Lan) {
    let (lan, listener) = lan();
    let (model, engine) = (StudioState::starter(), inline(SilentEngine::default));
    (HostDispatcher::open("host", model, engine, listener, options).unwrap(), lan)
}

impl Lan {
    /// Connects from `ip`.
    pub fn connect(&self, ip: [u8; 4]) -> DuplexStream {
        self.connect_by(ip, 64 * 1024)
    }

    /// Connects from `ip`, with room for so many bytes in each direction.
    pub fn connect_by(&self, ip: [u8; 4], pipe: usize) -> DuplexStream {
        let (mine, theirs) = tokio::io::duplex(pipe);
        self.0.send((theirs, (ip, 5000).into())).unwrap();
        mine
    }
}

/// The key of a client.
pub fn key(seed: u8) -> PrivateKey {
    PrivateKey::new([seed; 32])
}

/// The next message of the handshake.
pub async fn read_message(stream: &mut DuplexStream) -> Option<Vec<u8>> {
    let length = stream.read_u16().await.ok()?;
    let mut message = vec![0; usize::from(length)];
    stream.read_exact(&mut message).await.ok()?;
    Some(message)
}

/// A client whose channel is open.
pub struct Visitor {
    pub stream: DuplexStream,
    pub channel: Channel,
    pub own: PublicKey,
    pub entry: Entry,
    /// What was opened and not read yet.
    opened: Vec<u8>,
}

impl Visitor {
    /// Opens a channel as the client of `seed`, at another address for each seed.
    pub async fn connect(lan: &Lan, seed: u8) -> Self {
        Self::connect_from(lan, [192, 0, 2, seed], seed).await
    }

    pub async fn connect_from(lan: &Lan, ip: [u8; 4], seed: u8) -> Self {
        Self::open(lan.connect(ip), seed).await.expect("the host opens the channel")
    }

    /// `None` if the host closes the connection.
    pub async fn open(mut stream: DuplexStream, seed: u8) -> Option<Self> {
        let (initiator, opening) = Initiator::new(&key(seed)).unwrap();
        stream.write_all(&opening).await.ok()?;
        let answered = initiator.read_reply(&read_message(&mut stream).await?).unwrap();
        let entry = answered.entry;
        let (message, channel) = answered.finish().unwrap();
        stream.write_all(&message).await.ok()?;
        Some(Self::of(stream, channel, key(seed).public(), entry))
    }

    /// A client whose channel is open already.
    pub fn of(stream: DuplexStream, channel: Channel, own: PublicKey, entry: Entry) -> Self {
        Self { stream, channel, own, entry, opened: Vec::new() }
    }

    pub async fn send(&mut self, message: &impl Serialize) {
        let (mut frame, mut sealed) = (Vec::new(), Vec::new());
        framing::encode(Codec::Json, message, &mut frame).unwrap();
        self.channel.sealer.seal(&frame, &mut sealed).unwrap();
        // The host may have closed it.
        let _ = self.stream.write_all(&sealed).await;
    }

    /// The payload of the next frame; `None` when the connection has ended.
    async fn receive_payload(&mut self) -> Option<Vec<u8>> {
        loop {
            if let Some((length, rest)) = self.opened.split_first_chunk() {
                let length = u32::from_be_bytes(*length) as usize;
                if rest.len() >= length {
                    let payload = rest[..length].to_vec();
                    self.opened.drain(..4 + length);
                    return Some(payload);
                }
            }
            let message = read_message(&mut self.stream).await?;
            let mut plain = vec![0; message.len()];
            let opened = self.channel.opener.open(&message, &mut plain).expect("it opens");
            self.opened.extend_from_slice(&plain[..opened]);
        }
    }

    pub async fn reply(&mut self) -> Option<EntryReply> {
        let payload = self.receive_payload().await?;
        Some(framing::decode(Codec::Json, &payload).unwrap())
    }

    pub async fn receive(&mut self) -> Option<ServerMessage> {
        let payload = self.receive_payload().await?;
        Some(framing::decode(Codec::Json, &payload).unwrap())
    }

    /// Why the host refuses it.
    pub async fn refusal(&mut self) -> EntryRefusal {
        match self.receive().await {
            Some(ServerMessage::Error(ProtocolError::NotAdmitted(reason))) => reason,
            other => panic!("{other:?}"),
        }
    }

    /// Sends a request that is refused.
    pub async fn refused(&mut self, request: &EntryRequest) -> EntryRefusal {
        self.send(request).await;
        let reason = self.refusal().await;
        assert_eq!(self.receive().await, None, "it is closed");
        reason
    }

    /// Says something in the session: only then the host keeps its place.
    pub async fn speak(&mut self) {
        self.send(&ClientMessage::<Studio>::Ping { nonce: 1 }).await;
    }

    /// Joins by its `Hello`, and returns the name that it has got.
    pub async fn join(&mut self, name: &str) -> String {
        self.send(&EntryRequest::Hello(keyed_hello(name))).await;
        match self.receive().await {
            Some(ServerMessage::Welcome(welcome)) => {
                assert_eq!(welcome.token, None, "a key needs no token");
                welcome.name
            }
            other => panic!("{other:?}"),
        }
    }

    /// Begins a run of the code: up to the host's element.
    pub async fn begin_code(&mut self, code: &str) -> CodeProof {
        let code = JoinCode::parse(code).unwrap();
        let (run, element) = CodeRun::joiner(&code, self.own, self.channel.peer);
        self.send(&EntryRequest::ProveCode { element }).await;
        let Some(EntryReply::CodeElement { element }) = self.reply().await else {
            panic!("no element");
        };
        run.finish(&element, &self.channel.hash).unwrap()
    }

    /// Enters by the code.
    pub async fn prove_code(&mut self, code: &str) {
        let proof = self.begin_code(code).await;
        self.send(&EntryRequest::ConfirmCode { mac: proof.own() }).await;
        let Some(EntryReply::CodeConfirmed { mac }) = self.reply().await else {
            panic!("not confirmed");
        };
        assert!(proof.verify(&mac));
    }

    /// Asks, up to the words.
    pub async fn ask(&mut self) -> Words {
        let nonce = WordsNonce::new([9; 32]);
        let commitment = nonce.commitment(&self.channel.hash);
        self.send(&EntryRequest::Ask { commitment }).await;
        let theirs = match self.reply().await {
            Some(EntryReply::Nonce { nonce }) => nonce,
            other => panic!("{other:?}"),
        };
        self.send(&EntryRequest::Reveal { nonce }).await;
        words(self.channel.peer, self.own, theirs, nonce)
    }

    pub async fn introduce(&mut self, name: &str) {
        self.send(&EntryRequest::Introduce { name: name.into() }).await;
    }
}

pub fn keyed_hello(name: &str) -> imbolc_net::protocol::Hello {
    use imbolc_net::protocol::{Hello, InstanceId};

    let instance = Some(InstanceId::new([1; 16]));
    Hello { instance, ..crate::harness::hello(name) }
}
