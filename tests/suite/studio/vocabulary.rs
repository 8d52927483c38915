//! Strategies for random actions of every kind.
//!
//! Ids, positions and keys come from small sets, so that actions affect each other; values cover
//! their whole range. Each strategy is boxed, because unboxed ones overflow the stack of a test.

use std::sync::Arc;

/// A strategy for each table of settings. A setting without a row does not compile.
macro_rules! settings_of {
    ($( $name:ident: $setting:ident { $( $variant:ident: $value:expr, )+ } )+) => { $(
        pub fn $name() -> BoxedStrategy<$setting> {
            let _a_row_for_each = |setting: &$setting| match setting {
                $( $setting::$variant(_) => (), )+
            };
            proptest::strategy::Union::new([
                $( $value.prop_map($setting::$variant).boxed(), )+
            ])
            .boxed()
        }
    )+ };
}

mod at_work;
mod drums;
mod effects;
mod modulators;
mod sources;

use imbolc_net::{
    model::{Digest, InstrumentId},
    studio::{
        ArrangementSetting, AtEnd, AutomationAction, BusId, BusInputSetting, BusParameter,
        BusSendParameter, BusSendSetting, BusSetting, ChainParameter, ChainSetting, Channels,
        ChordShape, ClickSetting, ClipAction, ClipId, CompressorSetting, Content, ContentHash,
        Curve, Definition, Device, DrumParameter, EffectKind, EffectParameter, EffectSetting,
        EnvelopeSetting, FilterKind, FilterSetting, HumaniseSetting, InstrumentAction,
        InstrumentKnob, InstrumentParameter, InstrumentSetting, Key, KeyHold, LaneSetting,
        LayerGroupId, LayerGroupParameter, LayerGroupSetting, LfoShape, LoadedSetting, LoopRegion,
        Mapping, MappingId, MasterParameter, MasterSetting, MidiMapSetting, MidiTarget,
        MixerSetting, Name, Names, NetworkAction, Note, NoteValue, Output, PadParameter, Parameter,
        ParameterId, PianoRollAction, PlacementAction, PlacementId, PlayMode, PluginId, Point,
        ProjectAction, ProjectFailure, ProjectName, ProjectOutcome, ProjectReport, RegistrySetting,
        Scale, SendsParameter, SendsSetting, SessionParameter, SessionSetting, Shelf, SlotId,
        SourceKind, SourceSetting, StripKnob, StudioState, SynthDefId, Target, TimeSignature,
        TrackSetting, TransportAction, TransportReport, TuningSetting, TuningSystem, Voices,
    },
    util::quantity::{
        Amount, BitDepth, Bpm, Cents, CompressionRatio, ConcertPitch, CountIn, Decibels, Feedback,
        FrequencyRatio, Gain, GrainRate, Harmonics, Hertz, InputChannel, MidiChannel,
        MidiController, ModulationIndex, ModulationRate, NoteLength, OctaveShift, OctaveSpan,
        Octaves, PadNumber, Pan, ParameterChange, ParameterValue, Pitch, Probability, Quality,
        Seconds, Semitones, StepCount, Ticks, TimingOffset, Velocity, VoiceCount,
    },
    util::time::Millis,
};
use proptest::{prelude::*, sample::select};

pub use self::{
    at_work::at_work,
    modulators::{arpeggiator, groove},
};
use self::{drums::drum, effects::effect, modulators::lfo, sources::source};
/// A strategy for each quantity over its whole range, with frequent limits.
macro_rules! any_of {
    ($($name:ident: $quantity:ident;)+) => { $(
        #[allow(dead_code, reason = "not every family has every quantity")]
        pub fn $name() -> BoxedStrategy<$quantity> {
            let (min, max) = ($quantity::MIN, $quantity::MAX);
            prop_oneof![
                8 => (min.get()..=max.get()).prop_map($quantity::of),
                1 => Just(min),
                1 => Just(max),
            ]
            .boxed()
        }
    )+ };
}

any_of! {
    amount: Amount;
    bit_depth: BitDepth;
    bpm: Bpm;
    cents: Cents;
    compression_ratio: CompressionRatio;
    concert_pitch: ConcertPitch;
    count_in: CountIn;
    decibels: Decibels;
    feedback: Feedback;
    gain: Gain;
    grain_rate: GrainRate;
    harmonics: Harmonics;
    hertz: Hertz;
    index: ModulationIndex;
    input_channel: InputChannel;
    length: NoteLength;
    midi_channel: MidiChannel;
    midi_controller: MidiController;
    modulation_rate: ModulationRate;
    octave_shift: OctaveShift;
    octave_span: OctaveSpan;
    octaves: Octaves;
    pan: Pan;
    probability: Probability;
    quality: Quality;
    ratio: FrequencyRatio;
    seconds: Seconds;
    semitones: Semitones;
    step_count: StepCount;
    ticks: Ticks;
    timing_offset: TimingOffset;
    velocity: Velocity;
    voices: VoiceCount;
}

