//! A performance: the moving playhead, and everything that it reaches.
//!
//! Each tick is played once per pass and in order, however time is divided. It
//! reads the state and never changes it.

use std::{collections::BTreeMap, time::Duration};

use super::{
    PlaybackEvent, Played,
    click::{self, ClickBeats},
    plan::{Away, Plan, Way},
    playhead::Playhead,
    schedule::{self, Shift},
    sounding::Sounding,
    strike::{Strike, Struckable, VoiceKey},
};
use crate::{
    studio::{
        Arrangement, AtEnd, Automation, Click, ClickParameter, ClickSetting, PlayMode,
        SessionParameter, SessionSetting, StudioState, Target,
    },
    util::quantity::{Amount, Bpm, Ticks},
};

/// The most events in the log.
const LOG: usize = 65_536;

/// The target of the tempo lane.
const TEMPO: Target = Target::Session(SessionParameter::Tempo);

/// The moving playhead and the sounding notes.
#[derive(Clone, Debug)]
pub(super) struct Performance {
    pub(super) playhead: Playhead,
    /// The current tempo, from the session or a lane.
    pub(super) tempo: Bpm,
    pub(super) sounding: Sounding,
    plan: Plan,
    /// The count-in, until it is over.
    count: Option<Count>,
    /// The end of the arrangement, cached with the arrangement it is computed for.
    end: (Arrangement, u32),
    /// The values that lanes have set since playing began.
    pub(super) moved: BTreeMap<Target, Amount>,
    /// The events, if they are logged.
    pub(super) log: Option<Vec<Played>>,
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
    pub(super) fn new(tempo: Bpm) -> Self {
        Self {
            playhead: Playhead::default(),
            tempo,
            sounding: Sounding::default(),
            plan: Plan::default(),
            count: None,
            end: (Arrangement::default(), 0),
            moved: BTreeMap::new(),
            log: None,
            due: 0,
            entered: 0,
            pass: 0,
            starts: true,
            chase: true,
            paced: 0,
        }
    }

    /// Moves the playhead to `tick`. Sounding notes are cut off.
    pub(super) fn locate(&mut self, tick: u32) {
        self.cut(self.playhead.tick());
        self.plan.clear();
        self.playhead = Playhead::at(tick);
        self.enter(tick);
        self.starts = true;
    }

    /// Starts at the current position, in the first pass, after the count-in.
    pub(super) fn start(&mut self, state: &StudioState) {
        self.pass = 0;
        self.starts = true;
        self.chase = true;
        let length = click::count_in(state);
        let count = Count { playhead: Playhead::default(), due: 0, length };
        self.count = (length > 0).then_some(count);
    }

    /// Cuts off sounding notes and drops the values of the lanes.
    pub(super) fn stop(&mut self) {
        self.cut(self.playhead.tick());
        self.plan.clear();
        self.count = None;
        self.moved.clear();
    }

    /// Whether the count-in is running; the playhead does not move then.
    pub(super) fn is_counting(&self) -> bool {
        self.count.is_some()
    }

