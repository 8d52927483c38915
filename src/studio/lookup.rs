//! Looks up what a [`Target`] moves and what a [`Device`] has loaded, builds the
//! action that sets it, and says its value.

use crate::{
    model::Invalid,
    studio::{
        automation::{ChainOf, Target},
        common::{
            automated::Automated as _,
            ids::{DefinitionId, ParameterId},
            range,
        },
        drums::{DrumAction, DrumParameter, DrumSetting, Pad},
        effect::{
            EffectSetting,
            chain::{Chain, ChainSetting},
        },
        globals::session_settings::SessionState,
        instrument::{Instrument, InstrumentAction, InstrumentSetting},
        mixer::{Bus, BusSetting, Master, MasterSetting, MixerSetting, layer_group::LayerGroup},
        network_action::NetworkAction,
        plugin::{Hosted, LoadedSetting, device::Device, registry::Parameter},
        source::SourceSetting,
        studio_state::StudioState,
    },
    util::{
        quantity::{Amount, ParameterChange, ParameterValue},
        unit::UnreadableValue,
    },
};

impl Target {
    /// The current value as a fraction of the parameter's range; `None` if the
    /// parameter does not exist at the moment.
    #[must_use]
    pub fn part(self, state: &StudioState) -> Option<Amount> {
        match self {
            Self::Instrument(id, parameter) => parameter.part(state.instruments.get(id)?),
            Self::Pad(id, pad, parameter) => parameter.part(&state.drums.machine(id)?.pad(pad)),
            Self::Drums(id, parameter) => Some(parameter.part(state.drums.machine(id)?)),
            Self::Hosted(device, parameter) => {
                let hosted = device.hosted(state)?;
                let row = state.registry.definition(hosted.definition()?)?.parameter(parameter)?;
                let value = hosted.touched(parameter).unwrap_or(row.default());
                let (min, max) = row.range();
                let part = (value.get() - min.get()) / (max.get() - min.get());
                Some(if part.is_finite() { range::amount(part) } else { Amount::MIN })
            }
            Self::Bus(id, parameter) => parameter.part(state.mixer.bus(id)?),
            Self::LayerGroup(id, parameter) => parameter.part(state.mixer.layer_group(id)?),
            Self::Master(parameter) => parameter.part(&state.mixer.master),
            Self::Session(parameter) => parameter.part(&state.session),
        }
    }

    /// The action that puts the parameter at this fraction of its range; `None`
    /// if the range is unknown, because no definition is loaded.
    #[must_use]
    pub fn action(self, part: Amount, state: &StudioState) -> Option<NetworkAction> {
        Some(match self {
            Self::Instrument(id, parameter) => {
                NetworkAction::Instrument(id, InstrumentAction::Set(parameter.setting(part)))
            }
            Self::Pad(id, pad, parameter) => {
                let setting = DrumSetting::Pad(pad, parameter.setting(part));
                NetworkAction::Drums(id, DrumAction::Set(setting))
            }
            Self::Drums(id, parameter) => {
                NetworkAction::Drums(id, DrumAction::Set(parameter.setting(part)))
            }
            Self::Hosted(device, parameter) => {
                let definition = device.hosted(state)?.definition()?;
                let row = state.registry.definition(definition)?.parameter(parameter)?;
                let (min, max) = (row.range().0.get(), row.range().1.get());
                let value = (min + (max - min) * part.get()).clamp(min, max);
                device.set(definition, parameter, ParameterValue::new(value).ok()?)
            }
            Self::Bus(id, parameter) => {
                NetworkAction::Mixer(MixerSetting::Bus(id, parameter.setting(part)))
            }
            Self::LayerGroup(id, parameter) => {
                NetworkAction::Mixer(MixerSetting::LayerGroup(id, parameter.setting(part)))
            }
            Self::Master(parameter) => {
                NetworkAction::Mixer(MixerSetting::Master(parameter.setting(part)))
            }
            Self::Session(parameter) => NetworkAction::Session(parameter.setting(part)),
        })
    }

    /// The current value as a musician reads it, with its unit; `None` where
    /// [`part`](Self::part) is.
    #[must_use]
    pub fn shown(self, state: &StudioState) -> Option<String> {
        match self {
            Self::Instrument(id, parameter) => state.instruments.get(id)?.shown(parameter),
            Self::Pad(id, pad, parameter) => state.drums.machine(id)?.pad(pad).shown(parameter),
            Self::Bus(id, parameter) => state.mixer.bus(id)?.shown(parameter),
            Self::LayerGroup(id, parameter) => state.mixer.layer_group(id)?.shown(parameter),
            Self::Master(parameter) => state.mixer.master.shown(parameter),
            Self::Session(parameter) => state.session.shown(parameter),
            Self::Drums(..) | Self::Hosted(..) => self.text(self.part(state)?, state),
        }
    }

