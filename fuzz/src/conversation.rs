//! Connections to a host over the in-memory transport, on virtual time.

use std::{iter, time::Duration};

use imbolc_net::{
    ClientMessage, HostDispatcher, Model as _, ServerMessage,
    authority::inline,
    model::NoEngine,
    protocol::{
        Hello, PROTOCOL_VERSION, Role,
        framing::{self, Codec},
        limits,
    },
    server::HostOptions,
    studio::{Studio, StudioState},
    transport::{Connector as _, MemoryConnector, in_memory},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    runtime,
    time::{sleep, timeout},
};

/// Stands in an input for the token of the last answer, which no input can know.
pub const NO_TOKEN: &[u8; 32] = b"00000000000000000000000000000000";

/// Connections of one input. There must be room for one more participant.
const MAX_CONNECTIONS: usize = 8;

/// Virtual time after which a host that still owes an answer has hung.
const PATIENCE: Duration = Duration::from_mins(10);

/// Sends `lines` to a new host: each line is the payload of a frame, and an empty
/// line ends a connection.
///
/// # Panics
/// As [`host`].
pub fn converse(lines: &[u8]) {
    host(async |connector| {
        let mut token = *NO_TOKEN;
        let mut lines = lines.split(|byte| *byte == b'\n').peekable();
        for _ in 0..MAX_CONNECTIONS {
            if lines.peek().is_none() {
                break;
            }
            let frames = lines.by_ref().take_while(|line| !line.is_empty());
            let stream: Vec<u8> = frames.flat_map(|line| frame(line, token)).collect();
            let answers = exchange(connector, &stream).await;
            token = answers.iter().find_map(token_in).unwrap_or(token);
        }
    });
}

/// Sends `stream` to a new host as it is, lengths included.
///
/// # Panics
/// As [`host`].
pub fn transmit(stream: &[u8]) {
    host(async |connector| {
        exchange(connector, stream).await;
    });
}

/// Has `act` connect to a new host. Whatever it sends, the host must end each
/// connection, every complete answer must be a message, and a well-behaved client
/// must be welcome afterwards.
///
/// # Panics
/// If that is not so.
fn host(act: impl AsyncFnOnce(&MemoryConnector)) {
    let runtime = runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let (listener, connector) = in_memory();
        let (model, options) = (StudioState::starter(), HostOptions::default());
        let host =
            HostDispatcher::<Studio>::open("host", model, inline(|| NoEngine), listener, options)
                .expect("a host");
        act(&connector).await;
        let welcome = exchange(&connector, &frame(&hello("fuzz"), *NO_TOKEN)).await;
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
        attempt: 0,
        checks_digests: false,
        role: Role::default(),
        instance: None,
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
    let (mut reader, mut writer, _) = connector.connect().await.expect("the host accepts");
    let mut answers = Vec::new();
    let send = async {
        // The host may close the connection before it has read everything.
        let _ = writer.write_all(stream).await;
        // A client whose sending side is closed is not admitted. The clock is paused, so
        // the host has read everything by then.
        sleep(Duration::from_secs(1)).await;
        let _ = writer.shutdown().await;
    };
    let receive = reader.read_to_end(&mut answers);
    let ((), received) =
        timeout(PATIENCE, async { tokio::join!(send, receive) }).await.expect("the host answers");
    received.expect("reading from memory succeeds");
    decode(&answers)
}

/// The messages in what a host sent. The last frame may have been cut short.
fn decode(answers: &[u8]) -> Vec<ServerMessage> {
    let decode = |payload| {
        let plain = framing::expand(payload, limits::SERVER_FRAME).expect("it expands");
        framing::decode(Codec::of(&plain), &plain).expect("an answer decodes")
    };
    payloads(answers).map(decode).collect()
}

/// The payloads of the frames in `stream`, as far as it goes.
pub fn payloads(mut stream: &[u8]) -> impl Iterator<Item = &[u8]> {
    iter::from_fn(move || {
        let (length, rest) = stream.split_first_chunk()?;
        let (payload, rest) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        stream = rest;
        Some(payload)
    })
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
