//! The difference between two states of the studio, and how it is applied.
//!
//! It compares parts and must never know which action changed them: nothing is
//! marked dirty by hand.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{
    arrangement::{ArrangementSetting, ClipChange, ClipId, PartChange, PlacementChange},
    automation::{LaneChange, Target},
    common::{bounded::MAX_CHANGES, settings::Settings},
    drums::DrumChange,
    effect::chain::ChainSetting,
    globals::{playback::TransportSetting, session_settings::SessionSetting},
    instrument::{Instrument, InstrumentSetting, InstrumentState, held_keys::KeyChange},
    mixer::{BusSetting, MasterSetting, Mixer, MixerSetting},
    piano_roll::{PianoRoll, Track, TrackChange},
    plugin::registry::RegistrySetting,
    project::ProjectSetting,
    studio_state::StudioState,
};
use crate::{
    model::{DirtyFlags, InstrumentId, Invalid, PatchError},
    util::{limited::bounded_list, ordmap::DiffItem},
};

/// The difference between two [`StudioState`]s.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StudioPatch(
    #[serde(deserialize_with = "bounded_list::<MAX_CHANGES, _, _>")] pub Vec<StudioChange>,
);

/// One item of a [`StudioPatch`].
///
/// Items are applied in order. The state is consistent only after the last one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StudioChange {
    /// A setting of the session.
    Session(SessionSetting),
    /// A setting of the transport.
    Transport(TransportSetting),
    /// A custom `SynthDef` or a plug-in.
    Registry(RegistrySetting),
    /// A strip of the mixer.
    Mixer(MixerSetting),
    /// The whole mixer.
    WholeMixer(Mixer),
    /// All instruments. Tracks and drum machines are added and removed with
    /// them.
    Instruments(InstrumentState),
    /// A new instrument, with its track.
    PutInstrument(InstrumentId, Arc<Instrument>, Arc<Track>),
    /// An instrument that was deleted, with its track.
    DropInstrument(InstrumentId),
    /// A parameter of an instrument.
    Instrument(InstrumentId, InstrumentSetting),
    /// A key of an instrument.
    Key(InstrumentId, KeyChange),
    /// A note of a track, or a track.
    PianoRoll(InstrumentId, TrackChange),
    /// All tracks.
    WholePianoRoll(PianoRoll),
    /// A setting of the arrangement as a whole.
    Arrangement(ArrangementSetting),
    /// A clip of an instrument.
    Clip(InstrumentId, ClipId, ClipChange),
    /// A placement of an instrument.
    Placement(InstrumentId, PlacementChange),
    /// A point of a lane, or a lane.
    Lane(Target, LaneChange),
    /// A setting of the project, such as its name.
    Project(ProjectSetting),
    /// A step, a pad, a pattern of a drum machine, or the machine.
    Drums(InstrumentId, DrumChange),
}

/// The flags of the studio.
impl DirtyFlags {
    /// The session settings.
    pub const SESSION: Self = Self::part(0);
    /// The transport.
    pub const TRANSPORT: Self = Self::part(1);
    /// The buses, the strips of layer groups, and the master.
    pub const MIXER: Self = Self::part(2);
    /// The tracks.
    pub const PIANO_ROLL: Self = Self::part(3);
    /// The instruments.
    pub const INSTRUMENTS: Self = Self::part(4);
    /// The clips and placements.
    pub const ARRANGEMENT: Self = Self::part(8);
    /// The automation lanes.
    pub const AUTOMATION: Self = Self::part(9);
    /// The name of the project, and the list of projects.
    pub const PROJECTS: Self = Self::part(10);
    /// The drum machines.
    pub const DRUMS: Self = Self::part(5);
    /// The custom `SynthDef`s and the plug-ins.
    pub const REGISTRY: Self = Self::part(6);
}

pub(super) fn dirty(from: &StudioState, to: &StudioState) -> DirtyFlags {
    let same_session = Arc::ptr_eq(&from.session, &to.session);
    DirtyFlags::SESSION.when(!same_session)
        | DirtyFlags::TRANSPORT.when(from.transport != to.transport)
        | DirtyFlags::MIXER.when(!from.mixer.is_same(&to.mixer))
        | DirtyFlags::PIANO_ROLL.when(!from.piano_roll.is_same(&to.piano_roll))
        | DirtyFlags::INSTRUMENTS.when(!from.instruments.is_same(&to.instruments))
        | DirtyFlags::ARRANGEMENT.when(!from.arrangement.is_same(&to.arrangement))
        | DirtyFlags::PROJECTS.when(!Arc::ptr_eq(&from.projects, &to.projects))
        | DirtyFlags::AUTOMATION.when(!from.automation.is_same(&to.automation))
        | DirtyFlags::DRUMS.when(!from.drums.is_same(&to.drums))
        | DirtyFlags::REGISTRY.when(!from.registry.is_same(&to.registry))
}

