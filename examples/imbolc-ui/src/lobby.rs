//! The list of sessions on the LAN, and the choice of one.
//!
//! It knows discovery events and keys; how to join is passed in as a function.

use std::{
    future::{Future, pending},
    pin::Pin,
    time::Duration,
};

use crossterm::event::{KeyCode, KeyEvent};
use imbolc_net::{
    discovery::{Compatibility, DiscoveryEvent, FoundSession},
    studio::Studio,
    util::text::{fitted, padded},
};
use ratatui::{
    Frame, Terminal,
    backend::Backend,
    layout::{Constraint, Layout},
    text::Line,
    widgets::{Block, Paragraph},
};
use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{Instant, sleep_until},
};

use crate::{
    event_loop::{Input, shutdown_signal},
    frame,
    keystroke::Keystroke,
    terminal, theme,
};

/// How many sessions are tried at a time.
const TRIED_AT_ONCE: usize = 8;

/// After how long a session that did not answer is tried again.
const RETRY: Duration = Duration::from_secs(10);

/// The least time between two frames that only discovery asks for.
const FRAME_INTERVAL: Duration = Duration::from_millis(50);

/// The lines of the screen that are not sessions.
const OTHER_LINES: u16 = 4;

/// The sessions that were found. Those that the user has been in come first, then those that
/// answer, then those that have not been tried, each in the order in which they were found.
#[derive(Debug, Default)]
pub struct Lobby {
    rows: Vec<Row>,
    /// The id of the session that the user has moved to; the first one until then.
    chosen: Option<String>,
    /// The name of the session that is being joined.
    joining: Option<String>,
    error: Option<String>,
}

#[derive(Debug)]
struct Row {
    session: FoundSession,
    visited: bool,
    contact: Contact,
}

/// Whether a session answers, in the order of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Contact {
    Answers,
    NotTried,
    Silent { since: Instant },
}

/// The result of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// No choice yet.
    Stay,
    /// Join this session.
    Join(Box<FoundSession>),
    /// Abandon the attempt to join.
    AbandonJoin,
    /// Quit.
    Quit,
}

impl Lobby {
    /// Applies a discovery event. A selection that the user has made stays on its session.
    /// `visited` says whether the user has been in the session.
    pub fn update(&mut self, event: DiscoveryEvent, visited: bool) {
        match event {
            DiscoveryEvent::Found(session) | DiscoveryEvent::Changed(session) => {
                let row = self.rows.iter_mut().find(|row| row.session.id == session.id);
                if let Some(row) = row {
                    if row.session.addresses != session.addresses {
                        row.contact = Contact::NotTried;
                    }
                    (row.session, row.visited) = (session, visited);
                } else {
                    self.rows.push(Row { session, visited, contact: Contact::NotTried });
                }
            }
            DiscoveryEvent::Lost(session) => self.rows.retain(|row| row.session.id != session.id),
            // A later version of the crate may know more kinds.
            _ => {}
        }
        self.sort();
    }

    /// A session has answered, or has not.
    pub fn heard(&mut self, session: &FoundSession, answers: bool) {
        let same = |row: &&mut Row| {
            row.session.id == session.id && row.session.addresses == session.addresses
        };
        if let Some(row) = self.rows.iter_mut().find(same) {
            let since = Instant::now();
            row.contact = if answers { Contact::Answers } else { Contact::Silent { since } };
        }
        self.sort();
    }

    fn sort(&mut self) {
        // It is stable, and quick for what is sorted already.
        self.rows.sort_by_key(|row| {
            let contact = match row.contact {
                Contact::Answers => 0,
                Contact::NotTried => 1,
                Contact::Silent { .. } => 2,
            };
            (!row.visited, contact)
        });
    }

    /// The place of the selected session.
    fn at(&self) -> usize {
        let chosen = self.chosen.as_ref();
        let place = |id: &String| self.rows.iter().position(|row| row.session.id == *id);
        chosen.and_then(place).unwrap_or_default()
    }

    /// The rows on a screen with room for `limit`, and the place of the first one.
    fn shown(&self, limit: usize) -> (usize, &[Row]) {
        let first = (self.at() + 1).saturating_sub(limit);
        let end = self.rows.len().min(first + limit);
        (first, &self.rows[first.min(end)..end])
    }

    /// The sessions on the screen that should be tried now.
    fn to_try(&self, limit: usize) -> impl Iterator<Item = &FoundSession> {
        let is_due = |row: &&Row| match row.contact {
            Contact::Answers => false,
            Contact::NotTried => true,
            Contact::Silent { since } => since.elapsed() >= RETRY,
        };
        self.shown(limit).1.iter().filter(is_due).map(|row| &row.session)
    }

