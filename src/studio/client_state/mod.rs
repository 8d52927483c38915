//! The state of one UI: clipboard, navigation, layers, selection, MIDI
//! connections.
//!
//! It lives next to the UI, never reaches a dispatcher and cannot be serialised.
//! It reads the shared state and never changes it.

mod action;
mod local_action;
mod step_clipboard;

use std::collections::BTreeSet;

pub use self::action::Action;
pub use self::local_action::{
    ClipboardAction, Layer, LayerAction, LocalAction, MidiAction, MidiPort, NavigationAction, Pane,
    SelectionAction,
};
use self::step_clipboard::StepClipboard;
use crate::{
    model::InstrumentId,
    studio::{
        StudioState,
        automation::{AutomationAction, Point, Points, Target},
        common::{bounded::MAX_PASTED, loop_region::LoopRegion},
        drums::{DrumAction, DrumMachine, Step},
        network_action::NetworkAction,
        piano_roll::{Note, Notes, PianoRollAction},
    },
    util::quantity::{Pitch, Ticks},
};

/// The state of one UI.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientState {
    clipboard: Vec<Note>,
    points: Vec<Point>,
    steps: StepClipboard,
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
            clipboard: Vec::new(),
            points: Vec::new(),
            steps: StepClipboard::default(),
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
    /// Carries out an action. A paste or a cut returns the shared action that
    /// follows from it.
    pub fn handle(&mut self, action: LocalAction, studio: &StudioState) -> Option<NetworkAction> {
        match action {
            LocalAction::Clipboard(action) => return self.clip(&action, studio),
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
        None
    }

    /// Drops what no longer exists. Call it with each new snapshot: another
    /// participant may have deleted the selection.
    pub fn follow(&mut self, studio: &StudioState) {
        self.instrument = self.instrument.filter(|id| studio.instruments.contains(*id));
    }

    /// The copied notes, with the first one at tick 0.
    #[must_use]
    pub fn clipboard(&self) -> &[Note] {
        &self.clipboard
    }

    /// The copied drum steps, with the corner of their region at 0.
    #[must_use]
    pub fn copied_steps(&self) -> &[Step] {
        self.steps.steps()
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

    fn clip(&mut self, action: &ClipboardAction, studio: &StudioState) -> Option<NetworkAction> {
        match action {
            ClipboardAction::Copy { from, to } => {
                self.copy(*from, *to, studio);
                None
            }
            ClipboardAction::Paste => self.paste(studio),
            ClipboardAction::CopyPoints(target, region) => {
                self.copy_points(*target, *region, studio);
                None
            }
            ClipboardAction::PastePoints(target) => self.paste_points(*target, studio),
            ClipboardAction::CopySteps(pattern, region) => {
                let (_, machine) = self.machine(studio)?;
                self.steps.copy(machine, *pattern, *region);
                None
            }
            ClipboardAction::CutSteps(pattern, region) => {
                let (id, machine) = self.machine(studio)?;
                let any = self.steps.copy(machine, *pattern, *region);
                let clear = DrumAction::ClearRegion(*pattern, *region);
                any.then_some(NetworkAction::Drums(id, clear))
            }
            ClipboardAction::PasteSteps(pattern, pad, step) => {
                let (id, machine) = self.machine(studio)?;
                machine.pattern(*pattern)?;
                let steps = self.steps.at(*pad, *step);
                let nothing = steps.is_empty();
                let paste = DrumAction::Paste(*pattern, steps);
                (!nothing).then_some(NetworkAction::Drums(id, paste))
            }
        }
    }

    /// The drum machine of the selected instrument.
    fn machine<'a>(&self, studio: &'a StudioState) -> Option<(InstrumentId, &'a DrumMachine)> {
        let id = self.instrument?;
        Some((id, studio.drums.machine(id)?))
    }

    fn copy(&mut self, from: Ticks, to: Ticks, studio: &StudioState) {
        let Some(track) = self.instrument.and_then(|id| studio.piano_roll.track(id)) else {
            return;
        };
        let notes: Vec<_> = track.starting(from, to).take(MAX_PASTED).collect();
        // An empty copy leaves the clipboard unchanged.
        let Some(first) = notes.first().map(|note| note.tick.get()) else { return };
        self.clipboard = notes
            .into_iter()
            .filter_map(|note| {
                let tick = Ticks::new(note.tick.get() - first).ok()?;
                Some(Note { tick, ..note })
            })
            .collect();
    }

    fn paste(&self, studio: &StudioState) -> Option<NetworkAction> {
        let id = self.instrument.filter(|id| studio.instruments.contains(*id))?;
        let start = self.cursor.0.get();
        // Drop what lies beyond the last tick.
        let notes: Notes = self
            .clipboard
            .iter()
            .filter_map(|note| {
                let tick = Ticks::new(note.tick.get().checked_add(start)?).ok()?;
                Some(Note { tick, ..*note })
            })
            .collect();
        let nothing = notes.is_empty();
        (!nothing).then_some(NetworkAction::PianoRoll(id, PianoRollAction::Paste(notes)))
    }

    fn copy_points(&mut self, target: Target, region: LoopRegion, studio: &StudioState) {
        let Some(lane) = studio.automation.lane(&target) else { return };
        let start = region.start().get();
        let points: Vec<_> = lane
            .points
            .within(region)
            .take(MAX_PASTED)
            .filter_map(|point| {
                let tick = Ticks::new(point.tick.get() - start).ok()?;
                Some(Point { tick, ..point })
            })
            .collect();
        // An empty copy leaves the clipboard unchanged.
        if !points.is_empty() {
            self.points = points;
        }
    }

    fn paste_points(&self, target: Target, studio: &StudioState) -> Option<NetworkAction> {
        studio.automation.lane(&target)?;
        let start = self.cursor.0.get();
        // Drop what lies beyond the last tick.
        let points: Points = self
            .points
            .iter()
            .filter_map(|point| {
                let tick = Ticks::new(point.tick.get().checked_add(start)?).ok()?;
                Some(Point { tick, ..*point })
            })
            .collect();
        let nothing = points.is_empty();
        (!nothing).then_some(NetworkAction::Automation(target, AutomationAction::Paste(points)))
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
    use crate::{
        model::Model,
        studio::{Curve, InstrumentParameter, Studio},
        util::quantity::{Amount, NoteLength, Probability, Velocity},
    };

    const BASS: InstrumentId = InstrumentId(1);

    fn note(tick: u32) -> Note {
        Note {
            tick: Ticks::of(tick),
            pitch: Pitch::of(60),
            length: NoteLength::of(240),
            velocity: Velocity::of(90),
            probability: Probability::MAX,
        }
    }

    fn studio() -> StudioState {
        let mut studio = StudioState::starter();
        for tick in [0, 480, 960] {
            let add = PianoRollAction::Add(note(tick));
            Studio::reduce(&mut studio, &NetworkAction::PianoRoll(BASS, add)).unwrap();
        }
        studio
    }

    fn copy(from: u32, to: u32) -> LocalAction {
        let (from, to) = (Ticks::of(from), Ticks::of(to));
        LocalAction::Clipboard(ClipboardAction::Copy { from, to })
    }

    fn paste_at(
        client: &mut ClientState,
        tick: u32,
        studio: &StudioState,
    ) -> Option<NetworkAction> {
        let cursor = SelectionAction::Cursor(Ticks::of(tick), Pitch::of(60));
        client.handle(LocalAction::Selection(cursor), studio);
        client.handle(LocalAction::Clipboard(ClipboardAction::Paste), studio)
    }

    fn with_bass_selected(studio: &StudioState) -> ClientState {
        let mut client = ClientState::default();
        let select = SelectionAction::Instrument(BASS);
        assert_eq!(client.handle(LocalAction::Selection(select), studio), None);
        client
    }

    #[test]
    fn copied_notes_are_pasted_at_the_cursor() {
        let studio = studio();
        let mut client = with_bass_selected(&studio);
        client.handle(copy(480, 961), &studio);
        let pasted: Notes = [note(1920), note(2400)].into_iter().collect();
        assert_eq!(
            paste_at(&mut client, 1920, &studio),
            Some(NetworkAction::PianoRoll(BASS, PianoRollAction::Paste(pasted)))
        );
    }

    #[test]
    fn copied_points_keep_their_place_in_the_region() {
        let mut studio = studio();
        let target = Target::Instrument(BASS, InstrumentParameter::Level);
        let act = |studio: &mut StudioState, action| {
            Studio::reduce(studio, &NetworkAction::Automation(target, action)).unwrap();
        };
        let point =
            |tick| Point { tick: Ticks::of(tick), value: Amount::of(0.5), curve: Curve::Smooth };
        act(&mut studio, AutomationAction::Add);
        act(&mut studio, AutomationAction::Put(point(600)));
        let mut client = with_bass_selected(&studio);
        let region = LoopRegion::new(Ticks::of(480), Ticks::of(960)).unwrap();
        let copy = ClipboardAction::CopyPoints(target, region);
        assert_eq!(client.handle(LocalAction::Clipboard(copy), &studio), None);
        let cursor = SelectionAction::Cursor(Ticks::of(1920), Pitch::of(60));
        client.handle(LocalAction::Selection(cursor), &studio);
        let paste = LocalAction::Clipboard(ClipboardAction::PastePoints(target));
        let pasted = AutomationAction::Paste([point(2040)].into_iter().collect());
        let expected = Some(NetworkAction::Automation(target, pasted));
        assert_eq!(client.handle(paste, &studio), expected);
    }

    #[test]
    fn an_empty_or_reversed_copy_keeps_the_clipboard() {
        let studio = studio();
        let mut client = with_bass_selected(&studio);
        client.handle(copy(0, 1), &studio);
        client.handle(copy(5000, 6000), &studio);
        client.handle(copy(6000, 0), &studio);
        assert_eq!(client.clipboard(), [note(0)]);
    }

    #[test]
    fn notes_beyond_the_end_of_time_are_not_pasted() {
        let studio = studio();
        let mut client = with_bass_selected(&studio);
        client.handle(copy(0, 481), &studio);
        let last: Notes = [note(Ticks::MAX.get())].into_iter().collect();
        assert_eq!(
            paste_at(&mut client, Ticks::MAX.get(), &studio),
            Some(NetworkAction::PianoRoll(BASS, PianoRollAction::Paste(last)))
        );
    }

    #[test]
    fn selection_drops_a_deleted_instrument() {
        let mut studio = studio();
        let mut client = with_bass_selected(&studio);
        Studio::reduce(&mut studio, &NetworkAction::DeleteInstrument(BASS)).unwrap();
        client.follow(&studio);
        assert_eq!(client.instrument(), None);
        assert_eq!(paste_at(&mut client, 0, &studio), None);
    }

    #[test]
    fn navigation_leads_back_the_way_it_came() {
        let studio = studio();
        let mut client = ClientState::default();
        let mut go = |action| {
            client.handle(LocalAction::Navigation(action), &studio);
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
        let studio = studio();
        let mut client = ClientState::default();
        for action in [
            LayerAction::Pop,
            LayerAction::Push(Layer::Keyboard),
            LayerAction::Push(Layer::Help),
            LayerAction::Push(Layer::Help),
            LayerAction::Pop,
        ] {
            client.handle(LocalAction::Layer(action), &studio);
        }
        assert_eq!(client.layers(), [Layer::Keyboard]);
    }

    #[test]
    fn midi_ports_are_connected_once_each() {
        let studio = studio();
        let mut client = ClientState::default();
        let (keys, pads) = (MidiPort("Keys".into()), MidiPort("Pads".into()));
        for action in [
            MidiAction::Connect(pads.clone()),
            MidiAction::Connect(keys.clone()),
            MidiAction::Connect(keys.clone()),
            MidiAction::Disconnect(pads),
        ] {
            client.handle(LocalAction::Midi(action), &studio);
        }
        assert!(client.midi().eq([&keys]));
    }
}
