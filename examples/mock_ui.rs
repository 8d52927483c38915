//! How a UI is tested without a session: a `MockDispatcher` shows it whatever
//! the test wants, and checks what it asks for.
//!
//! The UI is a small one: keys become actions, and a snapshot becomes lines of
//! text. It only ever sees a `Dispatcher`, so it does not notice the difference:
//! `cargo run --example mock_ui --features mock`.

use std::{
    panic::{self, AssertUnwindSafe},
    sync::{Arc, Mutex},
    time::Instant,
};

use imbolc_net::{
    Dispatcher, Event, NetworkState,
    dispatcher::{ConnectionError, DispatchError, Events, Identity, MockDispatcher, Status},
    model::{InstrumentId, Metering, Model},
    protocol::{ClientId, OwnerInfo, PrivilegeLevel, Refusal, SessionId},
    studio::{
        Action, ClientState, FilterSetting, InstrumentAction, InstrumentSetting, LocalAction,
        NetworkAction, Route, SelectionAction, Studio, StudioState, TransportAction,
    },
    util::quantity::Hertz,
};
use tokio::sync::broadcast;

/// The UI.
///
/// Digits select an instrument, `+` and `-` turn its filter up and down, `p`
/// plays and stops, `o` takes the selected instrument.
struct Ui<D> {
    studio: D,
    events: Events,
    local: ClientState,
    message: String,
}

impl<D: Dispatcher> Ui<D> {
    fn new(studio: D) -> Self {
        let events = studio.events();
        Self { studio, events, local: ClientState::default(), message: String::new() }
    }

    /// One turn of the loop: what happened, what was pressed, what is shown.
    fn frame(&mut self, key: Option<char>) -> Vec<String> {
        while let Some(event) = self.events.try_next() {
            self.notice(event);
        }
        if let Some(key) = key {
            self.press(key);
        }
        self.draw()
    }

    fn notice(&mut self, event: Event) {
        match event {
            Event::Refused { reason, .. } => self.message = format!("undone: {reason}"),
            Event::PrivilegeDenied { holder } => {
                self.message = format!("{holder} has the privilege")
            }
            Event::Joined(who) => self.message = format!("{who} has joined"),
            _ => {}
        }
    }

    fn press(&mut self, key: char) {
        let state = self.studio.state();
        self.local.follow(&state.model);
        if key == 'o' {
            let selected: Vec<_> = self.local.instrument().into_iter().collect();
            self.tell(self.studio.request_ownership(&selected));
            return;
        }
        let Some(action) = self.action(key, &state.model) else { return };
        match action.route() {
            Route::Network(action) => self.tell(self.studio.dispatch(action)),
            Route::Local(action) => {
                if let Some(action) = self.local.handle(action, &state.model) {
                    self.tell(self.studio.dispatch(action));
                }
            }
        }
    }

    /// What a key stands for.
    fn action(&self, key: char, studio: &StudioState) -> Option<Action> {
        match key {
            '0'..='9' => {
                let id = InstrumentId(key.to_digit(10)?);
                Some(Action::Selection(SelectionAction::Instrument(id)))
            }
            '+' | '-' => {
                let id = self.local.instrument()?;
                let factor = if key == '+' { 2.0 } else { 0.5 };
                let cutoff = studio.instruments.get(id)?.filter.cutoff.get() * factor;
                // Turned to the end, a knob stays there.
                let cutoff = cutoff.clamp(Hertz::MIN.get(), Hertz::MAX.get());
                Some(Action::Instrument(id, set_cutoff(cutoff)))
            }
            'p' if studio.transport.playing => Some(Action::Transport(TransportAction::Stop)),
            'p' => Some(Action::Transport(TransportAction::Play)),
            _ => None,
        }
    }

    fn tell(&mut self, result: Result<(), DispatchError>) {
        self.message = result.err().map(|error| error.to_string()).unwrap_or_default();
    }

