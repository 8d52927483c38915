//! What a participant does in its own UI: a vocabulary that cannot be serialised.
//!
//! It knows nothing of what becomes of it.

use std::sync::Arc;

use crate::{
    model::InstrumentId,
    studio::{
        automation::Target,
        common::loop_region::LoopRegion,
        drums::{PatternId, StepRegion},
    },
    util::quantity::{PadNumber, Pitch, StepNumber, Ticks},
};

/// What a participant does in its own UI.
///
/// What everybody shares can be sent:
/// ```
/// # use imbolc_net::studio::{NetworkAction, TransportAction};
/// fn send(action: &impl serde::Serialize) {}
/// send(&NetworkAction::Transport(TransportAction::Play));
/// ```
/// What is one's own cannot, not even by mistake:
/// ```compile_fail,E0277
/// # use imbolc_net::studio::{LayerAction, LocalAction};
/// fn send(action: &impl serde::Serialize) {}
/// send(&LocalAction::Layer(LayerAction::Pop));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LocalAction {
    /// Copies or pastes notes, steps or points.
    Clipboard(ClipboardAction),
    /// Goes to another pane.
    Navigation(NavigationAction),
    /// Opens or closes a layer.
    Layer(LayerAction),
    /// Selects an instrument, or a place in its track.
    Selection(SelectionAction),
    /// Connects or disconnects a MIDI port.
    Midi(MidiAction),
}

/// Copies or pastes notes or drum steps of the selected instrument, or points of
/// a lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClipboardAction {
    /// Copies the notes that start at or after `from` and before `to`.
    Copy {
        /// The first tick.
        from: Ticks,
        /// The first tick after.
        to: Ticks,
    },
    /// Pastes the notes that were copied, at the cursor.
    Paste,
    /// Copies the points of a lane within a region.
    CopyPoints(Target, LoopRegion),
    /// Pastes the points that were copied into a lane, at the cursor.
    PastePoints(Target),
    /// Copies the steps of a region of a pattern.
    CopySteps(PatternId, StepRegion),
    /// Copies them, and turns them off for everybody.
    CutSteps(PatternId, StepRegion),
    /// Pastes the steps that were copied, the corner of their region here.
    PasteSteps(PatternId, PadNumber, StepNumber),
}

/// Goes to another pane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NavigationAction {
    /// To this one.
    Go(Pane),
    /// To where one came from.
    Back,
}

/// A pane of the UI.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Pane {
    #[default]
    Instruments,
    Mixer,
    PianoRoll,
    Drums,
    Automation,
    Arrangement,
    Session,
    People,
}

/// Opens or closes a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LayerAction {
    /// Opens one on top of the others, unless it is there already.
    Push(Layer),
    /// Closes the topmost one.
    Pop,
}

/// A mode of the UI that takes the keys before the pane below gets them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Layer {
    Keyboard,
    Command,
    Help,
}

/// Selects an instrument, or a place in its track.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SelectionAction {
    /// Selects this one, if there is one of this id.
    Instrument(InstrumentId),
    /// Selects none.
    Nothing,
    /// Puts the cursor there.
    Cursor(Ticks, Pitch),
}

/// Connects or disconnects a MIDI port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MidiAction {
    /// Listens to this port.
    Connect(MidiPort),
    /// Listens to it no longer.
    Disconnect(MidiPort),
}

/// A MIDI port, by the name that the operating system gives it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MidiPort(pub Arc<str>);
