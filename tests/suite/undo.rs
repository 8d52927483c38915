//! Undo reverts a participant's own last step only, on the authority and a mirror.

mod continuation;
mod limits;
mod memory;
mod rights;
mod takes;
mod wording;

use std::time::Duration;

use imbolc_net::{
    SessionEvent,
    model::{InstrumentId, Model, UndoPolicy},
    protocol::{ClientId, Refusal, SessionId},
    studio::{
        BusId, BusSendSetting, InstrumentAction, InstrumentSetting, MixerSetting, Name,
        NetworkAction, Note, Output, PianoRollAction, SendsSetting, SessionSetting, SourceKind,
        Studio, StudioState, TransportAction,
    },
    sync::{
        UndoReport,
        session::{Session, SessionConfig},
    },
    util::{
        quantity::{Bpm, Decibels, NoteLength, Pan, Pitch, Probability, Ticks, Velocity},
        time::Timestamp,
    },
};
use proptest::prelude::*;

use crate::{
    harness::{BASS, Guest, Harness, LEAD, cutoff, play_key},
    studio::{
        properties::{assert_nothing_dangles, through_wire},
        vocabulary,
    },
};

const SECOND: Duration = Duration::from_secs(1);
const TRUNK: BusId = BusId(1);
const BRANCH: BusId = BusId(2);

pub fn set(instrument: InstrumentId, setting: InstrumentSetting) -> NetworkAction {
    NetworkAction::Instrument(instrument, InstrumentAction::Set(setting))
}

pub fn tempo(bpm: f32) -> NetworkAction {
    NetworkAction::Session(SessionSetting::Tempo(Bpm::new(bpm).unwrap()))
}

fn output(instrument: InstrumentId, output: Output) -> NetworkAction {
    set(instrument, InstrumentSetting::Output(output))
}

/// Dispatches `action` a second later, as a step of its own.
pub fn later(harness: &mut Harness, guest: &mut Guest, action: NetworkAction) {
    pass(harness, guest, SECOND);
    guest.dispatch(action).unwrap();
    harness.settle(&mut [guest]);
}

pub fn pass(harness: &mut Harness, guest: &mut Guest, time: Duration) {
    harness.now = harness.now + time;
    guest.now = harness.now;
}

pub fn undo(harness: &mut Harness, guest: &mut Guest) -> Vec<SessionEvent<Studio>> {
    guest.mirror.undo().unwrap();
    answered(harness, guest)
}

pub fn redo(harness: &mut Harness, guest: &mut Guest) -> Vec<SessionEvent<Studio>> {
    guest.mirror.redo().unwrap();
    answered(harness, guest)
}

/// The answers of the authority, which must agree with the prediction.
pub fn answered(harness: &mut Harness, guest: &mut Guest) -> Vec<SessionEvent<Studio>> {
    let predicted = guest.mirror.predicted().model.clone();
    guest.take_events();
    harness.settle(&mut [guest]);
    assert_eq!(guest.mirror.predicted().model, predicted, "it was predicted");
    assert_eq!(harness.session.state().model, predicted);
    let answer = |event: &SessionEvent<Studio>| {
        matches!(
            event,
            SessionEvent::Undone(_) | SessionEvent::Redone(_) | SessionEvent::NothingUndone { .. }
        )
    };
    let only_kept = |event| match event {
        SessionEvent::Undone(report) => undone(report.kept),
        SessionEvent::Redone(report) => redone(report.kept),
        other => vec![other],
    };
    guest.take_events().into_iter().filter(answer).flat_map(only_kept).collect()
}

pub fn kept(undone: Result<UndoReport, Refusal>) -> Result<u32, Refusal> {
    undone.map(|report| report.kept)
}

pub fn undone(kept: u32) -> Vec<SessionEvent<Studio>> {
    vec![SessionEvent::Undone(UndoReport { kept, ..UndoReport::default() })]
}

fn redone(kept: u32) -> Vec<SessionEvent<Studio>> {
    vec![SessionEvent::Redone(UndoReport { kept, ..UndoReport::default() })]
}

