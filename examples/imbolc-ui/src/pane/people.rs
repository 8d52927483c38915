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
    util::text::{columns, fitted, padded},
};
use ratatui::{
    buffer::Buffer,
    layout::{Constraint, Layout, Rect},
    style::Style,
    text::{Line, Span},
    widgets::{Paragraph, Widget as _},
};

use super::{KeyHelp, Pane};
use crate::{describe, intent::Intent, theme, view::View};

/// The people pane.
#[derive(Debug, Default)]
pub struct PeoplePane {
    /// All participants, ordered by their ids.
    ids: Vec<ClientId>,
    /// The participant under the cursor; at first this client.
    at: Option<ClientId>,
}

/// The columns of the names.
const NAME_WIDTH: usize = 12;
/// The columns of the roles.
const ROLE_WIDTH: usize = 9;
/// The columns of the round-trip times.
const TRIP_WIDTH: usize = 9;

impl Pane for PeoplePane {
    fn title(&self) -> &'static str {
        "People"
    }

    fn key_help(&self) -> &'static [KeyHelp] {
        &[("↑ ↓", "previous, next participant"), ("Enter", "show their first instrument")]
    }

    fn cached_parts(&self) -> DirtyFlags {
        DirtyFlags::ROSTER
    }

    fn refresh(&mut self, view: &View) {
        self.ids = view.state.roster.participants.keys().copied().collect();
    }

    fn handle_key(&mut self, key: KeyEvent, view: &View) -> Option<Intent> {
        let at = self.under_cursor(view);
        Some(match key.code {
            KeyCode::Up => self.choose(at.saturating_sub(1)),
            KeyCode::Down => self.choose(at + 1),
            KeyCode::Home => self.choose(0),
            KeyCode::End => self.choose(self.ids.len()),
            KeyCode::Enter => show_first_instrument(*self.ids.get(at)?, view),
            _ => return None,
        })
    }

    fn draw(&self, view: &View, area: Rect, buffer: &mut Buffer) {
        // The participants get the rows that they need, up to half of the area.
        let rows = u16::try_from(self.ids.len() + 1)
            .unwrap_or(u16::MAX)
            .min((area.height / 2).saturating_sub(1));
        let [people, legend, messages] = Layout::vertical([
            Constraint::Length(rows),
            Constraint::Length(2),
            Constraint::Fill(1),
        ])
        .areas(area);
        self.draw_people(view, people, buffer);
        let what = "★ has the privilege: to play and stop, set the tempo, mix buses, save";
        Line::styled(what, theme::DIM).render(legend, buffer);
        draw_messages(view, messages, buffer);
    }
}

impl PeoplePane {
    /// The index of the participant under the cursor.
    fn under_cursor(&self, view: &View) -> usize {
        let find = |id| self.ids.iter().position(|other| *other == id);
        self.at.and_then(find).or_else(|| find(view.identity.client_id)).unwrap_or_default()
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
        let presence = shown.iter().map(|(_, person)| columns(&person.presence));
        let presence = presence.max().unwrap_or_default().max("presence".len());
        let heading = format!(
            "  {:<NAME_WIDTH$} {:<ROLE_WIDTH$} {:<TRIP_WIDTH$} {:<presence$} owns",
            "name", "", "ping", "presence"
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
        let is_me = id == view.identity.client_id;
        let (presence, style) = presence_text(id, is_me, view);
        Some(Self {
            id,
            name: &participant.name,
            role: match (is_me, id == ClientId::HOST) {
                (true, true) => "you, host",
                (true, false) => "(you)",
                (false, true) => "host",
                (false, false) => "",
            },
            trip: round_trip_text(participant, is_me, view),
            presence,
            style,
        })
    }

    /// A row of the table.
    fn line(&self, presence: usize, width: usize, view: &View) -> Line<'static> {
        let star = if view.state.roster.is_privileged(self.id) { "★ " } else { "  " };
        let mut line = Line::from(vec![
            Span::styled(star, theme::WARNING),
            Span::styled(padded(self.name, NAME_WIDTH) + " ", theme::participant_style(self.id)),
            Span::styled(padded(self.role, ROLE_WIDTH) + " ", theme::DIM),
            Span::raw(padded(&self.trip, TRIP_WIDTH) + " "),
            Span::styled(padded(&self.presence, presence) + " ", self.style),
        ]);
        let room = width.saturating_sub(line.width());
        line.push_span(Span::raw(fitted(&owned_text(self.id, room, view), room)));
        line
    }
}

/// Whether a participant is here, and if not, for how long. If this client is
/// disconnected, how long its own place is kept.
fn presence_text(id: ClientId, is_me: bool, view: &View) -> (String, Style) {
    if is_me && let Some(left) = view.status.time_left() {
        let left = match left.as_secs() {
            0 => "disconnected".into(),
            _ => format!("kept for {}", theme::duration_text(left)),
        };
        return (left, theme::WARNING);
    }
    match view.away(id) {
        Some(away) => (format!("away {}", theme::duration_text(away)), theme::WARNING),
        None => ("here".into(), theme::GOOD),
    }
}

/// The round-trip time of a participant: exact for this client, an upper bound for
/// others.
fn round_trip_text(participant: &Participant, is_me: bool, view: &View) -> String {
    match (&view.status, participant.round_trip) {
        (Status::Connected { round_trip: Some(time), .. }, _) if is_me => {
            format!("{:.1} ms", time.as_secs_f64() * 1e3)
        }
        (_, Some(time)) if !is_me => format!("≤ {} ms", time.0),
        _ => "-".into(),
    }
}

/// What a participant owns, by number and name; not more than fits.
fn owned_text(id: ClientId, room: usize, view: &View) -> String {
    let mut owned = String::new();
    for instrument in view.state.roster.owned_by(id) {
        if !owned.is_empty() {
            owned.push_str(", ");
        }
        owned.push_str(&describe::instrument_label(view.studio(), instrument));
        if columns(&owned) > room {
            break;
        }
    }
    if owned.is_empty() { "nothing".into() } else { owned }
}

/// Selects the first instrument that a participant owns, and shows it.
fn show_first_instrument(id: ClientId, view: &View) -> Intent {
    let there = |id: &_| view.studio().instruments.contains(*id);
    if let Some(instrument) = view.state.roster.owned_by(id).find(there) {
        return Intent::Each(vec![
            Action::from(SelectionAction::Instrument(instrument)).into(),
            Intent::go(studio::Pane::Instruments),
        ]);
    }
    let name = view.state.roster.as_owner(id).map_or("no one".into(), |owner| owner.to_string());
    Intent::ShowError(format!("{name} owns no instrument"))
}

/// Draws the message log, the latest message at the end.
fn draw_messages(view: &View, area: Rect, buffer: &mut Buffer) {
    let rows = usize::from(area.height.saturating_sub(1));
    let mut lines: Vec<_> = view.messages.latest().take(rows).map(|item| item.line()).collect();
    if lines.is_empty() {
        let what = "nothing yet: what others do, and what went wrong, is told here";
        lines.push(Line::styled(what, theme::DIM));
    }
    lines.push(Line::styled("Messages", theme::HEADING));
    lines.reverse();
    Paragraph::new(lines).render(area, buffer);
}