pub fn action() -> BoxedStrategy<NetworkAction> {
    prop_oneof![
        4 => (instrument_id(), name(), source_kind())
            .prop_map(|(id, name, source)| NetworkAction::AddInstrument { id, name, source }),
        1 => instrument_id().prop_map(NetworkAction::DeleteInstrument),
        12 => (instrument_id(), instrument()).prop_map(|(id, a)| NetworkAction::Instrument(id, a)),
        6 => (instrument_id(), piano_roll()).prop_map(|(id, a)| NetworkAction::PianoRoll(id, a)),
        3 => (instrument_id(), clip()).prop_map(|(id, a)| NetworkAction::Clip(id, a)),
        4 => (instrument_id(), placement()).prop_map(|(id, a)| NetworkAction::Placement(id, a)),
        1 => arrangement().prop_map(NetworkAction::Arrangement),
        6 => (target(), automation()).prop_map(|(t, a)| NetworkAction::Automation(t, a)),
        1 => project().prop_map(NetworkAction::Project),
        1 => project_report().prop_map(NetworkAction::ProjectReport),
        12 => (prop_oneof![1 => instrument_id(), 3 => Just(InstrumentId(4))], drum()).prop_map(|(id, a)| NetworkAction::Drums(id, a)),
        14 => fitting_setting(),
        3 => (device(), parameter_id(), change())
            .prop_map(|(device, p, by)| NetworkAction::Adjust(device, p, by)),
        3 => registry().prop_map(NetworkAction::Registry),
        2 => session().prop_map(NetworkAction::Session),
        2 => midi().prop_map(|s| NetworkAction::Session(SessionSetting::Midi(s))),
        1 => transport().prop_map(NetworkAction::Transport),
        1 => transport_report().prop_map(NetworkAction::TransportReport),
        6 => mixer().prop_map(NetworkAction::Mixer),
        1 => Just(NetworkAction::Panic),
    ]
    .boxed()
}

/// Several edits of one instrument in a row, mostly of its source, which a patch sends parameter by
/// parameter.
pub fn burst() -> BoxedStrategy<Vec<NetworkAction>> {
    let edit = prop_oneof![
        instrument(),
        source().prop_map(|s| { InstrumentAction::Set(InstrumentSetting::Source(s)) })
    ];
    (instrument_id(), prop::collection::vec(edit, 1..16))
        .prop_map(|(id, edits)| {
            edits.into_iter().map(|edit| NetworkAction::Instrument(id, edit)).collect()
        })
        .boxed()
}

