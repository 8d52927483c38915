//! A performance: the playhead on its way, and everything that it reaches.
//!
//! Each tick is played once each time it is passed, in order, however the time
//! is cut into pieces. It knows the state as it reads it, and changes nothing.

use std::{collections::BTreeMap, time::Duration};

use super::{
    Happening, Played,
    playhead::Playhead,
    schedule::{self, Key, Shift, Strike},
    sounding::Sounding,
};
use crate::{
    model::InstrumentId,
    quantity::{Amount, Bpm, Ticks},
    studio::{AtEnd, Automation, PlayMode, SessionParameter, SessionSetting, StudioState, Target},
};

/// How many happenings are kept until somebody takes them.
const LOG: usize = 65_536;

/// The lane that moves the tempo moves time itself.
const TEMPO: Target = Target::Session(SessionParameter::Tempo);

/// The playhead on its way, and what sounds meanwhile.
#[derive(Clone, Debug)]
pub(super) struct Performance {
    pub(super) playhead: Playhead,
    /// What the time that passes is reckoned by.
    pub(super) tempo: Bpm,
    pub(super) sounding: Sounding,
    /// What lanes have moved since the music began.
    pub(super) moved: BTreeMap<Target, Amount>,
    /// What has happened, if somebody wants to know.
    pub(super) log: Option<Vec<Played>>,
    /// The first tick of which nothing has been played yet.
    due: u32,
    /// Where the playhead was put last: it leaves a region at its end only if it
    /// was before that.
    entered: u32,
    /// How often it was sent back since the music began.
    pass: u32,
    /// Whether the lanes have to say where they are at once.
    chase: bool,
    /// Where the tempo was last taken from its lane.
    paced: u32,
}

/// Where the playhead does not simply go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    /// It goes back to a tick.
    Back(u32),
    /// The music ends.
    End,
    /// The tempo may change.
    Tempo,
}

impl Performance {
    pub(super) fn new(tempo: Bpm) -> Self {
        Self {
            playhead: Playhead::default(),
            tempo,
            sounding: Sounding::default(),
            moved: BTreeMap::new(),
            log: None,
            due: 0,
            entered: 0,
            pass: 0,
            chase: true,
            paced: 0,
        }
    }

    /// Puts the playhead somewhere. What sounds is cut off.
    pub(super) fn locate(&mut self, tick: u32) {
        self.cut(self.playhead.tick());
        self.playhead = Playhead::at(tick);
        self.enter(tick);
    }

    /// Goes from where the playhead is, as if it were for the first time.
    pub(super) fn start(&mut self) {
        self.pass = 0;
        self.chase = true;
    }

    /// Cuts off what sounds, and lets go of what lanes have moved.
    pub(super) fn stop(&mut self) {
        self.cut(self.playhead.tick());
        self.moved.clear();
    }

    fn enter(&mut self, tick: u32) {
        self.due = tick;
        self.entered = tick;
        self.chase = true;
    }

    /// Plays on for a time, and returns whether the music has ended. `leaves` is
    /// told where the playhead leaves for somewhere else.
    pub(super) fn play_on(
        &mut self,
        state: &StudioState,
        time: Duration,
        mut leaves: impl FnMut(u32),
    ) -> bool {
        self.playhead.move_on(time, self.tempo);
        self.forget(state);
        loop {
            if self.chase {
                self.take_tempo(state, self.due);
            }
            let (until, turn) = self.next_turn(state);
            self.play(state, until.min(self.playhead.tick().saturating_add(1)));
            if !self.playhead.has_reached(until) || until == u32::MAX {
                return false;
            }
            match turn {
                Turn::Tempo => self.take_tempo(state, until),
                Turn::Back(to) => {
                    self.cut(until);
                    leaves(until);
                    self.playhead.jump(until, to);
                    self.pass = self.pass.wrapping_add(1);
                    self.enter(to);
                }
                Turn::End => {
                    self.cut(until);
                    leaves(until);
                    self.playhead = Playhead::at(until);
                    self.enter(until);
                    self.moved.clear();
                    return true;
                }
            }
        }
    }

    /// Lets go of what is no longer there.
    fn forget(&mut self, state: &StudioState) {
        let gone = self.sounding.end_unless(|id| state.instruments.contains(id));
        self.note_offs(self.playhead.tick().min(self.due), gone);
        let moves = |target: &Target| {
            state.automation.lane(target).is_some_and(|lane| schedule::moves(state, *target, lane))
        };
        self.moved.retain(|target, _| moves(target));
    }

