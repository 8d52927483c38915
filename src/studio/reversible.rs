//! What undo asks of the studio: which actions are steps, which of them continue
//! the one before, and the difference between two states, one thing at a time.
//!
//! It must not know who performed an action; that is the session's business.

use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::Arc,
};

use super::{
    arrangement::{
        Arrangement, Clip, ClipAction, ClipChange, ClipSetting, PlacementAction, PlacementChange,
    },
    automation::{Lane, LaneChange, Target},
    common::{
        automated::Automated as _,
        ids::ParameterId,
        settings::{ParamPath, PathStep, Settings},
    },
    drums::{DrumAction, DrumChange, DrumMachine, DrumSetting, Pad, PatternSetting},
    effect::{EffectSetting, chain::ChainSetting},
    globals::{playback::Transport, session_settings::SessionState},
    instrument::{Instrument, InstrumentAction, InstrumentSetting, held_keys::Keys},
    mixer::{Bus, BusSetting, Master, MasterSetting, Mixer, MixerSetting, layer_group::LayerGroup},
    network_action::NetworkAction,
    patch::{StudioChange, StudioPatch, diff_arrangement},
    piano_roll::{PianoRollAction, Track, TrackChange},
    plugin::{LoadedSetting, device::Device, registry::Registry},
    project::Projects,
    project_report::{ProjectOutcome, ProjectReport},
    source::SourceSetting,
    studio_state::StudioState,
};
use crate::{
    model::{InstrumentId, ReversibleChange, UndoPolicy},
    util::{
        ordmap::DiffItem,
        quantity::{Pitch, Ticks},
    },
};

/// Playing, the transport and project actions are not steps.
pub(super) const fn undo_policy(action: &NetworkAction) -> UndoPolicy {
    match action {
        NetworkAction::Instrument(_, InstrumentAction::Set(_))
        | NetworkAction::AddInstrument { .. }
        | NetworkAction::DeleteInstrument(_)
        | NetworkAction::PianoRoll(..)
        | NetworkAction::Clip(..)
        | NetworkAction::Placement(..)
        | NetworkAction::Arrangement(_)
        | NetworkAction::Automation(..)
        | NetworkAction::Drums(..)
        | NetworkAction::Adjust(..)
        | NetworkAction::Registry(_)
        | NetworkAction::Session(_)
        | NetworkAction::Mixer(_) => UndoPolicy::Step,
        // Nothing that an undo could restore survives a replaced studio.
        NetworkAction::ProjectReport(ProjectReport {
            outcome: ProjectOutcome::Loaded(..), ..
        }) => UndoPolicy::Barrier,
        NetworkAction::Instrument(
            _,
            InstrumentAction::Play(..)
            | InstrumentAction::Release(_)
            | InstrumentAction::ReleaseLate(..)
            | InstrumentAction::ReleaseAll,
        )
        | NetworkAction::Project(_)
        | NetworkAction::ProjectReport(_)
        | NetworkAction::Transport(_)
        | NetworkAction::TransportReport(_)
        | NetworkAction::Panic => UndoPolicy::Nothing,
    }
}

/// Whether both turn the same knob, as in a sweep.
pub(super) fn continues(previous: &NetworkAction, next: &NetworkAction) -> bool {
    match (knob(previous), knob(next)) {
        (Some(previous), Some(next)) => previous == next,
        _ => false,
    }
}

