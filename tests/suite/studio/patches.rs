//! What a patch consists of, to the letter.

use imbolc_net::{
    model::{DirtyFlags, InstrumentId, Misfit, Model},
    quantity::{Hertz, Pitch, Ticks, Velocity},
    studio::{
        FilterSetting, InstrumentAction, InstrumentSetting, Name, NetworkAction, PianoRollAction,
        SourceKind, Studio, StudioChange, StudioPatch, StudioState, TransportAction,
    },
};

use super::{after, note, patch, studio};

fn turn_cutoff(id: u32, hertz: f32) -> NetworkAction {
    let cutoff = InstrumentSetting::Filter(FilterSetting::Cutoff(Hertz::of(hertz)));
    NetworkAction::Instrument(InstrumentId(id), InstrumentAction::Set(cutoff))
}

fn json(from: &StudioState, to: &StudioState) -> String {
    serde_json::to_string(&patch(from, to)).unwrap()
}

#[test]
fn a_turned_knob_sends_that_knob_alone_at_any_size_of_session() {
    for instruments in [16, 1024] {
        let before = studio(instruments, 64);
        let turned = after(&before, &turn_cutoff(7, 1234.5));
        assert_eq!(json(&before, &turned), r#"[{"Instrument":[7,{"Filter":{"Cutoff":1234.5}}]}]"#);
    }
}

#[test]
fn a_note_sends_that_note_alone_at_any_size_of_session() {
    let before = studio(1024, 64);
    let edit = |action| after(&before, &NetworkAction::PianoRoll(InstrumentId(7), action));
    let put = r#"[{"PianoRoll":[7,{"Put":{"tick":99,"pitch":61,"length":240,"velocity":100}}]}]"#;
    assert_eq!(json(&before, &edit(PianoRollAction::Add(note(99, 61)))), put);

    let (tick, pitch) = (Ticks::of(240), Pitch::of(60));
    let gone = r#"[{"PianoRoll":[7,{"Remove":[240,60]}]}]"#;
    assert_eq!(json(&before, &edit(PianoRollAction::Remove(tick, pitch))), gone);

    let softer = r#"[{"PianoRoll":[7,{"Put":{"tick":240,"pitch":60,"length":240,"velocity":9}}]}]"#;
    let velocity = PianoRollAction::Velocity(tick, pitch, Velocity::of(9));
    assert_eq!(json(&before, &edit(velocity)), softer);
}

#[test]
fn a_struck_key_sends_that_key_alone() {
    let before = studio(16, 0);
    let play = InstrumentAction::Play(Pitch::of(60), Velocity::of(100));
    let struck = after(&before, &NetworkAction::Instrument(InstrumentId(7), play));
    assert_eq!(json(&before, &struck), r#"[{"Key":[7,{"Down":[60,100]}]}]"#);
    assert_eq!(json(&struck, &before), r#"[{"Key":[7,{"Up":60}]}]"#);
}

#[test]
fn a_structural_change_sends_all_instruments() {
    let before = studio(16, 4);
    let add = NetworkAction::AddInstrument {
        id: InstrumentId(17),
        name: Name::new("New").unwrap(),
        source: SourceKind::Kick,
    };
    for action in [add, NetworkAction::DeleteInstrument(InstrumentId(3))] {
        let changed = after(&before, &action);
        let all = StudioChange::Instruments(changed.instruments.clone());
        assert_eq!(patch(&before, &changed), StudioPatch(vec![all]), "and tracks follow");
    }
}

#[test]
fn more_than_half_of_the_instruments_are_sent_as_all() {
    let before = studio(10, 0);
    let turn = |count| (1..=count).fold(before.clone(), |s, id| after(&s, &turn_cutoff(id, 99.0)));
    let (half, more) = (turn(5), turn(6));
    assert_eq!(patch(&before, &half).0.len(), 5);
    let all = StudioChange::Instruments(more.instruments.clone());
    assert_eq!(patch(&before, &more), StudioPatch(vec![all]));
}

#[test]
fn what_is_turned_back_is_not_sent() {
    let before = studio(16, 0);
    let there = after(&before, &turn_cutoff(7, 99.0));
    let and_back = after(&there, &turn_cutoff(7, 8000.0));
    assert_eq!(Studio::diff(&before, &and_back), None);
}

#[test]
fn a_ui_learns_which_parts_to_redraw() {
    let before = studio(4, 4);
    let dirty = |action| Studio::dirty(&before, &after(&before, &action));
    assert_eq!(Studio::dirty(&before, &before), DirtyFlags::NONE);
    assert_eq!(dirty(turn_cutoff(1, 99.0)), DirtyFlags::INSTRUMENTS);
    assert_eq!(dirty(NetworkAction::Transport(TransportAction::Play)), DirtyFlags::TRANSPORT);
    assert_eq!(
        dirty(NetworkAction::PianoRoll(InstrumentId(1), PianoRollAction::Clear)),
        DirtyFlags::PIANO_ROLL
    );
    assert_eq!(
        dirty(NetworkAction::DeleteInstrument(InstrumentId(1))),
        DirtyFlags::INSTRUMENTS | DirtyFlags::PIANO_ROLL
    );
}

#[test]
fn a_patch_for_another_state_is_a_misfit_and_no_panic() {
    for misfit in [
        r#"[{"Instrument":[99,{"Mute":true}]}]"#,
        r#"[{"Instrument":[1,{"Output":{"Bus":9}}]}]"#,
        r#"[{"Instrument":[1,{"Source":{"Kick":{"Click":0.5}}}]}]"#,
        r#"[{"Key":[99,{"Up":60}]}]"#,
        r#"[{"PianoRoll":[99,{"Remove":[0,60]}]}]"#,
        r#"[{"PianoRoll":[1,{"Remove":[7,60]}]}]"#,
        r#"[{"WholePianoRoll":{}}]"#,
        r#"[{"Mixer":{"DeleteBus":9}}]"#,
    ] {
        let patch: StudioPatch = serde_json::from_str(misfit).unwrap();
        let Misfit(_) = Studio::apply(&mut studio(4, 1), &patch).expect_err(misfit);
    }
}
