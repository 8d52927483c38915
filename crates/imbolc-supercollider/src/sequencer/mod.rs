//! Turns played events into timed messages for the server.
//!
//! The [`Sequencer`] is a plain value: events, states and times come in as arguments, and
//! messages go to an [`Output`], live or offline. It must not know a socket, a process, a file
//! or a clock.
//!
//! The nodes of the server, in the order in which they are computed:
//!
//! ```text
//! instruments   a rack per instrument that sounds: [voices] effects guard sends fader
//! buses         a rack per bus:                    effects guard tap fader
//! master        one rack:                          click effects guard output
//! ```

mod allocation;
mod batch;
mod files;
mod gains;
mod heard;
mod instrument_strip;
mod mixer_strips;
mod notes;
mod prepared;
mod rack;
mod sequencer_options;
#[cfg(test)]
mod tests;
mod voices;
mod work;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use imbolc_net::{
    model::InstrumentId,
    studio::{Content, PlaybackEvent, Played, StudioState, Target},
    util::{
        quantity::{Amount, Pitch},
        time::Timestamp,
    },
};

use self::{
    allocation::{AudioBuses, BUSES, Blocks, INSTRUMENTS, MASTER, Nodes, Numbers},
    batch::Batch,
    files::{FileRequest, KnownFiles},
    instrument_strip::InstrumentStrip,
    mixer_strips::MixerStrips,
    notes::Note,
    prepared::PreparedInstrument,
    rack::StripParts,
    voices::Voices,
};
pub use self::{
    allocation::{CONTROL_BUSES, MAX_STRIPS, METERS, PRIVATE_AUDIO_BUSES},
    sequencer_options::{SequencerOptions, StripId},
    voices::MAX_VOICES,
};
use crate::{
    commands::{self, NodeId, Place},
    output::{Output, When},
};

/// How long what has ended is remembered: longer than the latency.
const LINGER: Duration = Duration::from_millis(500);

/// How long a note waits for a definition or a file that is still loading.
const PATIENCE: Duration = Duration::from_secs(1);

/// Whether events are played on time or as soon as possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Urgency {
    /// At their times: written notes.
    OnTime,
    /// As soon as possible: the keys of a participant.
    AtOnce,
}

/// The parameters that lanes have moved, each to a fraction of its range.
pub type Lanes = BTreeMap<Target, Amount>;

/// Turns played events into messages.
#[derive(Debug)]
pub struct Sequencer {
    options: SequencerOptions,
    audio: AudioBuses,
    /// The state as it was given.
    given: StudioState,
    /// The parameters that lanes have moved, and how far.
    lanes: Lanes,
    /// The state with the values of the lanes.
    heard: StudioState,
    /// Messages that are sent at the end of a call.
    batch: Batch,
    server: ServerSide,
    /// The notes that are held, which a new server plays again.
    held: BTreeMap<(InstrumentId, Pitch), Note>,
    troubles: Troubles,
}

/// Problems, one line each; a line is reported once.
#[derive(Debug, Default)]
struct Troubles {
    new: Vec<String>,
    said: BTreeSet<String>,
}

impl Troubles {
    fn say(&mut self, line: String) {
        if self.said.insert(line.clone()) {
            self.new.push(line);
        }
    }
}

/// The state of the server as the messages have made it.
#[derive(Debug)]
struct ServerSide {
    has_begun: bool,
    nodes: Nodes,
    blocks: Blocks,
    numbers: Numbers,
    parts: Option<StripParts>,
    files: KnownFiles,
    prepared: BTreeMap<InstrumentId, PreparedInstrument>,
    strips: BTreeMap<InstrumentId, InstrumentStrip>,
    mixer: MixerStrips,
    voices: Voices,
    waiting: Vec<Note>,
    /// The strips that wait for a definition.
    incomplete: BTreeSet<StripId>,
}

impl ServerSide {
    fn new(audio: AudioBuses) -> Self {
        Self {
            has_begun: false,
            nodes: Nodes::default(),
            blocks: Blocks::default(),
            numbers: Numbers::of_strips(),
            parts: None,
            files: KnownFiles::default(),
            prepared: BTreeMap::new(),
            strips: BTreeMap::new(),
            mixer: MixerStrips::new(audio),
            voices: Voices::default(),
            waiting: Vec::new(),
            incomplete: BTreeSet::new(),
        }
    }
}

