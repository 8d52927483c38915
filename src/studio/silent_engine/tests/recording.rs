//! Recording of keys and parameters.

use super::*;

/// Starts the transport, and strikes key 40 `wait` ms later.
fn play_and_strike(rig: &mut Rig, wait: u64) {
    rig.transport(TransportAction::Play);
    rig.wait(wait);
    rig.strike(40);
}

#[test]
fn armed_track_records_played_keys() {
    let mut rig = Rig::new();
    rig.roll(PianoRollAction::Set(TrackSetting::Armed(true)));
    rig.transport(TransportAction::Record(true));
    rig.transport(TransportAction::Play);
    rig.wait(500);
    rig.key(InstrumentAction::Play(Pitch::of(40), Velocity::of(77)));
    rig.wait(250);
    rig.key(InstrumentAction::Release(Pitch::of(40)));
    rig.key(InstrumentAction::Play(Pitch::of(43), Velocity::of(77)));
    rig.wait(250);
    rig.transport(TransportAction::Stop);
    let written: Vec<_> = rig.state.piano_roll.track(BASS).unwrap().notes().collect();
    let velocity = Velocity::of(77);
    let expected = [note(480, 40, 240), note(720, 43, 240)].map(|n| Note { velocity, ..n });
    assert_eq!(written, expected);
    let keys = [(480, 40, true), (720, 40, false), (720, 43, true)];
    assert_eq!(rig.played(), keys, "a recorded note is not played again");
}

#[test]
fn armed_lane_records_parameter_changes() {
    let mut rig = Rig::new();
    let target = Target::Instrument(BASS, InstrumentParameter::Mute);
    rig.automate(target, AutomationAction::Add);
    rig.automate(target, AutomationAction::Set(LaneSetting::Armed(true)));
    rig.transport(TransportAction::Record(true));
    rig.transport(TransportAction::Play);
    rig.wait(500);
    rig.set(InstrumentSetting::Mute(true));
    rig.wait(500);
    rig.set(InstrumentSetting::Mute(false));
    rig.wait(100);
    let lane = rig.state.automation.lane(&target).unwrap();
    let points: Vec<_> = lane.points.iter().map(|p| (p.tick.get(), p.value.get())).collect();
    assert_eq!(points, [(479, 0.0), (480, 1.0), (960, 0.0)]);
}

impl Rig {
    /// A rig that records, with an armed track and an armed lane that has a point
    /// at tick 0, and counts in two seconds.
    fn recording_after_a_bar() -> Self {
        let mut rig = Self::new();
        rig.roll(PianoRollAction::Set(TrackSetting::Armed(true)));
        rig.automate(MUTE, AutomationAction::Add);
        rig.automate(MUTE, AutomationAction::Set(LaneSetting::Armed(true)));
        let point = Point { tick: Ticks::MIN, value: Amount::MIN, curve: Curve::Hold };
        rig.automate(MUTE, AutomationAction::Put(point));
        for click in [ClickSetting::On(true), ClickSetting::CountIn(CountIn::of(1))] {
            rig.act(&NetworkAction::Session(SessionSetting::Click(click)));
        }
        rig.transport(TransportAction::Record(true));
        rig
    }

    fn notes(&self) -> Vec<Note> {
        self.state.piano_roll.track(BASS).unwrap().notes().collect()
    }

    /// The points of the lane: `(tick, value)`.
    fn points(&self) -> Vec<(u32, f32)> {
        let lane = self.state.automation.lane(&MUTE).unwrap();
        lane.points.iter().map(|point| (point.tick.get(), point.value.get())).collect()
    }
}

const MUTE: Target = Target::Instrument(BASS, InstrumentParameter::Mute);

#[test]
fn count_in_is_not_recorded() {
    let mut rig = Rig::recording_after_a_bar();
    play_and_strike(&mut rig, 500);
    rig.set(InstrumentSetting::Mute(true));
    rig.wait(500);
    rig.release(40);
    rig.wait(500);
    rig.strike(43);
    rig.wait(1000);
    rig.release(43);
    assert_eq!(
        rig.notes(),
        [note(0, 43, 480)],
        "a key held through the count-in starts at its end"
    );
    assert_eq!(rig.points(), [(0, 0.0)]);
    rig.set(InstrumentSetting::Mute(false));
    assert_eq!(rig.points(), [(0, 0.0), (480, 0.0)], "recorded from then on");
}

