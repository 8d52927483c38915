//! The state of one UI: clipboard, navigation, layers, selection, MIDI
//! connections.
//!
//! It lives next to the UI, never reaches a dispatcher and cannot be serialised.
//! It reads the shared state and never changes it.

mod action;
mod clipboard;
mod local_action;

use std::collections::BTreeSet;

pub use self::action::Action;
use self::clipboard::Clipboard;
pub use self::clipboard::ClipboardError;
pub use self::local_action::{
    ClipboardAction, Layer, LayerAction, LocalAction, MidiAction, MidiPort, NavigationAction, Pane,
    SelectionAction,
};
use crate::{
    model::InstrumentId,
    studio::{StudioState, drums::Step, network_action::NetworkAction, piano_roll::Note},
    util::quantity::{Pitch, Ticks},
};

/// The state of one UI.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientState {
    clipboard: Clipboard,
    pane: Pane,
    came_from: Vec<Pane>,
    layers: Vec<Layer>,
    instrument: Option<InstrumentId>,
    cursor: (Ticks, Pitch),
    midi: BTreeSet<MidiPort>,
}

impl Default for ClientState {
    /// The instruments pane, with the cursor at tick 0 on middle C.
    fn default() -> Self {
        Self {
            clipboard: Clipboard::default(),
            pane: Pane::default(),
            came_from: Vec::new(),
            layers: Vec::new(),
            instrument: None,
            cursor: (Ticks::MIN, Pitch::of(60)),
            midi: BTreeSet::new(),
        }
    }
}

/// How many panes the history holds.
const TRAIL: usize = 32;

impl ClientState {
    /// Carries out an action. A paste or a cut returns the shared actions that follow
    /// from it. Dispatch them together, as one step.
    ///
    /// # Errors
    /// [`ClipboardError`] if nothing was copied, cut or pasted.
    pub fn handle(
        &mut self,
        action: LocalAction,
        studio: &StudioState,
    ) -> Result<Vec<NetworkAction>, ClipboardError> {
        match action {
            LocalAction::Clipboard(action) => {
                return self.clipboard.act(&action, (self.instrument, self.cursor.0), studio);
            }
            LocalAction::Navigation(action) => self.navigate(&action),
            LocalAction::Layer(action) => self.stack(&action),
            LocalAction::Selection(action) => self.select(&action, studio),
            LocalAction::Midi(MidiAction::Connect(port)) => {
                self.midi.insert(port);
            }
            LocalAction::Midi(MidiAction::Disconnect(port)) => {
                self.midi.remove(&port);
            }
        }
        Ok(Vec::new())
    }

    /// Drops what no longer exists. Call it with each new snapshot: another
    /// participant may have deleted the selection.
    pub fn follow(&mut self, studio: &StudioState) {
        self.instrument = self.instrument.filter(|id| studio.instruments.contains(*id));
    }

    /// The copied notes, with the beginning of what was marked at tick 0.
    #[must_use]
    pub fn clipboard(&self) -> &[Note] {
        &self.clipboard.notes
    }

    /// The copied drum steps, with the corner of their region at 0.
    #[must_use]
    pub fn copied_steps(&self) -> &[Step] {
        &self.clipboard.steps
    }

    /// The visible pane.
    #[must_use]
    pub const fn pane(&self) -> Pane {
        self.pane
    }

    /// The open layers, the topmost one last.
    #[must_use]
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// The selected instrument.
    #[must_use]
    pub const fn instrument(&self) -> Option<InstrumentId> {
        self.instrument
    }

    /// The cursor in the piano roll.
    #[must_use]
    pub const fn cursor(&self) -> (Ticks, Pitch) {
        self.cursor
    }

    /// The connected MIDI ports, by name.
    pub fn midi(&self) -> impl Iterator<Item = &MidiPort> {
        self.midi.iter()
    }

    fn navigate(&mut self, action: &NavigationAction) {
        match action {
            NavigationAction::Go(pane) if *pane != self.pane => {
                if self.came_from.len() == TRAIL {
                    self.came_from.remove(0);
                }
                self.came_from.push(self.pane);
                self.pane = *pane;
            }
            NavigationAction::Go(_) => {}
            NavigationAction::Back => self.pane = self.came_from.pop().unwrap_or(self.pane),
        }
    }

    fn stack(&mut self, action: &LayerAction) {
        match action {
            LayerAction::Push(layer) if !self.layers.contains(layer) => self.layers.push(*layer),
            LayerAction::Push(_) => {}
            LayerAction::Pop => {
                self.layers.pop();
            }
        }
    }

    fn select(&mut self, action: &SelectionAction, studio: &StudioState) {
        match action {
            SelectionAction::Instrument(id) if studio.instruments.contains(*id) => {
                self.instrument = Some(*id);
            }
            SelectionAction::Instrument(_) => {}
            SelectionAction::Nothing => self.instrument = None,
            SelectionAction::Cursor(tick, pitch) => self.cursor = (*tick, *pitch),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{model::Model, studio::Studio};

    const BASS: InstrumentId = InstrumentId(1);

    #[test]
    fn selection_drops_a_deleted_instrument() {
        let mut studio = StudioState::starter();
        let mut client = ClientState::default();
        let select = SelectionAction::Instrument(BASS);
        client.handle(LocalAction::Selection(select), &studio).unwrap();
        assert_eq!(client.instrument(), Some(BASS));
        Studio::reduce(&mut studio, &NetworkAction::DeleteInstrument(BASS)).unwrap();
        client.follow(&studio);
        assert_eq!(client.instrument(), None);
    }

    #[test]
    fn navigation_leads_back_the_way_it_came() {
        let studio = StudioState::starter();
        let mut client = ClientState::default();
        let mut go = |action| {
            client.handle(LocalAction::Navigation(action), &studio).unwrap();
            client.pane()
        };
        assert_eq!(go(NavigationAction::Go(Pane::Mixer)), Pane::Mixer);
        assert_eq!(go(NavigationAction::Go(Pane::Mixer)), Pane::Mixer);
        assert_eq!(go(NavigationAction::Go(Pane::PianoRoll)), Pane::PianoRoll);
        assert_eq!(go(NavigationAction::Back), Pane::Mixer);
        assert_eq!(go(NavigationAction::Back), Pane::Instruments);
        assert_eq!(go(NavigationAction::Back), Pane::Instruments);
    }

    #[test]
    fn layers_are_a_stack_without_repetition() {
        let studio = StudioState::starter();
        let mut client = ClientState::default();
        for action in [
            LayerAction::Pop,
            LayerAction::Push(Layer::Keyboard),
            LayerAction::Push(Layer::Help),
            LayerAction::Push(Layer::Help),
            LayerAction::Pop,
        ] {
            client.handle(LocalAction::Layer(action), &studio).unwrap();
        }
        assert_eq!(client.layers(), [Layer::Keyboard]);
    }

    #[test]
    fn midi_ports_are_connected_once_each() {
        let studio = StudioState::starter();
        let mut client = ClientState::default();
        let (keys, pads) = (MidiPort("Keys".into()), MidiPort("Pads".into()));
        for action in [
            MidiAction::Connect(pads.clone()),
            MidiAction::Connect(keys.clone()),
            MidiAction::Connect(keys.clone()),
            MidiAction::Disconnect(pads),
        ] {
            client.handle(LocalAction::Midi(action), &studio).unwrap();
        }
        assert!(client.midi().eq([&keys]));
    }
}
