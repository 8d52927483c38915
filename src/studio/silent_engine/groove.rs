//! Moves written notes to the tick and velocity at which an instrument plays them.
//!
//! Chance is a hash of position, instrument and key, so that every query gives the
//! same result. It knows nothing of the playhead.

use super::{
    schedule,
    strike::{CERTAIN, Origin, Strike, Struckable, VoiceKey, WrittenStrike},
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

/// The target of the session's swing lane.
pub(super) const SWING: Target = Target::Session(SessionParameter::Swing);

/// The ticks of a quarter note.
const QUARTER: f32 = 480.0;

/// The largest change of a velocity: a quarter of the range.
const SPREAD: f32 = 32.0;

/// The session's groove, for instruments without settings of their own.
#[derive(Clone, Copy)]
pub(super) struct SessionGroove<'a> {
    swing: Amount,
    /// The active swing lane, if any.
    lane: Option<&'a Lane>,
    metre: TimeSignature,
    humanise: Humanise,
    tempo: Bpm,
}

/// The groove of one instrument.
#[derive(Clone, Copy)]
pub(super) struct InstrumentGroove<'a> {
    swing: Amount,
    lane: Option<&'a Lane>,
    metre: TimeSignature,
    /// The delay in ticks; negative if it plays early.
    offset: i64,
    /// The largest random shift, in ticks.
    stray: i64,
    /// The largest random change of a velocity.
    spread: i64,
}

impl<'a> SessionGroove<'a> {
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

/// The session's swing lane, if it is active.
pub(super) fn swing_lane(state: &StudioState) -> Option<&Lane> {
    state.automation.lane(&SWING).filter(|lane| schedule::moves(state, SWING, lane))
}

impl InstrumentGroove<'_> {
    /// How many ticks a note may be played before its written tick.
    pub(super) fn lead(&self) -> i64 {
        (self.stray - self.offset).max(0)
    }

    /// Whether the result depends on the tempo.
    pub(super) fn follows_tempo(&self) -> bool {
        self.offset != 0
    }

    /// The strike as played in this pass; `None` if chance skips it. `by` is the
    /// instrument whose notes these are, and whose groove this is.
    pub(super) fn play(
        &self,
        by: InstrumentId,
        written: &WrittenStrike,
        pass: u32,
    ) -> Option<Strike> {
        let WrittenStrike { tick, straight, chance, mut what, .. } = *written;
        let dice = |throw| dice((what.instrument, what.key), tick, pass, throw);
        let certain = chance >= CERTAIN;
        if !certain && dice(Throw::Whether) % u64::from(CERTAIN) >= u64::from(chance) {
            return None;
        }
        let shift = self.offset + stray(dice(Throw::When), self.stray);
        what.velocity = louder(what.velocity, stray(dice(Throw::HowHard), self.spread));
        let origin = Origin { by, straight, pass, base: 0, swing: self.swing_at(tick), shift };
        let (played, end) = (origin.played(tick), origin.end(written));
        Some(Strike { tick: played, what, end, written: tick.into(), origin })
    }

    /// The swing at a tick. A lane is read once per pair of eighths.
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

/// The random choices for a note.
#[derive(Clone, Copy)]
enum Throw {
    Whether = 0,
    When = 1,
    HowHard = 2,
}

/// A pseudo-random number: the same for the same position, key, pass and choice.
fn dice((instrument, key): VoiceKey, tick: u32, pass: u32, throw: Throw) -> u64 {
    let place = u64::from(tick) << 32 | u64::from(instrument.0);
    let key = match key {
        Struckable::Note(pitch) => pitch.get(),
        Struckable::Pad(pad) => 128 + pad.get(),
    };
    let time = (throw as u64) << 40 | u64::from(pass) << 8 | u64::from(key);
    mixed(mixed(place) ^ time)
}

/// A number from `-most` to `most`.
fn stray(dice: u64, most: i64) -> i64 {
    let thrown = dice % (most.unsigned_abs() * 2 + 1);
    i64::try_from(thrown).unwrap_or_default() - most
}

/// A hash of `number` (`SplitMix64`).
pub(super) const fn mixed(number: u64) -> u64 {
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
