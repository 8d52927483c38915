//! The studio on the screen: what a key does, what an event changes, what a frame
//! draws.
//!
//! It never waits, and it knows no terminal: the event loop feeds it and draws it.

mod added;
mod background;
mod input;
mod join_address;
mod keyboard;
mod layout;
mod question;

use std::{fmt, sync::Arc, time::Instant};

use crossterm::event::{KeyCode, KeyEvent};
use imbolc_net::{
    Dispatcher, Event, SessionEvent,
    dispatcher::{DispatchError, HostCommand, Status},
    model::{DirtyFlags, InstrumentId},
    protocol::{Refusal, Role},
    studio::{
        self, Action, ClientState, Layer, LayerAction, Metering, NavigationAction, NetworkAction,
        SelectionAction, SoundEngine, TransportAction,
    },
    util::quantity::{Decibels, Ticks},
};
use imbolc_supercollider::server::ServerOptions;
use ratatui::Frame;

pub(crate) use self::layout::{bar_beat_tick, read_place, short_place};

use self::{join_address::JoinAddress, keyboard::Keyboard, question::Question};
use crate::{
    describe,
    host_words::{self, AdmissionLine, AdmissionNews},
    intent::Intent,
    job::Job,
    messages::{MessageLog, Tone},
    palette::Palette,
    pane::{self, KeyHelp, Pane},
    view::{UnsavedWork, View},
};

/// The keys that work in every pane.
pub const GLOBAL_KEYS: &[KeyHelp] = &[
    ("1-8 Tab", "go to a pane, the next one"),
    ("[ ]", "previous, next instrument"),
    ("Space 0", "play or stop, to the start"),
    ("R L", "record, loop on/off"),
    ("u U", "undo, redo"),
    ("c", "claim, release an instrument"),
    ("P", "take, release the privilege"),
    ("k", "play notes; Esc: back"),
    ("!", "panic: silence everything"),
    (":", "enter a command"),
    ("?", "show this help"),
    ("Ctrl-L", "draw the screen anew"),
    ("q Ctrl-C", "quit"),
];

/// How long frames are drawn at full rate after the last change: the meters follow the
/// state with a small delay.
const SETTLE_TIME: std::time::Duration = std::time::Duration::from_millis(300);

/// The application: its panes, the palette, the message log and the user's own state.
pub struct App {
    studio: Arc<dyn Dispatcher>,
    client: ClientState,
    panes: Vec<PaneSlot>,
    palette: Palette,
    messages: MessageLog,
    keyboard: Keyboard,
    join_address: JoinAddress,
    /// The metering that was drawn last.
    last_metering: Option<Metering>,
    /// When something changed last.
    changed_at: Instant,
    /// The index of the first key that the help shows.
    help_from: u16,
    stale: bool,
    /// What waits for a confirmation.
    question: Option<Question>,
    unsaved: UnsavedWork,
    sound: ServerOptions,
    /// The job in the background.
    job: Option<Job>,
    admission: AdmissionNews,
    quit_requested: bool,
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App").field("client", &self.client).finish_non_exhaustive()
    }
}

struct PaneSlot {
    which: studio::Pane,
    pane: Box<dyn Pane>,
    /// What has changed since the last refresh.
    dirty: DirtyFlags,
    /// The instrument that was selected at the last refresh.
    refreshed_for: Option<InstrumentId>,
}

impl PaneSlot {
    /// Lets the pane rebuild its cache if the cached parts have changed, or if another
    /// instrument is selected.
    fn refresh(&mut self, view: &View) {
        let selected = view.client.instrument();
        if self.dirty.intersects(self.pane.cached_parts()) || self.refreshed_for != selected {
            self.pane.refresh(view);
        }
        self.refreshed_for = selected;
        self.dirty = DirtyFlags::NONE;
    }
}

/// When the next frame is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// When something happens.
    Rest,
    /// Soon: a clock is on the screen.
    Slow,
    /// At the full frame rate.
    Fast,
}

