//! What a UI asks for, sorted into what concerns everybody and what is its own
//! business.
//!
//! It knows every family of actions, and carries none of them out.

use serde::{Deserialize, Serialize};

use super::{
    arrangement::{ArrangementSetting, ClipAction, PlacementAction},
    automation::{AutomationAction, Target},
    client_state::{
        ClipboardAction, LayerAction, LocalAction, MidiAction, NavigationAction, SelectionAction,
    },
    common::name::Name,
    drums::DrumAction,
    globals::{playback::TransportAction, session_settings::SessionSetting},
    instrument::InstrumentAction,
    mixer::MixerSetting,
    piano_roll::PianoRollAction,
    plugin::{Device, ParameterId, registry::RegistrySetting},
    project::{ProjectAction, ProjectReport},
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
        /// What it is called.
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

/// What a UI asks for.
///
/// It is not serialisable as a whole; [`route`](Self::route) tells what part of
/// it may cross the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "as in `NetworkAction` and `LocalAction`")]
pub enum Action {
    AddInstrument { id: InstrumentId, name: Name, source: SourceKind },
    DeleteInstrument(InstrumentId),
    Instrument(InstrumentId, InstrumentAction),
    PianoRoll(InstrumentId, PianoRollAction),
    Clip(InstrumentId, ClipAction),
    Placement(InstrumentId, PlacementAction),
    Arrangement(ArrangementSetting),
    Automation(Target, AutomationAction),
    Project(ProjectAction),
    Drums(InstrumentId, DrumAction),
    Adjust(Device, ParameterId, ParameterChange),
    Registry(RegistrySetting),
    Session(SessionSetting),
    Transport(TransportAction),
    Mixer(MixerSetting),
    Clipboard(ClipboardAction),
    Navigation(NavigationAction),
    Layer(LayerAction),
    Selection(SelectionAction),
    Midi(MidiAction),
}

/// Where an [`Action`] goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// To the dispatcher, and so to everybody.
    Network(NetworkAction),
    /// To the [`ClientState`](super::ClientState) next to the UI.
    Local(LocalAction),
}

impl Action {
    /// Sorts the action. A new family must be sorted in here before it compiles.
    #[must_use]
    pub fn route(self) -> Route {
        match self {
            Self::AddInstrument { id, name, source } => {
                Route::Network(NetworkAction::AddInstrument { id, name, source })
            }
            Self::DeleteInstrument(id) => Route::Network(NetworkAction::DeleteInstrument(id)),
            Self::Instrument(id, action) => Route::Network(NetworkAction::Instrument(id, action)),
            Self::PianoRoll(id, action) => Route::Network(NetworkAction::PianoRoll(id, action)),
            Self::Clip(id, action) => Route::Network(NetworkAction::Clip(id, action)),
            Self::Placement(id, action) => Route::Network(NetworkAction::Placement(id, action)),
            Self::Arrangement(setting) => Route::Network(NetworkAction::Arrangement(setting)),
            Self::Automation(target, action) => {
                Route::Network(NetworkAction::Automation(target, action))
            }
            Self::Project(action) => Route::Network(NetworkAction::Project(action)),
            Self::Drums(id, action) => Route::Network(NetworkAction::Drums(id, action)),
            Self::Adjust(device, parameter, by) => {
                Route::Network(NetworkAction::Adjust(device, parameter, by))
            }
            Self::Registry(setting) => Route::Network(NetworkAction::Registry(setting)),
            Self::Session(setting) => Route::Network(NetworkAction::Session(setting)),
            Self::Transport(action) => Route::Network(NetworkAction::Transport(action)),
            Self::Mixer(setting) => Route::Network(NetworkAction::Mixer(setting)),
            Self::Clipboard(action) => Route::Local(LocalAction::Clipboard(action)),
            Self::Navigation(action) => Route::Local(LocalAction::Navigation(action)),
            Self::Layer(action) => Route::Local(LocalAction::Layer(action)),
            Self::Selection(action) => Route::Local(LocalAction::Selection(action)),
            Self::Midi(action) => Route::Local(LocalAction::Midi(action)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::studio::{Layer, Pane};

    #[test]
    fn what_is_shared_goes_to_everybody_and_what_is_ones_own_stays() {
        let shared = Action::Transport(TransportAction::Stop);
        assert_eq!(shared.route(), Route::Network(NetworkAction::Transport(TransportAction::Stop)));
        for (action, stays) in [
            (
                Action::Clipboard(ClipboardAction::Paste),
                LocalAction::Clipboard(ClipboardAction::Paste),
            ),
            (
                Action::Navigation(NavigationAction::Go(Pane::Mixer)),
                LocalAction::Navigation(NavigationAction::Go(Pane::Mixer)),
            ),
            (
                Action::Layer(LayerAction::Push(Layer::Help)),
                LocalAction::Layer(LayerAction::Push(Layer::Help)),
            ),
            (
                Action::Selection(SelectionAction::Nothing),
                LocalAction::Selection(SelectionAction::Nothing),
            ),
        ] {
            assert_eq!(action.route(), Route::Local(stays));
        }
    }
}
