//! A recorded take is a step of its player.

use std::{sync::Arc, time::Duration};

use imbolc_net::{
    SessionEvent,
    model::{EngineWorker as _, InstrumentId},
    protocol::{ClientId, ClientMessage, Refusal, Resume},
    studio::{
        AutomationAction, Curve, FilterParameter, InstrumentAction, InstrumentParameter,
        LaneSetting, LoopRegion, MAX_NOTES, NetworkAction, Note, Notes, PianoRollAction, Point,
        ProjectAction, ProjectOutcome, ProjectReport, Shelf, SilentEngine, Studio, StudioEffect,
        StudioState, Target, TrackSetting, TransportAction, TransportReport,
    },
    util::quantity::{Amount, NoteLength, Pitch, Probability, Ticks, Velocity},
};

use super::{answered, kept, later, pass, tempo, undo, undone};
use crate::harness::{BASS, Guest, Harness, LEAD, cutoff, play_key};

fn note(tick: u32, pitch: u8) -> Note {
    Note {
        tick: Ticks::of(tick),
        pitch: Pitch::of(pitch),
        length: NoteLength::of(240),
        velocity: Velocity::of(100),
        probability: Probability::MAX,
    }
}

/// A note as the engine records it.
fn recorded(instrument: InstrumentId, tick: u32, pitch: u8) -> NetworkAction {
    let notes: Notes = [note(tick, pitch)].into_iter().collect();
    NetworkAction::PianoRoll(instrument, PianoRollAction::Paste(notes))
}

fn transport(action: TransportAction) -> NetworkAction {
    NetworkAction::Transport(action)
}

const CUTOFF: Target =
    Target::Instrument(BASS, InstrumentParameter::Filter(FilterParameter::Cutoff));

/// A point as the engine records it.
fn point(tick: u32, value: f32) -> NetworkAction {
    let (tick, value) = (Ticks::of(tick), Amount::of(value));
    let point = Point { tick, value, curve: Curve::Hold };
    NetworkAction::Automation(CUTOFF, AutomationAction::Put(point))
}

/// The host begins a take.
fn record(harness: &mut Harness) {
    for action in [TransportAction::Record(true), TransportAction::Play] {
        harness.session.act(harness.now, &transport(action)).unwrap();
    }
}

fn stop(harness: &mut Harness) {
    harness.session.act(harness.now, &transport(TransportAction::Stop)).unwrap();
}

fn notes(harness: &Harness, instrument: InstrumentId) -> usize {
    harness.session.state().model.piano_roll.track(instrument).unwrap().len()
}

/// Undoes, without expecting a prediction. Returns the reports and refusals.
fn undo_unpredicted(harness: &mut Harness, guest: &mut Guest) -> Vec<SessionEvent<Studio>> {
    let before = guest.mirror.predicted().model.clone();
    guest.mirror.undo().unwrap();
    assert_eq!(guest.mirror.predicted().model, before, "not predicted");
    guest.take_events();
    harness.settle(&mut [guest]);
    assert_eq!(guest.mirror.predicted(), harness.session.state());
    let mut events = guest.take_events();
    events.retain(|event| {
        matches!(event, SessionEvent::Undone(_) | SessionEvent::NothingUndone { .. })
    });
    events
}

