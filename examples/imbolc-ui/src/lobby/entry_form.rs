//! What the lobby asks of the person before a host admits it: the code, or whether the
//! words are the same.
//!
//! It knows keys and text, and neither the list of sessions nor a host.

use crossterm::event::KeyCode;
use imbolc_net::{
    client::WordsPrompt,
    discovery::FoundSession,
    security::{JoinCode, Words},
};
use tokio::sync::{mpsc, oneshot};

use crate::entry_prompt::{EntryNeed, EntryProof};

/// The words to compare, and where the answer goes.
pub(super) type ShownWords = (Words, oneshot::Sender<bool>);

/// The code that is being typed for a session.
#[derive(Debug)]
pub(super) struct EntryForm {
    pub(super) session: FoundSession,
    pub(super) need: EntryNeed,
    typed: String,
    error: Option<&'static str>,
}

/// What to show the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LobbyProof {
    /// Nothing: it may know this installation, or be open.
    Nothing,
    /// The code.
    Code(JoinCode),
    /// The words, which two people compare.
    Words,
}

/// The result of a key in the form.
pub(super) enum FormKey {
    Stay,
    Cancel,
    Join(LobbyProof),
}

/// The most characters of a code: six digits and a hyphen.
const MAX_TYPED: usize = 7;

impl EntryForm {
    pub(super) const fn new(session: FoundSession, need: EntryNeed) -> Self {
        Self { session, need, typed: String::new(), error: None }
    }

    pub(super) fn handle_key(&mut self, key: KeyCode) -> FormKey {
        self.error = None;
        match key {
            KeyCode::Esc => return FormKey::Cancel,
            KeyCode::Backspace => {
                self.typed.pop();
            }
            KeyCode::Enter => match JoinCode::parse(&self.typed) {
                Some(code) => return FormKey::Join(LobbyProof::Code(code)),
                None if self.typed.is_empty() && self.need.may_ask => {
                    return FormKey::Join(LobbyProof::Words);
                }
                None => self.error = Some("a code is six digits, such as 123-456"),
            },
            KeyCode::Char(typed @ ('0'..='9' | '-')) if self.typed.len() < MAX_TYPED => {
                self.typed.push(typed);
            }
            _ => {}
        }
        FormKey::Stay
    }

    /// The question, then what is typed.
    pub(super) fn lines(&self) -> [String; 2] {
        let ask = if self.need.may_ask { "  Enter alone asks the person there" } else { "" };
        let help = self.error.unwrap_or("Enter joins, Esc cancels");
        [
            format!("{}: {}", self.session.name, self.need.why),
            format!("code: {}_   {help}{ask}", self.typed),
        ]
    }
}

impl LobbyProof {
    /// As a client shows it. Words to compare are sent to `words`.
    pub(super) fn into_entry_proof(self, words: &mpsc::Sender<ShownWords>) -> EntryProof {
        match self {
            Self::Nothing => EntryProof::default(),
            Self::Code(code) => code.into(),
            Self::Words => {
                let words = words.clone();
                let ask = WordsPrompt::new(move |shown| {
                    let (sender, receiver) = oneshot::channel();
                    // If the lobby is gone, the dropped sender says no.
                    let _ = words.try_send((shown, sender));
                    receiver
                });
                EntryProof { code: None, ask: Some(ask) }
            }
        }
    }
}