/// Notes, clips, lanes, drum steps and grooves within the first bars. Instrument 3 must be a drum
/// kit.
pub fn composition() -> BoxedStrategy<NetworkAction> {
    fn tick() -> BoxedStrategy<Ticks> {
        (0u32..900).prop_map(Ticks::of).boxed()
    }
    let id = (1u32..4).prop_map(InstrumentId);
    let lasting = (1u32..700).prop_map(NoteLength::of).boxed();
    let notes = (tick(), pitch(), lasting.clone(), velocity(), probability()).prop_map(
        |(tick, pitch, length, velocity, probability)| Note {
            tick,
            pitch,
            length,
            velocity,
            probability,
        },
    );
    let regions = (0u32..600, 1u32..600)
        .prop_map(|(start, length)| {
            LoopRegion::new(Ticks::of(start), Ticks::of(start + length)).unwrap()
        })
        .boxed();
    let tracks = prop_oneof![
        Just(TrackSetting::Voices(Voices::Mono)),
        any::<bool>().prop_map(TrackSetting::Looping),
        regions.clone().prop_map(TrackSetting::Region),
    ];
    let targets = prop_oneof![
        Just(Target::Session(SessionParameter::Tempo)),
        Just(Target::Session(SessionParameter::Swing)),
        Just(Target::Drums(InstrumentId(3), DrumParameter::Swing)),
        Just(Target::Master(MasterParameter::Level)),
        (1u32..3).prop_map(|id| Target::Instrument(InstrumentId(id), InstrumentParameter::Pan)),
    ];
    let grooves = groove().prop_map(|set| InstrumentAction::Set(InstrumentSetting::Groove(set)));
    let feel = prop_oneof![
        amount().prop_map(SessionSetting::Swing),
        time_signature().prop_map(SessionSetting::TimeSignature),
        humanise().prop_map(SessionSetting::Humanise),
        click().prop_map(SessionSetting::Click),
    ];
    let points = prop_oneof![
        Just(AutomationAction::Add),
        (tick(), point()).prop_map(|(tick, point)| AutomationAction::Put(Point { tick, ..point })),
    ];
    let clips = (clip_id(), name(), regions).prop_map(|(clip, name, region)| ClipAction::Capture {
        clip,
        name,
        region,
    });
    let placements = prop_oneof![
        (placement_id(), clip_id(), tick()).prop_map(|(placement, clip, tick)| {
            PlacementAction::Place { placement, clip, tick }
        }),
        (placement_id(), lasting).prop_map(|(id, length)| PlacementAction::Resize(id, length)),
    ];
    prop_oneof![
        8 => (id.clone(), notes)
            .prop_map(|(id, note)| NetworkAction::PianoRoll(id, PianoRollAction::Add(note))),
        2 => (id.clone(), tracks)
            .prop_map(|(id, set)| NetworkAction::PianoRoll(id, PianoRollAction::Set(set))),
        4 => (targets, points).prop_map(|(t, action)| NetworkAction::Automation(t, action)),
        3 => (id.clone(), clips).prop_map(|(id, action)| NetworkAction::Clip(id, action)),
        3 => (id.clone(), placements).prop_map(|(id, action)| NetworkAction::Placement(id, action)),
        1 => arrangement().prop_map(NetworkAction::Arrangement),
        6 => drums::beat().prop_map(|beat| NetworkAction::Drums(InstrumentId(3), beat)),
        2 => feel.prop_map(NetworkAction::Session),
        3 => (id, grooves).prop_map(|(id, set)| NetworkAction::Instrument(id, set)),
    ]
    .boxed()
}

pub fn instrument_id() -> BoxedStrategy<InstrumentId> {
    (0u32..7).prop_map(InstrumentId).boxed()
}

pub fn bus_id() -> BoxedStrategy<BusId> {
    (0u32..4).prop_map(BusId).boxed()
}

fn place() -> BoxedStrategy<Ticks> {
    prop_oneof![9 => (0u32..6).prop_map(Ticks::of), 1 => Just(Ticks::MAX)].boxed()
}

pub fn pitch() -> BoxedStrategy<Pitch> {
    select(vec![0, 60, 61, 127]).prop_map(Pitch::of).boxed()
}

pub fn name() -> BoxedStrategy<Name> {
    "[A-Za-zäß♭][ -~ä♭]{0,20}".prop_map(|text| Name::new(&text).unwrap()).boxed()
}

fn key_hold() -> BoxedStrategy<KeyHold> {
    prop_oneof![Just(KeyHold::Unknown), any::<u32>().prop_map(|ms| KeyHold::Held(Millis(ms)))]
        .boxed()
}

fn instrument() -> BoxedStrategy<InstrumentAction> {
    prop_oneof![
        6 => instrument_setting().prop_map(InstrumentAction::Set),
        4 => chain().prop_map(|s| InstrumentAction::Set(InstrumentSetting::Chain(s))),
        2 => (pitch(), velocity()).prop_map(|(p, v)| InstrumentAction::Play(p, v)),
        1 => pitch().prop_map(InstrumentAction::Release),
        1 => (pitch(), key_hold()).prop_map(|(p, hold)| InstrumentAction::ReleaseLate(p, hold)),
        1 => Just(InstrumentAction::ReleaseAll),
    ]
    .boxed()
}

settings_of! {
    instrument_setting: InstrumentSetting {
        Name: name(),
        Source: prop_oneof![source(), source_reference()],
        Filter: filter(),
        Amp: envelope(),
        Chain: chain(),
        Lfo: lfo(),
        Arpeggiator: arpeggiator(),
        Chord: select(ChordShape::ALL),
        Groove: groove(),
        LayerGroup: maybe(layer_group_id()),
        Octave: octave_shift(),
        Channels: select(vec![Channels::Mono, Channels::Stereo]),
        Level: decibels(),
        Pan: pan(),
        Mute: any::<bool>(),
        Solo: any::<bool>(),
        Output: output(),
        Sends: sends(),
    }
    filter: FilterSetting {
        Kind: select(vec![FilterKind::Off, FilterKind::LowPass, FilterKind::HighPass]),
        Cutoff: hertz(),
        Resonance: amount(),
        Sweep: octaves(),
        Tracking: amount(),
    }
    envelope: EnvelopeSetting {
        Attack: seconds(),
        Decay: seconds(),
        Sustain: amount(),
        Release: seconds(),
    }
}

