//! More voices and strips than there can be.

use imbolc_net::{
    studio::EnvelopeSetting,
    util::quantity::{Amount, Seconds},
};

use super::{
    super::{MAX_STRIPS, MAX_VOICES},
    *,
};

/// A studio of so many oscillators, without sounds yet.
fn crowd(count: u32) -> Stage {
    let mut state = StudioState::default();
    for id in 1..=count {
        let (id, name) = (InstrumentId(id), Name::default());
        let add = NetworkAction::AddInstrument { id, name, source: SourceKind::Oscillator };
        Studio::reduce(&mut state, &add).unwrap();
    }
    Stage::of(state, ServerModel::new(Duration::ZERO))
}

#[test]
fn of_2048_instruments_256_sound_at_a_time() {
    let mut stage = crowd(2_048);
    for first in (1..=2_048).step_by(MAX_STRIPS) {
        for id in first..first + MAX_STRIPS as u32 {
            stage.note_on(InstrumentId(id), 60);
        }
        stage.wait(millis(200));
        assert_eq!(stage.server.voices().count(), MAX_STRIPS);
        for id in first..first + MAX_STRIPS as u32 {
            assert_eq!(stage.voices_of(InstrumentId(id)), 1);
            stage.note_off(InstrumentId(id), 60);
        }
        stage.wait(millis(100));
        assert_eq!(stage.server.voices().count(), 0);
    }
    stage.wait(millis(5_000));
    stage.assert_at_rest();
}

#[test]
fn thousand_notes_at_one_time_leave_nothing() {
    let mut stage = crowd(250);
    let keys: Vec<_> = (1..=250).flat_map(|id| [40, 50, 60, 70].map(|key| (id, key))).collect();
    let event = |on: bool, (id, key): (u32, u8), time| {
        let (instrument, pitch) = (InstrumentId(id), Pitch::of(key));
        let velocity = Velocity::of(100);
        let what = if on {
            PlaybackEvent::NoteOn { instrument, pitch, velocity }
        } else {
            PlaybackEvent::NoteOff { instrument, pitch }
        };
        Played { time, tick: Ticks::of(0), pass: 0, what }
    };
    // The second time, they end in the microsecond in which they begin.
    for length in [100, 0] {
        let events = |on| keys.iter().map(|key| event(on, *key, stage.now)).collect::<Vec<_>>();
        let [begin, end] = [events(true), events(false)];
        stage.call(begin, false);
        stage.wait(millis(length));
        if length > 0 {
            assert_eq!(stage.server.voices().count(), MAX_VOICES);
        }
        let now = stage.now;
        stage.call(end.into_iter().map(|own| Played { time: now, ..own }).collect(), false);
        stage.wait(millis(5_000));
        stage.assert_at_rest();
    }
}

#[test]
fn strip_that_has_rung_out_goes_first() {
    let mut stage = crowd(300);
    for id in 1..=MAX_STRIPS as u32 {
        stage.note_on(InstrumentId(id), 60);
    }
    stage.note_off(InstrumentId(77), 60);
    stage.wait(millis(1_000));
    stage.note_on(InstrumentId(300), 60);
    stage.wait(millis(100));
    assert!(!stage.has_strip(InstrumentId(77)));
    assert_eq!(stage.server.voices().count(), MAX_STRIPS);
    // All of them sound: the quietest goes.
    let what = PlaybackEvent::NoteOn {
        instrument: InstrumentId(77),
        pitch: Pitch::of(60),
        velocity: Velocity::of(1),
    };
    stage.event(what, Duration::ZERO);
    stage.note_on(InstrumentId(299), 60);
    stage.wait(millis(100));
    assert!(!stage.has_strip(InstrumentId(77)));
    assert!(stage.has_strip(InstrumentId(299)));
}

#[test]
fn strip_of_a_voice_that_rings_stays_longer_than_a_quiet_one() {
    let mut stage = crowd(300);
    let (ringing, quiet) = (InstrumentId(1), InstrumentId(2));
    stage.set(ringing, InstrumentSetting::Amp(EnvelopeSetting::Release(Seconds::of(60.0))));
    for id in 1..=MAX_STRIPS as u32 {
        stage.note_on(InstrumentId(id), 60);
    }
    stage.wait(millis(100));
    stage.note_off(ringing, 60);
    stage.note_off(quiet, 60);
    while stage.sequencer.server.strips[&quiet].quiet_at.is_none() {
        stage.wait(millis(10));
    }
    stage.note_on(InstrumentId(300), 60);
    stage.wait(millis(100));
    assert!(stage.has_strip(ringing));
    assert!(!stage.has_strip(quiet));
}

