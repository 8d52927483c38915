//! Notes, pads and clicks: how they begin and end.

use std::time::Duration;

use imbolc_net::{
    model::InstrumentId,
    studio::{PlaybackEvent, Played},
    util::{
        quantity::{Semitones, Velocity},
        time::Timestamp,
    },
};

use super::{
    Sequencer,
    allocation::MAX_STRIPS,
    gains,
    instrument_strip::{CLICK, InstrumentStrip},
    prepared::PatchKey,
    voices::{MAX_VOICES, Voice, VoiceKey, seconds},
    work::{Work, number},
};
use crate::{
    commands::{self, Place},
    output::{Output, When},
    sounds::{
        BUS, FREQUENCY, GATE, LEVEL, LFO_PHASE, RATE, VoiceLife, build_click, frequency, lfo_rate,
    },
    synth_def::PARAMETERS,
};

/// The shortest note: a voice whose gate closes before its first block would never begin, and
/// never end (scsynth 3.13).
const SHORTEST: Duration = Duration::from_millis(3);

/// A gate that ends a voice in so many seconds, whatever its envelope: −1 less the time.
const CUT: f32 = -1.01;

/// How long a strip stays after its last sound.
const LINGER: Duration = Duration::from_millis(500);

/// A note or a pad that is struck.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Note {
    pub(super) time: Timestamp,
    instrument: InstrumentId,
    key: VoiceKey,
    velocity: Velocity,
    transposed: Option<Semitones>,
}

impl Note {
    /// What an event strikes, if it does.
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

    const fn patch_key(&self) -> PatchKey {
        match self.key {
            VoiceKey::Note(_) | VoiceKey::Open => PatchKey::Keys,
            VoiceKey::Pad(pad) => PatchKey::Pad(pad),
        }
    }
}

impl Sequencer {
    /// Begins a voice, or lets it wait until its definition can be used.
    pub(super) fn strike(
        &mut self,
        note: Note,
        when: When,
        now: Timestamp,
        output: &mut dyn Output,
    ) {
        let (id, key) = (note.instrument, note.patch_key());
        if !self.server.prepared.get(&id).is_some_and(|own| own.voices.contains_key(&key)) {
            return;
        }
        if self.ensure_strip(id, now, output).is_none() {
            self.server.waiting.push(note);
            return;
        }
        let Some(patch) = self.server.strips.get(&id).and_then(|own| own.patch(key)).cloned()
        else {
            self.server.waiting.push(note);
            return;
        };
        // A key sounds once, and an open input, too.
        self.choke(id, note.key, when, now, output);
        self.make_room(when, now, output);
        let controls = self.controls(&note);
        let server = &mut self.server;
        let Some(strip) = server.strips.get_mut(&id) else { return };
        let node = server.nodes.next();
        let mut all = vec![(PARAMETERS, number(patch.block.first)), (BUS, number(strip.bus()))];
        all.extend(controls);
        let place = Place::TailOf(strip.voices());
        self.batch.push(when, commands::new_synth(&patch.name, node, place, &all));
        let end = match patch.life {
            VoiceLife::Own(length) => Some(note.time.max(now) + seconds(length) + LINGER),
            VoiceLife::Held(_) => None,
        };
        strip.quiet_at = None;
        server.voices.insert(Voice {
            node,
            instrument: id,
            key: note.key,
            block: patch.block,
            life: patch.life,
            start: start_of(when, now),
            level: f32::from(note.velocity.get()) / f32::from(Velocity::MAX.get()),
            released: end.is_some(),
            end,
        });
    }

    fn controls(&self, note: &Note) -> Vec<(&'static str, f32)> {
        let level = f32::from(note.velocity.get()) / f32::from(Velocity::MAX.get());
        let mut controls = vec![(LEVEL, level)];
        let session = &self.heard.session;
        if let VoiceKey::Note(pitch) = note.key {
            controls.push((FREQUENCY, frequency(pitch, &session.tuning, session.key)));
        }
        if let Some(by) = note.transposed {
            controls.push((RATE, (f32::from(by.get()) / 12.0).exp2()));
        }
        let instrument = self.heard.instruments.get(note.instrument);
        if let Some(lfo) = instrument.map(|own| &own.lfo).filter(|lfo| lfo.on && !lfo.retrigger) {
            let rate = f64::from(lfo_rate(lfo, super::beat(&self.heard)));
            #[expect(clippy::cast_precision_loss, reason = "exact for 285 years")]
            let time = note.time.micros() as f64 / 1e6;
            #[expect(clippy::cast_possible_truncation, reason = "from 0 to 1")]
            controls.push((LFO_PHASE, (time * rate).fract() as f32));
        }
        controls
    }

    /// Lets go of a key.
    pub(super) fn release(
        &mut self,
        id: InstrumentId,
        key: VoiceKey,
        when: When,
        now: Timestamp,
        output: &mut dyn Output,
    ) {
        self.server.waiting.retain(|note| (note.instrument, note.key) != (id, key));
        let latency = output.latency();
        let Some(voice) = self.server.voices.take(id, key) else { return };
        let VoiceLife::Held(release) = voice.life else { return };
        let when = not_before(when, voice.start + SHORTEST, now, latency);
        voice.released = true;
        voice.end = Some(start_of(when, now) + seconds(release) + LINGER);
        self.batch.push(when, commands::set(voice.node, GATE, 0.0));
    }

    /// Ends what a key or a pad plays, at once.
    pub(super) fn choke(
        &mut self,
        id: InstrumentId,
        key: VoiceKey,
        when: When,
        now: Timestamp,
        output: &mut dyn Output,
    ) {
        self.server.waiting.retain(|note| (note.instrument, note.key) != (id, key));
        let latency = output.latency();
        let Some(voice) = self.server.voices.take(id, key) else { return };
        let when = not_before(when, voice.start + SHORTEST, now, latency);
        voice.released = true;
        voice.end = Some(start_of(when, now) + LINGER);
        self.batch.push(when, commands::set(voice.node, GATE, CUT));
    }

