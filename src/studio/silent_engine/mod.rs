//! An engine that keeps musical time, plays the written notes and makes no sound.
//!
//! It serves where there is no sound card: in tests, in examples, and in sessions
//! whose sound is made elsewhere. It never reads a clock: time is passed in.

mod beats;
mod click;
mod desk;
mod groove;
mod performance;
mod plan;
mod playhead;
mod recorder;
mod schedule;
mod sounding;
mod strike;
mod swing;
#[cfg(test)]
mod tests;

use std::time::Duration;

use self::{performance::Performance, recorder::Recorder};
use crate::{
    model::{Engine, InstrumentId, Metering, Model as _},
    studio::{
        NetworkAction, ProjectFailure, ProjectNotice, ProjectOutcome, ProjectReport, Studio,
        StudioEffect, StudioState, Target, TransportAction,
    },
    util::{
        quantity::{Amount, Decibels, PadNumber, Pitch, Semitones, Ticks, Velocity},
        time::Timestamp,
    },
};

/// How often the playhead is moved on while the music goes: no note is noticed
/// later than that.
const PULSE: Duration = Duration::from_millis(5);

/// How often the meters move: as often as a screen is drawn that has to look
/// fluent.
const METERS: Duration = Duration::from_nanos(1_000_000_000 / 30);

/// An [`Engine`] for the [`Studio`] that makes no sound.
///
/// The playhead moves at the tempo of the session, or of the lane that moves
/// it. Notes of tracks or clips begin and end, drum machines strike their pads,
/// and lanes move parameters as it reaches them, however often the engine is
/// called: a late call plays all that was due, each at its own tick. The meters
/// show what the held keys, those notes and those pads, each for a step, would
/// sound like, as far as velocities, faders, pans, mutes and solos tell.
///
/// All of it stands to the beat as the grooves of the instruments and the
/// session say. Swing makes every second eighth late, at 1 by half of what it
/// lasts; each bar of the metre, which may be the instrument's own, begins with a
/// first one. An offset moves an instrument as a whole, and who is early plays
/// what follows the end of a loop before it. Chance moves notes by an eighth of a
/// beat at most and velocities by 32 at most, at 1; that of the session and of
/// the instrument add up to 1 at most. It follows from the place, the key and how
/// often the playhead was sent back, so that the same is played every time. What
/// is edited where an instrument has come to already is heard the next time.
///
/// The click beats time on the beats of the session's metre, at its level and
/// straight into the master, each for a quarter of a beat. While it is on, its
/// bars are counted in before the playhead moves: as they are set, for lanes move
/// nothing until then.
///
/// What is played and turned while the playhead moves and the transport records
/// it reports in actions, and so it does when an arrangement comes to its end. A
/// key that is still held when all is counted in is a note from there on.
///
/// Some of what is described it does not play:
///
/// - Sources, filters, envelopes, slow oscillators, effects, what is loaded, and
///   the tuning: they are how something sounds, and it makes no sound.
/// - Octave and chord of an instrument: a key is logged as it is struck, and
///   which pitches sound of it no meter tells.
/// - The arpeggiator: it changes what the held keys sound like, and their
///   velocities are what the meters show of them, one after the other or not.
/// - Layer groups as a way to play together: the UI plays the keys of
///   each instrument; the strips of the groups it does follow.
/// - Scale, snap and whether an instrument can be struck: they are for the UI.
/// - Lanes of chance and offset, of the session and of instruments, and of the
///   pitch of a pad: they are logged, and what is played goes by what is set. Of
///   lanes it plays those of tempo, of the swing of the session and of drum
///   machines, of the click but for what is counted in, and of what its meters
///   read: levels, pans of strips, mutes, solos and sends.
#[derive(Clone, Debug)]
pub struct SilentEngine {
    motion: Motion,
    performance: Performance,
    recorder: Recorder,
    last: Timestamp,
    /// Whether a key may be held.
    keys_held: bool,
    /// When the meters were last moved; they must at once if never.
    measured: Option<Timestamp>,
    metering: Metering,
    /// What is to be said at the next opportunity.
    sayings: Vec<NetworkAction>,
}

