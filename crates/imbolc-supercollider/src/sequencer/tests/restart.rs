//! A server that begins again, and silence.

use super::*;

pub(super) fn restart(stage: &mut Stage) {
    stage.online = false;
    stage.sequencer.end();
    stage.wait(millis(500));
    let now = stage.now;
    stage.server = ServerModel::new(Duration::ZERO);
    stage.server.run_to(now);
    stage.online = true;
    stage.sequencer.begin(now, &mut stage.server);
}

#[test]
fn held_notes_are_played_again() {
    let mut stage = Stage::new();
    stage.press(LEAD, 60);
    stage.press(LEAD, 64);
    stage.wait(millis(100));
    stage.let_go(LEAD, 64);
    for _ in 0..2 {
        restart(&mut stage);
        stage.wait(millis(100));
        assert_eq!(stage.voices_of(LEAD), 1);
    }
    stage.let_go(LEAD, 60);
    stage.wait(millis(5_000));
    stage.assert_at_rest();
}

#[test]
fn keys_released_without_a_server_stay_silent() {
    let mut stage = Stage::new();
    stage.press(LEAD, 60);
    stage.online = false;
    stage.sequencer.end();
    stage.let_go(LEAD, 60);
    restart(&mut stage);
    stage.wait(millis(100));
    stage.assert_at_rest();
}

#[test]
fn silence_cuts_all_and_play_goes_on() {
    let mut stage = Stage::new();
    let bus = stage.add_bus(1);
    stage.set(LEAD, InstrumentSetting::Output(imbolc_net::studio::Output::Bus(bus)));
    for pitch in 60..70 {
        stage.press(LEAD, pitch);
    }
    for _ in 0..3 {
        // One is under way.
        stage.note_on(LEAD, 71);
        stage.sequencer.silence(stage.now, &mut stage.server);
        assert_eq!(stage.server.voices().count(), 0);
        stage.wait(millis(100));
        assert_eq!(stage.server.voices().count(), 0);
        stage.assert_at_rest();
        stage.note_on(LEAD, 60);
        stage.wait(millis(100));
        assert_eq!(stage.voices_of(LEAD), 1);
    }
    // The keys that were held are let go.
    for pitch in 60..70 {
        stage.let_go(LEAD, pitch);
    }
    stage.wait(millis(5_000));
    stage.assert_at_rest();
}

#[test]
fn what_was_silenced_does_not_sound_again() {
    let mut stage = Stage::new();
    stage.press(LEAD, 60);
    stage.wait(millis(100));
    stage.sequencer.silence(stage.now, &mut stage.server);
    restart(&mut stage);
    stage.wait(millis(100));
    assert_eq!(stage.server.voices().count(), 0);
}

#[test]
fn key_held_for_long_waits_for_the_definitions_of_a_new_server() {
    let mut stage = Stage::new();
    stage.press(LEAD, 60);
    stage.wait(millis(3_000));
    stage.sequencer.end();
    stage.server = ServerModel::new(millis(200));
    stage.server.run_to(stage.now);
    stage.sequencer.begin(stage.now, &mut stage.server);
    stage.wait(millis(400));
    assert_eq!(stage.voices_of(LEAD), 1);
}

#[test]
fn silence_gives_the_numbers_of_strips_back() {
    let mut stage = Stage::new();
    for _ in 0..600 {
        stage.note_on(LEAD, 60);
        stage.wait(millis(5));
        assert!(stage.has_strip(LEAD));
        stage.sequencer.silence(stage.now, &mut stage.server);
    }
}
