//! Those who ask to join, and the answers of the person at the host.
//!
//! It decides which request a key answers; the host decides what the answer leads to.

use std::time::Duration;

use crossterm::event::KeyCode;
use imbolc_net::{
    admission::{JoinRequest, StrangerId, Verdict},
    dispatcher::HostCommand,
    util::text::fitted,
};
use ratatui::text::{Line, Span};
use tokio::time::Instant;

use crate::{host_words, intent::Intent, theme};

/// How long a request must have been under the cursor before a key admits it. Half a
/// second: the key may have been meant for what was there before.
const LOOK: Duration = Duration::from_millis(500);

/// The request under the cursor, with what is shown of it, and since when.
#[derive(Debug)]
pub(super) struct ShownRequest {
    id: StrangerId,
    name: Option<String>,
    since: Instant,
}

impl ShownRequest {
    /// Follows the cursor: `before` was under it, `now` is.
    pub(super) fn follow(before: Option<Self>, now: Option<&JoinRequest>) -> Option<Self> {
        let now = now?;
        let same = |before: &Self| before.id == now.id && before.name == now.name;
        let shown = Self { id: now.id, name: now.name.clone(), since: Instant::now() };
        Some(before.filter(same).unwrap_or(shown))
    }

    /// What a key answers; `None` if it is no answer.
    pub(super) fn answer(&self, key: KeyCode) -> Option<Intent> {
        let verdict = match key {
            KeyCode::Char('y') => Verdict::Once,
            KeyCode::Char('Y') => Verdict::ForGood,
            KeyCode::Char('n') => Verdict::No,
            _ => return None,
        };
        if self.since.elapsed() < LOOK {
            return Some(Intent::ShowError(
                "this has just come up: look, then press it again".into(),
            ));
        }
        Some(Intent::Administer(HostCommand::Decide { request: self.id, verdict }))
    }
}

/// The lines of a request: who says to be there, the words to compare, and the keys.
pub(super) fn lines_of(request: &JoinRequest, width: usize) -> Vec<Line<'static>> {
    let who = fitted(&format!("? {}", host_words::request_line(request)), width);
    let words = Span::raw(format!("  {}", request.words.join(" ")));
    let keys = Span::styled("  y in  Y for good  n no", theme::DIM);
    let who = Line::styled(who, theme::WARNING);
    if words.width() + keys.width() <= width {
        vec![who, Line::from(vec![words, keys])]
    } else {
        vec![who, words.into(), keys.into()]
    }
}
