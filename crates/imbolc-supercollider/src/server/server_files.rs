//! Files that were asked for, as they are or as spectra, and whether the server has them.
//!
//! One file is looked up at a time, on its own thread, because reading may take long.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    time::{Duration, Instant},
};

use imbolc_net::studio::Content;
use rosc::{OscMessage, OscPacket, OscType};

use super::server_event::ServerEvent;
use crate::{
    commands,
    output::{Buffer, PARTITION, Spectrum},
    samples::{BadSound, ImpulseResponse, SoundFile, find_sound},
};

/// The most buffers at a time: the server has a few more.
const BUFFERS: u32 = 4092;

/// A file that is not there is looked for again after this time.
const AGAIN: Duration = Duration::from_secs(3);

/// One that is there, but cannot be used, is read again after this time.
const READ_AGAIN: Duration = Duration::from_secs(30);

/// A file that the server has not read within this time is given up.
const READING: Duration = Duration::from_mins(1);

/// Files that were asked for.
#[derive(Debug, Default)]
pub(super) struct ServerFiles {
    directory: Option<PathBuf>,
    wanted: BTreeMap<WantedFile, Wanted>,
    /// The first buffer that is not used.
    next: u32,
}

/// A file that was asked for. Two names of one content are two files.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct WantedFile {
    pub(super) content: Content,
    /// 0 for the file as it is, otherwise 1 to 16: how much of it as a spectrum.
    pub(super) sixteenths: u8,
}

#[derive(Debug)]
struct Wanted {
    /// Its first buffer. A spectrum has four: left, right, and the samples of each.
    number: u32,
    state: State,
    /// The reason that was reported last.
    told: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Waiting,
    LookedUp,
    /// For a spectrum, with what it will be and the channels that it is not yet.
    Read {
        since: Instant,
        spectrum: Option<(Spectrum, u16)>,
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
    key: WantedFile,
}

/// A file that was looked up.
#[derive(Debug)]
pub(super) struct FoundFile {
    key: WantedFile,
    /// For a spectrum, with the response that is wanted.
    found: Result<(SoundFile, Option<ImpulseResponse>), BadSound>,
}

impl LookUp {
    /// Looks it up, which may take seconds.
    pub(super) fn run(self) -> FoundFile {
        let found = find_sound(self.directory.as_deref(), &self.key.content).and_then(|file| {
            let part = match self.key.sixteenths {
                0 => None,
                sixteenths => Some(ImpulseResponse::of(&file, sixteenths)?),
            };
            Ok((file, part))
        });
        FoundFile { key: self.key, found }
    }
}

impl ServerFiles {
    /// No files yet; they are in this directory.
    pub(super) fn new(directory: Option<PathBuf>) -> Self {
        Self { directory, ..Self::default() }
    }

    /// Adds a file, which is looked up with one of the next steps. Returns an event if there
    /// are too many.
    pub(super) fn want(&mut self, key: WantedFile) -> Option<ServerEvent> {
        if self.wanted.contains_key(&key) {
            return None;
        }
        let number = self.next;
        let buffers = if key.sixteenths == 0 { 1 } else { 4 };
        if number + buffers > BUFFERS {
            return Some(missing(&key, "the server has too many files"));
        }
        self.next += buffers;
        self.wanted.insert(key, Wanted { number, state: State::Waiting, told: None });
        None
    }

