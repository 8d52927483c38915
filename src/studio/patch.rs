//! The difference between two moments of the studio, as small as what was
//! edited.
//!
//! It knows how parts are compared, never which action changed them: nothing is
//! marked by hand, so nothing can be forgotten.

use std::sync::Arc;

use imbl::ordmap::DiffItem;
use serde::{Deserialize, Serialize};

use super::{
    StudioState,
    arrangement::{ArrangementSetting, ClipChange, ClipId, PartChange, PlacementChange},
    automation::{LaneChange, Target},
    instrument::{Instrument, InstrumentSetting, InstrumentState},
    keys::KeyChange,
    mixer::{Mixer, MixerSetting},
    piano_roll::{PianoRoll, Track, TrackChange},
    project::ProjectSetting,
    session::SessionSetting,
    settings::Settings,
    transport::TransportSetting,
};
use crate::model::{DirtyFlags, InstrumentId, Invalid, Misfit};

/// What leads from one [`StudioState`] to another.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StudioPatch(pub Vec<StudioChange>);

/// One item of a [`StudioPatch`].
///
/// They are carried out in order; a bus is there before anything refers to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StudioChange {
    /// A setting of the session.
    Session(SessionSetting),
    /// A setting of the transport.
    Transport(TransportSetting),
    /// A strip of the mixer.
    Mixer(MixerSetting),
    /// The mixer as it is now.
    WholeMixer(Mixer),
    /// All instruments as they are now. Tracks come and go with them.
    Instruments(InstrumentState),
    /// An instrument that was not there, with its track.
    PutInstrument(InstrumentId, Arc<Instrument>, Arc<Track>),
    /// An instrument that is not there any more, and neither is its track.
    DropInstrument(InstrumentId),
    /// A parameter of an instrument.
    Instrument(InstrumentId, InstrumentSetting),
    /// A key of an instrument.
    Key(InstrumentId, KeyChange),
    /// A note of a track, or a track.
    PianoRoll(InstrumentId, TrackChange),
    /// All tracks as they are now.
    WholePianoRoll(PianoRoll),
    /// A setting of the arrangement as a whole.
    Arrangement(ArrangementSetting),
    /// A clip of an instrument.
    Clip(InstrumentId, ClipId, ClipChange),
    /// A placement of an instrument.
    Placement(InstrumentId, PlacementChange),
    /// A point of a lane, or a lane.
    Lane(Target, LaneChange),
    /// Under which name the session is kept, and the like.
    Project(ProjectSetting),
}

/// The parts of the studio.
impl DirtyFlags {
    /// What holds for the session as a whole.
    pub const SESSION: Self = Self::part(0);
    /// Whether the music goes, and from where.
    pub const TRANSPORT: Self = Self::part(1);
    /// The buses and the master.
    pub const MIXER: Self = Self::part(2);
    /// The tracks.
    pub const PIANO_ROLL: Self = Self::part(3);
    /// The instruments.
    pub const INSTRUMENTS: Self = Self::part(4);
    /// The clips and where they are placed.
    pub const ARRANGEMENT: Self = Self::part(8);
    /// The lanes.
    pub const AUTOMATION: Self = Self::part(9);
    /// Under which name the session is kept, and which others there are.
    pub const PROJECTS: Self = Self::part(10);
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
}

pub(super) fn diff(from: &StudioState, to: &StudioState) -> Option<StudioPatch> {
    let mut changes = Vec::new();
    if !Arc::ptr_eq(&from.session, &to.session) {
        from.session.diff(&to.session, &mut |s| changes.push(StudioChange::Session(s)));
    }
    from.transport.diff(&to.transport, &mut |s| changes.push(StudioChange::Transport(s)));
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
    if changes.is_empty() { None } else { Some(StudioPatch(changes)) }
}

/// Strip by strip, unless there are more changes than strips.
fn diff_mixer(from: &Mixer, to: &Mixer, changes: &mut Vec<StudioChange>) {
    if from.is_same(to) {
        return;
    }
    let before = changes.len();
    from.diff(to, &mut |setting| changes.push(StudioChange::Mixer(setting)));
    if changes.len() - before > to.len() + 1 {
        changes.truncate(before);
        changes.push(StudioChange::WholeMixer(to.clone()));
    }
}

/// Parameter by parameter, unless the set of instruments changed or more than
/// half of them did; of one or two instruments, more than half is more than one.
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

/// Track by track, unless every track would be sent as a whole anyway.
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

/// Clip by clip and placement by placement.
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

pub(super) fn apply(state: &mut StudioState, patch: &StudioPatch) -> Result<(), Misfit> {
    let mut rerouted = false;
    for change in &patch.0 {
        rerouted |= matches!(
            change,
            StudioChange::Mixer(MixerSetting::DeleteBus(_))
                | StudioChange::WholeMixer(_)
                | StudioChange::Instruments(_)
                | StudioChange::PutInstrument(..)
                | StudioChange::WholePianoRoll(_)
        );
        apply_change(state, change).map_err(|invalid| Misfit(invalid.to_string().into()))?;
    }
    // Only these can leave something dangling, and only a look at everything
    // tells whether they did.
    if rerouted { state.check().map_err(|why| Misfit(why.into())) } else { Ok(()) }
}

fn apply_change(state: &mut StudioState, change: &StudioChange) -> Result<(), Invalid> {
    match change {
        StudioChange::Session(setting) => Arc::make_mut(&mut state.session).set(setting.clone()),
        StudioChange::Project(setting) => Arc::make_mut(&mut state.projects).set(setting.clone()),
        StudioChange::Transport(setting) => state.transport.set(setting.clone()),
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
            Ok(())
        }
        StudioChange::PutInstrument(id, instrument, track) => {
            state.instruments.put(*id, instrument)?;
            state.piano_roll.add_track(*id);
            state.piano_roll.apply(*id, &TrackChange::Whole(Arc::clone(track)))
        }
        StudioChange::DropInstrument(id) => {
            state.instruments.take(*id)?;
            state.piano_roll.remove_track(*id);
            state.arrangement.remove_part(*id);
            state.automation.forget_instrument(*id);
            Ok(())
        }
        StudioChange::Instrument(id, setting) => {
            setting.check(&state.mixer)?;
            state.instruments.get_mut(*id)?.set(setting.clone())
        }
        StudioChange::Key(id, change) => state.instruments.get_mut(*id)?.sounding.set(*change),
        StudioChange::PianoRoll(id, change) => state.piano_roll.apply(*id, change),
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
