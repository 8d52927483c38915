//! The click and the count-in.

use super::*;

impl Rig {
    /// A rig whose click is on, with these settings.
    fn clicking(settings: impl IntoIterator<Item = ClickSetting>) -> Self {
        let mut rig = Self::new();
        rig.click(ClickSetting::On(true));
        settings.into_iter().for_each(|setting| rig.click(setting));
        rig
    }

    fn click(&mut self, setting: ClickSetting) {
        self.act(&NetworkAction::Session(SessionSetting::Click(setting)));
    }

    fn metre(&mut self, beats: u8, unit: u8) {
        let metre = TimeSignature::new(beats, unit).unwrap();
        self.act(&NetworkAction::Session(SessionSetting::TimeSignature(metre)));
    }

    /// The clicks: `(tick, accent)`.
    fn clicks(&mut self) -> Vec<(u32, bool)> {
        let log = self.take_log();
        let clicks = log.iter().filter_map(|played| match played.what {
            PlaybackEvent::Click { accent } => Some((played.tick.get(), accent)),
            _ => None,
        });
        clicks.collect()
    }
}

#[test]
fn click_sounds_on_each_beat_with_an_accent_per_bar() {
    let mut rig = Rig::clicking([]);
    rig.metre(3, 8);
    rig.wait(1000);
    assert_eq!(rig.clicks(), [], "nothing moves");
    rig.transport(TransportAction::Play);
    rig.wait(1000);
    let eighths = [(0, true), (240, false), (480, false), (720, true), (960, false)];
    assert_eq!(rig.clicks(), eighths);
    rig.click(ClickSetting::Accent(false));
    rig.wait(500);
    assert_eq!(rig.clicks(), [(1200, false), (1440, false)]);
    rig.click(ClickSetting::On(false));
    rig.wait(500);
    rig.transport(TransportAction::Stop);
    rig.click(ClickSetting::On(true));
    rig.wait(500);
    assert_eq!(rig.clicks(), []);
}

#[test]
fn click_follows_the_loop() {
    let mut rig = Rig::clicking([]);
    rig.transport(TransportAction::Region(region(0, 960)));
    rig.transport(TransportAction::Loop(true));
    rig.transport(TransportAction::Play);
    rig.wait(1600);
    assert_eq!(rig.clicks(), [(0, true), (480, false), (0, true), (480, false)]);
}

#[test]
fn playhead_moves_after_the_count_in() {
    let mut rig = Rig::clicking([ClickSetting::CountIn(CountIn::of(2))]);
    rig.metre(3, 4);
    rig.roll(PianoRollAction::Add(note(1000, 60, 10)));
    rig.transport(TransportAction::Locate(Ticks::of(1000)));
    rig.transport(TransportAction::Play);
    assert_eq!(rig.wait(2995), 1000);
    assert!(rig.engine.metering.playing);
    let bar = [(1000, true), (1000, false), (1000, false)];
    assert_eq!(rig.clicks(), [bar, bar].concat());
    assert_eq!(rig.wait(505), 1480);
    assert_eq!(rig.clicks(), [(1440, true)]);
}

#[test]
fn stop_during_count_in_leaves_the_playhead() {
    let mut rig = Rig::clicking([ClickSetting::CountIn(CountIn::of(1))]);
    rig.transport(TransportAction::Play);
    rig.wait(700);
    rig.transport(TransportAction::Stop);
    assert_eq!(rig.wait(3000), 0);
    assert_eq!(rig.state.transport.position, Ticks::MIN);
    assert_eq!(rig.engine.pulse(), None);
    rig.click(ClickSetting::On(false));
    rig.transport(TransportAction::Play);
    assert_eq!(rig.wait(500), 480, "no count-in while the click is off");
}

#[test]
fn click_has_its_own_level_and_goes_through_the_master() {
    let mut rig = Rig::clicking([ClickSetting::Level(Decibels::of(-20.0))]);
    rig.act(&NetworkAction::Session(SessionSetting::Tempo(Bpm::of(20.0))));
    let solo = InstrumentAction::Set(InstrumentSetting::Solo(true));
    rig.act(&NetworkAction::Instrument(BASS, solo));
    rig.transport(TransportAction::Play);
    assert_eq!(rig.peaks(), [-20, -20]);
    let master = MasterSetting::Level(Decibels::of(-10.0));
    rig.act(&NetworkAction::Mixer(MixerSetting::Master(master)));
    assert_eq!(rig.peaks(), [-30, -30]);
    rig.wait(1000);
    assert_eq!(rig.peaks(), [-120, -120], "a quarter of the beat is over");
}

#[test]
fn click_lane_affects_playback_and_meters() {
    let mut rig = Rig::clicking([]);
    rig.act(&NetworkAction::Session(SessionSetting::Tempo(Bpm::of(60.0))));
    for (parameter, points) in [
        (ClickParameter::On, [(0, 0.0), (1920, 1.0)]),
        (ClickParameter::Accent, [(0, 1.0), (3840, 0.0)]),
    ] {
        let target = Target::Session(SessionParameter::Click(parameter));
        rig.automate(target, AutomationAction::Add);
        for (tick, value) in points {
            let (tick, value) = (Ticks::of(tick), Amount::of(value));
            let point = Point { tick, value, curve: Curve::Hold };
            rig.automate(target, AutomationAction::Put(point));
        }
    }
    rig.transport(TransportAction::Play);
    assert_eq!(rig.peaks(), [-120, -120], "the setting is on, the lane is off");
    rig.wait(3970);
    assert_eq!(rig.peaks(), [-12, -12]);
    rig.wait(4000);
    let clicks = [(1920, true), (2400, false), (2880, false), (3360, false), (3840, false)];
    assert_eq!(rig.clicks(), clicks);
}