#[test]
fn take_is_one_step_of_its_player() {
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[BASS]);
    let mut ben = harness.join("Ben", &[LEAD]);
    later(
        &mut harness,
        &mut ana,
        NetworkAction::PianoRoll(
            BASS,
            PianoRollAction::Add(Note { velocity: Velocity::of(50), ..note(0, 40) }),
        ),
    );
    let start = harness.session.state().model.piano_roll.clone();
    record(&mut harness);
    // Two passes of a loop; the second replaces a note. Others edit in between.
    for (pass, pitch) in [(0, 40), (1, 41), (2, 42)] {
        harness.session.act_for_engine(&recorded(BASS, 0, 40 + pass));
        harness.session.act_for_engine(&recorded(LEAD, 480, pitch));
        harness.session.act(harness.now, &tempo(100.0 + f32::from(pass))).unwrap();
        harness.session.act_for_engine(&recorded(BASS, 480, pitch));
        let generation = harness.session.state().model.transport.generation;
        let report = TransportReport { generation, position: Ticks::of(0), ended: false };
        harness.session.act_for_engine(&NetworkAction::TransportReport(report));
    }
    stop(&mut harness);
    // The last key goes up when the music has stopped.
    harness.session.act_for_engine(&recorded(BASS, 960, 50));
    harness.settle(&mut [&mut ana, &mut ben]);
    assert_eq!((notes(&harness, BASS), notes(&harness, LEAD)), (7, 3));

    let events = undo_unpredicted(&mut harness, &mut ana);
    let [SessionEvent::Undone(report)] = &events[..] else { panic!("{events:?}") };
    assert_eq!((report.changed, report.kept), (7, 0));
    assert_eq!(report.step, "take: 1 note in 1 Bass and 6 more");
    let tracks = &harness.session.state().model.piano_roll;
    assert_eq!(tracks.track(BASS), start.track(BASS), "what it replaced is back");
    assert_eq!(notes(&harness, LEAD), 3, "the take of another player stays");
    assert_eq!(harness.session.state().model.session.tempo.get(), 102.0);

    ana.mirror.redo().unwrap();
    harness.settle(&mut [&mut ana]);
    assert_eq!(notes(&harness, BASS), 7);
    undo_unpredicted(&mut harness, &mut ana);
    assert_eq!(undo(&mut harness, &mut ana), undone(0), "her own step below is predicted again");
    assert_eq!(notes(&harness, BASS), 0);
}

/// Lets the engine play for this long, pulse by pulse, and writes down what it records.
fn play(harness: &mut Harness, engine: &mut SilentEngine, millis: u64) {
    for _ in 0..millis / 5 {
        harness.now = harness.now + Duration::from_millis(5);
        let model = harness.session.state().model.clone();
        for action in engine.advance(harness.now, &model).actions {
            harness.session.act_for_engine(&action);
        }
    }
}

#[test]
fn overdub_of_a_lane_is_one_step() {
    let mut harness = Harness::new();
    harness.session.claim(ClientId::HOST, &[BASS]);
    let lane = |action| NetworkAction::Automation(CUTOFF, action);
    for action in [
        lane(AutomationAction::Add),
        lane(AutomationAction::Set(LaneSetting::Armed(true))),
        point(0, 0.1),
        point(480, 0.9),
        point(1440, 0.3),
        transport(TransportAction::Region(LoopRegion::TWO_BARS)),
        transport(TransportAction::Loop(true)),
    ] {
        harness.session.act(harness.now, &action).unwrap();
    }
    let lanes = |harness: &Harness| harness.session.state().model.automation.clone();
    let before = lanes(&harness);
    record(&mut harness);
    let mut engine = SilentEngine::default();
    let model = harness.session.state().model.clone();
    engine.perform(harness.now, &model, StudioEffect::Play);
    // Two passes, and a part of the third.
    for hertz in [300.0, 800.0, 500.0, 900.0, 400.0] {
        play(&mut harness, &mut engine, 1000);
        harness.session.act(harness.now, &cutoff(BASS, hertz)).unwrap();
        play(&mut harness, &mut engine, 1000);
    }
    stop(&mut harness);
    let model = harness.session.state().model.clone();
    engine.perform(harness.now, &model, StudioEffect::Stop);
    play(&mut harness, &mut engine, 5);
    let recorded = lanes(&harness);
    assert_ne!(recorded, before);

    let mut states = vec![recorded];
    for _ in 0..6 {
        assert_eq!(kept(harness.session.undo()), Ok(0));
        states.push(lanes(&harness));
        states.dedup();
    }
    assert_eq!(states.len(), 2, "the lane changes once");
    assert_eq!(states[1], before);
}