#[test]
fn undo_and_redo_are_predicted() {
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[BASS]);
    let start = ana.cutoff(BASS);
    later(&mut harness, &mut ana, cutoff(BASS, 100.0));
    later(&mut harness, &mut ana, cutoff(BASS, 200.0));
    ana.mirror.undo().unwrap();
    assert_eq!(ana.cutoff(BASS), 100.0, "predicted immediately");
    assert_eq!(answered(&mut harness, &mut ana), undone(0));
    assert_eq!(undo(&mut harness, &mut ana), undone(0));
    assert_eq!(ana.cutoff(BASS), start);
    assert_eq!(redo(&mut harness, &mut ana), redone(0));
    assert_eq!(redo(&mut harness, &mut ana), redone(0));
    assert_eq!(ana.cutoff(BASS), 200.0);
    assert!(matches!(redo(&mut harness, &mut ana)[..], [SessionEvent::NothingUndone { .. }]));
    undo(&mut harness, &mut ana);
    later(&mut harness, &mut ana, cutoff(BASS, 300.0));
    assert!(
        matches!(redo(&mut harness, &mut ana)[..], [SessionEvent::NothingUndone { .. }]),
        "a new action discards the redo steps"
    );
}

#[test]
fn sweep_of_one_knob_is_one_step() {
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[BASS]);
    let start = ana.mirror.predicted().model.clone();
    let pan = |to| set(BASS, InstrumentSetting::Pan(Pan::new(to).unwrap()));
    for hertz in 100..150_u16 {
        pass(&mut harness, &mut ana, Duration::from_millis(499));
        ana.dispatch(cutoff(BASS, f32::from(hertz))).unwrap();
    }
    let swept = ana.mirror.predicted().model.clone();
    // Another knob immediately after it, then the first again: three steps.
    ana.dispatch(pan(0.5)).unwrap();
    let panned = ana.mirror.predicted().model.clone();
    ana.dispatch(cutoff(BASS, 150.0)).unwrap();
    harness.settle(&mut [&mut ana]);
    undo(&mut harness, &mut ana);
    assert_eq!(ana.mirror.predicted().model, panned);
    undo(&mut harness, &mut ana);
    assert_eq!(ana.mirror.predicted().model, swept);
    undo(&mut harness, &mut ana);
    assert_eq!(ana.mirror.predicted().model, start);
    redo(&mut harness, &mut ana);
    assert_eq!(ana.mirror.predicted().model, swept, "the whole sweep");
}

#[test]
fn pause_within_a_sweep_begins_a_new_step() {
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[BASS]);
    ana.dispatch(cutoff(BASS, 100.0)).unwrap();
    pass(&mut harness, &mut ana, Duration::from_millis(500));
    ana.dispatch(cutoff(BASS, 200.0)).unwrap();
    // Even if both arrive at the same time, e.g. after an outage.
    harness.settle(&mut [&mut ana]);
    undo(&mut harness, &mut ana);
    assert_eq!(ana.cutoff(BASS), 100.0);
}

#[test]
fn sweep_of_the_host_is_one_step() {
    let mut harness = Harness::new();
    for step in 0..20_u16 {
        harness.session.act(harness.now, &tempo(100.0 + f32::from(step))).unwrap();
        harness.now = harness.now + Duration::from_millis(33);
    }
    assert_eq!(kept(harness.session.undo()), Ok(0));
    assert_eq!(harness.session.state().model.session.tempo.get(), 120.0);
    assert!(matches!(harness.session.undo(), Err(Refusal::Invalid(_))));
    assert_eq!(kept(harness.session.redo()), Ok(0));
    assert_eq!(harness.session.state().model.session.tempo.get(), 119.0);
}

