//! The upcoming strikes, a little ahead of the playhead.
//!
//! Written notes are looked up once per stretch of time, and again only after a
//! change, so that a pulse looks at due strikes only.
//!
//! Each instrument has a position of its own in the written notes: that of the
//! playhead, or a later one if it plays early. Everything before it is settled,
//! everything after it can still change. So no note is played twice or left out if
//! tempo or groove change, however time is divided.

use std::{cmp::Reverse, collections::BTreeMap, ops::Range, ptr, sync::Arc};

use super::{
    beats,
    groove::{SessionGroove, swing_lane},
    revision::Revision,
    schedule::{self, Player},
    sounding_notes::SoundingNotes,
    strike::{Strike, Struckable, WrittenStrike},
};
use crate::{
    model::InstrumentId,
    studio::{Instrument, InstrumentState, StudioState},
    util::{ordmap::DiffItem, quantity::Bpm},
};

/// The length of a stretch, in ticks: a quarter of a second at 120 bpm.
const STRETCH: u32 = 240;

/// How many players one pulse looks up for the next stretch.
const AT_ONCE: usize = 64;

/// A jump of the playhead at tick `at`, back to tick `to`, or the end if `to` is
/// `None`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Away {
    pub(super) at: u32,
    pub(super) to: Option<u32>,
}

/// The position of the playhead and its next jump.
#[derive(Clone, Copy, Debug)]
pub(super) struct Way {
    /// The first tick that has not been played yet.
    pub(super) due: u32,
    /// How often the playhead has jumped back.
    pub(super) pass: u32,
    pub(super) away: Option<Away>,
    pub(super) tempo: Bpm,
    /// Whether notes that began before `due` sound, because playing starts there.
    pub(super) chases: bool,
}

/// The upcoming strikes. Ticks are counted from the playhead without jumps:
/// strikes after the next jump have ticks beyond it.
#[derive(Clone, Debug, Default)]
pub(super) struct Plan {
    /// In reverse order: the next strike is last.
    strikes: Vec<Strike>,
    /// The end of the stretch that has been looked up.
    until: u32,
    /// The strikes found so far in the stretch after `until`, unordered.
    next: Vec<Strike>,
    /// How many players have been looked up for `next`.
    looked_up: usize,
    /// The instruments that are, or were, ahead of the playhead.
    ahead: BTreeMap<InstrumentId, Ahead>,
    /// The inputs of the plan, if there is one.
    made_of: Option<MadeOf>,
}

/// How far an instrument is ahead of the playhead.
#[derive(Clone, Copy, Debug)]
struct Ahead {
    /// The position of the instrument when the plan was made.
    from: i64,
    /// How far it is ahead, unless `from` is further.
    lead: i64,
}

/// The result of looking up `time`.
#[derive(Default)]
struct Found {
    time: Range<u32>,
    strikes: Vec<Strike>,
    ahead: BTreeMap<InstrumentId, Ahead>,
    follows_tempo: bool,
}

#[derive(Clone, Debug)]
struct MadeOf {
    state: StudioState,
    away: Option<Away>,
    /// `None` if the plan does not depend on it.
    tempo: Option<Bpm>,
}

impl Plan {
    /// Renews the plan if necessary, with the ends of what is `sounding`, and returns the
    /// tick up to which it can be played. That is never beyond the next jump.
    pub(super) fn follow(
        &mut self,
        state: &StudioState,
        way: Way,
        sounding: &mut SoundingNotes,
    ) -> u32 {
        let holds = self.holds(state, way);
        if way.due < self.until && holds {
            return self.until;
        }
        self.settle(way.due);
        if !holds {
            self.revise(state, way, sounding);
        }
        self.make(state, way);
        self.until
    }

    /// Takes the next strike if it is due at `tick`.
    pub(super) fn next_if(&mut self, tick: i64) -> Option<Strike> {
        self.strikes.pop_if(|strike| strike.tick <= tick)
    }

    pub(super) fn next_tick(&self) -> Option<i64> {
        self.strikes.last().map(|strike| strike.tick)
    }

    /// Ends the pass: the playhead jumps from `at` to `to`.
    pub(super) fn turn_back(&mut self, pass: u32, at: u32, to: u32) {
        self.settle(at);
        let by = i64::from(to) - i64::from(at);
        for strike in &mut self.strikes {
            if strike.origin.pass == pass {
                let cut = i64::from(at) + strike.origin.late();
                strike.end = strike.end.min(cut).max(strike.tick + 1);
            }
            *strike = strike.moved(by);
        }
        for ahead in self.ahead.values_mut() {
            ahead.from += by;
        }
        self.until = to;
        self.next.clear();
        self.looked_up = 0;
    }

