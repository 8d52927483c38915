//! The state of the server, as metering and notices show it.
//!
//! It must not know how the server is reached.

use std::time::Duration;

use imbolc_net::{
    studio::{Metering, SoundEngine},
    util::{quantity::Decibels, time::Timestamp},
};

use crate::{
    sequencer::{Sequencer, StripId},
    server::{Load, ServerEvent},
};

/// How long the server may be silent before it counts as missing.
const MISSED: Duration = Duration::from_secs(1);

/// The last reports of the server.
#[derive(Debug, Default)]
pub(super) struct ServerState {
    load: Option<(Timestamp, Load)>,
    /// Why it does not run; `None` while it runs and before the first attempt has failed.
    down: Option<String>,
    /// The first control bus of the peaks, and the values from there.
    peaks: (u32, Vec<f32>),
    troubles: Vec<String>,
}

impl ServerState {
    pub(super) fn take(&mut self, event: ServerEvent, now: Timestamp) {
        match event {
            ServerEvent::Up(audio) => {
                let back = self.down.take().is_some();
                let sound = if back { "the sound is back" } else { "the sound is ready" };
                let rate = audio.rate.round();
                self.troubles.push(format!("{sound}: {} at {rate} Hz", audio.system));
                // Until its first report.
                let sample_rate = audio.rate;
                let load = Load { cpu: 0.0, peak_cpu: 0.0, late: self.late(), sample_rate };
                self.load = Some((now, load));
            }
            ServerEvent::Down(why) => {
                self.troubles.push(why.clone());
                self.down = Some(why);
                self.peaks.1.clear();
            }
            ServerEvent::Missing(_, why) => self.troubles.push(why),
            ServerEvent::Peaks { first, values } => self.peaks = (first, values),
            ServerEvent::Status(load) => self.load = Some((now, load)),
            ServerEvent::Trouble(line) => self.troubles.push(line),
            ServerEvent::Defined(_) | ServerEvent::Loaded(..) | ServerEvent::Prepared(..) => {}
        }
    }

    fn late(&self) -> u64 {
        self.load.map_or(0, |(_, load)| load.late)
    }

    /// The state for the metering. A server that has reported nothing for 1 s is missing.
    pub(super) fn state(&self, is_up: bool, now: Timestamp) -> SoundEngine {
        if !is_up {
            return if self.down.is_some() { SoundEngine::Missing } else { SoundEngine::Starting };
        }
        match &self.load {
            Some((said, load)) if now.since(*said) <= MISSED => SoundEngine::Sounding {
                cpu: whole(load.cpu.into()).try_into().unwrap_or(u16::MAX),
                late: load.late.try_into().unwrap_or(u32::MAX),
                rate: whole(load.sample_rate),
            },
            _ => SoundEngine::Missing,
        }
    }

    /// Puts the peaks of all strips into a metering.
    pub(super) fn fill(&self, metering: &mut Metering, sequencer: &Sequencer) {
        let (start, peaks) = &self.peaks;
        let level = |bus: u32| {
            let at = bus.checked_sub(*start).and_then(|at| usize::try_from(at).ok());
            decibels(at.and_then(|at| peaks.get(at)).copied().unwrap_or_default())
        };
        let strips = || sequencer.meters().map(|(id, bus)| (id, [level(bus), level(bus + 1)]));
        metering.instruments = strips()
            .filter_map(|(id, levels)| match id {
                StripId::Instrument(id) => Some((id, levels)),
                _ => None,
            })
            .collect();
        metering.buses = strips()
            .filter_map(|(id, levels)| match id {
                StripId::Bus(id) => Some((id, levels)),
                _ => None,
            })
            .collect();
        let master = strips().find(|(id, _)| *id == StripId::Master);
        metering.peaks = master.map_or([Decibels::MIN; 2], |(_, levels)| levels);
    }

    /// Problems and recoveries since the last call, one line each.
    pub(super) fn troubles(&mut self) -> Vec<String> {
        std::mem::take(&mut self.troubles)
    }
}

/// To the nearest whole number.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it saturates")]
const fn whole(value: f64) -> u32 {
    value.round() as u32
}

/// The level of an amplitude; silence for NaN.
fn decibels(amplitude: f32) -> Decibels {
    let (min, max) = (Decibels::MIN, Decibels::MAX);
    let level = 20.0 * amplitude.max(0.0).log10();
    Decibels::new(level.clamp(min.get(), max.get())).unwrap_or(min)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOAD: Load = Load { cpu: 12.4, peak_cpu: 20.0, late: 3, sample_rate: 48_000.2 };

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_micros(millis * 1000)
    }

    #[test]
    fn amplitudes_become_decibels() {
        for (amplitude, expected) in [
            (1.0, 0.0),
            (0.5, -6.0206),
            (0.0, -120.0),
            (-1.0, -120.0),
            (1e9, 12.0),
            (f32::NAN, -120.0),
        ] {
            assert!((decibels(amplitude).get() - expected).abs() < 1e-3, "{amplitude}");
        }
    }

    #[test]
    fn server_that_says_nothing_for_a_second_is_missing() {
        let mut server = ServerState::default();
        assert_eq!(server.state(false, at(0)), SoundEngine::Starting);
        server.take(ServerEvent::Status(LOAD), at(100));
        let sounding = SoundEngine::Sounding { cpu: 12, late: 3, rate: 48_000 };
        assert_eq!(server.state(true, at(1_100)), sounding);
        assert_eq!(server.state(true, at(1_101)), SoundEngine::Missing);
        server.take(ServerEvent::Status(LOAD), at(2_000));
        assert_eq!(server.state(true, at(2_000)), sounding);
        server.take(ServerEvent::Down("it is gone".into()), at(2_000));
        assert_eq!(server.state(false, at(2_000)), SoundEngine::Missing);
        assert_eq!(server.troubles(), ["it is gone"]);
    }
}