#[test]
fn each_take_is_a_step_of_its_own() {
    let mut harness = Harness::new();
    harness.session.claim(ClientId::HOST, &[BASS]);
    for pitch in [40, 41] {
        record(&mut harness);
        harness.session.act_for_engine(&recorded(BASS, 0, pitch));
        stop(&mut harness);
    }
    // Recording begins again while the music plays.
    harness.session.act(harness.now, &transport(TransportAction::Play)).unwrap();
    harness.session.act_for_engine(&recorded(BASS, 0, 42));
    harness.session.act(harness.now, &transport(TransportAction::Record(false))).unwrap();
    harness.session.act(harness.now, &transport(TransportAction::Record(true))).unwrap();
    harness.session.act_for_engine(&recorded(BASS, 0, 43));
    for left in [3, 2, 1, 0] {
        assert_eq!(kept(harness.session.undo()), Ok(0));
        assert_eq!(notes(&harness, BASS), left);
    }
    assert!(harness.session.undo().is_err());
}

#[test]
fn passes_of_a_take_are_undone_from_the_last_to_the_first() {
    let mut harness = Harness::new();
    harness.session.claim(ClientId::HOST, &[BASS]);
    let add = NetworkAction::Automation(CUTOFF, AutomationAction::Add);
    harness.session.act(harness.now, &add).unwrap();
    let values = |harness: &Harness| -> Vec<f32> {
        let automation = &harness.session.state().model.automation;
        automation.lanes().flat_map(|(_, lane)| lane.points.iter()).map(|p| p.value.get()).collect()
    };
    record(&mut harness);
    for value in [0.25, 0.5] {
        harness.session.act_for_engine(&point(1, value));
        harness.session.act_for_engine(&point(2, value));
        // Something else changes between the passes.
        harness.session.claim(ClientId::HOST, &[LEAD]);
        harness.session.release(ClientId::HOST, &[LEAD]);
    }
    stop(&mut harness);
    harness.session.release(ClientId::HOST, &[BASS]);
    let mut ben = harness.join("Ben", &[BASS]);
    ben.dispatch(point(2, 0.75)).unwrap();
    ben.mirror.enqueue(ClientMessage::ReleaseOwnership { instruments: vec![BASS] });
    harness.settle(&mut [&mut ben]);
    harness.session.claim(ClientId::HOST, &[BASS]);
    let report = harness.session.undo().unwrap();
    assert_eq!((report.changed, report.kept), (2, 2));
    assert_eq!(values(&harness), [0.75], "what another participant changed stays");
    harness.session.redo().unwrap();
    assert_eq!(values(&harness), [0.5, 0.75]);
}

#[test]
fn take_belongs_to_who_held_the_right_when_it_began() {
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[BASS]);
    let mut ben = harness.join("Ben", &[]);
    record(&mut harness);
    ana.mirror.enqueue(ClientMessage::ReleaseOwnership { instruments: vec![BASS] });
    harness.settle(&mut [&mut ana]);
    ben.mirror.enqueue(ClientMessage::RequestOwnership { instruments: vec![BASS, LEAD] });
    harness.settle(&mut [&mut ana, &mut ben]);
    harness.session.act_for_engine(&recorded(BASS, 0, 40));
    // This one was free when the take began.
    harness.session.act_for_engine(&recorded(LEAD, 0, 40));
    harness.settle(&mut [&mut ana, &mut ben]);
    let events = undo_unpredicted(&mut harness, &mut ana);
    assert!(
        matches!(&events[..], [SessionEvent::NothingUndone { reason: Refusal::NotOwner { .. } }]),
        "it is her step, and she may not undo it now: {events:?}"
    );
    undo_unpredicted(&mut harness, &mut ben);
    assert_eq!((notes(&harness, BASS), notes(&harness, LEAD)), (1, 0));
}