impl App {
    /// A screen for the participant that `studio` belongs to. `sound` says where this machine
    /// has `scsynth` and the files of the session.
    #[must_use]
    pub fn new(studio: Arc<dyn Dispatcher>, sound: ServerOptions) -> Self {
        let state = studio.state();
        let mut client = ClientState::default();
        let me = studio.identity();
        let own = me.instruments.first().copied();
        let first = own.or_else(|| state.model.instruments.iter().map(|(id, _)| id).next());
        if let Some(id) = first {
            let select = SelectionAction::Instrument(id);
            let _ = client.handle(studio::LocalAction::Selection(select), &state.model);
        }
        let mut messages = MessageLog::new(Arc::clone(&state));
        if let Some(kept) = describe::kept_work(&state.model) {
            messages.push(Tone::Good, kept);
        }
        if own.is_none() && matches!(studio.status(), Status::Connected { .. }) {
            let my_role = state.roster.participants.get(&me.client_id).map(|me| me.role);
            let hint = if my_role == Some(Role::Viewer) {
                "you are a viewer: you see everything and change nothing"
            } else {
                "you own no instrument yet: c claims the selected one"
            };
            messages.push(Tone::Good, hint);
        }
        let panes = pane::all_panes().into_iter();
        Self {
            client,
            panes: panes
                .map(|(which, pane)| PaneSlot {
                    which,
                    pane,
                    dirty: DirtyFlags::ALL,
                    refreshed_for: None,
                })
                .collect(),
            palette: Palette::default(),
            messages,
            keyboard: Keyboard::default(),
            join_address: JoinAddress::default(),
            last_metering: None,
            changed_at: Instant::now(),
            help_from: 0,
            stale: true,
            question: None,
            unsaved: UnsavedWork::default(),
            sound,
            job: None,
            admission: AdmissionNews::new(studio.admission()),
            quit_requested: false,
            studio,
        }
    }

    /// Whether the user has quit.
    #[must_use]
    pub const fn has_quit(&self) -> bool {
        self.quit_requested
    }

    /// The state that belongs to this client alone.
    #[must_use]
    pub const fn client_state(&self) -> &ClientState {
        &self.client
    }

    /// The message log.
    pub const fn messages(&mut self) -> &mut MessageLog {
        &mut self.messages
    }

    /// Handles an event of the dispatcher.
    pub fn handle_event(&mut self, event: Event) {
        self.mark_changed();
        let state = self.studio.state();
        let dirty = match &event {
            Event::Changed(dirty) => *dirty,
            Event::Session(SessionEvent::Resynchronised(_) | SessionEvent::NewSession { .. })
            | Event::Missed(_) => DirtyFlags::ALL,
            Event::WantsToJoin(_) | Event::Admission => DirtyFlags::ROSTER,
            _ => DirtyFlags::NONE,
        };
        for shown in &mut self.panes {
            shown.dirty = shown.dirty | dirty;
        }
        self.follow(&state.model);
        match self.admission.update(self.studio.admission(), ":code") {
            Some(AdmissionLine::NewCode(line)) => self.messages.push(Tone::Good, line),
            Some(AdmissionLine::Paused(line)) => self.messages.push(Tone::Bad, line),
            None => {}
        }
        self.messages.record(event, &state, &self.studio.identity());
    }

    /// Drops what no longer exists. If that is the selected instrument, the next one takes
    /// its place.
    fn follow(&mut self, model: &studio::StudioState) {
        let before = self.client.instrument();
        self.client.follow(model);
        if let (Some(gone), None) = (before, self.client.instrument()) {
            let ids = || model.instruments.iter().map(|(id, _)| id);
            if let Some(id) = ids().find(|id| *id > gone).or_else(|| ids().last()) {
                let select = studio::LocalAction::Selection(SelectionAction::Instrument(id));
                let _ = self.client.handle(select, model);
            }
        }
    }

    /// Performs an intent. If it loses something for good, it asks first, unless
    /// `question` has asked already.
    fn request(&mut self, intent: Intent, question: Option<Question>) {
        let asked = question.is_some_and(|question| question.intent == intent);
        if !asked {
            let view = View::new(&*self.studio, &self.client, &self.messages, &mut self.unsaved);
            self.question = Question::before(&intent, &view);
        }
        if self.question.is_none() {
            self.perform(intent);
        }
    }

