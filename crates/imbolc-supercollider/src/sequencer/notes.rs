//! Notes, pads and clicks: how they begin and end.

use std::{collections::BTreeMap, time::Duration};

use imbolc_net::{
    model::InstrumentId,
    studio::{PlaybackEvent, Played},
    util::{
        quantity::{Semitones, Velocity},
        time::Timestamp,
    },
};

use super::{
    LINGER, Sequencer,
    allocation::MAX_STRIPS,
    gains,
    instrument_strip::{CLICK, InstrumentStrip},
    prepared::PatchKey,
    sequencer_options::StripId,
    voices::{MAX_VOICES, Voice, VoiceKey, seconds},
    work::{Work, bus_number},
};
use crate::{
    commands::{self, Place},
    output::{Output, When},
    sounds::{BUS, FREQUENCY, GATE, LEVEL, LFO_PHASE, RATE, VoiceLife, frequency, lfo_rate},
    synth_def::PARAMETERS,
};

/// The shortest note: a voice whose gate closes before its first block would never begin, and
/// never end (scsynth 3.13).
const SHORTEST: Duration = Duration::from_millis(3);

/// A gate that ends a voice in so many seconds, whatever its envelope: −1 less the time.
const CUT: f32 = -1.01;

/// A note or a pad that begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Note {
    pub(super) time: Timestamp,
    instrument: InstrumentId,
    key: VoiceKey,
    velocity: Velocity,
    transposed: Option<Semitones>,
}

impl Note {
    /// The note or pad that an event begins, if any.
    pub(super) fn of(played: &Played) -> Option<Self> {
        let time = played.time;
        match played.what {
            PlaybackEvent::NoteOn { instrument, pitch, velocity } => {
                let key = VoiceKey::Note(pitch);
                Some(Self { time, instrument, key, velocity, transposed: None })
            }
            PlaybackEvent::Pad { instrument, pad, velocity, transposed } => {
                let key = VoiceKey::Pad(pad);
                Some(Self { time, instrument, key, velocity, transposed: Some(transposed) })
            }
            _ => None,
        }
    }

    fn open(instrument: InstrumentId, time: Timestamp) -> Self {
        let (key, velocity) = (VoiceKey::Open, Velocity::MAX);
        Self { time, instrument, key, velocity, transposed: None }
    }

    pub(super) const fn struck_again(&mut self, now: Timestamp) {
        self.time = now;
    }

    fn level(&self) -> f32 {
        f32::from(self.velocity.get()) / f32::from(Velocity::MAX.get())
    }

    /// The factor by which the speed of a sample is changed.
    fn rate(&self) -> f32 {
        self.transposed.map_or(1.0, |by| (f32::from(by.get()) / 12.0).exp2())
    }

    const fn patch_key(&self) -> PatchKey {
        match self.key {
            VoiceKey::Note(_) | VoiceKey::Open => PatchKey::Keys,
            VoiceKey::Pad(pad) => PatchKey::Pad(pad),
        }
    }
}

impl Sequencer {
    /// Begins a voice, or queues it until its definition can be used.
    pub(super) fn strike(
        &mut self,
        note: Note,
        when: When,
        now: Timestamp,
        output: &mut dyn Output,
    ) {
        let (id, key) = (note.instrument, note.patch_key());
        let Some(sound) = self.server.prepared.get(&id).and_then(|own| own.voices.get(&key)) else {
            return;
        };
        let is_ready = output.define(&sound.built.definition)
            && self.ensure_strip(note, now, output)
            && self.server.strips.get(&id).is_some_and(|own| own.patch(key).is_some());
        if !is_ready {
            // An open input is tried again at every tick.
            if note.key != VoiceKey::Open {
                self.server.waiting.push(note);
            }
            return;
        }
        // A key has one voice at a time, and so has an open input.
        self.choke(id, note.key, when, now, output);
        self.make_room(when, now, output);
        let controls = self.controls(&note, start_of(when, now));
        let server = &mut self.server;
        let (Some(strip), Some(instrument)) =
            (server.strips.get_mut(&id), self.heard.instruments.get(id))
        else {
            return;
        };
        let Some(patch) = strip.patch(key) else { return };
        let new = server.nodes.next();
        let mut all =
            vec![(PARAMETERS, bus_number(patch.block.first)), (BUS, bus_number(strip.bus()))];
        all.extend(controls);
        let place = Place::TailOf(strip.voices());
        self.batch.push(when, commands::new_synth(&patch.name, new, place, &all));
        let start = start_of(when, now);
        let (released, end) = match patch.life {
            // A step may have made it slower, and so longer.
            VoiceLife::Own(length) => (Some(start), Some(start + seconds(length / note.rate()))),
            VoiceLife::Held(_) => (None, None),
        };
        server.voices.insert(Voice {
            node: new,
            instrument: id,
            key: note.key,
            block: patch.block,
            life: patch.life,
            start,
            level: note.level() * gains::amplitude(instrument.level),
            envelope: instrument.amp,
            released,
            end,
        });
        strip.quiet_at = None;
    }

