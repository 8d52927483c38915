//! The frame around the pane: tabs, transport, messages, status, help and palette.
//!
//! It draws a view and decides nothing: no key and no event arrives here.

use imbolc_net::{
    admission::{AdmissionPolicy, AdmissionStatus, CodePause},
    dispatcher::{ConnectionError, HostTrust, Status},
    protocol::PrivilegeLevel,
    studio::{Layer, SessionState, SoundEngine},
    util::{
        quantity::{Pitch, Ticks},
        text::{columns, fitted, padded},
    },
};
use ratatui::{
    Frame,
    buffer::Buffer,
    layout::{Constraint, Layout, Rect},
    style::Style,
    text::{Line, Span},
    widgets::{Block, Clear, Paragraph, Widget as _},
};

use super::{GLOBAL_KEYS, question::Question};
use crate::{
    describe,
    palette::Palette,
    pane::{KeyHelp, Pane},
    terminal, theme,
    view::View,
};

/// Everything that one frame shows.
pub(super) struct FrameLayout<'a> {
    pub(super) view: &'a View<'a>,
    pub(super) titles: &'a [&'a str],
    /// The index of the pane that is shown.
    pub(super) at: usize,
    pub(super) pane: &'a dyn Pane,
    pub(super) palette: &'a Palette,
    pub(super) question: Option<&'a Question>,
    /// The address at which others join, if this client hosts.
    pub(super) join_address: Option<String>,
    /// What is under way in the background.
    pub(super) job: Option<String>,
    /// The index of the first key that the help shows.
    pub(super) help_from: u16,
    /// What the leftmost key plays.
    pub(super) lowest_key: Pitch,
}

