//! Carries out actions.
//!
//! Each subsystem reduces its own state; the consequences for other subsystems are
//! here. After an error, discard the state.

use std::sync::Arc;

use crate::{
    model::{InstrumentId, Invalid},
    studio::{
        automation::ChainOf,
        common::{
            ids::SlotId, reference::Reference, settings::Settings as _, studio_effect::StudioEffect,
        },
        drums::{DrumAction, DrumSetting, PadSetting},
        effect::chain::ChainSetting,
        globals::{midi_map::MidiMapSetting, session_settings::SessionSetting},
        instrument::{InstrumentAction, InstrumentSetting},
        mixer::{BusSetting, MasterSetting, MixerSetting},
        network_action::NetworkAction,
        project_report::{ProjectOutcome, ProjectReport},
        studio_state::StudioState,
    },
};

impl StudioState {
    /// Carries out an action, and returns what the engine must do.
    pub(super) fn reduce(&mut self, action: &NetworkAction) -> Result<Vec<StudioEffect>, Invalid> {
        match action {
            NetworkAction::AddInstrument { id, name, source } => {
                self.add_instrument(*id, name, *source)?;
            }
            NetworkAction::DeleteInstrument(id) => return self.delete_instrument(*id),
            NetworkAction::Instrument(id, action) => return self.reduce_instrument(*id, action),
            NetworkAction::PianoRoll(id, action) => self.piano_roll.reduce(*id, action)?,
            NetworkAction::Clip(id, action) => {
                let track = self.piano_roll.track(*id);
                let track = track.ok_or_else(|| Invalid::missing("instrument", *id))?;
                self.arrangement.reduce_clip(*id, action, track)?;
            }
            NetworkAction::Placement(id, action) => {
                self.require_instrument(*id)?;
                self.arrangement.reduce_placement(*id, action)?;
            }
            NetworkAction::Arrangement(setting) => self.arrangement.set(setting.clone())?,
            NetworkAction::Automation(target, action) => {
                target.check(self)?;
                self.automation.reduce(*target, action)?;
            }
            NetworkAction::Project(action) => {
                Arc::make_mut(&mut self.projects).reduce(action)?;
                let replaces = action.replaces_session();
                return Ok(vec![if replaces { StudioEffect::Load } else { StudioEffect::Save }]);
            }
            NetworkAction::ProjectReport(report) => self.reduce_report(report),
            NetworkAction::Drums(id, action) => self.reduce_drums(*id, action)?,
            NetworkAction::Adjust(device, parameter, by) => {
                self.adjust(*device, *parameter, *by)?;
            }
            NetworkAction::Registry(setting) => {
                if let Some(gone) = self.registry.reduce(setting)? {
                    self.forget(Reference::Definition(gone));
                }
            }
            NetworkAction::Session(setting) => self.reduce_session(setting)?,
            NetworkAction::Transport(action) => return self.transport.reduce(*action),
            NetworkAction::TransportReport(report) => self.transport.follow(report),
            NetworkAction::Mixer(setting) => self.reduce_mixer(setting)?,
            NetworkAction::Panic => {
                self.instruments.release_all();
                return Ok(vec![StudioEffect::Panic]);
            }
        }
        Ok(Vec::new())
    }

    fn reduce_instrument(
        &mut self,
        id: InstrumentId,
        action: &InstrumentAction,
    ) -> Result<Vec<StudioEffect>, Invalid> {
        let effects = self.instruments.reduce(id, action)?;
        if let InstrumentAction::Set(setting) = action {
            if let Some(edited) = self.instruments.get(id) {
                self.check_references(edited)?;
            }
            self.drums.follow_one(id, &self.instruments);
            if let InstrumentSetting::Chain(ChainSetting::Remove(slot)) = setting {
                self.automation.forget_slot(ChainOf::Instrument(id), *slot);
            }
        }
        Ok(effects)
    }

    fn reduce_drums(&mut self, id: InstrumentId, action: &DrumAction) -> Result<(), Invalid> {
        self.drums.reduce(id, action)?;
        if let DrumAction::Set(DrumSetting::Pad(_, PadSetting::Sound(_))) = action
            && let Some(edited) = self.drums.machine(id)
        {
            self.check_references(edited)?;
        }
        Ok(())
    }

    fn reduce_session(&mut self, setting: &SessionSetting) -> Result<(), Invalid> {
        Arc::make_mut(&mut self.session).set(setting.clone())?;
        if let SessionSetting::Midi(MidiMapSetting::Put(..)) = setting {
            self.check_references(&self.session.midi)?;
        }
        Ok(())
    }

    fn reduce_mixer(&mut self, setting: &MixerSetting) -> Result<(), Invalid> {
        self.mixer.reduce(setting)?;
        match setting {
            MixerSetting::DeleteBus(id) => self.forget(Reference::Bus(*id)),
            MixerSetting::DeleteLayerGroup(id) => self.forget(Reference::LayerGroup(*id)),
            MixerSetting::Bus(_, BusSetting::Chain(_))
            | MixerSetting::Master(MasterSetting::Chain(_)) => {
                self.check_references(&self.mixer)?;
                if let Some((chain, slot)) = removed_effect(setting) {
                    self.automation.forget_slot(chain, slot);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn reduce_report(&mut self, report: &ProjectReport) {
        let ProjectReport { task, outcome } = report;
        let (done, loaded) = match outcome {
            ProjectOutcome::Done(found) => (Ok(found), None),
            ProjectOutcome::Loaded(found, loaded) => (Ok(found), Some(loaded)),
            ProjectOutcome::Failed(why) => (Err(why), None),
        };
        Arc::make_mut(&mut self.projects).finish(task, done);
        if let Some(loaded) = loaded {
            self.replace(loaded);
        }
    }
}

/// The effect that a setting removes.
const fn removed_effect(setting: &MixerSetting) -> Option<(ChainOf, SlotId)> {
    match setting {
        MixerSetting::Bus(id, BusSetting::Chain(ChainSetting::Remove(slot))) => {
            Some((ChainOf::Bus(*id), *slot))
        }
        MixerSetting::Master(MasterSetting::Chain(ChainSetting::Remove(slot))) => {
            Some((ChainOf::Master, *slot))
        }
        _ => None,
    }
}
