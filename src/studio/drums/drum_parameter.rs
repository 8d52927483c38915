//! The parameters of a drum machine as a whole that automation lanes can move.
//!
//! Pads have their own parameters; this file must not know them.

use serde::{Deserialize, Serialize};

use super::{DrumMachine, DrumSetting};
use crate::util::quantity::Amount;

/// A parameter of a [`DrumMachine`] that a lane can move.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum DrumParameter {
    /// The delay of every second step.
    Swing,
}

impl DrumParameter {
    /// All parameters, in menu order.
    pub const ALL: &[Self] = &[Self::Swing];

    /// The current value as a fraction of the parameter's range.
    #[must_use]
    pub const fn part(self, of: &DrumMachine) -> Amount {
        match self {
            Self::Swing => of.swing,
        }
    }

    /// The setting that puts the parameter at this fraction of its range.
    #[must_use]
    pub const fn setting(self, part: Amount) -> DrumSetting {
        match self {
            Self::Swing => DrumSetting::Swing(part),
        }
    }
}