    /// How many ticks of the count-in are left.
    pub(super) fn left_to_count(&self) -> u32 {
        self.count.map_or(0, |count| count.length.saturating_sub(count.playhead.tick()))
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

    /// Plays for `time` and returns whether the arrangement has ended. Until the next
    /// jump, it plays `latched`, then `unlatched`. `leaves` is called with each tick at
    /// which the playhead jumps or ends.
    pub(super) fn play_on(
        &mut self,
        latched: &StudioState,
        unlatched: &StudioState,
        time: Duration,
        mut leaves: impl FnMut(u32),
    ) -> bool {
        let mut state = latched;
        if !self.count_in(state, time) {
            return false;
        }
        self.forget(state);
        loop {
            if self.chase {
                self.take_tempo(state, self.due);
            }
            let turns = self.next_turns(state);
            let next = turns.tempo.or(turns.away.map(|away| away.at));
            let reached = self.playhead.tick().saturating_add(1);
            self.play(state, next.map_or(reached, |next| next.min(reached)), turns.away);
            let Some(until) = next.filter(|next| self.playhead.has_reached(*next)) else {
                return false;
            };
            match turns {
                Turns { tempo: Some(tick), .. } => self.take_tempo(state, tick),
                Turns { away: Some(Away { to: Some(to), .. }), .. } => {
                    leaves(until);
                    self.turn_back(until, to);
                    state = unlatched;
                }
                Turns { .. } => {
                    self.cut(until);
                    leaves(until);
                    self.plan.clear();
                    self.playhead = Playhead::at(until);
                    self.enter(until);
                    self.moved.clear();
                    return true;
                }
            }
        }
    }

    /// Advances the count-in by `time` and returns whether the playhead moves.
    fn count_in(&mut self, state: &StudioState, time: Duration) -> bool {
        if self.count.is_some() && self.chase {
            self.take_tempo(state, self.due);
        }
        let Some(mut count) = self.count.take() else {
            self.playhead.move_on(time, self.tempo);
            return true;
        };
        count.playhead.move_on(time, self.tempo);
        let until = count.length.min(count.playhead.tick().saturating_add(1));
        let beats = ClickBeats::of(state.session.time_signature);
        while let Some(beat) = beats.next(count.due).filter(|beat| *beat < until) {
            self.beat(state, self.playhead.tick(), beats.begins_bar(beat));
            count.due = beat + 1;
        }
        let done = count.playhead.has_reached(count.length);
        if done {
            self.playhead.take_over(count.playhead, count.length);
        } else {
            self.count = Some(count);
        }
        done
    }

    /// Jumps back from `until` to `to`. Early instruments have already played notes
    /// after the jump, and late ones still play notes from before it.
    fn turn_back(&mut self, until: u32, to: u32) {
        self.sounding.trim(self.pass, until.into());
        self.end_notes(until);
        self.plan.turn_back(self.pass, until, to);
        self.sounding.shift(i64::from(to) - i64::from(until));
        self.playhead.jump(until, to);
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
        let tempo = tempo_at(&state.automation, state, tick).unwrap_or(state.session.tempo);
        self.playhead.change_tempo(tick, self.tempo, tempo);
        self.tempo = tempo;
        self.paced = tick;
    }

    /// Leaves the parameters to the lanes that are active now, and those without one to
    /// the state.
    pub(super) fn change_lanes(&mut self, state: &StudioState) {
        self.forget(state);
        self.chase = true;
        self.follow_tempo(state);
    }

    /// Uses the tempo of the session from now on, unless a lane sets the tempo.
    pub(super) fn follow_tempo(&mut self, state: &StudioState) {
        if tempo_at(&state.automation, state, self.paced).is_none() {
            self.tempo = state.session.tempo;
        }
    }

    /// Plays the due ticks before `until`.
    fn play(&mut self, state: &StudioState, until: u32, away: Option<Away>) {
        while self.due < until {
            let chases = self.starts && state.session.chase_notes;
            let way = Way { due: self.due, pass: self.pass, away, tempo: self.tempo, chases };
            let planned = self.plan.follow(state, way, &mut self.sounding);
            self.play_planned(state, until.min(planned));
            self.plan.look_ahead(state, Way { due: self.due, ..way });
        }
    }

    fn play_planned(&mut self, state: &StudioState, until: u32) {
        let shifts = schedule::shifts(state, self.due, until, self.chase);
        let mut shifts = shifts.iter().peekable();
        let beats = ClickBeats::of(state.session.time_signature);
        let mut beat = beats.next(self.due);
        loop {
            let shift = shifts.peek().map(|shift| shift.tick);
            let tick = |tick: i64| u32::try_from(tick).unwrap_or_default().max(self.due);
            let next =
                [self.sounding.next_end().map(tick), self.plan.next_tick().map(tick), shift, beat];
            let next = next.into_iter().flatten().min().filter(|next| *next < until);
            let Some(tick) = next else { break };
            self.end_notes(tick);
            while let Some(shift) = shifts.next_if(|shift| shift.tick == tick) {
                self.shift(shift);
            }
            if beat == Some(tick) {
                self.beat(state, tick, beats.begins_bar(tick));
                beat = beats.next(tick.saturating_add(1));
            }
            while let Some(strike) = self.plan.next_if(tick.into()) {
                self.strike(tick, &strike);
            }
        }
        self.due = until;
        self.starts = false;
        self.chase = false;
    }

    fn shift(&mut self, shift: &Shift) {
        let Shift { tick, target, value } = *shift;
        if self.moved.insert(target, value) != Some(value) {
            self.note(tick, PlaybackEvent::Automated { target, value });
        }
    }

    fn beat(&mut self, state: &StudioState, tick: u32, begins_bar: bool) {
        let click = self.click(state);
        if click.on {
            self.note(tick, PlaybackEvent::Click { accent: click.accent && begins_bar });
        }
    }

    fn strike(&mut self, tick: u32, strike: &Strike) {
        let what = strike.what;
        while let Some(ended) = self.sounding.make_room(&what) {
            self.note_off(tick, ended);
        }
        self.sounding.begin(strike);
        let (instrument, velocity, transposed) = (what.instrument, what.velocity, what.transposed);
        let what = match what.key {
            Struckable::Note(pitch) => PlaybackEvent::NoteOn { instrument, pitch, velocity },
            Struckable::Pad(pad) => PlaybackEvent::Pad { instrument, pad, velocity, transposed },
        };
        self.note(tick, what);
    }

    /// Ends all notes at `tick`.
    fn cut(&mut self, tick: u32) {
        while let Some(ended) = self.sounding.end_any() {
            self.note_off(tick, ended);
        }
    }

    /// Ends the notes that end at or before `tick`.
    fn end_notes(&mut self, tick: u32) {
        while let Some(ended) = self.sounding.end_by(tick.into()) {
            self.note_off(tick, ended);
        }
    }

    /// Logs the end of a note; pads have no end event.
    fn note_off(&mut self, tick: u32, (instrument, key): VoiceKey) {
        if let Struckable::Note(pitch) = key {
            self.note(tick, PlaybackEvent::NoteOff { instrument, pitch });
        }
    }

    fn note(&mut self, tick: u32, what: PlaybackEvent) {
        let pass = self.pass;
        if let (Some(log), Ok(tick)) = (&mut self.log, Ticks::new(tick))
            && log.len() < LOG
        {
            log.push(Played { tick, pass, what });
        }
    }
}

/// The tempo at `tick` if a lane sets it.
fn tempo_at(automation: &Automation, state: &StudioState, tick: u32) -> Option<Bpm> {
    let lane = automation.lane(&TEMPO).filter(|lane| schedule::moves(state, TEMPO, lane))?;
    match SessionParameter::Tempo.setting(lane.value(Ticks::new(tick).ok()?)?) {
        SessionSetting::Tempo(tempo) => Some(tempo),
        _ => None,
    }
}