    /// Releases the notes, and hides the refusals, whose time is over.
    pub fn tick(&mut self, now: Instant) {
        for action in self.keyboard.release_expired(now) {
            self.end_note(action);
        }
        self.stale |= self.messages.pass(now);
        self.follow_job();
    }

    /// When [`tick`](Self::tick) has something to do, if it will.
    #[must_use]
    pub fn next_tick(&self) -> Option<Instant> {
        self.keyboard.next_deadline()
    }

    /// Whether keys play notes.
    #[must_use]
    pub fn plays_notes(&self) -> bool {
        self.client.layers().last() == Some(&Layer::Keyboard)
    }

    /// When the next frame is due.
    #[must_use]
    pub fn pace(&self, now: Instant) -> Pace {
        let metering = self.studio.metering();
        let moves =
            metering.playing || self.last_metering.as_ref().is_some_and(|last| *last != metering);
        let sounds = metering.peaks.iter().any(|peak| *peak > Decibels::MIN);
        if self.stale
            || moves
            || sounds
            || self.job.is_some()
            || now < self.changed_at + SETTLE_TIME
        {
            return Pace::Fast;
        }
        let state = self.studio.state();
        let anybody_away = state.roster.participants.keys().any(|id| state.roster.is_away(*id));
        // A client counts the seconds of a silence, and of its place after that.
        let is_client =
            matches!(self.studio.status(), Status::Connected { .. } | Status::Reconnecting { .. });
        // No event tells how loaded the engine is, nor that it sounds now.
        let has_engine = metering.engine != SoundEngine::Silent;
        if anybody_away || is_client || has_engine || self.messages.is_passing() {
            Pace::Slow
        } else {
            Pace::Rest
        }
    }

