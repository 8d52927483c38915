//! Random actions from the whole vocabulary. The ids, places and keys are few,
//! so that actions meet; the values are from the whole of their range.
//! Each strategy is boxed: unboxed, a whole vocabulary overflows a test's stack.

use std::sync::Arc;

use imbolc_net::{
    model::InstrumentId,
    quantity::{
        Amount, Bpm, Cents, Decibels, FrequencyRatio, Hertz, ModulationIndex, NoteLength, Octaves,
        Pan, Pitch, Probability, Seconds, Ticks, Velocity,
    },
    studio::{
        ArrangementSetting, AtEnd, AutomationAction, BusId, BusParameter, BusSendSetting,
        BusSetting, ClipAction, ClipId, Curve, EnvelopeSetting, FilterKind, FilterSetting,
        FmSetting, InstrumentAction, InstrumentParameter, InstrumentSetting, Key, KickSetting,
        LaneSetting, LoopRegion, MasterParameter, MasterSetting, MixerSetting, Name, Names,
        NetworkAction, Note, OscillatorSetting, Output, PianoRollAction, PlacementAction,
        PlacementId, PlayMode, PluckSetting, Point, ProjectAction, ProjectFailure, ProjectName,
        ProjectOutcome, ProjectReport, Scale, SendsSetting, SessionParameter, SessionSetting,
        Shelf, SourceKind, SourceSetting, StudioState, Target, TimeSignature, TrackSetting,
        TransportAction, Voices, Wave,
    },
};
use proptest::{prelude::*, sample::select};

