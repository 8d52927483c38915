//! The test harness: a UI on a mock dispatcher and an in-memory terminal.

mod mock_studio;

use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use imbolc_net::{
    Dispatcher, Event, NetworkState, SessionEvent,
    admission::{AdmissionPolicy, AdmissionStatus},
    dispatcher::{ConnectionError, Events, HostCommand, HostTrust, Status},
    model::{DirtyFlags, InstrumentId, Model as _},
    protocol::{ClientId, OwnerInfo, Participant, Presence, Refusal, Roster, Seq},
    security::{JoinCode, PrivateKey},
    studio::{
        Metering, NetworkAction, Pane, ProjectAction, ProjectName, ProjectNotice, Studio,
        StudioState,
    },
    util::{
        quantity::{Bpm, Decibels, Ticks},
        time::{Millis, Timestamp},
    },
};
use imbolc_supercollider::server::ServerOptions;
use imbolc_ui::app::App;
use ratatui::{Terminal, backend::TestBackend, buffer::Buffer, style::Color};
use tokio::sync::broadcast;

use self::mock_studio::mock;
use crate::band;

pub const BASS: InstrumentId = InstrumentId(1);
pub const LEAD: InstrumentId = InstrumentId(2);
pub const PAD: InstrumentId = InstrumentId(3);
pub const DRUMS: InstrumentId = InstrumentId(4);

pub const MIA: ClientId = ClientId::HOST;
pub const ANA: ClientId = ClientId(1);
pub const BEN: ClientId = ClientId(2);

/// Which participant the UI belongs to, and how it is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scene {
    /// Mia, in a local session.
    Local,
    /// Mia hosts Ana and Ben; Ben is away.
    Hosting,
    /// Ana has joined.
    Joined,
    /// Ana has joined, and an edit of hers was just rejected.
    Refused,
    /// Ana has lost the connection and keeps editing.
    Reconnecting,
}

impl Scene {
    pub const ALL: [Self; 5] =
        [Self::Local, Self::Hosting, Self::Joined, Self::Refused, Self::Reconnecting];

    fn me(self) -> ClientId {
        match self {
            Self::Local | Self::Hosting => MIA,
            Self::Joined | Self::Refused | Self::Reconnecting => ANA,
        }
    }

    fn status(self) -> Status {
        match self {
            Self::Local => Status::Alone,
            Self::Hosting => Status::Hosting { address: "192.168.1.20:9999".parse().ok() },
            Self::Joined | Self::Refused => {
                let round_trip = Some(Duration::from_micros(2400));
                Status::Connected { round_trip, heard: Instant::now(), trust: HostTrust::Verified }
            }
            Self::Reconnecting => Status::Reconnecting {
                since: Instant::now(),
                reason: ConnectionError::Closed,
                attempt: None,
                // Half a second more, so that the screen says 42 during the test.
                until: Instant::now() + Duration::from_millis(42_500),
            },
        }
    }

    fn roster(self) -> Roster {
        let mut roster = Roster::default();
        let mut join = |id, participant| roster.participants.insert(id, participant);
        join(MIA, Participant::new("mia"));
        if self != Self::Local {
            let key = |seed| Some(PrivateKey::new([seed; 32]).public());
            let round_trip = Some(Millis(5));
            join(ANA, Participant { round_trip, key: key(1), ..Participant::new("ana") });
            let since = Timestamp::from_micros(80_000_000);
            join(
                BEN,
                Participant {
                    presence: Presence::Away { since },
                    key: key(2),
                    ..Participant::new("ben")
                },
            );
        }
        let owners: &[(InstrumentId, ClientId)] = match self {
            Self::Local => &[(BASS, MIA), (LEAD, MIA), (PAD, MIA), (DRUMS, MIA)],
            _ => &[(BASS, ANA), (LEAD, BEN), (DRUMS, ANA)],
        };
        for (instrument, owner) in owners {
            let owner = roster.as_owner(*owner).expect("it takes part");
            roster.owners.insert(*instrument, owner);
        }
        roster.privileged = roster.as_owner(MIA);
        roster
    }
}

