//! The studio that the tests show: it contains something of everything.

use std::sync::Arc;

use imbolc_net::{
    model::{InstrumentId, Model as _},
    studio::{
        AutomationAction, BusId, BusParameter, BusSetting, ChainSetting, ChopperSetting,
        ClipAction, ClipId, Content, ContentHash, Curve, Definition, DrumAction, DrumSetting,
        EffectKind, FilterParameter, FilterSetting, InstrumentAction, InstrumentKnob,
        InstrumentParameter, InstrumentSetting, LaneSetting, LayerGroupId, LoopRegion, Mapping,
        MappingId, MasterSetting, MidiMapSetting, MidiTarget, MixerSetting, Name, Names,
        NetworkAction, Note, Output, PadSetting, PadSound, PatternId, PatternSetting,
        PianoRollAction, PlacementAction, PlacementId, Point, ProjectAction, ProjectName,
        ProjectNotice, Projects, RegistrySetting, SendsSetting, SessionParameter, SessionSetting,
        Slice, SliceId, SlotId, SourceKind, Step, Studio, StudioState, SynthDefId, Target,
    },
    util::quantity::{
        Amount, Hertz, MidiController, NoteLength, PadNumber, Pan, Pitch, Probability, Semitones,
        StepCount, StepNumber, Ticks, Velocity,
    },
};

use crate::stage::{BASS, DRUMS, LEAD, PAD};

/// The studio of the tests.
pub fn studio() -> StudioState {
    let mut studio = StudioState::starter();
    let name = |text| Name::new(text).expect("a name");
    act(&mut studio, &NetworkAction::Session(SessionSetting::Name(name("Friday"))));
    act(&mut studio, &NetworkAction::Mixer(MixerSetting::AddBus(BusId(1), name("Reverb"))));
    let output = InstrumentSetting::Output(Output::Bus(BusId(1)));
    act(&mut studio, &NetworkAction::Instrument(PAD, InstrumentAction::Set(output)));
    for (tick, pitch) in [(0, 36), (480, 36), (720, 43), (960, 41), (1440, 43)] {
        let add = PianoRollAction::Add(note(tick, pitch));
        act(&mut studio, &NetworkAction::PianoRoll(BASS, add));
    }
    mixer_setup(&mut studio);
    session_setup(&mut studio);
    second_bar(&mut studio);
    pads_and_patterns(&mut studio);
    lanes(&mut studio);
    clips(&mut studio);
    studio
}

/// The mixer: buses, effects, sends, a layer group.
fn mixer_setup(studio: &mut StudioState) {
    let name = |text| Name::new(text).expect("a name");
    let mut mix = |setting| act(studio, &NetworkAction::Mixer(setting));
    mix(MixerSetting::AddBus(BusId(2), name("Echo")));
    mix(MixerSetting::AddLayerGroup(LayerGroupId(1), name("Warm")));
    let reverb = ChainSetting::Add(SlotId(1), EffectKind::Reverb, 0);
    mix(MixerSetting::Bus(BusId(1), BusSetting::Chain(reverb)));
    mix(MixerSetting::Bus(BusId(2), BusSetting::Mute(true)));
    let limiter = ChainSetting::Add(SlotId(1), EffectKind::Limiter, 0);
    mix(MixerSetting::Master(MasterSetting::Chain(limiter)));
    let mut set = |id, setting| {
        act(studio, &NetworkAction::Instrument(id, InstrumentAction::Set(setting)));
    };
    set(BASS, InstrumentSetting::Sends(SendsSetting::Add(BusId(1))));
    for (slot, kind) in [(1, EffectKind::Distortion), (2, EffectKind::Chorus)] {
        let add = ChainSetting::Add(SlotId(slot), kind, u8::MAX);
        set(BASS, InstrumentSetting::Chain(add));
    }
    set(BASS, InstrumentSetting::Chain(ChainSetting::Bypass(SlotId(2), true)));
    set(LEAD, InstrumentSetting::Pan(Pan::of(-0.2)));
    set(PAD, InstrumentSetting::LayerGroup(Some(LayerGroupId(1))));
}

