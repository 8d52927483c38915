//! Tests a UI without a session: a `MockDispatcher` supplies the snapshots and checks
//! the calls.
//!
//! The small UI here turns keys into actions, and a snapshot into lines of text. It
//! only uses a `Dispatcher`, so it also runs on a real one:
//! `cargo run --example mock_ui --features mock`.

use std::{
    panic::{self, AssertUnwindSafe},
    sync::{Arc, Mutex},
    time::Instant,
};

use imbolc_net::{
    Dispatcher, Event, NetworkState, SessionEvent,
    dispatcher::{
        ConnectionError, DispatchError, Events, HostTrust, Identity, MockDispatcher, Status,
    },
    model::{InstrumentId, Model},
    protocol::{ClientId, OwnerInfo, PrivilegeLevel, Refusal, SessionId},
    studio::{
        Action, Added, ClientState, FilterSetting, InstrumentAction, InstrumentSetting,
        LocalAction, Metering, NetworkAction, SelectionAction, Studio, StudioState,
        TransportAction,
    },
    util::{quantity::Hertz, text::padded},
};
use tokio::sync::broadcast;

/// The UI.
///
/// Digits select an instrument, `+` and `-` change its filter cutoff, `p` starts and
/// stops the transport, `o` requests the selected instrument.
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

    /// One frame: handles events and a key, then draws.
    fn frame(&mut self, key: Option<char>) -> Vec<String> {
        while let Some(event) = self.events.try_next() {
            self.handle_event(event);
        }
        if let Some(key) = key {
            self.press(key);
        }
        self.draw()
    }

    fn handle_event(&mut self, event: Event) {
        match event {
            Event::Session(SessionEvent::Refused { reason, .. }) => {
                self.message = format!("undone: {reason}")
            }
            Event::Session(SessionEvent::PrivilegeDenied { holder: Some(holder), .. }) => {
                self.message = format!("{holder} has the privilege")
            }
            Event::Session(SessionEvent::Joined(participant)) => {
                self.message = format!("{participant} has joined")
            }
            _ => {}
        }
    }

    fn press(&mut self, key: char) {
        let state = self.studio.state();
        self.local.follow(&state.model);
        if key == 'o' {
            let selected: Vec<_> = self.local.instrument().into_iter().collect();
            self.show_error(self.studio.request_ownership(&selected));
            return;
        }
        let Some(action) = self.action(key, &state.model) else { return };
        match action {
            Action::Network(action) => self.show_error(self.studio.dispatch(action)),
            Action::Local(action) => match self.local.handle(action, &state.model) {
                Ok(actions) if actions.is_empty() => {}
                Ok(actions) => self.show_error(self.studio.dispatch_all(actions)),
                Err(why) => self.message = why.to_string(),
            },
        }
    }

    /// The action of a key.
    fn action(&self, key: char, studio: &StudioState) -> Option<Action> {
        match key {
            '0'..='9' => {
                let id = InstrumentId(key.to_digit(10)?);
                Some(Action::from(SelectionAction::Instrument(id)))
            }
            '+' | '-' => {
                let id = self.local.instrument()?;
                let factor = if key == '+' { 2.0 } else { 0.5 };
                let cutoff = studio.instruments.get(id)?.filter.cutoff.get() * factor;
                // A knob stops at the end of its range.
                let cutoff = cutoff.clamp(Hertz::MIN.get(), Hertz::MAX.get());
                Some(NetworkAction::Instrument(id, set_cutoff(cutoff)).into())
            }
            'p' if studio.transport.playing => {
                Some(NetworkAction::Transport(TransportAction::Stop).into())
            }
            'p' => Some(NetworkAction::Transport(TransportAction::Play).into()),
            _ => None,
        }
    }

    fn show_error<T>(&mut self, result: Result<T, DispatchError>) {
        self.message = result.err().map(|error| error.to_string()).unwrap_or_default();
    }

    /// Takes one snapshot per frame, so that the frame is consistent.
    fn draw(&self) -> Vec<String> {
        let state = self.studio.state();
        let status = self.studio.status();
        let metering = self.studio.metering();
        let transport = if metering.playing { "playing" } else { "stopped" };
        let mut lines = vec![format!("{status} | {} {transport}", state.model.session.tempo)];
        for (id, instrument) in state.model.instruments.iter() {
            let mark = if self.local.instrument() == Some(id) { '>' } else { ' ' };
            let owner = state.roster.owner(id).map_or("-", |owner| &*owner.name);
            let cutoff = instrument.filter.cutoff.to_string();
            lines.push(format!(
                "{mark}{id} {}{cutoff:>10}  {owner}",
                padded(instrument.name.as_str(), 6)
            ));
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

/// Test fixture: the snapshot that the UI sees, and the events that it receives.
struct Fixture {
    shown: Arc<Mutex<NetworkState>>,
    events: broadcast::Sender<Event>,
}

impl Fixture {
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

    /// A mock that returns the snapshot. The test adds its other expectations.
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

    /// Applies an action to the snapshot, as a real dispatcher does.
    fn apply(
        &self,
    ) -> impl Fn(NetworkAction) -> Result<Option<Added>, DispatchError> + Send + 'static {
        let shown = Arc::clone(&self.shown);
        move |action| {
            let mut shown = shown.lock().expect("not poisoned");
            let reduced = Studio::reduce(&mut shown.model, &action).map_err(Refusal::Invalid)?;
            Ok(reduced.outcome)
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
    Status::Connected { round_trip: None, heard: Instant::now(), trust: HostTrust::Verified }
}

/// A key sends exactly one action, and the result is drawn.
fn key_sends_one_action() {
    let fixture = Fixture::new();
    let mut mock = fixture.dispatcher();
    mock.expect_status().returning(connected);
    mock.expect_dispatch()
        .withf(|action| *action == NetworkAction::Instrument(BASS, set_cutoff(4000.0)))
        .times(1)
        .returning(fixture.apply());

    let mut ui = Ui::new(mock);
    assert_eq!(ui.frame(Some('1'))[1], ">1 Bass       8 kHz  ana");
    assert_eq!(ui.frame(Some('-'))[1], ">1 Bass       4 kHz  ana");
    // Dropping the mock checks that all expected calls were made.
}

/// A selection is local: the mock panics if it is sent.
fn local_action_is_not_sent() {
    let fixture = Fixture::new();
    let mut mock = fixture.dispatcher();
    mock.expect_status().returning(connected);
    mock.expect_dispatch().never();

    let mut ui = Ui::new(mock);
    ui.frame(Some('2'));
    assert_eq!(ui.local.instrument(), Some(InstrumentId(2)));
    assert!(matches!(
        Action::from(SelectionAction::Nothing),
        Action::Local(LocalAction::Selection(_))
    ));
}

/// Both a local refusal and a refusal by the host are shown.
fn refusal_is_shown() {
    let fixture = Fixture::new();
    let mut mock = fixture.dispatcher();
    mock.expect_status().returning(connected);
    mock.expect_dispatch()
        .times(1)
        .returning(|_| Err(DispatchError::Refused(Refusal::NotPrivileged { holder: Some(ben()) })));

    let mut ui = Ui::new(mock);
    let shown = ui.frame(Some('p'));
    assert_eq!(shown.last().map(String::as_str), Some("this needs the privilege, which ben has"));

    let action = NetworkAction::Instrument(BASS, set_cutoff(4000.0));
    let reason = Refusal::NotOwner { instrument: BASS, owner: Some(ben()) };
    fixture
        .events
        .send(Event::Session(SessionEvent::Refused { action, reason }))
        .expect("the UI listens");
    let shown = ui.frame(None);
    assert_eq!(shown.last().map(String::as_str), Some("undone: instrument 1 belongs to ben"));
}

/// Without a connection, the UI shows the status and the last snapshot.
fn lost_connection_is_shown() {
    let fixture = Fixture::new();
    let mut mock = fixture.dispatcher();
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
    assert_eq!(shown[2], ">2 Lead       8 kHz  -");
    assert_eq!(shown[4], "there is no connection to the host at the moment");
}

/// An unexpected call fails the test.
fn unexpected_action_fails_the_test() {
    let fixture = Fixture::new();
    let mut mock = fixture.dispatcher();
    mock.expect_status().returning(connected);
    mock.expect_dispatch()
        .withf(|action| *action == NetworkAction::Transport(TransportAction::Stop))
        .returning(|_| Ok(None));

    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let played = panic::catch_unwind(AssertUnwindSafe(|| Ui::new(mock).frame(Some('p'))));
    panic::set_hook(hook);
    assert!(played.is_err(), "the mock expects Stop, not Play");
}

fn main() {
    let cases: [(&str, fn()); 5] = [
        ("a key sends one action", key_sends_one_action),
        ("a local action is not sent", local_action_is_not_sent),
        ("a refusal is shown", refusal_is_shown),
        ("a lost connection is shown", lost_connection_is_shown),
        ("an unexpected action fails the test", unexpected_action_fails_the_test),
    ];
    for (name, case) in cases {
        case();
        println!("passed: {name}");
    }
}
