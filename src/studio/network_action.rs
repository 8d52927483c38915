//! All that changes what everybody shares.
//!
//! It knows every family of actions, and carries none of them out.

use serde::{Deserialize, Serialize};

use super::{
    arrangement::{ArrangementSetting, ClipAction, PlacementAction},
    automation::{AutomationAction, Target},
    common::{ids::ParameterId, name::Name},
    drums::DrumAction,
    globals::{playback::TransportAction, session_settings::SessionSetting},
    instrument::InstrumentAction,
    mixer::MixerSetting,
    piano_roll::PianoRollAction,
    plugin::{device::Device, registry::RegistrySetting},
    project::ProjectAction,
    project_report::ProjectReport,
    source::SourceKind,
};
use crate::{model::InstrumentId, util::quantity::ParameterChange};

/// What may cross the wire: all that changes what everybody shares.
///
/// ```
/// use imbolc_net::studio::{NetworkAction, TransportAction};
///
/// let play = NetworkAction::Transport(TransportAction::Play);
/// assert_eq!(serde_json::to_string(&play)?, r#"{"Transport":"Play"}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NetworkAction {
    /// Adds an instrument and its empty track; who adds it owns it.
    AddInstrument {
        /// A free id; see [`InstrumentState::free_id`](super::InstrumentState::free_id).
        id: InstrumentId,
        /// The display name.
        name: Name,
        /// What its sound begins with.
        source: SourceKind,
    },
    /// Deletes an instrument and its track.
    DeleteInstrument(InstrumentId),
    /// Edits or plays an instrument.
    Instrument(InstrumentId, InstrumentAction),
    /// Edits an instrument's track.
    PianoRoll(InstrumentId, PianoRollAction),
    /// Edits an instrument's clips.
    Clip(InstrumentId, ClipAction),
    /// Edits where an instrument's clips are placed.
    Placement(InstrumentId, PlacementAction),
    /// Sets what holds for the arrangement as a whole.
    Arrangement(ArrangementSetting),
    /// Edits the lane of a parameter.
    Automation(Target, AutomationAction),
    /// Saves, loads and the like.
    Project(ProjectAction),
    /// What came of that. Only the engine says it.
    ProjectReport(ProjectReport),
    /// Edits the drum machine of a drum kit.
    Drums(InstrumentId, DrumAction),
    /// Turns an endless knob of a custom `SynthDef` or a plug-in.
    Adjust(Device, ParameterId, ParameterChange),
    /// Edits the list of custom `SynthDef`s and plug-ins.
    Registry(RegistrySetting),
    /// Sets what holds for the session as a whole.
    Session(SessionSetting),
    /// Starts, stops, goes somewhere, repeats.
    Transport(TransportAction),
    /// Edits the buses, the strips of layer groups, or the master.
    Mixer(MixerSetting),
}