/// Something that happened because the playhead reached it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Played {
    /// Where, to the tick.
    pub tick: Ticks,
    /// How often the playhead had been sent back by then, since the music began.
    pub pass: u32,
    /// What.
    pub what: PlaybackEvent,
}

/// What can happen because the playhead reaches it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PlaybackEvent {
    /// A note began.
    NoteOn {
        /// On which instrument.
        instrument: InstrumentId,
        /// Which key.
        pitch: Pitch,
        /// How hard.
        velocity: Velocity,
    },
    /// A note ended.
    NoteOff {
        /// On which instrument.
        instrument: InstrumentId,
        /// Which key.
        pitch: Pitch,
    },
    /// A pad of a drum kit was struck. It has no end: a sample is played to its
    /// own. A pad that plays a key of another instrument is a note of that.
    Pad {
        /// Of which drum kit.
        instrument: InstrumentId,
        /// Which pad.
        pad: PadNumber,
        /// How hard.
        velocity: Velocity,
        /// How far it was transposed, by the pad and the step together.
        transposed: Semitones,
    },
    /// A beat was clicked.
    Click {
        /// Whether it is the first of a bar, and sounds different.
        accent: bool,
    },
    /// A lane moved a parameter.
    Automated {
        /// Which one.
        target: Target,
        /// To which part of its range.
        value: Amount,
    },
}

/// What the playhead does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Motion {
    /// It stands where the transport says.
    Still,
    /// It moves.
    Moving,
    /// It has just stopped, and the transport has not been told where.
    Stopped,
}

impl Default for SilentEngine {
    fn default() -> Self {
        let metering = Metering::default();
        Self {
            motion: Motion::Still,
            performance: Performance::new(metering.tempo),
            recorder: Recorder::default(),
            last: Timestamp::ZERO,
            keys_held: false,
            measured: None,
            metering,
            sayings: Vec::new(),
        }
    }
}

impl Engine<Studio> for SilentEngine {
    fn perform(&mut self, now: Timestamp, state: &StudioState, effect: StudioEffect) {
        self.move_on(now, state);
        match effect {
            StudioEffect::Play => {
                // If it stopped just now, it continues there: the transport does not know
                // that position yet.
                if self.motion == Motion::Still {
                    self.performance.locate(state.transport.position.get());
                }
                self.recorder.look_afresh();
                self.performance.start(state);
                self.motion = Motion::Moving;
                self.measured = None;
            }
            // An end of which it knows was its own.
            StudioEffect::Stop if self.motion == Motion::Moving => {
                self.all_up(state);
                self.performance.stop();
                self.motion = Motion::Stopped;
                self.measured = None;
            }
            StudioEffect::Stop => {}
            // It has no directory. An engine that wraps it handles this itself.
            StudioEffect::Project => self.sayings.extend(no_directory(state)),
            StudioEffect::Locate(position) => {
                self.all_up(state);
                self.performance.locate(position.get());
                self.measured = None;
            }
            StudioEffect::NoteOn { instrument, pitch, velocity } => {
                self.keys_held = true;
                if self.motion == Motion::Moving {
                    let tick = self.performance.playhead.tick();
                    self.recorder.key_down(state, tick, (instrument, pitch), velocity);
                }
            }
            // The meters find out whether it was the last one.
            StudioEffect::NoteOff { instrument, pitch } => {
                let tick = self.performance.playhead.tick();
                let note = self.recorder.key_up(state, tick, (instrument, pitch));
                self.sayings.extend(note.filter(|_| !self.performance.is_counting()));
            }
        }
    }

    fn advance(&mut self, now: Timestamp, state: &StudioState) -> Vec<NetworkAction> {
        self.move_on(now, state);
        if self.motion == Motion::Moving {
            let tick = self.performance.playhead.tick();
            if self.performance.is_counting() {
                self.recorder.wait(state);
            } else {
                self.sayings.extend(self.recorder.watch(state, tick));
            }
        }
        if self.motion == Motion::Stopped {
            self.motion = Motion::Still;
            self.sayings.push(NetworkAction::Transport(TransportAction::Locate(self.playhead())));
        }
        self.measure(now, state);
        std::mem::take(&mut self.sayings)
    }