    /// The first tick from which on the playhead may not simply go on.
    fn next_turn(&self, state: &StudioState) -> (u32, Turn) {
        // Who was put behind an end does not run into it.
        let ahead = |tick: u32| self.entered < tick && self.due <= tick;
        let mut next = (u32::MAX, Turn::End);
        let mut turn = |tick: u32, turn| {
            if ahead(tick) && tick < next.0 {
                next = (tick, turn);
            }
        };
        let transport = &state.transport;
        if transport.looping {
            turn(transport.region.end().get(), Turn::Back(transport.region.start().get()));
        }
        match (state.arrangement.play, state.arrangement.at_end) {
            (PlayMode::PianoRoll, _) | (_, AtEnd::GoOn) => {}
            (PlayMode::Arrangement, AtEnd::Stop) => turn(state.arrangement.end(), Turn::End),
            (PlayMode::Arrangement, AtEnd::Repeat) => {
                turn(state.arrangement.end(), Turn::Back(0));
            }
        }
        let lane = state.automation.lane(&TEMPO);
        let lane = lane.filter(|lane| schedule::moves(state, TEMPO, lane));
        let step = lane.and_then(|lane| schedule::next_step(lane, self.paced.saturating_add(1)));
        // The tempo goes last: at a place where the playhead is sent away it has
        // nothing to say.
        if let Some(step) = step.filter(|step| *step < next.0) {
            next = (step.max(self.due), Turn::Tempo);
        }
        next
    }

    /// Goes at the tempo of `tick` since then.
    fn take_tempo(&mut self, state: &StudioState, tick: u32) {
        let tempo = tempo_at(&state.automation, state, tick).unwrap_or(state.session.tempo);
        self.playhead.change_tempo(tick, self.tempo, tempo);
        self.tempo = tempo;
        self.paced = tick;
    }

    /// Goes at the tempo of the session from now on, unless a lane says
    /// otherwise.
    pub(super) fn follow_tempo(&mut self, state: &StudioState) {
        if tempo_at(&state.automation, state, self.paced).is_none() {
            self.tempo = state.session.tempo;
        }
    }

    /// Plays the ticks that are due and before `until`.
    fn play(&mut self, state: &StudioState, until: u32) {
        if self.due >= until {
            return;
        }
        let strikes = schedule::strikes(state, self.due, until);
        let shifts = schedule::shifts(state, self.due, until, self.chase);
        let (mut strikes, mut shifts) = (strikes.iter().peekable(), shifts.iter().peekable());
        loop {
            let next = [
                self.sounding.next_end().filter(|end| *end < until),
                shifts.peek().map(|shift| shift.tick),
                strikes.peek().map(|strike| strike.tick),
            ];
            let Some(tick) = next.into_iter().flatten().min() else { break };
            let ended = self.sounding.end_by(tick);
            self.note_offs(tick, ended);
            while let Some(shift) = shifts.next_if(|shift| shift.tick == tick) {
                self.shift(shift);
            }
            while let Some(strike) = strikes.next_if(|strike| strike.tick == tick) {
                self.strike(strike);
            }
        }
        self.due = until;
        self.chase = false;
    }

    fn shift(&mut self, shift: &Shift) {
        let Shift { tick, target, value } = *shift;
        if self.moved.insert(target, value) != Some(value) {
            self.note(tick, Happening::Automated { target, value });
        }
    }

    fn strike(&mut self, strike: &Strike) {
        if schedule::is_played(strike, self.pass) {
            let ended = self.sounding.make_room(strike);
            self.note_offs(strike.tick, ended);
            self.sounding.begin(strike);
            let Strike { instrument, velocity, transposed, .. } = *strike;
            let what = match strike.key {
                Key::Note(pitch) => Happening::NoteOn { instrument, pitch, velocity },
                Key::Pad(pad) => Happening::Pad { instrument, pad, velocity, transposed },
            };
            self.note(strike.tick, what);
        }
    }

    /// Ends all notes at `tick`.
    fn cut(&mut self, tick: u32) {
        let ended = self.sounding.end_unless(|_| false);
        self.note_offs(tick, ended);
    }

    /// Says which notes have ended; pads are struck and left alone.
    fn note_offs(&mut self, tick: u32, ended: Vec<(InstrumentId, Key)>) {
        for (instrument, key) in ended {
            if let Key::Note(pitch) = key {
                self.note(tick, Happening::NoteOff { instrument, pitch });
            }
        }
    }

    fn note(&mut self, tick: u32, what: Happening) {
        let pass = self.pass;
        if let (Some(log), Ok(tick)) = (&mut self.log, Ticks::new(tick))
            && log.len() < LOG
        {
            log.push(Played { tick, pass, what });
        }
    }
}

/// The tempo at `tick`, if it is a lane that says it.
fn tempo_at(automation: &Automation, state: &StudioState, tick: u32) -> Option<Bpm> {
    let lane = automation.lane(&TEMPO).filter(|lane| schedule::moves(state, TEMPO, lane))?;
    match SessionParameter::Tempo.setting(lane.value(Ticks::new(tick).ok()?)?) {
        SessionSetting::Tempo(tempo) => Some(tempo),
        _ => None,
    }
}
