//! Values as a musician reads and types them: every parameter of every kind, with its unit.

use imbolc_net::{
    model::{InstrumentId, Model},
    studio::{
        BusId, BusParameter, BusSetting, ChainSetting, Device, DrumParameter, EffectKind,
        FilterParameter, GrooveParameter, InstrumentParameter, LayerGroupParameter,
        MasterParameter, MixerSetting, Name, NetworkAction, NoteValue, PadParameter, ParameterId,
        SessionParameter, SlotId, SourceKind, Studio, StudioState, Target,
    },
    util::quantity::{Amount, Hertz, PadNumber},
};

use super::vocabulary::at_work;

const BUS: BusId = BusId(9);
const CUTOFF: Target =
    Target::Instrument(InstrumentId(1), InstrumentParameter::Filter(FilterParameter::Cutoff));

/// A studio with a source and an effect of every kind, and all its parameters.
fn everything() -> (StudioState, Vec<Target>) {
    let mut state = at_work();
    let mut act = |action| Studio::reduce(&mut state, &action).map(drop).unwrap();
    for (id, source) in (100..).map(InstrumentId).zip(SourceKind::ALL) {
        act(NetworkAction::AddInstrument { id, name: Name::default(), source: *source });
    }
    act(NetworkAction::Mixer(MixerSetting::AddBus(BUS, Name::default())));
    for (slot, kind) in (1..).map(SlotId).zip(EffectKind::ALL) {
        let add = BusSetting::Chain(ChainSetting::Add(slot, *kind, u8::MAX));
        act(NetworkAction::Mixer(MixerSetting::Bus(BUS, add)));
    }
    let targets = targets(&state);
    assert!(targets.len() > 400, "{}", targets.len());
    (state, targets)
}

/// All parameters in a state that lanes can move, but of pads only those of one, and of hosted
/// definitions only two.
pub fn targets(state: &StudioState) -> Vec<Target> {
    let mut targets = Vec::new();
    for (id, instrument) in state.instruments.iter() {
        targets.extend(instrument.parameters().into_iter().map(|it| Target::Instrument(id, it)));
        if state.drums.machine(id).is_some() {
            targets.extend(DrumParameter::ALL.iter().map(|it| Target::Drums(id, *it)));
            let pad = PadNumber::of(3);
            targets.extend(PadParameter::all().into_iter().map(|it| Target::Pad(id, pad, it)));
        }
    }
    for (id, bus) in state.mixer.buses() {
        targets.extend(BusParameter::all().into_iter().map(|it| Target::Bus(id, it)));
        let chain = bus.chain.parameters().into_iter();
        targets.extend(chain.map(|it| Target::Bus(id, BusParameter::Chain(it))));
    }
    for (id, _) in state.mixer.layer_groups() {
        targets.extend(LayerGroupParameter::all().into_iter().map(|it| Target::LayerGroup(id, it)));
    }
    targets.extend(MasterParameter::all().into_iter().map(Target::Master));
    targets.extend(SessionParameter::all().into_iter().map(Target::Session));
    targets.push(Target::Hosted(Device::Source(InstrumentId(5)), ParameterId(1)));
    targets.push(Target::Hosted(Device::MasterSlot(SlotId(0)), ParameterId(0)));
    targets
}

/// The text of a parameter after `action`.
fn shown_after(state: &StudioState, action: &NetworkAction, target: Target) -> String {
    let mut state = state.clone();
    Studio::reduce(&mut state, action).unwrap();
    target.shown(&state).unwrap()
}

#[test]
fn every_value_is_typed_as_it_is_shown() {
    let (state, targets) = everything();
    for target in targets {
        for part in [0.0, 0.003, 0.1, 0.25, 0.5, 0.617, 0.9, 1.0] {
            let shown = target.text(Amount::of(part), &state).unwrap();
            let typed = target.read(&shown, &state).unwrap_or_else(|e| panic!("{target}: {e}"));
            assert_eq!(shown_after(&state, &typed, target), shown, "{target}");
        }
    }
}

