//! What a key or a command asks for: an action, or a request to the dispatcher.
//!
//! Panes return intents; only `app` carries them out.

use std::path::PathBuf;

use imbolc_net::{
    dispatcher::HostCommand,
    model::InstrumentId,
    studio::{
        Action, ClipboardAction, InstrumentAction, InstrumentSetting, LocalAction, MixerSetting,
        NavigationAction, NetworkAction, Pane, SelectionAction, SessionSetting, TransportAction,
    },
};

use crate::samples::SampleSlot;

/// What the user asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum Intent {
    /// Nothing more: the pane has handled the key itself.
    Nothing,
    /// An action on the shared state or on the client's own state.
    Do(Action),
    /// Several intents, in this order. Their actions on the shared state are one step.
    Each(Vec<Self>),
    /// Undo the user's last step.
    Undo,
    /// Redo it.
    Redo,
    /// Own instruments.
    Claim(Vec<InstrumentId>),
    /// Give instruments up.
    Release(Vec<InstrumentId>),
    /// Take the privilege.
    RequestPrivilege,
    /// Give the privilege up.
    ReleasePrivilege,
    /// Decide who takes part, which only a host may.
    Administer(HostCommand),
    /// Fetch the full state again.
    Resynchronise,
    /// Open the command palette with this text.
    OpenPalette(String),
    /// Open the command palette with this command and the present value, to change it.
    TypeValue {
        /// The command without the value.
        command: String,
        /// The value with its unit.
        value: String,
    },
    /// Render the song to a file.
    Bounce {
        /// The file.
        file: PathBuf,
        /// The first and the last bar, from 1; otherwise the whole song.
        bars: Option<[u32; 2]>,
    },
    /// Copy a file to those of the session, and play it.
    ChooseFile {
        /// The file.
        file: PathBuf,
        /// The slot that plays it.
        slot: SampleSlot,
    },
    /// Cancel the job in the background.
    CancelJob,
    /// Show why something cannot be done.
    ShowError(String),
    /// Quit.
    Quit,
}

impl Intent {
    /// Several intents, in this order.
    #[must_use]
    pub fn each(intents: Vec<Self>) -> Self {
        match <[Self; 1]>::try_from(intents) {
            Ok([intent]) => intent,
            Err(intents) => Self::Each(intents),
        }
    }

    /// Shows another pane.
    #[must_use]
    pub const fn go(pane: Pane) -> Self {
        Self::Do(Action::Local(LocalAction::Navigation(NavigationAction::Go(pane))))
    }

    /// Changes a setting of an instrument.
    #[must_use]
    pub const fn set(id: InstrumentId, setting: InstrumentSetting) -> Self {
        Self::Do(Action::Network(NetworkAction::Instrument(id, InstrumentAction::Set(setting))))
    }
}

impl<A: Into<Intent>, B: Into<Intent>> From<(A, B)> for Intent {
    /// The first intent, then the second.
    fn from((first, second): (A, B)) -> Self {
        Self::Each(vec![first.into(), second.into()])
    }
}

impl From<Action> for Intent {
    fn from(action: Action) -> Self {
        Self::Do(action)
    }
}

impl From<NetworkAction> for Intent {
    fn from(action: NetworkAction) -> Self {
        Self::Do(action.into())
    }
}

impl From<TransportAction> for Intent {
    fn from(action: TransportAction) -> Self {
        NetworkAction::Transport(action).into()
    }
}

impl From<SessionSetting> for Intent {
    fn from(setting: SessionSetting) -> Self {
        NetworkAction::Session(setting).into()
    }
}

impl From<SelectionAction> for Intent {
    fn from(action: SelectionAction) -> Self {
        Self::Do(action.into())
    }
}

impl From<ClipboardAction> for Intent {
    fn from(action: ClipboardAction) -> Self {
        Self::Do(action.into())
    }
}

impl From<MixerSetting> for Intent {
    fn from(setting: MixerSetting) -> Self {
        NetworkAction::Mixer(setting).into()
    }
}