    /// Handles a key.
    pub fn handle_key(&mut self, key: KeyEvent) -> Choice {
        let key = match Keystroke::of(key) {
            Some(Keystroke::Quit) => return Choice::Quit,
            Some(Keystroke::Key(key)) => key,
            _ => return Choice::Stay,
        };
        self.error = None;
        match key.code {
            KeyCode::Esc if self.joining.take().is_some() => Choice::AbandonJoin,
            KeyCode::Char('q') | KeyCode::Esc => Choice::Quit,
            _ if self.joining.is_some() => Choice::Stay,
            KeyCode::Up => self.choose(self.at().saturating_sub(1)),
            KeyCode::Down => self.choose(self.at() + 1),
            KeyCode::Enter => self.enter(),
            _ => Choice::Stay,
        }
    }

    /// Handles text that was pasted, which nothing here takes.
    pub fn handle_paste(&mut self) {
        self.error = Some("pasted text is ignored".into());
    }

    fn choose(&mut self, at: usize) -> Choice {
        let row = self.rows.get(at.min(self.rows.len().saturating_sub(1)));
        self.chosen = row.map(|row| row.session.id.clone());
        Choice::Stay
    }

    fn enter(&mut self) -> Choice {
        let Some(Row { session, .. }) = self.rows.get(self.at()) else { return Choice::Stay };
        if let Some(why) = join_obstacle(session) {
            self.error = Some(format!("{} cannot be joined: {why}", session.name));
            return Choice::Stay;
        }
        self.joining = Some(session.name.clone());
        Choice::Join(Box::new(session.clone()))
    }

    /// The attempt to join has failed.
    fn fail(&mut self, why: &str) {
        if let Some(name) = self.joining.take() {
            self.error = Some(format!("{name}: {why}"));
        }
    }

    /// Draws the list.
    pub fn draw(&self, frame: &mut Frame) {
        if !terminal::fits(frame) {
            return;
        }
        let [list, below] =
            Layout::vertical([Constraint::Fill(1), Constraint::Length(1)]).areas(frame.area());
        let block = Block::bordered().title(" Sessions on the LAN ");
        let rows = usize::from(block.inner(list).height.saturating_sub(1));
        let heading = format!("  {:<28} {:<14} {:<9} at", "session", "on", "people");
        let mut lines = vec![Line::styled(heading, theme::HEADING)];
        let (first, shown) = self.shown(rows);
        for (at, row) in (first..).zip(shown) {
            lines.push(line(row, at == self.at()));
        }
        if self.rows.is_empty() {
            lines.push(Line::styled("looking for sessions…", theme::DIM));
        }
        frame.render_widget(Paragraph::new(lines).block(block), list);
        let line = match (&self.joining, &self.error) {
            (Some(name), _) => {
                Line::styled(format!("joining {}…  Esc cancels", fitted(name, 28)), theme::WARNING)
            }
            (None, Some(error)) => Line::styled(error.as_str(), theme::ERROR),
            (None, None) => Line::styled("↑ ↓ select  Enter join  q quit", theme::DIM),
        };
        frame.render_widget(line, below);
    }
}

fn line(row: &Row, is_selected: bool) -> Line<'static> {
    let Row { session, contact, .. } = row;
    let count = |count: Option<u32>| count.map_or("?".into(), |count| count.to_string());
    let people = format!("{}/{}", count(session.participants), count(session.max_participants));
    let host = session.host.as_deref().unwrap_or("?");
    let obstacle = join_obstacle(session);
    let place = obstacle.map_or_else(|| session.address().to_string(), Into::into);
    let mut line = Line::from(format!(
        "{} {} {} {people:<9} {place}",
        if is_selected { '>' } else { ' ' },
        padded(&session.name, 28),
        padded(host, 14),
    ));
    if obstacle.is_some() || matches!(contact, Contact::Silent { .. }) {
        line = line.patch_style(theme::DIM);
    }
    if is_selected {
        line = line.patch_style(theme::SELECTED);
    }
    line
}

/// Why a session cannot be joined, as far as its advert tells.
fn join_obstacle(session: &FoundSession) -> Option<&'static str> {
    match session.compatibility::<Studio>() {
        Compatibility::OtherProtocol => Some("incompatible protocol version"),
        Compatibility::OtherModel => Some("incompatible studio version"),
        Compatibility::Same | Compatibility::Unknown if session.is_full() => {
            Some("the session is full")
        }
        Compatibility::Same | Compatibility::Unknown => None,
    }
}

