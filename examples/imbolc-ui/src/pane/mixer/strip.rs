//! A mixer strip of any kind (instrument, layer group, bus, master): its values, and
//! the intents that change them.
//!
//! It knows nothing about the screen.

use imbolc_net::{
    model::InstrumentId,
    studio::{
        Audibility, BusId, BusSetting, Chain, ChainSetting, InstrumentSetting, LayerGroupId,
        LayerGroupSetting, MasterSetting, Mixer, MixerSetting, Name, Output, Sends, StudioState,
    },
    util::quantity::{Decibels, Pan},
};

use crate::intent::Intent;

/// The bottom of a fader: everything below it is silence.
const FADER_BOTTOM: f32 = -60.0;

/// How far one key moves the pan.
const PAN_STEP: f32 = 0.1;

/// Why the strip of a layer group cannot be opened.
pub(super) const NO_EFFECTS: &str = "a layer group has no effects: its instruments do";

/// The identity of a strip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StripId {
    Instrument(InstrumentId),
    LayerGroup(LayerGroupId),
    Bus(BusId),
    Master,
}

/// The values of a strip; `None` is what a strip of its kind does not have.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Strip {
    pub(super) name: Option<Name>,
    pub(super) level: Decibels,
    pub(super) pan: Option<Pan>,
    pub(super) mute: bool,
    pub(super) solo: Option<bool>,
    pub(super) output: Option<Output>,
    pub(super) sends: Option<Sends>,
    pub(super) chain: Option<Chain>,
}

impl StripId {
    /// All strips except the master, from left to right.
    pub(super) fn all(studio: &StudioState) -> Vec<Self> {
        let instruments = studio.instruments.iter().map(|(id, _)| Self::Instrument(id));
        let groups = studio.mixer.layer_groups().map(|(id, _)| Self::LayerGroup(id));
        let buses = studio.mixer.buses().map(|(id, _)| Self::Bus(id));
        instruments.chain(groups).chain(buses).collect()
    }

    /// The values of the strip; `None` if it no longer exists.
    pub(super) fn of(self, studio: &StudioState) -> Option<Strip> {
        let mixer = &studio.mixer;
        match self {
            Self::Instrument(id) => studio.instruments.get(id).map(|it| Strip {
                name: Some(it.name.clone()),
                level: it.level,
                pan: Some(it.pan),
                mute: it.mute,
                solo: Some(it.solo),
                output: Some(it.output),
                sends: Some(it.sends.clone()),
                chain: Some(it.chain.clone()),
            }),
            Self::LayerGroup(id) => mixer.layer_group(id).map(|it| Strip {
                name: Some(it.name.clone()),
                level: it.level,
                pan: None,
                mute: it.mute,
                solo: Some(it.solo),
                output: None,
                sends: None,
                chain: None,
            }),
            Self::Bus(id) => mixer.bus(id).map(|it| Strip {
                name: Some(it.name.clone()),
                level: it.level,
                pan: Some(it.pan),
                mute: it.mute,
                solo: Some(it.solo),
                output: Some(Output::Master),
                sends: None,
                chain: Some(it.chain.clone()),
            }),
            Self::Master => Some(Strip {
                name: None,
                level: mixer.master.level,
                pan: Some(mixer.master.pan),
                mute: mixer.master.mute,
                solo: None,
                output: None,
                sends: None,
                chain: Some(mixer.master.chain.clone()),
            }),
        }
    }

    /// Sets the level.
    pub(super) fn set_level(self, level: Decibels) -> Intent {
        match self {
            Self::Instrument(id) => Intent::set(id, InstrumentSetting::Level(level)),
            Self::LayerGroup(id) => {
                MixerSetting::LayerGroup(id, LayerGroupSetting::Level(level)).into()
            }
            Self::Bus(id) => MixerSetting::Bus(id, BusSetting::Level(level)).into(),
            Self::Master => MixerSetting::Master(MasterSetting::Level(level)).into(),
        }
    }

    /// Sets the pan.
    pub(super) fn set_pan(self, pan: Pan) -> Intent {
        match self {
            Self::Instrument(id) => Intent::set(id, InstrumentSetting::Pan(pan)),
            Self::LayerGroup(_) => show_error("a layer group has no pan: its instruments do"),
            Self::Bus(id) => MixerSetting::Bus(id, BusSetting::Pan(pan)).into(),
            Self::Master => MixerSetting::Master(MasterSetting::Pan(pan)).into(),
        }
    }

    /// Sets mute.
    pub(super) fn set_mute(self, on: bool) -> Intent {
        match self {
            Self::Instrument(id) => Intent::set(id, InstrumentSetting::Mute(on)),
            Self::LayerGroup(id) => {
                MixerSetting::LayerGroup(id, LayerGroupSetting::Mute(on)).into()
            }
            Self::Bus(id) => MixerSetting::Bus(id, BusSetting::Mute(on)).into(),
            Self::Master => MixerSetting::Master(MasterSetting::Mute(on)).into(),
        }
    }

    /// Whether nothing that goes through the strip is heard, because others are soloed.
    pub(super) fn is_silenced(self, studio: &StudioState) -> bool {
        let audibility = Audibility::of(studio);
        let passes = |id, group, to| match self {
            Self::Instrument(strip) => strip == id,
            Self::LayerGroup(strip) => Some(strip) == group,
            Self::Bus(strip) => to == Output::Bus(strip),
            Self::Master => true,
        };
        audibility.any_solo()
            && !audibility.heard().any(|(id, it, to)| passes(id, it.layer_group, to))
    }

