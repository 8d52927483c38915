//! A participant that edits without a pause, counts what comes of it, and does
//! the same in a studio of its own to which nothing ever happens.

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
    Dispatcher, Event,
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

use crate::plan::Dice;

/// What became of all that somebody did.
#[derive(Default)]
pub struct Tally {
    pub made: AtomicU64,
    pub accepted: AtomicU64,
    pub refused: AtomicU64,
    /// Reported as lost, by the answer to a commit or in `Event::NewSession`.
    pub reported: AtomicU64,
    /// Steps that were taken back, and those where there was nothing to take back.
    pub undone: AtomicU64,
    pub nothing_undone: AtomicU64,
    /// The longest call, in microseconds.
    pub longest: AtomicU64,
}

impl Tally {
    fn answered(&self, answer: &Result<(), DispatchError>) {
        let counter = match answer {
            Ok(()) => &self.accepted,
            Err(DispatchError::Refused(_)) => &self.refused,
            Err(_) => &self.reported,
        };
        counter.fetch_add(1, Relaxed);
    }

    pub fn adds_up(&self) -> bool {
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
    /// Where it does the same, alone.
    pub shadow: LocalDispatcher,
    pub tally: Arc<Tally>,
}

impl Player {
    /// Plays until `end`: a note, a knob, a note, a knob; now and then it takes
    /// the last step back, or tries something that it may not.
    pub async fn play(&self, mut dice: Dice, end: Instant) -> Result<(), Box<dyn Error>> {
        let mut tick = 0;
        while Instant::now() < end {
            tick += 10;
            self.edit(self.note(tick)).await?;
            self.edit(self.knob(&mut dice)).await?;
            match dice.roll(8) {
                0 => self.undo()?,
                1 => self.overreach().await,
                _ => {}
            }
            sleep(Duration::from_millis(dice.between(20, 150))).await;
        }
        Ok(())
    }

    /// What may be done, here and in the shadow.
    async fn edit(&self, action: NetworkAction) -> Result<(), Box<dyn Error>> {
        self.shadow.dispatch(action.clone())?;
        self.commit(action).await;
        Ok(())
    }

    /// What only the holder of the privilege may, who is the host.
    async fn overreach(&self) {
        self.commit(NetworkAction::Transport(TransportAction::Play)).await;
    }

    /// Dispatches it at once, and counts the answer when it comes.
    async fn commit(&self, action: NetworkAction) {
        self.tally.made.fetch_add(1, Relaxed);
        let (studio, tally) = (Arc::clone(&self.studio), Arc::clone(&self.tally));
        let mut answer: Pin<Box<dyn Future<Output = _> + Send>> =
            Box::pin(async move { studio.commit(action).await });
        let begun =
            poll_fn(|context| Poll::Ready(self.tally.timed(|| answer.as_mut().poll(context))));
        match begun.await {
            Poll::Ready(answer) => self.tally.answered(&answer),
            Poll::Pending => {
                tokio::spawn(async move { tally.answered(&answer.await) });
            }
        }
        self.tally.timed(|| drop((self.studio.state(), self.studio.status())));
    }

    fn undo(&self) -> Result<(), Box<dyn Error>> {
        self.tally.timed(|| self.studio.undo())?;
        self.shadow.undo()?;
        self.tally.undone.fetch_add(1, Relaxed);
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

    fn knob(&self, dice: &mut Dice) -> NetworkAction {
        let cutoff = Hertz::of(f32::from(u16::try_from(dice.between(100, 9000)).unwrap_or(100)));
        let setting = InstrumentSetting::Filter(FilterSetting::Cutoff(cutoff));
        NetworkAction::Instrument(self.instrument, InstrumentAction::Set(setting))
    }

    /// Counts what it is told of that was lost, for ever.
    pub async fn listen(tally: Arc<Tally>, mut events: Events) {
        while let Some(event) = events.next().await {
            match event {
                Event::NothingUndone { .. } => tally.nothing_undone.fetch_add(1, Relaxed),
                Event::Missed(_) => tally.reported.fetch_add(1, Relaxed),
                _ => 0,
            };
        }
    }

    /// Whether its instrument is, here and in the shadow, what it made of it.
    pub fn is_as_it_made_it(&self) -> bool {
        let (here, alone) = (self.studio.state(), self.shadow.state());
        let id = self.instrument;
        here.model.instruments.get(id) == alone.model.instruments.get(id)
            && here.model.piano_roll.track(id) == alone.model.piano_roll.track(id)
    }
}