    /// The value at this fraction of the range as a musician reads it, with its unit; `None`
    /// where [`action`](Self::action) is.
    #[must_use]
    pub fn text(self, part: Amount, state: &StudioState) -> Option<String> {
        self.action(part, state)?.value_text()
    }

    /// The action that gives the parameter the value that a musician has typed, as
    /// [`text`](Self::text) shows it or in another way.
    ///
    /// # Errors
    /// If `text` is no value of the parameter; the error says which there are.
    pub fn read(self, text: &str, state: &StudioState) -> Result<NetworkAction, UnreadableValue> {
        Ok(match self {
            Self::Instrument(id, parameter) => {
                let setting = Instrument::read(parameter, text)?;
                NetworkAction::Instrument(id, InstrumentAction::Set(setting))
            }
            Self::Pad(id, pad, parameter) => {
                let setting = DrumSetting::Pad(pad, Pad::read(parameter, text)?);
                NetworkAction::Drums(id, DrumAction::Set(setting))
            }
            Self::Drums(id, DrumParameter::Swing) => {
                NetworkAction::Drums(id, DrumAction::Set(DrumSetting::Swing(text.parse()?)))
            }
            Self::Hosted(device, parameter) => {
                let row = self.row(state);
                let (least, most) =
                    row.map_or((ParameterValue::MIN, ParameterValue::MAX), Parameter::range);
                let expected = || UnreadableValue::new(format!("from {least} to {most}"), text);
                let definition = device.hosted(state).and_then(Hosted::definition);
                let value: ParameterValue = text.parse().map_err(|_| expected())?;
                let fits = (least..=most).contains(&value);
                device.set(definition.filter(|_| fits).ok_or_else(expected)?, parameter, value)
            }
            Self::Bus(id, parameter) => {
                NetworkAction::Mixer(MixerSetting::Bus(id, Bus::read(parameter, text)?))
            }
            Self::LayerGroup(id, parameter) => NetworkAction::Mixer(MixerSetting::LayerGroup(
                id,
                LayerGroup::read(parameter, text)?,
            )),
            Self::Master(parameter) => {
                NetworkAction::Mixer(MixerSetting::Master(Master::read(parameter, text)?))
            }
            Self::Session(parameter) => {
                NetworkAction::Session(SessionState::read(parameter, text)?)
            }
        })
    }

    /// What the parameter is, in a sentence.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Instrument(_, parameter) => Instrument::meaning(parameter),
            Self::Pad(_, _, parameter) => Pad::meaning(parameter),
            Self::Drums(_, DrumParameter::Swing) => "The delay of every second step.",
            Self::Hosted(..) => "A parameter of a SynthDef or plug-in.",
            Self::Bus(_, parameter) => Bus::meaning(parameter),
            Self::LayerGroup(_, parameter) => LayerGroup::meaning(parameter),
            Self::Master(parameter) => Master::meaning(parameter),
            Self::Session(parameter) => SessionState::meaning(parameter),
        }
    }

    /// The row of a hosted parameter in the table of what is loaded.
    fn row(self, state: &StudioState) -> Option<&Parameter> {
        let Self::Hosted(device, parameter) = self else { return None };
        let definition = device.hosted(state)?.definition()?;
        state.registry.definition(definition)?.parameter(parameter)
    }

    /// Checks that the owner of the parameter exists. It need not have the right
    /// kind: a lane without its parameter has no effect.
    pub(in crate::studio) fn check(self, state: &StudioState) -> Result<(), Invalid> {
        if let Some(id) = self.instrument().filter(|id| !state.instruments.contains(*id)) {
            return Err(Invalid::missing("instrument", id));
        }
        if let Some(id) = self.bus().filter(|id| state.mixer.bus(*id).is_none()) {
            return Err(Invalid::missing("bus", id));
        }
        if let Some(id) = self.layer_group().filter(|id| state.mixer.layer_group(*id).is_none()) {
            return Err(Invalid::missing("layer group", id));
        }
        if let Some((chain, slot)) = self.slot()
            && chain.of(state).is_none_or(|chain| chain.slot(slot).is_none())
        {
            return Err(Invalid::missing("effect", slot));
        }
        Ok(())
    }
}

impl NetworkAction {
    /// The value that the action gives a parameter, with its unit; `None` if it sets none.
    #[must_use]
    pub fn value_text(&self) -> Option<String> {
        match self {
            NetworkAction::Instrument(_, InstrumentAction::Set(setting)) => {
                Instrument::value_text(setting)
            }
            NetworkAction::Drums(_, DrumAction::Set(DrumSetting::Pad(_, setting))) => {
                Pad::value_text(setting)
            }
            NetworkAction::Drums(_, DrumAction::Set(DrumSetting::Swing(swing))) => {
                Some(swing.to_string())
            }
            NetworkAction::Mixer(MixerSetting::Bus(_, setting)) => Bus::value_text(setting),
            NetworkAction::Mixer(MixerSetting::LayerGroup(_, setting)) => {
                LayerGroup::value_text(setting)
            }
            NetworkAction::Mixer(MixerSetting::Master(setting)) => Master::value_text(setting),
            NetworkAction::Session(setting) => SessionState::value_text(setting),
            _ => None,
        }
    }
}

