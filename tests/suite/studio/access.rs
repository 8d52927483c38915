//! Access rules: the required access of every action, one row each.

use std::sync::Arc;

use imbolc_net::{
    model::{
        Access::{Anyone, Create, Delete, Engine, Own, Privilege},
        InstrumentId, Model,
    },
    studio::{
        ArpeggiatorSetting, ArrangementSetting, AtEnd, AutomationAction, BusId, BusParameter,
        BusSetting, ChainSetting, Channels, ChordShape, ClickSetting, ClipAction, ClipId, Curve,
        Definition, Device, DrumAction, DrumParameter, DrumSetting, EffectKind, EnvelopeSetting,
        FilterSetting, GrooveSetting, HitSetting, HumaniseSetting, InstrumentAction,
        InstrumentParameter, InstrumentSetting, Key, KeyHold, LaneSetting, LayerGroupId,
        LayerGroupParameter, LayerGroupSetting, LfoSetting, LoopRegion, MasterParameter,
        MasterSetting, MidiMapSetting, MixerSetting, Name, NetworkAction, Notes, Output,
        PadParameter, ParameterId, PatternId, PianoRollAction, PlacementAction, PlacementId,
        PlayMode, PluginId, Point, Points, ProjectAction, ProjectName, ProjectOutcome,
        ProjectReport, RegistrySetting, Scale, SendsSetting, SessionParameter, SessionSetting,
        Shelf, SlotId, SourceKind, SourceSetting, StepRegion, Steps, Studio, StudioState,
        SynthDefId, Target, TimeSignature, TrackSetting, TransportAction, TransportReport,
        TuningSetting, TuningSystem, Voices,
    },
    util::quantity::{
        Amount, Bpm, Decibels, NoteLength, OctaveShift, PadNumber, Pan, ParameterChange, Pitch,
        Probability, SliceCount, StepCount, StepNumber, Ticks, Velocity,
    },
};

use super::note;

const ID: InstrumentId = InstrumentId(7);
const BUS: BusId = BusId(1);
const TICK: Ticks = Ticks::MIN;
const KEY: Pitch = Pitch::of(60);
const CLIP: ClipId = ClipId(1);
const PLACED: PlacementId = PlacementId(1);
const POINT: Point = Point { tick: TICK, value: Amount::MAX, curve: Curve::Linear };

fn project() -> ProjectName {
    ProjectName::new("Song").unwrap()
}
const SLOT: SlotId = SlotId(1);
const KNOB: ParameterId = ParameterId(0);
const GROUP: LayerGroupId = LayerGroupId(1);
const PATTERN: PatternId = PatternId(1);
const PAD: PadNumber = PadNumber::MIN;
const STEP: StepNumber = StepNumber::MIN;

/// Makes an exhaustive match of the rows, so that an action without a row does not compile, and
/// checks each row with an example.
macro_rules! table {
    ($( $family:ident { $( $pattern:pat, $example:expr => $access:expr; )+ } )+) => {
        #[test]
        fn every_action_requires_the_listed_access() {
            $( {
                let _a_row_for_each = |action: &$family| match action { $( $pattern => (), )+ };
                $(
                    let example: $family = $example;
                    assert!(matches!(example, $pattern), "{example:?} does not match the pattern of its row");
                    let action = Family::action(example);
                    let needed = Studio::access(&StudioState::default(), &action);
                    assert_eq!(needed, $access, "{action:?}");
                )+
            } )+
        }
    };
}

