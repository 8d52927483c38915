//! Actions of the engine.

use std::sync::Arc;

use imbolc_net::{
    protocol::{ClientId, Refusal},
    studio::{
        NetworkAction, Note, PianoRollAction, ProjectAction, ProjectNotice, ProjectOutcome,
        ProjectReport, Shelf, StudioState, Transport, TransportAction, TransportReport,
    },
    sync::mirror::MirrorError,
    util::quantity::{NoteLength, Pitch, Probability, Ticks, Velocity},
};

use super::{PLAY, SECOND, STOP};
use crate::harness::{BASS, Harness};

fn locate(tick: u32) -> NetworkAction {
    NetworkAction::Transport(TransportAction::Locate(Ticks::of(tick)))
}

/// What the engine says once it has done all that it was told so far.
fn report(harness: &Harness, tick: u32, ended: bool) -> NetworkAction {
    let generation = harness.session.state().model.transport.generation;
    NetworkAction::TransportReport(TransportReport { generation, position: Ticks::of(tick), ended })
}

fn act(harness: &mut Harness, actions: &[NetworkAction]) -> Transport {
    for action in actions {
        harness.session.act(harness.now, action).unwrap();
    }
    harness.session.state().model.transport
}

/// The engine's action arrives: it must change nothing, and nobody hears of it.
fn is_dropped(harness: &mut Harness, action: &NetworkAction) {
    let before = harness.session.state().clone();
    harness.take_news();
    harness.session.act_for_engine(action);
    assert!(Arc::ptr_eq(harness.session.state(), &before), "{action:?}");
    assert_eq!(harness.take_news(), []);
}

#[test]
fn report_moves_the_position_but_not_the_generation() {
    let mut harness = Harness::new();
    let stopped = act(&mut harness, &[PLAY, STOP]);
    harness.take_effects();
    harness.session.act_for_engine(&report(&harness, 960, false));
    let transport = harness.session.state().model.transport;
    assert_eq!(transport, Transport { position: Ticks::of(960), ..stopped });

    let playing = act(&mut harness, &[PLAY]);
    harness.take_effects();
    let ended = report(&harness, 3840, true);
    harness.session.act_for_engine(&ended);
    let transport = harness.session.state().model.transport;
    assert_eq!(
        transport,
        Transport { position: Ticks::of(3840), playing: false, ..playing },
        "the arrangement has ended"
    );
    assert_eq!(harness.take_effects(), [], "the engine knows it");
}

#[test]
fn late_stop_does_not_stop_a_new_play() {
    let mut harness = Harness::new();
    act(&mut harness, &[PLAY]);
    let ended = report(&harness, 3840, true);
    act(&mut harness, &[STOP]);
    is_dropped(&mut harness, &ended);
    let stopped = report(&harness, 960, false);
    let playing = act(&mut harness, &[PLAY]);
    assert!(playing.playing);
    is_dropped(&mut harness, &ended);
    is_dropped(&mut harness, &stopped);
}

#[test]
fn late_place_does_not_overwrite_a_locate() {
    let mut harness = Harness::new();
    act(&mut harness, &[PLAY, STOP]);
    let stopped = report(&harness, 960, false);
    let located = act(&mut harness, &[locate(1920)]);
    assert_eq!(located.position, Ticks::of(1920));
    is_dropped(&mut harness, &stopped);
    // Even if it goes to where the playhead is.
    let stopped = report(&harness, 960, false);
    act(&mut harness, &[locate(1920)]);
    is_dropped(&mut harness, &stopped);
}

#[test]
fn predicted_transport_does_not_flicker() {
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[]);
    harness.session.release_privilege(ClientId::HOST);
    harness.session.request_privilege(harness.now, ana.id()).unwrap();
    harness.settle(&mut [&mut ana]);
    for command in [PLAY, STOP, locate(1920), PLAY] {
        ana.dispatch(command).unwrap();
    }
    ana.transmit();
    let predicted = ana.mirror.predicted().model.transport;
    assert!(predicted.playing);
    let mut late = report(&harness, 480, true);
    for message in std::mem::take(&mut ana.to_session) {
        harness.session.handle(harness.now, ana.connection, message).unwrap();
        // What the engine says to each command arrives after the next one.
        harness.session.act_for_engine(&late);
        late = report(&harness, 960, true);
        harness.pass(SECOND / 10);
        harness.transmit(&mut ana).unwrap();
        ana.receive();
        assert_eq!(ana.mirror.predicted().model.transport, predicted);
    }
    assert_eq!(harness.session.state().model.transport, predicted);
    assert_eq!(ana.mirror.unanswered(), 0);
}

#[test]
fn report_of_a_replaced_piece_is_dropped() {
    let mut harness = Harness::new();
    act(&mut harness, &[PLAY]);
    let ended = report(&harness, 3840, true);
    let mut loaded = StudioState::starter();
    loaded.transport.generation = harness.session.state().model.transport.generation;
    let (task, shelf) = (ProjectAction::New, Shelf::default());
    let outcome = ProjectOutcome::Loaded(shelf, Arc::new(loaded));
    let load = NetworkAction::ProjectReport(ProjectReport { task, outcome });
    harness.session.act_for_engine(&load);
    is_dropped(&mut harness, &ended);
    // Nor does it touch what plays then.
    act(&mut harness, &[PLAY]);
    is_dropped(&mut harness, &ended);
}

#[test]
fn take_counts_though_the_transport_has_moved_on() {
    let mut harness = Harness::new();
    act(&mut harness, &[NetworkAction::Transport(TransportAction::Record(true)), PLAY]);
    let note = Note {
        tick: Ticks::of(0),
        pitch: Pitch::of(40),
        length: NoteLength::of(480),
        velocity: Velocity::of(100),
        probability: Probability::MAX,
    };
    act(&mut harness, &[STOP, locate(1920), PLAY]);
    let recorded = NetworkAction::PianoRoll(BASS, PianoRollAction::Add(note));
    harness.session.act_for_engine(&recorded);
    let track = harness.session.state().model.piano_roll.track(BASS).unwrap();
    assert_eq!(track.len(), 1);
}

#[test]
fn engine_actions_are_refused_even_to_the_host() {
    let (task, outcome) = (ProjectAction::List, ProjectOutcome::Done(Shelf::default()));
    let report = NetworkAction::ProjectReport(ProjectReport { task, outcome });
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[]);
    let refused = ana.dispatch(report.clone());
    assert!(matches!(refused, Err(MirrorError::Refused(Refusal::EngineOnly))));
    assert_eq!(harness.session.act(harness.now, &report), Err(Refusal::EngineOnly));
    harness.session.act_for_engine(&report);
    let notice = &harness.session.state().model.projects.notice;
    assert_eq!(*notice, ProjectNotice::Done(ProjectAction::List));
}
