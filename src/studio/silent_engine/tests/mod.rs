//! The engine on a virtual clock.

mod arpeggios;
mod chase;
mod click;
mod drums;
mod edited;
mod groove;
mod keys;
mod latency;
mod meters;
mod notes;
mod overdub;
mod pads;
mod recording;
mod time;
mod times;
mod transport;

use std::{collections::BTreeMap, sync::Arc};

use super::*;
use crate::{
    model::{InstrumentId, Model, UndoPolicy},
    studio::{
        ArpeggiatorSetting, ArpeggioPattern, ArrangementSetting, AtEnd, AutomationAction, BusId,
        BusParameter, BusSendSetting, BusSetting, ChainedPatterns, ChordShape, ClickParameter,
        ClickSetting, ClipAction, ClipId, Content, ContentHash, Curve, DrumAction, DrumParameter,
        DrumSetting, GrooveSetting, HumaniseSetting, InstrumentAction, InstrumentParameter,
        InstrumentSetting, KeyHold, Lane, LaneSetting, LayerGroupId, LayerGroupParameter,
        LayerGroupSetting, LoopRegion, MasterParameter, MasterSetting, MixerSetting, Name, Note,
        NoteValue, Output, PadParameter, PadSetting, PadSound, PatternId, PatternSetting,
        PianoRollAction, PlacementAction, PlacementId, PlayMode, Point, ProjectAction,
        ProjectOutcome, ProjectReport, SendsSetting, SessionParameter, SessionSetting, Shelf,
        SourceKind, Step, Swing, Target, TimeSignature, TrackSetting, TransportAction, Voices,
    },
    util::quantity::{
        Amount, Bpm, CountIn, NoteLength, OctaveShift, OctaveSpan, PadNumber, Pan, Pitch,
        Probability, Semitones, StepCount, StepNumber, TimingOffset, Velocity,
    },
    util::time::Millis,
};

const BASS: InstrumentId = InstrumentId(1);
const KIT: InstrumentId = InstrumentId(9);
const FIRST: PatternId = PatternId(1);

/// A studio, its engine and their virtual clock.
struct Rig {
    now: Timestamp,
    state: StudioState,
    engine: SilentEngine,
    /// The events since they were last taken.
    log: Vec<Played>,
    /// What the engine said.
    notices: Vec<StudioNotice>,
}

impl Rig {
    fn new() -> Self {
        let (now, state) = (Timestamp::ZERO, StudioState::starter());
        let (log, notices) = (Vec::new(), Vec::new());
        Self { now, state, engine: SilentEngine::default(), log, notices }
    }

    fn act(&mut self, action: &NetworkAction) {
        let effects = Studio::reduce(&mut self.state, action).unwrap().effects;
        if Studio::undo_policy(action) == UndoPolicy::Barrier {
            self.reset();
        }
        for effect in effects {
            self.perform(effect);
        }
        self.advance();
    }

    fn reset(&mut self) {
        let Self { now, state, engine, log, .. } = self;
        engine.reset_into(*now, state, &mut |played| log.push(played));
    }

    fn perform(&mut self, effect: StudioEffect) {
        let Self { now, state, engine, log, .. } = self;
        engine.perform_into(*now, state, effect, &mut |played| log.push(played));
    }

    fn advance(&mut self) {
        let Self { now, state, engine, log, notices } = self;
        let output = engine.advance_into(*now, state, &mut |played| log.push(played));
        notices.extend(output.notices);
        for report in output.actions {
            self.act(&report);
        }
    }

    fn take_log(&mut self) -> Vec<Played> {
        std::mem::take(&mut self.log)
    }

    fn transport(&mut self, action: TransportAction) {
        self.act(&NetworkAction::Transport(action));
    }

    fn set(&mut self, setting: InstrumentSetting) {
        self.act(&NetworkAction::Instrument(BASS, InstrumentAction::Set(setting)));
    }

    fn key(&mut self, action: InstrumentAction) {
        self.act(&NetworkAction::Instrument(BASS, action));
    }

    /// Advances by `millis`, pulse by pulse, and returns the playhead.
    fn wait(&mut self, millis: u64) -> u32 {
        let end = self.now + Duration::from_millis(millis);
        while self.now < end {
            self.now = end.min(self.now + PULSE);
            self.advance();
        }
        self.engine.playhead().get()
    }