table! {
    NetworkAction {
        NetworkAction::AddInstrument { .. }, NetworkAction::AddInstrument {
            id: ID, name: Name::default(), source: SourceKind::Fm,
        } => Create(ID);
        NetworkAction::DeleteInstrument(_), NetworkAction::DeleteInstrument(ID) => Delete(ID);
        NetworkAction::Instrument(..), InstrumentAction::ReleaseAll.action() => Own(ID);
        NetworkAction::PianoRoll(..), PianoRollAction::Clear.action() => Own(ID);
        NetworkAction::Clip(..), ClipAction::Delete(CLIP).action() => Own(ID);
        NetworkAction::Placement(..), PlacementAction::Remove(PLACED).action() => Own(ID);
        NetworkAction::Arrangement(_), ArrangementSetting::Play(PlayMode::PianoRoll).action() => Privilege;
        NetworkAction::Automation(..), AutomationAction::Add.action() => Own(ID);
        NetworkAction::Project(_), ProjectAction::List.action() => Privilege;
        NetworkAction::ProjectReport(_), NetworkAction::ProjectReport(ProjectReport {
            task: ProjectAction::List, outcome: ProjectOutcome::Done(Shelf::default()),
        }) => Engine;
        NetworkAction::Drums(..), DrumAction::AssignSlices(PAD).action() => Own(ID);
        NetworkAction::Adjust(..), Device::Source(ID).action() => Own(ID);
        NetworkAction::Registry(_), RegistrySetting::DeletePlugin(PluginId(1)).action() => Privilege;
        NetworkAction::Session(_), SessionSetting::Key(Key::A).action() => Privilege;
        NetworkAction::Transport(_), TransportAction::Play.action() => Privilege;
        NetworkAction::TransportReport(_), NetworkAction::TransportReport(TransportReport {
            generation: 0, position: TICK, ended: true,
        }) => Engine;
        NetworkAction::Panic, NetworkAction::Panic => Anyone;
        NetworkAction::Mixer(_), MixerSetting::DeleteBus(BUS).action() => Privilege;
    }
    InstrumentAction {
        InstrumentAction::Set(_), InstrumentAction::Set(InstrumentSetting::Mute(true)) => Own(ID);
        InstrumentAction::Play(..), InstrumentAction::Play(KEY, Velocity::MAX) => Own(ID);
        InstrumentAction::Release(_), InstrumentAction::Release(KEY) => Own(ID);
        InstrumentAction::ReleaseLate(..), InstrumentAction::ReleaseLate(KEY, KeyHold::Unknown) => Own(ID);
        InstrumentAction::ReleaseAll, InstrumentAction::ReleaseAll => Own(ID);
    }
    InstrumentSetting {
        InstrumentSetting::Name(_), InstrumentSetting::Name(Name::default()) => Own(ID);
        InstrumentSetting::Source(_), InstrumentSetting::Source(SourceSetting::Kind(SourceKind::Fm)) => Own(ID);
        InstrumentSetting::Filter(_), InstrumentSetting::Filter(FilterSetting::Resonance(Amount::MAX)) => Own(ID);
        InstrumentSetting::Amp(_), InstrumentSetting::Amp(EnvelopeSetting::Sustain(Amount::MAX)) => Own(ID);
        InstrumentSetting::Chain(_), InstrumentSetting::Chain(ChainSetting::Add(SLOT, EffectKind::Delay, 0)) => Own(ID);
        InstrumentSetting::Lfo(_), InstrumentSetting::Lfo(LfoSetting::On(true)) => Own(ID);
        InstrumentSetting::Arpeggiator(_), InstrumentSetting::Arpeggiator(ArpeggiatorSetting::On(true)) => Own(ID);
        InstrumentSetting::Chord(_), InstrumentSetting::Chord(ChordShape::Minor) => Own(ID);
        InstrumentSetting::Groove(_), InstrumentSetting::Groove(GrooveSetting::HumaniseTiming(Amount::MAX)) => Own(ID);
        InstrumentSetting::LayerGroup(_), InstrumentSetting::LayerGroup(Some(GROUP)) => Own(ID);
        InstrumentSetting::Octave(_), InstrumentSetting::Octave(OctaveShift::MAX) => Own(ID);
        InstrumentSetting::Channels(_), InstrumentSetting::Channels(Channels::Mono) => Own(ID);
        InstrumentSetting::Level(_), InstrumentSetting::Level(Decibels::MIN) => Own(ID);
        InstrumentSetting::Pan(_), InstrumentSetting::Pan(Pan::MAX) => Own(ID);
        InstrumentSetting::Mute(_), InstrumentSetting::Mute(true) => Own(ID);
        InstrumentSetting::Solo(_), InstrumentSetting::Solo(true) => Own(ID);
        InstrumentSetting::Output(_), InstrumentSetting::Output(Output::Bus(BUS)) => Own(ID);
        InstrumentSetting::Sends(_), InstrumentSetting::Sends(SendsSetting::Add(BUS)) => Own(ID);
    }
    PianoRollAction {
        PianoRollAction::Add(_), PianoRollAction::Add(note(0, 60)) => Own(ID);
        PianoRollAction::Remove(..), PianoRollAction::Remove(TICK, KEY) => Own(ID);
        PianoRollAction::Move { .. }, PianoRollAction::Move {
            tick: TICK, pitch: KEY, to_tick: TICK, to_pitch: KEY,
        } => Own(ID);
        PianoRollAction::Resize(..), PianoRollAction::Resize(TICK, KEY, NoteLength::MIN) => Own(ID);
        PianoRollAction::Velocity(..), PianoRollAction::Velocity(TICK, KEY, Velocity::MAX) => Own(ID);
        PianoRollAction::Probability(..), PianoRollAction::Probability(TICK, KEY, Probability::MAX) => Own(ID);
        PianoRollAction::Paste(_), PianoRollAction::Paste(Notes::default()) => Own(ID);
        PianoRollAction::DeleteRegion(_), PianoRollAction::DeleteRegion(LoopRegion::TWO_BARS) => Own(ID);
        PianoRollAction::Clear, PianoRollAction::Clear => Own(ID);
        PianoRollAction::Set(_), PianoRollAction::Set(TrackSetting::Armed(true)) => Own(ID);
    }
    TrackSetting {
        TrackSetting::Voices(_), TrackSetting::Voices(Voices::Mono) => Own(ID);
        TrackSetting::Armed(_), TrackSetting::Armed(true) => Own(ID);
        TrackSetting::Looping(_), TrackSetting::Looping(true) => Own(ID);
        TrackSetting::Region(_), TrackSetting::Region(LoopRegion::TWO_BARS) => Own(ID);
    }
    ClipAction {
        ClipAction::Create { .. }, ClipAction::Create { clip: CLIP, name: Name::default(), length: NoteLength::MIN } => Own(ID);
        ClipAction::Capture { .. }, ClipAction::Capture { clip: CLIP, name: Name::default(), region: LoopRegion::TWO_BARS } => Own(ID);
        ClipAction::Rename(..), ClipAction::Rename(CLIP, Name::default()) => Own(ID);
        ClipAction::Resize(..), ClipAction::Resize(CLIP, NoteLength::MIN) => Own(ID);
        ClipAction::Put(..), ClipAction::Put(CLIP, note(0, 60)) => Own(ID);
        ClipAction::Take(..), ClipAction::Take(CLIP, TICK, KEY) => Own(ID);
        ClipAction::Delete(_), ClipAction::Delete(CLIP) => Own(ID);
    }
    PlacementAction {
        PlacementAction::Place { .. }, PlacementAction::Place { placement: PLACED, clip: CLIP, tick: TICK } => Own(ID);
        PlacementAction::Move(..), PlacementAction::Move(PLACED, TICK) => Own(ID);
        PlacementAction::Resize(..), PlacementAction::Resize(PLACED, NoteLength::MIN) => Own(ID);
        PlacementAction::Duplicate { .. }, PlacementAction::Duplicate { placement: PLACED, copy: PLACED, tick: TICK } => Own(ID);
        PlacementAction::Remove(_), PlacementAction::Remove(PLACED) => Own(ID);
    }
    ArrangementSetting {
        ArrangementSetting::Play(_), ArrangementSetting::Play(PlayMode::Arrangement) => Privilege;
        ArrangementSetting::AtEnd(_), ArrangementSetting::AtEnd(AtEnd::Stop) => Privilege;
    }
    AutomationAction {
        AutomationAction::Add, AutomationAction::Add => Own(ID);
        AutomationAction::Delete, AutomationAction::Delete => Own(ID);
        AutomationAction::Set(_), AutomationAction::Set(LaneSetting::Armed(true)) => Own(ID);
        AutomationAction::Put(_), AutomationAction::Put(POINT) => Own(ID);
        AutomationAction::Remove(_), AutomationAction::Remove(TICK) => Own(ID);
        AutomationAction::Move(..), AutomationAction::Move(TICK, POINT) => Own(ID);
        AutomationAction::DeleteRegion(_), AutomationAction::DeleteRegion(LoopRegion::TWO_BARS) => Own(ID);
        AutomationAction::CopyRegion(..), AutomationAction::CopyRegion(LoopRegion::TWO_BARS, TICK) => Own(ID);
        AutomationAction::Paste(_), AutomationAction::Paste(Points::default()) => Own(ID);
    }
    Target {
        Target::Instrument(..), Target::Instrument(ID, InstrumentParameter::Level) => Own(ID);
        Target::Pad(..), Target::Pad(ID, PAD, PadParameter::Level) => Own(ID);
        Target::Drums(..), Target::Drums(ID, DrumParameter::Swing) => Own(ID);
        Target::Hosted(Device::Source(_), _), Target::Hosted(Device::Source(ID), KNOB) => Own(ID);
        Target::Hosted(Device::Slot(..), _), Target::Hosted(Device::Slot(ID, SLOT), KNOB) => Own(ID);
        Target::Hosted(Device::BusSlot(..), _), Target::Hosted(Device::BusSlot(BUS, SLOT), KNOB) => Privilege;
        Target::Hosted(Device::MasterSlot(_), _), Target::Hosted(Device::MasterSlot(SLOT), KNOB) => Privilege;
        Target::Bus(..), Target::Bus(BUS, BusParameter::Level) => Privilege;
        Target::LayerGroup(..), Target::LayerGroup(GROUP, LayerGroupParameter::Level) => Privilege;
        Target::Master(_), Target::Master(MasterParameter::Level) => Privilege;
        Target::Session(_), Target::Session(SessionParameter::Tempo) => Privilege;
    }
    ProjectAction {
        ProjectAction::New, ProjectAction::New => Privilege;
        ProjectAction::Save, ProjectAction::Save => Privilege;
        ProjectAction::SaveAs(_), ProjectAction::SaveAs(project()) => Privilege;
        ProjectAction::Load(_), ProjectAction::Load(project()) => Privilege;
        ProjectAction::List, ProjectAction::List => Privilege;
        ProjectAction::CreateCheckpoint(_), ProjectAction::CreateCheckpoint(project()) => Privilege;
        ProjectAction::RestoreCheckpoint(_), ProjectAction::RestoreCheckpoint(project()) => Privilege;
        ProjectAction::DeleteCheckpoint(_), ProjectAction::DeleteCheckpoint(project()) => Privilege;
        ProjectAction::Recover(_), ProjectAction::Recover(project()) => Privilege;
    }
    DrumAction {
        DrumAction::Set(_), DrumAction::Set(DrumSetting::Chained(true)) => Own(ID);
        DrumAction::Step(..), DrumAction::Step(PATTERN, PAD, STEP, HitSetting::Velocity(Velocity::MAX)) => Own(ID);
        DrumAction::Euclid { .. }, DrumAction::Euclid {
            pattern: PATTERN, pad: PAD, hits: StepCount::of(5), rotation: STEP,
        } => Own(ID);
        DrumAction::ClearRegion(..), DrumAction::ClearRegion(PATTERN, StepRegion::ALL) => Own(ID);
        DrumAction::Paste(..), DrumAction::Paste(PATTERN, Steps::default()) => Own(ID);
        DrumAction::Chop(_), DrumAction::Chop(SliceCount::of(8)) => Own(ID);
        DrumAction::AssignSlices(_), DrumAction::AssignSlices(PAD) => Own(ID);
    }
    Device {
        Device::Source(_), Device::Source(ID) => Own(ID);
        Device::Slot(..), Device::Slot(ID, SLOT) => Own(ID);
        Device::BusSlot(..), Device::BusSlot(BUS, SLOT) => Privilege;
        Device::MasterSlot(_), Device::MasterSlot(SLOT) => Privilege;
    }
    RegistrySetting {
        RegistrySetting::AddSynthDef(..), RegistrySetting::AddSynthDef(SynthDefId(1), definition()) => Privilege;
        RegistrySetting::DeleteSynthDef(_), RegistrySetting::DeleteSynthDef(SynthDefId(1)) => Privilege;
        RegistrySetting::AddPlugin(..), RegistrySetting::AddPlugin(PluginId(1), definition()) => Privilege;
        RegistrySetting::DeletePlugin(_), RegistrySetting::DeletePlugin(PluginId(1)) => Privilege;
    }
    SessionSetting {
        SessionSetting::Name(_), SessionSetting::Name(Name::default()) => Privilege;
        SessionSetting::Tempo(_), SessionSetting::Tempo(Bpm::MAX) => Privilege;
        SessionSetting::Key(_), SessionSetting::Key(Key::A) => Privilege;
        SessionSetting::Scale(_), SessionSetting::Scale(Scale::Blues) => Privilege;
        SessionSetting::TimeSignature(_), SessionSetting::TimeSignature(TimeSignature::COMMON) => Privilege;
        SessionSetting::Swing(_), SessionSetting::Swing(Amount::MAX) => Privilege;
        SessionSetting::Tuning(_), SessionSetting::Tuning(TuningSetting::System(TuningSystem::Just)) => Privilege;
        SessionSetting::Snap(_), SessionSetting::Snap(None) => Privilege;
        SessionSetting::Click(_), SessionSetting::Click(ClickSetting::On(true)) => Privilege;
        SessionSetting::Humanise(_), SessionSetting::Humanise(HumaniseSetting::Timing(Amount::MAX)) => Privilege;
        SessionSetting::ChaseNotes(_), SessionSetting::ChaseNotes(false) => Privilege;
        SessionSetting::Midi(_), SessionSetting::Midi(MidiMapSetting::Channel(None)) => Privilege;
    }
    TransportAction {
        TransportAction::Play, TransportAction::Play => Privilege;
        TransportAction::Stop, TransportAction::Stop => Privilege;
        TransportAction::Locate(_), TransportAction::Locate(TICK) => Privilege;
        TransportAction::Record(_), TransportAction::Record(true) => Privilege;
        TransportAction::Loop(_), TransportAction::Loop(true) => Privilege;
        TransportAction::Region(_), TransportAction::Region(LoopRegion::TWO_BARS) => Privilege;
    }
    MixerSetting {
        MixerSetting::AddBus(..), MixerSetting::AddBus(BUS, Name::default()) => Privilege;
        MixerSetting::DeleteBus(_), MixerSetting::DeleteBus(BUS) => Privilege;
        MixerSetting::Bus(..), MixerSetting::Bus(BUS, BusSetting::Mute(true)) => Privilege;
        MixerSetting::Master(_), MixerSetting::Master(MasterSetting::Mute(true)) => Privilege;
        MixerSetting::AddLayerGroup(..), MixerSetting::AddLayerGroup(GROUP, Name::default()) => Privilege;
        MixerSetting::DeleteLayerGroup(_), MixerSetting::DeleteLayerGroup(GROUP) => Privilege;
        MixerSetting::LayerGroup(..), MixerSetting::LayerGroup(GROUP, LayerGroupSetting::Mute(true)) => Privilege;
    }
}

