//! The ownership or privilege that each action needs.
//!
//! It reads the action only, never the state: the session knows the owners. The
//! matches are exhaustive, so that no new action is open to everyone by accident.

use super::{
    arrangement::{ArrangementSetting, ClipAction, PlacementAction},
    automation::{AutomationAction, Target},
    drums::DrumAction,
    globals::{playback::TransportAction, session_settings::SessionSetting},
    instrument::InstrumentAction,
    mixer::MixerSetting,
    network_action::NetworkAction,
    piano_roll::PianoRollAction,
    plugin::{device::Device, registry::RegistrySetting},
    project::ProjectAction,
};
use crate::model::{Access, InstrumentId};

pub(super) const fn access_of(action: &NetworkAction) -> Access {
    match action {
        NetworkAction::AddInstrument { id, .. } => Access::Create(*id),
        NetworkAction::DeleteInstrument(id) => Access::Delete(*id),
        NetworkAction::Instrument(id, action) => instrument_access(*id, action),
        NetworkAction::PianoRoll(id, action) => piano_roll_access(*id, action),
        NetworkAction::Clip(id, action) => clip_access(*id, action),
        NetworkAction::Placement(id, action) => placement_access(*id, action),
        NetworkAction::Arrangement(setting) => arrangement_access(setting),
        NetworkAction::Automation(target, action) => automation_access(*target, action),
        NetworkAction::Project(action) => project_access(action),
        NetworkAction::ProjectReport(_) | NetworkAction::TransportReport(_) => Access::Engine,
        NetworkAction::Drums(id, action) => drums_access(*id, action),
        NetworkAction::Adjust(device, ..) => adjust_access(*device),
        NetworkAction::Registry(setting) => registry_access(setting),
        NetworkAction::Session(setting) => session_access(setting),
        NetworkAction::Transport(action) => transport_access(action),
        NetworkAction::Mixer(setting) => mixer_access(setting),
        // Everybody must be able to end a howl, and cut sounds can be played again.
        NetworkAction::Panic => Access::Anyone,
    }
}

/// Sends and output belong to the instrument, although they name a bus.
const fn instrument_access(id: InstrumentId, action: &InstrumentAction) -> Access {
    match action {
        InstrumentAction::Set(_)
        | InstrumentAction::Play(..)
        | InstrumentAction::Release(_)
        | InstrumentAction::ReleaseLate(..)
        | InstrumentAction::ReleaseAll => Access::Own(id),
    }
}

const fn piano_roll_access(id: InstrumentId, action: &PianoRollAction) -> Access {
    match action {
        PianoRollAction::Add(_)
        | PianoRollAction::Remove(..)
        | PianoRollAction::Move { .. }
        | PianoRollAction::Resize(..)
        | PianoRollAction::Velocity(..)
        | PianoRollAction::Probability(..)
        | PianoRollAction::Paste(_)
        | PianoRollAction::DeleteRegion(_)
        | PianoRollAction::Clear
        | PianoRollAction::Set(_) => Access::Own(id),
    }
}

const fn clip_access(id: InstrumentId, action: &ClipAction) -> Access {
    match action {
        ClipAction::Create { .. }
        | ClipAction::Capture { .. }
        | ClipAction::Rename(..)
        | ClipAction::Resize(..)
        | ClipAction::Put(..)
        | ClipAction::Take(..)
        | ClipAction::Delete(_) => Access::Own(id),
    }
}

const fn placement_access(id: InstrumentId, action: &PlacementAction) -> Access {
    match action {
        PlacementAction::Place { .. }
        | PlacementAction::Move(..)
        | PlacementAction::Resize(..)
        | PlacementAction::Duplicate { .. }
        | PlacementAction::Remove(_) => Access::Own(id),
    }
}

const fn arrangement_access(setting: &ArrangementSetting) -> Access {
    match setting {
        ArrangementSetting::Play(_) | ArrangementSetting::AtEnd(_) => Access::Privilege,
    }
}

/// A lane belongs to the instrument whose parameter it moves.
const fn automation_access(target: Target, action: &AutomationAction) -> Access {
    match action {
        AutomationAction::Add
        | AutomationAction::Delete
        | AutomationAction::Set(_)
        | AutomationAction::Put(_)
        | AutomationAction::Remove(_)
        | AutomationAction::Move(..)
        | AutomationAction::DeleteRegion(_)
        | AutomationAction::CopyRegion(..)
        | AutomationAction::Paste(_) => match target.instrument() {
            Some(id) => Access::Own(id),
            None => Access::Privilege,
        },
    }
}

const fn project_access(action: &ProjectAction) -> Access {
    match action {
        ProjectAction::New
        | ProjectAction::Save
        | ProjectAction::SaveAs(_)
        | ProjectAction::Load(_)
        | ProjectAction::List
        | ProjectAction::CreateCheckpoint(_)
        | ProjectAction::RestoreCheckpoint(_)
        | ProjectAction::DeleteCheckpoint(_)
        | ProjectAction::Recover(_) => Access::Privilege,
    }
}

/// A pad may play another participant's instrument, because only the kit is
/// edited.
const fn drums_access(id: InstrumentId, action: &DrumAction) -> Access {
    match action {
        DrumAction::Set(_)
        | DrumAction::Step(..)
        | DrumAction::Euclid { .. }
        | DrumAction::ClearRegion(..)
        | DrumAction::Paste(..)
        | DrumAction::Chop(_)
        | DrumAction::AssignSlices(_) => Access::Own(id),
    }
}

const fn adjust_access(device: Device) -> Access {
    match device {
        Device::Source(id) | Device::Slot(id, _) => Access::Own(id),
        Device::BusSlot(..) | Device::MasterSlot(_) => Access::Privilege,
    }
}

const fn registry_access(setting: &RegistrySetting) -> Access {
    match setting {
        RegistrySetting::AddSynthDef(..)
        | RegistrySetting::DeleteSynthDef(_)
        | RegistrySetting::AddPlugin(..)
        | RegistrySetting::DeletePlugin(_) => Access::Privilege,
    }
}

const fn session_access(setting: &SessionSetting) -> Access {
    match setting {
        SessionSetting::Name(_)
        | SessionSetting::Tempo(_)
        | SessionSetting::Key(_)
        | SessionSetting::Scale(_)
        | SessionSetting::TimeSignature(_)
        | SessionSetting::Swing(_)
        | SessionSetting::Tuning(_)
        | SessionSetting::Snap(_)
        | SessionSetting::Click(_)
        | SessionSetting::Humanise(_)
        | SessionSetting::ChaseNotes(_)
        | SessionSetting::Midi(_) => Access::Privilege,
    }
}

const fn transport_access(action: &TransportAction) -> Access {
    match action {
        TransportAction::Play
        | TransportAction::Stop
        | TransportAction::Locate(_)
        | TransportAction::Record(_)
        | TransportAction::Loop(_)
        | TransportAction::Region(_) => Access::Privilege,
    }
}

const fn mixer_access(setting: &MixerSetting) -> Access {
    match setting {
        MixerSetting::AddBus(..)
        | MixerSetting::DeleteBus(_)
        | MixerSetting::Bus(..)
        | MixerSetting::Master(_)
        | MixerSetting::AddLayerGroup(..)
        | MixerSetting::DeleteLayerGroup(_)
        | MixerSetting::LayerGroup(..) => Access::Privilege,
    }
}