    pub(super) fn clear(&mut self) {
        self.strikes.clear();
        self.ahead.clear();
        self.next.clear();
        self.looked_up = 0;
        self.until = 0;
        self.made_of = None;
    }

    fn holds(&mut self, state: &StudioState, way: Way) -> bool {
        let Some(MadeOf { state: before, away, tempo }) = &mut self.made_of else { return false };
        let holds = *away == way.away
            && tempo.is_none_or(|tempo| tempo == way.tempo)
            && Arc::ptr_eq(&before.session, &state.session)
            && before.piano_roll.is_same(&state.piano_roll)
            && before.drums.is_same(&state.drums)
            && before.arrangement.is_same(&state.arrangement)
            // Both states are alive, so equal addresses mean the same lane.
            && swing_lane(before).map(ptr::from_ref) == swing_lane(state).map(ptr::from_ref)
            && machines_swing_alike(before, state)
            && groove_alike(&before.instruments, &state.instruments);
        if holds {
            // Differences without effect need not be compared again.
            before.instruments = state.instruments.clone();
            before.automation = state.automation.clone();
        }
        holds
    }

    /// The position of an instrument when the playhead is at `due`.
    fn place(ahead: &BTreeMap<InstrumentId, Ahead>, id: InstrumentId, due: u32) -> i64 {
        let due = i64::from(due);
        ahead.get(&id).map_or(due, |ahead| ahead.from.max(due + ahead.lead))
    }

    /// Keeps the strikes before the positions of their instruments, and drops the
    /// others.
    fn settle(&mut self, due: u32) {
        let Self { strikes, ahead, .. } = self;
        strikes.retain(|strike| strike.written < Self::place(ahead, strike.origin.by, due));
        for ahead in ahead.values_mut() {
            ahead.from = ahead.from.max(i64::from(due) + ahead.lead);
            ahead.lead = 0;
        }
        ahead.retain(|_, ahead| ahead.from > i64::from(due));
    }

    /// Gives what is settled and what is sounding its new end, or ends it if it is not
    /// written any more. A pad plays its sample completely, unless its kit is gone.
    fn revise(&mut self, state: &StudioState, way: Way, sounding: &mut SoundingNotes) {
        let Some(made_of) = &self.made_of else { return };
        let revision = Revision::of((&made_of.state, made_of.away), (state, way));
        self.strikes.retain_mut(|strike| {
            let end = revision.end(strike.what.place(), &strike.origin, strike.end);
            strike.end = end.unwrap_or_default().max(strike.tick + 1);
            end.is_some()
        });
        sounding.revise(|(id, key), origin, end| match key {
            Struckable::Pad(_) if state.instruments.contains(id) => end,
            _ => revision.end((id, key), origin, end).unwrap_or_else(|| way.due.into()),
        });
    }

    fn make(&mut self, state: &StudioState, way: Way) {
        let until = way.end_of_stretch(way.due);
        self.next.clear();
        self.looked_up = 0;
        let mut found = Found { time: way.due..until, ..Found::default() };
        let mut chased = Vec::new();
        for (id, player) in schedule::players(state) {
            if way.chases {
                chase(state, way, (id, &player), &mut chased);
            }
            self.look_up(state, way, (id, player), &mut found);
        }
        let begin: Vec<_> =
            found.strikes.iter().filter(|strike| strike.tick <= way.due.into()).collect();
        chased.retain(|note| !begin.iter().any(|strike| strike.what.replaces(&note.what)));
        found.strikes.append(&mut chased);
        self.until = until;
        self.ahead.extend(found.ahead);
        self.strikes.append(&mut found.strikes);
        self.sort();
        let tempo = found.follows_tempo.then_some(way.tempo);
        self.made_of = Some(MadeOf { state: state.clone(), away: way.away, tempo });
    }

    /// Looks up a part of the next stretch, to spread the work over several pulses.
    /// Call it only while the plan is valid.
    pub(super) fn look_ahead(&mut self, state: &StudioState, way: Way) {
        let until = way.end_of_stretch(self.until);
        if until == self.until || self.until - way.due >= STRETCH {
            return;
        }
        let strikes = std::mem::take(&mut self.next);
        let mut found = Found { time: self.until..until, strikes, ..Found::default() };
        let mut players = schedule::players(state).skip(self.looked_up);
        for player in players.by_ref().take(AT_ONCE) {
            self.look_up(state, way, player, &mut found);
        }
        self.looked_up += AT_ONCE;
        self.next = found.strikes;
        if players.next().is_none() {
            self.strikes.append(&mut self.next);
            self.sort();
            self.looked_up = 0;
            self.until = until;
        }
    }

