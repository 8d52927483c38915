//! What a key stands for: an action, or a wish that only a dispatcher can
//! fulfil.

use imbolc_net::{
    model::InstrumentId,
    studio::{
        Action, ClipboardAction, InstrumentAction, InstrumentSetting, LocalAction, MixerSetting,
        NavigationAction, NetworkAction, Pane, SelectionAction, SessionSetting, TransportAction,
    },
};

/// What a participant wants.
#[derive(Clone, Debug, PartialEq)]
pub enum Intent {
    /// Nothing more: the key did what it does.
    Nothing,
    /// To do something, with what is shared or with what is one's own.
    Do(Action),
    /// Several things, one after the other.
    Each(Vec<Self>),
    /// To take back one's own last step.
    Undo,
    /// To do it again.
    Redo,
    /// To own an instrument.
    Claim(InstrumentId),
    /// To give an instrument up.
    Release(InstrumentId),
    /// To have the privilege.
    RequestPrivilege,
    /// To give the privilege up.
    ReleasePrivilege,
    /// To have everything anew.
    Resynchronise,
    /// To go on typing in the command palette, which begins with this.
    Type(String),
    /// To know why something cannot be done.
    Complain(String),
    /// To leave.
    Quit,
}

impl Intent {
    /// To see another pane.
    #[must_use]
    pub const fn go(pane: Pane) -> Self {
        Self::Do(Action::Local(LocalAction::Navigation(NavigationAction::Go(pane))))
    }

    /// To set something of an instrument.
    #[must_use]
    pub const fn set(id: InstrumentId, setting: InstrumentSetting) -> Self {
        Self::Do(Action::Network(NetworkAction::Instrument(id, InstrumentAction::Set(setting))))
    }
}

impl<A: Into<Intent>, B: Into<Intent>> From<(A, B)> for Intent {
    /// First the one, then the other.
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