/// Every kind, with frequent kinds that hold references.
fn source_kind() -> BoxedStrategy<SourceKind> {
    let others = [SourceKind::DrumKit, SourceKind::Vst, SourceKind::SynthDef, SourceKind::BusInput];
    prop_oneof![select(SourceKind::ALL), select(others.to_vec())].boxed()
}

/// Settings that fit few instruments, for instruments of [`at_work`] that they fit.
fn fitting_setting() -> BoxedStrategy<NetworkAction> {
    let bus = maybe(bus_id()).prop_map(|bus| SourceSetting::BusInput(BusInputSetting::Bus(bus)));
    let kind = source_kind().prop_map(SourceSetting::Kind);
    let set = |id, setting: BoxedStrategy<InstrumentSetting>| {
        setting.prop_map(move |setting| {
            NetworkAction::Instrument(InstrumentId(id), InstrumentAction::Set(setting))
        })
    };
    let source =
        |source: BoxedStrategy<SourceSetting>| source.prop_map(InstrumentSetting::Source).boxed();
    prop_oneof![
        2 => set(3, source(bus.boxed())),
        4 => set(5, source(plugin().prop_map(SourceSetting::Vst).boxed())),
        2 => set(6, source(synth_def().prop_map(SourceSetting::SynthDef).boxed())),
        1 => (2u32..7).prop_flat_map(move |id| set(id, source(kind.clone().boxed()))),
        6 => set(5, chain().prop_map(InstrumentSetting::Chain).boxed()),
        3 => set(5, effect_reference()
            .prop_map(|s| InstrumentSetting::Chain(ChainSetting::Effect(SlotId(0), s)))
            .boxed()),
    ]
    .boxed()
}

/// Settings of sources that hold references.
fn source_reference() -> BoxedStrategy<SourceSetting> {
    prop_oneof![
        plugin().prop_map(SourceSetting::Vst),
        synth_def().prop_map(SourceSetting::SynthDef),
        maybe(bus_id()).prop_map(|bus| SourceSetting::BusInput(BusInputSetting::Bus(bus))),
    ]
    .boxed()
}

/// Settings of effects that hold references.
fn effect_reference() -> BoxedStrategy<EffectSetting> {
    let side_chain = maybe(bus_id()).prop_map(CompressorSetting::SideChain);
    prop_oneof![
        plugin().prop_map(EffectSetting::Vst),
        side_chain.prop_map(EffectSetting::Compressor),
    ]
    .boxed()
}

fn chain() -> BoxedStrategy<ChainSetting> {
    let others = vec![EffectKind::Compressor, EffectKind::Vst];
    let kind = prop_oneof![select(EffectKind::ALL), select(others)];
    prop_oneof![
        4 => (slot_id(), kind, 0u8..6).prop_map(|(id, k, at)| ChainSetting::Add(id, k, at)),
        1 => slot_id().prop_map(ChainSetting::Remove),
        2 => (slot_id(), 0u8..6).prop_map(|(id, at)| ChainSetting::Move(id, at)),
        1 => (slot_id(), any::<bool>()).prop_map(|(id, on)| ChainSetting::Bypass(id, on)),
        6 => (slot_id(), prop_oneof![effect(), effect_reference()])
            .prop_map(|(id, s)| ChainSetting::Effect(id, s)),
    ]
    .boxed()
}

fn plugin() -> BoxedStrategy<LoadedSetting<PluginId>> {
    loaded(plugin_id())
}

fn synth_def() -> BoxedStrategy<LoadedSetting<SynthDefId>> {
    loaded(synth_def_id())
}

fn loaded<K: Clone + std::fmt::Debug + 'static>(
    id: BoxedStrategy<K>,
) -> BoxedStrategy<LoadedSetting<K>> {
    prop_oneof![
        3 => id.prop_map(LoadedSetting::Load),
        1 => Just(LoadedSetting::Unload),
        4 => (parameter_id(), value()).prop_map(|(id, v)| LoadedSetting::Set(id, v)),
        1 => parameter_id().prop_map(LoadedSetting::Reset),
        1 => maybe(content()).prop_map(LoadedSetting::Saved),
    ]
    .boxed()
}