    pub(super) fn click(&mut self, accent: bool, when: When, output: &mut dyn Output) {
        let Ok(click) = build_click() else { return };
        if !output.define(&click.definition) {
            return;
        }
        let level = gains::amplitude(self.heard.session.click.level);
        let frequency = if accent { 1_760.0 } else { 1_320.0 };
        let bus = number(self.audio().master());
        let controls = [(BUS, bus), (FREQUENCY, frequency), (LEVEL, level)];
        let node = self.server.nodes.next();
        self.batch.push(when, commands::new_synth(&click.definition.name, node, CLICK, &controls));
    }

    /// Ends voices until there is room for one more.
    fn make_room(&mut self, when: When, now: Timestamp, output: &mut dyn Output) {
        let voices = &mut self.server.voices;
        while voices.len() >= MAX_VOICES {
            let Some((node, start)) = voices.victim(now).map(|voice| (voice.node, voice.start))
            else {
                return;
            };
            voices.remove(node);
            let when = not_before(when, start + SHORTEST, now, output.latency());
            self.batch.push(when, commands::set(node, GATE, CUT));
        }
    }
}

/// Strips come and go with what sounds.
impl Sequencer {
    /// The strip of an instrument, which is created if there is none.
    fn ensure_strip(
        &mut self,
        id: InstrumentId,
        now: Timestamp,
        output: &mut dyn Output,
    ) -> Option<()> {
        if self.server.strips.contains_key(&id) {
            return Some(());
        }
        self.server.mixer.as_ref()?;
        if self.server.strips.len() >= MAX_STRIPS {
            let victim = self.quietest_strip(now)?;
            self.remove_strip(victim, now, output);
        }
        let audio = self.audio();
        let server = &mut self.server;
        let parts = server.parts.as_ref()?;
        let number = server.numbers.as_mut()?.take(now)?;
        let (nodes, blocks) = (&mut server.nodes, &mut server.blocks);
        let when = When::Now;
        let mut work = Work { nodes, blocks, batch: &mut self.batch, output, now, when };
        let strip = InstrumentStrip::create(&mut work, parts, audio, number)?;
        server.strips.insert(id, strip);
        self.follow_gains_of(id, When::Now, now, output);
        self.follow_strip(id, When::Now, now, output);
        Some(())
    }

    /// The strip that goes first: one that rings out, otherwise the quietest.
    fn quietest_strip(&self, now: Timestamp) -> Option<InstrumentId> {
        let ringing = self.server.strips.iter().filter(|(id, _)| {
            self.server.voices.iter().all(|voice| voice.instrument != **id || voice.released)
        });
        let first = ringing.min_by_key(|(id, own)| (own.quiet_at, **id)).map(|(id, _)| *id);
        let loudness = |id: &InstrumentId| -> f32 {
            let own = self.server.voices.iter().filter(|voice| voice.instrument == *id);
            own.map(|voice| voice.loudness(now)).sum()
        };
        let quietest = || {
            let ids = self.server.strips.keys();
            ids.min_by(|a, b| loudness(a).total_cmp(&loudness(b))).copied()
        };
        first.or_else(quietest)
    }

    /// Frees the strip of an instrument with all its voices.
    pub(super) fn remove_strip(
        &mut self,
        id: InstrumentId,
        now: Timestamp,
        output: &mut dyn Output,
    ) {
        let server = &mut self.server;
        server.waiting.retain(|note| note.instrument != id);
        let Some(strip) = server.strips.remove(&id) else { return };
        server.voices.forget_where(|voice| voice.instrument == id);
        if let Some(numbers) = &mut server.numbers {
            numbers.give_back(strip.number(), now);
        }
        let (nodes, blocks) = (&mut server.nodes, &mut server.blocks);
        let when = When::Now;
        strip.free(&mut Work { nodes, blocks, batch: &mut self.batch, output, now, when });
    }

    /// Opens what sounds without a key, and closes what does not any more.
    pub(super) fn open_strips(&mut self, now: Timestamp, output: &mut dyn Output) {
        let prepared = self.server.prepared.iter();
        let open: Vec<_> = prepared.filter(|(_, own)| own.is_open).map(|(id, _)| *id).collect();
        for id in &open {
            let voice = self.server.voices.latest(*id, VoiceKey::Open).map(|voice| voice.block);
            let strip = self.server.strips.get(id);
            let patch = strip.and_then(|own| own.patch(PatchKey::Keys)).map(|patch| patch.block);
            let waits = self.server.waiting.iter().any(|note| note.instrument == *id);
            if !waits && (voice.is_none() || patch.is_some() && voice != patch) {
                self.strike(Note::open(*id, now), When::Now, now, output);
            }
        }
        let voices = self.server.voices.iter();
        let closed: Vec<_> = voices
            .filter(|voice| voice.key == VoiceKey::Open && !voice.released)
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
                strip.quiet_at = None;
                continue;
            }
            let tail = self.server.prepared.get(id).map_or(0.0, |own| own.tail());
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

/// When what is sent takes effect, without the latency.
const fn start_of(when: When, now: Timestamp) -> Timestamp {
    match when {
        When::Now => now,
        When::At(time) => time,
    }
}

/// Not before `earliest`: what is sent at once is `latency` ahead of what is sent on time.
fn not_before(when: When, earliest: Timestamp, now: Timestamp, latency: Duration) -> When {
    match when {
        When::At(time) => When::At(time.max(earliest)),
        When::Now if earliest + latency > now => When::At(earliest),
        When::Now => When::Now,
    }
}
