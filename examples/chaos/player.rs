//! A participant that edits continuously, counts the outcomes, and repeats its edits
//! in a local session without faults (its shadow).

use std::{
    error::Error,
    future::poll_fn,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::Poll,
    time::{Duration, Instant},
};

use imbolc_net::{
    Dispatcher, Event, SessionEvent,
    authority::LocalDispatcher,
    dispatcher::{DispatchError, Events},
    model::InstrumentId,
    studio::{
        FilterSetting, InstrumentAction, InstrumentSetting, NetworkAction, Note, PianoRollAction,
        TransportAction,
    },
    util::quantity::{Hertz, NoteLength, Pitch, Probability, Ticks, Velocity},
};
use tokio::time::sleep;

use crate::plan::Rng;

/// Outcomes of all actions of a participant.
#[derive(Default)]
pub struct Counters {
    pub made: AtomicU64,
    pub accepted: AtomicU64,
    pub refused: AtomicU64,
    /// Reported as lost, by the outcome of a commit or as missed events.
    pub reported: AtomicU64,
    /// Undo requests, and those that found nothing to undo.
    pub undone: AtomicU64,
    pub nothing_undone: AtomicU64,
    /// The longest call, in microseconds.
    pub longest: AtomicU64,
}

impl Counters {
    fn count<T>(&self, answer: &Result<T, DispatchError>) {
        let counter = match answer {
            Ok(_) => &self.accepted,
            Err(DispatchError::Refused(_)) => &self.refused,
            Err(_) => &self.reported,
        };
        counter.fetch_add(1, Relaxed);
    }

    pub fn is_balanced(&self) -> bool {
        let answered = [&self.accepted, &self.refused, &self.reported].map(|n| n.load(Relaxed));
        answered.iter().sum::<u64>() == self.made.load(Relaxed)
    }

    fn timed<R>(&self, call: impl FnOnce() -> R) -> R {
        let begun = Instant::now();
        let result = call();
        let micros = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.longest.fetch_max(micros, Relaxed);
        result
    }
}

pub struct Player {
    pub name: &'static str,
    pub instrument: InstrumentId,
    pub studio: Arc<dyn Dispatcher>,
    /// A local session that repeats all permitted edits.
    pub shadow: LocalDispatcher,
    pub counters: Arc<Counters>,
}

impl Player {
    /// Edits until `end`: alternately a note and a knob, sometimes an undo or an action
    /// that is not permitted.
    pub async fn play(&self, mut rng: Rng, end: Instant) -> Result<(), Box<dyn Error>> {
        let mut tick = 0;
        while Instant::now() < end {
            tick += 10;
            self.edit(self.note(tick)).await?;
            self.edit(self.knob(&mut rng)).await?;
            match rng.below(8) {
                0 => self.undo()?,
                1 => self.try_forbidden().await,
                _ => {}
            }
            sleep(Duration::from_millis(rng.between(20, 150))).await;
        }
        Ok(())
    }

    /// A permitted edit, here and in the shadow.
    async fn edit(&self, action: NetworkAction) -> Result<(), Box<dyn Error>> {
        self.shadow.dispatch(action.clone())?;
        self.commit(action).await;
        Ok(())
    }

    /// An action that needs the privilege, which the host holds.
    async fn try_forbidden(&self) {
        self.commit(NetworkAction::Transport(TransportAction::Play)).await;
    }

    /// Dispatches without waiting, and counts the outcome when it arrives.
    async fn commit(&self, action: NetworkAction) {
        self.counters.made.fetch_add(1, Relaxed);
        let (studio, counters) = (Arc::clone(&self.studio), Arc::clone(&self.counters));
        let mut answer: Pin<Box<dyn Future<Output = _> + Send>> =
            Box::pin(async move { studio.commit(action).await });
        let begun =
            poll_fn(|context| Poll::Ready(self.counters.timed(|| answer.as_mut().poll(context))));
        match begun.await {
            Poll::Ready(answer) => self.counters.count(&answer),
            Poll::Pending => {
                tokio::spawn(async move { counters.count(&answer.await) });
            }
        }
        self.counters.timed(|| drop((self.studio.state(), self.studio.status())));
    }

    fn undo(&self) -> Result<(), Box<dyn Error>> {
        self.counters.timed(|| self.studio.undo())?;
        self.shadow.undo()?;
        self.counters.undone.fetch_add(1, Relaxed);
        Ok(())
    }

    fn note(&self, tick: u32) -> NetworkAction {
        let note = Note {
            tick: Ticks::of(tick),
            pitch: Pitch::of(60),
            length: NoteLength::of(10),
            velocity: Velocity::of(100),
            probability: Probability::MAX,
        };
        NetworkAction::PianoRoll(self.instrument, PianoRollAction::Add(note))
    }

    fn knob(&self, rng: &mut Rng) -> NetworkAction {
        let cutoff = Hertz::of(f32::from(u16::try_from(rng.between(100, 9000)).unwrap_or(100)));
        let setting = InstrumentSetting::Filter(FilterSetting::Cutoff(cutoff));
        NetworkAction::Instrument(self.instrument, InstrumentAction::Set(setting))
    }

    /// Counts events that report a loss, until the dispatcher closes.
    pub async fn count_losses(counters: Arc<Counters>, mut events: Events) {
        while let Some(event) = events.next().await {
            match event {
                Event::Session(SessionEvent::NothingUndone { .. }) => {
                    counters.nothing_undone.fetch_add(1, Relaxed)
                }
                Event::Missed(_) => counters.reported.fetch_add(1, Relaxed),
                _ => 0,
            };
        }
    }

    /// Whether its instrument and track equal those of the shadow.
    pub fn equals_shadow(&self) -> bool {
        let (here, alone) = (self.studio.state(), self.shadow.state());
        let id = self.instrument;
        here.model.instruments.get(id) == alone.model.instruments.get(id)
            && here.model.piano_roll.track(id) == alone.model.piano_roll.track(id)
    }
}