/// A UI with a mock dispatcher.
pub struct Stage {
    pub app: App,
    me: ClientId,
    shown: Arc<Mutex<Shown>>,
    events: Events,
    sender: broadcast::Sender<Event>,
    terminal: Terminal<TestBackend>,
}

/// The state of the mock dispatcher, and the calls it received.
struct Shown {
    state: Arc<NetworkState>,
    confirmed: Arc<NetworkState>,
    metering: Metering,
    /// Whether the playhead moves each time it is read.
    moves: bool,
    status: Status,
    /// How often the snapshot was loaded.
    loads: u32,
    /// Whether dispatched actions are confirmed immediately.
    online: bool,
    dispatched: Vec<NetworkAction>,
    requests: Vec<String>,
    refuses: Option<Refusal>,
    admission: Option<Arc<AdmissionStatus>>,
    administered: Vec<HostCommand>,
}

impl Stage {
    /// The studio of [`band::studio`] in a scene.
    pub fn new(scene: Scene) -> Self {
        Self::with_studio(scene, band::studio())
    }

    /// Another studio in a scene.
    pub fn with_studio(scene: Scene, model: StudioState) -> Self {
        Self::with_samples(scene, model, None)
    }

    /// Another studio in a scene, on a machine that has a directory of samples.
    pub fn with_samples(scene: Scene, model: StudioState, samples: Option<PathBuf>) -> Self {
        let (model, roster) = (model.regarded_as_saved(), Arc::new(scene.roster()));
        let state = NetworkState { seq: Seq(1), model, roster };
        let state = Arc::new(state);
        let shown = Arc::new(Mutex::new(Shown {
            confirmed: Arc::clone(&state),
            state,
            metering: Metering::default(),
            moves: false,
            status: scene.status(),
            loads: 0,
            online: scene != Scene::Reconnecting,
            dispatched: Vec::new(),
            requests: Vec::new(),
            refuses: None,
            admission: (scene == Scene::Hosting).then(|| Arc::new(admission_status())),
            administered: Vec::new(),
        }));
        let sender = broadcast::Sender::new(64);
        let events = Events::new(sender.subscribe());
        let app = App::new(Arc::new(mock(scene.me(), &shown, &sender)), no_server(samples));
        let terminal = Terminal::new(TestBackend::new(100, 30)).expect("in memory");
        let me = scene.me();
        let mut stage = Self { app, me, shown, events, sender, terminal };
        if scene == Scene::Refused {
            let action = band::cutoff(LEAD, 1234.0);
            let reason = Refusal::NotOwner { instrument: LEAD, owner: stage.owner(BEN) };
            stage.emit(Event::Session(SessionEvent::Refused { action, reason }));
        }
        if scene == Scene::Reconnecting {
            stage.emit(Event::Status(scene.status()));
        }
        stage
    }

