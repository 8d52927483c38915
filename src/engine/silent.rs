//! An engine that keeps musical time and moves the meters, and makes no sound.
//!
//! It stands in where there is no sound card: in tests, in examples, and for a
//! jam whose sound comes from elsewhere. It never reads a clock: it is told what
//! time it is.

mod desk;

use std::time::Duration;

use super::{Engine, Metering};
use crate::{
    clock::Timestamp,
    quantity::{Bpm, Decibels, Ticks},
    studio::{NetworkAction, Studio, StudioEffect, StudioState, TransportAction},
};

/// How often the meters move: as often as a screen is drawn that has to look
/// fluent.
const PULSE: Duration = Duration::from_nanos(1_000_000_000 / 30);

/// An [`Engine`] for the [`Studio`] that makes no sound.
///
/// The playhead moves at the tempo of the session, and the meters show what the
/// held keys and the notes under the playhead would sound like, as far as
/// velocities, faders, pans, mutes and solos tell.
#[derive(Clone, Debug)]
pub struct SilentEngine {
    motion: Motion,
    /// In ticks; a fraction, so that nothing is lost between two pulses.
    position: f64,
    /// What the time since the last look is reckoned by.
    tempo: Bpm,
    last: Timestamp,
    /// Whether a key may be held.
    keys_held: bool,
    measured: Option<Timestamp>,
    metering: Metering,
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
            position: 0.0,
            tempo: metering.tempo,
            last: Timestamp::ZERO,
            keys_held: false,
            measured: None,
            metering,
        }
    }
}

impl Engine<Studio> for SilentEngine {
    fn perform(&mut self, now: Timestamp, state: &StudioState, effect: StudioEffect) {
        self.move_on(now, state);
        match effect {
            StudioEffect::Play => {
                // Who stopped a moment ago goes on from there: the transport has
                // not heard yet where that is.
                if self.motion == Motion::Still {
                    self.locate(state.transport.position);
                }
                self.motion = Motion::Moving;
            }
            StudioEffect::Stop => self.motion = Motion::Stopped,
            StudioEffect::Locate(position) => self.locate(position),
            StudioEffect::NoteOn { .. } => self.keys_held = true,
            // The meters find out whether it was the last one.
            StudioEffect::NoteOff { .. } => {}
        }
    }

    fn advance(&mut self, now: Timestamp, state: &StudioState) -> Vec<NetworkAction> {
        self.move_on(now, state);
        let playhead = playhead(self.position);
        let mut report = Vec::new();
        if self.motion == Motion::Stopped {
            self.motion = Motion::Still;
            report.push(NetworkAction::Transport(TransportAction::Locate(playhead)));
        }
        let peaks = self.measure(now, state, playhead);
        let playing = self.motion == Motion::Moving;
        self.metering = Metering { playhead, tempo: self.tempo, playing, peaks };
        report
    }

    fn metering(&self) -> Metering {
        self.metering
    }

    fn pulse(&self) -> Option<Duration> {
        (self.motion != Motion::Still || self.keys_held).then_some(PULSE)
    }
}

impl SilentEngine {
    fn locate(&mut self, position: Ticks) {
        self.position = f64::from(position.get());
    }

    /// Moves the playhead to `now`. The time that has passed is reckoned by the
    /// tempo that held while it passed, so that a change of tempo is no jump.
    fn move_on(&mut self, now: Timestamp, state: &StudioState) {
        match self.motion {
            Motion::Moving => {
                let beats = now.since(self.last).as_secs_f64() * f64::from(self.tempo.get()) / 60.0;
                let from = self.position;
                self.position = repeat(from, from + beats * 480.0, state);
            }
            Motion::Still => self.locate(state.transport.position),
            Motion::Stopped => {}
        }
        self.last = self.last.max(now);
        self.tempo = state.session.tempo;
    }

    /// The peaks, from the state at most once a pulse: a burst of effects must
    /// not cost a burst of measurements.
    fn measure(&mut self, now: Timestamp, state: &StudioState, playhead: Ticks) -> [Decibels; 2] {
        let due = self.measured.is_none_or(|last| now.since(last) * 2 >= PULSE);
        if self.pulse().is_some() && due {
            self.measured = Some(now);
            let playing = self.motion == Motion::Moving;
            let levels = desk::levels(state, playing.then_some(playhead));
            self.keys_held = levels.keys_held;
            self.metering.peaks = levels.peaks;
        }
        if self.pulse().is_none() {
            self.measured = None;
            self.metering.peaks = [Decibels::MIN; 2];
        }
        self.metering.peaks
    }
}