    fn controls(&self, note: &Note, start: Timestamp) -> Vec<(&'static str, f32)> {
        let mut controls = vec![(LEVEL, note.level())];
        let session = &self.heard.session;
        if let VoiceKey::Note(pitch) = note.key {
            controls.push((FREQUENCY, frequency(pitch, &session.tuning, session.key)));
        }
        if note.transposed.is_some() {
            controls.push((RATE, note.rate()));
        }
        let instrument = self.heard.instruments.get(note.instrument);
        if let Some(lfo) = instrument.map(|own| &own.lfo).filter(|lfo| lfo.on && !lfo.retrigger) {
            let rate = f64::from(lfo_rate(lfo, super::beat(&self.heard)));
            #[expect(clippy::cast_precision_loss, reason = "exact for 285 years")]
            let time = start.micros() as f64 / 1e6;
            #[expect(clippy::cast_possible_truncation, reason = "from 0 to 1")]
            controls.push((LFO_PHASE, (time * rate).fract() as f32));
        }
        controls
    }

    /// Releases a key. A queued note is dropped.
    pub(super) fn release(
        &mut self,
        id: InstrumentId,
        key: VoiceKey,
        when: When,
        now: Timestamp,
        output: &mut dyn Output,
    ) {
        let server = &mut self.server;
        server.waiting.retain(|note| (note.instrument, note.key) != (id, key));
        let Some(voice) = server.voices.take(id, key) else { return };
        let VoiceLife::Held(mut release) = voice.life else { return };
        // It reads the present release of its patch.
        let patch = server.strips.get(&id).and_then(|own| own.patch(PatchKey::Keys));
        if let Some(patch) = patch.filter(|patch| patch.block == voice.block)
            && let VoiceLife::Held(present) = patch.life
        {
            release = present;
        }
        let when = not_before(when, voice.start + SHORTEST, now, output.latency());
        voice.released = Some(start_of(when, now));
        voice.end = Some(start_of(when, now) + seconds(release));
        self.batch.push(when, commands::set(voice.node, GATE, 0.0));
    }

    /// Cuts the voice of a key or a pad. A queued note is dropped.
    pub(super) fn choke(
        &mut self,
        id: InstrumentId,
        key: VoiceKey,
        when: When,
        now: Timestamp,
        output: &mut dyn Output,
    ) {
        let server = &mut self.server;
        server.waiting.retain(|note| (note.instrument, note.key) != (id, key));
        let Some(voice) = server.voices.take(id, key) else { return };
        if let Some(when) = cut(voice, when, now, output.latency()) {
            voice.released = Some(start_of(when, now));
            voice.end = Some(start_of(when, now) + seconds(-1.0 - CUT));
            self.batch.push(when, commands::set(voice.node, GATE, CUT));
        }
    }

    pub(super) fn click(&mut self, accent: bool, when: When) {
        let Some(parts) = self.server.parts.as_ref().filter(|_| self.server.mixer.has_master())
        else {
            return;
        };
        let level = gains::amplitude(self.heard.session.click.level);
        let frequency = if accent { 1_760.0 } else { 1_320.0 };
        let bus = bus_number(self.audio.master());
        let controls = [(BUS, bus), (FREQUENCY, frequency), (LEVEL, level)];
        let node = self.server.nodes.next();
        self.batch.push(when, commands::new_synth(parts.click(), node, CLICK, &controls));
    }

    /// Ends voices until there is room for one more.
    fn make_room(&mut self, when: When, now: Timestamp, output: &mut dyn Output) {
        let voices = &mut self.server.voices;
        if voices.len() >= MAX_VOICES {
            voices.forget_ended(now, output.latency());
        }
        while voices.len() >= MAX_VOICES {
            let Some(voice) = voices.victim(now) else { return };
            voices.remove(voice.node);
            if let Some(when) = cut(&voice, when, now, output.latency()) {
                self.batch.push(when, commands::set(voice.node, GATE, CUT));
            }
        }
    }
}

/// Strips come and go with what sounds.
impl Sequencer {
    /// Creates the strip of a note's instrument unless it is there, and returns whether it
    /// is. For what is open, no other strip has to go.
    fn ensure_strip(&mut self, note: Note, now: Timestamp, output: &mut dyn Output) -> bool {
        let id = note.instrument;
        if self.server.strips.contains_key(&id) {
            return true;
        }
        if !self.server.mixer.has_master() {
            return false;
        }
        if self.server.strips.len() >= MAX_STRIPS {
            let victim = self.first_to_go(now).filter(|_| note.key != VoiceKey::Open);
            let Some(victim) = victim else { return false };
            self.remove_strip(victim, now, output);
        }
        let audio = self.audio;
        let server = &mut self.server;
        let Some(parts) = &server.parts else { return false };
        let Some(number) = server.numbers.take(now) else { return false };
        let (nodes, blocks) = (&mut server.nodes, &mut server.blocks);
        let when = When::Now;
        let mut work = Work { nodes, blocks, batch: &mut self.batch, output, now, when };
        let Some(strip) = InstrumentStrip::create(&mut work, parts, audio, number) else {
            server.numbers.give_back(number, now);
            return false;
        };
        server.strips.insert(id, strip);
        self.follow_gains([id], When::Now, now, output);
        self.follow_strip(id, When::Now, now, output);
        true
    }