impl FrameLayout<'_> {
    pub(super) fn draw(&self, frame: &mut Frame) {
        let area = frame.area();
        if !terminal::fits(frame) {
            return;
        }
        let [titles, transport, body, messages, status] = Layout::vertical([
            Constraint::Length(1),
            Constraint::Length(1),
            Constraint::Fill(1),
            Constraint::Length(1),
            Constraint::Length(1),
        ])
        .areas(area);
        let buffer = frame.buffer_mut();
        self.titles(titles.width).render(titles, buffer);
        self.draw_transport(transport, buffer);
        let block = Block::bordered().title(format!(" {} ", self.pane.title()));
        let inside = block.inner(body);
        block.render(body, buffer);
        self.pane.draw(self.view, inside, buffer);
        self.draw_messages(messages, buffer);
        self.draw_status(status, buffer);
        match self.view.client.layers().last() {
            Some(Layer::Help) => self.draw_help(body, buffer),
            Some(Layer::Command) => {
                // The palette may cover the pane, but never the status line.
                self.palette.draw(body.union(messages), buffer);
            }
            layer => {
                let plays = layer == Some(&Layer::Keyboard);
                if let Some(question) = self.question {
                    Clear.render(messages, buffer);
                    let style = theme::WARNING.patch(theme::SELECTED);
                    Line::styled(question.text(plays), style).render(messages, buffer);
                }
            }
        }
    }

    /// The panes by number and title. If there is not enough room, only the current
    /// pane has its full title.
    fn titles(&self, width: u16) -> Line<'_> {
        const LETTERS: usize = 3;
        let whole: usize = self.titles.iter().map(|title| columns(title) + 3).sum();
        let room = whole <= usize::from(width) + 1;
        let mut line = Line::default();
        for (at, &title) in self.titles.iter().enumerate() {
            let style = if at == self.at { theme::SELECTED } else { Style::new() };
            let title = if room || at == self.at { title } else { &title[..LETTERS] };
            line.push_span(Span::styled(format!("{} {title}", at + 1), style));
            line.push_span(Span::raw(" "));
        }
        line
    }

    fn draw_transport(&self, area: Rect, buffer: &mut Buffer) {
        let view = self.view;
        let (session, transport) = (&view.studio().session, &view.studio().transport);
        let certain = view.is_confirmed(|studio| studio.transport);
        let goes = if transport.playing { "▶" } else { "■" };
        let at = if view.metering.playing { view.metering.playhead } else { transport.position };
        let bpm = if view.metering.playing { view.metering.tempo } else { session.tempo };
        let mut line = Line::from(vec![
            Span::styled(
                format!("{goes}{}", theme::unconfirmed_mark(certain)),
                theme::value_style(certain),
            ),
            Span::raw(format!(" {}  {bpm}", bar_beat_tick(at, session))),
        ]);
        // First, so that nothing pushes it off a small screen.
        if view.unsaved {
            line.push_span(Span::styled("  unsaved", theme::WARNING));
        }
        if transport.recording {
            line.push_span(Span::styled("  ● rec", theme::ERROR));
        }
        if transport.looping {
            line.push_span(Span::raw("  loop"));
        }
        line.push_span(Span::styled(format!("  {}", session.name), theme::DIM));
        line.render(area, buffer);

        let [left, right] = view.metering.peaks;
        let meters = Line::from(vec![
            Span::styled(theme::meter(left, 10), theme::meter_style(left)),
            Span::raw("│"),
            Span::styled(theme::meter(right, 10), theme::meter_style(right)),
        ]);
        meters.right_aligned().render(area, buffer);
    }

    fn draw_messages(&self, area: Rect, buffer: &mut Buffer) {
        let Some(job) = &self.job else {
            return self.view.messages.line(area.width.into()).render(area, buffer);
        };
        let job = Line::styled(fitted(job, area.width.into()), theme::WARNING);
        let [left, right] = Layout::horizontal([
            Constraint::Fill(1),
            Constraint::Length(u16::try_from(job.width() + 2).unwrap_or(u16::MAX)),
        ])
        .areas(area);
        self.view.messages.line(left.width.into()).render(left, buffer);
        job.right_aligned().render(right, buffer);
    }

    fn draw_status(&self, area: Rect, buffer: &mut Buffer) {
        let view = self.view;
        let (text, style) = status_text(&view.status, self.join_address.as_deref());
        let mut line = Line::from(vec![
            Span::styled(&*view.identity.name, theme::participant_style(view.identity.client_id)),
            Span::raw(" "),
        ]);
        let plays = view.client.layers().last() == Some(&Layer::Keyboard);
        if plays {
            let lowest = self.lowest_key;
            let keys = format!("♪ a plays {lowest}; z x octave, Esc ends it  ");
            line.push_span(Span::styled(keys, theme::WARNING));
        }
        line.push_span(Span::styled(text, style));
        if let Some(admission) = &view.admission {
            admission_marks(admission, &mut line);
        }
        if view.is_viewer() {
            line.push_span(Span::styled("  viewer", theme::WARNING));
        }
        if view.identity.privilege == PrivilegeLevel::Privileged {
            line.push_span(Span::styled("  ★ privilege", theme::WARNING));
        }
        // Without a connection it is not known.
        if !matches!(view.status, Status::Reconnecting { .. } | Status::Closed { .. }) {
            let sound = view.metering.engine;
            line.push_span(Span::raw("  "));
            line.push_span(Span::styled(describe::sound_text(sound), sound_style(sound)));
        }
        let keys = Line::styled("? keys  : command  q quit", theme::DIM).right_aligned();
        if !plays && line.width() + keys.width() < usize::from(area.width) {
            keys.render(area, buffer);
        }
        line.render(area, buffer);
    }

    fn draw_help(&self, area: Rect, buffer: &mut Buffer) {
        Clear.render(area, buffer);
        let block = Block::bordered();
        let inside = block.inner(area);
        let here =
            [("", self.pane.title())].into_iter().chain(self.pane.key_help().iter().copied());
        let everywhere = [("", "Everywhere")].into_iter().chain(GLOBAL_KEYS.iter().copied());
        let keys: Vec<_> = here.chain(everywhere).collect();
        let halves = Layout::horizontal([Constraint::Fill(1), Constraint::Fill(1)]).split(inside);
        let width = halves.iter().map(|half| half.width).min().unwrap_or_default();
        let mut lines = help_lines(&keys, width.into());
        let rows = usize::from(inside.height).max(1);
        // If two columns cannot hold all keys, the help scrolls.
        let from = usize::from(self.help_from).min(lines.len().saturating_sub(rows * 2));
        let title = if lines.len() > rows * 2 {
            " Keys: ↓ ↑ scroll, any other key closes "
        } else {
            " Keys: any key closes "
        };
        block.title(title).render(area, buffer);
        let mut lines = lines.drain(from..);
        for half in halves.iter() {
            Paragraph::new(lines.by_ref().take(rows).collect::<Vec<_>>()).render(*half, buffer);
        }
    }
}

/// Keys with their meaning, which takes as many lines as it needs; an entry without a key
/// is a heading.
fn help_lines(keys: &[KeyHelp], width: usize) -> Vec<Line<'static>> {
    let longest = keys.iter().map(|(key, _)| columns(key)).max().unwrap_or_default() + 1;
    let entry = |(key, what): &KeyHelp| match *key {
        "" => vec![Line::styled(*what, theme::HEADING)],
        key => {
            let meaning = theme::wrapped(what, width.saturating_sub(longest + 1));
            let keys = [key].into_iter().chain(std::iter::repeat(""));
            let line = |(key, text)| {
                Line::from(vec![Span::styled(padded(key, longest), theme::GOOD), Span::raw(text)])
            };
            keys.zip(meaning).map(line).collect()
        }
    };
    keys.iter().flat_map(entry).collect()
}

