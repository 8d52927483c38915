//! The actions that concern one UI only. They cannot be serialised.
//!
//! They are data; `ClientState` carries them out.

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

/// An action that concerns one UI only.
///
/// Shared actions can be serialised:
/// ```
/// # use imbolc_net::studio::{NetworkAction, TransportAction};
/// fn send(action: &impl serde::Serialize) {}
/// send(&NetworkAction::Transport(TransportAction::Play));
/// ```
/// Local actions cannot, not even by mistake:
/// ```compile_fail,E0277
/// # use imbolc_net::studio::{LayerAction, LocalAction};
/// fn send(action: &impl serde::Serialize) {}
/// send(&LocalAction::Layer(LayerAction::Pop));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LocalAction {
    /// Copies, cuts or pastes notes, steps or points.
    Clipboard(ClipboardAction),
    /// Shows another pane.
    Navigation(NavigationAction),
    /// Opens or closes a layer.
    Layer(LayerAction),
    /// Selects an instrument, or a position in its track.
    Selection(SelectionAction),
    /// Connects or disconnects a MIDI port.
    Midi(MidiAction),
}

/// Copies, cuts or pastes notes or drum steps of the selected instrument, or points
/// of a lane. It is done whole or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClipboardAction {
    /// Copies the notes that start within a region.
    Copy(LoopRegion),
    /// Copies them and deletes them from the shared track.
    Cut(LoopRegion),
    /// Pastes the copied notes, with the beginning of their region at the cursor.
    Paste,
    /// Copies the points of a lane within a region.
    CopyPoints(Target, LoopRegion),
    /// Copies them and deletes them from the shared lane.
    CutPoints(Target, LoopRegion),
    /// Pastes the copied points into a lane, with the beginning of their region at the
    /// cursor.
    PastePoints(Target),
    /// Copies the steps of a region of a pattern.
    CopySteps(PatternId, StepRegion),
    /// Copies the steps of a region and turns them off in the shared pattern.
    CutSteps(PatternId, StepRegion),
    /// Pastes the copied steps, with the corner of their region here.
    PasteSteps(PatternId, PadNumber, StepNumber),
}

/// Shows another pane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NavigationAction {
    /// Shows this pane.
    Go(Pane),
    /// Returns to the previous pane.
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
    /// Opens a layer on top of the others, unless it is open already.
    Push(Layer),
    /// Closes the topmost layer.
    Pop,
}

/// A mode of the UI that receives key presses before the pane below.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Layer {
    Keyboard,
    Command,
    Help,
}

/// Selects an instrument, or a position in its track.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SelectionAction {
    /// Selects this instrument, if it exists.
    Instrument(InstrumentId),
    /// Clears the selection.
    Nothing,
    /// Moves the cursor here.
    Cursor(Ticks, Pitch),
}

/// Connects or disconnects a MIDI port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MidiAction {
    /// Connects this port.
    Connect(MidiPort),
    /// Disconnects this port.
    Disconnect(MidiPort),
}

/// A MIDI port, by the name that the operating system gives it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MidiPort(pub Arc<str>);