/// The session: definitions, mappings and projects.
fn session_setup(studio: &mut StudioState) {
    let name = |text| Name::new(text).expect("a name");
    for (id, text) in [(1, "Warble"), (2, "Rumble")] {
        let definition = Arc::new(Definition { name: name(text), parameters: Vec::new() });
        let add = RegistrySetting::AddSynthDef(SynthDefId(id), definition);
        act(studio, &NetworkAction::Registry(add));
    }
    let mapping = Mapping {
        channel: None,
        controller: MidiController::of(74),
        target: MidiTarget::Instrument(BASS, InstrumentKnob::Cutoff),
        from: Amount::MIN,
        to: Amount::MAX,
    };
    let put = SessionSetting::Midi(MidiMapSetting::Put(MappingId(1), mapping));
    act(studio, &NetworkAction::Session(put));
    let names = |names: &[&str]| {
        Names::new(names.iter().map(|name| ProjectName::new(name).expect("a name")))
    };
    studio.projects = Arc::new(Projects {
        current: ProjectName::new("friday").ok(),
        known: names(&["friday", "monday", "sketches"]),
        checkpoints: names(&["before the bridge"]),
        notice: ProjectNotice::Done(ProjectAction::Save),
        ..Projects::default()
    });
}

/// Four pads and two patterns for the drums.
fn pads_and_patterns(studio: &mut StudioState) {
    let mut set = |setting| {
        act(studio, &NetworkAction::Drums(DRUMS, DrumAction::Set(setting)));
    };
    let name = |text| Name::new(text).expect("a name");
    let sample =
        |text| PadSound::Sample(Content { name: name(text), digest: ContentHash([7; 16]) });
    let half = Slice::new(Amount::of(0.0), Amount::of(0.5)).expect("it is long");
    set(DrumSetting::Chopper(ChopperSetting::Put(SliceId(1), half)));
    for (pad, called, sound) in [
        (0, "Kick", sample("kick.wav")),
        (1, "Snare", sample("snare-tight.wav")),
        (2, "Hat", PadSound::Slice(SliceId(1))),
        (3, "Stab", PadSound::Instrument(LEAD, Pitch::of(60))),
    ] {
        let pad = PadNumber::new(pad).expect("in range");
        set(DrumSetting::Pad(pad, PadSetting::Name(name(called))));
        set(DrumSetting::Pad(pad, PadSetting::Sound(sound)));
    }
    let (beat, fill) = (PatternId(1), PatternId(2));
    set(DrumSetting::Pattern(beat, PatternSetting::Name(name("Beat"))));
    set(DrumSetting::AddPattern(fill));
    set(DrumSetting::Pattern(fill, PatternSetting::Name(name("Fill"))));
    let mut strike = |pattern, steps: &[Step]| {
        for step in steps {
            set(DrumSetting::Pattern(pattern, PatternSetting::On(*step)));
        }
    };
    strike(beat, &[0, 4, 8, 12].map(|n| step(0, n)));
    strike(beat, &[4, 12].map(|n| step(1, n)));
    strike(beat, &[2, 6, 10].map(|n| Step { velocity: Velocity::of(40), ..step(2, n) }));
    strike(beat, &[Step { probability: Amount::of(0.6), ..step(2, 14) }]);
    strike(beat, &[Step { pitch: Semitones::of(7), ..step(3, 11) }]);
    strike(fill, &[0, 2, 4, 6, 7].map(|n| step(1, n)));
    let length = StepCount::of(8);
    set(DrumSetting::Pattern(fill, PatternSetting::Length(length)));
    set(DrumSetting::Swing(Amount::of(0.2)));
}

/// The target of the bass's lane.
pub const CUTOFF: Target =
    Target::Instrument(BASS, InstrumentParameter::Filter(FilterParameter::Cutoff));
/// The target of the shared lane.
pub const TEMPO: Target = Target::Session(SessionParameter::Tempo);