    /// Adds the strikes of a player within `found.time`.
    fn look_up(
        &self,
        state: &StudioState,
        way: Way,
        (id, player): (InstrumentId, Player<'_>),
        found: &mut Found,
    ) {
        let groove = SessionGroove::of(state, way.tempo).groove(state.instruments.get(id));
        let (start, end) = (found.time.start, found.time.end);
        let (from, lead) = (Self::place(&self.ahead, id, start), groove.lead());
        if lead > 0 {
            found.ahead.insert(id, Ahead { from, lead });
        }
        found.follows_tempo |= groove.follows_tempo();
        pieces(from..from.max(i64::from(end) + lead), way, |span, pass, offset| {
            player.strike(state, id, span, &mut |written: WrittenStrike| {
                let strike = groove.play(id, &way.cut(written, lead), pass);
                found.strikes.extend(strike.map(|s| s.moved(offset).not_before(start)));
            });
        });
    }

    fn sort(&mut self) {
        self.strikes.sort_unstable_by_key(|Strike { tick, what, end, written, origin }| {
            Reverse((*tick, *what, *end, origin.by, *written, origin.pass))
        });
    }
}

impl Way {
    /// Ends a note of an instrument with a `lead` at the next jump: an instrument that is
    /// early plays the next pass before this one ends.
    pub(super) fn cut(self, written: WrittenStrike, lead: i64) -> WrittenStrike {
        let jump = self.away.filter(|away| lead > 0 && written.tick < away.at);
        WrittenStrike { end: jump.map_or(written.end, |jump| written.end.min(jump.at)), ..written }
    }

    fn end_of_stretch(self, from: u32) -> u32 {
        from.saturating_add(STRETCH).min(self.away.map_or(u32::MAX, |away| away.at))
    }
}

/// Adds the notes of a player that would sound at the next tick if they had been played from
/// their start.
fn chase(
    state: &StudioState,
    way: Way,
    (id, player): (InstrumentId, &Player<'_>),
    chased: &mut Vec<Strike>,
) {
    let groove = SessionGroove::of(state, way.tempo).groove(state.instruments.get(id));
    // The last note of each key, or of all keys of a mono track, ends the earlier ones.
    let mut last: BTreeMap<Option<Struckable>, (Strike, u32)> = BTreeMap::new();
    player.notes_before(state, id, way.due, &mut |written| {
        if let Some(strike) = groove.play(id, &way.cut(written, groove.lead()), way.pass) {
            let key = (!strike.what.mono).then_some(strike.what.key);
            let later =
                |(last, _): &(Strike, u32)| (strike.tick, strike.what) >= (last.tick, last.what);
            if last.get(&key).is_none_or(later) {
                last.insert(key, (strike, written.end));
            }
        }
    });
    let sounds = |(strike, end): &(Strike, u32)| *end > way.due && strike.end > way.due.into();
    chased.extend(last.into_values().filter(sounds).map(|(strike, _)| strike));
}

/// Whether the same lanes move the swing of the same drum machines.
fn machines_swing_alike(before: &StudioState, now: &StudioState) -> bool {
    let alike = |(kit, _)| {
        beats::kit_swing_lane(before, kit).map(ptr::from_ref)
            == beats::kit_swing_lane(now, kit).map(ptr::from_ref)
    };
    before.automation.is_same(&now.automation) || now.drums.machines().all(alike)
}

/// Whether both states have the same instruments with the same grooves.
fn groove_alike(before: &InstrumentState, now: &InstrumentState) -> bool {
    let alike = |change| match change {
        DiffItem::Update { old: (_, old), new: (_, new) } => {
            let (old, new): (&Arc<Instrument>, &Arc<Instrument>) = (old, new);
            old.groove == new.groove
        }
        DiffItem::Add(..) | DiffItem::Remove(..) => false,
    };
    before.is_same(now) || before.diff(now).all(alike)
}

/// Divides a stretch of time at the next jumps. Calls `piece` with the written
/// ticks of each piece, its pass, and the offset from written to played ticks.
fn pieces(time: Range<i64>, way: Way, mut piece: impl FnMut(Range<u32>, u32, i64)) {
    let (mut from, mut pass, mut offset) = (time.start, way.pass, 0);
    let tick = |tick: i64| u32::try_from(tick).unwrap_or(u32::MAX);
    while from < time.end {
        let end = way.away.map_or(time.end, |away| time.end.min(i64::from(away.at) + offset));
        if from < end {
            piece(tick(from - offset)..tick(end - offset), pass, offset);
            from = end;
        }
        let Some(Away { at, to: Some(to) }) = way.away else { break };
        offset += i64::from(at) - i64::from(to);
        pass = pass.wrapping_add(1);
    }
}
