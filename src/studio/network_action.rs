//! The shared actions: everything that changes the studio.
//!
//! It lists the actions of every subsystem and carries none of them out.

use serde::{Deserialize, Serialize};

use super::{
    arrangement::{ArrangementSetting, ClipAction, PlacementAction},
    automation::{AutomationAction, Target},
    common::{ids::ParameterId, name::Name},
    drums::DrumAction,
    globals::{
        playback::{TransportAction, TransportReport},
        session_settings::SessionSetting,
    },
    instrument::InstrumentAction,
    mixer::MixerSetting,
    piano_roll::PianoRollAction,
    plugin::{device::Device, registry::RegistrySetting},
    project::ProjectAction,
    project_report::ProjectReport,
    source::SourceKind,
};
use crate::{model::InstrumentId, util::quantity::ParameterChange};

/// A shared action, as it crosses the wire.
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
    /// Adds an instrument and its empty track. Its owner is the participant who
    /// adds it.
    AddInstrument {
        /// A free id; see [`InstrumentState::free_id`](super::InstrumentState::free_id).
        id: InstrumentId,
        /// The display name.
        name: Name,
        /// The sound source.
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
    /// Edits the placements of an instrument's clips.
    Placement(InstrumentId, PlacementAction),
    /// Sets how the arrangement is played.
    Arrangement(ArrangementSetting),
    /// Edits the lane of a parameter.
    Automation(Target, AutomationAction),
    /// Saves or loads a project, and the like.
    Project(ProjectAction),
    /// The outcome of a project action. Only the engine sends it.
    ProjectReport(ProjectReport),
    /// Edits the drum machine of a drum kit.
    Drums(InstrumentId, DrumAction),
    /// Changes a parameter of a custom `SynthDef` or a plug-in relative to its value.
    Adjust(Device, ParameterId, ParameterChange),
    /// Edits the list of custom `SynthDef`s and plug-ins.
    Registry(RegistrySetting),
    /// Changes the session settings.
    Session(SessionSetting),
    /// Controls the transport.
    Transport(TransportAction),
    /// Where the music stopped. Only the engine sends it.
    TransportReport(TransportReport),
    /// Edits the buses, the strips of layer groups, or the master.
    Mixer(MixerSetting),
    /// Releases every key of every participant and cuts everything that sounds, tails too.
    /// The transport goes on.
    Panic,
}
