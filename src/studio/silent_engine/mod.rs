//! An engine that keeps musical time, plays the written notes and makes no sound.
//!
//! It serves where there is no sound card: in tests, in examples, and in sessions
//! whose sound is made elsewhere. It never reads a clock: time is passed in.

mod arpeggio;
mod beats;
mod chord;
mod click;
mod groove;
mod keyboard;
mod meters;
mod overdub;
mod performance;
mod plan;
mod played;
mod playhead;
mod recorder;
mod revision;
mod ringing_pads;
mod schedule;
mod sounding_notes;
mod sounds;
mod strike;
mod swing;
#[cfg(test)]
mod tests;
mod trail;

use std::{collections::BTreeMap, time::Duration};

use self::{
    overdub::Overdub, performance::Performance, played::Sink, playhead::Playhead,
    recorder::Recorder, trail::Heard,
};
use crate::{
    model::{EngineOutput, EngineWorker},
    studio::{
        KeyHold, Metering, NetworkAction, NoteValue, Studio, StudioEffect, StudioNotice,
        StudioState, Target, TransportReport,
    },
    util::{
        quantity::{Amount, Decibels, Ticks},
        time::Timestamp,
    },
};

pub use self::played::{PlaybackEvent, Played};

/// How often the playhead advances while playing: the longest delay of a note.
const PULSE: Duration = Duration::from_millis(5);

/// The interval between meter updates: the frame time of a screen that looks
/// fluid.
const METERS: Duration = Duration::from_nanos(1_000_000_000 / 30);

/// An [`EngineWorker`] for the [`Studio`] that makes no sound.
///
/// The playhead moves at the tempo of the session or of its tempo lane. As it
/// passes, notes of tracks or clips begin and end, drum machines strike their
/// pads, and lanes move parameters. The result does not depend on how often the
/// engine is called: a late call plays all due events, each at its own tick. The
/// meters estimate the level of the sounding notes, and of the pads (one step each), from
/// velocities, faders, pans, mutes and solos.
///
/// Timing follows the grooves of the session and of the instruments:
///
/// - Swing delays every second eighth, at 1 by half an eighth. The pairs are
///   counted from the start of each bar; an instrument may have its own time
///   signature.
/// - An offset moves an instrument as a whole. With a negative offset, it plays
///   the notes after the end of a loop before that end.
/// - Humanising at 1 moves notes by up to an eighth of a beat and velocities by
///   up to 32. The amounts of session and instrument are added, up to 1. The
///   result depends only on the position, the key and the pass, so that it is
///   repeatable.
///
/// An edit at a position that an instrument has already played is heard in the
/// next pass. A note that sounds meanwhile ends when it is gone, or at its new end: it
/// may be removed, shortened, lengthened or moved, or its clip, placement, loop or play
/// mode may change. Pads play their samples completely.
///
/// Where playing starts, also after `Locate`, notes begin that are written to sound there
/// (`chase_notes`), and last to their own ends: those that would sound if they had been
/// played from their start. Drum steps are not chased, and nothing is where a loop turns
/// back: what began before the loop is no part of it.
///
/// The click sounds on each beat of the session's time signature for a quarter of
/// a beat, and goes directly into the master. While it is on, the playhead starts
/// after the count-in, which lanes do not affect.
///
/// While the playhead moves and the transport records, the engine returns actions
/// that write down played keys and turned parameters. It also returns actions
/// when an arrangement reaches its end. A key that is still held at the end of
/// the count-in is recorded from there, and one that is held when recording ends or its
/// track is disarmed, until then. A key that is released late is recorded for as
/// long as it was held ([`KeyHold`]).
///
/// Keys sound, whether a participant holds them or they are written, with the octave, the
/// chord and the arpeggiator that their instrument has when they are struck: docs/studio.md
/// says how.
///
/// It does not play:
///
/// - Sources, filters, envelopes, LFOs, effects, loaded files and the tuning: they
///   affect sound only.
/// - Layer groups as keyboards: a UI strikes the keys of each instrument. The
///   strips of groups are metered.
/// - Key, scale and snap: they matter to editors only.
/// - Lanes of humanising and offset, of the session and of instruments, of octaves, chords
///   and arpeggiators, and of pad pitch: they are reported, but playing uses the stored
///   values. The lanes that are played are those of tempo, of the swing of the session and
///   of drum machines, of the click (except the count-in), and of the metered parameters:
///   levels, pans of strips, mutes, solos and sends.
#[derive(Clone, Debug)]
pub struct SilentEngine {
    motion: Motion,
    /// The generation of the transport that it answers; `None` before the first reset.
    generation: Option<u64>,
    performance: Performance,
    recorder: Recorder,
    overdub: Overdub,
    /// When the meters were last updated; `None` if an update is due now.
    measured: Option<Timestamp>,
    metering: Metering,
    /// The actions that the next `advance` returns.
    actions: Vec<NetworkAction>,
    /// The notices that the next `advance` returns.
    notices: Vec<StudioNotice>,
}

