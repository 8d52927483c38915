//! What an engine of the studio says continuously, beside the state.

use serde::{Deserialize, Serialize};

use crate::{
    model::InstrumentId,
    studio::common::{bounded, ids::BusId},
    util::{
        ordmap::OrdMap,
        quantity::{Bpm, Decibels, Ticks},
    },
};

/// The values that change continuously: the playhead, the meters and the state of the engine.
/// It is cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metering {
    /// The playback position, as it is heard.
    pub playhead: Ticks,
    /// The tempo at the playhead.
    pub tempo: Bpm,
    /// Whether playback runs.
    pub playing: bool,
    /// The peak levels of the left and the right master channel, in decibels
    /// relative to full scale.
    pub peaks: [Decibels; 2],
    /// The peak levels of the instruments, after their faders.
    pub instruments: StripPeaks<InstrumentId>,
    /// The peak levels of the buses, after their faders.
    pub buses: StripPeaks<BusId>,
    /// The sound engine and its state.
    pub engine: SoundEngine,
}

impl Default for Metering {
    /// Stopped at tick 0, at 120 bpm, silent.
    fn default() -> Self {
        Self {
            playhead: Ticks::MIN,
            tempo: Bpm::of(120.0),
            playing: false,
            peaks: [Decibels::MIN; 2],
            instruments: StripPeaks::default(),
            buses: StripPeaks::default(),
            engine: SoundEngine::Silent,
        }
    }
}

/// The sound engine on the host's machine, and its state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SoundEngine {
    /// Nothing, by choice.
    Silent,
    /// `SuperCollider`'s server, which is being started.
    Starting,
    /// `SuperCollider`'s server, which sounds.
    Sounding {
        /// Its average load, in percent of a processor core.
        cpu: u16,
        /// How many bundles have reached it too late, since it was started.
        late: u32,
        /// Its sample rate in Hz.
        rate: u32,
    },
    /// `SuperCollider`'s server should make the sound, and does not answer.
    Missing,
}

/// The strips of one kind that a metering can hold; the two kinds fit into a report with it.
pub const MAX_METERED: usize = 256;

/// The peak levels of strips, left and right, by id.
///
/// A silent strip is left out. A level is kept in a byte, in half decibels: 231 is 0 dB
/// relative to full scale, 255 is 12 dB, 1 is −115 dB, and 0 is silence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent, bound(deserialize = "K: Deserialize<'de> + Ord + Clone"))]
pub struct StripPeaks<K: Ord>(
    #[serde(deserialize_with = "bounded::map::<MAX_METERED, _, _, _>")] OrdMap<K, [u8; 2]>,
);

/// The byte of 0 dB.
const FULL_SCALE: f32 = 231.0;

impl<K: Ord + Copy> StripPeaks<K> {
    /// The levels of a strip, to the half decibel.
    #[must_use]
    pub fn get(&self, strip: K) -> [Decibels; 2] {
        self.0.get(&strip).copied().unwrap_or_default().map(level)
    }
}

impl<K: Ord> Default for StripPeaks<K> {
    fn default() -> Self {
        Self(OrdMap::default())
    }
}

/// Of more than [`MAX_METERED`] strips that are not silent, the first ones.
impl<K: Ord + Copy> FromIterator<(K, [Decibels; 2])> for StripPeaks<K> {
    fn from_iter<I: IntoIterator<Item = (K, [Decibels; 2])>>(strips: I) -> Self {
        let strips = strips.into_iter().map(|(strip, levels)| (strip, levels.map(byte)));
        let heard = strips.filter(|(_, bytes)| *bytes != [0, 0]);
        Self(heard.take(MAX_METERED).collect())
    }
}

fn level(byte: u8) -> Decibels {
    let level = (f32::from(byte) - FULL_SCALE) / 2.0;
    Decibels::new(level).ok().filter(|_| byte > 0).unwrap_or(Decibels::MIN)
}

fn byte(level: Decibels) -> u8 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it saturates")]
    let byte = (level.get() * 2.0 + FULL_SCALE).round() as u8;
    byte
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_is_half_a_decibel_below_twelve() {
        for (bytes, decibels) in [(255, 12.0), (254, 11.5), (231, 0.0), (1, -115.0), (0, -120.0)] {
            assert_eq!(level(bytes), Decibels::of(decibels));
            assert_eq!(byte(Decibels::of(decibels)), bytes);
        }
        assert_eq!(byte(Decibels::of(-6.2)), byte(Decibels::of(-6.0)));
    }

    #[test]
    fn silent_strips_are_left_out() {
        let (silent, soft) = (Decibels::MIN, Decibels::of(-40.0));
        let strips = [(1, [silent, silent]), (2, [silent, soft])];
        let peaks: StripPeaks<u32> = strips.into_iter().collect();
        assert_eq!(serde_json::to_string(&peaks).unwrap(), r#"{"2":[0,151]}"#);
        assert_eq!([1, 2, 3].map(|id| peaks.get(id)), [[silent; 2], [silent, soft], [silent; 2]]);
    }

    #[test]
    fn strips_are_bounded_on_both_ends_of_the_wire() {
        let loud = [Decibels::of(0.0); 2];
        let strips = |count: u32| -> StripPeaks<u32> { (0..count).map(|id| (id, loud)).collect() };
        assert_eq!(strips(257), strips(256));
        let written = serde_json::to_string(&strips(256)).unwrap();
        assert_eq!(serde_json::from_str::<StripPeaks<u32>>(&written).unwrap(), strips(256));
        let longer = written.replace('}', r#","256":[1,1]}"#);
        assert!(serde_json::from_str::<StripPeaks<u32>>(&longer).is_err());
    }
}
