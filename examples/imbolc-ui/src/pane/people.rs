//! The people pane: the participants, what they own, their round-trip times, and the
//! message log.
//!
//! It reads the roster of a view; presence is decided by the authority, not here.

use crossterm::event::{KeyCode, KeyEvent};
use imbolc_net::{
    dispatcher::Status,
    model::DirtyFlags,
    protocol::{ClientId, Participant},
    studio::{self, Action, SelectionAction},
};
use ratatui::{
    buffer::Buffer,
    layout::{Constraint, Layout, Rect},
    style::Style,
    text::{Line, Span},
    widgets::{Paragraph, Widget as _},
};

use super::{Key, Pane};
use crate::{intent::Intent, theme, view::View, words};

/// The people pane.
#[derive(Debug, Default)]
pub struct People {
    /// All participants, ordered by their ids.
    ids: Vec<ClientId>,
    /// The participant under the cursor; at first this client.
    at: Option<ClientId>,
}

/// The columns of the names.
const NAME: usize = 12;
/// The columns of the roles.
const ROLE: usize = 9;
/// The columns of the round-trip times.
const TRIP: usize = 9;

impl Pane for People {
    fn title(&self) -> &'static str {
        "People"
    }

    fn keys(&self) -> &'static [Key] {
        &[("↑ ↓", "another one"), ("Enter", "to the first instrument of this one")]
    }

    fn keeps(&self) -> DirtyFlags {
        DirtyFlags::ROSTER
    }

    fn refresh(&mut self, view: &View) {
        self.ids = view.state.roster.participants.keys().copied().collect();
    }

    fn key(&mut self, key: KeyEvent, view: &View) -> Option<Intent> {
        let at = self.under_cursor(view);
        Some(match key.code {
            KeyCode::Up => self.choose(at.saturating_sub(1)),
            KeyCode::Down => self.choose(at + 1),
            KeyCode::Home => self.choose(0),
            KeyCode::End => self.choose(self.ids.len()),
            KeyCode::Enter => first_instrument(*self.ids.get(at)?, view),
            _ => return None,
        })
    }

    fn draw(&self, view: &View, area: Rect, buffer: &mut Buffer) {
        // The participants get the rows that they need, up to half of the area.
        let rows = u16::try_from(self.ids.len() + 2).unwrap_or(u16::MAX).min(area.height / 2);
        let [people, news] =
            Layout::vertical([Constraint::Length(rows), Constraint::Fill(1)]).areas(area);
        self.draw_people(view, people, buffer);
        draw_news(view, news, buffer);
    }
}

impl People {
    /// The index of the participant under the cursor.
    fn under_cursor(&self, view: &View) -> usize {
        let find = |id| self.ids.iter().position(|other| *other == id);
        self.at.and_then(find).or_else(|| find(view.me.client_id)).unwrap_or_default()
    }

    fn choose(&mut self, at: usize) -> Intent {
        self.at = self.ids.get(at.min(self.ids.len().saturating_sub(1))).copied();
        Intent::Nothing
    }

    fn draw_people(&self, view: &View, area: Rect, buffer: &mut Buffer) {
        let at = self.under_cursor(view);
        let room = usize::from(area.height.saturating_sub(1));
        let first = at.saturating_sub(room / 2).min(self.ids.len().saturating_sub(room));
        let shown = (first..).zip(self.ids.iter().skip(first)).take(room);
        let shown: Vec<_> =
            shown.filter_map(|(place, id)| Some((place, Person::new(*id, view)?))).collect();
        let presence = shown.iter().map(|(_, person)| person.presence.chars().count());
        let presence = presence.max().unwrap_or_default().max("presence".len());
        let heading = format!(
            "  {:<NAME$} {:<ROLE$} {:<TRIP$} {:<presence$} owns",
            "name", "", "trip", "presence"
        );
        let mut lines = vec![Line::styled(heading, theme::HEADING)];
        for (place, person) in shown {
            let mut line = person.line(presence, area.width.into(), view);
            if place == at {
                line = line.patch_style(theme::SELECTED);
            }
            lines.push(line);
        }
        Paragraph::new(lines).render(area, buffer);
    }
}