#[test]
fn take_begun_alone_leaves_the_guest_its_own_step() {
    let mut harness = Harness::new();
    record(&mut harness);
    harness.session.act_for_engine(&recorded(BASS, 0, 40));
    harness.session.act_for_engine(&recorded(LEAD, 0, 40));
    let mut ana = harness.join("Ana", &[BASS]);
    harness.session.act_for_engine(&recorded(BASS, 480, 41));
    // Nobody has claimed this one since.
    harness.session.act_for_engine(&recorded(LEAD, 480, 41));
    harness.settle(&mut [&mut ana]);
    let events = undo_unpredicted(&mut harness, &mut ana);
    assert!(matches!(&events[..], [SessionEvent::Undone(report)] if report.changed == 1));
    assert_eq!((notes(&harness, BASS), notes(&harness, LEAD)), (1, 2));

    let refused = harness.session.undo();
    assert!(matches!(refused, Err(Refusal::NotOwner { instrument: BASS, .. })), "{refused:?}");
    ana.mirror.enqueue(ClientMessage::Goodbye);
    ana.transmit();
    harness.receive(&mut ana).unwrap();
    harness.session.undo().unwrap();
    assert_eq!((notes(&harness, BASS), notes(&harness, LEAD)), (0, 0));
    harness.session.redo().unwrap();
    assert_eq!((notes(&harness, BASS), notes(&harness, LEAD)), (1, 2));
}

#[test]
fn take_of_a_player_that_left_is_nobodys_step() {
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[BASS]);
    record(&mut harness);
    ana.mirror.enqueue(ClientMessage::Goodbye);
    ana.transmit();
    harness.receive(&mut ana).unwrap();
    harness.session.claim(ClientId::HOST, &[BASS]);
    harness.session.act_for_engine(&recorded(BASS, 0, 40));
    let refused = harness.session.undo();
    assert!(matches!(refused, Err(Refusal::Invalid(_))), "{refused:?}");
    assert_eq!(notes(&harness, BASS), 1);
}

#[test]
fn automation_take_leaves_the_sweep_one_step() {
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[BASS]);
    later(&mut harness, &mut ana, NetworkAction::Automation(CUTOFF, AutomationAction::Add));
    let armed = AutomationAction::Set(LaneSetting::Armed(true));
    later(&mut harness, &mut ana, NetworkAction::Automation(CUTOFF, armed));
    let start = ana.mirror.predicted().model.clone();
    record(&mut harness);
    harness.settle(&mut [&mut ana]);
    for step in 1..=20_u16 {
        pass(&mut harness, &mut ana, Duration::from_millis(33));
        ana.dispatch(cutoff(BASS, 100.0 + f32::from(step))).unwrap();
        harness.settle(&mut [&mut ana]);
        harness.session.act_for_engine(&point(u32::from(step), f32::from(step) / 20.0));
        harness.settle(&mut [&mut ana]);
    }
    stop(&mut harness);
    harness.settle(&mut [&mut ana]);
    let events = undo_unpredicted(&mut harness, &mut ana);
    let [SessionEvent::Undone(report)] = &events[..] else { panic!("{events:?}") };
    assert_eq!((report.changed, report.kept), (20, 0), "the whole take");
    assert_eq!(ana.cutoff(BASS), 120.0);
    assert_eq!(undo(&mut harness, &mut ana), undone(0), "the whole sweep, predicted");
    let state = &ana.mirror.predicted().model;
    assert_eq!(state.instruments, start.instruments);
    assert_eq!(state.automation, start.automation);
}

#[test]
fn undo_is_predicted_only_if_the_step_is_known() {
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[BASS]);
    record(&mut harness);
    later(&mut harness, &mut ana, cutoff(BASS, 100.0));
    // The take becomes a step between two of her own, whose answers are on the way.
    ana.dispatch(cutoff(BASS, 200.0)).unwrap();
    ana.transmit();
    harness.receive(&mut ana).unwrap();
    harness.session.act_for_engine(&recorded(BASS, 0, 40));
    pass(&mut harness, &mut ana, Duration::from_secs(1));
    ana.dispatch(cutoff(BASS, 300.0)).unwrap();
    harness.settle(&mut [&mut ana]);
    assert_eq!(undo(&mut harness, &mut ana), undone(0));
    assert_eq!(ana.cutoff(BASS), 200.0);
    undo_unpredicted(&mut harness, &mut ana);
    assert_eq!((notes(&harness, BASS), ana.cutoff(BASS)), (0, 200.0));
    assert_eq!(undo(&mut harness, &mut ana), undone(0));
    ana.mirror.redo().unwrap();
    harness.settle(&mut [&mut ana]);
    assert_eq!(ana.cutoff(BASS), 200.0);
    ana.mirror.redo().unwrap();
    harness.settle(&mut [&mut ana]);
    assert_eq!(notes(&harness, BASS), 1, "the take is recorded again");
    assert_eq!(ana.mirror.predicted(), harness.session.state());
}