    fn shown(&self) -> std::sync::MutexGuard<'_, Shown> {
        self.shown.lock().expect("no test has panicked")
    }

    /// A participant as an owner.
    pub fn owner(&self, client: ClientId) -> Option<OwnerInfo> {
        self.shown().state.roster.as_owner(client)
    }

    /// The current state of the model.
    pub fn studio(&self) -> StudioState {
        self.shown().state.model.clone()
    }

    /// Another participant applies an action.
    pub fn remote_edit(&mut self, action: &NetworkAction) {
        self.shown().apply(action, true);
        self.emit(Event::Changed(DirtyFlags::ALL));
    }

    /// How often the snapshot was loaded since the last call.
    pub fn loads(&mut self) -> u32 {
        std::mem::take(&mut self.shown().loads)
    }

    /// Replaces the state without an event.
    pub fn replace_state(&mut self, edit: impl FnOnce(&mut StudioState)) {
        let mut shown = self.shown();
        let mut state = (*shown.state).clone();
        edit(&mut state.model);
        shown.state = Arc::new(state);
        shown.confirmed = Arc::clone(&shown.state);
    }

    /// A save under a name has begun, and does not end.
    pub fn save_forever(&mut self, name: &str) {
        let task = ProjectAction::SaveAs(ProjectName::new(name).expect("a name"));
        self.replace_state(|studio| {
            Arc::make_mut(&mut studio.projects).notice = ProjectNotice::Working(task);
        });
    }

    /// Changes who asks to join, and the code, with the event.
    pub fn edit_admission(&mut self, edit: impl FnOnce(&mut AdmissionStatus)) {
        {
            let mut shown = self.shown();
            edit(Arc::make_mut(shown.admission.as_mut().expect("it hosts")));
        }
        self.emit(Event::Admission);
    }

    /// What only a host may do, since the last call.
    pub fn administered(&mut self) -> Vec<HostCommand> {
        std::mem::take(&mut self.shown().administered)
    }

    /// Edits the roster.
    pub fn edit_roster(&mut self, edit: impl FnOnce(&mut Roster)) {
        {
            let mut shown = self.shown();
            let mut state = (*shown.state).clone();
            edit(Arc::make_mut(&mut state.roster));
            shown.state = Arc::new(state);
            shown.confirmed = Arc::clone(&shown.state);
        }
        self.emit(Event::Changed(DirtyFlags::ROSTER));
    }

    /// Starts playback at a position with a peak level.
    pub fn play_at(&mut self, playhead: u32, peak: f32) {
        let peak = Decibels::new(peak).expect("in range");
        self.replace_state(|studio| studio.transport.playing = true);
        self.shown().metering = Metering {
            playhead: Ticks::new(playhead).expect("in range"),
            tempo: Bpm::of(120.0),
            playing: true,
            peaks: [peak; 2],
            ..Metering::default()
        };
    }

    /// Changes what the engine says, without an event.
    pub fn edit_metering(&mut self, edit: impl FnOnce(&mut Metering)) {
        edit(&mut self.shown().metering);
    }

    /// Changes the status of the dispatcher, with its event.
    pub fn set_status(&mut self, status: Status) {
        self.shown().status = status.clone();
        self.emit(Event::Status(status));
    }

    /// From now on the meters differ each time they are read.
    pub fn animate_meters(&mut self) {
        self.shown().moves = true;
    }

    /// A second dispatcher with the same state, and its events.
    pub fn dispatcher(&self) -> (Arc<dyn Dispatcher>, Events) {
        let me = self.me;
        (Arc::new(mock(me, &self.shown, &self.sender)), Events::new(self.sender.subscribe()))
    }

    /// The sender of its events.
    pub fn sender(&self) -> broadcast::Sender<Event> {
        self.sender.clone()
    }

    /// Counts what is dispatched meanwhile.
    pub fn observer(&self) -> Observer {
        Observer(Arc::clone(&self.shown))
    }

    /// From now on the dispatcher refuses every action.
    pub fn refuse_all(&mut self, why: Refusal) {
        self.shown().refuses = Some(why);
    }

    /// Emits an event.
    pub fn emit(&mut self, event: Event) {
        self.sender.send(event).expect("the UI listens");
        self.drain_events();
    }

    /// Waits until what is under way in the background has ended, and returns the messages.
    pub fn wait_for_job(&mut self) -> Vec<String> {
        let end = Instant::now() + Duration::from_secs(10);
        while self.app.is_busy() {
            assert!(Instant::now() < end, "it does not end");
            std::thread::sleep(Duration::from_millis(1));
            self.app.tick(Instant::now());
        }
        self.drain_events();
        self.app.messages().latest().map(|message| message.text.clone()).collect()
    }

    fn drain_events(&mut self) {
        while let Some(event) = self.events.try_next() {
            self.app.handle_event(event);
        }
    }

    /// Switches to a pane.
    pub fn show(&mut self, pane: Pane) -> &mut Self {
        for _ in 0..8 {
            if self.app.client_state().pane() == pane {
                return self;
            }
            self.press("<tab>");
        }
        panic!("there is no pane {pane:?}");
    }

    /// Presses keys: a letter is itself, `<up>` is a named key.
    pub fn press(&mut self, keys: &str) -> &mut Self {
        for key in parse(keys) {
            self.app.handle_key(key);
            self.drain_events();
        }
        self
    }

    /// The actions dispatched since the last call.
    pub fn dispatched(&mut self) -> Vec<NetworkAction> {
        std::mem::take(&mut self.shown().dispatched)
    }

    /// The other requests to the dispatcher since the last call.
    pub fn requests(&mut self) -> Vec<String> {
        std::mem::take(&mut self.shown().requests)
    }

    /// The current screen as text.
    pub fn screen(&mut self) -> String {
        self.drain_events();
        self.terminal.draw(|frame| self.app.draw(frame)).expect("in memory");
        let screen = self.terminal.backend().to_string();
        // Without the quotation marks that the backend adds.
        let line = |line: &str| {
            let line = line.strip_prefix('"').unwrap_or(line);
            line.strip_suffix('"').unwrap_or(line).trim_end().to_owned()
        };
        screen.lines().map(line).collect::<Vec<_>>().join("\n")
    }

    /// The current screen in colour.
    pub fn buffer(&mut self) -> Buffer {
        self.screen();
        self.terminal.backend().buffer().clone()
    }

    /// Changes the size of the terminal.
    pub fn resize(&mut self, width: u16, height: u16) {
        self.terminal = Terminal::new(TestBackend::new(width, height)).expect("in memory");
    }

    /// The colour of `text` on the screen.
    pub fn colour_of(&mut self, text: &str) -> Option<Color> {
        let screen = self.screen();
        let (y, line) = screen.lines().enumerate().find(|(_, line)| line.contains(text))?;
        let x = line.find(text).map(|byte| line[..byte].chars().count())?;
        let cell =
            self.terminal.backend().buffer().cell((u16::try_from(x).ok()?, u16::try_from(y).ok()?));
        Some(cell?.fg)
    }
}

