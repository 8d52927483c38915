//! Moves written notes to the tick and velocity at which an instrument plays them.
//!
//! Chance is a hash of position, instrument and key, so that every query gives the
//! same result. It knows nothing of the playhead.

use super::{
    schedule,
    strike::{CERTAIN, Strike, Struckable, VoiceKey, WrittenStrike},
    swing::{self, SwingCurve},
};
use crate::{
    model::InstrumentId,
    studio::{
        Humanise, Instrument, Lane, SessionParameter, SessionSetting, StudioState, Swing, Target,
        TimeSignature,
    },
    util::quantity::{Amount, Bpm, Ticks, Velocity},
};

/// The lane that moves the swing of the session.
pub(super) const SWING: Target = Target::Session(SessionParameter::Swing);

/// How many ticks a beat of a quarter note has.
const QUARTER: f32 = 480.0;

/// How far a velocity is at most from what is written: a quarter of all.
const SPREAD: f32 = 32.0;

/// What holds for all instruments that have nothing of their own.
#[derive(Clone, Copy)]
pub(super) struct SessionGroove<'a> {
    swing: Amount,
    /// What moves the swing, if something does.
    lane: Option<&'a Lane>,
    metre: TimeSignature,
    humanise: Humanise,
    tempo: Bpm,
}

/// How one instrument stands to the beat.
#[derive(Clone, Copy)]
pub(super) struct InstrumentGroove<'a> {
    swing: Amount,
    lane: Option<&'a Lane>,
    metre: TimeSignature,
    /// How much later it plays, in ticks; earlier, if negative.
    offset: i64,
    /// How far it is at most from there by chance, in ticks.
    stray: i64,
    /// How far its velocities are at most from what is written.
    spread: i64,
}

impl<'a> SessionGroove<'a> {
    /// The beat of a session that goes at this tempo.
    pub(super) fn of(state: &'a StudioState, tempo: Bpm) -> Self {
        let session = &state.session;
        Self {
            swing: session.swing,
            lane: swing_lane(state),
            metre: session.time_signature,
            humanise: session.humanise,
            tempo,
        }
    }

    pub(super) fn groove(self, instrument: Option<&Instrument>) -> InstrumentGroove<'a> {
        let own = instrument.map(|instrument| &*instrument.groove);
        let metre = own.and_then(|own| own.time_signature).unwrap_or(self.metre);
        let (swing, lane) = match own.map(|own| own.swing) {
            Some(Swing::Own(swing)) => (swing, None),
            Some(Swing::AsSession) | None => (self.swing, self.lane),
        };
        let both = |session: Amount, own: Option<Amount>| {
            (session.get() + own.map_or(0.0, Amount::get)).min(1.0)
        };
        let timing = both(self.humanise.timing, own.map(|own| own.humanise_timing));
        let velocity = both(self.humanise.velocity, own.map(|own| own.humanise_velocity));
        let beat = QUARTER * 4.0 / f32::from(metre.unit());
        let millis = own.map_or(0.0, |own| own.offset.get());
        InstrumentGroove {
            swing,
            lane,
            metre,
            offset: rounded(millis * self.tempo.get() * QUARTER / 60_000.0),
            stray: rounded(timing * beat / 8.0),
            spread: rounded(velocity * SPREAD),
        }
    }
}

/// The lane that moves the swing of the session, if one does.
pub(super) fn swing_lane(state: &StudioState) -> Option<&Lane> {
    state.automation.lane(&SWING).filter(|lane| schedule::moves(state, SWING, lane))
}

impl InstrumentGroove<'_> {
    /// How long before it is written something may be played, in ticks.
    pub(super) fn lead(&self) -> i64 {
        (self.stray - self.offset).max(0)
    }

    /// Whether the tempo has a say.
    pub(super) fn follows_tempo(&self) -> bool {
        self.offset != 0
    }

    /// What is played of what is written, and where, if it is played in this
    /// pass. `by` whom it is written has this groove.
    pub(super) fn play(
        &self,
        by: InstrumentId,
        written: &WrittenStrike,
        pass: u32,
    ) -> Option<Strike> {
        let WrittenStrike { tick, end, chance, mut what } = *written;
        let dice = |throw| dice((what.instrument, what.key), tick, pass, throw);
        let certain = chance >= CERTAIN;
        if !certain && dice(Throw::Whether) % u64::from(CERTAIN) >= u64::from(chance) {
            return None;
        }
        let shift = self.offset + stray(dice(Throw::When), self.stray);
        what.velocity = louder(what.velocity, stray(dice(Throw::HowHard), self.spread));
        let swing = self.swing_at(tick);
        let played = |tick| i64::from(swing.played(tick)) + shift;
        let (written, late) = (i64::from(tick), shift.max(0));
        // What is squeezed still lasts.
        let end = played(end).max(played(tick) + 1);
        Some(Strike { tick: played(tick), what, end, by, written, pass, late })
    }

    /// How it swings at a tick. A lane says it for two eighths at a time.
    fn swing_at(&self, tick: u32) -> SwingCurve {
        let at =
            self.lane.and(swing::pair(tick, self.metre)).and_then(|tick| Ticks::new(tick).ok());
        let value = self.lane.zip(at).and_then(|(lane, at)| lane.value(at));
        let swing = match value.map(|value| SessionParameter::Swing.setting(value)) {
            Some(SessionSetting::Swing(swing)) => swing,
            _ => self.swing,
        };
        SwingCurve::of(swing, self.metre)
    }
}

/// What is left to chance.
#[derive(Clone, Copy)]
enum Throw {
    Whether = 0,
    When = 1,
    HowHard = 2,
}

/// A number by chance: the same for the same place, key and pass, wherever and
/// whenever it is asked for.
fn dice((instrument, key): VoiceKey, tick: u32, pass: u32, throw: Throw) -> u64 {
    let place = u64::from(tick) << 32 | u64::from(instrument.0);
    let key = match key {
        Struckable::Note(pitch) => pitch.get(),
        Struckable::Pad(pad) => 128 + pad.get(),
    };
    let time = (throw as u64) << 40 | u64::from(pass) << 8 | u64::from(key);
    mixed(mixed(place) ^ time)
}

/// From `-most` to `most`, by chance.
fn stray(dice: u64, most: i64) -> i64 {
    let thrown = dice % (most.unsigned_abs() * 2 + 1);
    i64::try_from(thrown).unwrap_or_default() - most
}

/// Spreads a number over all numbers.
const fn mixed(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

fn louder(velocity: Velocity, by: i64) -> Velocity {
    let (min, max) = (i64::from(Velocity::MIN.get()), i64::from(Velocity::MAX.get()));
    let moved = (i64::from(velocity.get()) + by).clamp(min, max);
    u8::try_from(moved).ok().and_then(|moved| Velocity::new(moved).ok()).unwrap_or(velocity)
}

fn rounded(number: f32) -> i64 {
    #[expect(clippy::cast_possible_truncation, reason = "some hundred ticks")]
    let whole = number.round() as i64;
    whole
}