    /// Sets solo.
    pub(super) fn set_solo(self, on: bool) -> Intent {
        match self {
            Self::Instrument(id) => Intent::set(id, InstrumentSetting::Solo(on)),
            Self::LayerGroup(id) => {
                MixerSetting::LayerGroup(id, LayerGroupSetting::Solo(on)).into()
            }
            Self::Bus(id) => MixerSetting::Bus(id, BusSetting::Solo(on)).into(),
            Self::Master => show_error("the master has no solo"),
        }
    }

    /// Changes the effect chain.
    pub(super) fn set_chain(self, setting: ChainSetting) -> Intent {
        match self {
            Self::Instrument(id) => Intent::set(id, InstrumentSetting::Chain(setting)),
            Self::LayerGroup(_) => show_error(NO_EFFECTS),
            Self::Bus(id) => MixerSetting::Bus(id, BusSetting::Chain(setting)).into(),
            Self::Master => MixerSetting::Master(MasterSetting::Chain(setting)).into(),
        }
    }

    /// Routes an instrument to the next bus, and after the last bus to the master.
    pub(super) fn next_output(self, strip: &Strip, mixer: &Mixer) -> Intent {
        let Self::Instrument(id) = self else {
            return show_error("only an instrument can change its output");
        };
        let next = match strip.output {
            Some(Output::Bus(now)) => mixer.buses().map(|(bus, _)| bus).find(|bus| *bus > now),
            _ => mixer.buses().map(|(bus, _)| bus).next(),
        };
        if next.is_none() && strip.output == Some(Output::Master) {
            return show_error("no bus: press b to add one");
        }
        Intent::set(id, InstrumentSetting::Output(next.map_or(Output::Master, Output::Bus)))
    }

    /// Opens the palette to add an effect.
    pub(super) fn add_effect(self) -> Intent {
        match self {
            Self::Instrument(_) => Intent::OpenPalette("effect ".into()),
            Self::LayerGroup(_) => show_error(NO_EFFECTS),
            Self::Bus(id) => Intent::OpenPalette(format!("buseffect {id} ")),
            Self::Master => Intent::OpenPalette("mastereffect ".into()),
        }
    }

    /// Opens the palette to rename the strip.
    pub(super) fn rename(self, strip: &Strip) -> Intent {
        let name = strip.name.as_ref().map_or("", Name::as_str);
        match self {
            Self::Instrument(_) => Intent::OpenPalette(format!("rename {name}")),
            Self::LayerGroup(id) => Intent::OpenPalette(format!("groupname {id} {name}")),
            Self::Bus(id) => Intent::OpenPalette(format!("busname {id} {name}")),
            Self::Master => show_error("the master cannot be renamed"),
        }
    }

    /// Opens the palette to delete the strip.
    pub(super) fn delete(self) -> Intent {
        match self {
            Self::Instrument(_) => Intent::OpenPalette("delete".into()),
            Self::LayerGroup(id) => Intent::OpenPalette(format!("delgroup {id}")),
            Self::Bus(id) => Intent::OpenPalette(format!("delbus {id}")),
            Self::Master => show_error("the master cannot be deleted"),
        }
    }

    /// Opens the palette to add or remove a send.
    pub(super) fn send(self, command: &str, mixer: &Mixer) -> Intent {
        if !matches!(self, Self::Instrument(_)) {
            return show_error("only an instrument sends to buses");
        }
        let mut buses = mixer.buses();
        match (buses.next(), buses.next()) {
            (None, _) => show_error("no bus: press b to add one"),
            (Some((only, _)), None) => Intent::OpenPalette(format!("{command} {only} ")),
            _ => Intent::OpenPalette(format!("{command} ")),
        }
    }
}

fn show_error(why: &str) -> Intent {
    Intent::ShowError(why.into())
}

/// A level moved by `by` decibels.
pub(crate) fn level_moved(level: Decibels, by: f32) -> Decibels {
    let to = if level.get() < FADER_BOTTOM && by > 0.0 { FADER_BOTTOM } else { level.get() + by };
    let silent = to < FADER_BOTTOM;
    if silent { Decibels::MIN } else { Decibels::new(to).unwrap_or(Decibels::MAX) }
}

/// A pan moved by `steps` to the right.
pub(super) fn pan_moved(pan: Pan, steps: f32) -> Pan {
    // On a grid, so that the centre is reached again.
    let to = (pan.get() / PAN_STEP).round() + steps;
    Pan::new((to * PAN_STEP).clamp(Pan::MIN.get(), Pan::MAX.get())).unwrap_or(pan)
}

/// The position of a fader, from 0 to 1.
pub(super) fn fader_position(level: Decibels) -> f32 {
    (level.get() - FADER_BOTTOM) / (Decibels::MAX.get() - FADER_BOTTOM)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fader_reaches_silence_and_returns() {
        assert_eq!(level_moved(Decibels::of(-6.0), 1.0), Decibels::of(-5.0));
        assert_eq!(level_moved(Decibels::of(12.0), 1.0), Decibels::MAX);
        assert_eq!(level_moved(Decibels::of(-60.0), -1.0), Decibels::MIN);
        assert_eq!(level_moved(Decibels::MIN, -1.0), Decibels::MIN);
        assert_eq!(level_moved(Decibels::MIN, 1.0), Decibels::of(-60.0));
    }

    #[test]
    fn pan_returns_to_exact_centre() {
        let mut pan = Pan::of(0.0);
        for steps in [1.0, 1.0, 1.0, -1.0, -1.0, -1.0] {
            pan = pan_moved(pan, steps);
        }
        assert_eq!(pan, Pan::of(0.0));
        assert_eq!(pan_moved(Pan::MAX, 1.0), Pan::MAX);
        assert_eq!(pan_moved(Pan::MIN, -1.0), Pan::MIN);
    }
}
