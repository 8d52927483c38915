//! A performance: the moving playhead, and everything that it reaches.
//!
//! Each tick is played once per pass and in order, however time is divided. It
//! reads the state and never changes it. It passes events on as they happen and keeps none.

use std::{collections::BTreeMap, time::Duration};

use super::{
    chord::KeySource,
    click::{self, ClickBeats},
    plan::{Away, Plan, Way},
    played::{Moment, PlaybackEvent, Sink},
    playhead::Playhead,
    schedule::{self, Shift},
    sounds::Sounds,
    trail::{Heard, Trail},
};
use crate::{
    model::InstrumentId,
    studio::{
        Arrangement, AtEnd, Click, ClickParameter, ClickSetting, PlayMode, SessionParameter,
        SessionSetting, StudioState, Target,
    },
    util::{
        quantity::{Amount, Bpm, Pitch, Ticks, Velocity},
        time::Timestamp,
    },
};

/// The target of the tempo lane.
const TEMPO: Target = Target::Session(SessionParameter::Tempo);

/// The moving playhead and the sounding notes.
#[derive(Clone, Debug)]
pub(super) struct Performance {
    /// The time until which everything has been played.
    now: Timestamp,
    /// Where the playhead is at `now`.
    pub(super) playhead: Playhead,
    /// The current tempo, from the session or a lane.
    pub(super) tempo: Bpm,
    trail: Trail,
    pub(super) sounds: Sounds,
    plan: Plan,
    /// The count-in, until it is over.
    count: Option<Count>,
    /// The end of the arrangement, cached with the arrangement it is computed for.
    end: (Arrangement, u32),
    /// The values that lanes have set since playing began.
    pub(super) moved: BTreeMap<Target, Amount>,
    /// The first tick that has not been played yet.
    due: u32,
    /// The target of the last jump. The playhead loops at the end of a region only
    /// if it entered before that end.
    entered: u32,
    /// How often the playhead has jumped back since playing began.
    pass: u32,
    /// Whether playing starts at the next tick, so that earlier notes may be chased. A jump
    /// back is no start.
    starts: bool,
    /// Whether the playhead moves, or the count-in.
    moves: bool,
    /// Whether all lanes report their value at the next tick.
    chase: bool,
    /// The tick at which the tempo was last read from its lane.
    paced: u32,
}

/// The progress of the count-in.
#[derive(Clone, Copy, Debug)]
struct Count {
    /// The position within the count-in.
    playhead: Playhead,
    /// The first tick whose beat has not been played yet.
    due: u32,
    /// The length of the count-in, in ticks.
    length: u32,
}

/// The next ticks at which the playhead jumps, stops or changes its tempo.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Turns {
    /// The next jump or end, if any.
    away: Option<Away>,
    /// The next possible change of tempo, if it is before `away`.
    tempo: Option<u32>,
}

impl Performance {
    /// Its events are heard `latency` later.
    pub(super) fn new(tempo: Bpm, latency: Duration) -> Self {
        Self {
            now: Timestamp::ZERO,
            playhead: Playhead::default(),
            tempo,
            trail: Trail::new(latency),
            sounds: Sounds::default(),
            plan: Plan::default(),
            count: None,
            end: (Arrangement::default(), 0),
            moved: BTreeMap::new(),
            due: 0,
            entered: 0,
            pass: 0,
            starts: true,
            moves: false,
            chase: true,
            paced: 0,
        }
    }

    pub(super) fn set_latency(&mut self, latency: Duration) {
        self.trail.set_latency(latency);
    }

    /// Moves the playhead to `tick`. What is written and sounds is cut off.
    pub(super) fn locate(&mut self, state: &StudioState, tick: u32, sink: Sink<'_>) {
        self.sounds.cut(self.at_once(), sink);
        self.plan.clear();
        let moves = self.moves && self.count.is_none();
        if moves {
            self.sounds.keyboard.move_to_grid(self.playhead.tick(), tick);
        }
        self.playhead = Playhead::at(tick);
        if moves {
            self.trail.start(self.playhead, self.tempo, None);
        }
        self.enter(tick);
        self.starts = true;
        self.follow_tempo(state);
    }