impl Sequencer {
    /// A sequencer without a server.
    #[must_use]
    pub fn new(options: SequencerOptions) -> Self {
        let audio = AudioBuses { first: options.outputs + options.inputs };
        Self {
            options,
            audio,
            given: StudioState::default(),
            lanes: Lanes::new(),
            heard: StudioState::default(),
            batch: Batch::default(),
            server: ServerSide::new(audio),
            held: BTreeMap::new(),
            troubles: Troubles::default(),
        }
    }

    /// Begins with a new server: sends everything that it needs, and plays held notes again.
    pub fn begin(&mut self, now: Timestamp, output: &mut dyn Output) {
        let parts = StripParts::new();
        self.server = ServerSide { has_begun: true, parts, ..ServerSide::new(self.audio) };
        self.troubles = Troubles::default();
        for group in [INSTRUMENTS, BUSES, MASTER] {
            self.batch.push(When::Now, commands::new_group(group, Place::TailOf(NodeId(0))));
        }
        self.server.mixer.number_buses(&self.heard, now);
        self.follow_mixer(When::Now, now, output);
        let ids: Vec<_> = self.heard.instruments.iter().map(|(id, _)| id).collect();
        for id in ids {
            self.prepare(id, When::Now, now, output);
        }
        for note in self.held.values_mut() {
            note.struck_again(now);
        }
        for note in self.held.values().copied().collect::<Vec<_>>() {
            self.strike(note, When::Now, now, output);
        }
        self.tick(now, output);
    }

    /// The server is gone. Held notes are remembered for the next one.
    pub fn end(&mut self) {
        self.server = ServerSide::new(self.audio);
        self.batch = Batch::default();
    }

    /// Follows the state. Parameters that lanes have moved keep their values.
    pub fn follow(&mut self, now: Timestamp, state: &StudioState, output: Option<&mut dyn Output>) {
        if !is_same(&self.given, state) {
            self.given = state.clone();
            self.hear(now, output);
        }
    }

    /// Sets the parameters that lanes have moved. All others return to the values of the state.
    pub fn keep_lanes(&mut self, now: Timestamp, lanes: &Lanes, output: Option<&mut dyn Output>) {
        if self.lanes != *lanes {
            self.lanes.clone_from(lanes);
            self.hear(now, output);
        }
    }

    /// Plays an event. Without an output, only held notes and lanes are remembered.
    pub fn play(
        &mut self,
        played: &Played,
        urgency: Urgency,
        now: Timestamp,
        output: Option<&mut dyn Output>,
    ) {
        let when = match urgency {
            Urgency::OnTime => When::At(played.time),
            Urgency::AtOnce => When::Now,
        };
        let Some(output) = output.filter(|_| self.server.has_begun) else {
            return self.remember(played);
        };
        match played.what {
            PlaybackEvent::NoteOff { instrument, pitch } => {
                self.held.remove(&(instrument, pitch));
                self.release(instrument, voices::VoiceKey::Note(pitch), when, now, output);
            }
            PlaybackEvent::PadOff { instrument, pad } => {
                self.choke(instrument, voices::VoiceKey::Pad(pad), when, now, output);
            }
            PlaybackEvent::Click { accent } => self.click(accent, when),
            PlaybackEvent::Automated { target, .. } => {
                let beat = beat(&self.heard);
                self.remember(played);
                let when = self.batch.after(played.time);
                self.follow_lane(target, beat, when, now, output);
            }
            _ => {
                if let Some(note) = Note::of(played) {
                    self.remember(played);
                    self.strike(note, when, now, output);
                }
            }
        }
        self.batch.send(output);
    }

