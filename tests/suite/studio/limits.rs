//! Size limits: the largest state and the largest action must fit into a frame.

use imbolc_net::{
    model::{InstrumentId, Model},
    protocol::{ActionNumber, ClientMessage, limits},
    studio::{
        BandSetting, BusId, BusSendSetting, BusSetting, ChainSetting, ChainedPatterns,
        ChopperSetting, ClientState, ClipboardAction, Content, ContentHash, Definition, DrumAction,
        DrumSetting, EffectKind, EffectSetting, EqualiserSetting, InstrumentAction,
        InstrumentSetting, LoadedSetting, LocalAction, LoopRegion, MAX_ACTION_BYTES, MAX_BUSES,
        MAX_CHAINED, MAX_CLIP_NOTES_IN_ALL, MAX_CLIPS_IN_ALL, MAX_INSTRUMENTS, MAX_LANES,
        MAX_MAPPINGS, MAX_NOTES_IN_ALL, MAX_PARAMETERS, MAX_PARAMETERS_IN_ALL, MAX_PASTED,
        MAX_PATTERNS_IN_ALL, MAX_PLACEMENTS_IN_ALL, MAX_POINTS_IN_ALL, MAX_SLOTS, MAX_STATE_BYTES,
        MAX_STEPS_IN_ALL, MAX_STEPS_PASTED, MAX_TOUCHED, MixerSetting, Name, NetworkAction, Note,
        PadSetting, PadSound, Parameter, ParameterId, Pattern, PatternId, PianoRollAction,
        PluginId, RegistrySetting, SelectionAction, SendsSetting, SlotId, SourceKind,
        SourceSetting, Step, Studio, StudioState,
    },
    util::quantity::{
        Decibels, Gain, NoteLength, PadNumber, ParameterValue, Pitch, Probability, Semitones,
        SliceCount, StepNumber, Ticks, Velocity,
    },
};
use serde::Serialize;

use super::studio;

/// 64 characters of four bytes, the most that UTF-8 uses.
fn longest_name() -> Name {
    Name::new(&"\u{1d11e}".repeat(64)).unwrap()
}

fn content() -> Content {
    Content { name: longest_name(), digest: ContentHash([255; 16]) }
}

/// A value with the longest JSON form.
fn long_value() -> ParameterValue {
    ParameterValue::of(-100_000.13)
}

/// The size as an element of a JSON list or map.
fn size(value: &impl Serialize) -> usize {
    serde_json::to_string(value).unwrap().len() + ",".len()
}

fn largest_note() -> usize {
    size(&Note {
        tick: Ticks::MAX,
        pitch: Pitch::MAX,
        length: NoteLength::MAX,
        velocity: Velocity::MAX,
        probability: Probability::MAX,
    })
}

fn largest_step() -> usize {
    let step = Step::new(PadNumber::MAX, StepNumber::MAX);
    // The longest probability has ten characters more than `1.0`.
    size(&Step { velocity: Velocity::MAX, pitch: Semitones::MIN, ..step }) + 10
}

fn largest_parameter() -> usize {
    let value = long_value();
    size(&Parameter::new(longest_name(), value, value, value).unwrap())
}

#[test]
fn largest_action_fits_its_limit() {
    for largest in [
        MAX_PASTED * largest_note(),
        MAX_STEPS_PASTED * largest_step(),
        MAX_PARAMETERS * largest_parameter(),
    ] {
        assert!(largest + 400 <= MAX_ACTION_BYTES, "{largest}");
    }
}

#[test]
fn largest_paste_fits_one_frame() {
    let mut studio = StudioState::starter();
    let mut client = ClientState::default();
    let id = InstrumentId(1);
    let first = Ticks::of(1_000_000_000);
    let note = |n| Note {
        tick: Ticks::of(first.get() + n),
        pitch: Pitch::MAX,
        length: NoteLength::MAX,
        velocity: Velocity::MAX,
        probability: Probability::MAX,
    };
    // The clipboard refuses more than three pastes of notes.
    for page in 0..3 {
        let page = page * 4096;
        let paste = PianoRollAction::Paste((page..page + 4096).map(note).collect());
        Studio::reduce(&mut studio, &NetworkAction::PianoRoll(id, paste)).unwrap();
    }
    let all = LoopRegion::new(first, note(3 * 4096).tick).unwrap();
    let mut handle = |action| client.handle(action, &studio);
    handle(LocalAction::Selection(SelectionAction::Instrument(id))).unwrap();
    handle(LocalAction::Selection(SelectionAction::Cursor(first, Pitch::MIN))).unwrap();
    handle(LocalAction::Clipboard(ClipboardAction::Copy(all))).unwrap();
    let actions = handle(LocalAction::Clipboard(ClipboardAction::Paste)).unwrap();
    let number = ActionNumber(u64::MAX);
    let message: ClientMessage<Studio> = ClientMessage::Batch { number, actions };
    assert!(size(&message) <= limits::CLIENT_FRAME, "{} bytes", size(&message));
}