#[test]
fn resumed_client_learns_of_takes_that_it_missed() {
    for lost_before in [false, true] {
        let mut harness = Harness::new();
        let mut ana = harness.join("Ana", &[BASS]);
        record(&mut harness);
        later(&mut harness, &mut ana, cutoff(BASS, 100.0));
        ana.dispatch(cutoff(BASS, 5000.0)).unwrap();
        ana.transmit();
        harness.receive(&mut ana).unwrap();
        if lost_before {
            harness.cut(&mut ana);
        }
        harness.session.act_for_engine(&recorded(BASS, 0, 40));
        if !lost_before {
            // It is sent and does not arrive.
            harness.transmit(&mut ana).unwrap();
            harness.cut(&mut ana);
        }
        // Meanwhile she goes on.
        pass(&mut harness, &mut ana, Duration::from_secs(1));
        ana.dispatch(cutoff(BASS, 300.0)).unwrap();
        harness.resume(&mut ana).ok().unwrap();
        harness.settle(&mut [&mut ana]);
        assert_eq!(undo(&mut harness, &mut ana), undone(0), "her own last step");
        undo_unpredicted(&mut harness, &mut ana);
        assert_eq!(notes(&harness, BASS), 0, "the take");
        assert_eq!(undo(&mut harness, &mut ana), undone(0), "her own step before it");
        // Nothing is told twice.
        harness.cut(&mut ana);
        harness.resume(&mut ana).ok().unwrap();
        harness.settle(&mut [&mut ana]);
        ana.mirror.redo().unwrap();
        harness.settle(&mut [&mut ana]);
        ana.mirror.redo().unwrap();
        harness.settle(&mut [&mut ana]);
        assert_eq!(notes(&harness, BASS), 1);
        ana.mirror.redo().unwrap();
        assert_eq!(ana.cutoff(BASS), 300.0, "predicted");
        answered(&mut harness, &mut ana);
    }
}

#[test]
fn restarted_client_predicts_no_step_that_it_does_not_know() {
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[BASS]);
    record(&mut harness);
    later(&mut harness, &mut ana, cutoff(BASS, 100.0));
    harness.session.act_for_engine(&recorded(BASS, 0, 40));
    let resume = Resume { seq: None, answered: None, history: 0, ..ana.mirror.resume() };
    harness.cut(&mut ana);
    harness.resume_with(&mut ana, resume).ok().unwrap();
    harness.settle(&mut [&mut ana]);
    later(&mut harness, &mut ana, cutoff(BASS, 300.0));
    assert_eq!(undo(&mut harness, &mut ana), undone(0));
    undo_unpredicted(&mut harness, &mut ana);
    assert_eq!((notes(&harness, BASS), ana.cutoff(BASS)), (0, 100.0));
    // Nor does it take the step that it undid first for the one that comes next.
    ana.mirror.redo().unwrap();
    assert_eq!(ana.cutoff(BASS), 100.0, "not predicted");
    harness.settle(&mut [&mut ana]);
    assert_eq!((notes(&harness, BASS), ana.cutoff(BASS)), (1, 100.0));
    ana.mirror.redo().unwrap();
    assert_eq!(ana.cutoff(BASS), 300.0, "predicted");
    answered(&mut harness, &mut ana);
}

#[test]
fn cleared_history_is_not_predicted() {
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[BASS]);
    later(&mut harness, &mut ana, cutoff(BASS, 100.0));
    let loaded = Arc::new(StudioState::starter());
    let outcome = ProjectOutcome::Loaded(Shelf::default(), loaded);
    let report = ProjectReport { task: ProjectAction::New, outcome };
    harness.session.act_for_engine(&NetworkAction::ProjectReport(report));
    harness.settle(&mut [&mut ana]);
    let events = undo_unpredicted(&mut harness, &mut ana);
    assert!(matches!(&events[..], [SessionEvent::NothingUndone { .. }]), "{events:?}");
}