    /// Starts at the current position, in the first pass, after the count-in.
    pub(super) fn start(&mut self, state: &StudioState) {
        self.pass = 0;
        self.starts = true;
        self.chase = true;
        self.moves = true;
        let length = click::count_in(state);
        let count = Count { playhead: Playhead::default(), due: 0, length };
        self.count = (length > 0).then_some(count);
        self.trail.start(self.playhead, self.tempo, self.count.map(|count| count.length));
        self.sounds.keyboard.move_to_grid(self.playhead.tick(), self.grid_due());
    }

    /// Goes on from the current position, without a count-in, if it does not move.
    pub(super) fn resume(&mut self) {
        if !std::mem::replace(&mut self.moves, true) {
            self.sounds.keyboard.move_to_grid(self.playhead.tick(), self.due);
            self.trail.start(self.playhead, self.tempo, None);
        }
    }

    /// Stops where the playhead is: what is written is cut off, and the values of the lanes
    /// are dropped.
    pub(super) fn stop(&mut self, sink: Sink<'_>) {
        self.stop_at(self.at_once(), sink);
        self.plan.clear();
    }

    fn stop_at(&mut self, moment: Moment, sink: Sink<'_>) {
        self.sounds.cut(moment, sink);
        self.sounds.keyboard.leave_grid(self.count.map_or(self.playhead, |count| count.playhead));
        self.count = None;
        self.trail.stop();
        self.moves = false;
        self.moved.clear();
    }

    /// Ends everything that sounds at `now`, also what is held. What is written until then is
    /// not played.
    pub(super) fn silence(&mut self, now: Timestamp, sink: Sink<'_>) {
        self.now = self.now.max(now);
        self.sounds.silence(self.at_once(), sink);
    }

    /// A key of a participant goes down.
    pub(super) fn press(
        &mut self,
        state: &StudioState,
        id: InstrumentId,
        (pitch, velocity): (Pitch, Velocity),
        sink: Sink<'_>,
    ) {
        let (key, here) = ((KeySource::Participant, pitch, velocity), self.grid_due());
        self.sounds.press(state, id, key, here, self.at_once(), sink);
    }

    /// A key of a participant goes up.
    pub(super) fn release(&mut self, id: InstrumentId, pitch: Pitch, sink: Sink<'_>) {
        self.sounds.release(id, (KeySource::Participant, pitch), self.at_once(), sink);
    }

    /// What an arpeggio holds of the participants' keys ends.
    pub(super) fn end_held(&mut self, id: InstrumentId, sink: Sink<'_>) {
        let moment = self.at_once();
        let emit = &mut |what| moment.tell(sink, what);
        self.sounds.keyboard.drop_keys(id, KeySource::Participant, emit);
    }

    /// Presses and releases keys until the participants hold those that the state says.
    pub(super) fn hold_keys(&mut self, state: &StudioState, sink: Sink<'_>) {
        for (id, pitch) in self.sounds.keyboard.keys_of(KeySource::Participant) {
            let instrument = state.instruments.get(id);
            if instrument.is_none_or(|own| own.sounding.held(pitch).is_none()) {
                self.release(id, pitch, sink);
            }
        }
        let down = self.sounds.keyboard.keys_of(KeySource::Participant);
        for (id, instrument) in state.instruments.iter() {
            for (pitch, velocity) in instrument.sounding.iter() {
                if !down.contains(&(id, pitch)) {
                    self.press(state, id, (pitch, velocity), sink);
                }
            }
        }
    }

    /// The first tick of the count-in or the playhead that has not been played yet.
    fn grid_due(&self) -> u32 {
        self.count.map_or(self.due, |count| count.due)
    }

    /// This instant, where the playhead is.
    fn at_once(&self) -> Moment {
        Moment { time: self.now, tick: self.playhead.tick(), pass: self.pass }
    }

    /// When the playhead reached `tick`.
    fn at(&self, tick: u32) -> Moment {
        Moment {
            time: self.now.before(self.playhead.since(tick, self.tempo)),
            tick,
            pass: self.pass,
        }
    }

    /// The position within the count-in, or else that of the playhead.
    fn here(&self) -> Playhead {
        self.count.map_or(self.playhead, |count| count.playhead)
    }