    /// One snapshot a frame, so that a frame shows one moment.
    fn draw(&self) -> Vec<String> {
        let state = self.studio.state();
        let status = self.studio.status();
        let metering = self.studio.metering();
        let goes = if metering.playing { "playing" } else { "stopped" };
        let mut lines = vec![format!("{status} | {} {goes}", state.model.session.tempo)];
        for (id, instrument) in state.model.instruments.iter() {
            let mark = if self.local.instrument() == Some(id) { '>' } else { ' ' };
            let owner = state.roster.owner(id).map_or("-", |owner| &*owner.name);
            let cutoff = instrument.filter.cutoff.to_string();
            lines.push(format!("{mark}{id} {:<6}{cutoff:>10}  {owner}", instrument.name));
        }
        lines.push(self.message.clone());
        lines
    }
}

fn set_cutoff(hertz: f32) -> InstrumentAction {
    let hertz = Hertz::new(hertz).unwrap_or(Hertz::MAX);
    InstrumentAction::Set(InstrumentSetting::Filter(FilterSetting::Cutoff(hertz)))
}

const BASS: InstrumentId = InstrumentId(1);

/// What a test sets up: what the UI is shown, and what happens to it.
struct Stage {
    shown: Arc<Mutex<NetworkState>>,
    events: broadcast::Sender<Event>,
}

impl Stage {
    /// A snapshot in which Ana is client 1 and owns the bass.
    fn new() -> Self {
        let mut roster = imbolc_net::protocol::Roster::default();
        roster.owners.insert(BASS, ana());
        let state = NetworkState {
            seq: imbolc_net::protocol::Seq(1),
            model: StudioState::starter(),
            roster: Arc::new(roster),
        };
        Self { shown: Arc::new(Mutex::new(state)), events: broadcast::Sender::new(16) }
    }

    /// A dispatcher that shows the snapshot. What the UI may ask of it besides,
    /// the test says.
    fn dispatcher(&self) -> MockDispatcher<Studio> {
        let mut mock = MockDispatcher::new();
        let shown = Arc::clone(&self.shown);
        mock.expect_state()
            .returning(move || Arc::new(shown.lock().expect("not poisoned").clone()));
        let events = self.events.clone();
        mock.expect_events().times(1).returning(move || Events::new(events.subscribe()));
        mock.expect_metering().returning(Metering::default);
        mock.expect_identity().returning(|| Identity {
            session: SessionId::new([7; 16]),
            client_id: ClientId(1),
            name: "ana".into(),
            privilege: PrivilegeLevel::Normal,
            instruments: vec![BASS],
        });
        mock
    }

    /// Lets an action show in the snapshot, as a real dispatcher does.
    fn carry_out(&self) -> impl Fn(NetworkAction) -> Result<(), DispatchError> + Send + 'static {
        let shown = Arc::clone(&self.shown);
        move |action| {
            let mut shown = shown.lock().expect("not poisoned");
            Studio::reduce(&mut shown.model, &action).map_err(Refusal::Invalid)?;
            Ok(())
        }
    }
}

fn ana() -> OwnerInfo {
    OwnerInfo { client_id: ClientId(1), name: "ana".into() }
}

fn ben() -> OwnerInfo {
    OwnerInfo { client_id: ClientId(2), name: "ben".into() }
}

fn connected() -> Status {
    Status::Connected { round_trip: None }
}

/// A key becomes exactly one action, and what comes of it is drawn.
fn a_knob_that_is_turned_is_sent_and_shown() {
    let stage = Stage::new();
    let mut mock = stage.dispatcher();
    mock.expect_status().returning(connected);
    mock.expect_dispatch()
        .withf(|action| *action == NetworkAction::Instrument(BASS, set_cutoff(4000.0)))
        .times(1)
        .returning(stage.carry_out());

    let mut ui = Ui::new(mock);
    assert_eq!(ui.frame(Some('1'))[1], ">1 Bass     8000 Hz  ana");
    assert_eq!(ui.frame(Some('-'))[1], ">1 Bass     4000 Hz  ana");
    // The mock checks when it is dropped that all that was expected happened.
}