    fn metering(&self) -> Metering {
        self.metering
    }

    fn pulse(&self) -> Option<Duration> {
        match self.motion {
            Motion::Moving | Motion::Stopped => Some(PULSE),
            Motion::Still => self.keys_held.then_some(METERS),
        }
    }
}

/// What becomes of what is under way if nothing can be kept.
fn no_directory(state: &StudioState) -> Option<NetworkAction> {
    let ProjectNotice::Working(task) = &state.projects.notice else { return None };
    let (task, outcome) = (task.clone(), ProjectOutcome::Failed(ProjectFailure::NoDirectory));
    Some(NetworkAction::ProjectReport(ProjectReport { task, outcome }))
}

impl SilentEngine {
    /// An engine that logs its events for [`take_log`](Self::take_log).
    #[must_use]
    pub fn logging() -> Self {
        let mut engine = Self::default();
        engine.performance.log = Some(Vec::new());
        engine
    }

    /// The events since the last call, in order: the first 65,536 of them. Keys that
    /// participants play are not among them; they are effects.
    pub fn take_log(&mut self) -> Vec<Played> {
        self.performance.log.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// The tick that has begun, as of the last call.
    #[must_use]
    pub fn playhead(&self) -> Ticks {
        Ticks::new(self.performance.playhead.tick()).unwrap_or(Ticks::MAX)
    }

    /// Moves the playhead to `now`. The time that has passed is reckoned by the
    /// tempo that held while it passed, so that a change of tempo is no jump.
    fn move_on(&mut self, now: Timestamp, state: &StudioState) {
        match self.motion {
            Motion::Moving => {
                let Self { performance, recorder, sayings, last, .. } = self;
                let leaves = |tick| sayings.extend(recorder.all_up(state, tick));
                if performance.play_on(state, now.since(*last), leaves) {
                    self.end();
                }
            }
            Motion::Still => self.performance.locate(state.transport.position.get()),
            Motion::Stopped => {}
        }
        self.last = self.last.max(now);
        self.performance.follow_tempo(state);
    }

    /// The arrangement has come to its end: the transport is told that, and
    /// where.
    fn end(&mut self) {
        self.motion = Motion::Still;
        self.measured = None;
        let position = TransportAction::Locate(self.playhead());
        self.sayings.extend([position, TransportAction::Stop].map(NetworkAction::Transport));
    }

    /// Ends what is recorded, before the playhead stops or is put elsewhere.
    fn all_up(&mut self, state: &StudioState) {
        let tick = self.performance.playhead.tick();
        let notes = self.recorder.all_up(state, tick);
        if !self.performance.is_counting() {
            self.sayings.extend(notes);
        }
        self.recorder.look_afresh();
    }

    /// Moves the meters, while something moves no more often than is seen: a
    /// burst of effects must not cost a burst of measurements.
    fn measure(&mut self, now: Timestamp, state: &StudioState) {
        let rests = self.pulse().is_none();
        let due = self.measured.is_none_or(|last| now.since(last) >= METERS);
        if !rests && !due {
            return;
        }
        let mut peaks = [Decibels::MIN; 2];
        if !rests {
            let clicks = self.motion == Motion::Moving && self.performance.clicks(state);
            let levels = desk::levels(&self.as_moved(state), &self.performance.sounding, clicks);
            self.keys_held = levels.keys_held;
            peaks = levels.peaks;
        }
        self.measured = self.pulse().map(|_| now);
        let (playhead, tempo) = (self.playhead(), self.performance.tempo);
        let playing = self.motion == Motion::Moving;
        self.metering = Metering { playhead, tempo, playing, peaks };
    }

    /// The state as if the lanes had moved the faders themselves. What no meter
    /// reads stays as it is: there may be thousands of lanes.
    fn as_moved(&self, state: &StudioState) -> StudioState {
        let mut moved = state.clone();
        let lanes = self.performance.moved.iter();
        for (target, value) in lanes.filter(|(target, _)| desk::reads(**target)) {
            // One that cannot be moved any more stays where it is.
            if let Some(action) = target.action(*value, state) {
                let _ = Studio::reduce(&mut moved, &action);
            }
        }
        moved
    }
}
