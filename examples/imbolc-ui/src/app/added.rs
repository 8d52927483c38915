//! Which actions add something, and which panes show it.
//!
//! It reads actions; `app` selects what they add.

use imbolc_net::studio::{
    AutomationAction, BusSetting, ChainSetting, ClipAction, DrumAction, DrumSetting,
    InstrumentAction, InstrumentSetting, MasterSetting, MixerSetting, NetworkAction, Pane,
    SendsSetting,
};

/// The panes that show what `action` adds, the best one first; `None` if it adds nothing
/// that can be selected.
pub(super) const fn panes_with_added(action: &NetworkAction) -> Option<&'static [Pane]> {
    use Pane::{Arrangement, Automation, Drums, Instruments, Mixer, PianoRoll};
    Some(match action {
        NetworkAction::AddInstrument { .. } => {
            &[Instruments, Mixer, PianoRoll, Drums, Automation, Arrangement]
        }
        NetworkAction::Instrument(_, InstrumentAction::Set(InstrumentSetting::Chain(it)))
            if is_new_effect(it) =>
        {
            &[Instruments, Mixer]
        }
        NetworkAction::Instrument(
            _,
            InstrumentAction::Set(InstrumentSetting::Sends(SendsSetting::Add(_))),
        )
        | NetworkAction::Mixer(MixerSetting::AddBus(..) | MixerSetting::AddLayerGroup(..)) => {
            &[Mixer]
        }
        NetworkAction::Mixer(
            MixerSetting::Bus(_, BusSetting::Chain(it))
            | MixerSetting::Master(MasterSetting::Chain(it)),
        ) if is_new_effect(it) => &[Mixer],
        NetworkAction::Automation(_, AutomationAction::Add) => &[Automation],
        NetworkAction::Clip(_, ClipAction::Create { .. } | ClipAction::Capture { .. }) => {
            &[Arrangement]
        }
        NetworkAction::Drums(_, DrumAction::Set(DrumSetting::AddPattern(_))) => &[Drums],
        _ => return None,
    })
}

const fn is_new_effect(setting: &ChainSetting) -> bool {
    matches!(setting, ChainSetting::Add(..))
}