fn registry() -> BoxedStrategy<RegistrySetting> {
    prop_oneof![
        3 => (synth_def_id(), definition()).prop_map(|(i, d)| RegistrySetting::AddSynthDef(i, d)),
        1 => synth_def_id().prop_map(RegistrySetting::DeleteSynthDef),
        3 => (plugin_id(), definition()).prop_map(|(id, d)| RegistrySetting::AddPlugin(id, d)),
        1 => plugin_id().prop_map(RegistrySetting::DeletePlugin),
    ]
    .boxed()
}

fn definition() -> BoxedStrategy<Arc<Definition>> {
    let parameter = (name(), [value(), value(), value()]).prop_map(|(name, mut range)| {
        range.sort();
        let [min, default, max] = range;
        Parameter::new(name, min, max, default).unwrap()
    });
    (name(), prop::collection::vec(parameter, 0..4))
        .prop_map(|(name, parameters)| Arc::new(Definition { name, parameters }))
        .boxed()
}

fn value() -> BoxedStrategy<ParameterValue> {
    (-2.0f32..2.0).prop_map(ParameterValue::of).boxed()
}

fn change() -> BoxedStrategy<ParameterChange> {
    (-4.0f32..4.0).prop_map(ParameterChange::of).boxed()
}

fn parameter_id() -> BoxedStrategy<ParameterId> {
    (0u16..3).prop_map(ParameterId).boxed()
}

fn plugin_id() -> BoxedStrategy<PluginId> {
    (0u32..2).prop_map(PluginId).boxed()
}

fn synth_def_id() -> BoxedStrategy<SynthDefId> {
    (0u32..2).prop_map(SynthDefId).boxed()
}

fn slot_id() -> BoxedStrategy<SlotId> {
    (0u16..4).prop_map(SlotId).boxed()
}

fn layer_group_id() -> BoxedStrategy<LayerGroupId> {
    (0u32..3).prop_map(LayerGroupId).boxed()
}

fn device() -> BoxedStrategy<Device> {
    prop_oneof![
        4 => instrument_id().prop_map(Device::Source),
        2 => (instrument_id(), slot_id()).prop_map(|(id, slot)| Device::Slot(id, slot)),
        1 => (bus_id(), slot_id()).prop_map(|(id, slot)| Device::BusSlot(id, slot)),
        1 => slot_id().prop_map(Device::MasterSlot),
    ]
    .boxed()
}

pub fn content() -> BoxedStrategy<Content> {
    (name(), any::<[u8; 16]>())
        .prop_map(|(name, bytes)| Content { name, digest: ContentHash(bytes) })
        .boxed()
}

pub fn note_value() -> BoxedStrategy<NoteValue> {
    select(NoteValue::ALL).boxed()
}

fn lfo_shape() -> BoxedStrategy<LfoShape> {
    select(vec![LfoShape::Sine, LfoShape::Square, LfoShape::SampleAndHold]).boxed()
}

pub fn maybe<T: Clone + std::fmt::Debug + 'static>(
    some: BoxedStrategy<T>,
) -> BoxedStrategy<Option<T>> {
    prop::option::of(some).boxed()
}

fn output() -> BoxedStrategy<Output> {
    prop_oneof![Just(Output::Master), bus_id().prop_map(Output::Bus)].boxed()
}

fn sends() -> BoxedStrategy<SendsSetting> {
    prop_oneof![
        bus_id().prop_map(SendsSetting::Add),
        bus_id().prop_map(SendsSetting::Remove),
        (bus_id(), decibels())
            .prop_map(|(bus, level)| SendsSetting::Set(bus, BusSendSetting::Level(level))),
        (bus_id(), any::<bool>())
            .prop_map(|(bus, on)| SendsSetting::Set(bus, BusSendSetting::PreFader(on))),
    ]
    .boxed()
}

fn note() -> BoxedStrategy<Note> {
    (place(), pitch(), length(), velocity(), probability())
        .prop_map(|(tick, pitch, length, velocity, probability)| Note {
            tick,
            pitch,
            length,
            velocity,
            probability,
        })
        .boxed()
}