/// A selection is one's own business: the mock would panic if it were sent.
fn what_is_local_is_not_sent() {
    let stage = Stage::new();
    let mut mock = stage.dispatcher();
    mock.expect_status().returning(connected);
    mock.expect_dispatch().never();

    let mut ui = Ui::new(mock);
    ui.frame(Some('2'));
    assert_eq!(ui.local.instrument(), Some(InstrumentId(2)));
    assert!(matches!(
        Action::Selection(SelectionAction::Nothing).route(),
        Route::Local(LocalAction::Selection(_))
    ));
}

/// What is refused at once, and what is undone later, are both told.
fn a_refusal_is_shown() {
    let stage = Stage::new();
    let mut mock = stage.dispatcher();
    mock.expect_status().returning(connected);
    mock.expect_dispatch()
        .times(1)
        .returning(|_| Err(DispatchError::Refused(Refusal::NotPrivileged { holder: Some(ben()) })));

    let mut ui = Ui::new(mock);
    let shown = ui.frame(Some('p'));
    assert_eq!(shown.last().map(String::as_str), Some("this needs the privilege, which ben has"));

    let action = NetworkAction::Instrument(BASS, set_cutoff(4000.0));
    let reason = Refusal::NotOwner { instrument: BASS, owner: Some(ben()) };
    stage.events.send(Event::Refused { action, reason }).expect("the UI listens");
    let shown = ui.frame(None);
    assert_eq!(shown.last().map(String::as_str), Some("undone: instrument 1 belongs to ben"));
}

/// The UI goes on drawing while there is no connection, and says so.
fn a_lost_connection_is_shown_with_the_last_snapshot() {
    let stage = Stage::new();
    let mut mock = stage.dispatcher();
    mock.expect_status().returning(|| Status::Reconnecting {
        since: Instant::now(),
        reason: ConnectionError::Closed,
        attempt: None,
        until: Instant::now(),
    });
    mock.expect_request_ownership()
        .withf(|instruments| instruments == [InstrumentId(2)])
        .times(1)
        .returning(|_| Err(DispatchError::Offline));

    let mut ui = Ui::new(mock);
    ui.frame(Some('2'));
    let shown = ui.frame(Some('o'));
    assert!(shown[0].starts_with("reconnecting for 0.0 s"), "{shown:?}");
    assert_eq!(shown[2], ">2 Lead     8000 Hz  -");
    assert_eq!(shown[4], "there is no connection to the host at the moment");
}

/// A test that could not fail would prove nothing.
fn a_ui_that_does_something_else_is_found_out() {
    let stage = Stage::new();
    let mut mock = stage.dispatcher();
    mock.expect_status().returning(connected);
    mock.expect_dispatch()
        .withf(|action| *action == NetworkAction::Transport(TransportAction::Stop))
        .returning(|_| Ok(()));

    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let played = panic::catch_unwind(AssertUnwindSafe(|| Ui::new(mock).frame(Some('p'))));
    panic::set_hook(hook);
    assert!(played.is_err(), "the UI plays, though it was expected to stop");
}

/// What a tester calls by name.
type Scene = (&'static str, fn());

fn main() {
    let scenes: [Scene; 5] = [
        ("a knob that is turned is sent and shown", a_knob_that_is_turned_is_sent_and_shown),
        ("what is local is not sent", what_is_local_is_not_sent),
        ("a refusal is shown", a_refusal_is_shown),
        (
            "a lost connection is shown, with the last snapshot",
            a_lost_connection_is_shown_with_the_last_snapshot,
        ),
        ("a UI that does something else is found out", a_ui_that_does_something_else_is_found_out),
    ];
    for (name, scene) in scenes {
        scene();
        println!("as expected: {name}");
    }
}