/// Shows the list until a session is joined; `None` if the user quits. `next` returns
/// the next discovery event, as [`DiscoveryClient::next`] does, and whether the user has been
/// in that session; `answers` tells whether a session does; `join` joins a session, or fails
/// with one line of explanation.
///
/// The list stays current while a session is being joined.
///
/// [`DiscoveryClient::next`]: imbolc_net::discovery::DiscoveryClient::next
///
/// # Errors
/// If the terminal is closed or discovery has stopped. The message is one line.
pub async fn choose<B: Backend, T, A: Future<Output = bool> + Send + 'static>(
    mut next: impl AsyncFnMut() -> Option<(DiscoveryEvent, bool)>,
    answers: impl Fn(FoundSession) -> A,
    join: impl AsyncFn(FoundSession) -> Result<T, String>,
    screen: &mut Terminal<B>,
    inputs: &mut mpsc::Receiver<Input>,
) -> Result<Option<T>, String> {
    let mut lobby = Lobby::default();
    let mut shutdown = std::pin::pin!(shutdown_signal());
    let mut attempt: Option<JoinAttempt<T>> = None;
    let mut trials = Trials::default();
    // A flood of announcements does not draw a flood of frames.
    let mut due = Some(Instant::now());
    loop {
        if due.is_some_and(|due| due <= Instant::now()) {
            frame::draw(screen, |frame| lobby.draw(frame)).map_err(|_| TERMINAL_GONE)?;
            due = None;
            let lines = screen.size().map_err(|_| TERMINAL_GONE)?.height;
            trials.begin(lobby.to_try(lines.saturating_sub(OTHER_LINES).into()), &answers);
        }
        let soon = Some(due.unwrap_or(Instant::now() + FRAME_INTERVAL));
        let answer = async {
            match &mut attempt {
                Some(attempt) => attempt.await,
                None => pending().await,
            }
        };
        tokio::select! {
            event = next() => match event {
                Some((event, visited)) => {
                    lobby.update(event, visited);
                    due = soon;
                }
                None => return Err("discovery on the LAN has stopped".into()),
            },
            Some((session, answers)) = trials.next() => {
                lobby.heard(&session, answers);
                due = soon;
            }
            input = inputs.recv() => {
                match input {
                    Some(Input::Key(key)) => match lobby.handle_key(key) {
                        Choice::Stay => {}
                        Choice::Join(session) => attempt = Some(Box::pin(join(*session))),
                        Choice::AbandonJoin => attempt = None,
                        Choice::Quit => return Ok(None),
                    },
                    Some(Input::Paste(_)) => lobby.handle_paste(),
                    Some(Input::Redraw) => {
                        terminal::clear(screen).map_err(|_| TERMINAL_GONE)?;
                    }
                    #[cfg(unix)]
                    Some(Input::Stop) => terminal::stop(),
                    #[cfg(unix)]
                    Some(Input::GoOn) => {
                        terminal::retake();
                        terminal::clear(screen).map_err(|_| TERMINAL_GONE)?;
                    }
                    Some(Input::FocusLost | Input::Resized) => {}
                    Some(Input::Gone) | None => return Err(TERMINAL_GONE.into()),
                }
                due = Some(Instant::now());
            }
            answer = answer => match answer {
                Ok(joined) => return Ok(Some(joined)),
                Err(why) => {
                    attempt = None;
                    lobby.fail(&why);
                    due = soon;
                }
            },
            () = sleep_until(due.unwrap_or(Instant::now() + RETRY)) => due = Some(Instant::now()),
            _ = &mut shutdown => return Ok(None),
        }
    }
}

/// The connection attempts that show which sessions answer.
#[derive(Default)]
struct Trials {
    running: JoinSet<(FoundSession, bool)>,
    sessions: Vec<FoundSession>,
}

impl Trials {
    /// Tries `sessions`, as many as may be tried at a time.
    fn begin<'a, A: Future<Output = bool> + Send + 'static>(
        &mut self,
        sessions: impl Iterator<Item = &'a FoundSession>,
        answers: impl Fn(FoundSession) -> A,
    ) {
        for session in sessions {
            if self.sessions.len() < TRIED_AT_ONCE && !self.sessions.contains(session) {
                let (session, answer) = (session.clone(), answers(session.clone()));
                self.sessions.push(session.clone());
                self.running.spawn(async move { (session, answer.await) });
            }
        }
    }

    /// The next session that has been tried, and whether it answers.
    async fn next(&mut self) -> Option<(FoundSession, bool)> {
        let (session, answers) = self.running.join_next().await?.ok()?;
        self.sessions.retain(|other| *other != session);
        Some((session, answers))
    }
}

/// An attempt to join a session.
type JoinAttempt<'a, T> = Pin<Box<dyn Future<Output = Result<T, String>> + 'a>>;

const TERMINAL_GONE: &str = "the terminal is gone";