impl ChainOf {
    /// The chain, if it exists.
    fn of(self, state: &StudioState) -> Option<&Chain> {
        match self {
            Self::Instrument(id) => state.instruments.get(id).map(|Instrument { chain, .. }| chain),
            Self::Bus(id) => state.mixer.bus(id).map(|Bus { chain, .. }| chain),
            Self::Master => Some(&state.mixer.master.chain),
        }
    }
}

impl Device {
    /// The device, if the place exists and is for hosted devices.
    #[must_use]
    pub fn hosted(self, state: &StudioState) -> Option<&dyn Hosted> {
        let chain = match self {
            Self::Source(id) => return state.instruments.get(id)?.source.hosted(),
            Self::Slot(id, _) => &state.instruments.get(id)?.chain,
            Self::BusSlot(id, _) => &state.mixer.bus(id)?.chain,
            Self::MasterSlot(_) => &state.mixer.master.chain,
        };
        chain.slot(self.slot()?)?.effect.hosted()
    }

    /// The action that sets a parameter of the device.
    pub(super) fn set(
        self,
        definition: DefinitionId,
        parameter: ParameterId,
        value: ParameterValue,
    ) -> NetworkAction {
        let source = || match definition {
            DefinitionId::SynthDef(_) => {
                SourceSetting::SynthDef(LoadedSetting::Set(parameter, value))
            }
            DefinitionId::Plugin(_) => SourceSetting::Vst(LoadedSetting::Set(parameter, value)),
        };
        let effect = |slot| {
            ChainSetting::Effect(slot, EffectSetting::Vst(LoadedSetting::Set(parameter, value)))
        };
        let instrument =
            |id, setting| NetworkAction::Instrument(id, InstrumentAction::Set(setting));
        match self {
            Self::Source(id) => instrument(id, InstrumentSetting::Source(source())),
            Self::Slot(id, slot) => instrument(id, InstrumentSetting::Chain(effect(slot))),
            Self::BusSlot(id, slot) => {
                NetworkAction::Mixer(MixerSetting::Bus(id, BusSetting::Chain(effect(slot))))
            }
            Self::MasterSlot(slot) => {
                NetworkAction::Mixer(MixerSetting::Master(MasterSetting::Chain(effect(slot))))
            }
        }
    }
}

impl StudioState {
    /// Puts a parameter at this fraction of its range, as the action of a turned knob does
    /// ([`Target::action`]). Nothing changes if the parameter does not exist at the moment, or
    /// if that action would be refused.
    ///
    /// An engine applies lanes with it: [`PlaybackEvent::Automated`] carries both arguments.
    ///
    /// [`PlaybackEvent::Automated`]: crate::studio::PlaybackEvent::Automated
    pub fn move_to(&mut self, target: Target, value: Amount) {
        if target.part(self).is_none() {
            return;
        }
        let Some(action) = target.action(value, self) else { return };
        // Only the number of touched parameters is limited; a refused action leaves a state
        // that must be discarded.
        let before = matches!(target, Target::Hosted(..)).then(|| self.clone());
        if self.reduce(&action).is_err()
            && let Some(before) = before
        {
            *self = before;
        }
    }

    /// Changes a parameter relative to its current value, within its range.
    /// Concurrent turns of an endless knob add up.
    pub(super) fn adjust(
        &mut self,
        device: Device,
        parameter: ParameterId,
        by: ParameterChange,
    ) -> Result<(), Invalid> {
        let hosted = match device {
            Device::Source(id) => self.instruments.get_mut(id)?.source.hosted_mut(),
            Device::Slot(id, slot) => self.instruments.get_mut(id)?.chain.hosted_mut(slot)?,
            Device::BusSlot(id, slot) => self.mixer.bus_mut(id)?.chain.hosted_mut(slot)?,
            Device::MasterSlot(slot) => self.mixer.master.chain.hosted_mut(slot)?,
        };
        let Some(hosted) = hosted else {
            return Err(Invalid::unfit(
                "this source or effect is neither a SynthDef nor a plug-in",
            ));
        };
        let table = hosted.definition().and_then(|id| self.registry.definition(id));
        let Some(row) = table.and_then(|table| table.parameter(parameter)) else {
            return Err(Invalid::missing("parameter", parameter));
        };
        let value = hosted.touched(parameter).unwrap_or(row.default());
        hosted.touch(parameter, row.moved(value, by))?;
        Ok(())
    }
}