/// A strategy for each quantity: all of its range, and its ends often.
macro_rules! any_of {
    ($($name:ident: $quantity:ident;)+) => { $(
        fn $name() -> BoxedStrategy<$quantity> {
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
    bpm: Bpm;
    cents: Cents;
    decibels: Decibels;
    hertz: Hertz;
    index: ModulationIndex;
    length: NoteLength;
    octaves: Octaves;
    pan: Pan;
    probability: Probability;
    ratio: FrequencyRatio;
    seconds: Seconds;
    ticks: Ticks;
    velocity: Velocity;
}

pub fn action() -> BoxedStrategy<NetworkAction> {
    prop_oneof![
        2 => (instrument_id(), name(), source_kind())
            .prop_map(|(id, name, source)| NetworkAction::AddInstrument { id, name, source }),
        1 => instrument_id().prop_map(NetworkAction::DeleteInstrument),
        8 => (instrument_id(), instrument()).prop_map(|(id, a)| NetworkAction::Instrument(id, a)),
        6 => (instrument_id(), piano_roll()).prop_map(|(id, a)| NetworkAction::PianoRoll(id, a)),
        3 => (instrument_id(), clip()).prop_map(|(id, a)| NetworkAction::Clip(id, a)),
        4 => (instrument_id(), placement()).prop_map(|(id, a)| NetworkAction::Placement(id, a)),
        1 => arrangement().prop_map(NetworkAction::Arrangement),
        6 => (target(), automation()).prop_map(|(t, a)| NetworkAction::Automation(t, a)),
        2 => project().prop_map(NetworkAction::Project),
        2 => project_report().prop_map(NetworkAction::ProjectReport),
        1 => session().prop_map(NetworkAction::Session),
        1 => transport().prop_map(NetworkAction::Transport),
        3 => mixer().prop_map(NetworkAction::Mixer),
    ]
    .boxed()
}

/// What one musician does to one instrument within a moment, most of it to the
/// source: a patch of this is parameter by parameter.
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

/// What a composer writes: notes, clips and lanes within the first bars.
pub fn written() -> BoxedStrategy<NetworkAction> {
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
        Just(Target::Master(MasterParameter::Level)),
        (1u32..3).prop_map(|id| Target::Instrument(InstrumentId(id), InstrumentParameter::Pan)),
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
        3 => (id, placements).prop_map(|(id, action)| NetworkAction::Placement(id, action)),
        1 => arrangement().prop_map(NetworkAction::Arrangement),
    ]
    .boxed()
}

fn instrument_id() -> BoxedStrategy<InstrumentId> {
    (0u32..7).prop_map(InstrumentId).boxed()
}

fn bus_id() -> BoxedStrategy<BusId> {
    (0u32..4).prop_map(BusId).boxed()
}

fn place() -> BoxedStrategy<Ticks> {
    prop_oneof![9 => (0u32..6).prop_map(Ticks::of), 1 => Just(Ticks::MAX)].boxed()
}

fn pitch() -> BoxedStrategy<Pitch> {
    select(vec![0, 60, 61, 127]).prop_map(Pitch::of).boxed()
}

fn name() -> BoxedStrategy<Name> {
    "[A-Za-zäß♭][ -~ä♭]{0,20}".prop_map(|text| Name::new(&text).unwrap()).boxed()
}

fn instrument() -> BoxedStrategy<InstrumentAction> {
    prop_oneof![
        6 => instrument_setting().prop_map(InstrumentAction::Set),
        2 => (pitch(), velocity()).prop_map(|(p, v)| InstrumentAction::Play(p, v)),
        1 => pitch().prop_map(InstrumentAction::Release),
        1 => Just(InstrumentAction::ReleaseAll),
    ]
    .boxed()
}

fn instrument_setting() -> BoxedStrategy<InstrumentSetting> {
    prop_oneof![
        name().prop_map(InstrumentSetting::Name),
        source().prop_map(InstrumentSetting::Source),
        filter().prop_map(InstrumentSetting::Filter),
        envelope().prop_map(InstrumentSetting::Amp),
        decibels().prop_map(InstrumentSetting::Level),
        pan().prop_map(InstrumentSetting::Pan),
        any::<bool>().prop_map(InstrumentSetting::Mute),
        any::<bool>().prop_map(InstrumentSetting::Solo),
        output().prop_map(InstrumentSetting::Output),
        sends().prop_map(InstrumentSetting::Sends),
    ]
    .boxed()
}

fn source_kind() -> BoxedStrategy<SourceKind> {
    select(SourceKind::ALL).boxed()
}

fn source() -> BoxedStrategy<SourceSetting> {
    prop_oneof![
        source_kind().prop_map(SourceSetting::Kind),
        prop_oneof![
            select(vec![Wave::Sine, Wave::Triangle, Wave::Saw, Wave::Square, Wave::Noise])
                .prop_map(OscillatorSetting::Wave),
            cents().prop_map(OscillatorSetting::Detune),
            amount().prop_map(OscillatorSetting::Width),
            amount().prop_map(OscillatorSetting::Sub),
        ]
        .prop_map(SourceSetting::Oscillator),
        prop_oneof![
            ratio().prop_map(FmSetting::Ratio),
            index().prop_map(FmSetting::Index),
            amount().prop_map(FmSetting::Feedback),
        ]
        .prop_map(SourceSetting::Fm),
        prop_oneof![
            amount().prop_map(PluckSetting::Damping),
            amount().prop_map(PluckSetting::Brightness),
            amount().prop_map(PluckSetting::Place),
        ]
        .prop_map(SourceSetting::Pluck),
        prop_oneof![
            hertz().prop_map(KickSetting::Tone),
            seconds().prop_map(KickSetting::Sweep),
            seconds().prop_map(KickSetting::Decay),
            amount().prop_map(KickSetting::Click),
        ]
        .prop_map(SourceSetting::Kick),
    ]
    .boxed()
}

fn filter() -> BoxedStrategy<FilterSetting> {
    let kinds =
        vec![FilterKind::Off, FilterKind::LowPass, FilterKind::BandPass, FilterKind::HighPass];
    prop_oneof![
        select(kinds).prop_map(FilterSetting::Kind),
        hertz().prop_map(FilterSetting::Cutoff),
        amount().prop_map(FilterSetting::Resonance),
        octaves().prop_map(FilterSetting::Sweep),
        amount().prop_map(FilterSetting::Tracking),
    ]
    .boxed()
}

fn envelope() -> BoxedStrategy<EnvelopeSetting> {
    prop_oneof![
        seconds().prop_map(EnvelopeSetting::Attack),
        seconds().prop_map(EnvelopeSetting::Decay),
        amount().prop_map(EnvelopeSetting::Sustain),
        seconds().prop_map(EnvelopeSetting::Release),
    ]
    .boxed()
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

/// A region among the places where things are.
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

fn target() -> BoxedStrategy<Target> {
    prop_oneof![
        6 => (instrument_id(), select(InstrumentParameter::ALL))
            .prop_map(|(id, parameter)| Target::Instrument(id, parameter)),
        1 => (instrument_id(), bus_id()).prop_map(|(id, bus)| Target::Send(id, bus)),
        2 => (bus_id(), select(BusParameter::ALL))
            .prop_map(|(id, parameter)| Target::Bus(id, parameter)),
        1 => select(MasterParameter::ALL).prop_map(Target::Master),
        1 => select(SessionParameter::ALL).prop_map(Target::Session),
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
    ]
    .boxed()
}

fn project_report() -> BoxedStrategy<ProjectReport> {
    let names = || prop::collection::vec(project_name(), 0..3).prop_map(Names::new);
    let shelf =
        (names(), names()).prop_map(|(known, checkpoints)| Shelf { known, checkpoints }).boxed();
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

fn session() -> BoxedStrategy<SessionSetting> {
    let metre = (1u8..=32, select(vec![1u8, 2, 4, 8, 16, 32]));
    prop_oneof![
        name().prop_map(SessionSetting::Name),
        bpm().prop_map(SessionSetting::Tempo),
        select(vec![Key::C, Key::CSharp, Key::B]).prop_map(SessionSetting::Key),
        select(vec![Scale::Major, Scale::Blues]).prop_map(SessionSetting::Scale),
        metre.prop_map(|(beats, unit)| {
            SessionSetting::TimeSignature(TimeSignature::new(beats, unit).unwrap())
        }),
        amount().prop_map(SessionSetting::Swing),
    ]
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

fn mixer() -> BoxedStrategy<MixerSetting> {
    prop_oneof![
        3 => (bus_id(), name()).prop_map(|(id, name)| MixerSetting::AddBus(id, name)),
        1 => bus_id().prop_map(MixerSetting::DeleteBus),
        3 => (bus_id(), bus()).prop_map(|(id, setting)| MixerSetting::Bus(id, setting)),
        1 => prop_oneof![
            decibels().prop_map(MasterSetting::Level),
            pan().prop_map(MasterSetting::Pan),
            any::<bool>().prop_map(MasterSetting::Mute),
        ]
        .prop_map(MixerSetting::Master),
    ]
    .boxed()
}

fn bus() -> BoxedStrategy<BusSetting> {
    prop_oneof![
        name().prop_map(BusSetting::Name),
        decibels().prop_map(BusSetting::Level),
        pan().prop_map(BusSetting::Pan),
        any::<bool>().prop_map(BusSetting::Mute),
        any::<bool>().prop_map(BusSetting::Solo),
    ]
    .boxed()
}