fn piano_roll() -> BoxedStrategy<PianoRollAction> {
    prop_oneof![
        6 => note().prop_map(PianoRollAction::Add),
        2 => (place(), pitch()).prop_map(|(t, p)| PianoRollAction::Remove(t, p)),
        2 => (place(), pitch(), place(), pitch()).prop_map(|(tick, pitch, to_tick, to_pitch)| {
            PianoRollAction::Move { tick, pitch, to_tick, to_pitch }
        }),
        2 => (place(), pitch(), length()).prop_map(|(t, p, l)| PianoRollAction::Resize(t, p, l)),
        2 => (place(), pitch(), velocity())
            .prop_map(|(t, p, v)| PianoRollAction::Velocity(t, p, v)),
        2 => prop::collection::vec(note(), 0..12)
            .prop_map(|notes| PianoRollAction::Paste(notes.into_iter().collect())),
        2 => (place(), pitch(), probability())
            .prop_map(|(t, p, chance)| PianoRollAction::Probability(t, p, chance)),
        1 => region().prop_map(PianoRollAction::DeleteRegion),
        1 => Just(PianoRollAction::Clear),
        2 => prop_oneof![
            select(vec![Voices::Mono, Voices::Poly]).prop_map(TrackSetting::Voices),
            any::<bool>().prop_map(TrackSetting::Armed),
            any::<bool>().prop_map(TrackSetting::Looping),
            region().prop_map(TrackSetting::Region),
        ]
        .prop_map(PianoRollAction::Set),
    ]
    .boxed()
}

/// A region between the positions that notes and points have.
fn region() -> BoxedStrategy<LoopRegion> {
    (place(), place())
        .prop_filter_map("a region is not empty", |(a, b)| LoopRegion::new(a.min(b), a.max(b)).ok())
        .boxed()
}

fn clip_id() -> BoxedStrategy<ClipId> {
    (0u32..3).prop_map(ClipId).boxed()
}

fn placement_id() -> BoxedStrategy<PlacementId> {
    (0u32..3).prop_map(PlacementId).boxed()
}

fn clip() -> BoxedStrategy<ClipAction> {
    prop_oneof![
        3 => (clip_id(), name(), length())
            .prop_map(|(clip, name, length)| ClipAction::Create { clip, name, length }),
        2 => (clip_id(), name(), region())
            .prop_map(|(clip, name, region)| ClipAction::Capture { clip, name, region }),
        1 => (clip_id(), name()).prop_map(|(id, name)| ClipAction::Rename(id, name)),
        1 => (clip_id(), length()).prop_map(|(id, length)| ClipAction::Resize(id, length)),
        3 => (clip_id(), note()).prop_map(|(id, note)| ClipAction::Put(id, note)),
        1 => (clip_id(), place(), pitch()).prop_map(|(id, t, p)| ClipAction::Take(id, t, p)),
        1 => clip_id().prop_map(ClipAction::Delete),
    ]
    .boxed()
}

fn placement() -> BoxedStrategy<PlacementAction> {
    prop_oneof![
        3 => (placement_id(), clip_id(), place()).prop_map(|(placement, clip, tick)| {
            PlacementAction::Place { placement, clip, tick }
        }),
        1 => (placement_id(), place()).prop_map(|(id, tick)| PlacementAction::Move(id, tick)),
        1 => (placement_id(), length()).prop_map(|(id, len)| PlacementAction::Resize(id, len)),
        1 => (placement_id(), placement_id(), place()).prop_map(|(placement, copy, tick)| {
            PlacementAction::Duplicate { placement, copy, tick }
        }),
        1 => placement_id().prop_map(PlacementAction::Remove),
    ]
    .boxed()
}

fn arrangement() -> BoxedStrategy<ArrangementSetting> {
    prop_oneof![
        select(vec![PlayMode::PianoRoll, PlayMode::Arrangement]).prop_map(ArrangementSetting::Play),
        select(vec![AtEnd::GoOn, AtEnd::Stop, AtEnd::Repeat]).prop_map(ArrangementSetting::AtEnd),
    ]
    .boxed()
}

pub fn target() -> BoxedStrategy<Target> {
    prop_oneof![
        6 => (instrument_id(), instrument_parameter())
            .prop_map(|(id, parameter)| Target::Instrument(id, parameter)),
        1 => (instrument_id(), (0u8..16).prop_map(PadNumber::of), select(PadParameter::all()))
            .prop_map(|(id, pad, parameter)| Target::Pad(id, pad, parameter)),
        1 => instrument_id().prop_map(|id| Target::Drums(id, DrumParameter::Swing)),
        1 => (device(), parameter_id()).prop_map(|(device, id)| Target::Hosted(device, id)),
        2 => (bus_id(), prop_oneof![
            select(BusParameter::all()),
            chain_parameter().prop_map(BusParameter::Chain),
        ])
            .prop_map(|(id, parameter)| Target::Bus(id, parameter)),
        2 => (layer_group_id(), select(LayerGroupParameter::all()))
            .prop_map(|(id, parameter)| Target::LayerGroup(id, parameter)),
        1 => select(MasterParameter::all()).prop_map(Target::Master),
        1 => chain_parameter().prop_map(MasterParameter::Chain).prop_map(Target::Master),
        1 => select(SessionParameter::all()).prop_map(Target::Session),
    ]
    .boxed()
}