/// Sees what is dispatched while the stage is in use.
pub struct Observer(Arc<Mutex<Shown>>);

impl Observer {
    pub fn count_dispatched(&self) -> usize {
        self.0.lock().expect("no test has panicked").dispatched.len()
    }
}

impl Shown {
    fn apply(&mut self, action: &NetworkAction, certain: bool) {
        let mut state = (*self.state).clone();
        Studio::reduce(&mut state.model, action).expect("it makes sense");
        state.seq = Seq(state.seq.0 + 1);
        self.state = Arc::new(state);
        if certain {
            self.confirmed = Arc::clone(&self.state);
        }
    }
}

/// A host with the code 123-456 whom nobody asks.
fn admission_status() -> AdmissionStatus {
    AdmissionStatus {
        policy: AdmissionPolicy::Ask,
        code: JoinCode::parse("123-456").expect("a code"),
        paused: None,
        requests: Vec::new(),
    }
}

/// A machine without `scsynth`: no test may start it.
pub fn no_server(samples: Option<PathBuf>) -> ServerOptions {
    ServerOptions { scsynth: Some("/nonexistent".into()), samples }
}

/// Parses the keys of a test.
pub fn parse(keys: &str) -> Vec<KeyEvent> {
    let mut parsed = Vec::new();
    let mut rest = keys;
    while let Some(letter) = rest.chars().next() {
        let named = rest.strip_prefix('<').and_then(|rest| rest.split_once('>'));
        let code = match named {
            Some((name, after)) => {
                rest = after;
                match name {
                    "up" => KeyCode::Up,
                    "down" => KeyCode::Down,
                    "left" => KeyCode::Left,
                    "right" => KeyCode::Right,
                    "enter" => KeyCode::Enter,
                    "esc" => KeyCode::Esc,
                    "tab" => KeyCode::Tab,
                    "backtab" => KeyCode::BackTab,
                    "backspace" => KeyCode::Backspace,
                    "delete" => KeyCode::Delete,
                    "home" => KeyCode::Home,
                    "end" => KeyCode::End,
                    "pageup" => KeyCode::PageUp,
                    "pagedown" => KeyCode::PageDown,
                    "ctrl-c" => {
                        parsed.push(KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL));
                        continue;
                    }
                    "s-up" | "s-down" | "s-left" | "s-right" => {
                        let arrow = parse(&format!("<{}>", &name[2..]))[0].code;
                        parsed.push(KeyEvent::new(arrow, KeyModifiers::SHIFT));
                        continue;
                    }
                    other => panic!("there is no key {other}"),
                }
            }
            None => {
                rest = &rest[letter.len_utf8()..];
                KeyCode::Char(letter)
            }
        };
        parsed.push(KeyEvent::new(code, KeyModifiers::NONE));
    }
    parsed
}