#[test]
fn cancelled_count_in_records_no_held_key() {
    for broken_off in [TransportAction::Stop, TransportAction::Locate(Ticks::of(960))] {
        let mut rig = Rig::recording_after_a_bar();
        play_and_strike(&mut rig, 500);
        rig.transport(broken_off);
        rig.wait(500);
        rig.release(40);
        assert_eq!(rig.notes(), []);
    }
}

#[test]
fn key_is_not_recorded_if_recording_ends_in_the_count_in() {
    let mut rig = Rig::recording_after_a_bar();
    play_and_strike(&mut rig, 500);
    rig.transport(TransportAction::Record(false));
    rig.wait(2000);
    rig.release(40);
    assert_eq!(rig.notes(), []);
}

#[test]
fn parameter_changes_while_stopped_are_not_recorded() {
    let mut rig = Rig::recording_after_a_bar();
    rig.act(&NetworkAction::Session(SessionSetting::Click(ClickSetting::On(false))));
    rig.transport(TransportAction::Play);
    rig.wait(500);
    rig.transport(TransportAction::Stop);
    rig.transport(TransportAction::Locate(Ticks::MIN));
    rig.set(InstrumentSetting::Mute(true));
    rig.wait(500);
    rig.transport(TransportAction::Play);
    rig.wait(500);
    assert_eq!(rig.points(), [(0, 0.0)]);
}

impl Rig {
    /// A rig that records on an armed track.
    fn recording() -> Self {
        let mut rig = Self::new();
        rig.roll(PianoRollAction::Set(TrackSetting::Armed(true)));
        rig.transport(TransportAction::Record(true));
        rig
    }

    /// Releases a key that was held for `millis`, or for an unknown time.
    fn release_late(&mut self, pitch: u8, millis: Option<u32>) {
        let hold = millis.map_or(KeyHold::Unknown, |millis| KeyHold::Held(Millis(millis)));
        self.key(InstrumentAction::ReleaseLate(Pitch::of(pitch), hold));
    }
}

#[test]
fn key_released_late_is_recorded_as_long_as_it_was_held() {
    let mut rig = Rig::recording();
    play_and_strike(&mut rig, 500);
    rig.strike(41);
    rig.wait(700);
    rig.release_late(40, Some(250));
    rig.release_late(41, Some(5000));
    assert_eq!(rig.notes(), [note(480, 40, 240), note(480, 41, 672)], "at most as it sounded");
    assert!(rig.state.instruments.get(BASS).unwrap().sounding.is_empty());
}

#[test]
fn key_that_never_repeated_is_recorded_as_a_step_of_the_grid() {
    for (snap, length) in [
        (Some(NoteValue::Eighth), 240),
        (Some(NoteValue::Sixteenth), 120),
        (None, 120),
        (Some(NoteValue::Whole), 672),
    ] {
        let mut rig = Rig::recording();
        rig.act(&NetworkAction::Session(SessionSetting::Snap(snap)));
        play_and_strike(&mut rig, 500);
        rig.wait(700);
        rig.release_late(40, None);
        assert_eq!(rig.notes(), [note(480, 40, length)], "{snap:?}");
    }
}

#[test]
fn late_release_counts_at_the_tempo() {
    let mut rig = Rig::recording();
    rig.act(&NetworkAction::Session(SessionSetting::Tempo(Bpm::of(60.0))));
    play_and_strike(&mut rig, 1000);
    rig.wait(700);
    rig.release_late(40, Some(250));
    assert_eq!(rig.notes(), [note(480, 40, 120)]);
}