fn instrument_parameter() -> BoxedStrategy<InstrumentParameter> {
    prop_oneof![
        4 => select(InstrumentParameter::all()),
        2 => chain_parameter().prop_map(InstrumentParameter::Chain),
        1 => (bus_id(), select(BusSendParameter::all()))
            .prop_map(|(bus, send)| InstrumentParameter::Sends(SendsParameter(bus, send))),
    ]
    .boxed()
}

fn chain_parameter() -> BoxedStrategy<ChainParameter> {
    prop_oneof![
        slot_id().prop_map(ChainParameter::Bypass),
        (slot_id(), select(EffectParameter::all()))
            .prop_map(|(slot, parameter)| ChainParameter::Effect(slot, parameter)),
    ]
    .boxed()
}

fn point() -> BoxedStrategy<Point> {
    let curve =
        select(vec![Curve::Hold, Curve::Linear, Curve::SlowStart, Curve::SlowEnd, Curve::Smooth]);
    (place(), amount(), curve).prop_map(|(tick, value, curve)| Point { tick, value, curve }).boxed()
}

fn automation() -> BoxedStrategy<AutomationAction> {
    prop_oneof![
        8 => Just(AutomationAction::Add),
        1 => Just(AutomationAction::Delete),
        1 => any::<bool>().prop_map(|on| AutomationAction::Set(LaneSetting::Enabled(on))),
        1 => any::<bool>().prop_map(|on| AutomationAction::Set(LaneSetting::Armed(on))),
        6 => point().prop_map(AutomationAction::Put),
        2 => place().prop_map(AutomationAction::Remove),
        2 => (place(), point()).prop_map(|(tick, point)| AutomationAction::Move(tick, point)),
        1 => region().prop_map(AutomationAction::DeleteRegion),
        1 => (region(), place()).prop_map(|(r, to)| AutomationAction::CopyRegion(r, to)),
        2 => prop::collection::vec(point(), 0..12)
            .prop_map(|points| AutomationAction::Paste(points.into_iter().collect())),
    ]
    .boxed()
}

fn project_name() -> BoxedStrategy<ProjectName> {
    select(vec!["A", "Bé", "c"]).prop_map(|name| ProjectName::new(name).unwrap()).boxed()
}

fn project() -> BoxedStrategy<ProjectAction> {
    prop_oneof![
        Just(ProjectAction::New),
        Just(ProjectAction::Save),
        project_name().prop_map(ProjectAction::SaveAs),
        project_name().prop_map(ProjectAction::Load),
        Just(ProjectAction::List),
        project_name().prop_map(ProjectAction::CreateCheckpoint),
        project_name().prop_map(ProjectAction::RestoreCheckpoint),
        project_name().prop_map(ProjectAction::DeleteCheckpoint),
        project_name().prop_map(ProjectAction::Recover),
    ]
    .boxed()
}

fn project_report() -> BoxedStrategy<ProjectReport> {
    let names = || prop::collection::vec(project_name(), 0..3).prop_map(Names::new);
    let saved = maybe(any::<u64>().prop_map(Digest).boxed());
    let shelf = (names(), names(), saved, names())
        .prop_map(|(known, checkpoints, saved, recovered)| Shelf {
            known,
            checkpoints,
            saved,
            recovered,
        })
        .boxed();
    let piece = prop_oneof![Just(StudioState::default()), Just(StudioState::starter())];
    let outcome = prop_oneof![
        3 => shelf.clone().prop_map(ProjectOutcome::Done),
        1 => (shelf, piece)
            .prop_map(|(shelf, piece)| ProjectOutcome::Loaded(shelf, Arc::new(piece))),
        1 => select(vec![ProjectFailure::Missing, ProjectFailure::NoDirectory])
            .prop_map(ProjectOutcome::Failed),
    ];
    (project(), outcome).prop_map(|(task, outcome)| ProjectReport { task, outcome }).boxed()
}

