//! Writes the inputs that fuzzing starts from into fuzz/corpus: the golden files,
//! some handshakes, and a project. Run it from the root of the repository:
//! `cargo run --manifest-path fuzz/Cargo.toml --example seed`

use std::{
    error::Error,
    fs, iter,
    path::{Path, PathBuf},
};

use imbolc_fuzz::{hello, project};
use imbolc_net::{
    security::{Entry, Initiator, PrivateKey, Responder},
    studio::StudioState,
};
use serde_json::{Value, json};

type Outcome = Result<(), Box<dyn Error>>;

fn main() -> Outcome {
    for side in ["client", "server"] {
        for entry in fs::read_dir(Path::new("tests/golden").join(side))? {
            seed_message(side, &entry?.path())?;
        }
    }
    write("frames", "stream", &stream()?)?;
    write("handshake", "join", &hello("Ana"))?;
    write("handshake", "conversation", &conversation()?)?;
    write("handshake", "resume", &resume()?)?;
    seed_channel()?;
    write("project", "default", &project(&StudioState::default()))?;
    write("project", "starter", &project(&StudioState::starter()))
}

fn seed_message(side: &str, golden: &Path) -> Outcome {
    let name = golden.file_stem().and_then(|name| name.to_str()).ok_or("a file has a name")?;
    let text = fs::read_to_string(golden)?;
    if golden.extension().is_some_and(|extension| extension == "json") {
        return write(&format!("{side}_json"), name, text.as_bytes());
    }
    let payload = from_hex(&text)?;
    write(&format!("{side}_postcard"), name, &payload)?;
    write("frames", &format!("{side}-{name}"), &frame(&payload)?)
}

/// Everything that a client says in the golden files, after one handshake. The
/// actions are numbered anew, from 1.
fn conversation() -> Result<Vec<u8>, Box<dyn Error>> {
    let mut messages = Vec::new();
    for entry in fs::read_dir("tests/golden/client")? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            let message: Value = serde_json::from_slice(&fs::read(&path)?)?;
            if message.get("Hello").is_none() && message != "Goodbye" {
                messages.push(message);
            }
        }
    }
    // What it owns, it may edit.
    messages
        .sort_by_key(|message| (message.get("RequestOwnership").is_none(), message.to_string()));
    let numbers = messages
        .iter_mut()
        .filter_map(|message| message.as_object_mut()?.values_mut().next()?.get_mut("number"));
    for (number, at) in (1..).zip(numbers) {
        *at = json!(number);
    }
    let lines = messages.iter().map(|message| message.to_string().into_bytes());
    Ok(iter::once(hello("Ana")).chain(lines).collect::<Vec<_>>().join(&b'\n'))
}

/// A client that joins, and speaks Postcard from then on.
fn stream() -> Result<Vec<u8>, Box<dyn Error>> {
    let mut hello: Value = serde_json::from_slice(&hello("Ana"))?;
    hello["Hello"]["codecs"] = json!(["postcard"]);
    hello["Hello"]["compression"] = json!(["lz4"]);
    let mut stream = frame(&serde_json::to_vec(&hello)?)?;
    for name in ["RequestFullSync", "RequestOwnership", "Ping", "Goodbye"] {
        let golden = fs::read_to_string(format!("tests/golden/client/{name}.postcard"))?;
        stream.extend(frame(&from_hex(&golden)?)?);
    }
    Ok(stream)
}

/// The three messages of one handshake, and a sealed one.
fn seed_channel() -> Outcome {
    let (client_key, host_key) = (PrivateKey::new([1; 32]), PrivateKey::new([2; 32]));
    let (client, opening) = Initiator::new(&client_key)?;
    let (reply, _) = Responder::read_opening(&host_key, &opening[2..])?.reply(Entry::Ask)?;
    let (finish, mut client) = client.read_reply(&reply[2..])?.finish()?;
    let mut sealed = Vec::new();
    client.sealer.seal(b"a", &mut sealed)?;
    let messages = [("opening", opening), ("reply", reply), ("finish", finish), ("sealed", sealed)];
    messages.iter().try_for_each(|(name, message)| write("channel", name, &message[2..]))
}

fn frame(payload: &[u8]) -> Result<Vec<u8>, Box<dyn Error>> {
    Ok([&u32::try_from(payload.len())?.to_be_bytes(), payload].concat())
}

/// A client that joins, is cut off, resumes, and leaves.
fn resume() -> Result<Vec<u8>, Box<dyn Error>> {
    let resume = json!({ "token": "0".repeat(32), "seq": 1, "answered": 0 });
    let mut again: Value = serde_json::from_slice(&hello("Ana"))?;
    again["Hello"]["resume"] = resume;
    let again = serde_json::to_vec(&again)?;
    let ping = b"{\"Ping\":{\"nonce\":1}}".to_vec();
    Ok([hello("Ana"), ping, vec![], again, b"\"Goodbye\"".to_vec()].join(&b'\n'))
}

fn from_hex(text: &str) -> Result<Vec<u8>, Box<dyn Error>> {
    let digits: String = text.split_whitespace().collect();
    let byte = |pair: &[u8]| Ok(u8::from_str_radix(str::from_utf8(pair)?, 16)?);
    digits.as_bytes().chunks(2).map(byte).collect()
}

fn write(target: &str, name: &str, input: &[u8]) -> Outcome {
    let directory: PathBuf = ["fuzz", "corpus", target].iter().collect();
    fs::create_dir_all(&directory)?;
    Ok(fs::write(directory.join(name), input)?)
}