#[test]
fn each_participant_undoes_its_own_steps() {
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[BASS]);
    let mut ben = harness.join("Ben", &[LEAD]);
    let start = ana.cutoff(BASS);
    later(&mut harness, &mut ana, cutoff(BASS, 100.0));
    later(&mut harness, &mut ben, cutoff(LEAD, 200.0));
    harness.settle(&mut [&mut ana]);
    undo(&mut harness, &mut ana);
    assert_eq!((harness.cutoff(BASS), harness.cutoff(LEAD)), (start, 200.0));
    assert!(matches!(undo(&mut harness, &mut ana)[..], [SessionEvent::NothingUndone { .. }]));
}

#[test]
fn undo_keeps_and_reports_changes_of_others() {
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[BASS, LEAD]);
    let add = |bus, name| NetworkAction::Mixer(MixerSetting::AddBus(bus, Name::new(name).unwrap()));
    harness.session.act(harness.now, &add(TRUNK, "trunk")).unwrap();
    harness.session.act(harness.now, &add(BRANCH, "branch")).unwrap();
    harness.settle(&mut [&mut ana]);
    later(&mut harness, &mut ana, output(BASS, Output::Bus(TRUNK)));
    later(&mut harness, &mut ana, output(LEAD, Output::Bus(TRUNK)));
    harness
        .session
        .act(harness.now, &NetworkAction::Mixer(MixerSetting::DeleteBus(TRUNK)))
        .unwrap();
    harness.settle(&mut [&mut ana]);
    later(&mut harness, &mut ana, output(LEAD, Output::Bus(BRANCH)));

    // The bus is restored, with the outputs to it that were not changed since.
    assert_eq!(kept(harness.session.undo()), Ok(1));
    let outputs = |harness: &Harness| {
        let instruments = &harness.session.state().model.instruments;
        [BASS, LEAD].map(|id| instruments.get(id).unwrap().output)
    };
    assert!(harness.session.state().model.mixer.bus(TRUNK).is_some());
    assert_eq!(outputs(&harness), [Output::Bus(TRUNK), Output::Bus(BRANCH)]);

    // A step that refers to a deleted bus fails.
    let send = set(BASS, InstrumentSetting::Sends(SendsSetting::Add(BRANCH)));
    later(&mut harness, &mut ana, send);
    let level = BusSendSetting::Level(Decibels::of(-3.0));
    later(
        &mut harness,
        &mut ana,
        set(BASS, InstrumentSetting::Sends(SendsSetting::Set(BRANCH, level))),
    );
    harness
        .session
        .act(harness.now, &NetworkAction::Mixer(MixerSetting::DeleteBus(BRANCH)))
        .unwrap();
    harness.settle(&mut [&mut ana]);
    assert_eq!(undo(&mut harness, &mut ana), undone(1));
    assert!(
        harness.session.state().model.instruments.get(BASS).unwrap().sends.to(BRANCH).is_none()
    );
}

#[test]
fn notes_and_transport_are_not_steps() {
    let mut harness = Harness::new();
    harness.session.claim(ClientId::HOST, &[BASS]);
    let start = harness.session.state().model.clone();
    harness.session.act(harness.now, &tempo(99.0)).unwrap();
    harness.session.act(harness.now, &play_key(BASS, 40)).unwrap();
    harness.session.act(harness.now, &NetworkAction::Transport(TransportAction::Play)).unwrap();
    assert_eq!(kept(harness.session.undo()), Ok(0));
    let state = &harness.session.state().model;
    assert_eq!(state.session.tempo, start.session.tempo);
    assert!(state.transport.playing, "playing continues");
    assert!(state.instruments.get(BASS).unwrap().sounding.held(Pitch::of(40)).is_some());
    assert!(harness.session.undo().is_err());
}