    /// The server is a new one, which has none.
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
                State::Read { since, .. } if now.duration_since(since) < READING => return None,
                State::Read { .. } | State::Waiting => {}
                State::Missing { again } if again <= now => {}
                State::Missing { .. } | State::Loaded => continue,
            }
            next.get_or_insert((key, wanted));
        }
        let (key, wanted) = next?;
        wanted.state = State::LookedUp;
        Some(LookUp { directory: self.directory.clone(), key: key.clone() })
    }

    /// Takes the result of a look-up: the messages that read the file, or that it is missing.
    pub(super) fn looked_up(
        &mut self,
        now: Instant,
        FoundFile { key, found }: FoundFile,
    ) -> Result<Vec<OscMessage>, Option<ServerEvent>> {
        let wanted = self.wanted.get_mut(&key).ok_or(None)?;
        let number = wanted.number;
        let messages = found.and_then(|(file, part)| {
            let path = file.path.to_str().ok_or(BadSound::NotPlain)?;
            let Some(response) = part else {
                return Ok((vec![read_and_query(number, path)], None));
            };
            let channels = file.channels.min(2);
            let right = number + u32::from(channels) - 1;
            let spectrum = response.spectrum([number, right]);
            let frames = response.frames;
            let reads = (0..channels).map(|channel| prepare(number, path, frames, channel));
            Ok((reads.collect(), Some((spectrum, channels))))
        });
        match messages {
            Ok((messages, spectrum)) => {
                wanted.state = State::Read { since: now, spectrum };
                Ok(messages)
            }
            Err(error) => Err(wanted.miss(now, &key, &error)),
        }
    }

    /// Takes the server's answer about a buffer, and returns the messages that free what is
    /// not needed any more.
    pub(super) fn answered(
        &mut self,
        now: Instant,
        answer: &OscMessage,
    ) -> (Option<ServerEvent>, Vec<OscMessage>) {
        let (number, info) = match (answer.addr.as_str(), &*answer.args) {
            ("/b_info", [OscType::Int(number), info @ ..]) => (*number, info),
            ("/done", [OscType::String(what), OscType::Int(number)]) if what == "/b_gen" => {
                (*number, &[][..])
            }
            ("/fail", [.., OscType::Int(number)]) => (*number, &answer.args[..1]),
            _ => return (None, Vec::new()),
        };
        let Some((key, wanted)) = u32::try_from(number).ok().and_then(|number| {
            let buffers = |key: &WantedFile| if key.sixteenths == 0 { 1 } else { 4 };
            self.wanted.iter_mut().find(|(key, wanted)| {
                (wanted.number..wanted.number + buffers(key)).contains(&number)
            })
        }) else {
            return (None, Vec::new());
        };
        let State::Read { since, spectrum } = wanted.state else { return (None, Vec::new()) };
        match (spectrum, info) {
            (None, [OscType::Int(frames), OscType::Int(channels), OscType::Float(rate)])
                if *frames > 0 && *channels > 0 =>
            {
                wanted.state = State::Loaded;
                wanted.told = None;
                let buffer = Buffer {
                    number: wanted.number,
                    frames: u32::try_from(*frames).unwrap_or(1),
                    channels: u16::try_from(*channels).unwrap_or(u16::MAX),
                    rate: *rate,
                };
                (Some(ServerEvent::Loaded(key.content.clone(), buffer)), Vec::new())
            }
            (Some((spectrum, left)), []) if left > 1 => {
                wanted.state = State::Read { since, spectrum: Some((spectrum, left - 1)) };
                (None, Vec::new())
            }
            (Some((spectrum, _)), []) => {
                wanted.state = State::Loaded;
                wanted.told = None;
                let samples = [2, 3].map(|part| commands::free_buffer(wanted.number + part));
                (
                    Some(ServerEvent::Prepared(key.content.clone(), key.sixteenths, spectrum)),
                    samples.into(),
                )
            }
            _ => (wanted.miss(now, key, &BadSound::Refused), Vec::new()),
        }
    }
}

impl Wanted {
    /// Reports why it is missing, unless that was reported before.
    fn miss(&mut self, now: Instant, key: &WantedFile, why: &BadSound) -> Option<ServerEvent> {
        let pause = if matches!(why, BadSound::NotThere) { AGAIN } else { READ_AGAIN };
        self.state = State::Missing { again: now + pause };
        let why = why.to_string();
        if self.told.as_ref() == Some(&why) {
            return None;
        }
        self.told = Some(why.clone());
        Some(missing(key, &why))
    }
}

fn missing(key: &WantedFile, why: &str) -> ServerEvent {
    ServerEvent::Missing(key.content.clone(), format!("{}: {why}", key.content.name))
}

/// Reads a file, and asks what was read.
fn read_and_query(number: u32, path: &str) -> OscMessage {
    let query = commands::message("/b_query", vec![commands::index(number)]);
    then(commands::read_buffer(number, path), query)
}

/// Reads a channel, and computes its spectrum.
fn prepare(number: u32, path: &str, frames: u32, channel: u16) -> OscMessage {
    let spectrum = number + u32::from(channel);
    let samples = spectrum + 2;
    let allocate =
        commands::allocate_buffer(spectrum, commands::spectrum_frames(frames, PARTITION));
    let compute = commands::prepare_spectrum(spectrum, samples, PARTITION);
    then(commands::read_channel(samples, path, frames, channel), then(allocate, compute))
}

/// A message that is followed by another one when it is done.
fn then(mut first: OscMessage, second: OscMessage) -> OscMessage {
    // No string of ours has a zero, which is all that rosc 0.11 cannot encode.
    let second = rosc::encoder::encode(&OscPacket::Message(second)).unwrap_or_default();
    first.args.push(OscType::Blob(second));
    first
}