#[test]
fn released_voice_goes_first_then_the_quietest() {
    let mut stage = crowd(10);
    let key = |n: usize| (InstrumentId(1 + n as u32 / 100), (n % 100) as u8);
    let (decaying, released) = (InstrumentId(9), InstrumentId(8));
    stage.set(released, InstrumentSetting::Amp(EnvelopeSetting::Release(Seconds::of(5.0))));
    stage.set(decaying, InstrumentSetting::Amp(EnvelopeSetting::Sustain(Amount::of(0.0))));
    stage.set(decaying, InstrumentSetting::Amp(EnvelopeSetting::Decay(Seconds::of(0.2))));
    stage.note_on(released, 60);
    stage.note_on(released, 61);
    for n in 0..MAX_VOICES - 3 {
        let (id, pitch) = key(n);
        stage.note_on(id, pitch);
    }
    stage.note_on(decaying, 60);
    stage.wait(millis(300));
    assert_eq!(stage.server.voices().count(), MAX_VOICES);
    let gates = |stage: &Stage| -> Vec<i32> {
        let log = stage.server.log.iter().filter(|(_, message)| message.addr == "/n_set");
        log.filter_map(|(_, message)| message.args[0].clone().int()).collect()
    };
    let node_of = |stage: &Stage, id, first: bool| {
        let bus = stage.fader(StripId::Instrument(id)).unwrap().control("bus");
        let own = stage.server.voices().filter(|(_, node)| node.control("bus") == bus);
        let own: Vec<_> = own.map(|(id, _)| id).collect();
        if first { own[0] } else { own[own.len() - 1] }
    };
    let nodes = [
        node_of(&stage, released, false),
        node_of(&stage, released, true),
        node_of(&stage, decaying, true),
    ];
    stage.note_off(released, 61);
    stage.wait(millis(1));
    stage.note_off(released, 60);
    for pitch in 100..103 {
        stage.note_on(InstrumentId(7), pitch);
    }
    stage.wait(millis(100));
    let gates = gates(&stage);
    // Each released one is released, then cut; at last the one that has decayed is cut.
    assert_eq!(gates, [nodes[0], nodes[1], nodes[0], nodes[1], nodes[2]]);
    for n in 0..MAX_VOICES - 3 {
        let (id, pitch) = key(n);
        stage.note_off(id, pitch);
    }
    for pitch in 100..103 {
        stage.note_off(InstrumentId(7), pitch);
    }
    stage.wait(millis(8_000));
    stage.assert_at_rest();
}

#[test]
fn voice_that_is_over_makes_room_before_one_that_rings() {
    let mut stage = crowd(10);
    let (ringing, short) = (InstrumentId(8), InstrumentId(9));
    for (id, seconds) in [(ringing, 5.0), (short, 0.05)] {
        let release = EnvelopeSetting::Release(Seconds::of(seconds));
        stage.set(id, InstrumentSetting::Amp(release));
        stage.note_on(id, 60);
    }
    for n in 2..MAX_VOICES {
        stage.note_on(InstrumentId(1 + n as u32 / 100), (n % 100) as u8);
    }
    stage.wait(millis(100));
    for id in [ringing, short] {
        stage.note_off(id, 60);
        stage.wait(millis(100));
    }
    let before = stage.server.log.len();
    stage.note_on(InstrumentId(7), 100);
    stage.wait(millis(50));
    assert_eq!(stage.server.count("/n_set", before), 0, "no voice is cut");
}

#[test]
fn more_open_inputs_than_strips_do_not_fight() {
    let mut state = StudioState::default();
    for id in 1..=MAX_STRIPS as u32 + 2 {
        let (id, name) = (InstrumentId(id), Name::default());
        let add = NetworkAction::AddInstrument { id, name, source: SourceKind::AudioInput };
        Studio::reduce(&mut state, &add).unwrap();
    }
    let mut stage = Stage::of(state, ServerModel::new(Duration::ZERO));
    stage.wait(millis(100));
    let before = stage.server.log.len();
    stage.wait(millis(300));
    assert_eq!(stage.server.log.len(), before);
    assert_eq!(stage.server.voices().count(), MAX_STRIPS);
}
