//! The people pane: the participants, what they own, their round-trip times, and the
//! message log. A host also sees its code and those who ask to join, and decides.
//!
//! It reads the roster of a view; presence is decided by the authority, not here.

mod requests;

use crossterm::event::{KeyCode, KeyEvent};
use imbolc_net::{
    admission::{AdmissionStatus, JoinRequest, StrangerId},
    dispatcher::{HostCommand, Status},
    model::DirtyFlags,
    protocol::{ClientId, Participant, Role},
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

use self::requests::ShownRequest;
use super::{KeyHelp, Pane};
use crate::{describe, host_words, intent::Intent, theme, view::View};

/// The people pane.
#[derive(Debug, Default)]
pub struct PeoplePane {
    /// Those who ask to join, the oldest first, then all participants by their ids.
    rows: Vec<Row>,
    /// The row under the cursor; at first a request to join, or this client.
    at: Option<Row>,
    /// The request under the cursor.
    request: Option<ShownRequest>,
}

/// A row of the pane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Row {
    Request(StrangerId),
    Participant(ClientId),
}

/// The columns of the names.
const NAME_WIDTH: usize = 12;
/// The columns of the roles.
const ROLE_WIDTH: usize = 12;
/// The columns of the round-trip times.
const TRIP_WIDTH: usize = 9;
/// The columns of the keys.
const KEY_WIDTH: usize = 8;
/// The width from which keys are shown.
const WIDTH_WITH_KEYS: usize = 76;

impl Pane for PeoplePane {
    fn title(&self) -> &'static str {
        "People"
    }

    fn key_help(&self) -> &'static [KeyHelp] {
        &[
            ("↑ ↓", "previous, next participant"),
            ("Enter", "show their first instrument"),
            ("y Y n", "host: admit, admit for good, decline"),
            ("v", "host: make viewer, make player"),
            ("D", "host: remove, and make a new code"),
            ("f", "host: free an absent player's instruments"),
        ]
    }

    fn cached_parts(&self) -> DirtyFlags {
        DirtyFlags::ROSTER
    }

    fn refresh(&mut self, view: &View) {
        let requests = requests_in(view).iter().map(|request| Row::Request(request.id));
        let participants = view.state.roster.participants.keys().copied().map(Row::Participant);
        self.rows = requests.chain(participants).collect();
        self.follow_cursor(view);
    }

    fn handle_key(&mut self, key: KeyEvent, view: &View) -> Option<Intent> {
        let at = self.under_cursor(view);
        match key.code {
            KeyCode::Up => Some(self.choose(at.saturating_sub(1), view)),
            KeyCode::Down => Some(self.choose(at + 1, view)),
            KeyCode::Home => Some(self.choose(0, view)),
            KeyCode::End => Some(self.choose(self.rows.len(), view)),
            code => match *self.rows.get(at)? {
                Row::Request(_) => self.request.as_ref()?.answer(code),
                Row::Participant(id) if code == KeyCode::Enter => {
                    Some(show_first_instrument(id, view))
                }
                Row::Participant(id) => decision_about(id, code, view),
            },
        }
    }

    fn draw(&self, view: &View, area: Rect, buffer: &mut Buffer) {
        let (lines, cursor) = self.lines(view, area.width.into());
        // The rows get the room that they need, up to half of the area.
        let rows = u16::try_from(lines.len() + 1)
            .unwrap_or(u16::MAX)
            .min((area.height / 2).saturating_sub(1));
        let [code, people, legend, messages] = Layout::vertical([
            Constraint::Length(view.admission.is_some().into()),
            Constraint::Length(rows),
            Constraint::Length(2),
            Constraint::Fill(1),
        ])
        .areas(area);
        if let Some(admission) = &view.admission {
            draw_code(admission, code, buffer);
        }
        let room = usize::from(people.height.saturating_sub(1));
        let first = cursor.saturating_sub(room / 2).min(lines.len().saturating_sub(room));
        let heading = self.heading(view, area.width.into());
        let shown = [heading].into_iter().chain(lines.into_iter().skip(first).take(room));
        Paragraph::new(shown.collect::<Vec<_>>()).render(people, buffer);
        let what = "★ has the privilege: to play and stop, set the tempo, mix buses, save";
        Line::styled(what, theme::DIM).render(legend, buffer);
        draw_messages(view, messages, buffer);
    }
}

impl PeoplePane {
    /// The index of the row under the cursor.
    fn under_cursor(&self, view: &View) -> usize {
        let find = |row| self.rows.iter().position(|other| *other == row);
        let request = || self.rows.iter().position(|row| matches!(row, Row::Request(_)));
        let me = Row::Participant(view.identity.client_id);
        self.at.and_then(find).or_else(request).or_else(|| find(me)).unwrap_or_default()
    }

    fn choose(&mut self, at: usize, view: &View) -> Intent {
        self.at = self.rows.get(at.min(self.rows.len().saturating_sub(1))).copied();
        self.follow_cursor(view);
        Intent::Nothing
    }

    /// Notes which request is under the cursor.
    fn follow_cursor(&mut self, view: &View) {
        let request = match self.rows.get(self.under_cursor(view)) {
            Some(Row::Request(id)) => requests_in(view).iter().find(|request| request.id == *id),
            _ => None,
        };
        self.request = ShownRequest::follow(self.request.take(), request);
    }

