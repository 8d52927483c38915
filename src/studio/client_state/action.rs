//! The actions of a UI: shared ones and its own.

use super::local_action::{
    ClipboardAction, LayerAction, LocalAction, MidiAction, NavigationAction, SelectionAction,
};
use crate::studio::network_action::NetworkAction;

/// An action of a UI.
///
/// ```
/// use imbolc_net::studio::{Action, NavigationAction, NetworkAction, Pane, TransportAction};
///
/// let play = Action::from(NetworkAction::Transport(TransportAction::Play));
/// let look = Action::from(NavigationAction::Go(Pane::Mixer));
/// assert!(matches!((play, look), (Action::Network(_), Action::Local(_))));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// A shared action, for the dispatcher.
    Network(NetworkAction),
    /// An action for the [`ClientState`](super::ClientState) next to the UI.
    Local(LocalAction),
}

impl From<NetworkAction> for Action {
    fn from(action: NetworkAction) -> Self {
        Self::Network(action)
    }
}

impl From<LocalAction> for Action {
    fn from(action: LocalAction) -> Self {
        Self::Local(action)
    }
}

macro_rules! local {
    ($($family:ident($action:ty))+) => { $(
        impl From<$action> for Action {
            fn from(action: $action) -> Self {
                Self::Local(LocalAction::$family(action))
            }
        }
    )+ };
}

local! {
    Clipboard(ClipboardAction)
    Navigation(NavigationAction)
    Layer(LayerAction)
    Selection(SelectionAction)
    Midi(MidiAction)
}