/// The status of the dispatcher in a few words.
fn status_text(status: &Status, join_address: Option<&str>) -> (String, Style) {
    match status {
        Status::Alone => ("local session".into(), theme::DIM),
        Status::Hosting { .. } => {
            let at = join_address.map_or_else(String::new, |address| format!(" at {address}"));
            (format!("hosting{at}"), theme::GOOD)
        }
        Status::Connected { .. } if status.is_quiet() => (status.to_string(), theme::WARNING),
        Status::Connected { round_trip, trust, .. } => {
            let time = round_trip.map(|time| format!(", {:.1} ms", time.as_secs_f64() * 1e3));
            let text = format!("connected{}", time.unwrap_or_default());
            match trust {
                HostTrust::Verified => (text, theme::GOOD),
                HostTrust::Unverified => (text + ", unverified", theme::WARNING),
                HostTrust::Plain => (text + ", plain", theme::WARNING),
            }
        }
        Status::Reconnecting { reason, .. } => {
            let left = status.time_left().unwrap_or_default();
            let kept = match (reason, left.as_secs()) {
                // A host that shuts down drops the places of its participants.
                (ConnectionError::Shutdown, _) => "retrying".into(),
                (_, 0) => "your place may be gone".into(),
                (_, seconds) => format!("your place is kept for {seconds} s"),
            };
            (format!("reconnecting: {reason}; {kept}"), theme::WARNING)
        }
        Status::Closed { reason } => (format!("the session is over: {reason}"), theme::ERROR),
    }
}

/// What a newcomer needs, and who waits.
fn admission_marks(admission: &AdmissionStatus, line: &mut Line<'_>) {
    if admission.policy == AdmissionPolicy::Open {
        line.push_span(Span::styled(", open", theme::WARNING));
    } else {
        let (paused, style) = match admission.paused {
            Some(CodePause::Everybody) => (" paused", theme::ERROR),
            Some(CodePause::Addresses(_)) => (" paused for some", theme::ERROR),
            None => ("", theme::GOOD),
        };
        let code = format!(", code {}{paused}", admission.code.shown());
        line.push_span(Span::styled(code, style));
    }
    match admission.requests.len() {
        0 => {}
        1 => line.push_span(Span::styled("  1 asks to join", theme::WARNING)),
        many => line.push_span(Span::styled(format!("  {many} ask to join"), theme::WARNING)),
    }
}

const fn sound_style(engine: SoundEngine) -> Style {
    match engine {
        SoundEngine::Silent => theme::DIM,
        SoundEngine::Sounding { late: 0, .. } => theme::GOOD,
        SoundEngine::Starting | SoundEngine::Sounding { .. } => theme::WARNING,
        SoundEngine::Missing => theme::ERROR,
    }
}

/// A position as bar, beat and tick, where the first bar and beat are 1.
pub(crate) fn bar_beat_tick(at: Ticks, session: &SessionState) -> String {
    let bar = session.time_signature.bar();
    let beat = bar / u32::from(session.time_signature.beats());
    let (bars, rest) = (at.get() / bar, at.get() % bar);
    format!("{}.{}.{:03}", bars + 1, rest / beat + 1, rest % beat)
}

/// The same, or only the bar if the position is its start.
pub(crate) fn short_place(at: Ticks, session: &SessionState) -> String {
    let place = bar_beat_tick(at, session);
    place.strip_suffix(".1.000").map(str::to_owned).unwrap_or(place)
}

/// The position that is written as bar, as bar and beat, or as bar, beat and tick.
///
/// # Errors
/// If there is no such position; the message is one line.
pub(crate) fn read_place(text: &str, session: &SessionState) -> Result<Ticks, String> {
    let bar = session.time_signature.bar();
    let beats = u32::from(session.time_signature.beats());
    let beat = bar / beats;
    let mut numbers = text.split('.').map(str::parse::<u32>);
    let mut next = |or: u32| numbers.next().unwrap_or(Ok(or)).ok();
    let (place, rest) = ((next(1), next(1), next(0)), next(0));
    let (Some(bars), Some(place_in_bar), Some(ticks), Some(0)) = (place.0, place.1, place.2, rest)
    else {
        return Err(format!("{text:?} is no place: write a bar, or bar.beat.tick as 3.1.000"));
    };
    if bars == 0 || !(1..=beats).contains(&place_in_bar) || ticks >= beat {
        return Err(format!(
            "no place {text}: bars count from 1, beats from 1 to {beats}, ticks from 0 to {}",
            beat - 1
        ));
    }
    let tick = (bars - 1)
        .checked_mul(bar)
        .and_then(|at| at.checked_add((place_in_bar - 1) * beat + ticks));
    tick.and_then(|tick| Ticks::new(tick).ok()).ok_or_else(|| "no such bar".into())
}