/// The path of the quantity that an action sets. `None` for everything that adds,
/// deletes, replaces, switches or reorders: each of those is a step of its own.
fn knob(action: &NetworkAction) -> Option<ParamPath> {
    let change = match action {
        NetworkAction::Instrument(id, InstrumentAction::Set(setting))
            if Instrument::is_knob(setting) =>
        {
            StudioChange::Instrument(*id, setting.clone())
        }
        NetworkAction::Session(setting) if SessionState::is_knob(setting) => {
            StudioChange::Session(setting.clone())
        }
        NetworkAction::Mixer(setting) if is_mixer_knob(setting) => {
            StudioChange::Mixer(setting.clone())
        }
        NetworkAction::Drums(id, DrumAction::Set(setting)) if is_drum_knob(setting) => {
            StudioChange::Drums(*id, DrumChange::Set(setting.clone()))
        }
        NetworkAction::Drums(id, DrumAction::Step(pattern, pad, step, _)) => {
            let step = PatternSetting::Off(*pad, *step);
            StudioChange::Drums(*id, DrumChange::Set(DrumSetting::Pattern(*pattern, step)))
        }
        NetworkAction::Adjust(device, parameter, _) => touched(*device, *parameter),
        NetworkAction::PianoRoll(
            id,
            PianoRollAction::Resize(tick, pitch, _)
            | PianoRollAction::Velocity(tick, pitch, _)
            | PianoRollAction::Probability(tick, pitch, _),
        ) => StudioChange::PianoRoll(*id, TrackChange::Remove(*tick, *pitch)),
        NetworkAction::Placement(
            id,
            PlacementAction::Move(placement, _) | PlacementAction::Resize(placement, _),
        ) => StudioChange::Placement(*id, PlacementChange::Remove(*placement)),
        NetworkAction::Clip(id, ClipAction::Resize(clip, length)) => {
            StudioChange::Clip(*id, *clip, ClipChange::Set(ClipSetting::Length(*length)))
        }
        _ => return None,
    };
    Some(path_of_change(&change))
}

fn is_mixer_knob(setting: &MixerSetting) -> bool {
    match setting {
        MixerSetting::Bus(_, setting) => Bus::is_knob(setting),
        MixerSetting::Master(setting) => Master::is_knob(setting),
        MixerSetting::LayerGroup(_, setting) => LayerGroup::is_knob(setting),
        MixerSetting::AddBus(..)
        | MixerSetting::DeleteBus(_)
        | MixerSetting::AddLayerGroup(..)
        | MixerSetting::DeleteLayerGroup(_) => false,
    }
}

fn is_drum_knob(setting: &DrumSetting) -> bool {
    match setting {
        DrumSetting::Swing(_) => true,
        DrumSetting::Pad(_, setting) => Pad::is_knob(setting),
        DrumSetting::Chopper(_)
        | DrumSetting::AddPattern(_)
        | DrumSetting::DeletePattern(_)
        | DrumSetting::Pattern(..)
        | DrumSetting::Current(_)
        | DrumSetting::Chain(_)
        | DrumSetting::Chained(_) => false,
    }
}

/// A change of this parameter.
fn touched(device: Device, parameter: ParameterId) -> StudioChange {
    let slot = |id| ChainSetting::Effect(id, EffectSetting::Vst(LoadedSetting::Reset(parameter)));
    match device {
        Device::Source(id) => {
            let source = SourceSetting::Vst(LoadedSetting::Reset(parameter));
            StudioChange::Instrument(id, InstrumentSetting::Source(source))
        }
        Device::Slot(id, slot_id) => {
            StudioChange::Instrument(id, InstrumentSetting::Chain(slot(slot_id)))
        }
        Device::BusSlot(id, slot_id) => {
            StudioChange::Mixer(MixerSetting::Bus(id, BusSetting::Chain(slot(slot_id))))
        }
        Device::MasterSlot(slot_id) => {
            StudioChange::Mixer(MixerSetting::Master(MasterSetting::Chain(slot(slot_id))))
        }
    }
}