    /// What is heard now.
    pub(super) fn heard(&self) -> Heard {
        let (playhead, tempo) = (self.playhead, self.tempo);
        let stands = Heard { tick: playhead.tick(), tempo, counting: None };
        self.trail.heard(self.here(), playhead).unwrap_or(stands)
    }

    /// The first tick at which the playhead is heard to jump back, since the last call.
    pub(super) fn take_left(&mut self) -> Option<u32> {
        self.trail.hear(self.here());
        self.trail.take_left()
    }

    /// Whether the playhead has jumped back, and is not heard to have yet.
    pub(super) fn is_ahead(&self) -> bool {
        self.trail.is_ahead()
    }

    /// Lets time pass until `now` while the playhead stands still.
    pub(super) fn rest(&mut self, state: &StudioState, now: Timestamp, sink: Sink<'_>) {
        let time = now.since(self.now);
        self.now = self.now.max(now);
        self.sounds.rest(state, (time, self.tempo), self.at_once(), sink);
    }

    /// Follows an edit of what does not wait for the playhead: arpeggiators and pads.
    pub(super) fn follow(&mut self, state: &StudioState, sink: Sink<'_>) {
        self.sounds.follow(state, self.grid_due(), self.at_once(), sink);
    }

    fn enter(&mut self, tick: u32) {
        self.due = tick;
        self.entered = tick;
        self.chase = true;
    }

    /// Whether a click that the playhead or the count-in has passed still sounds.
    pub(super) fn clicks(&self, state: &StudioState) -> bool {
        let (playhead, from) = match &self.count {
            Some(count) => (count.playhead, 0),
            None => (self.playhead, self.entered),
        };
        let last = ClickBeats::of(state.session.time_signature).sounding(playhead.tick());
        self.click(state).on && last.is_some_and(|beat| beat >= from)
    }

    /// The click with the values of its lanes; during the count-in, there are none.
    fn click(&self, state: &StudioState) -> Click {
        let mut click = state.session.click;
        for parameter in [ClickParameter::On, ClickParameter::Accent] {
            let target = Target::Session(SessionParameter::Click(parameter));
            match self.moved.get(&target).map(|value| parameter.setting(*value)) {
                Some(ClickSetting::On(on)) => click.on = on,
                Some(ClickSetting::Accent(accent)) => click.accent = accent,
                _ => {}
            }
        }
        click
    }

    /// Plays until `now` and returns whether the arrangement has ended. Until the next
    /// jump, it plays `latched`, then `unlatched`.
    pub(super) fn play_on(
        &mut self,
        (latched, unlatched): (&StudioState, &StudioState),
        now: Timestamp,
        sink: Sink<'_>,
    ) -> bool {
        let mut state = latched;
        if !self.count_in(state, now, sink) {
            return false;
        }
        self.forget(state);
        loop {
            if self.chase && self.playhead.has_reached(self.due) {
                self.take_tempo(state, self.due);
            }
            let turns = self.next_turns(state);
            let next = turns.tempo.or(turns.away.map(|away| away.at));
            let reached = self.playhead.tick().saturating_add(1);
            self.play(state, next.map_or(reached, |next| next.min(reached)), turns.away, sink);
            let Some(until) = next.filter(|next| self.playhead.has_reached(*next)) else {
                return false;
            };
            match turns {
                Turns { tempo: Some(tick), .. } => self.take_tempo(state, tick),
                Turns { away: Some(Away { to: Some(to), .. }), .. } => {
                    self.turn_back(until, to, sink);
                    state = unlatched;
                }
                Turns { .. } => {
                    let (end, now) = (self.at(until), self.now);
                    self.playhead = Playhead::at(until);
                    self.trail.hear_all();
                    self.stop_at(end, sink);
                    self.plan.clear();
                    self.enter(until);
                    self.take_tempo(unlatched, until);
                    self.now = end.time;
                    self.rest(unlatched, now, sink);
                    return true;
                }
            }
        }
    }

