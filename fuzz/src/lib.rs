//! The checks that the fuzz targets make. Each target hands its input to one of
//! them; a panic is a finding.
//!
//! CONTRIBUTING.md says how to run the targets and how to refresh the corpus.

mod conversation;

use std::{fmt::Debug, fs, path::PathBuf, sync::LazyLock};

use imbolc_net::{
    ClientMessage, Model as _, ServerMessage,
    projects::Store,
    protocol::{
        entry::{EntryReply, EntryRequest},
        framing::{self, Codec, Compression, Format},
        limits,
    },
    security::{Entry, Initiator, PrivateKey, Responder},
    studio::{ProjectFailure, ProjectName, Studio, StudioState},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::json;

pub use conversation::{NO_TOKEN, converse, hello, transmit};

/// Decodes a payload as a client's message, or in JSON as one of a client that is not
/// admitted yet. If it is one, it must survive being encoded and decoded once more, in
/// both codecs.
///
/// # Panics
/// If it does not.
pub fn decode_client_message(codec: Codec, payload: &[u8]) {
    decode_and_round_trip::<ClientMessage>(codec, payload);
    if codec == Codec::Json {
        decode_and_round_trip::<EntryRequest>(codec, payload);
    }
}

/// As [`decode_client_message`], for a message of the authority.
///
/// # Panics
/// If it does not survive.
pub fn decode_server_message(codec: Codec, payload: &[u8]) {
    decode_and_round_trip::<ServerMessage>(codec, payload);
    if codec == Codec::Json {
        decode_and_round_trip::<EntryReply>(codec, payload);
    }
}

// Only the functions above use it, so that it is compiled here and not in each target.
fn decode_and_round_trip<T>(codec: Codec, payload: &[u8])
where
    T: Serialize + DeserializeOwned + PartialEq + Debug,
{
    let Ok(message) = framing::decode::<T>(codec, payload) else {
        // The fallbacks for payloads that are no message read the same bytes.
        let _ = framing::unreadable_action(codec, payload);
        let _ = framing::protocol_version(payload);
        return;
    };
    for codec in Codec::ALL {
        let mut frame = Vec::new();
        framing::encode(codec, &message, &mut frame).expect("what was decoded can be encoded");
        let mut payloads = conversation::payloads(&frame);
        let payload = payloads.next().expect("the length is that of the payload");
        assert_eq!(Codec::of(payload), codec, "a payload tells its codec");
        let again: T = framing::decode(codec, payload).expect("what was encoded can be decoded");
        assert_eq!(again, message);
    }
}

/// Expands the frames in `stream`, within the limit that holds for a client's
/// frames.
///
/// # Panics
/// If more comes out than the limit allows.
pub fn expand(stream: &[u8]) {
    for payload in conversation::payloads(stream) {
        if let Ok(plain) = framing::expand(payload, limits::CLIENT_FRAME) {
            assert!(plain.len() <= limits::CLIENT_FRAME.max(payload.len()));
        }
    }
}

/// Compresses text that is long enough, and expands it again.
///
/// # Panics
/// If something else comes out.
pub fn compress_and_expand(text: &str) {
    if text.is_empty() {
        return;
    }
    let text = text.repeat(limits::COMPRESSED_FROM / text.len() + 1);
    for codec in Codec::ALL {
        let mut frame = Vec::new();
        let format = Format { codec, compression: Some(Compression::Lz4) };
        format.encode(&text, &mut frame).expect("text can be encoded");
        let mut payloads = conversation::payloads(&frame);
        let payload = payloads.next().expect("the length is that of the payload");
        let plain = framing::expand(payload, limits::SERVER_FRAME).expect("it expands");
        assert_eq!(framing::decode::<String>(codec, &plain).expect("it decodes"), text);
    }
}

/// Hands `input` to each step of the encrypted channel, and sends it through one.
///
/// # Panics
/// If it passes for a message that the other side has made, or arrives changed.
pub fn tamper(input: &[u8]) {
    let (client_key, host_key) = (PrivateKey::new([1; 32]), PrivateKey::new([2; 32]));
    if let Ok(host) = Responder::read_opening(&host_key, input) {
        host.reply(Entry::Ask).expect("what passes for an opening is answered");
    }
    let begin = || Initiator::new(&client_key).expect("random numbers");
    assert!(begin().0.read_reply(input).is_err());

    let answer = || {
        let (client, opening) = begin();
        let host = Responder::read_opening(&host_key, &opening[2..]).expect("an opening");
        let (reply, host) = host.reply(Entry::Ask).expect("random numbers");
        let (finish, client) = client
            .read_reply(&reply[2..])
            .and_then(imbolc_net::security::channel::Answered::finish)
            .expect("the host has answered");
        (host, finish, client)
    };
    assert!(answer().0.finish(input).is_err());

    let (host, finish, mut client) = answer();
    let mut host = host.finish(&finish[2..]).expect("the client has answered");
    client.sealer.set_chunk(input.first().copied().unwrap_or_default().into());
    let mut sealed = Vec::new();
    client.sealer.seal(input, &mut sealed).expect("there are numbers left");
    let (mut rest, mut opened) = (&sealed[..], Vec::new());
    while let Some((length, messages)) = rest.split_first_chunk() {
        let (message, after) = messages.split_at(u16::from_be_bytes(*length).into());
        let mut plain = [0; 256];
        let length = host.opener.open(message, &mut plain).expect("it was sealed");
        opened.extend_from_slice(&plain[..length]);
        rest = after;
    }
    assert_eq!(opened, input);
    assert!(host.opener.open(input, &mut vec![0; input.len()]).is_err());
}

/// A directory of this process, for one file that is written over and over.
static DIRECTORY: LazyLock<PathBuf> =
    LazyLock::new(|| std::env::temp_dir().join(format!("imbolc-fuzz-{}", std::process::id())));

/// Loads a project file. If it holds a state, that state must survive being
/// written and loaded once more.
///
/// # Panics
/// If it does not, or if the temporary directory cannot be written to.
pub fn load_project(document: &[u8]) {
    let Ok(state) = load(document) else { return };
    let document = project(&state);
    assert_eq!(load(&document).expect("what was written can be loaded"), state);
}

fn load(document: &[u8]) -> Result<StudioState, ProjectFailure> {
    let store = Store::open(&DIRECTORY).expect("the temporary directory");
    let name = ProjectName::new("fuzz").expect("a name");
    fs::write(DIRECTORY.join("fuzz.imbolc.json"), document).expect("a temporary file");
    store.load(&name)
}

/// A project file, without the delays of one that must outlive a power failure.
///
/// # Panics
/// Never: every state can be written.
#[must_use]
pub fn project(state: &StudioState) -> Vec<u8> {
    let document =
        json!({ "format": "imbolc-net project", "version": Studio::VERSION, "studio": state });
    serde_json::to_vec(&document).expect("a state can be written")
}