/// A participant as text.
struct Person<'a> {
    id: ClientId,
    name: &'a str,
    role: &'static str,
    trip: String,
    presence: String,
    /// The style of the presence.
    style: Style,
}

impl<'a> Person<'a> {
    fn new(id: ClientId, view: &'a View) -> Option<Self> {
        let participant = view.state.roster.participants.get(&id)?;
        let is_me = id == view.me.client_id;
        let (presence, style) = presence(id, is_me, view);
        Some(Self {
            id,
            name: &participant.name,
            role: match (is_me, id == ClientId::HOST) {
                (true, true) => "you, host",
                (true, false) => "(you)",
                (false, true) => "host",
                (false, false) => "",
            },
            trip: trip(participant, is_me, view),
            presence,
            style,
        })
    }

    /// A row of the table.
    fn line(&self, presence: usize, width: usize, view: &View) -> Line<'static> {
        let star = if view.state.roster.is_privileged(self.id) { "★ " } else { "  " };
        let mut line = Line::from(vec![
            Span::styled(star, theme::CAREFUL),
            Span::styled(format!("{:<NAME$} ", theme::fit(self.name, NAME)), theme::of(self.id)),
            Span::styled(format!("{:<ROLE$} ", self.role), theme::QUIET),
            Span::raw(format!("{:<TRIP$} ", self.trip)),
            Span::styled(format!("{:<presence$} ", self.presence), self.style),
        ]);
        let room = width.saturating_sub(line.width());
        line.push_span(Span::raw(theme::fit(&owned(self.id, room, view), room)));
        line
    }
}

/// Whether a participant is here, and if not, for how long. If this client is
/// disconnected, how long its own place is kept.
fn presence(id: ClientId, is_me: bool, view: &View) -> (String, Style) {
    if is_me && let Some(left) = view.status.time_left() {
        let left = match left.as_secs() {
            0 => "cut off".into(),
            _ => format!("kept for {}", theme::duration(left)),
        };
        return (left, theme::CAREFUL);
    }
    match view.away(id) {
        Some(away) => (format!("away {}", theme::duration(away)), theme::CAREFUL),
        None => ("here".into(), theme::WELL),
    }
}

/// The round-trip time of a participant: exact for this client, an upper bound for
/// others.
fn trip(participant: &Participant, is_me: bool, view: &View) -> String {
    match (&view.status, participant.round_trip) {
        (Status::Connected { round_trip: Some(time) }, _) if is_me => {
            format!("{:.1} ms", time.as_secs_f64() * 1e3)
        }
        (_, Some(time)) if !is_me => format!("≤ {} ms", time.0),
        _ => "-".into(),
    }
}

/// What a participant owns, by number and name; not more than fits.
fn owned(id: ClientId, room: usize, view: &View) -> String {
    let mut owned = String::new();
    for instrument in view.state.roster.owned_by(id) {
        if !owned.is_empty() {
            owned.push_str(", ");
        }
        owned.push_str(&words::instrument(view.studio(), instrument));
        if owned.chars().count() > room {
            break;
        }
    }
    if owned.is_empty() { "-".into() } else { owned }
}

/// Selects the first instrument that a participant owns, and shows it.
fn first_instrument(id: ClientId, view: &View) -> Intent {
    let there = |id: &_| view.studio().instruments.contains(*id);
    if let Some(instrument) = view.state.roster.owned_by(id).find(there) {
        return Intent::Each(vec![
            Action::Selection(SelectionAction::Instrument(instrument)).into(),
            Intent::go(studio::Pane::Instruments),
        ]);
    }
    let who = view.state.roster.as_owner(id).map_or("nobody".into(), |who| who.to_string());
    Intent::Complain(format!("{who} owns no instrument"))
}

/// Draws the message log, the latest message at the end.
fn draw_news(view: &View, area: Rect, buffer: &mut Buffer) {
    let rows = usize::from(area.height.saturating_sub(1));
    let mut lines: Vec<_> = view.news.latest().take(rows).map(|item| item.line()).collect();
    if lines.is_empty() {
        lines.push(Line::styled("nothing yet", theme::QUIET));
    }
    lines.push(Line::styled("News", theme::HEADING));
    lines.reverse();
    Paragraph::new(lines).render(area, buffer);
}