    fn people<'a>(&self, view: &'a View) -> impl Iterator<Item = Person<'a>> {
        self.rows.iter().filter_map(|row| match row {
            Row::Participant(id) => Person::new(*id, view),
            Row::Request(_) => None,
        })
    }

    /// The columns of the presence.
    fn presence_width(&self, view: &View) -> usize {
        let presence = self.people(view).map(|person| columns(&person.presence));
        presence.max().unwrap_or_default().max("presence".len())
    }

    fn heading(&self, view: &View, width: usize) -> Line<'static> {
        let presence = self.presence_width(view);
        let key = if width < WIDTH_WITH_KEYS { "" } else { "key      " };
        let heading = format!(
            "  {:<NAME_WIDTH$} {:<ROLE_WIDTH$} {key}{:<TRIP_WIDTH$} {:<presence$} owns",
            "name", "", "ping", "presence"
        );
        Line::styled(heading, theme::HEADING)
    }

    /// The lines of all rows, and the index of the first one under the cursor.
    fn lines(&self, view: &View, width: usize) -> (Vec<Line<'static>>, usize) {
        let (at, presence) = (self.under_cursor(view), self.presence_width(view));
        let (mut lines, mut cursor) = (Vec::new(), 0);
        for (place, row) in self.rows.iter().enumerate() {
            let request = |id| requests_in(view).iter().find(|request| request.id == id);
            let mut of_row = match row {
                Row::Request(id) => {
                    let lines = request(*id).map(|request| requests::lines_of(request, width));
                    lines.unwrap_or_default()
                }
                Row::Participant(id) => {
                    let person = Person::new(*id, view);
                    person.map(|person| person.line(presence, width, view)).into_iter().collect()
                }
            };
            if place == at {
                cursor = lines.len();
                if let Some(first) = of_row.first_mut() {
                    *first = first.clone().patch_style(theme::SELECTED);
                }
            }
            lines.append(&mut of_row);
        }
        (lines, cursor)
    }
}

/// Those who ask to join.
fn requests_in<'a>(view: &'a View) -> &'a [JoinRequest] {
    view.admission.as_ref().map_or(&[], |admission| &admission.requests)
}

/// What a key decides about a participant, on a host.
fn decision_about(client: ClientId, key: KeyCode, view: &View) -> Option<Intent> {
    view.admission.as_ref()?;
    let participant = view.state.roster.participants.get(&client)?;
    let command = match key {
        KeyCode::Char('v') => {
            let role = match participant.role {
                Role::Viewer => Role::Player,
                Role::Player => Role::Viewer,
            };
            HostCommand::SetRole { client, role }
        }
        KeyCode::Char('D') | KeyCode::Delete => HostCommand::Remove { client },
        KeyCode::Char('f') => HostCommand::Free { client },
        _ => return None,
    };
    Some(match client {
        ClientId::HOST => Intent::ShowError("the host decides about others only".into()),
        _ if matches!(key, KeyCode::Char('f')) && view.away(client).is_none() => {
            Intent::ShowError(format!("{} is not away", participant.name))
        }
        _ => Intent::Administer(command),
    })
}

/// Draws the code, with what to do with it.
fn draw_code(admission: &AdmissionStatus, area: Rect, buffer: &mut Buffer) {
    let code = host_words::code_line(admission);
    let (text, style) = match &admission.paused {
        Some(_) => (format!("{code}: :code makes a new one"), theme::ERROR),
        None => (code, theme::GOOD),
    };
    Line::styled(fitted(&text, area.width.into()), style).render(area, buffer);
}

/// A participant as text.
struct Person<'a> {
    id: ClientId,
    name: &'a str,
    role: String,
    key: String,
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
            role: role_text(id, participant, is_me, view),
            key: host_words::short_key(participant).unwrap_or_default(),
            trip: round_trip_text(participant, is_me, view),
            presence,
            style,
        })
    }

    /// A row of the table.
    fn line(&self, presence: usize, width: usize, view: &View) -> Line<'static> {
        let star = if view.state.roster.is_privileged(self.id) { "★ " } else { "  " };
        let key = match width {
            WIDTH_WITH_KEYS.. => padded(&self.key, KEY_WIDTH) + " ",
            _ => String::new(),
        };
        let mut line = Line::from(vec![
            Span::styled(star, theme::WARNING),
            Span::styled(padded(self.name, NAME_WIDTH) + " ", theme::participant_style(self.id)),
            Span::styled(padded(&self.role, ROLE_WIDTH) + " ", theme::DIM),
            Span::styled(key, theme::DIM),
            Span::raw(padded(&self.trip, TRIP_WIDTH) + " "),
            Span::styled(padded(&self.presence, presence) + " ", self.style),
        ]);
        let room = width.saturating_sub(line.width());
        line.push_span(Span::raw(fitted(&owned_text(self.id, room, view), room)));
        line
    }
}

/// What a participant is besides a player whose key was proven.
fn role_text(id: ClientId, participant: &Participant, is_me: bool, view: &View) -> String {
    // Alone there is nobody to prove a key to.
    let mark = host_words::mark_of(id, participant).filter(|_| view.status != Status::Alone);
    match (is_me, id == ClientId::HOST) {
        (true, true) => "you, host".into(),
        (true, false) => format!("(you) {}", mark.unwrap_or_default()),
        (false, true) => "host".into(),
        (false, false) => mark.unwrap_or_default().into(),
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