/// The motion of the playhead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Motion {
    /// It stands.
    Still,
    /// It moves.
    Moving,
    /// It has stopped, and its position is still to be reported.
    Stopped,
}

impl Default for SilentEngine {
    fn default() -> Self {
        Self::with_latency(Duration::ZERO)
    }
}

impl SilentEngine {
    /// An engine for an output that is heard by this much later than its events are played.
    ///
    /// The playhead in the metering is the one that is heard, and keys and moved controls are
    /// recorded where they are heard: at the tick that was played `latency` ago. Nothing is
    /// heard before the place where playing started or the end of the count-in. `Stop` stops
    /// where the playhead is played.
    #[must_use]
    pub fn with_latency(latency: Duration) -> Self {
        let metering = Metering::default();
        Self {
            motion: Motion::Still,
            generation: None,
            performance: Performance::new(metering.tempo, latency),
            recorder: Recorder::default(),
            overdub: Overdub::default(),
            measured: None,
            metering,
            actions: Vec::new(),
            notices: Vec::new(),
        }
    }
}

/// For an engine with sound, in addition to the calls of a worker.
impl SilentEngine {
    /// Changes the latency for future events: see [`with_latency`](Self::with_latency).
    pub fn set_latency(&mut self, latency: Duration) {
        self.performance.set_latency(latency);
    }

    /// The parameters that lanes move at present, each to a fraction of its range: those that were
    /// played as [`Automated`](PlaybackEvent::Automated), until the music stops or the lane is no
    /// longer active.
    #[must_use]
    pub const fn lanes(&self) -> &BTreeMap<Target, Amount> {
        &self.performance.moved
    }
}

impl EngineWorker<Studio> for SilentEngine {
    fn reset(&mut self, now: Timestamp, state: &StudioState) {
        self.reset_into(now, state, &mut |_| {});
    }

    fn perform(&mut self, now: Timestamp, state: &StudioState, effect: StudioEffect) {
        self.perform_into(now, state, effect, &mut |_| {});
    }

    fn advance(&mut self, now: Timestamp, state: &StudioState) -> EngineOutput<Studio> {
        self.advance_into(now, state, &mut |_| {})
    }
}

/// The methods of [`EngineWorker`] with what is played until `now`: each event is passed to
/// `sink` as it happens, in order. A `now` before that of an earlier call counts as the latest
/// one.
impl SilentEngine {
    /// Plays or stands as the transport says. If that has not moved on, it goes on where it
    /// is: what it said of it may still be on its way. Otherwise everything ends first. Keys
    /// that are held sound from now on.
    pub fn reset_into(
        &mut self,
        now: Timestamp,
        state: &StudioState,
        sink: &mut dyn FnMut(Played),
    ) {
        let generation = Some(state.transport.generation);
        if self.generation == generation {
            self.move_on(now, state, sink);
        } else {
            self.actions.clear();
            self.performance.silence(now, sink);
            self.performance.stop(sink);
            self.performance.locate(state, state.transport.position.get(), sink);
            self.motion = Motion::Still;
            if state.transport.playing {
                self.performance.start(state);
                self.motion = Motion::Moving;
            }
        }
        self.performance.hold_keys(state, sink);
        self.generation = generation;
        (self.recorder, self.overdub) = Default::default();
        self.measured = None;
    }

    /// Plays until `now` and no more. What a key plays that is struck then is apart from it.
    pub fn play_until(
        &mut self,
        now: Timestamp,
        state: &StudioState,
        sink: &mut dyn FnMut(Played),
    ) {
        self.move_on(now, state, sink);
    }

