//! The sends of an instrument: signals to buses in addition to its output.
//!
//! A send knows its bus by id only; the reducer checks that the bus exists.

use serde::{Deserialize, Serialize};

use crate::{
    model::Invalid,
    studio::common::{
        automated::Automated,
        bounded::{self, MAX_BUSES},
        ids::BusId,
        reference::{Reference, Refers},
        settings::{ParamPath, PathStep, Settings, settings},
    },
    util::{
        ordmap::{DiffItem, OrdMap},
        quantity::{Amount, Decibels},
        unit::UnreadableValue,
    },
};

settings! {
    /// A send to a bus.
    #[derive(Copy)]
    BusSend, BusSendSetting, BusSendParameter {
        /// The level in dB.
        level: Level(Decibels) = Decibels::of(-12.0);
        /// Whether the signal is taken before the fader.
        pre_fader: PreFader(bool) = false;
    }
}

/// The sends of an instrument, at most one per bus.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sends(
    #[serde(deserialize_with = "bounded::map::<MAX_BUSES, _, _, _>")] OrdMap<BusId, BusSend>,
);

/// A change of [`Sends`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SendsSetting {
    /// Adds a send at its default level.
    Add(BusId),
    /// Removes a send.
    Remove(BusId),
    /// Changes a setting of a send.
    Set(BusId, BusSendSetting),
}

impl Sends {
    /// The send to this bus.
    #[must_use]
    pub fn to(&self, bus: BusId) -> Option<&BusSend> {
        self.0.get(&bus)
    }

    /// All sends, by bus.
    pub fn iter(&self) -> impl Iterator<Item = (BusId, &BusSend)> {
        self.0.iter().map(|(bus, send)| (*bus, send))
    }
}

impl Settings for Sends {
    type Setting = SendsSetting;

    fn set(&mut self, setting: SendsSetting) -> Result<(), Invalid> {
        match setting {
            SendsSetting::Add(bus) => match self.0.insert(bus, BusSend::default()) {
                None => Ok(()),
                Some(_) => Err(Invalid::exists("send to bus", bus)),
            },
            SendsSetting::Remove(bus) => match self.0.remove(&bus) {
                Some(_) => Ok(()),
                None => Err(Invalid::missing("send to bus", bus)),
            },
            SendsSetting::Set(bus, setting) => match self.0.get_mut(&bus) {
                Some(send) => send.set(setting),
                None => Err(Invalid::missing("send to bus", bus)),
            },
        }
    }

    fn path(setting: &SendsSetting, path: &mut ParamPath) {
        let (SendsSetting::Add(bus) | SendsSetting::Remove(bus) | SendsSetting::Set(bus, _)) =
            setting;
        path.push(PathStep::Number(bus.0.into()));
        if let SendsSetting::Set(_, setting) = setting {
            BusSend::path(setting, path);
        }
    }

    fn diff(&self, to: &Self, emit: &mut dyn FnMut(SendsSetting)) {
        for change in self.0.diff(&to.0) {
            match change {
                DiffItem::Add(bus, send) => {
                    emit(SendsSetting::Add(*bus));
                    BusSend::default().diff(send, &mut |s| emit(SendsSetting::Set(*bus, s)));
                }
                DiffItem::Update { old: (bus, old), new: (_, new) } => {
                    old.diff(new, &mut |s| emit(SendsSetting::Set(*bus, s)));
                }
                DiffItem::Remove(bus, _) => emit(SendsSetting::Remove(*bus)),
            }
        }
    }
}

impl Refers for Sends {
    fn references(&self, each: &mut dyn FnMut(Reference)) {
        self.0.keys().for_each(|bus| each(Reference::Bus(*bus)));
    }

    fn forget(&mut self, gone: Reference) {
        if let Reference::Bus(bus) = gone {
            self.0.remove(&bus);
        }
    }
}

/// A parameter of the send to a bus. Without effect while there is no such
/// send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SendsParameter(pub BusId, pub BusSendParameter);

impl Automated for Sends {
    type Parameter = SendsParameter;

    fn every() -> Vec<SendsParameter> {
        Vec::new()
    }

    fn part(&self, SendsParameter(bus, parameter): SendsParameter) -> Option<Amount> {
        self.to(bus)?.part(parameter)
    }

    fn setting(SendsParameter(bus, parameter): SendsParameter, part: Amount) -> SendsSetting {
        SendsSetting::Set(bus, BusSend::setting(parameter, part))
    }

    fn is_knob(setting: &SendsSetting) -> bool {
        match setting {
            SendsSetting::Add(_) | SendsSetting::Remove(_) => false,
            SendsSetting::Set(_, setting) => BusSend::is_knob(setting),
        }
    }

    fn shown(&self, SendsParameter(bus, parameter): SendsParameter) -> Option<String> {
        self.to(bus)?.shown(parameter)
    }

    fn value_text(setting: &SendsSetting) -> Option<String> {
        match setting {
            SendsSetting::Add(_) | SendsSetting::Remove(_) => None,
            SendsSetting::Set(_, setting) => BusSend::value_text(setting),
        }
    }

    fn read(
        SendsParameter(bus, parameter): SendsParameter,
        text: &str,
    ) -> Result<SendsSetting, UnreadableValue> {
        BusSend::read(parameter, text).map(|setting| SendsSetting::Set(bus, setting))
    }

    fn meaning(SendsParameter(_, parameter): SendsParameter) -> &'static str {
        BusSend::meaning(parameter)
    }
}