/// The path of the value that a change sets.
fn path_of_change(change: &StudioChange) -> ParamPath {
    use PathStep::{Number, Part};

    let instrument = |id: &InstrumentId| path_of([Part("Instrument"), Number(id.0.into())]);
    match change {
        StudioChange::Session(setting) => {
            path_within::<SessionState>(path_of([Part("Session")]), setting)
        }
        StudioChange::Transport(setting) => {
            path_within::<Transport>(path_of([Part("Transport")]), setting)
        }
        StudioChange::Registry(setting) => {
            path_within::<Registry>(path_of([Part("Registry")]), setting)
        }
        StudioChange::Drums(id, DrumChange::Set(setting)) => {
            let mut path = instrument(id);
            path.push(Part("Drums"));
            DrumMachine::path(setting, &mut path);
            path
        }
        StudioChange::Mixer(setting) => path_within::<Mixer>(path_of([Part("Mixer")]), setting),
        StudioChange::PutInstrument(id, ..)
        | StudioChange::DropInstrument(id)
        | StudioChange::Drums(id, DrumChange::Whole(_)) => instrument(id),
        StudioChange::Instrument(id, setting) => path_within::<Instrument>(instrument(id), setting),
        StudioChange::Key(id, change) => {
            let mut path = instrument(id);
            path.push(Part("Key"));
            path_within::<Keys>(path, change)
        }
        StudioChange::PianoRoll(id, change) => {
            let mut path = instrument(id);
            path.push(Part("Track"));
            match change {
                TrackChange::Put(note) => path.extend(at(note.tick, note.pitch)),
                TrackChange::Remove(tick, pitch) => path.extend(at(*tick, *pitch)),
                TrackChange::Set(setting) => return path_within::<Track>(path, setting),
                TrackChange::Whole(_) => {}
            }
            path
        }
        StudioChange::Arrangement(setting) => {
            path_within::<Arrangement>(path_of([Part("Arrangement")]), setting)
        }
        StudioChange::Clip(id, clip, change) => {
            let mut path = instrument(id);
            path.extend([Part("Clip"), Number(clip.0.into())]);
            match change {
                ClipChange::Put(note) => path.extend(at(note.tick, note.pitch)),
                ClipChange::Remove(tick, pitch) => path.extend(at(*tick, *pitch)),
                ClipChange::Set(setting) => return path_within::<Clip>(path, setting),
                ClipChange::Whole(_) | ClipChange::Gone => {}
            }
            path
        }
        StudioChange::Placement(id, change) => {
            let (PlacementChange::Put(placement, _) | PlacementChange::Remove(placement)) = change;
            let mut path = instrument(id);
            path.extend([Part("Placement"), Number(placement.0.into())]);
            path
        }
        StudioChange::Lane(target, change) => {
            let mut path = lane_path(*target);
            match change {
                LaneChange::Put(point) => path.push(Number(point.tick.get().into())),
                LaneChange::Remove(tick) => path.push(Number(tick.get().into())),
                LaneChange::Set(setting) => return path_within::<Lane>(path, setting),
                LaneChange::Whole(_) | LaneChange::Gone => {}
            }
            path
        }
        StudioChange::Project(setting) => {
            path_within::<Projects>(path_of([Part("Projects")]), setting)
        }
        StudioChange::WholeMixer(_) => path_of([Part("Mixer")]),
        StudioChange::Instruments(_) | StudioChange::WholePianoRoll(_) => {
            path_of([Part("Instrument")])
        }
    }
}

/// The path of a note within its track or clip.
fn at(tick: Ticks, pitch: Pitch) -> [PathStep; 3] {
    use PathStep::{Number, Part};

    [Part("Note"), Number(tick.get().into()), Number(pitch.get().into())]
}

/// A lane is part of what it moves, so that undo restores both together.
fn lane_path(target: Target) -> ParamPath {
    use PathStep::{Number, Part};

    let mixer = |setting| path_within::<Mixer>(path_of([Part("Mixer")]), &setting);
    let mut path = match target {
        Target::Instrument(id, _)
        | Target::Pad(id, ..)
        | Target::Drums(id, _)
        | Target::Hosted(Device::Source(id) | Device::Slot(id, _), _) => {
            path_of([Part("Instrument"), Number(id.0.into())])
        }
        Target::Bus(id, _) | Target::Hosted(Device::BusSlot(id, _), _) => {
            mixer(MixerSetting::DeleteBus(id))
        }
        Target::LayerGroup(id, _) => mixer(MixerSetting::DeleteLayerGroup(id)),
        Target::Master(_) | Target::Hosted(Device::MasterSlot(_), _) => {
            path_of([Part("Mixer"), Part("Master")])
        }
        Target::Session(_) => path_of([Part("Session")]),
    };
    if target.slot().is_some() {
        path.push(Part("Chain"));
    }
    // The hash may differ between processes, because a path never leaves its own.
    let mut hasher = DefaultHasher::new();
    target.hash(&mut hasher);
    path.extend([Part("Lane"), Number(hasher.finish())]);
    path
}

