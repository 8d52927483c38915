//! What an instrument sends to buses, besides its output.
//!
//! It knows buses by their ids only; whether there is such a bus is checked
//! where the mixer is at hand.

use serde::{Deserialize, Serialize};

use super::{
    bounded::{self, MAX_BUSES},
    mixer::BusId,
    reference::{Reference, Refers},
    settings::{Place, PlaceName, Settings, settings},
};
use crate::{
    model::Invalid,
    util::{
        ordmap::{DiffItem, OrdMap},
        quantity::Decibels,
    },
};

settings! {
    /// A part of an instrument's sound that goes to a bus as well.
    #[derive(Copy)]
    BusSend, BusSendSetting, BusSendParameter {
        /// How much.
        level: Level(Decibels) = Decibels::of(-12.0);
        /// Whether it is taken before the fader.
        pre_fader: PreFader(bool) = false;
    }
}

/// An instrument's sends, one a bus at most.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sends(
    #[serde(deserialize_with = "bounded::map::<MAX_BUSES, _, _, _>")] OrdMap<BusId, BusSend>,
);

/// One change of [`Sends`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SendsSetting {
    /// There is a new send, at its default level.
    Add(BusId),
    /// A send is gone.
    Remove(BusId),
    /// A send was touched.
    Set(BusId, BusSendSetting),
}

impl Sends {
    /// The send to this bus, if there is one.
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

    fn place(setting: &SendsSetting, place: &mut Place) {
        let (SendsSetting::Add(bus) | SendsSetting::Remove(bus) | SendsSetting::Set(bus, _)) =
            setting;
        place.push(PlaceName::Number(bus.0.into()));
        if let SendsSetting::Set(_, setting) = setting {
            BusSend::place(setting, place);
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
