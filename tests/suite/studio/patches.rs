//! The exact contents of patches: small edits send small patches, whatever the size of the session.

use imbolc_net::{
    model::{DirtyFlags, InstrumentId, Model, PatchError},
    studio::{
        ArrangementSetting, AutomationAction, BusId, BusSetting, ChainSetting, ClipAction, ClipId,
        Curve, DelaySetting, DrumAction, DrumSetting, EffectKind, EffectSetting, FilterParameter,
        FilterSetting, InstrumentAction, InstrumentParameter, InstrumentSetting, MasterSetting,
        MixerSetting, Name, NetworkAction, PatternId, PatternSetting, PianoRollAction,
        PlacementAction, PlacementId, PlayMode, Point, SlotId, SourceKind, SourceSetting, Step,
        Studio, StudioChange, StudioPatch, StudioState, Target, TransportAction,
    },
    util::quantity::{
        Amount, Hertz, NoteLength, PadNumber, Pitch, StepCount, StepNumber, Ticks, Velocity,
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
fn knob_patch_holds_one_parameter() {
    for instruments in [16, 1024] {
        let before = studio(instruments, 64);
        let turned = after(&before, &turn_cutoff(7, 1234.5));
        assert_eq!(json(&before, &turned), r#"[{"Instrument":[7,{"Filter":{"Cutoff":1234.5}}]}]"#);
    }
}

#[test]
fn note_patch_holds_one_note() {
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
fn key_patch_holds_one_key() {
    let before = studio(16, 0);
    let play = InstrumentAction::Play(Pitch::of(60), Velocity::of(100));
    let struck = after(&before, &NetworkAction::Instrument(InstrumentId(7), play));
    assert_eq!(json(&before, &struck), r#"[{"Key":[7,{"Down":[60,100]}]}]"#);
    assert_eq!(json(&struck, &before), r#"[{"Key":[7,{"Up":60}]}]"#);
}

#[test]
fn moved_clip_patch_holds_one_placement() {
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
fn automation_patch_holds_one_point() {
    let lane =
        Target::Instrument(InstrumentId(7), InstrumentParameter::Filter(FilterParameter::Cutoff));
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
        r#"[{"Lane":[{"Instrument":[7,{"Filter":"Cutoff"}]},{"Put":{"tick":240,"value":0.5,"curve":"Smooth"}}]}]"#
    );
    let gone = r#"[{"Lane":[{"Instrument":[7,{"Filter":"Cutoff"}]},{"Remove":240}]}]"#;
    assert_eq!(json(&put, &before), gone);
}

#[test]
fn patch_omits_parts_deleted_with_their_instrument() {
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
fn structural_change_sends_all_instruments() {
    let before = studio(16, 4);
    let add = NetworkAction::AddInstrument {
        id: InstrumentId(17),
        name: Name::new("New").unwrap(),
        source: SourceKind::Kick,
    };
    for action in [add, NetworkAction::DeleteInstrument(InstrumentId(3))] {
        let changed = after(&before, &action);
        let all = StudioChange::Instruments(changed.instruments.clone());
        assert_eq!(
            patch(&before, &changed),
            StudioPatch(vec![all]),
            "tracks follow from instruments"
        );
    }
}

#[test]
fn edits_of_most_instruments_send_all_instruments() {
    let before = studio(10, 0);
    let turn = |count| (1..=count).fold(before.clone(), |s, id| after(&s, &turn_cutoff(id, 99.0)));
    let (half, more) = (turn(5), turn(6));
    assert_eq!(patch(&before, &half).0.len(), 5);
    let all = StudioChange::Instruments(more.instruments.clone());
    assert_eq!(patch(&before, &more), StudioPatch(vec![all]));
}

#[test]
fn reverted_edit_sends_no_patch() {
    let before = studio(16, 0);
    let turned = after(&before, &turn_cutoff(7, 99.0));
    let reverted = after(&turned, &turn_cutoff(7, 8000.0));
    assert_eq!(Studio::diff(&before, &reverted), None);
}

#[test]
fn dirty_flags_name_the_changed_parts() {
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
fn patch_for_another_state_is_an_error() {
    for unfit in [
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
        r#"[{"Mixer":{"Master":{"Chain":{"Add":[1,"Compressor",0]}}}},{"Mixer":{"Master":{"Chain":{"Effect":[1,{"Compressor":{"SideChain":9}}]}}}}]"#,
        r#"[{"Instrument":[1,{"LayerGroup":9}]}]"#,
        r#"[{"Instrument":[1,{"Chain":{"Remove":9}}]}]"#,
        r#"[{"Instrument":[1,{"Source":{"Kind":"Vst"}}]},{"Instrument":[1,{"Source":{"Vst":{"Load":9}}}]}]"#,
        r#"[{"Drums":[1,{"Set":{"Chained":true}}]}]"#,
        r#"[{"Instrument":[1,{"Source":{"Kind":"DrumKit"}}]},{"Drums":[1,{"Set":{"Pad":[0,{"Sound":{"Instrument":[9,60]}}]}}]}]"#,
        r#"[{"Registry":{"DeletePlugin":9}}]"#,
        r#"[{"Session":{"Midi":{"Put":[1,{"channel":null,"controller":1,"target":{"Bus":[9,"Level"]},"from":0.0,"to":1.0}]}}}]"#,
    ] {
        let patch: StudioPatch = serde_json::from_str(unfit).unwrap();
        let PatchError(_) = Studio::apply(&mut studio(4, 1), &patch).expect_err(unfit);
    }
}

#[test]
fn drum_patch_holds_one_step() {
    for instruments in [16, 1024] {
        let mut before = studio(instruments, 64);
        let id = InstrumentId(7);
        let kit = InstrumentSetting::Source(SourceSetting::Kind(SourceKind::DrumKit));
        before = after(&before, &NetworkAction::Instrument(id, InstrumentAction::Set(kit)));
        let drums = |state: &StudioState, action| after(state, &NetworkAction::Drums(id, action));
        let pad = PadNumber::of(3);
        for pad in 0..8 {
            let (pattern, pad) = (PatternId(1), PadNumber::of(pad));
            let (hits, rotation) = (StepCount::of(7), StepNumber::of(0));
            before = drums(&before, DrumAction::Euclid { pattern, pad, hits, rotation });
        }
        let step = Step::new(pad, StepNumber::of(1));
        let pattern = |setting| DrumSetting::Pattern(PatternId(1), setting);
        let on = drums(&before, DrumAction::Set(pattern(PatternSetting::On(step))));
        let put = concat!(
            r#"[{"Drums":[7,{"Set":{"Pattern":[1,{"On":{"pad":3,"step":1,"#,
            r#""velocity":100,"probability":1.0,"pitch":0}}]}}]}]"#,
        );
        assert_eq!(json(&before, &on), put);
        assert_eq!(json(&on, &before), r#"[{"Drums":[7,{"Set":{"Pattern":[1,{"Off":[3,1]}]}}]}]"#);
        let mut mirror = before.clone();
        Studio::apply(&mut mirror, &patch(&before, &on)).unwrap();
        assert_eq!(mirror, on);
    }
}

#[test]
fn effect_patch_holds_one_parameter_in_every_chain() {
    let bus = BusId(2);
    let before =
        after(&studio(1024, 0), &NetworkAction::Mixer(MixerSetting::AddBus(bus, Name::default())));
    let slot = SlotId(1);
    let instrument = |setting| {
        let setting = InstrumentSetting::Chain(setting);
        NetworkAction::Instrument(InstrumentId(7), InstrumentAction::Set(setting))
    };
    let bus_chain =
        |setting| NetworkAction::Mixer(MixerSetting::Bus(bus, BusSetting::Chain(setting)));
    let master =
        |setting| NetworkAction::Mixer(MixerSetting::Master(MasterSetting::Chain(setting)));
    let chains: [(&dyn Fn(ChainSetting) -> NetworkAction, &str); 3] = [
        (
            &instrument,
            r#"[{"Instrument":[7,{"Chain":{"Effect":[1,{"Delay":{"Feedback":0.5}}]}}]}]"#,
        ),
        (
            &bus_chain,
            r#"[{"Mixer":{"Bus":[2,{"Chain":{"Effect":[1,{"Delay":{"Feedback":0.5}}]}}]}}]"#,
        ),
        (&master, r#"[{"Mixer":{"Master":{"Chain":{"Effect":[1,{"Delay":{"Feedback":0.5}}]}}}}]"#),
    ];
    for (chain, expected) in chains {
        let added = after(&before, &chain(ChainSetting::Add(slot, EffectKind::Delay, 0)));
        let feedback = EffectSetting::Delay(DelaySetting::Feedback(Amount::of(0.5)));
        let turned = after(&added, &chain(ChainSetting::Effect(slot, feedback)));
        assert_eq!(json(&added, &turned), expected);
    }
}