#[test]
fn largest_state_fits_its_limit() {
    let mut state = studio(1, 0);
    add_buses_and_sends(&mut state);
    for pitch in 0..128 {
        let play = InstrumentAction::Play(Pitch::of(pitch), Velocity::MAX);
        act(&mut state, NetworkAction::Instrument(ID, play));
    }
    fill_chain(&mut state);
    // Up to 16 more characters for each parameter that is not set above.
    let slack = 100 * 16;
    let instrument = size(state.instruments.get(ID).unwrap()) + slack + touched();
    let bus = size(state.mixer.bus(BusId(u32::MAX)).unwrap()) + slack;

    let key = r#""4294967295":"#.len();
    let each = instrument + key + largest_drum_machine() + key + key + "[],".len();
    let mapping = 200;
    let largest = MAX_INSTRUMENTS * each
        + (MAX_BUSES + 1) * (bus + key)
        + MAX_NOTES_IN_ALL * largest_note()
        + MAX_STEPS_IN_ALL * largest_step()
        + MAX_PATTERNS_IN_ALL * (size(&Pattern::default()) + longest_name().as_str().len() + 20)
        + MAX_PARAMETERS_IN_ALL * largest_parameter()
        + MAX_MAPPINGS * mapping
        + largest_arrangement()
        + 1_000_000;
    assert!(largest <= MAX_STATE_BYTES, "{largest}");
}

/// All tracks without their notes, all clips and placements, all lanes.
fn largest_arrangement() -> usize {
    let track = concat!(
        r#""4294967295":{"voices":"Mono","armed":false,"looping":false,"#,
        r#""region":{"start":2000000000,"end":2000000000},"notes":[]},"#,
    );
    let part = r#""4294967295":{"clips":{},"placements":{}},"#;
    let clip = r#""4294967295":{"name":"","length":2000000000,"notes":[]},"#.len() + 4 * 64;
    let placement = r#""4294967295":{"clip":4294967295,"tick":2000000000,"length":2000000000},"#;
    let lane = concat!(
        r#"[{"Instrument":[4294967295,{"Chain":{"Effect":[65535,"#,
        r#"{"Equaliser":{"Presence":"Frequency"}}]}}]},"#,
        r#"{"enabled":false,"armed":false,"points":{}}],"#,
    );
    let point = r#""2000000000":{"value":0.12345679,"curve":"SlowStart"},"#;
    MAX_INSTRUMENTS * (track.len() + part.len())
        + MAX_CLIPS_IN_ALL * clip
        + MAX_CLIP_NOTES_IN_ALL * largest_note()
        + MAX_PLACEMENTS_IN_ALL * placement.len()
        + MAX_LANES * lane.len()
        + MAX_POINTS_IN_ALL * point.len()
}

const ID: InstrumentId = InstrumentId(1);

fn act(state: &mut StudioState, action: NetworkAction) {
    Studio::reduce(state, &action).unwrap();
}

fn set(state: &mut StudioState, setting: InstrumentSetting) {
    act(state, NetworkAction::Instrument(ID, InstrumentAction::Set(setting)));
}

fn add_buses_and_sends(state: &mut StudioState) {
    set(state, InstrumentSetting::Name(longest_name()));
    for bus in (0..64).map(|n| BusId(u32::MAX - n)) {
        act(state, NetworkAction::Mixer(MixerSetting::AddBus(bus, longest_name())));
        set(state, InstrumentSetting::Sends(SendsSetting::Add(bus)));
        let level = BusSendSetting::Level(Decibels::of(-100.123_45));
        set(state, InstrumentSetting::Sends(SendsSetting::Set(bus, level)));
    }
}

/// Fills the chains of the instrument and of a bus with equalisers, the largest effects.
fn fill_chain(state: &mut StudioState) {
    let gain = || BandSetting::Gain(Gain::of(-12.123_457));
    let bands = [
        EqualiserSetting::Low(gain()),
        EqualiserSetting::LowMid(gain()),
        EqualiserSetting::Mid(gain()),
        EqualiserSetting::HighMid(gain()),
        EqualiserSetting::Presence(gain()),
        EqualiserSetting::High(gain()),
    ];
    let mut both = |setting: ChainSetting| {
        let bus = MixerSetting::Bus(BusId(u32::MAX), BusSetting::Chain(setting.clone()));
        act(state, NetworkAction::Mixer(bus));
        set(state, InstrumentSetting::Chain(setting));
    };
    for slot in (0..u16::try_from(MAX_SLOTS).unwrap()).map(|n| SlotId(u16::MAX - n)) {
        both(ChainSetting::Add(slot, EffectKind::Equaliser, 0));
        for band in &bands {
            both(ChainSetting::Effect(slot, EffectSetting::Equaliser(band.clone())));
        }
    }
}