    /// Advances the count-in, or the playhead, to `now` and returns whether the playhead moves.
    fn count_in(&mut self, state: &StudioState, now: Timestamp, sink: Sink<'_>) -> bool {
        if self.count.is_some() && self.chase {
            self.take_tempo(state, self.due);
        }
        let time = now.since(self.now);
        self.now = self.now.max(now);
        let Some(mut count) = self.count else {
            self.playhead.move_on(time, self.tempo);
            return true;
        };
        count.playhead.move_on(time, self.tempo);
        let until = count.length.min(count.playhead.tick().saturating_add(1));
        let beats = ClickBeats::of(state.session.time_signature);
        let position = self.at_once();
        loop {
            let beat = beats.next(count.due);
            let next = self.sounds.keyboard.next_tick().map(|tick| tick.max(count.due));
            let Some(tick) = beat.into_iter().chain(next).min().filter(|tick| *tick < until) else {
                break;
            };
            let time = self.now.before(count.playhead.since(tick, self.tempo));
            let moment = Moment { time, ..position };
            if beat == Some(tick) {
                self.beat(state, moment, beats.begins_bar(tick), sink);
            }
            self.sounds.play_arpeggios(state, tick, moment, sink);
            count.due = tick + 1;
        }
        count.due = until;
        let done = count.playhead.has_reached(count.length);
        if done {
            self.trail.end_count(count.length, self.playhead);
            self.playhead.take_over(count.playhead, count.length);
            self.sounds.keyboard.move_to_grid(count.length, self.due);
        }
        self.count = (!done).then_some(count);
        done
    }

    /// Jumps back from `until` to `to`. Early instruments have already played notes
    /// after the jump, and late ones still play notes from before it.
    fn turn_back(&mut self, until: u32, to: u32, sink: Sink<'_>) {
        self.sounds.sounding.trim(self.pass, until.into());
        self.sounds.end_notes(self.at(until), sink);
        self.plan.turn_back(self.pass, until, to);
        self.sounds.sounding.shift(i64::from(to) - i64::from(until));
        self.sounds.keyboard.move_to_grid(until, to);
        self.playhead.jump(until, to);
        self.trail.turn(until, to, self.playhead);
        self.pass = self.pass.wrapping_add(1);
        self.enter(to);
    }

    /// Drops the values of inactive lanes.
    fn forget(&mut self, state: &StudioState) {
        let moves = |target: &Target| {
            state.automation.lane(target).is_some_and(|lane| schedule::moves(state, *target, lane))
        };
        self.moved.retain(|target, _| moves(target));
    }

    fn next_turns(&mut self, state: &StudioState) -> Turns {
        let transport = &state.transport;
        let (start, end) = (transport.region.start().get(), transport.region.end().get());
        let region = transport.looping.then_some(Away { at: end, to: Some(start) });
        let piece = match (state.arrangement.play, state.arrangement.at_end) {
            (PlayMode::PianoRoll, _) | (_, AtEnd::GoOn) => None,
            (PlayMode::Arrangement, AtEnd::Stop) => Some(None),
            (PlayMode::Arrangement, AtEnd::Repeat) => Some(Some(0)),
        };
        let piece = piece.map(|to| Away { at: self.end_of(&state.arrangement), to });
        // A playhead that was placed after an end does not reach it.
        let ahead = |away: &Away| self.entered < away.at && self.due <= away.at;
        // At the same tick, the loop region takes precedence.
        let away = [region, piece].into_iter().flatten().filter(ahead).min_by_key(|away| away.at);

        let lane = state.automation.lane(&TEMPO);
        let lane = lane.filter(|lane| schedule::moves(state, TEMPO, lane));
        let step = lane.and_then(|lane| schedule::next_step(lane, self.paced.saturating_add(1)));
        // The tempo at the tick of a jump does not matter.
        let tempo = step.filter(|step| away.is_none_or(|away| *step < away.at));
        Turns { away, tempo: tempo.map(|step| step.max(self.due)) }
    }

    fn end_of(&mut self, arrangement: &Arrangement) -> u32 {
        if !self.end.0.is_same(arrangement) {
            self.end = (arrangement.clone(), arrangement.end());
        }
        self.end.1
    }

