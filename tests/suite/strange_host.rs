//! A host that answers with every message there is, with a text in it that would control
//! a terminal or begin a line of its own in a log.
//!
//! It knows the golden messages and frames, never the program that joins it.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    thread,
    time::Duration,
};

use imbolc_net::security::{Entry, PrivateKey, Responder, Sealer, channel::FINISH_LENGTH};
use serde_json::Value;

/// A title for the window, a line break and a change of the writing direction.
const TRICK: &str = "\u{1b}]0;x\u{7}\r\nFORGED \u{202e}\u{9b}2J";

/// Whether a program has printed a part of [`TRICK`] that it must not.
pub fn is_tricked(printed: &str) -> bool {
    let controls = ["\u{1b}]0;x", "\u{7}", "\u{202e}", "\u{9b}"];
    controls.iter().any(|control| printed.contains(control))
        || printed.lines().any(|line| line.trim_start_matches('\r').starts_with("FORGED"))
}

/// Every golden message of a host, with the trick in the place of each of its texts in turn,
/// of those in a whole state only once.
pub fn messages(golden: &Path) -> Vec<Value> {
    let mut all = vec![serde_json::json!({ TRICK: null })];
    let files = fs::read_dir(golden).expect("the golden messages");
    let mut files: Vec<_> = files.map(|file| file.expect("a file").path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    for file in files {
        let text = fs::read_to_string(&file).expect("text");
        let message: Value = serde_json::from_str(&text).expect("JSON");
        let mut places = Vec::new();
        find_texts(&message, &mut String::new(), &mut places);
        let mut studio = false;
        places.retain(|place| !place.contains("/model/") || !std::mem::replace(&mut studio, true));
        for place in places {
            let mut tricky = message.clone();
            *tricky.pointer_mut(&place).expect("it was found") = TRICK.into();
            all.push(tricky);
        }
    }
    all
}

fn find_texts(value: &Value, place: &mut String, places: &mut Vec<String>) {
    let length = place.len();
    let mut inside = |key: &str, value: &Value, place: &mut String| {
        place.push('/');
        place.push_str(key);
        find_texts(value, place, places);
        place.truncate(length);
    };
    match value {
        Value::String(_) => places.push(place.clone()),
        Value::Array(values) => {
            (0..)
                .zip(values)
                .for_each(|(at, value): (usize, _)| inside(&at.to_string(), value, place));
        }
        Value::Object(fields) => {
            fields.iter().for_each(|(key, value)| inside(key, value, place));
        }
        _ => {}
    }
}

/// Answers one connection after the other with the next of `messages`, and returns the
/// address. A message that does not belong to the handshake follows a good `Welcome`.
pub fn start(golden: &Path, messages: Vec<Value>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its number");
    let welcome = fs::read(golden.join("Welcome.json")).expect("a golden message");
    thread::spawn(move || {
        for message in messages {
            let (stream, _) = listener.accept().expect("the program joins");
            // The program may have ended.
            let _ = serve(stream, &welcome, &message);
        }
    });
    address
}

fn serve(mut stream: TcpStream, welcome: &[u8], message: &Value) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_millis(300)))?;
    let name = message.as_object().and_then(|fields| fields.keys().next());
    let is = |names: &[&str]| name.is_some_and(|name| names.contains(&&**name));
    let mut first = [0; 2];
    stream.read_exact(&mut first)?;
    let mut sealer = match u16::from_be_bytes(first) {
        0 => {
            let mut length = [0; 2];
            stream.read_exact(&mut length)?;
            stream.read_exact(&mut vec![0; u16::from_be_bytes(length).into()])?;
            None
        }
        length => {
            let mut opening = vec![0; length.into()];
            stream.read_exact(&mut opening)?;
            // An error comes in clear, and anyone in the network can send it.
            if is(&["Error"]) { None } else { Some(open_channel(&mut stream, &opening)?) }
        }
    };
    let mut to = stream.try_clone()?;
    let mut send = |payload: &[u8]| {
        let length = u32::try_from(payload.len()).expect("short").to_be_bytes();
        let frame = [&length[..], payload].concat();
        let mut sealed = Vec::new();
        match &mut sealer {
            Some(sealer) => sealer.seal(&frame, &mut sealed).expect("few messages"),
            None => sealed = frame,
        }
        to.write_all(&sealed)
    };
    if !is(&["Welcome", "ReconnectSuccessful", "ReconnectFailed", "Error"]) {
        send(welcome)?;
    }
    send(message.to_string().as_bytes())?;
    // Until the program has shown it, and leaves.
    let _ = stream.read_to_end(&mut Vec::new());
    send(b"\"Shutdown\"")
}

fn open_channel(stream: &mut TcpStream, opening: &[u8]) -> std::io::Result<Sealer> {
    let key = PrivateKey::new([1; 32]);
    let responder = Responder::read_opening(&key, opening).expect("an opening");
    let (reply, replied) = responder.reply(Entry::Open).expect("random numbers");
    stream.write_all(&reply)?;
    let mut finish = [0; 2 + FINISH_LENGTH];
    stream.read_exact(&mut finish)?;
    Ok(replied.finish(&finish[2..]).expect("message 3").sealer)
}