pub(super) fn diff_studio(from: &StudioState, to: &StudioState) -> Option<StudioPatch> {
    let mut changes = Vec::new();
    if !Arc::ptr_eq(&from.session, &to.session) {
        from.session.diff(&to.session, &mut |s| changes.push(StudioChange::Session(s)));
    }
    from.transport.diff(&to.transport, &mut |s| changes.push(StudioChange::Transport(s)));
    if !from.registry.is_same(&to.registry) {
        from.registry.diff(&to.registry, &mut |s| changes.push(StudioChange::Registry(s)));
    }
    diff_mixer(&from.mixer, &to.mixer, &mut changes);
    diff_instruments(&from.instruments, &to.instruments, &mut changes);
    diff_piano_roll(&from.piano_roll, &to.piano_roll, &mut changes);
    diff_arrangement(from, to, &mut changes);
    from.automation.diff(&to.automation, &to.instruments, &mut |target, change| {
        changes.push(StudioChange::Lane(target, change));
    });
    if !Arc::ptr_eq(&from.projects, &to.projects) {
        from.projects.diff(&to.projects, &mut |s| changes.push(StudioChange::Project(s)));
    }
    from.drums.diff(&to.drums, &mut |id, change| changes.push(StudioChange::Drums(id, change)));
    if changes.is_empty() { None } else { Some(StudioPatch(changes)) }
}

/// One strip at a time, unless there are more changes than strips.
fn diff_mixer(from: &Mixer, to: &Mixer, changes: &mut Vec<StudioChange>) {
    if from.is_same(to) {
        return;
    }
    let before = changes.len();
    from.diff(to, &mut |setting| changes.push(StudioChange::Mixer(setting)));
    if changes.len() - before > to.strips() {
        changes.truncate(before);
        changes.push(StudioChange::WholeMixer(to.clone()));
    }
}

/// One parameter at a time, unless the set of instruments or more than half of
/// them changed. With one or two instruments, a single change is still sent by
/// parameter.
fn diff_instruments(from: &InstrumentState, to: &InstrumentState, changes: &mut Vec<StudioChange>) {
    let before = changes.len();
    let mut dirty = 0;
    for change in from.diff(to) {
        dirty += 1;
        match change {
            DiffItem::Update { old: (id, old), new: (_, new) }
                if dirty == 1 || dirty * 2 <= to.len() =>
            {
                diff_instrument(*id, old, new, changes);
            }
            _ => {
                changes.truncate(before);
                changes.push(StudioChange::Instruments(to.clone()));
                return;
            }
        }
    }
}

fn diff_instrument(
    id: InstrumentId,
    from: &Instrument,
    to: &Instrument,
    changes: &mut Vec<StudioChange>,
) {
    from.diff(to, &mut |setting| changes.push(StudioChange::Instrument(id, setting)));
    from.sounding.diff(&to.sounding, &mut |key| changes.push(StudioChange::Key(id, key)));
}

/// One track at a time, unless every track would be sent as a whole anyway.
fn diff_piano_roll(from: &PianoRoll, to: &PianoRoll, changes: &mut Vec<StudioChange>) {
    let before = changes.len();
    let mut whole = 0;
    from.diff(to, &mut |id, change| {
        whole += usize::from(matches!(change, TrackChange::Whole(_)));
        changes.push(StudioChange::PianoRoll(id, change));
    });
    if whole > 1 && whole == to.len() {
        changes.truncate(before);
        changes.push(StudioChange::WholePianoRoll(to.clone()));
    }
}

/// One clip and one placement at a time.
pub(super) fn diff_arrangement(
    from: &StudioState,
    to: &StudioState,
    changes: &mut Vec<StudioChange>,
) {
    let emit = |setting| changes.push(StudioChange::Arrangement(setting));
    from.arrangement.diff(&to.arrangement, &mut { emit });
    from.arrangement.diff_parts(&to.arrangement, &to.instruments, &mut |id, change| {
        changes.push(match change {
            PartChange::Clip(clip, change) => StudioChange::Clip(id, clip, change),
            PartChange::Placement(change) => StudioChange::Placement(id, change),
        });
    });
}

pub(super) fn apply_patch(state: &mut StudioState, patch: &StudioPatch) -> Result<(), PatchError> {
    for change in &patch.0 {
        apply_change(state, change).map_err(|invalid| misfit(&invalid))?;
    }
    if patch.0.iter().any(may_leave_something_dangling) {
        return state.check().map_err(|why| PatchError(why.into()));
    }
    let mut changes = patch.0.iter();
    changes
        .try_for_each(|change| check_references(state, change))
        .map_err(|invalid| misfit(&invalid))
}