#[test]
fn present_value_is_shown_and_typed_as_it_is() {
    let (state, targets) = everything();
    for target in targets {
        let shown = target.shown(&state).unwrap();
        let typed = target.read(&shown, &state).unwrap_or_else(|e| panic!("{target}: {e}"));
        assert_eq!(shown_after(&state, &typed, target), shown, "{target}");
    }
    let swing = InstrumentParameter::Groove(GrooveParameter::Swing);
    let swing = Target::Instrument(InstrumentId(1), swing);
    assert_eq!(swing.shown(&state), Some("as session".into()));
}

#[test]
fn every_quantity_is_shown_with_its_unit() {
    // Counts, and what has no unit.
    let without = ["Voices", "Hands", "Harmonics", "Index", "Quality", "Channel", "parameter"];
    let (state, targets) = everything();
    for target in targets {
        for part in [0.0, 0.2, 1.0] {
            let shown = target.text(Amount::of(part), &state).unwrap();
            assert!(shown.chars().count() <= 17, "{target}: {shown}");
            let is_bare = shown.parse::<f64>().is_ok();
            let name = target.to_string();
            let may_be = without.iter().any(|it| name.contains(it));
            assert!(!is_bare || may_be, "{target} is shown as {shown}");
        }
    }
}

#[test]
fn nonsense_is_refused_with_unit_and_range() {
    let (state, targets) = everything();
    for target in targets {
        let refusal = target.read("xyzzy", &state).unwrap_err().to_string();
        for end in [Amount::MIN, Amount::MAX] {
            let end = target.text(end, &state).unwrap();
            assert!(refusal.contains(&end), "{target}: {refusal} does not name {end}");
        }
        assert!(refusal.starts_with("must be ") && refusal.ends_with(", not \"xyzzy\""));
    }
    let too_high = CUTOFF.read("30 kHz", &state).unwrap_err();
    assert_eq!(too_high.to_string(), "must be from 20 Hz to 20 kHz, not \"30 kHz\"");
}

#[test]
fn values_are_typed_in_many_ways() {
    let state = StudioState::starter();
    let exact = CUTOFF.read("8k", &state).unwrap();
    assert_eq!(exact, CUTOFF.read("8000", &state).unwrap());
    assert_eq!("8 kHz".parse(), Ok(Hertz::of(8000.0)));
    assert_eq!("1/16".parse(), Ok(NoteValue::Sixteenth));
    assert_eq!("Sixteenth Triplet".parse(), Ok(NoteValue::SixteenthTriplet));
    assert_eq!("1/8T".parse(), Ok(NoteValue::EighthTriplet));
    for (parameter, texts, shown) in [
        (SessionParameter::Tempo, &["121", "121 bpm", "121.0 BPM"][..], "121 bpm"),
        (SessionParameter::Key, &["c", "C"], "C"),
        (SessionParameter::Key, &["c#", "C#", "csharp", "C sharp", "Db", "d♭"], "C#"),
        (SessionParameter::Scale, &["dorian", "Dor"], "dorian"),
        (SessionParameter::Swing, &["20", "20 %", "20%"], "20 %"),
        (SessionParameter::Snap, &["off", "none"], "off"),
        (SessionParameter::Snap, &["1/4", "quarter", "Quarter"], "quarter"),
    ] {
        for text in texts {
            let target = Target::Session(parameter);
            let typed = target.read(text, &state).unwrap();
            assert_eq!(shown_after(&state, &typed, target), shown, "{text}");
        }
    }
}

#[test]
fn every_parameter_says_what_it_is() {
    let (_, targets) = everything();
    for target in targets {
        let meaning = target.meaning();
        assert!(meaning.len() > 8 && meaning.ends_with('.'), "{target}: {meaning:?}");
        assert!(!meaning.contains("[`"), "{target}: a link that nobody can follow: {meaning}");
    }
}
