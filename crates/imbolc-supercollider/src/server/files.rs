//! Files that were asked for, and whether the server has them.
//!
//! One file is looked up at a time, by a thread of its own: to read it takes as long as the
//! disk takes.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use imbolc_net::studio::{Content, ContentHash, Name};
use rosc::{OscMessage, OscPacket, OscType};

use super::{BUFFERS, ServerEvent};
use crate::{
    commands,
    output::Buffer,
    samples::{BadSound, SoundFile, find_sound},
};

/// A file that is not there is looked for again after this time.
const AGAIN: Duration = Duration::from_secs(3);

/// One that is there, but cannot be used, is read again after this time.
const READ_AGAIN: Duration = Duration::from_secs(30);

/// What the server does not read within this time, it does not read.
const READING: Duration = Duration::from_secs(60);

/// Files that were asked for.
#[derive(Debug, Default)]
pub(super) struct Files {
    directory: Option<PathBuf>,
    wanted: BTreeMap<Key, Wanted>,
}

/// Two names of one content are two files.
type Key = (ContentHash, Name);

#[derive(Debug)]
struct Wanted {
    number: u32,
    state: State,
    /// Why it was missing at last.
    told: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Waiting,
    LookedUp,
    Read {
        since: Instant,
    },
    Loaded,
    /// Looked for again at this time.
    Missing {
        again: Instant,
    },
}

/// A file that is to be looked up.
#[derive(Debug)]
pub(super) struct LookUp {
    directory: Option<PathBuf>,
    content: Content,
}

impl LookUp {
    /// Does it, which may take seconds.
    pub(super) fn run(self) -> (Content, Result<SoundFile, BadSound>) {
        let found = find_sound(self.directory.as_deref(), &self.content);
        (self.content, found)
    }
}

impl Files {
    /// No files yet; they are in this directory.
    pub(super) fn new(directory: Option<PathBuf>) -> Self {
        Self { directory, wanted: BTreeMap::new() }
    }

    /// Remembers a file, which is looked up with one of the next steps. Says so if there are
    /// too many.
    pub(super) fn want(&mut self, content: &Content) -> Option<ServerEvent> {
        let number = u32::try_from(self.wanted.len()).unwrap_or(u32::MAX);
        let key = (content.digest, content.name.clone());
        if self.wanted.contains_key(&key) {
            return None;
        }
        if number >= BUFFERS {
            return Some(missing(content, &format!("one of more than {BUFFERS} files")));
        }
        self.wanted.insert(key, Wanted { number, state: State::Waiting, told: None });
        None
    }

    /// The server is another one, which has none.
    pub(super) fn begin_again(&mut self) {
        for wanted in self.wanted.values_mut() {
            if !matches!(wanted.state, State::Missing { .. }) {
                wanted.state = State::Waiting;
            }
        }
    }

    /// The file to look up next. One is looked up or read at a time.
    pub(super) fn step(&mut self, now: Instant) -> Option<LookUp> {
        let mut next = None;
        for (key, wanted) in &mut self.wanted {
            match wanted.state {
                State::LookedUp => return None,
                State::Read { since } if now.duration_since(since) < READING => return None,
                State::Read { .. } | State::Waiting => {}
                State::Missing { again } if again <= now => {}
                State::Missing { .. } | State::Loaded => continue,
            }
            next.get_or_insert((key, wanted));
        }
        let ((digest, name), wanted) = next?;
        wanted.state = State::LookedUp;
        let content = Content { name: name.clone(), digest: *digest };
        Some(LookUp { directory: self.directory.clone(), content })
    }

    /// Takes the result of a look-up: the message that reads the file, or that it is missing.
    pub(super) fn looked_up(
        &mut self,
        now: Instant,
        content: &Content,
        found: Result<SoundFile, BadSound>,
    ) -> Result<OscMessage, Option<ServerEvent>> {
        let wanted = self.wanted.get_mut(&(content.digest, content.name.clone())).ok_or(None)?;
        match found.and_then(|file| read(wanted.number, &file.path)) {
            Ok(message) => {
                wanted.state = State::Read { since: now };
                Ok(message)
            }
            Err(error) => Err(wanted.miss(now, content, &error)),
        }
    }

    /// Takes the server's answer about a file: `/b_info`, or `/fail` for `/b_allocRead`.
    pub(super) fn answered(&mut self, now: Instant, answer: &OscMessage) -> Option<ServerEvent> {
        let (number, info) = match (answer.addr.as_str(), &*answer.args) {
            ("/b_info", [OscType::Int(number), info @ ..]) => (*number, Some(info)),
            ("/fail", [.., OscType::Int(number)]) => (*number, None),
            _ => return None,
        };
        let number = u32::try_from(number).ok()?;
        let ((digest, name), wanted) =
            self.wanted.iter_mut().find(|(_, wanted)| wanted.number == number)?;
        if !matches!(wanted.state, State::Read { .. }) {
            return None;
        }
        let content = Content { name: name.clone(), digest: *digest };
        if let Some([OscType::Int(frames), OscType::Int(channels), OscType::Float(rate)]) = info
            && let (Ok(frames), Ok(channels)) = (u32::try_from(*frames), u16::try_from(*channels))
            && frames > 0
            && channels > 0
        {
            wanted.state = State::Loaded;
            wanted.told = None;
            return Some(ServerEvent::Loaded(
                content,
                Buffer { number, frames, channels, rate: *rate },
            ));
        }
        wanted.miss(now, &content, &BadSound::Refused)
    }
}

impl Wanted {
    /// Says why it is missing, unless that was said before.
    fn miss(&mut self, now: Instant, content: &Content, why: &BadSound) -> Option<ServerEvent> {
        let pause = if matches!(why, BadSound::NotThere) { AGAIN } else { READ_AGAIN };
        self.state = State::Missing { again: now + pause };
        let why = why.to_string();
        if self.told.as_ref() == Some(&why) {
            return None;
        }
        self.told = Some(why.clone());
        Some(missing(content, &why))
    }
}

fn missing(content: &Content, why: &str) -> ServerEvent {
    ServerEvent::Missing(content.clone(), format!("{}: {why}", content.name))
}

/// Reads a file, and asks what was read: the question is performed when it is there.
fn read(number: u32, path: &Path) -> Result<OscMessage, BadSound> {
    let path = path.to_str().ok_or(BadSound::NotPlain)?;
    let mut message = commands::read_buffer(number, path);
    let query = commands::message("/b_query", vec![commands::index(number)]);
    let query = rosc::encoder::encode(&OscPacket::Message(query)).map_err(|_| BadSound::Refused)?;
    message.args.push(OscType::Blob(query));
    Ok(message)
}