#[test]
fn undo_restores_a_deleted_instrument_to_its_owner() {
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[BASS]);
    let note = Note {
        tick: Ticks::of(0),
        pitch: Pitch::of(60),
        length: NoteLength::of(480),
        velocity: Velocity::of(100),
        probability: Probability::MAX,
    };
    later(&mut harness, &mut ana, NetworkAction::PianoRoll(BASS, PianoRollAction::Add(note)));
    later(&mut harness, &mut ana, cutoff(BASS, 100.0));
    let before = ana.mirror.predicted().model.clone();
    ana.dispatch(play_key(BASS, 40)).unwrap();
    later(&mut harness, &mut ana, NetworkAction::DeleteInstrument(BASS));
    assert!(!ana.mirror.predicted().model.instruments.contains(BASS));
    assert_eq!(undo(&mut harness, &mut ana), undone(0));
    assert_eq!(ana.mirror.predicted().model, before, "but the key is not held any more");
    assert!(ana.mirror.predicted().roster.owns(ana.id(), BASS));
    assert!(harness.session.state().roster.owns(ana.id(), BASS));
    assert_eq!(redo(&mut harness, &mut ana), redone(0));
    assert!(harness.session.state().roster.owner(BASS).is_none());

    let id = InstrumentId(1001);
    let name = Name::default();
    later(
        &mut harness,
        &mut ana,
        NetworkAction::AddInstrument { id, name, source: SourceKind::Kick },
    );
    ana.dispatch(play_key(id, 40)).unwrap();
    harness.settle(&mut [&mut ana]);
    harness.take_effects();
    assert_eq!(undo(&mut harness, &mut ana), undone(0));
    assert!(!harness.session.state().model.instruments.contains(id));
    assert_eq!(harness.take_effects().len(), 1, "the note ends");
}

#[test]
fn undo_does_not_touch_an_instrument_of_another_owner() {
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[]);
    let mut ben = harness.join("Ben", &[]);
    let id = InstrumentId(77);
    let add =
        || NetworkAction::AddInstrument { id, name: Name::default(), source: SourceKind::Kick };
    later(&mut harness, &mut ana, add());
    later(&mut harness, &mut ana, cutoff(id, 8000.0));
    later(&mut harness, &mut ana, NetworkAction::DeleteInstrument(id));
    later(&mut harness, &mut ben, add());
    harness.settle(&mut [&mut ana, &mut ben]);
    for _ in 0..3 {
        ana.mirror.undo().unwrap();
        harness.settle(&mut [&mut ana, &mut ben]);
    }
    assert!(harness.session.state().roster.owns(ben.id(), id));
    assert_eq!(ben.mirror.predicted(), harness.session.state());
}

#[test]
fn undo_over_a_limit_can_be_repeated_later() {
    use imbolc_net::studio::{AutomationAction, InstrumentParameter, MAX_LANES, Target};

    let mut harness = Harness::new();
    harness.session.claim(ClientId::HOST, &[BASS]);
    let mut ana = harness.join("Ana", &[]);
    let lane = |id, parameter, action| {
        NetworkAction::Automation(Target::Instrument(InstrumentId(id), parameter), action)
    };
    // Ana adds all possible lanes except one, which the host adds.
    let all = InstrumentParameter::all();
    let level = InstrumentParameter::Level;
    harness.session.act(harness.now, &lane(1, level, AutomationAction::Add)).unwrap();
    let mut lanes = 1;
    'full: for id in 1001.. {
        let name = Name::default();
        let id = InstrumentId(id);
        ana.dispatch(NetworkAction::AddInstrument { id, name, source: SourceKind::Fm }).unwrap();
        for &parameter in &all {
            if lanes == MAX_LANES {
                break 'full;
            }
            if ana.dispatch(lane(id.0, parameter, AutomationAction::Add)).is_ok() {
                lanes += 1;
            }
        }
        harness.settle(&mut [&mut ana]);
    }
    harness.settle(&mut [&mut ana]);
    harness.session.act(harness.now, &lane(1, level, AutomationAction::Delete)).unwrap();
    harness.settle(&mut [&mut ana]);
    ana.dispatch(lane(1001, all[0], AutomationAction::Delete)).unwrap();
    ana.dispatch(lane(1001, all[0], AutomationAction::Add)).unwrap();
    let last = ana.mirror.predicted().model.instruments.iter().last().unwrap().0;
    let unused = all
        .iter()
        .find(|parameter| ana.dispatch(lane(last.0, **parameter, AutomationAction::Add)).is_ok())
        .expect("the lane that the host deleted leaves room for another");
    harness.settle(&mut [&mut ana]);
    assert!(
        matches!(harness.session.undo(), Err(Refusal::Invalid(_))),
        "there is no room for the lane"
    );
    ana.dispatch(lane(last.0, *unused, AutomationAction::Delete)).unwrap();
    harness.settle(&mut [&mut ana]);
    assert_eq!(kept(harness.session.undo()), Ok(0), "there is room again");
}