/// The touched parameters of the plug-ins in the source and in the chain.
fn touched() -> usize {
    2 * MAX_TOUCHED * (size(&long_value()) + r#""65535":"#.len()) + size(&content())
}

fn largest_drum_machine() -> usize {
    let mut state = studio(1, 0);
    let set_drums = |state: &mut StudioState, setting| {
        act(state, NetworkAction::Drums(ID, DrumAction::Set(setting)));
    };
    set(&mut state, InstrumentSetting::Source(SourceSetting::Kind(SourceKind::DrumKit)));
    for pad in (0..16).map(PadNumber::of) {
        set_drums(&mut state, DrumSetting::Pad(pad, PadSetting::Name(longest_name())));
        let sound = PadSetting::Sound(PadSound::Sample(content()));
        set_drums(&mut state, DrumSetting::Pad(pad, sound));
        let level = PadSetting::Level(Decibels::of(-100.123_45));
        set_drums(&mut state, DrumSetting::Pad(pad, level));
    }
    let sample = ChopperSetting::Sample(Some(content()));
    set_drums(&mut state, DrumSetting::Chopper(sample));
    act(&mut state, NetworkAction::Drums(ID, DrumAction::Chop(SliceCount::of(63))));
    set_drums(&mut state, DrumSetting::AddPattern(PatternId(u16::MAX)));
    set_drums(&mut state, DrumSetting::DeletePattern(PatternId(1)));
    let chain = ChainedPatterns::new(vec![PatternId(u16::MAX); MAX_CHAINED]).unwrap();
    set_drums(&mut state, DrumSetting::Chain(chain));
    // Room for slice ids of five digits and for longer numbers.
    size(state.drums.machine(ID).unwrap()) + 500
}

#[test]
fn touched_parameters_are_limited_per_chain() {
    let mut state = studio(1, 0);
    let value = ParameterValue::of(0.5);
    let (min, max) = (ParameterValue::of(0.0), ParameterValue::of(1.0));
    let parameter = Parameter::new(Name::default(), min, max, min).unwrap();
    let parameters = vec![parameter; MAX_PARAMETERS];
    let definition = Definition { name: Name::default(), parameters }.into();
    let plugin = PluginId(1);
    act(&mut state, NetworkAction::Registry(RegistrySetting::AddPlugin(plugin, definition)));
    let vst = |slot, setting| {
        let setting = ChainSetting::Effect(SlotId(slot), EffectSetting::Vst(setting));
        let setting = InstrumentSetting::Chain(setting);
        NetworkAction::Instrument(ID, InstrumentAction::Set(setting))
    };
    let touch = |slot, n| vst(slot, LoadedSetting::Set(ParameterId(n), value));
    for slot in [1, 2] {
        let add = ChainSetting::Add(SlotId(slot), EffectKind::Vst, 0);
        set(&mut state, InstrumentSetting::Chain(add));
        act(&mut state, vst(slot, LoadedSetting::Load(plugin)));
        (0..128).for_each(|n| act(&mut state, touch(slot, n)));
    }
    act(&mut state, touch(1, 127));
    assert!(Studio::reduce(&mut state.clone(), &touch(1, 128)).is_err());
    act(&mut state, vst(2, LoadedSetting::Reset(ParameterId(5))));
    act(&mut state, touch(1, 128));
}

/// A patch that puts `count` notes into a track, one a tick.
fn patch_of_notes(base: &StudioState, count: usize) -> <Studio as Model>::Patch {
    let mut patch = Studio::diff(base, &with_note(base, 0)).unwrap();
    let first = patch.0.pop().unwrap();
    let json = serde_json::to_value(first).unwrap();
    patch.0.extend((0..count).map(|tick| {
        let mut json = json.clone();
        json["PianoRoll"][1]["Put"]["tick"] = tick.into();
        serde_json::from_value(json).unwrap()
    }));
    patch
}

fn with_note(base: &StudioState, tick: u32) -> StudioState {
    let mut state = base.clone();
    let note = Note {
        tick: Ticks::of(tick),
        pitch: Pitch::MIN,
        length: NoteLength::of(1),
        velocity: Velocity::of(1),
        probability: Probability::MAX,
    };
    let add = NetworkAction::PianoRoll(ID, imbolc_net::studio::PianoRollAction::Add(note));
    act(&mut state, add);
    state
}

#[test]
fn patches_and_full_states_keep_the_limits_on_notes() {
    use imbolc_net::{
        NetworkState,
        protocol::{Seq, StatePatch},
        studio::MAX_NOTES,
    };

    let base = studio(1, 0);
    let state = NetworkState::<Studio> { seq: Seq(0), model: base, roster: Default::default() };
    let patched = |count| {
        let model = Some(patch_of_notes(&state.model, count));
        state.patched(&StatePatch { base: Seq(0), seq: Seq(1), roster: vec![], model })
    };
    assert!(patched(MAX_NOTES).is_ok());
    let error = patched(MAX_NOTES + 1).unwrap_err().to_string();
    assert!(error.contains("there may be at most 65536 notes in a track"), "{error}");

    // As many in each of five tracks are too many in all.
    let mut full = serde_json::to_value(studio(5, 0)).unwrap();
    let track = serde_json::to_value(&patched(MAX_NOTES).unwrap().model).unwrap();
    let track = track["piano_roll"]["1"].clone();
    for id in 1..=5 {
        full["piano_roll"][id.to_string()] = track.clone();
    }
    let error = serde_json::from_value::<StudioState>(full).unwrap_err().to_string();
    assert!(error.contains("there may be at most 262144 notes in total"), "{error}");
}