#[test]
fn late_release_after_a_stop_or_a_jump_shortens_the_note() {
    for (hold, length) in [(Some(250), 240), (None, 120), (Some(450), 288)] {
        let stop: [fn(&mut Rig); 3] = [
            |rig| rig.transport(TransportAction::Stop),
            |rig| rig.transport(TransportAction::Locate(Ticks::of(9600))),
            // The loop turns back at the same time.
            |_| {},
        ];
        for (number, stop) in stop.iter().enumerate() {
            let mut rig = Rig::recording();
            rig.transport(TransportAction::Region(region(0, 480 + 288)));
            rig.transport(TransportAction::Loop(true));
            play_and_strike(&mut rig, 500);
            rig.wait(300);
            stop(&mut rig);
            rig.wait(400);
            rig.release_late(40, hold);
            rig.wait(50);
            assert_eq!(rig.notes(), [note(480, 40, length)], "{hold:?}, stop {number}");
        }
    }
}

#[test]
fn late_release_does_not_touch_a_note_that_was_edited_since() {
    let mut rig = Rig::recording();
    play_and_strike(&mut rig, 500);
    rig.wait(300);
    rig.transport(TransportAction::Stop);
    rig.wait(10);
    let longer = NoteLength::of(960);
    rig.roll(PianoRollAction::Resize(Ticks::of(480), Pitch::of(40), longer));
    rig.release_late(40, None);
    assert_eq!(rig.notes(), [note(480, 40, 960)]);
}

#[test]
fn key_let_go_in_the_count_in_is_not_recorded() {
    for (hold, notes) in [
        (Some(300), vec![]),
        (None, vec![]),
        (Some(600), vec![note(0, 40, 96)]),
        (Some(700), vec![note(0, 40, 192)]),
    ] {
        let mut rig = Rig::recording_after_a_bar();
        play_and_strike(&mut rig, 1500);
        rig.wait(1000);
        rig.release_late(40, hold);
        assert_eq!(rig.notes(), notes, "{hold:?}");
    }
}

#[test]
fn key_let_go_in_the_count_in_leaves_nothing_after_a_stop() {
    let mut rig = Rig::recording_after_a_bar();
    play_and_strike(&mut rig, 1500);
    rig.wait(600);
    rig.transport(TransportAction::Stop);
    rig.wait(50);
    rig.release_late(40, Some(300));
    assert_eq!(rig.notes(), []);
}

#[test]
fn late_release_in_the_next_count_in_shortens_the_note() {
    let mut rig = Rig::recording();
    play_and_strike(&mut rig, 500);
    rig.wait(300);
    rig.transport(TransportAction::Stop);
    for click in [ClickSetting::On(true), ClickSetting::CountIn(CountIn::of(1))] {
        rig.act(&NetworkAction::Session(SessionSetting::Click(click)));
    }
    rig.transport(TransportAction::Play);
    rig.wait(400);
    rig.release_late(40, Some(250));
    assert_eq!(rig.notes(), [note(480, 40, 240)]);
}

#[test]
fn nothing_recorded_enters_the_next_piece() {
    let mut rig = Rig::recording_after_a_bar();
    rig.act(&NetworkAction::Session(SessionSetting::Click(ClickSetting::On(false))));
    let other = Arc::new(rig.state.clone());
    play_and_strike(&mut rig, 500);
    rig.set(InstrumentSetting::Mute(true));
    rig.wait(500);
    rig.act(&NetworkAction::ProjectReport(ProjectReport {
        task: ProjectAction::New,
        outcome: ProjectOutcome::Loaded(Shelf::default(), Arc::clone(&other)),
    }));
    rig.wait(500);
    rig.release_late(40, None);
    rig.wait(50);
    assert_eq!((rig.notes(), rig.points()), (vec![], vec![(0, 0.0)]));
}

#[test]
fn held_key_is_recorded_until_recording_ends() {
    let ends: [fn(&mut Rig); 2] = [
        |rig| rig.transport(TransportAction::Record(false)),
        |rig| rig.roll(PianoRollAction::Set(TrackSetting::Armed(false))),
    ];
    for (number, end) in ends.iter().enumerate() {
        for (hold, length) in [(None, 288), (Some(250), 240), (Some(900), 288)] {
            let mut rig = Rig::recording();
            play_and_strike(&mut rig, 500);
            rig.wait(300);
            end(&mut rig);
            rig.wait(700);
            match hold {
                Some(millis) => rig.release_late(40, Some(millis)),
                None => rig.release(40),
            }
            rig.wait(50);
            assert_eq!(rig.notes(), [note(480, 40, length)], "end {number}, {hold:?}");
        }
    }
}
