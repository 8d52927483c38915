//! What keys and pasted text do in each layer of the screen.
//!
//! What a key means in a pane is decided in the pane, or else by `translate` in `app`.

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind};
use imbolc_net::studio::{Layer, LayerAction, NetworkAction};

use super::{App, question::Question};
use crate::{
    intent::Intent,
    keystroke::{Keystroke, pasted_line},
    palette::PaletteOutcome,
    view::View,
};

/// The answer to a paste where no text is typed.
const PASTE_IGNORED: &str = "pasted text is ignored: it can be pasted into a command";

/// An upper bound of the keys of any pane.
const MAX_KEYS: u16 = 64;

impl App {
    /// Handles a key.
    pub fn handle_key(&mut self, key: KeyEvent) {
        let Some(keystroke) = Keystroke::of(key) else { return };
        match (keystroke, self.client.layers().last()) {
            (Keystroke::Released(code), _) => self.release_key(code),
            (Keystroke::Quit, layer) => {
                let closes = matches!(layer, Some(Layer::Command | Layer::Help));
                let question = self.begin_key();
                if closes {
                    self.local(LayerAction::Pop);
                }
                self.request(Intent::Quit, question);
            }
            (
                Keystroke::Key(key) | Keystroke::Held(key) | Keystroke::Edit(key),
                Some(Layer::Command),
            ) => {
                let question = self.begin_key();
                self.type_command(key, question);
            }
            (Keystroke::Key(key) | Keystroke::Held(key), Some(Layer::Keyboard)) => {
                self.begin_key();
                self.play_note(key);
            }
            (Keystroke::Key(key), Some(Layer::Help)) => {
                self.begin_key();
                self.read_help(key);
            }
            (Keystroke::Key(key), None) => {
                let question = self.begin_key();
                self.press_in_pane(key, question);
            }
            (Keystroke::Held(_) | Keystroke::Edit(_), _) => {}
        }
    }

    /// A key will change something; returns the question that it may answer.
    fn begin_key(&mut self) -> Option<Question> {
        self.mark_changed();
        let state = self.studio.state();
        self.follow(&state.model);
        self.question.take()
    }

    /// Handles a key that the pane gets.
    fn press_in_pane(&mut self, key: KeyEvent, question: Option<Question>) {
        match (question, key.code) {
            (Some(question), KeyCode::Char('y')) => self.perform(question.intent),
            (Some(_), KeyCode::Char('n')) => {}
            (question, _) => match self.translate(key) {
                Some(open @ (Intent::OpenPalette(_) | Intent::TypeValue { .. })) => {
                    // The same command may be entered again, but a key that begins another
                    // one answers no.
                    self.question = question.filter(|_| key.code == KeyCode::Char(':'));
                    self.perform(open);
                }
                Some(intent) => self.request(intent, question),
                None => {}
            },
        }
    }

    /// Handles text that was pasted: it is text in a line, and nothing elsewhere.
    pub fn handle_paste(&mut self, text: &str) {
        self.mark_changed();
        if self.client.layers().last() == Some(&Layer::Command) {
            self.palette.paste(&pasted_line(text));
        } else {
            self.messages.refuse(PASTE_IGNORED);
        }
    }

    /// Releases the keys that play, e.g. because another window gets them from now on.
    pub fn release_keys(&mut self) {
        for action in self.keyboard.release_all() {
            self.end_note(action);
        }
    }

    fn read_help(&mut self, key: KeyEvent) {
        match key.code {
            KeyCode::Up => self.help_from = self.help_from.saturating_sub(1),
            // The end depends on the height of the screen, which is known only when
            // drawing.
            KeyCode::Down => self.help_from = (self.help_from + 1).min(MAX_KEYS),
            _ => {
                self.help_from = 0;
                self.local(LayerAction::Pop);
            }
        }
    }

    fn type_command(&mut self, key: KeyEvent, question: Option<Question>) {
        let view = View::new(&*self.studio, &self.client, &self.messages, &mut self.unsaved);
        match self.palette.handle_key(key, &view) {
            PaletteOutcome::Editing => self.question = question,
            PaletteOutcome::Cancelled => self.local(LayerAction::Pop),
            PaletteOutcome::Run(intent) => {
                self.local(LayerAction::Pop);
                self.request(intent, question);
            }
        }
    }

    fn play_note(&mut self, key: KeyEvent) {
        match (key.code, self.client.instrument()) {
            (KeyCode::Esc, _) | (_, None) => {
                self.release_keys();
                self.local(LayerAction::Pop);
            }
            // These play nothing, and are needed with both hands on the keys.
            (KeyCode::Char(' ' | '0' | 'R' | '[' | ']' | '!'), _) => {
                if key.kind != KeyEventKind::Repeat
                    && let Some(intent) = self.translate_everywhere(key)
                {
                    self.perform(intent);
                }
            }
            (KeyCode::Char(letter), Some(id)) => {
                let now = tokio::time::Instant::now().into_std();
                for action in self.keyboard.press(letter, key.kind, id, now) {
                    self.perform(action.into());
                }
            }
            _ => {}
        }
    }

    fn release_key(&mut self, code: KeyCode) {
        let KeyCode::Char(letter) = code else { return };
        if let Some(action) = self.keyboard.release(letter) {
            self.end_note(action);
        }
    }

    /// Ends a note. If that is refused, it does not sound: it never began, or its
    /// instrument was deleted.
    pub(super) fn end_note(&mut self, action: NetworkAction) {
        let state = self.studio.state();
        let gone = matches!(&action, NetworkAction::Instrument(id, _)
            if state.model.instruments.get(*id).is_none());
        if !gone && self.studio.dispatch(action).is_ok() {
            self.mark_changed();
        }
    }
}
