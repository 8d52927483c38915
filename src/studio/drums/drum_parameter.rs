//! What a lane can move of a drum machine as a whole; its pads have parameters of
//! their own.

use serde::{Deserialize, Serialize};

use super::{DrumMachine, DrumSetting};
use crate::util::quantity::Amount;

/// A parameter of a [`DrumMachine`] that a lane can move.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum DrumParameter {
    /// How late every second step is.
    Swing,
}

impl DrumParameter {
    /// All of them, in the order in which a menu shows them.
    pub const ALL: &[Self] = &[Self::Swing];

    /// At which part of its range it is.
    #[must_use]
    pub const fn part(self, of: &DrumMachine) -> Amount {
        match self {
            Self::Swing => of.swing,
        }
    }

    /// The setting that puts it at this part of its range.
    #[must_use]
    pub const fn setting(self, part: Amount) -> DrumSetting {
        match self {
            Self::Swing => DrumSetting::Swing(part),
        }
    }
}