#[test]
fn two_hundred_steps_are_kept() {
    let mut harness = Harness::new();
    for step in 0..250_u16 {
        harness.now = harness.now + SECOND;
        harness.session.act(harness.now, &tempo(100.0 + f32::from(step))).unwrap();
    }
    for step in 0..200 {
        assert_eq!(kept(harness.session.undo()), Ok(0), "{step}");
    }
    assert!(harness.session.undo().is_err());
    assert_eq!(harness.session.state().model.session.tempo.get(), 149.0);
}

#[test]
fn undo_counts_once_across_reconnections() {
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[BASS]);
    for hertz in [100.0, 200.0, 300.0] {
        later(&mut harness, &mut ana, cutoff(BASS, hertz));
    }
    ana.mirror.undo().unwrap();
    ana.transmit();
    harness.receive(&mut ana).unwrap();
    // The undo has arrived but not its answer; another undo is lost.
    harness.cut(&mut ana);
    ana.mirror.undo().unwrap();
    assert_eq!(ana.cutoff(BASS), 100.0);
    harness.resume(&mut ana).ok().unwrap();
    harness.settle(&mut [&mut ana]);
    assert_eq!((harness.cutoff(BASS), ana.cutoff(BASS)), (100.0, 100.0));
}

#[test]
fn restarted_client_can_undo_without_prediction() {
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[BASS]);
    let start = ana.cutoff(BASS);
    later(&mut harness, &mut ana, cutoff(BASS, 100.0));
    // A new mirror, as after a restart.
    let resume = imbolc_net::protocol::Resume { seq: None, answered: None, ..ana.mirror.resume() };
    harness.cut(&mut ana);
    harness.resume_with(&mut ana, resume).ok().unwrap();
    harness.settle(&mut [&mut ana]);
    let mut fresh = harness.join("fresh", &[]);
    std::mem::swap(&mut fresh.mirror, &mut ana.mirror);
    assert_eq!(harness.session.state().model, fresh.mirror.predicted().model);
    fresh.mirror.undo().unwrap();
    assert_eq!(fresh.cutoff(BASS), start);
}