/// A lane for the bass, one for the lead and two shared ones.
fn lanes(studio: &mut StudioState) {
    let level = Target::Instrument(LEAD, InstrumentParameter::Level);
    let pan = Target::Bus(BusId(1), BusParameter::Pan);
    let mut lane = |target, points: &[Point]| {
        act(studio, &NetworkAction::Automation(target, AutomationAction::Add));
        for point in points {
            act(studio, &NetworkAction::Automation(target, AutomationAction::Put(*point)));
        }
    };
    let smooth = Point { curve: Curve::Smooth, ..point(960, 0.9) };
    let hold = Point { curve: Curve::Hold, ..point(1920, 0.3) };
    lane(CUTOFF, &[point(0, 0.2), smooth, hold, point(2880, 0.6)]);
    lane(level, &[]);
    lane(TEMPO, &[point(0, 0.4), point(3840, 0.5)]);
    lane(pan, &[]);
    let off = AutomationAction::Set(LaneSetting::Enabled(false));
    act(studio, &NetworkAction::Automation(pan, off));
}

/// A point with a linear curve.
pub fn point(tick: u32, value: f32) -> Point {
    let tick = Ticks::new(tick).expect("in range");
    Point { tick, value: Amount::new(value).expect("in range"), curve: Curve::Linear }
}

/// Two clips for the bass and one for the pad, with placements.
fn clips(studio: &mut StudioState) {
    let name = |text| Name::new(text).expect("a name");
    let mut clip = |id, action| act(studio, &NetworkAction::Clip(id, action));
    let (verse, chorus) = (ClipId(1), ClipId(2));
    let region = LoopRegion::TWO_BARS;
    clip(BASS, ClipAction::Capture { clip: verse, name: name("Verse"), region });
    let length = NoteLength::of(4 * 1920);
    clip(BASS, ClipAction::Create { clip: chorus, name: name("Chorus"), length });
    clip(PAD, ClipAction::Create { clip: verse, name: name("Warm"), length });
    let mut place = |id, placement, clip, tick| {
        let (placement, tick) = (PlacementId(placement), Ticks::new(tick).expect("in range"));
        let place = PlacementAction::Place { placement, clip, tick };
        act(studio, &NetworkAction::Placement(id, place));
    };
    place(BASS, 1, verse, 0);
    place(BASS, 2, verse, 3840);
    place(BASS, 3, chorus, 4 * 1920);
    place(PAD, 1, verse, 2 * 1920);
}

/// A step with default values.
pub fn step(pad: u8, step: u8) -> Step {
    let pad = PadNumber::new(pad).expect("in range");
    Step::new(pad, StepNumber::new(step).expect("in range"))
}

/// For the bass: a soft note, one with a probability and a long one.
fn second_bar(studio: &mut StudioState) {
    let soft = Note { velocity: Velocity::of(20), ..note(1920, 48) };
    let maybe = Note { probability: Probability::of(70), ..note(2400, 50) };
    let long = Note { length: NoteLength::of(960), ..note(2880, 48) };
    for note in [soft, maybe, long] {
        act(studio, &NetworkAction::PianoRoll(BASS, PianoRollAction::Add(note)));
    }
}

/// Applies an action to a studio.
pub fn act(studio: &mut StudioState, action: &NetworkAction) {
    Studio::reduce(studio, action).unwrap_or_else(|why| panic!("{action:?}: {why}"));
}

/// An eighth note.
pub fn note(tick: u32, pitch: u8) -> Note {
    Note {
        tick: Ticks::new(tick).expect("in range"),
        pitch: Pitch::new(pitch).expect("in range"),
        length: NoteLength::of(240),
        velocity: Velocity::of(100),
        probability: Probability::MAX,
    }
}

/// Adds an instrument.
pub fn add(studio: &mut StudioState, id: u32, name: &str) {
    let name = Name::new(name).expect("a name");
    let id = InstrumentId(id);
    act(studio, &NetworkAction::AddInstrument { id, name, source: SourceKind::Fm });
}

/// An action that sets the cutoff of an instrument.
pub fn cutoff(id: InstrumentId, hertz: f32) -> NetworkAction {
    let setting = FilterSetting::Cutoff(Hertz::new(hertz).expect("in range"));
    NetworkAction::Instrument(id, InstrumentAction::Set(InstrumentSetting::Filter(setting)))
}