fn misfit(invalid: &Invalid) -> PatchError {
    PatchError(invalid.to_string().into())
}

/// Whether only a check of the whole state tells that no reference dangles.
const fn may_leave_something_dangling(change: &StudioChange) -> bool {
    matches!(
        change,
        StudioChange::Registry(_)
            | StudioChange::WholeMixer(_)
            | StudioChange::Instruments(_)
            | StudioChange::PutInstrument(..)
            | StudioChange::DropInstrument(_)
            | StudioChange::WholePianoRoll(_)
            // A lane may move a parameter of the effect.
            | StudioChange::Instrument(_, InstrumentSetting::Chain(ChainSetting::Remove(_)))
            | StudioChange::Mixer(
                MixerSetting::DeleteBus(_)
                    | MixerSetting::DeleteLayerGroup(_)
                    | MixerSetting::Bus(_, BusSetting::Chain(ChainSetting::Remove(_)))
                    | MixerSetting::Master(MasterSetting::Chain(ChainSetting::Remove(_)))
            )
    )
}

/// Checks that everything to which the changed part refers exists.
fn check_references(state: &StudioState, change: &StudioChange) -> Result<(), Invalid> {
    match change {
        StudioChange::Session(SessionSetting::Midi(_)) => {
            state.check_references(&state.session.midi)
        }
        StudioChange::Mixer(setting) => {
            state.mixer.check(setting)?;
            state.check_references(&state.mixer)
        }
        StudioChange::Instrument(id, _) => state.instruments.get(*id).map_or(Ok(()), |edited| {
            edited.chain.check()?;
            state.check_references(edited)
        }),
        StudioChange::Drums(id, _) => state.drums.machine(*id).map_or(Ok(()), |edited| {
            edited.check()?;
            state.check_references(edited)
        }),
        _ => Ok(()),
    }
}

fn apply_change(state: &mut StudioState, change: &StudioChange) -> Result<(), Invalid> {
    match change {
        StudioChange::Session(setting) => Arc::make_mut(&mut state.session).set(setting.clone()),
        StudioChange::Project(setting) => Arc::make_mut(&mut state.projects).set(setting.clone()),
        StudioChange::Transport(setting) => state.transport.set(setting.clone()),
        StudioChange::Registry(setting) => state.registry.set(setting.clone()),
        StudioChange::Mixer(setting) => state.mixer.set(setting.clone()),
        StudioChange::WholeMixer(mixer) => {
            state.mixer = mixer.clone();
            Ok(())
        }
        StudioChange::Instruments(instruments) => {
            state.instruments = instruments.clone();
            state.piano_roll.follow(&state.instruments);
            state.arrangement.follow(&state.instruments);
            state.automation.follow(&state.instruments);
            state.drums.follow(&state.instruments);
            Ok(())
        }
        StudioChange::PutInstrument(id, instrument, track) => {
            state.instruments.put(*id, instrument)?;
            state.drums.follow_one(*id, &state.instruments);
            state.piano_roll.add_track(*id);
            state.piano_roll.apply(*id, &TrackChange::Whole(Arc::clone(track)))
        }
        StudioChange::DropInstrument(id) => {
            state.instruments.take(*id)?;
            state.piano_roll.remove_track(*id);
            state.arrangement.remove_part(*id);
            state.automation.forget_instrument(*id);
            state.drums.follow_one(*id, &state.instruments);
            Ok(())
        }
        StudioChange::Instrument(id, setting) => {
            state.instruments.get_mut(*id)?.set(setting.clone())?;
            state.drums.follow_one(*id, &state.instruments);
            Ok(())
        }
        StudioChange::Key(id, change) => state.instruments.get_mut(*id)?.sounding.set(*change),
        StudioChange::PianoRoll(id, change) => state.piano_roll.apply(*id, change),
        StudioChange::Drums(id, change) => state.drums.apply(*id, change),
        StudioChange::WholePianoRoll(piano_roll) => {
            state.piano_roll = piano_roll.clone();
            Ok(())
        }
        StudioChange::Arrangement(setting) => state.arrangement.set(setting.clone()),
        StudioChange::Clip(id, clip, change) => {
            state.require_instrument(*id)?;
            state.arrangement.edit(*id, |part| part.apply_clip(*clip, change))
        }
        StudioChange::Placement(id, change) => {
            state.require_instrument(*id)?;
            state.arrangement.edit(*id, |part| part.apply_placement(change))
        }
        StudioChange::Lane(target, LaneChange::Gone) => {
            state.automation.apply(*target, &LaneChange::Gone)
        }
        StudioChange::Lane(target, change) => {
            target.check(state)?;
            state.automation.apply(*target, change)
        }
    }
}
