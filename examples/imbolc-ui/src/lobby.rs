//! The list of sessions on the LAN, and the choice of one.
//!
//! It knows discovery events and keys; how to join is passed in as a function.

mod entry_form;

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
    style::Style,
    text::Line,
    widgets::{Block, Paragraph},
};
use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{Instant, sleep_until},
};

pub use self::entry_form::LobbyProof;
use self::entry_form::{EntryForm, FormKey, ShownWords};
use crate::{
    entry_prompt::{EntryProof, JoinFailure},
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
const OTHER_LINES: u16 = 5;

/// The sessions that were found. Those that the user has been in come first, then those that
/// answer, then those that have not been tried, each in the order in which they were found.
#[derive(Debug, Default)]
pub struct Lobby {
    rows: Vec<Row>,
    /// The id of the session that the user has moved to; the first one until then.
    chosen: Option<String>,
    /// The session that is being joined.
    joining: Option<FoundSession>,
    /// The code that is being typed.
    form: Option<EntryForm>,
    /// Whether the person at that host can be asked, too. A host that does not accept a
    /// code does not say it again.
    may_ask: bool,
    /// The words that are compared with a host.
    words: Option<ShownWords>,
    /// Whether the words were accepted, and a person at the host decides.
    waiting: bool,
    error: Option<String>,
}

#[derive(Debug)]
struct Row {
    session: FoundSession,
    visited: bool,
    /// Whether the key of its host is known.
    known: bool,
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
    /// Join this session, and show its host this.
    Join(Box<FoundSession>, LobbyProof),
    /// Abandon the attempt to join.
    AbandonJoin,
    /// Quit.
    Quit,
}

impl Lobby {
    /// Applies a discovery event. A selection that the user has made stays on its session.
    /// `visited` says whether the user has been in the session, `known` whether the key of
    /// its host is known.
    pub fn update(&mut self, event: DiscoveryEvent, visited: bool, known: bool) {
        match event {
            DiscoveryEvent::Found(session) | DiscoveryEvent::Changed(session) => {
                let row = self.rows.iter_mut().find(|row| row.session.id == session.id);
                if let Some(row) = row {
                    if row.session.addresses != session.addresses {
                        row.contact = Contact::NotTried;
                    }
                    (row.session, row.visited, row.known) = (session, visited, known);
                } else {
                    self.rows.push(Row { session, visited, known, contact: Contact::NotTried });
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
        if let Some(form) = &mut self.form {
            match form.handle_key(key.code) {
                FormKey::Stay => {}
                FormKey::Cancel => self.form = None,
                FormKey::Join(proof) => {
                    let session = form.session.clone();
                    self.may_ask = form.need.may_ask;
                    self.form = None;
                    return self.join(session, proof);
                }
            }
            return Choice::Stay;
        }
        match key.code {
            KeyCode::Char('y') if self.words.is_some() => self.answer_words(true),
            KeyCode::Char('n') if self.words.is_some() => self.answer_words(false),
            KeyCode::Esc if self.joining.take().is_some() => {
                self.words = None;
                Choice::AbandonJoin
            }
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
        let session = session.clone();
        self.may_ask = false;
        self.join(session, LobbyProof::Nothing)
    }

    fn join(&mut self, session: FoundSession, proof: LobbyProof) -> Choice {
        self.joining = Some(session.clone());
        (self.words, self.waiting) = (None, false);
        Choice::Join(Box::new(session), proof)
    }

    /// The attempt to join has failed; if the host wants to see something, it is asked for.
    fn fail(&mut self, failure: JoinFailure) {
        self.words = None;
        let Some(session) = self.joining.take() else { return };
        match failure.need {
            Some(mut need) => {
                need.may_ask |= self.may_ask;
                self.form = Some(EntryForm::new(session, need));
            }
            None => self.error = Some(format!("{}: {}", session.name, failure.why)),
        }
    }

    /// The host and this client have agreed on words.
    fn compare(&mut self, words: ShownWords) {
        self.words = Some(words);
    }

    fn answer_words(&mut self, same: bool) -> Choice {
        if let Some((_, answer)) = self.words.take() {
            // If nobody waits any more, the attempt fails for its own reason.
            let _ = answer.send(same);
            self.waiting = same;
        }
        Choice::Stay
    }

    /// Draws the list.
    pub fn draw(&self, frame: &mut Frame) {
        if !terminal::fits(frame) {
            return;
        }
        let (text, style) = self.below();
        let width = frame.area().width.into();
        let text: Vec<_> = text.iter().flat_map(|text| theme::wrapped(text, width)).collect();
        let rows = u16::try_from(text.len()).unwrap_or(u16::MAX).max(2);
        let [list, below] =
            Layout::vertical([Constraint::Fill(1), Constraint::Length(rows)]).areas(frame.area());
        let block = Block::bordered().title(" Sessions on the LAN ");
        let rows = usize::from(block.inner(list).height.saturating_sub(1));
        let heading = format!("  {:<24} {:<12} {:<6} {:<6} at", "session", "on", "people", "entry");
        let mut lines = vec![Line::styled(heading, theme::HEADING)];
        let (first, shown) = self.shown(rows);
        for (at, row) in (first..).zip(shown) {
            lines.push(line(row, at == self.at()));
        }
        if self.rows.is_empty() {
            lines.push(Line::styled("looking for sessions…", theme::DIM));
        }
        frame.render_widget(Paragraph::new(lines).block(block), list);
        let lines: Vec<_> = text.into_iter().map(|line| Line::styled(line, style)).collect();
        frame.render_widget(Paragraph::new(lines), below);
    }

    /// What is below the list.
    fn below(&self) -> (Vec<String>, Style) {
        if let Some(form) = &self.form {
            return (form.lines().into(), theme::WARNING);
        }
        if let Some((words, _)) = &self.words {
            let words = format!("{}: does the host show these words? y n", words.join(" "));
            return (vec![words], theme::WARNING);
        }
        match (&self.joining, &self.error) {
            (Some(_), _) if self.waiting => {
                (vec!["waiting for somebody at the host…  Esc cancels".into()], theme::WARNING)
            }
            (Some(session), _) => {
                let joining = format!("joining {}…  Esc cancels", fitted(&session.name, 28));
                (vec![joining], theme::WARNING)
            }
            (None, Some(error)) => (vec![error.clone()], theme::ERROR),
            (None, None) => {
                let keys = "↑ ↓ select  Enter join  q quit";
                let marks = "locked: asks for a code  known: needs none  open: admits all";
                (vec![keys.into(), marks.into()], theme::DIM)
            }
        }
    }
}

fn line(row: &Row, is_selected: bool) -> Line<'static> {
    let Row { session, contact, known, .. } = row;
    let count = |count: Option<u32>| count.map_or("?".into(), |count| count.to_string());
    let people = format!("{}/{}", count(session.participants), count(session.max_participants));
    let host = session.host.as_deref().unwrap_or("?");
    let obstacle = join_obstacle(session);
    let place = obstacle.map_or_else(|| session.address().to_string(), Into::into);
    let entry = match (session.secret, known) {
        (true, true) => "known",
        (true, false) => "locked",
        (false, _) => "open",
    };
    let mut line = Line::from(format!(
        "{} {} {} {people:<6} {entry:<6} {place}",
        if is_selected { '>' } else { ' ' },
        padded(&session.name, 24),
        padded(host, 12),
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
/// in that session; `is_known` tells whether the key of its host is known, `answers` whether
/// a session does; `join` joins a session.
///
/// The list stays current while a session is being joined.
///
/// [`DiscoveryClient::next`]: imbolc_net::discovery::DiscoveryClient::next
///
/// # Errors
/// If the terminal is closed or discovery has stopped. The message is one line.
pub async fn choose<B: Backend, T, A: Future<Output = bool> + Send + 'static>(
    mut next: impl AsyncFnMut() -> Option<(DiscoveryEvent, bool)>,
    is_known: impl Fn(&FoundSession) -> bool,
    answers: impl Fn(FoundSession) -> A,
    join: impl AsyncFn(FoundSession, EntryProof) -> Result<T, JoinFailure>,
    screen: &mut Terminal<B>,
    inputs: &mut mpsc::Receiver<Input>,
) -> Result<Option<T>, String> {
    let mut lobby = Lobby::default();
    let mut shutdown = std::pin::pin!(shutdown_signal());
    let mut attempt: Option<JoinAttempt<T>> = None;
    let mut trials = Trials::default();
    let (sender, mut words) = mpsc::channel(1);
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
                    let known = match &event {
                        DiscoveryEvent::Found(session) | DiscoveryEvent::Changed(session) => {
                            is_known(session)
                        }
                        _ => false,
                    };
                    lobby.update(event, visited, known);
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
                        Choice::Join(session, proof) => {
                            // What an abandoned attempt has shown is of no use.
                            while words.try_recv().is_ok() {}
                            let proof = proof.into_entry_proof(&sender);
                            attempt = Some(Box::pin(join(*session, proof)));
                        }
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
            Some(shown) = words.recv() => {
                lobby.compare(shown);
                due = soon;
            }
            answer = answer => match answer {
                Ok(joined) => return Ok(Some(joined)),
                Err(failure) => {
                    attempt = None;
                    lobby.fail(failure);
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
type JoinAttempt<'a, T> = Pin<Box<dyn Future<Output = Result<T, JoinFailure>> + 'a>>;

const TERMINAL_GONE: &str = "the terminal is gone";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_compared_before_a_person_is_asked() {
        let shown = || {
            let (sender, answer) = tokio::sync::oneshot::channel();
            let mut lobby = Lobby::default();
            lobby.compare((["able", "about", "above", "absent", "abstract", "absurd"], sender));
            (lobby, answer)
        };
        let (mut lobby, mut answer) = shown();
        let (lines, _) = lobby.below();
        assert!(lines[0].starts_with("able about above absent abstract absurd: "), "{lines:?}");
        assert_eq!(lobby.handle_key(KeyCode::Enter.into()), Choice::Stay);
        assert!(answer.try_recv().is_err(), "Enter is no answer");
        assert_eq!(lobby.handle_key(KeyCode::Char('y').into()), Choice::Stay);
        assert_eq!(answer.try_recv(), Ok(true));

        let (mut lobby, mut answer) = shown();
        assert_eq!(lobby.handle_key(KeyCode::Char('n').into()), Choice::Stay);
        assert_eq!(answer.try_recv(), Ok(false));
    }
}
