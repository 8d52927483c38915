//! A studio that sounds, with the bench that it sounds on.

#![allow(dead_code, missing_docs, reason = "each test uses what it needs")]

use std::{
    panic::{self, AssertUnwindSafe},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use imbolc_net::{
    authority::{Engine, LocalDispatcher, threaded},
    dispatcher::{Dispatcher, Event, Events},
    model::{InstrumentId, Model as _},
    studio::{
        EnvelopeSetting, InstrumentAction, InstrumentSetting, NetworkAction, Note, PianoRollAction,
        SoundEngine, Studio, StudioState, TransportAction,
    },
    util::quantity::{NoteLength, Pitch, Probability, Seconds, Ticks, Velocity},
};
use imbolc_supercollider::{engine::SuperColliderEngine, server::ServerOptions};

use super::{recorder::Recorder, server_bench::Bench};

pub const BASS: InstrumentId = InstrumentId(1);
pub const LEAD: InstrumentId = InstrumentId(2);
pub const PAD: InstrumentId = InstrumentId(3);
pub const DRUMS: InstrumentId = InstrumentId(4);

/// A studio that sounds.
pub struct Room {
    pub studio: Arc<dyn Dispatcher>,
    events: Events,
    notices: Vec<String>,
    pub bench: Bench,
}

impl Room {
    /// A local session with this state, that sounds.
    pub fn open(state: StudioState) -> Option<Self> {
        let room = Self::starting(state, Bench::alone(256)?);
        room.until("the sound is ready", 8.0, Self::sounds);
        Some(room)
    }

    /// The same, before it sounds.
    pub fn starting(state: StudioState, bench: Bench) -> Self {
        let engine = engine(bench.options());
        Self::of(Arc::new(LocalDispatcher::open("Ana", state, engine).unwrap()), bench)
    }

    pub fn of(studio: Arc<dyn Dispatcher>, bench: Bench) -> Self {
        let events = studio.events();
        Self { studio, events, notices: Vec::new(), bench }
    }

    /// The level of an instrument, in decibels.
    pub fn level(&self, id: InstrumentId) -> f32 {
        self.studio.metering().instruments.get(id)[0].get()
    }

    pub fn sounds(&self) -> bool {
        matches!(self.studio.metering().engine, SoundEngine::Sounding { .. })
    }

    #[track_caller]
    pub fn until(&self, what: &str, seconds: f32, is: impl Fn(&Self) -> bool) -> Duration {
        let begun = Instant::now();
        while !is(self) {
            let took = begun.elapsed();
            assert!(
                took < Duration::from_secs_f32(seconds),
                "{what}: {:?}",
                self.studio.metering()
            );
            thread::sleep(Duration::from_millis(2));
        }
        begun.elapsed()
    }

    #[track_caller]
    pub fn act(&self, action: NetworkAction) -> Instant {
        self.studio.dispatch(action).unwrap();
        Instant::now()
    }

    #[track_caller]
    pub fn play(&self, id: InstrumentId, pitch: u8) -> Instant {
        let play = InstrumentAction::Play(Pitch::of(pitch), Velocity::of(100));
        self.act(NetworkAction::Instrument(id, play))
    }

    #[track_caller]
    pub fn release(&self, id: InstrumentId, pitch: u8) -> Instant {
        self.act(NetworkAction::Instrument(id, InstrumentAction::Release(Pitch::of(pitch))))
    }

    #[track_caller]
    pub fn set(&self, id: InstrumentId, setting: InstrumentSetting) -> Instant {
        self.act(NetworkAction::Instrument(id, InstrumentAction::Set(setting)))
    }

    #[track_caller]
    pub fn transport(&self, action: TransportAction) -> Instant {
        self.act(NetworkAction::Transport(action))
    }

    pub fn record(&self, seconds: u32) -> Recorder {
        Recorder::start(&self.bench, seconds)
    }

    /// Ends the session, and with it the server.
    pub fn close(&self) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        // It may be closed already.
        drop(runtime.block_on(self.studio.close()));
    }

    /// What the engine has said.
    pub fn notices(&mut self) -> &[String] {
        while let Some(event) = self.events.try_next() {
            if let Event::Notice(notice) = event {
                self.notices.push(notice.to_string());
            }
        }
        &self.notices
    }

    /// Fails if the server complained, or was late all the time.
    #[track_caller]
    pub fn assert_quiet_server(&mut self) {
        self.assert_started_only();
        let SoundEngine::Sounding { late, .. } = self.studio.metering().engine else {
            panic!("{:?}", self.studio.metering().engine);
        };
        // A busy computer may be late now and then.
        assert!(late <= 3, "{late} late bundles");
    }
}

impl Room {
    /// The server has started, and nothing else was told. scsynth 3.13.0 aborts (signal 6) if
    /// it finds no JACK server, as a busy computer may have it at the beginning.
    pub fn assert_started_only(&mut self) {
        let notices = self.notices();
        let (last, before) = notices.split_last().expect("the server has started");
        let is_started = ["ready", "back"]
            .map(|word| format!("the sound is {word}: JACK at 48000 Hz"))
            .contains(last);
        let is_first = before.iter().all(|notice| notice == "scsynth has ended (signal 6)");
        assert!(is_started && is_first, "{notices:?}");
    }
}

/// JACK must not end while a client is connected: jackd 1.9.21 keeps its place then, of eight.
impl Drop for Room {
    fn drop(&mut self) {
        self.close();
    }
}

/// Tries a test of times up to three times: other programs may take the processor for longer
/// than the latency.
pub fn on_a_busy_computer(test: impl Fn()) {
    for _ in 0..2 {
        if panic::catch_unwind(AssertUnwindSafe(&test)).is_ok() {
            return;
        }
    }
    test();
}

pub fn engine(options: ServerOptions) -> Engine<Studio> {
    threaded(move || SuperColliderEngine::new(options.clone()))
}

pub fn wait(millis: u64) {
    thread::sleep(Duration::from_millis(millis));
}

pub fn note(tick: u32, pitch: u8, length: u32) -> NetworkAction {
    note_of(BASS, tick, pitch, length)
}

pub fn note_of(id: InstrumentId, tick: u32, pitch: u8, length: u32) -> NetworkAction {
    let note = Note {
        tick: Ticks::of(tick),
        pitch: Pitch::of(pitch),
        length: NoteLength::of(length),
        velocity: Velocity::of(100),
        probability: Probability::MAX,
    };
    NetworkAction::PianoRoll(id, PianoRollAction::Add(note))
}

/// The starter session, with a bass whose notes begin and end at once.
pub fn dry() -> StudioState {
    with(
        StudioState::starter(),
        [EnvelopeSetting::Attack(Seconds::of(0.0)), EnvelopeSetting::Release(Seconds::of(0.01))]
            .map(|setting| {
                NetworkAction::Instrument(
                    BASS,
                    InstrumentAction::Set(InstrumentSetting::Amp(setting)),
                )
            }),
    )
}

pub fn with(
    mut state: StudioState,
    actions: impl IntoIterator<Item = NetworkAction>,
) -> StudioState {
    for action in actions {
        Studio::reduce(&mut state, &action).map(drop).unwrap();
    }
    state
}