#[test]
fn undo_keeps_an_effect_that_others_automate() {
    use imbolc_net::studio::{
        AutomationAction, BusParameter, BusSetting, ChainParameter, ChainSetting, Curve,
        EffectKind, InstrumentParameter, MasterParameter, MasterSetting, Point, SlotId, Target,
    };

    let slot = SlotId(7);
    let bus = BusId(1);
    let bypass = ChainParameter::Bypass(slot);
    let add = ChainSetting::Add(slot, EffectKind::Reverb, 0);
    let mix = NetworkAction::Mixer;
    let on_bass = InstrumentAction::Set(InstrumentSetting::Chain(add.clone()));
    for (add, target) in [
        (
            NetworkAction::Instrument(BASS, on_bass),
            Target::Instrument(BASS, InstrumentParameter::Chain(bypass)),
        ),
        (
            mix(MixerSetting::Bus(bus, BusSetting::Chain(add.clone()))),
            Target::Bus(bus, BusParameter::Chain(bypass)),
        ),
        (
            mix(MixerSetting::Master(MasterSetting::Chain(add))),
            Target::Master(MasterParameter::Chain(bypass)),
        ),
    ] {
        let mut harness = Harness::new();
        harness.session.claim(ClientId::HOST, &[BASS]);
        let name = Name::default();
        harness.session.act(harness.now, &mix(MixerSetting::AddBus(bus, name))).unwrap();
        let lane = |action| NetworkAction::Automation(target, action);
        harness.session.act(harness.now, &add).unwrap();
        harness.session.act(harness.now, &lane(AutomationAction::Add)).unwrap();
        let tick = Ticks::of(480);
        let value = imbolc_net::util::quantity::Amount::MAX;
        let point = Point { tick, value, curve: Curve::Hold };
        harness.session.act_for_engine(&lane(AutomationAction::Put(point)));
        assert_eq!(kept(harness.session.undo()), Ok(1), "the lane has another participant's point");
        assert_eq!(kept(harness.session.undo()), Ok(1), "and so has the effect");
        let state = &harness.session.state().model;
        assert_eq!(&through_wire(state), state);
        assert!(state.automation.lane(&target).is_some());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn undoing_everything_restores_the_start(
        actions in prop::collection::vec(vocabulary::action(), 1..40),
    ) {
        let id = SessionId::new([1; 16]);
        let start = vocabulary::at_work();
        let mut session: Session<Studio> =
            Session::hosted(SessionConfig::default(), id, "me", start.clone());
        let mut now = Timestamp::ZERO;
        // A barrier clears the history.
        let steps = |action: &&NetworkAction| Studio::undo_policy(action) != UndoPolicy::Barrier;
        for action in actions.iter().filter(steps) {
            now = now + SECOND;
            let _ = session.act(now, action);
        }
        let end = session.state().model.clone();
        let mut undone = 0;
        while let Ok(report) = session.undo() {
            prop_assert_eq!(report.kept, 0, "no other participant made an edit");
            undone += 1;
            prop_assert!(undone <= actions.len());
        }
        prop_assert_eq!(Studio::diff_reversible(&start, &session.state().model), vec![]);
        while let Ok(report) = session.redo() {
            prop_assert_eq!(report.kept, 0);
        }
        prop_assert_eq!(Studio::diff_reversible(&end, &session.state().model), vec![]);
    }

    #[test]
    fn undo_never_leaves_dangling_references(
        steps in prop::collection::vec((0..6, vocabulary::action()), 1..40),
    ) {
        let mut session: Session<Studio> = Session::hosted(
            SessionConfig::default(),
            SessionId::new([1; 16]),
            "me",
            vocabulary::at_work(),
        );
        let mut now = Timestamp::ZERO;
        for (what, action) in &steps {
            now = now + SECOND;
            match what {
                0..=2 => drop(session.act(now, action)),
                // The engine needs no permission and has no history.
                3 => drop(session.act_for_engine(action)),
                4 => drop(session.undo()),
                _ => drop(session.redo()),
            }
            let state = &session.state().model;
            assert_nothing_dangles(state);
            prop_assert_eq!(&through_wire(state), state);
        }
    }

    #[test]
    fn reversible_changes_add_up_to_the_difference(
        before in prop::collection::vec(vocabulary::action(), 0..20),
        after in prop::collection::vec(vocabulary::action(), 1..20),
    ) {
        let run = |mut state: StudioState, actions: &[NetworkAction]| {
            for action in actions {
                let mut next = state.clone();
                if Studio::reduce(&mut next, action).is_ok() {
                    state = next;
                }
            }
            state
        };
        let from = run(vocabulary::at_work(), &before);
        let to = run(from.clone(), &after);
        for (from, to) in [(&from, &to), (&to, &from)] {
            let mut pieces = Studio::diff_reversible(from, to);
            let mut state = from.clone();
            // The changes can be applied in any order that succeeds.
            while !pieces.is_empty() {
                let before = pieces.len();
                pieces.retain(|piece| {
                    let mut next = state.clone();
                    let applied = Studio::apply(&mut next, &piece.forward).is_ok();
                    if applied {
                        state = next;
                    }
                    !applied
                });
                prop_assert!(pieces.len() < before, "{pieces:?}");
            }
            prop_assert_eq!(Studio::diff_reversible(&state, to), vec![]);
        }
    }
}
