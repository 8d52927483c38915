//! The list of sessions on the LAN, and the choice of one.
//!
//! It knows discovery events and keys; how to join is passed in as a function.

use std::{
    future::{Future, pending},
    pin::Pin,
};

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
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
use tokio::sync::mpsc;

use crate::{
    event_loop::{Input, shutdown_signal},
    frame, theme,
};

/// The sessions that were found, in the order in which they were found.
#[derive(Debug, Default)]
pub struct Lobby {
    sessions: Vec<FoundSession>,
    at: usize,
    /// The name of the session that is being joined.
    joining: Option<String>,
    error: Option<String>,
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
    /// Applies a discovery event. The selection stays on its session.
    pub fn update(&mut self, event: DiscoveryEvent) {
        let place = |sessions: &[FoundSession], id: &str| sessions.iter().position(|s| s.id == id);
        match event {
            DiscoveryEvent::Found(session) | DiscoveryEvent::Changed(session) => {
                match place(&self.sessions, &session.id) {
                    Some(at) => self.sessions[at] = session,
                    None => self.sessions.push(session),
                }
            }
            DiscoveryEvent::Lost(session) => {
                if let Some(at) = place(&self.sessions, &session.id) {
                    self.sessions.remove(at);
                    if at < self.at {
                        self.at -= 1;
                    }
                }
            }
            // A later version of the crate may know more kinds.
            _ => {}
        }
        self.at = self.at.min(self.sessions.len().saturating_sub(1));
    }

    /// Handles a key.
    pub fn handle_key(&mut self, key: KeyEvent) -> Choice {
        if key.kind == KeyEventKind::Release {
            return Choice::Stay;
        }
        self.error = None;
        match key.code {
            KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => Choice::Quit,
            KeyCode::Esc if self.joining.take().is_some() => Choice::AbandonJoin,
            KeyCode::Char('q') | KeyCode::Esc => Choice::Quit,
            _ if self.joining.is_some() => Choice::Stay,
            KeyCode::Up => self.choose(self.at.saturating_sub(1)),
            KeyCode::Down => self.choose(self.at + 1),
            KeyCode::Enter => self.enter(),
            _ => Choice::Stay,
        }
    }

    fn choose(&mut self, at: usize) -> Choice {
        self.at = at.min(self.sessions.len().saturating_sub(1));
        Choice::Stay
    }

    fn enter(&mut self) -> Choice {
        let Some(session) = self.sessions.get(self.at) else { return Choice::Stay };
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
        let [list, below] =
            Layout::vertical([Constraint::Fill(1), Constraint::Length(1)]).areas(frame.area());
        let block = Block::bordered().title(" Sessions on the LAN ");
        let rows = usize::from(block.inner(list).height.saturating_sub(1));
        let heading = format!("  {:<28} {:<16} {:<7} at", "session", "on", "people");
        let mut lines = vec![Line::styled(heading, theme::HEADING)];
        let first = (self.at + 1).saturating_sub(rows);
        for (at, session) in self.sessions.iter().enumerate().skip(first).take(rows) {
            lines.push(self.row(at, session));
        }
        if self.sessions.is_empty() {
            lines.push(Line::styled("looking for sessions…", theme::DIM));
        }
        frame.render_widget(Paragraph::new(lines).block(block), list);
        let line = match (&self.joining, &self.error) {
            (Some(name), _) => Line::styled(
                format!("joining {}…  Esc cancels", fitted(name, 28).trim_end()),
                theme::WARNING,
            ),
            (None, Some(error)) => Line::styled(error.as_str(), theme::ERROR),
            (None, None) => Line::styled("↑ ↓ select  Enter join  q quit", theme::DIM),
        };
        frame.render_widget(line, below);
    }

    fn row<'a>(&self, at: usize, session: &FoundSession) -> Line<'a> {
        let count = |count: Option<u32>| count.map_or("?".into(), |count| count.to_string());
        let people = format!("{}/{}", count(session.participants), count(session.max_participants));
        let host = session.host.as_deref().unwrap_or("?");
        let obstacle = join_obstacle(session);
        let place = obstacle.map_or_else(|| session.address().to_string(), Into::into);
        let mut line = Line::from(format!(
            "{} {} {} {people:<7} {place}",
            if at == self.at { '>' } else { ' ' },
            padded(&session.name, 28),
            padded(host, 16),
        ));
        if obstacle.is_some() {
            line = line.patch_style(theme::DIM);
        }
        if at == self.at {
            line = line.patch_style(theme::SELECTED);
        }
        line
    }
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
/// the next discovery event, as [`DiscoveryClient::next`] does; `join` joins a
/// session, or fails with one line of explanation.
///
/// The list stays current while a session is being joined.
///
/// [`DiscoveryClient::next`]: imbolc_net::discovery::DiscoveryClient::next
///
/// # Errors
/// If the terminal is closed or discovery has stopped. The message is one line.
pub async fn choose<B: Backend, T>(
    mut next: impl AsyncFnMut() -> Option<DiscoveryEvent>,
    join: impl AsyncFn(FoundSession) -> Result<T, String>,
    terminal: &mut Terminal<B>,
    inputs: &mut mpsc::Receiver<Input>,
) -> Result<Option<T>, String> {
    let mut lobby = Lobby::default();
    let mut shutdown = std::pin::pin!(shutdown_signal());
    let mut attempt: Option<JoinAttempt<T>> = None;
    loop {
        frame::draw(terminal, |frame| lobby.draw(frame)).map_err(|_| TERMINAL_GONE)?;
        let answer = async {
            match &mut attempt {
                Some(attempt) => attempt.await,
                None => pending().await,
            }
        };
        tokio::select! {
            event = next() => match event {
                Some(event) => lobby.update(event),
                None => return Err("discovery on the LAN has stopped".into()),
            },
            input = inputs.recv() => match input {
                Some(Input::Key(key)) => match lobby.handle_key(key) {
                    Choice::Stay => {}
                    Choice::Join(session) => attempt = Some(Box::pin(join(*session))),
                    Choice::AbandonJoin => attempt = None,
                    Choice::Quit => return Ok(None),
                },
                Some(Input::Resized) => {}
                Some(Input::Gone) | None => return Err(TERMINAL_GONE.into()),
            },
            answer = answer => match answer {
                Ok(joined) => return Ok(Some(joined)),
                Err(why) => {
                    attempt = None;
                    lobby.fail(&why);
                }
            },
            _ = &mut shutdown => return Ok(None),
        }
    }
}

/// An attempt to join a session.
type JoinAttempt<'a, T> = Pin<Box<dyn Future<Output = Result<T, String>> + 'a>>;

const TERMINAL_GONE: &str = "the terminal is gone";