    /// Whether a frame drawn now could differ from the last one.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        self.stale || self.last_metering != Some(self.studio.metering())
    }

    /// Draws a frame.
    pub fn draw(&mut self, frame: &mut Frame) {
        let mut view = View::new(&*self.studio, &self.client, &self.messages, &mut self.unsaved);
        view.samples = self.sound.samples.as_deref();
        self.last_metering = Some(view.metering.clone());
        let join_address = match view.status {
            Status::Hosting { address: Some(address) } => {
                Some(self.join_address.get(address, Instant::now()))
            }
            _ => None,
        };
        self.stale = false;
        let at = self.panes.iter().position(|shown| shown.which == view.client.pane());
        if let Some(shown) = self.panes.get_mut(at.unwrap_or_default()) {
            shown.refresh(&view);
        }
        let titles: Vec<_> = self.panes.iter().map(|shown| shown.pane.title()).collect();
        if let Some(shown) = self.panes.get(at.unwrap_or_default()) {
            let screen = layout::FrameLayout {
                view: &view,
                titles: &titles,
                at: at.unwrap_or_default(),
                pane: &*shown.pane,
                palette: &self.palette,
                question: self.question.as_ref(),
                join_address,
                job: self.job.as_ref().map(Job::text),
                help_from: self.help_from,
                lowest_key: self.keyboard.lowest(),
            };
            screen.draw(frame);
        }
    }

    /// Marks the screen as changed.
    fn mark_changed(&mut self) {
        self.stale = true;
        self.changed_at = Instant::now();
    }

    /// What a key means: in the pane, or else in every pane.
    fn translate(&mut self, key: KeyEvent) -> Option<Intent> {
        let view = View::new(&*self.studio, &self.client, &self.messages, &mut self.unsaved);
        if let Some(shown) = self.panes.iter_mut().find(|shown| shown.which == view.client.pane()) {
            shown.refresh(&view);
            if let Some(intent) = shown.pane.handle_key(key, &view) {
                return Some(intent);
            }
        }
        self.translate_everywhere(key)
    }

    /// What a key means in every pane.
    fn translate_everywhere(&mut self, key: KeyEvent) -> Option<Intent> {
        let view = View::new(&*self.studio, &self.client, &self.messages, &mut self.unsaved);
        let transport = &view.studio().transport;
        let intent = match key.code {
            KeyCode::Char(digit @ '1'..='9') => {
                let at = digit.to_digit(10)? as usize - 1;
                Intent::go(self.panes.get(at)?.which)
            }
            KeyCode::Tab => Intent::go(self.pane_after(1)?),
            KeyCode::BackTab => Intent::go(self.pane_after(self.panes.len() - 1)?),
            KeyCode::Backspace => Action::from(NavigationAction::Back).into(),
            KeyCode::Char('[') => select_relative(&view, -1)?,
            KeyCode::Char(']') => select_relative(&view, 1)?,
            KeyCode::Char(' ') if transport.playing => TransportAction::Stop.into(),
            KeyCode::Char(' ') => TransportAction::Play.into(),
            KeyCode::Char('0') => TransportAction::Locate(Ticks::MIN).into(),
            KeyCode::Char('R') => TransportAction::Record(!transport.recording).into(),
            KeyCode::Char('L') => TransportAction::Loop(!transport.looping).into(),
            KeyCode::Char('u') => Intent::Undo,
            KeyCode::Char('U') => Intent::Redo,
            KeyCode::Char('c') => {
                let (id, _) = view.selected()?;
                if view.is_mine(id) { Intent::Release(vec![id]) } else { Intent::Claim(vec![id]) }
            }
            KeyCode::Char('P') if view.is_privileged() => Intent::ReleasePrivilege,
            KeyCode::Char('P') => Intent::RequestPrivilege,
            KeyCode::Char('!') => NetworkAction::Panic.into(),
            KeyCode::Char('k') => Action::from(LayerAction::Push(Layer::Keyboard)).into(),
            KeyCode::Char(':') => Intent::OpenPalette(String::new()),
            KeyCode::Char('?') => Action::from(LayerAction::Push(Layer::Help)).into(),
            KeyCode::Char('q') => Intent::Quit,
            KeyCode::Esc if self.job.is_some() => Intent::CancelJob,
            _ => return None,
        };
        Some(intent)
    }

    /// The pane that is `steps` after the current one, wrapping around.
    fn pane_after(&self, steps: usize) -> Option<studio::Pane> {
        let at = self.panes.iter().position(|shown| shown.which == self.client.pane())?;
        Some(self.panes[(at + steps) % self.panes.len()].which)
    }

    /// Performs an intent. The actions of one intent are one step.
    fn perform(&mut self, intent: Intent) {
        let mut actions = Vec::new();
        self.carry_out(intent, &mut actions);
        let Some(last) = actions.last().cloned() else { return };
        let done = match actions.len() {
            1 => self.studio.dispatch(last).map(|outcome| vec![outcome]),
            _ => self.studio.dispatch_all(actions.clone()),
        };
        match done {
            Ok(outcomes) => {
                for added in outcomes.into_iter().flatten() {
                    self.select_added(added);
                }
                if actions
                    .contains(&studio::NetworkAction::Transport(TransportAction::Record(true)))
                {
                    self.warn_if_nothing_is_armed();
                }
            }
            Err(why) => self.reject(&actions, &why),
        }
    }

    /// Says how to record, if nothing would be.
    fn warn_if_nothing_is_armed(&mut self) {
        let state = self.studio.state();
        let model = &state.model;
        let mut tracks = model.instruments.iter().filter_map(|(id, _)| model.piano_roll.track(id));
        let mut lanes = model.automation.lanes();
        if !tracks.any(|track| track.armed) && !lanes.any(|(_, lane)| lane.armed) {
            self.messages.refuse("nothing is armed: A in the roll arms a track");
        }
    }

    /// Selects what an action has added, and shows it.
    fn select_added(&mut self, added: studio::Added) {
        let Some(shown_by) = added::panes_with(added) else { return };
        if let studio::Added::Instrument(id) = added {
            self.perform(SelectionAction::Instrument(id).into());
        }
        if let Some(best) = shown_by.first()
            && !shown_by.contains(&self.client.pane())
        {
            self.perform(Intent::go(*best));
        }
        let view = View::new(&*self.studio, &self.client, &self.messages, &mut self.unsaved);
        for shown in &mut self.panes {
            // The event that tells of the change may still be on its way.
            shown.pane.refresh(&view);
            shown.pane.select_added(added, &view);
        }
    }

    /// Does what an intent asks for, and collects its actions on the shared state.
    fn carry_out(&mut self, intent: Intent, actions: &mut Vec<studio::NetworkAction>) {
        let studio = Arc::clone(&self.studio);
        let done = match intent {
            Intent::Nothing => Ok(()),
            Intent::Do(Action::Network(action)) => return actions.push(action),
            Intent::Do(Action::Local(action)) => {
                return match self.client.handle(action, &studio.state().model) {
                    Ok(more) => actions.extend(more),
                    Err(why) => self.messages.refuse(why.to_string()),
                };
            }
            Intent::Each(intents) => {
                return intents.into_iter().for_each(|intent| self.carry_out(intent, actions));
            }
            Intent::Undo => studio.undo(),
            Intent::Redo => studio.redo(),
            Intent::Claim(ids) => studio.request_ownership(&ids),
            Intent::Release(ids) => studio.release_ownership(&ids),
            Intent::RequestPrivilege => studio.request_privilege(),
            Intent::ReleasePrivilege => studio.release_privilege(),
            Intent::Administer(command) => self.administer(command),
            Intent::Resynchronise => studio.resynchronise(),
            Intent::OpenPalette(text) => {
                self.palette.open(text);
                return self.local(LayerAction::Push(Layer::Command));
            }
            Intent::TypeValue { command, value } => {
                self.palette.open_value(&command, &value);
                return self.local(LayerAction::Push(Layer::Command));
            }
            Intent::Bounce { file, bars } => return self.bounce(file, bars),
            Intent::ChooseFile { file, slot } => return self.choose_file(file, slot),
            Intent::CancelJob => return self.cancel_job(),
            Intent::ShowError(why) => return self.messages.refuse(why),
            Intent::Quit => return self.quit_requested = true,
        };
        if let Err(why) = done {
            self.messages.refuse(describe::dispatch_error_text(&studio.state(), &why));
        }
    }

    fn administer(&mut self, command: HostCommand) -> Result<(), DispatchError> {
        let done = host_words::done_by(&command, &self.studio.state());
        self.studio.administer(command)?;
        if let Some(done) = done {
            self.messages.push(Tone::Good, done);
        }
        Ok(())
    }

    /// Says why actions were not performed.
    fn reject(&mut self, actions: &[studio::NetworkAction], why: &DispatchError) {
        let at = match why {
            DispatchError::Refused(Refusal::InBatch { index, .. }) => {
                usize::try_from(*index).unwrap_or_default()
            }
            _ => 0,
        };
        let state = self.studio.state();
        let why = describe::dispatch_error_text(&state, why);
        let what = actions.get(at).map(|action| describe::step_text(&state.model, action));
        self.messages.refuse(match what {
            Some(what) => format!("{why} (not done: {what})"),
            None => why,
        });
    }

    fn local(&mut self, action: LayerAction) {
        self.perform(Action::from(action).into());
    }
}

/// Selects the instrument that is `steps` after the selected one, wrapping around.
fn select_relative(view: &View, steps: i64) -> Option<Intent> {
    let ids: Vec<_> = view.studio().instruments.iter().map(|(id, _)| id).collect();
    let at = view.client.instrument().and_then(|id| ids.iter().position(|other| *other == id));
    let at = match at {
        Some(at) => i64::try_from(at).ok()? + steps,
        None => 0,
    };
    let id =
        ids.get(usize::try_from(at.rem_euclid(i64::try_from(ids.len()).ok()?.max(1))).ok()?)?;
    Some(Action::from(SelectionAction::Instrument(*id)).into())
}