#[test]
fn unrecorded_note_is_told_to_player_and_host() {
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[BASS]);
    let mut ben = harness.join("Ben", &[LEAD]);
    for start in (0..u32::try_from(MAX_NOTES).unwrap()).step_by(4096) {
        let notes: Notes = (start..start + 4096).map(|tick| note(tick, 40)).collect();
        let action = NetworkAction::PianoRoll(BASS, PianoRollAction::Paste(notes));
        harness.session.act_for_engine(&action);
    }
    harness.settle(&mut [&mut ana, &mut ben]);
    ana.take_events();
    ben.take_events();
    record(&mut harness);
    for tick in 0..3 {
        harness.session.act_for_engine(&recorded(BASS, 500_000 + tick, 41));
    }
    harness.session.act_for_engine(&recorded(InstrumentId(99), 0, 41));
    harness.settle(&mut [&mut ana, &mut ben]);
    let told = |events: Vec<SessionEvent<Studio>>| {
        let words = |event| match event {
            SessionEvent::NotRecorded { what, reason } => Some((what, reason)),
            _ => None,
        };
        events.into_iter().filter_map(words).collect::<Vec<_>>()
    };
    let hers = told(ana.take_events());
    assert!(
        matches!(&hers[..], [(what, Refusal::Invalid(_))] if what == "1 note in 1 Bass"),
        "once for each reason: {hers:?}"
    );
    assert_eq!(told(ben.take_events()), []);
    let all = told(harness.take_news());
    assert_eq!(all.len(), 2, "the host is told everything: {all:?}");
    assert_eq!(all[0], hers[0]);
    stop(&mut harness);
    record(&mut harness);
    harness.session.act_for_engine(&recorded(BASS, 500_000, 41));
    harness.settle(&mut [&mut ana]);
    assert_eq!(told(ana.take_events()), hers, "told again in the next take");
}

/// A real engine at the harness's session.
fn play_engine(harness: &mut Harness, engine: &mut SilentEngine, time: Duration) {
    let mut left = time;
    while left > Duration::ZERO {
        harness.now = harness.now + Duration::from_millis(10);
        left = left.saturating_sub(Duration::from_millis(10));
        for effect in harness.take_effects() {
            let state = std::sync::Arc::clone(harness.session.state());
            engine.perform(harness.now, &state.model, effect);
        }
        let state = std::sync::Arc::clone(harness.session.state());
        for action in engine.advance(harness.now, &state.model).actions {
            harness.session.act_for_engine(&action);
        }
    }
}

#[test]
fn all_passes_of_a_loop_are_one_take() {
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[BASS]);
    let mut engine = SilentEngine::default();
    let armed = PianoRollAction::Set(TrackSetting::Armed(true));
    later(&mut harness, &mut ana, NetworkAction::PianoRoll(BASS, armed));
    let bar = LoopRegion::new(Ticks::of(0), Ticks::of(960)).unwrap();
    for action in [TransportAction::Region(bar), TransportAction::Loop(true)] {
        harness.session.act(harness.now, &transport(action)).unwrap();
    }
    record(&mut harness);
    for pitch in 40..44 {
        harness.settle(&mut [&mut ana]);
        ana.dispatch(play_key(BASS, pitch)).unwrap();
        harness.settle(&mut [&mut ana]);
        play_engine(&mut harness, &mut engine, Duration::from_millis(500));
        let up = InstrumentAction::Release(Pitch::of(pitch));
        ana.dispatch(NetworkAction::Instrument(BASS, up)).unwrap();
        harness.settle(&mut [&mut ana]);
        play_engine(&mut harness, &mut engine, Duration::from_millis(500));
    }
    stop(&mut harness);
    play_engine(&mut harness, &mut engine, Duration::from_millis(20));
    harness.settle(&mut [&mut ana]);
    assert!(notes(&harness, BASS) >= 4, "{}", notes(&harness, BASS));
    undo_unpredicted(&mut harness, &mut ana);
    assert_eq!(notes(&harness, BASS), 0);
}