    /// Performs an effect of an action that was accepted at `now`. `state` is the state after
    /// that action.
    pub fn perform_into(
        &mut self,
        now: Timestamp,
        state: &StudioState,
        effect: StudioEffect,
        sink: &mut dyn FnMut(Played),
    ) {
        self.move_on(now, state, sink);
        self.generation = Some(state.transport.generation);
        match effect {
            // It continues where it stopped, whether the transport knows that or not.
            StudioEffect::Play => {
                self.overdub.forget_values();
                self.performance.start(state);
                self.motion = Motion::Moving;
                self.measured = None;
            }
            StudioEffect::Stop => {
                if self.motion == Motion::Moving {
                    self.all_up(state);
                }
                self.halt(sink);
            }
            // Those are not for an engine.
            StudioEffect::Save | StudioEffect::Load => {}
            StudioEffect::Locate(position) => {
                self.all_up(state);
                self.performance.locate(state, position.get(), sink);
                // It goes on if its report that it has ended is stale now.
                if state.transport.playing {
                    self.performance.resume();
                    self.motion = Motion::Moving;
                } else {
                    self.performance.stop(sink);
                    self.motion = Motion::Still;
                }
                self.measured = None;
            }
            StudioEffect::NoteOn { instrument, pitch, velocity } => {
                self.performance.press(state, instrument, (pitch, velocity), sink);
                if self.motion == Motion::Moving {
                    let Heard { tick, counting, .. } = self.performance.heard();
                    let pressed = i64::from(tick) - i64::from(counting.unwrap_or_default());
                    let key = (instrument, pitch);
                    self.recorder.key_down(state, (pressed, tick), key, velocity);
                }
            }
            StudioEffect::NoteOff { instrument, pitch, hold } => {
                self.performance.release(instrument, pitch, sink);
                let heard = self.performance.heard();
                let tick = heard.counting.is_none().then_some(heard.tick);
                let hold = hold.map(|hold| self.ticks_held(state, hold));
                self.actions.extend(self.recorder.key_up(state, tick, (instrument, pitch), hold));
            }
            StudioEffect::Panic => {
                if self.motion == Motion::Moving {
                    self.end_keys(state);
                }
                self.performance.silence(now, sink);
                self.measured = None;
                self.notices.push(StudioNotice::Sound("panic: everything is silenced".into()));
            }
            StudioEffect::EndHeld(instrument) => self.performance.end_held(instrument, sink),
        }
    }

    /// Advances to `now`, with the newest state, and says what there is to say.
    pub fn advance_into(
        &mut self,
        now: Timestamp,
        state: &StudioState,
        sink: &mut dyn FnMut(Played),
    ) -> EngineOutput<Studio> {
        self.move_on(now, state, sink);
        if self.motion == Motion::Moving {
            let Heard { tick, counting, .. } = self.performance.heard();
            if counting.is_some() {
                self.recorder.wait(state);
                self.overdub.wait(state);
            } else {
                self.actions.extend(self.recorder.watch(state, tick));
                if self.overdub.watch(state, tick, &mut self.actions) {
                    let latched = self.latched(state);
                    self.performance.change_lanes(latched.as_ref().unwrap_or(state));
                }
            }
        }
        if self.motion == Motion::Stopped {
            self.report(state, false, sink);
        }
        self.measure(now, state);
        let actions = std::mem::take(&mut self.actions);
        EngineOutput {
            actions,
            metering: self.metering.clone(),
            notices: std::mem::take(&mut self.notices),
            next: self.pulse(),
        }
    }
}

impl SilentEngine {
    /// The tick that is played, as of the last call.
    #[must_use]
    pub fn playhead(&self) -> Ticks {
        Ticks::new(self.performance.playhead.tick()).unwrap_or(Ticks::MAX)
    }

    /// The time until it must be called again; `None` while nothing moves.
    fn pulse(&self) -> Option<Duration> {
        match self.motion {
            Motion::Moving | Motion::Stopped => Some(PULSE),
            Motion::Still if self.performance.sounds.keyboard.has_arpeggios() => Some(PULSE),
            Motion::Still => (!self.performance.sounds.is_silent()).then_some(METERS),
        }
    }