    /// Does work that is due: plays notes that have waited for a definition, and frees silent
    /// strips. Call it at least every 10 ms while [`is_busy`](Self::is_busy).
    pub fn tick(&mut self, now: Timestamp, output: &mut dyn Output) {
        if !self.server.has_begun {
            return;
        }
        let when = self.batch.after(now);
        let loaded = self.server.files.look_for_missing(output);
        if !loaded.is_empty() {
            let prepared = self.server.prepared.iter();
            let concerned: Vec<_> = prepared
                .filter(|(_, own)| own.files.iter().any(|file| loaded.contains(file)))
                .map(|(id, _)| *id)
                .collect();
            for id in concerned {
                self.prepare(id, when, now, output);
            }
            self.follow_mixer(when, now, output);
        }
        for strip in std::mem::take(&mut self.server.incomplete) {
            match strip {
                StripId::Instrument(id) => self.follow_strip(id, when, now, output),
                StripId::Bus(_) | StripId::Master => self.follow_mixer(when, now, output),
            }
        }
        for note in std::mem::take(&mut self.server.waiting) {
            if now.since(note.time) < PATIENCE {
                self.strike(note, When::Now, now, output);
            }
        }
        self.open_strips(now, output);
        let ServerSide { voices, blocks, .. } = &mut self.server;
        voices.forget_ended(now, LINGER);
        blocks.give_back_retired(|block| voices.read(block), now);
        self.free_silent_strips(now, output);
        self.batch.send(output);
    }

    /// Cuts everything that sounds, tails and scheduled messages included.
    pub fn silence(&mut self, now: Timestamp, output: &mut dyn Output) {
        self.held.clear();
        if !self.server.has_begun {
            return;
        }
        self.batch.push(When::Now, commands::plain("/clearSched"));
        for group in [INSTRUMENTS, BUSES, MASTER] {
            self.batch.push(When::Now, commands::free_all(group));
        }
        let old = std::mem::replace(&mut self.server, ServerSide::new(self.audio));
        let ServerSide { has_begun, nodes, mut numbers, files, parts, prepared, mixer, .. } = old;
        for strip in old.strips.values() {
            let meter = allocation::strip_meter(strip.number());
            self.batch.push(When::Now, commands::set_buses(meter, &[0.0; 2]));
            numbers.give_back(strip.number(), now);
        }
        let new = ServerSide::new(self.audio);
        self.server = ServerSide { has_begun, nodes, numbers, parts, files, prepared, ..new };
        self.server.mixer.keep_numbers(mixer);
        self.follow_mixer(When::Now, now, output);
        self.batch.send(output);
    }

    /// Whether anything sounds, still has to be freed, or waits for a definition. Missing files
    /// do not count.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        let server = &self.server;
        server.voices.len() > 0
            || !server.strips.is_empty()
            || !server.waiting.is_empty()
            || !server.incomplete.is_empty()
    }

    /// Problems since the last call, one line each: sounds that cannot be played.
    pub fn troubles(&mut self) -> Vec<String> {
        std::mem::take(&mut self.troubles.new)
    }

    /// The files that sounds need and the output does not have yet.
    pub fn missing_files(&self) -> impl Iterator<Item = &Content> {
        self.server.files.missing().map(FileRequest::content)
    }

    /// The first of the two control buses with the peaks of each strip, as amplitudes.
    pub fn meters(&self) -> impl Iterator<Item = (StripId, u32)> + '_ {
        let strips = self.server.strips.iter();
        let strips = strips
            .map(|(id, own)| (StripId::Instrument(*id), allocation::strip_meter(own.number())));
        strips.chain(self.server.mixer.meters())
    }

    /// How many control buses are in use.
    #[cfg(test)]
    fn buses_in_use(&self) -> usize {
        self.server.blocks.in_use()
    }

    fn remember(&mut self, played: &Played) {
        match played.what {
            PlaybackEvent::NoteOn { instrument, pitch, .. } => {
                if let Some(note) = Note::of(played) {
                    self.held.insert((instrument, pitch), note);
                }
            }
            PlaybackEvent::NoteOff { instrument, pitch } => {
                self.held.remove(&(instrument, pitch));
            }
            PlaybackEvent::Automated { target, value } => {
                self.lanes.insert(target, value);
                self.heard.move_to(target, value);
            }
            _ => {}
        }
    }
}

/// Whether two states share all that is heard.
fn is_same(a: &StudioState, b: &StudioState) -> bool {
    a.instruments.is_same(&b.instruments)
        && a.mixer.is_same(&b.mixer)
        && a.drums.is_same(&b.drums)
        && a.session == b.session
}

/// The seconds of a quarter note.
fn beat(state: &StudioState) -> f32 {
    #[expect(clippy::cast_possible_truncation, reason = "a tempo has few digits")]
    let tempo = f64::from(state.session.tempo.get()) as f32;
    60.0 / tempo
}