fn path_of<const STEPS: usize>(names: [PathStep; STEPS]) -> ParamPath {
    names.into_iter().collect()
}

fn path_within<S: Settings>(mut path: ParamPath, setting: &S::Setting) -> ParamPath {
    S::path(setting, &mut path);
    path
}

/// The difference between two states, one thing at a time.
pub(super) fn diff_reversible(
    from: &StudioState,
    to: &StudioState,
) -> Vec<ReversibleChange<StudioPatch>> {
    let mut reversible: BTreeMap<ParamPath, ReversibleChange<StudioPatch>> = BTreeMap::new();
    let (forward, backward) = (changes(from, to), changes(to, from));
    for change in forward.iter().chain(&backward) {
        let nothing = || StudioPatch(Vec::new());
        reversible
            .entry(path_of_change(change))
            .or_insert_with(|| ReversibleChange { forward: nothing(), backward: nothing() });
    }
    // A change goes with the change on which it depends.
    let mut whole: Option<ParamPath> = None;
    reversible.retain(|path, _| {
        // In order, a path is followed by all that begin with it.
        if whole.as_ref().is_some_and(|whole| path.starts_with(whole)) {
            return false;
        }
        whole = Some(path.clone());
        true
    });
    for (changes, is_forward) in [(forward, true), (backward, false)] {
        for change in changes {
            let path = path_of_change(&change);
            let whole = reversible
                .range_mut(..=path.clone())
                .rev()
                .find(|(whole, _)| path.starts_with(whole));
            if let Some((_, whole)) = whole {
                if is_forward { &mut whole.forward } else { &mut whole.backward }.0.push(change);
            }
        }
    }
    reversible.into_values().collect()
}

/// The difference in the smallest possible changes, without held keys.
fn changes(from: &StudioState, to: &StudioState) -> Vec<StudioChange> {
    let mut changes = Vec::new();
    if !Arc::ptr_eq(&from.session, &to.session) {
        from.session.diff(&to.session, &mut |s| changes.push(StudioChange::Session(s)));
    }
    if !from.registry.is_same(&to.registry) {
        from.registry.diff(&to.registry, &mut |s| changes.push(StudioChange::Registry(s)));
    }
    if !from.mixer.is_same(&to.mixer) {
        from.mixer.diff(&to.mixer, &mut |s| changes.push(StudioChange::Mixer(s)));
    }
    for difference in from.instruments.diff(&to.instruments) {
        match difference {
            DiffItem::Add(&id, instrument) => changes.push(put_instrument(to, id, instrument)),
            DiffItem::Remove(id, _) => changes.push(StudioChange::DropInstrument(*id)),
            DiffItem::Update { old: (id, old), new: (_, new) } => {
                old.diff(new, &mut |s| changes.push(StudioChange::Instrument(*id, s)));
            }
        }
    }
    let in_both = |id| from.instruments.contains(id) && to.instruments.contains(id);
    from.piano_roll.diff(&to.piano_roll, &mut |id, change| {
        if in_both(id) {
            changes.push(StudioChange::PianoRoll(id, change));
        }
    });
    diff_arrangement(from, to, &mut changes);
    from.automation.diff(&to.automation, &to.instruments, &mut |target, change| {
        changes.push(StudioChange::Lane(target, change));
    });
    // The machine of a new drum kit follows the instrument.
    from.drums.diff(&to.drums, &mut |id, change| changes.push(StudioChange::Drums(id, change)));
    changes
}

/// Puts an instrument without its held keys.
fn put_instrument(
    state: &StudioState,
    id: InstrumentId,
    instrument: &Arc<Instrument>,
) -> StudioChange {
    let mut instrument = Arc::clone(instrument);
    if !instrument.sounding.is_empty() {
        Arc::make_mut(&mut instrument).sounding = Keys::default();
    }
    let track = state.piano_roll.shared_track(id).unwrap_or_default();
    StudioChange::PutInstrument(id, instrument, track)
}