    /// The strip that goes first: one without voices, then the one whose voices were released
    /// first, then the quietest.
    fn first_to_go(&self, now: Timestamp) -> Option<InstrumentId> {
        let strips = self.server.strips.iter();
        // How loud its held voices are, and since when it is quiet or released.
        let mut order: BTreeMap<_, _> = strips
            .map(|(id, own)| (*id, (own.quiet_at.is_none(), 0.0_f32, own.quiet_at)))
            .collect();
        for voice in self.server.voices.iter() {
            let Some((_, held, released)) = order.get_mut(&voice.instrument) else { continue };
            match voice.released {
                Some(time) => *released = Some(released.map_or(time, |last| last.max(time))),
                None => *held += voice.loudness(now).max(f32::MIN_POSITIVE),
            }
        }
        let order = order.into_iter().map(|(id, (has_voices, held, since))| {
            // None of these is negative or not a number: their bits are in their order.
            ((has_voices, held.to_bits(), since), id)
        });
        order.min().map(|(_, id)| id)
    }

    /// Frees the strip of an instrument with all its voices, after messages that are already
    /// scheduled for them.
    pub(super) fn remove_strip(
        &mut self,
        id: InstrumentId,
        now: Timestamp,
        output: &mut dyn Output,
    ) {
        let when = self.batch.after(now + SHORTEST);
        let server = &mut self.server;
        server.waiting.retain(|note| note.instrument != id);
        let Some(strip) = server.strips.remove(&id) else { return };
        server.voices.forget_where(|voice| voice.instrument == id);
        server.incomplete.remove(&StripId::Instrument(id));
        server.numbers.give_back(strip.number(), now);
        let (nodes, blocks) = (&mut server.nodes, &mut server.blocks);
        strip.free(&mut Work { nodes, blocks, batch: &mut self.batch, output, now, when });
    }

    /// Opens inputs that sound without a key, and closes those that do not any more.
    pub(super) fn open_strips(&mut self, now: Timestamp, output: &mut dyn Output) {
        let prepared = self.server.prepared.iter();
        let open: Vec<_> = prepared.filter(|(_, own)| own.is_open).map(|(id, _)| *id).collect();
        for id in &open {
            let voice = self.server.voices.latest(*id, VoiceKey::Open).map(|voice| voice.block);
            let strip = self.server.strips.get(id);
            let patch = strip.and_then(|own| own.patch(PatchKey::Keys)).map(|patch| patch.block);
            if voice.is_none() || patch.is_some() && voice != patch {
                self.strike(Note::open(*id, now), When::Now, now, output);
            }
        }
        let voices = self.server.voices.iter();
        let closed: Vec<_> = voices
            .filter(|voice| voice.key == VoiceKey::Open && voice.released.is_none())
            .map(|voice| voice.instrument)
            .filter(|id| !open.contains(id))
            .collect();
        for id in closed {
            self.release(id, VoiceKey::Open, When::Now, now, output);
        }
    }

    /// Frees the strips whose last sound is over.
    pub(super) fn free_silent_strips(&mut self, now: Timestamp, output: &mut dyn Output) {
        let sounding: std::collections::BTreeSet<_> =
            self.server.voices.iter().map(|voice| voice.instrument).collect();
        let mut silent = Vec::new();
        for (id, strip) in &mut self.server.strips {
            if sounding.contains(id) {
                continue;
            }
            let tail =
                self.server.prepared.get(id).map_or(0.0, super::prepared::PreparedInstrument::tail);
            let quiet_at = *strip.quiet_at.get_or_insert_with(|| now + seconds(tail) + LINGER);
            if quiet_at <= now {
                silent.push(*id);
            }
        }
        for id in silent {
            self.remove_strip(id, now, output);
        }
    }
}

/// When a message takes effect, without the latency.
const fn start_of(when: When, now: Timestamp) -> Timestamp {
    match when {
        When::Now => now,
        When::At(time) => time,
    }
}

/// Not before `earliest`. A message that is sent at once is `latency` ahead of one that is sent
/// on time, and does not wait for the end of the audio driver's period; if it must wait, it
/// waits for the latency, which is longer.
fn not_before(when: When, earliest: Timestamp, now: Timestamp, latency: Duration) -> When {
    match when {
        When::At(time) => When::At(time.max(earliest)),
        When::Now if earliest + latency > now => When::At(earliest.max(now)),
        When::Now => When::Now,
    }
}

/// When a voice is cut; `None` if it is over by then.
fn cut(voice: &Voice, when: When, now: Timestamp, latency: Duration) -> Option<When> {
    let when = not_before(when, voice.start + SHORTEST, now, latency);
    let time = match when {
        When::Now => now.before(latency),
        When::At(time) => time,
    };
    (!voice.is_over(time)).then_some(when)
}