fn definition() -> Arc<Definition> {
    Arc::new(Definition { name: Name::default(), parameters: Vec::new() })
}

/// The actions on one part of the studio.
trait Family {
    fn action(self) -> NetworkAction;
}

impl Family for NetworkAction {
    fn action(self) -> NetworkAction {
        self
    }
}

impl Family for InstrumentAction {
    fn action(self) -> NetworkAction {
        NetworkAction::Instrument(ID, self)
    }
}

impl Family for PianoRollAction {
    fn action(self) -> NetworkAction {
        NetworkAction::PianoRoll(ID, self)
    }
}

impl Family for TrackSetting {
    fn action(self) -> NetworkAction {
        PianoRollAction::Set(self).action()
    }
}

impl Family for ClipAction {
    fn action(self) -> NetworkAction {
        NetworkAction::Clip(ID, self)
    }
}

impl Family for PlacementAction {
    fn action(self) -> NetworkAction {
        NetworkAction::Placement(ID, self)
    }
}

impl Family for ArrangementSetting {
    fn action(self) -> NetworkAction {
        NetworkAction::Arrangement(self)
    }
}

impl Family for AutomationAction {
    fn action(self) -> NetworkAction {
        NetworkAction::Automation(Target::Instrument(ID, InstrumentParameter::Level), self)
    }
}

impl Family for Target {
    fn action(self) -> NetworkAction {
        NetworkAction::Automation(self, AutomationAction::Add)
    }
}

impl Family for DrumAction {
    fn action(self) -> NetworkAction {
        NetworkAction::Drums(ID, self)
    }
}

impl Family for Device {
    fn action(self) -> NetworkAction {
        NetworkAction::Adjust(self, ParameterId(0), ParameterChange::MAX)
    }
}

impl Family for RegistrySetting {
    fn action(self) -> NetworkAction {
        NetworkAction::Registry(self)
    }
}

impl Family for InstrumentSetting {
    fn action(self) -> NetworkAction {
        InstrumentAction::Set(self).action()
    }
}

impl Family for ProjectAction {
    fn action(self) -> NetworkAction {
        NetworkAction::Project(self)
    }
}

impl Family for SessionSetting {
    fn action(self) -> NetworkAction {
        NetworkAction::Session(self)
    }
}

impl Family for TransportAction {
    fn action(self) -> NetworkAction {
        NetworkAction::Transport(self)
    }
}

impl Family for MixerSetting {
    fn action(self) -> NetworkAction {
        NetworkAction::Mixer(self)
    }
}
