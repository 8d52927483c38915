//! Which panes show what was added.

use imbolc_net::studio::{Added, Device, Pane};

/// The panes that show `added`, the best one first; `None` if none can select it.
pub(super) const fn panes_with(added: Added) -> Option<&'static [Pane]> {
    use Pane::{Arrangement, Automation, Drums, Instruments, Mixer, PianoRoll};
    Some(match added {
        Added::Instrument(_) => &[Instruments, Mixer, PianoRoll, Drums, Automation, Arrangement],
        Added::Effect(Device::Slot(..)) => &[Instruments, Mixer],
        Added::Effect(_) | Added::Send(..) | Added::Bus(_) | Added::LayerGroup(_) => &[Mixer],
        Added::Lane(_) => &[Automation],
        Added::Clip(..) => &[Arrangement],
        Added::Pattern(..) => &[Drums],
        _ => return None,
    })
}