/// Where the playhead is that would have gone from `from` to `to`. Only who
/// runs into the end of the region is sent back: a playhead beyond it goes on.
fn repeat(from: f64, to: f64, state: &StudioState) -> f64 {
    let region = state.transport.region;
    let (start, end) = (f64::from(region.start().get()), f64::from(region.end().get()));
    if state.transport.looping && from < end && to >= end {
        start + (to - end) % (end - start)
    } else {
        to.min(f64::from(Ticks::MAX.get()))
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates")]
fn playhead(position: f64) -> Ticks {
    // The nearest tick: a sum of many pulses may fall short of one by a hair.
    Ticks::new(position.round() as u32).unwrap_or(Ticks::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::{InstrumentId, Model},
        quantity::{NoteLength, Pan, Pitch, Probability, Velocity},
        studio::{
            BusId, BusSetting, InstrumentAction, InstrumentSetting, LoopRegion, MasterSetting,
            MixerSetting, Name, Note, Output, PianoRollAction, SessionSetting,
        },
    };

    const BASS: InstrumentId = InstrumentId(1);

    /// A studio, its engine and their virtual clock.
    struct Rig {
        now: Timestamp,
        state: StudioState,
        engine: SilentEngine,
    }

    impl Rig {
        fn new() -> Self {
            let (now, state) = (Timestamp::ZERO, StudioState::starter());
            Self { now, state, engine: SilentEngine::default() }
        }

        fn act(&mut self, action: &NetworkAction) {
            for effect in Studio::reduce(&mut self.state, action).unwrap() {
                self.engine.perform(self.now, &self.state, effect);
            }
            for report in self.engine.advance(self.now, &self.state) {
                self.act(&report);
            }
        }

        fn transport(&mut self, action: TransportAction) {
            self.act(&NetworkAction::Transport(action));
        }

        fn set(&mut self, setting: InstrumentSetting) {
            self.act(&NetworkAction::Instrument(BASS, InstrumentAction::Set(setting)));
        }

        fn key(&mut self, action: InstrumentAction) {
            self.act(&NetworkAction::Instrument(BASS, action));
        }

        /// Lets `millis` pass, pulse by pulse, and returns where the playhead is.
        fn wait(&mut self, millis: u64) -> u32 {
            let end = self.now + Duration::from_millis(millis);
            while self.now < end {
                self.now = end.min(self.now + PULSE);
                let report = self.engine.advance(self.now, &self.state);
                assert_eq!(report, [], "nothing to say while nothing happens");
            }
            self.engine.metering().playhead.get()
        }

        fn peaks(&mut self) -> [i32; 2] {
            self.wait(34);
            #[expect(clippy::cast_possible_truncation)]
            self.engine.metering().peaks.map(|peak| peak.get().round() as i32)
        }
    }

    #[test]
    fn the_playhead_moves_at_the_tempo_and_stays_where_it_is_stopped() {
        let mut rig = Rig::new();
        rig.transport(TransportAction::Locate(Ticks::of(480)));
        assert_eq!(rig.engine.pulse(), None);
        rig.transport(TransportAction::Play);
        assert!(rig.engine.pulse().is_some());
        assert_eq!(rig.wait(1000), 480 + 960);
        rig.transport(TransportAction::Stop);
        assert_eq!(rig.wait(1000), 1440);
        assert_eq!(rig.state.transport.position, Ticks::of(1440));
        assert_eq!(rig.engine.pulse(), None);
    }

    #[test]
    fn stop_and_play_in_one_breath_go_on_from_the_same_place() {
        let mut rig = Rig::new();
        rig.transport(TransportAction::Play);
        rig.wait(1000);
        for effect in [StudioEffect::Stop, StudioEffect::Play] {
            rig.engine.perform(rig.now, &rig.state, effect);
        }
        assert_eq!(rig.wait(500), 960 + 480);
    }

    #[test]
    fn a_change_of_tempo_is_no_jump() {
        let mut rig = Rig::new();
        rig.transport(TransportAction::Play);
        rig.wait(1000);
        rig.act(&NetworkAction::Session(SessionSetting::Tempo(Bpm::of(240.0))));
        assert_eq!(rig.engine.metering().playhead.get(), 960);
        assert_eq!(rig.wait(1000), 960 + 1920);
    }

    #[test]
    fn the_playhead_can_be_moved_while_it_moves() {
        let mut rig = Rig::new();
        rig.transport(TransportAction::Play);
        rig.wait(1000);
        rig.transport(TransportAction::Locate(Ticks::of(10_000)));
        assert_eq!(rig.wait(500), 10_480);
    }

    #[test]
    fn a_loop_repeats_for_who_runs_into_its_end_only() {
        let mut rig = Rig::new();
        let region = LoopRegion::new(Ticks::of(480), Ticks::of(960)).unwrap();
        rig.transport(TransportAction::Region(region));
        rig.transport(TransportAction::Loop(true));
        rig.transport(TransportAction::Play);
        assert_eq!(rig.wait(1250), 480 + 240);
        rig.transport(TransportAction::Locate(Ticks::of(2000)));
        assert_eq!(rig.wait(500), 2480);
    }

    #[test]
    fn a_saved_session_shows_its_playhead_before_anything_happens() {
        let mut rig = Rig::new();
        rig.state.transport.position = Ticks::of(777);
        assert_eq!(rig.wait(34), 777);
    }

    #[test]
    fn the_meters_follow_key_fader_pan_bus_and_master() {
        let mut rig = Rig::new();
        let key = Pitch::of(40);
        rig.set(InstrumentSetting::Level(Decibels::of(0.0)));
        rig.key(InstrumentAction::Play(key, Velocity::MAX));
        assert_eq!(rig.peaks(), [0, 0]);
        rig.set(InstrumentSetting::Level(Decibels::of(-10.0)));
        assert_eq!(rig.peaks(), [-10, -10]);
        rig.set(InstrumentSetting::Pan(Pan::of(-1.0)));
        assert_eq!(rig.peaks(), [-10, -120]);

        let bus = BusId(1);
        rig.act(&NetworkAction::Mixer(MixerSetting::AddBus(bus, Name::default())));
        rig.set(InstrumentSetting::Output(Output::Bus(bus)));
        let mute = BusSetting::Mute(true);
        rig.act(&NetworkAction::Mixer(MixerSetting::Bus(bus, mute)));
        assert_eq!(rig.peaks(), [-120, -120]);
        rig.act(&NetworkAction::Mixer(MixerSetting::DeleteBus(bus)));
        let master = MasterSetting::Level(Decibels::of(-20.0));
        rig.act(&NetworkAction::Mixer(MixerSetting::Master(master)));
        assert_eq!(rig.peaks(), [-30, -120]);

        rig.key(InstrumentAction::Release(key));
        assert_eq!(rig.peaks(), [-120, -120]);
        assert_eq!(rig.engine.pulse(), None);
    }

    #[test]
    fn a_soloed_instrument_silences_the_others() {
        let mut rig = Rig::new();
        rig.key(InstrumentAction::Play(Pitch::of(40), Velocity::MAX));
        assert_eq!(rig.peaks(), [-6, -6]);
        let solo = InstrumentAction::Set(InstrumentSetting::Solo(true));
        rig.act(&NetworkAction::Instrument(InstrumentId(2), solo));
        assert_eq!(rig.peaks(), [-120, -120]);
    }

    #[test]
    fn the_notes_under_the_playhead_move_the_meters() {
        let mut rig = Rig::new();
        let note = Note {
            tick: Ticks::of(480),
            pitch: Pitch::of(40),
            length: NoteLength::of(480),
            velocity: Velocity::MAX,
            probability: Probability::MAX,
        };
        let add = PianoRollAction::Add(note);
        rig.act(&NetworkAction::PianoRoll(BASS, add));
        rig.transport(TransportAction::Play);
        assert_eq!(rig.peaks(), [-120, -120]);
        rig.wait(600);
        assert_eq!(rig.peaks(), [-6, -6]);
        rig.wait(500);
        assert_eq!(rig.peaks(), [-120, -120]);
    }
}
