//! Connections to a host over the in-memory transport, on virtual time.

use std::time::Duration;

use bytes::BytesMut;
use imbolc_net::{
    ClientMessage, ServerMessage,
    config::limits,
    dispatcher::{HostDispatcher, HostOptions},
    engine::NoEngine,
    framing::{self, Codec},
    model::Model as _,
    protocol::{Hello, PROTOCOL_VERSION},
    studio::{Studio, StudioState},
    transport::{Connector as _, MemoryConnector, in_memory},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    runtime,
    time::timeout,
};
use tokio_util::codec::Decoder as _;

/// Stands in an input for the token of the last answer, which no input can know.
pub const NO_TOKEN: &[u8; 32] = b"00000000000000000000000000000000";

/// Connections of one input. There must be room for one more participant.
const MAX_CONNECTIONS: usize = 8;

/// Virtual time after which a host that still owes an answer has hung.
const PATIENCE: Duration = Duration::from_mins(10);

/// Sends `lines` to a new host: each line is the payload of a frame, and an empty
/// line ends a connection. Whatever they say, every complete answer must be a
/// message, each connection must end, and a well-behaved client must be welcome
/// afterwards.
///
/// # Panics
/// If that is not so.
pub fn converse(lines: &[u8]) {
    let runtime = runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let (listener, connector) = in_memory();
        let model = StudioState::starter();
        let options = HostOptions::default();
        let host = HostDispatcher::<Studio>::open("host", model, NoEngine, listener, options)
            .expect("a host");
        let mut token = *NO_TOKEN;
        let mut lines = lines.split(|byte| *byte == b'\n').peekable();
        for _ in 0..MAX_CONNECTIONS {
            if lines.peek().is_none() {
                break;
            }
            let frames = lines.by_ref().take_while(|line| !line.is_empty());
            let stream: Vec<u8> = frames.flat_map(|line| frame(line, token)).collect();
            let answers = exchange(&connector, &stream).await;
            token = answers.iter().find_map(token_in).unwrap_or(token);
        }
        let welcome = exchange(&connector, &frame(&hello("fuzz"), token)).await;
        assert!(matches!(welcome[..], [ServerMessage::Welcome(_), ..]), "{welcome:?}");
        drop(host);
    });
}

/// The handshake of a client that does everything right.
///
/// # Panics
/// Never: it can be encoded.
#[must_use]
pub fn hello(name: &str) -> Vec<u8> {
    let hello = ClientMessage::<Studio>::Hello(Hello {
        protocol: PROTOCOL_VERSION,
        model: Studio::NAME.into(),
        model_version: Studio::VERSION,
        name: name.into(),
        own: vec![],
        privilege: false,
        codecs: vec![],
        compression: vec![],
        resume: None,
    });
    serde_json::to_vec(&hello).expect("a Hello can be encoded")
}

/// A frame with `payload`, in which `token` replaces [`NO_TOKEN`].
fn frame(payload: &[u8], token: [u8; 32]) -> Vec<u8> {
    let mut frame = u32::try_from(payload.len()).expect("a short line").to_be_bytes().to_vec();
    frame.extend_from_slice(payload);
    if let Some(at) = frame.windows(NO_TOKEN.len()).position(|window| window == NO_TOKEN) {
        frame[at..at + token.len()].copy_from_slice(&token);
    }
    frame
}

/// Sends `stream` on a new connection, ends it, and returns the answers.
async fn exchange(connector: &MemoryConnector, stream: &[u8]) -> Vec<ServerMessage> {
    let (mut reader, mut writer) = connector.connect().await.expect("the host accepts");
    let mut answers = Vec::new();
    let send = async {
        // The host may close the connection before it has read everything.
        let _ = writer.write_all(stream).await;
        let _ = writer.shutdown().await;
    };
    let receive = reader.read_to_end(&mut answers);
    let (_, received) =
        timeout(PATIENCE, async { tokio::join!(send, receive) }).await.expect("the host answers");
    received.expect("reading from memory succeeds");
    decode(&answers)
}

/// The messages in what a host sent. The last frame may have been cut short.
fn decode(answers: &[u8]) -> Vec<ServerMessage> {
    let mut splitter = framing::splitter(limits::SERVER_FRAME);
    let mut buffer = BytesMut::from(answers);
    let mut messages = Vec::new();
    while let Some(payload) = splitter.decode(&mut buffer).expect("no frame is too long") {
        let plain = framing::expand(&payload, limits::SERVER_FRAME).expect("it expands");
        messages.push(framing::decode(Codec::of(&plain), &plain).expect("an answer decodes"));
    }
    messages
}

fn token_in(answer: &ServerMessage) -> Option<[u8; 32]> {
    let token = match answer {
        ServerMessage::Welcome(welcome) => welcome.token,
        ServerMessage::ReconnectSuccessful(reconnected) => reconnected.token,
        _ => return None,
    };
    let text = serde_json::to_value(token).expect("a token can be encoded");
    text.as_str()?.as_bytes().try_into().ok()
}