    fn peaks(&mut self) -> [i32; 2] {
        self.wait(40);
        #[expect(clippy::cast_possible_truncation)]
        self.engine.metering.peaks.map(|peak| peak.get().round() as i32)
    }
}

/// A note on the bass.
fn note(tick: u32, pitch: u8, length: u32) -> Note {
    Note {
        tick: Ticks::of(tick),
        pitch: Pitch::of(pitch),
        length: NoteLength::of(length),
        velocity: Velocity::of(100),
        probability: Probability::MAX,
    }
}

fn region(start: u32, end: u32) -> LoopRegion {
    LoopRegion::new(Ticks::of(start), Ticks::of(end)).unwrap()
}

impl Rig {
    fn roll(&mut self, action: PianoRollAction) {
        self.act(&NetworkAction::PianoRoll(BASS, action));
    }

    fn groove(&mut self, setting: GrooveSetting) {
        self.set(InstrumentSetting::Groove(setting));
    }

    /// The rig, playing in a loop.
    fn goes_round(mut self, start: u32, end: u32) -> Self {
        self.transport(TransportAction::Region(region(start, end)));
        self.transport(TransportAction::Loop(true));
        self.transport(TransportAction::Play);
        self
    }

    fn with(notes: impl IntoIterator<Item = Note>) -> Self {
        let mut rig = Self::new();
        rig.roll(PianoRollAction::Paste(notes.into_iter().collect()));
        rig
    }

    /// The played notes: `(tick, pitch, whether it began)`.
    fn played(&mut self) -> Vec<(u32, u8, bool)> {
        let log = self.take_log();
        let entry = |played: &Played| match played.what {
            PlaybackEvent::NoteOn { pitch, .. } => Some((played.tick.get(), pitch.get(), true)),
            PlaybackEvent::NoteOff { pitch, .. } => Some((played.tick.get(), pitch.get(), false)),
            PlaybackEvent::Pad { .. }
            | PlaybackEvent::PadOff { .. }
            | PlaybackEvent::Automated { .. }
            | PlaybackEvent::Click { .. } => None,
        };
        log.iter().filter_map(entry).collect()
    }

    /// A rig with a drum kit, pad 0 of which plays a sample and pad 1 the bass.
    fn drumming() -> Self {
        let mut rig = Self::new();
        let (name, source) = (Name::default(), SourceKind::DrumKit);
        rig.act(&NetworkAction::AddInstrument { id: KIT, name, source });
        let sample =
            PadSound::Sample(Content { name: Name::default(), digest: ContentHash([1; 16]) });
        for (pad, sound) in [(0, sample), (1, PadSound::Instrument(BASS, Pitch::of(40)))] {
            rig.drums(DrumSetting::Pad(PadNumber::of(pad), PadSetting::Sound(sound)));
        }
        rig
    }

    fn drums(&mut self, setting: DrumSetting) {
        self.act(&NetworkAction::Drums(KIT, DrumAction::Set(setting)));
    }

    fn step(&mut self, pattern: PatternId, pad: u8, step: u8) {
        let step = Step::new(PadNumber::of(pad), StepNumber::of(step));
        self.drums(DrumSetting::Pattern(pattern, PatternSetting::On(step)));
    }

    /// Replaces the piece.
    fn reset_to_starter(&mut self) {
        let task = ProjectAction::New;
        let starter = Arc::new(StudioState::starter());
        let outcome = ProjectOutcome::Loaded(Shelf::default(), starter);
        self.act(&NetworkAction::ProjectReport(ProjectReport { task, outcome }));
    }

    fn strike(&mut self, pitch: u8) {
        self.key(InstrumentAction::Play(Pitch::of(pitch), Velocity::of(100)));
    }

    fn release(&mut self, pitch: u8) {
        self.key(InstrumentAction::Release(Pitch::of(pitch)));
    }

    /// The ticks at which pads were struck.
    fn beats(&mut self) -> Vec<u32> {
        let log = self.take_log();
        let pads = log.iter().filter(|played| matches!(played.what, PlaybackEvent::Pad { .. }));
        pads.map(|played| played.tick.get()).collect()
    }

    fn automate(&mut self, target: Target, action: AutomationAction) {
        self.act(&NetworkAction::Automation(target, action));
    }
}