    /// Applies the tempo at `tick` to the time since `tick`.
    fn take_tempo(&mut self, state: &StudioState, tick: u32) {
        let tempo = tempo_at(state, tick).unwrap_or(state.session.tempo);
        self.playhead.change_tempo(tick, self.tempo, tempo);
        self.set_tempo(self.count.map_or(Playhead::at(tick), |count| count.playhead), tempo);
        self.paced = tick;
    }

    fn set_tempo(&mut self, from: Playhead, tempo: Bpm) {
        self.trail.change_tempo(from, tempo);
        self.tempo = tempo;
    }

    /// Leaves the parameters to the lanes that are active now, and those without one to
    /// the state.
    pub(super) fn change_lanes(&mut self, state: &StudioState) {
        self.forget(state);
        self.chase = true;
        self.follow_tempo(state);
    }

    /// Uses the tempo of the session from now on, unless a lane sets the tempo. A lane does
    /// so at its next step, or at once if all lanes are to report their values.
    pub(super) fn follow_tempo(&mut self, state: &StudioState) {
        let at = if self.chase { self.due } else { self.paced };
        match tempo_at(state, at) {
            None => self.set_tempo(self.here(), state.session.tempo),
            Some(tempo) if self.chase => self.set_tempo(self.here(), tempo),
            Some(_) => {}
        }
    }

    /// Plays the due ticks before `until`.
    fn play(&mut self, state: &StudioState, until: u32, away: Option<Away>, sink: Sink<'_>) {
        while self.due < until {
            let chases = self.starts && state.session.chase_notes;
            let way = Way { due: self.due, pass: self.pass, away, tempo: self.tempo, chases };
            let planned = self.plan.follow(state, way, &mut self.sounds.sounding);
            self.play_planned(state, until.min(planned), sink);
            self.plan.look_ahead(state, Way { due: self.due, ..way });
        }
    }

    fn play_planned(&mut self, state: &StudioState, until: u32, sink: Sink<'_>) {
        let shifts = schedule::shifts(state, self.due, until, self.chase);
        let mut shifts = shifts.iter().peekable();
        let beats = ClickBeats::of(state.session.time_signature);
        let mut beat = beats.next(self.due);
        loop {
            let shift = shifts.peek().map(|shift| shift.tick);
            let tick = |tick: i64| u32::try_from(tick).unwrap_or_default().max(self.due);
            let next = [
                self.sounds.sounding.next_end().map(tick),
                self.plan.next_tick().map(tick),
                self.sounds.keyboard.next_tick().map(|tick| tick.max(self.due)),
                shift,
                beat,
            ];
            let next = next.into_iter().flatten().min().filter(|next| *next < until);
            let Some(tick) = next else { break };
            let moment = self.at(tick);
            self.sounds.end_notes(moment, sink);
            while let Some(shift) = shifts.next_if(|shift| shift.tick == tick) {
                self.shift(moment, shift, sink);
            }
            if beat == Some(tick) {
                self.beat(state, moment, beats.begins_bar(tick), sink);
                beat = beats.next(tick.saturating_add(1));
            }
            while let Some(strike) = self.plan.next_if(tick.into()) {
                self.sounds.strike(state, &strike, tick, moment, sink);
            }
            self.sounds.play_arpeggios(state, tick, moment, sink);
        }
        self.due = until;
        self.starts = false;
        self.chase = false;
    }

    fn shift(&mut self, moment: Moment, shift: &Shift, sink: Sink<'_>) {
        let Shift { target, value, .. } = *shift;
        if self.moved.insert(target, value) != Some(value) {
            moment.tell(sink, PlaybackEvent::Automated { target, value });
        }
    }

    fn beat(&mut self, state: &StudioState, moment: Moment, begins_bar: bool, sink: Sink<'_>) {
        let click = self.click(state);
        if click.on {
            moment.tell(sink, PlaybackEvent::Click { accent: click.accent && begins_bar });
        }
    }
}

/// The tempo at `tick` if a lane sets it.
fn tempo_at(state: &StudioState, tick: u32) -> Option<Bpm> {
    let lane = state.automation.lane(&TEMPO).filter(|lane| schedule::moves(state, TEMPO, lane))?;
    match SessionParameter::Tempo.setting(lane.value(Ticks::new(tick).ok()?)?) {
        SessionSetting::Tempo(tempo) => Some(tempo),
        _ => None,
    }
}