settings_of! {
    session: SessionSetting {
        Name: name(),
        Tempo: bpm(),
        Key: select(vec![Key::C, Key::CSharp, Key::B]),
        Scale: select(vec![Scale::Major, Scale::Blues]),
        TimeSignature: time_signature(),
        Swing: amount(),
        Tuning: tuning(),
        Snap: maybe(note_value()),
        Click: click(),
        Humanise: humanise(),
        ChaseNotes: any::<bool>(),
        Midi: midi(),
    }
    tuning: TuningSetting {
        ConcertPitch: concert_pitch(),
        System: select(vec![TuningSystem::Equal, TuningSystem::Just, TuningSystem::Meantone]),
    }
    click: ClickSetting {
        On: any::<bool>(),
        Level: decibels(),
        Accent: any::<bool>(),
        CountIn: count_in(),
    }
    humanise: HumaniseSetting {
        Timing: amount(),
        Velocity: amount(),
    }
}

fn time_signature() -> BoxedStrategy<TimeSignature> {
    (1u8..=32, select(vec![1u8, 2, 4, 8, 16, 32]))
        .prop_map(|(beats, unit)| TimeSignature::new(beats, unit).unwrap())
        .boxed()
}

fn midi() -> BoxedStrategy<MidiMapSetting> {
    let id = || (0u16..5).prop_map(MappingId);
    prop_oneof![
        1 => maybe(midi_channel()).prop_map(MidiMapSetting::Channel),
        5 => (id(), mapping()).prop_map(|(id, mapping)| MidiMapSetting::Put(id, mapping)),
        1 => id().prop_map(MidiMapSetting::Remove),
    ]
    .boxed()
}

fn mapping() -> BoxedStrategy<Mapping> {
    let target = prop_oneof![
        instrument_id().prop_map(|id| MidiTarget::Instrument(id, InstrumentKnob::Cutoff)),
        bus_id().prop_map(|id| MidiTarget::Bus(id, StripKnob::Level)),
        Just(MidiTarget::Master(StripKnob::Pan)),
        Just(MidiTarget::Tempo),
    ];
    (maybe(midi_channel()), midi_controller(), target, amount(), amount())
        .prop_map(|(channel, controller, target, from, to)| Mapping {
            channel,
            controller,
            target,
            from,
            to,
        })
        .boxed()
}

fn transport() -> BoxedStrategy<TransportAction> {
    prop_oneof![
        Just(TransportAction::Play),
        Just(TransportAction::Stop),
        ticks().prop_map(TransportAction::Locate),
        any::<bool>().prop_map(TransportAction::Record),
        any::<bool>().prop_map(TransportAction::Loop),
        (ticks(), ticks())
            .prop_filter_map("a region is not empty", |(a, b)| {
                LoopRegion::new(a.min(b), a.max(b)).ok()
            })
            .prop_map(TransportAction::Region),
    ]
    .boxed()
}

fn transport_report() -> BoxedStrategy<TransportReport> {
    (0u64..4, ticks(), any::<bool>())
        .prop_map(|(generation, position, ended)| TransportReport { generation, position, ended })
        .boxed()
}

fn mixer() -> BoxedStrategy<MixerSetting> {
    prop_oneof![
        4 => (bus_id(), name()).prop_map(|(id, name)| MixerSetting::AddBus(id, name)),
        1 => bus_id().prop_map(MixerSetting::DeleteBus),
        4 => (bus_id(), bus()).prop_map(|(id, setting)| MixerSetting::Bus(id, setting)),
        2 => master().prop_map(MixerSetting::Master),
        2 => (layer_group_id(), name())
            .prop_map(|(id, name)| MixerSetting::AddLayerGroup(id, name)),
        1 => layer_group_id().prop_map(MixerSetting::DeleteLayerGroup),
        1 => (layer_group_id(), layer_group())
            .prop_map(|(id, setting)| MixerSetting::LayerGroup(id, setting)),
    ]
    .boxed()
}

settings_of! {
    bus: BusSetting {
        Name: name(),
        Level: decibels(),
        Pan: pan(),
        Mute: any::<bool>(),
        Solo: any::<bool>(),
        Chain: chain(),
    }
    master: MasterSetting {
        Level: decibels(),
        Pan: pan(),
        Mute: any::<bool>(),
        Chain: chain(),
    }
    layer_group: LayerGroupSetting {
        Name: name(),
        Level: decibels(),
        Mute: any::<bool>(),
        Solo: any::<bool>(),
    }
}
