//! What a patch consists of, to the letter.

use imbolc_net::{
    model::{DirtyFlags, InstrumentId, Misfit, Model},
    quantity::{Amount, Decibels, Hertz, NoteLength, Pitch, Probability, Ticks, Velocity},
    studio::{
        ArrangementSetting, AutomationAction, BusId, BusSendSetting, ClipAction, ClipId, Curve,
        FilterSetting, InstrumentAction, InstrumentParameter, InstrumentSetting, MAX_ACTION_BYTES,
        MAX_CLIP_NOTES_IN_ALL, MAX_CLIPS_IN_ALL, MAX_INSTRUMENTS, MAX_LANES, MAX_NOTES_IN_ALL,
        MAX_PASTED, MAX_PLACEMENTS_IN_ALL, MAX_POINTS_IN_ALL, MAX_STATE_BYTES, MixerSetting, Name,
        NetworkAction, Note, PianoRollAction, PlacementAction, PlacementId, PlayMode, Point,
        SendsSetting, SourceKind, Studio, StudioChange, StudioPatch, StudioState, Target,
        TransportAction,
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
    let put = r#"[{"PianoRoll":[7,{"Put":{"tick":99,"pitch":61,"length":240,"velocity":100,"probability":100}}]}]"#;
    assert_eq!(json(&before, &edit(PianoRollAction::Add(note(99, 61)))), put);

    let (tick, pitch) = (Ticks::of(240), Pitch::of(60));
    let gone = r#"[{"PianoRoll":[7,{"Remove":[240,60]}]}]"#;
    assert_eq!(json(&before, &edit(PianoRollAction::Remove(tick, pitch))), gone);

    let softer = r#"[{"PianoRoll":[7,{"Put":{"tick":240,"pitch":60,"length":240,"velocity":9,"probability":100}}]}]"#;
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
fn a_moved_clip_sends_its_placement_alone() {
    let id = InstrumentId(7);
    let (clip, placement) = (ClipId(1), PlacementId(1));
    let create = ClipAction::Create {
        clip,
        name: Name::new("Verse").unwrap(),
        length: NoteLength::of(1920),
    };
    let place = PlacementAction::Place { placement, clip, tick: Ticks::MIN };
    let before = after(&studio(16, 4), &NetworkAction::Clip(id, create));
    let before = after(&before, &NetworkAction::Placement(id, place));
    let shift = PlacementAction::Move(placement, Ticks::of(3840));
    let moved = after(&before, &NetworkAction::Placement(id, shift));
    let put = r#"[{"Placement":[7,{"Put":[1,{"clip":1,"tick":3840,"length":1920}]}]}]"#;
    assert_eq!(json(&before, &moved), put);

    let rename = ClipAction::Rename(clip, Name::new("Chorus").unwrap());
    let renamed = after(&before, &NetworkAction::Clip(id, rename));
    assert_eq!(json(&before, &renamed), r#"[{"Clip":[7,1,{"Set":{"Name":"Chorus"}}]}]"#);

    let gone = r#"[{"Placement":[7,{"Remove":1}]},{"Clip":[7,1,"Gone"]}]"#;
    let deleted = after(&before, &NetworkAction::Clip(id, ClipAction::Delete(clip)));
    assert_eq!(json(&before, &deleted), gone);
}

#[test]
fn an_automation_point_sends_that_point_alone() {
    let lane = Target::Instrument(InstrumentId(7), InstrumentParameter::FilterCutoff);
    let edit = |state: &StudioState, action| after(state, &NetworkAction::Automation(lane, action));
    let point =
        |tick| Point { tick: Ticks::of(tick), value: Amount::of(0.5), curve: Curve::Smooth };
    let mut before = edit(&studio(16, 4), AutomationAction::Add);
    for tick in [0, 480, 960] {
        before = edit(&before, AutomationAction::Put(point(tick)));
    }
    let put = edit(&before, AutomationAction::Put(point(240)));
    assert_eq!(
        json(&before, &put),
        r#"[{"Lane":[{"Instrument":[7,"FilterCutoff"]},{"Put":{"tick":240,"value":0.5,"curve":"Smooth"}}]}]"#
    );
    let gone = r#"[{"Lane":[{"Instrument":[7,"FilterCutoff"]},{"Remove":240}]}]"#;
    assert_eq!(json(&put, &before), gone);
}

#[test]
fn what_goes_with_an_instrument_is_not_sent() {
    let id = InstrumentId(7);
    let create =
        ClipAction::Create { clip: ClipId(1), name: Name::default(), length: NoteLength::MIN };
    let lane = Target::Instrument(id, InstrumentParameter::Pan);
    let before = after(&studio(16, 4), &NetworkAction::Clip(id, create));
    let before = after(&before, &NetworkAction::Automation(lane, AutomationAction::Add));
    let deleted = after(&before, &NetworkAction::DeleteInstrument(id));
    let all = StudioChange::Instruments(deleted.instruments.clone());
    assert_eq!(patch(&before, &deleted), StudioPatch(vec![all]));
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
    let lane = Target::Instrument(InstrumentId(1), InstrumentParameter::Level);
    assert_eq!(
        dirty(NetworkAction::Automation(lane, AutomationAction::Add)),
        DirtyFlags::AUTOMATION
    );
    let play = ArrangementSetting::Play(PlayMode::Arrangement);
    assert_eq!(dirty(NetworkAction::Arrangement(play)), DirtyFlags::ARRANGEMENT);
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
        r#"[{"Clip":[99,1,{"Set":{"Name":"A"}}]}]"#,
        r#"[{"Clip":[1,1,"Gone"]}]"#,
        r#"[{"Placement":[1,{"Put":[1,{"clip":1,"tick":0,"length":480}]}]}]"#,
        r#"[{"Placement":[1,{"Remove":1}]}]"#,
        r#"[{"Lane":[{"Instrument":[99,"Level"]},{"Whole":{"enabled":true,"armed":false,"points":{}}}]}]"#,
        r#"[{"Lane":[{"Instrument":[1,"Level"]},{"Remove":480}]}]"#,
        r#"[{"Lane":[{"Bus":[9,"Level"]},"Gone"]}]"#,
        r#"[{"Mixer":{"DeleteBus":9}}]"#,
    ] {
        let patch: StudioPatch = serde_json::from_str(misfit).unwrap();
        let Misfit(_) = Studio::apply(&mut studio(4, 1), &patch).expect_err(misfit);
    }
}

/// The size of the largest note in a list, as JSON.
fn largest_note() -> usize {
    let note = Note {
        tick: Ticks::MAX,
        pitch: Pitch::MAX,
        length: NoteLength::MAX,
        velocity: Velocity::MAX,
        probability: Probability::MAX,
    };
    serde_json::to_string(&note).unwrap().len() + ",".len()
}

#[test]
fn the_largest_paste_is_not_larger_than_promised() {
    let largest = MAX_PASTED * largest_note() + 100;
    assert!(largest <= MAX_ACTION_BYTES, "{largest}");
}

#[test]
fn the_largest_state_is_not_larger_than_promised() {
    let mut state = studio(1, 0);
    let mut act = |action| Studio::reduce(&mut state, &action).unwrap();
    let id = InstrumentId(1);
    for bus in (0..64).map(|n| BusId(u32::MAX - n)) {
        act(NetworkAction::Mixer(MixerSetting::AddBus(bus, Name::new(&"♭".repeat(64)).unwrap())));
        let send = SendsSetting::Add(bus);
        act(NetworkAction::Instrument(id, InstrumentAction::Set(InstrumentSetting::Sends(send))));
        // A number that takes as many digits as any.
        let level = BusSendSetting::Level(Decibels::of(-100.123_45));
        let send = SendsSetting::Set(bus, level);
        act(NetworkAction::Instrument(id, InstrumentAction::Set(InstrumentSetting::Sends(send))));
    }
    for pitch in 0..128 {
        let play = InstrumentAction::Play(Pitch::of(pitch), Velocity::MAX);
        act(NetworkAction::Instrument(id, play));
    }
    // Four bytes a character of the name, and 16 digits more for each parameter.
    let slack = 4 * 64 + 20 * 16;
    let instrument =
        serde_json::to_string(state.instruments.get(id).unwrap()).unwrap().len() + slack;
    let mixer = serde_json::to_string(&state.mixer).unwrap().len() * 2;
    let track = concat!(
        r#""4294967295":{"voices":"Mono","armed":false,"looping":false,"#,
        r#""region":{"start":2000000000,"end":2000000000},"notes":[]},"#,
    );
    let tracks = MAX_INSTRUMENTS * track.len() + MAX_NOTES_IN_ALL * largest_note();
    let part = r#""4294967295":{"clips":{},"placements":{}},"#.len();
    let clip = r#""4294967295":{"name":"","length":2000000000,"notes":[]},"#.len() + 4 * 64;
    let placement = r#""4294967295":{"clip":4294967295,"tick":2000000000,"length":2000000000},"#;
    let clips = MAX_INSTRUMENTS * part
        + MAX_CLIPS_IN_ALL * clip
        + MAX_CLIP_NOTES_IN_ALL * largest_note()
        + MAX_PLACEMENTS_IN_ALL * placement.len();
    let lane = concat!(
        r#"[{"Instrument":[4294967295,"OscillatorDetune"]},"#,
        r#"{"enabled":false,"armed":false,"points":{}}],"#,
    );
    let point = r#""2000000000":{"value":0.12345679,"curve":"SlowStart"},"#.len();
    let lanes = MAX_LANES * lane.len() + MAX_POINTS_IN_ALL * point;
    let tracks = tracks + clips + lanes;
    let largest = MAX_INSTRUMENTS * (instrument + r#""4294967295":,"#.len()) + mixer + tracks;
    assert!(largest <= MAX_STATE_BYTES, "{largest}");
}
