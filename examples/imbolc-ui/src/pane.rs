//! The panes: each shows one part of the studio and translates keys into intents.
//!
//! A pane sees a [`View`] and nothing else: never a dispatcher, a socket or a terminal.

pub mod arrangement;
pub mod automation;
pub mod drums;
pub mod instruments;
pub(crate) mod knob_grid;
pub mod mixer;
pub mod people;
pub mod piano_roll;
pub mod session;

use crossterm::event::KeyEvent;
use imbolc_net::{
    model::DirtyFlags,
    studio::{self, Added},
};
use ratatui::{buffer::Buffer, layout::Rect};

use crate::{intent::Intent, view::View};

/// A key and what it does, for the help.
pub type KeyHelp = (&'static str, &'static str);

/// One part of the studio on the screen.
pub trait Pane {
    /// The title of the pane.
    fn title(&self) -> &'static str;

    /// The keys of the pane, for the help.
    fn key_help(&self) -> &'static [KeyHelp];

    /// The parts of the state that the pane caches something of. If one of them
    /// changes, or another instrument is selected, [`refresh`](Self::refresh) is
    /// called.
    fn cached_parts(&self) -> DirtyFlags {
        DirtyFlags::NONE
    }

    /// Rebuilds the cache.
    fn refresh(&mut self, _view: &View) {}

    /// Translates a key; `None` if it means nothing in this pane. A pane may move its
    /// own cursor and return [`Intent::Nothing`].
    fn handle_key(&mut self, key: KeyEvent, view: &View) -> Option<Intent>;

    /// Moves its cursor to what an action of this user has added.
    fn select_added(&mut self, _added: Added, _view: &View) {}

    /// Draws the pane into `area`.
    fn draw(&self, view: &View, area: Rect, buffer: &mut Buffer);
}

/// All panes, in the order of their numbers.
#[must_use]
pub fn all_panes() -> Vec<(studio::Pane, Box<dyn Pane>)> {
    vec![
        (studio::Pane::Instruments, Box::new(instruments::InstrumentsPane::default())),
        (studio::Pane::Mixer, Box::new(mixer::MixerPane::default())),
        (studio::Pane::PianoRoll, Box::new(piano_roll::PianoRollPane::default())),
        (studio::Pane::Drums, Box::new(drums::DrumsPane::default())),
        (studio::Pane::Automation, Box::new(automation::AutomationPane::default())),
        (studio::Pane::Arrangement, Box::new(arrangement::ArrangementPane::default())),
        (studio::Pane::Session, Box::new(session::SessionPane::default())),
        (studio::Pane::People, Box::new(people::PeoplePane::default())),
    ]
}