    /// Moves the playhead to `now`, at the tempo of the elapsed time, so that a
    /// change of tempo causes no jump.
    fn move_on(&mut self, now: Timestamp, state: &StudioState, sink: Sink<'_>) {
        let latched = self.latched(state);
        match self.motion {
            Motion::Moving => {
                let played = latched.as_ref().unwrap_or(state);
                let ended = self.performance.play_on((played, state), now, sink);
                if let Some(tick) = self.performance.take_left() {
                    self.leave(state, tick);
                }
                if ended {
                    self.leave(state, self.performance.playhead.tick());
                    self.report(state, true, sink);
                }
            }
            Motion::Still | Motion::Stopped => self.performance.rest(state, now, sink),
        }
        let latched = self.latched(state);
        self.performance.follow_tempo(latched.as_ref().unwrap_or(state));
        self.performance.follow(state, sink);
    }

    /// The state as it is played while parameters are latched. Before a jump back is heard, the
    /// next pass is played, in which none is.
    fn latched(&self, state: &StudioState) -> Option<StudioState> {
        (!self.performance.is_ahead()).then(|| self.overdub.latched(state))?
    }

    /// Ends the recorded notes and moves where the playhead is heard to jump or to end.
    fn leave(&mut self, state: &StudioState, tick: u32) {
        self.actions.extend(self.recorder.all_up(state, tick));
        self.overdub.release(state, tick, &mut self.actions);
    }

    /// How many ticks a key was held that is released late.
    fn ticks_held(&self, state: &StudioState, hold: KeyHold) -> u32 {
        match hold {
            KeyHold::Unknown => state.session.snap.unwrap_or(NoteValue::Sixteenth).ticks(),
            KeyHold::Held(time) => {
                let mut ticks = Playhead::default();
                ticks.move_on(time.into(), self.performance.heard().tempo);
                ticks.tick()
            }
        }
    }

    fn halt(&mut self, sink: Sink<'_>) {
        self.performance.stop(sink);
        self.motion = Motion::Stopped;
        self.measured = None;
    }

    /// Tells the transport where the music stopped, and whether the arrangement has ended
    /// there.
    fn report(&mut self, state: &StudioState, ended: bool, sink: Sink<'_>) {
        self.motion = Motion::Still;
        self.measured = None;
        let (generation, position) = (self.generation.unwrap_or_default(), self.playhead());
        self.performance.locate(state, position.get(), sink);
        let report = TransportReport { generation, position, ended };
        self.actions.push(NetworkAction::TransportReport(report));
    }

    /// Ends the recorded notes and moves before the playhead stops or jumps.
    fn all_up(&mut self, state: &StudioState) {
        self.end_keys(state);
        self.overdub.release(state, self.performance.heard().tick, &mut self.actions);
        self.overdub.forget_values();
    }

    /// Ends the recorded notes where they are heard.
    fn end_keys(&mut self, state: &StudioState) {
        let Heard { tick, counting, .. } = self.performance.heard();
        if counting.is_some() {
            self.recorder.forget_keys();
        }
        self.actions.extend(self.recorder.all_up(state, tick));
    }

    /// Updates the meters, at most once per `METERS` while anything moves, so
    /// that a burst of effects does not cost a burst of measurements.
    fn measure(&mut self, now: Timestamp, state: &StudioState) {
        let rests = self.pulse().is_none();
        let due = self.measured.is_none_or(|last| now.since(last) >= METERS);
        if !rests && !due {
            return;
        }
        let mut peaks = [Decibels::MIN; 2];
        if !rests {
            let clicks = self.motion == Motion::Moving && self.performance.clicks(state);
            peaks = meters::peaks(&self.as_moved(state), &self.performance.sounds, clicks);
        }
        self.measured = self.pulse().map(|_| now);
        let Heard { tick, tempo, .. } = self.performance.heard();
        let playhead = Ticks::new(tick).unwrap_or(Ticks::MAX);
        let playing = self.motion == Motion::Moving;
        self.metering = Metering { playhead, tempo, playing, peaks, ..Metering::default() };
    }

    /// The state with the values of the lanes applied: only those that meters
    /// read, because there may be thousands of lanes.
    fn as_moved(&self, state: &StudioState) -> StudioState {
        let mut moved = state.clone();
        let lanes = self.performance.moved.iter();
        for (target, value) in lanes.filter(|(target, _)| meters::reads(**target)) {
            moved.move_to(*target, *value);
        }
        moved
    }
}
