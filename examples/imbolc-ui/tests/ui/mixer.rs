//! The mixer pane: what its keys do, and what it shows.

use imbolc_net::{
    model::InstrumentId,
    protocol::Refusal,
    studio::{
        BusId, BusSendSetting, BusSetting, ChainSetting, EffectKind, InstrumentAction,
        InstrumentSetting, LayerGroupId, LayerGroupSetting, MasterSetting, MixerSetting, Name,
        NetworkAction, Output, Pane, SendsSetting, SlotId, SourceKind, StudioState,
    },
    util::quantity::{Decibels, Pan, Pitch, Velocity},
};
use ratatui::style::Color;

use crate::{
    band::act,
    stage::{BASS, DRUMS, LEAD, Scene, Stage},
};

fn mixer(scene: Scene) -> Stage {
    let mut stage = Stage::new(scene);
    stage.show(Pane::Mixer);
    stage
}

fn set(id: InstrumentId, setting: InstrumentSetting) -> NetworkAction {
    NetworkAction::Instrument(id, InstrumentAction::Set(setting))
}

fn bus(id: u32, setting: BusSetting) -> NetworkAction {
    NetworkAction::Mixer(MixerSetting::Bus(BusId(id), setting))
}

fn master(setting: MasterSetting) -> NetworkAction {
    NetworkAction::Mixer(MixerSetting::Master(setting))
}

fn chain(setting: ChainSetting) -> NetworkAction {
    set(BASS, InstrumentSetting::Chain(setting))
}

fn level(decibels: f32) -> Decibels {
    Decibels::new(decibels).unwrap()
}

#[test]
fn instrument_strip_sets_level_pan_mute_and_solo() {
    let mut stage = mixer(Scene::Joined);
    assert_eq!(
        stage.press("<up>-<right>").dispatched(),
        [
            set(BASS, InstrumentSetting::Level(level(-5.0))),
            set(BASS, InstrumentSetting::Level(level(-6.0))),
        ]
    );
    assert_eq!(stage.app.client_state().instrument(), Some(LEAD));
    assert_eq!(
        stage.press(">ms").dispatched(),
        [
            set(LEAD, InstrumentSetting::Pan(Pan::of(-0.1))),
            set(LEAD, InstrumentSetting::Mute(true)),
            set(LEAD, InstrumentSetting::Solo(true)),
        ]
    );
    assert!(stage.screen().contains("L10   MS"), "{}", stage.screen());
}

#[test]
fn groups_buses_and_master_follow_instruments() {
    let mut stage = mixer(Scene::Local);
    let group = |setting| NetworkAction::Mixer(MixerSetting::LayerGroup(LayerGroupId(1), setting));
    assert_eq!(
        stage.press("<right><right><right><right>+m").dispatched(),
        [group(LayerGroupSetting::Level(level(1.0))), group(LayerGroupSetting::Mute(true))]
    );
    assert_eq!(
        stage.press("<right>-<").dispatched(),
        [bus(1, BusSetting::Level(level(-1.0))), bus(1, BusSetting::Pan(Pan::of(-0.1)))]
    );
    assert_eq!(
        stage.press("<right><right><right>-m").dispatched(),
        [master(MasterSetting::Level(level(-1.0))), master(MasterSetting::Mute(true))]
    );
    assert!(stage.press("s").dispatched().is_empty());
    assert!(stage.screen().contains("the master has no solo"), "{}", stage.screen());
    assert_eq!(stage.press("<left>m").dispatched(), [bus(2, BusSetting::Mute(false))]);
    stage.press("<home>");
    assert_eq!(stage.app.client_state().instrument(), Some(BASS));
    assert_eq!(stage.press("<end>m").dispatched(), [master(MasterSetting::Mute(false))]);
}

#[test]
fn output_cycles_through_buses_and_master() {
    let to = |output| set(BASS, InstrumentSetting::Output(output));
    assert_eq!(
        mixer(Scene::Joined).press("ooo").dispatched(),
        [to(Output::Bus(BusId(1))), to(Output::Bus(BusId(2))), to(Output::Master)]
    );
    let mut none = Stage::with_studio(Scene::Local, StudioState::starter());
    assert!(none.show(Pane::Mixer).press("o").dispatched().is_empty());
    assert!(none.screen().contains("no bus: press b to add one"), "{}", none.screen());
}

#[test]
fn sends_are_typed_by_bus_and_level() {
    let sends = |setting| set(BASS, InstrumentSetting::Sends(setting));
    let mut stage = mixer(Scene::Joined);
    assert_eq!(
        stage.press("t2 -9<enter>").dispatched(),
        [
            sends(SendsSetting::Add(BusId(2))),
            sends(SendsSetting::Set(BusId(2), BusSendSetting::Level(level(-9.0)))),
        ]
    );
    assert!(stage.screen().contains("2 sends"), "{}", stage.screen());
    assert!(stage.press("t2<enter>").dispatched().is_empty());
    assert!(stage.screen().contains("a send to bus 2 exists already"), "{}", stage.screen());
    stage.press("<esc>t7<enter>");
    assert!(stage.screen().contains("no such bus"), "{}", stage.screen());
    assert!(stage.press("<esc>").dispatched().is_empty());
    let louder = SendsSetting::Set(BusId(2), BusSendSetting::Level(level(-3.0)));
    assert_eq!(stage.press("t2 -3<enter>").dispatched(), [sends(louder)]);
    assert_eq!(stage.press("T1<enter>").dispatched(), [sends(SendsSetting::Remove(BusId(1)))]);
    assert!(stage.press("<end>t").dispatched().is_empty());
    assert!(stage.screen().contains("only an instrument sends to buses"), "{}", stage.screen());
}

#[test]
fn only_bus_need_not_be_typed() {
    let mut studio = StudioState::starter();
    let name = Name::new("Room").unwrap();
    act(&mut studio, &NetworkAction::Mixer(MixerSetting::AddBus(BusId(1), name)));
    let mut stage = Stage::with_studio(Scene::Local, studio);
    let sends = |setting| set(BASS, InstrumentSetting::Sends(setting));
    assert_eq!(
        stage.show(Pane::Mixer).press("t-9<enter>T<enter>").dispatched(),
        [
            sends(SendsSetting::Add(BusId(1))),
            sends(SendsSetting::Set(BusId(1), BusSendSetting::Level(level(-9.0)))),
            sends(SendsSetting::Remove(BusId(1))),
        ]
    );
}

#[test]
fn cursor_survives_deletion_of_its_strip() {
    let mut stage = mixer(Scene::Local);
    let name = |text| Name::new(text).unwrap();
    let mix = NetworkAction::Mixer;
    assert_eq!(
        stage.press("bDub<enter>gHigh<enter>:join 2<enter>").dispatched(),
        [
            mix(MixerSetting::AddBus(BusId(3), name("Dub"))),
            mix(MixerSetting::AddLayerGroup(LayerGroupId(2), name("High"))),
            set(BASS, InstrumentSetting::LayerGroup(Some(LayerGroupId(2)))),
        ]
    );
    assert_eq!(
        stage.press("<end><left>n<backspace><backspace>ry<enter>D<enter>").dispatched(),
        [bus(3, BusSetting::Name(name("Dry"))), mix(MixerSetting::DeleteBus(BusId(3))),]
    );
    // The strip under the cursor was deleted: the cursor is on the selected instrument.
    assert_eq!(stage.press("m").dispatched(), [set(BASS, InstrumentSetting::Mute(true))]);
}

#[test]
fn effect_is_added_to_current_strip() {
    let mut stage = mixer(Scene::Local);
    let add = |slot, kind| ChainSetting::Add(SlotId(slot), kind, u8::MAX);
    assert_eq!(stage.press("edelay<enter>").dispatched(), [chain(add(3, EffectKind::Delay))]);
    assert_eq!(
        stage.press("<esc><end>egate<enter>").dispatched(),
        [master(MasterSetting::Chain(add(2, EffectKind::Gate)))]
    );
    assert_eq!(
        stage.press("<esc><left>ephaser<enter>").dispatched(),
        [bus(2, BusSetting::Chain(add(1, EffectKind::Phaser)))]
    );
    stage.press("<esc><left><left>e");
    assert!(stage.screen().contains("a layer group has no effects"), "{}", stage.screen());
}

#[test]
fn effects_are_bypassed_moved_and_deleted() {
    let mut stage = mixer(Scene::Joined);
    let screen = stage.press("<enter>").screen();
    assert!(screen.contains("1 distortion"), "{screen}");
    assert!(screen.contains("→ B1 Reverb -12.0 dB"), "{screen}");
    assert_eq!(
        stage.press("<enter>>>").dispatched(),
        [chain(ChainSetting::Bypass(SlotId(1), true)), chain(ChainSetting::Move(SlotId(1), 1)),],
        "the last effect stays last"
    );
    assert_eq!(
        stage.press("<up><enter>D<enter>").dispatched(),
        [
            chain(ChainSetting::Bypass(SlotId(2), false)),
            chain(ChainSetting::Remove(SlotId(2))),
            chain(ChainSetting::Bypass(SlotId(1), false)),
        ]
    );
    assert_eq!(stage.press("<delete>").dispatched(), [chain(ChainSetting::Remove(SlotId(1)))]);
    assert!(stage.screen().contains("none: press e to add one"), "{}", stage.screen());
    // The fader works inside a strip, too, and Escape closes the strip.
    assert_eq!(
        stage.press("+<esc><right>").dispatched(),
        [set(BASS, InstrumentSetting::Level(level(-5.0)))]
    );
    assert_eq!(stage.app.client_state().instrument(), Some(LEAD));
}

#[test]
fn inside_a_strip() {
    insta::assert_snapshot!(mixer(Scene::Hosting).press("<enter><down>").screen());
    insta::assert_snapshot!(mixer(Scene::Hosting).press("<end><enter>").screen());
}

#[test]
fn unconfirmed_values_are_marked_one_by_one() {
    let mut stage = mixer(Scene::Reconnecting);
    let screen = stage.press("+>o").screen();
    for marked in ["-5.0 dB*", "R10*", "→ Reverb*"] {
        assert!(screen.contains(marked), "{marked}: {screen}");
    }
    assert!(screen.contains("2 effects "), "{screen}");
    let screen = stage.press("<enter><enter>").screen();
    assert!(screen.contains("1 distortion  *"), "{screen}");
    assert!(!mixer(Scene::Joined).press("+>o").screen().contains('*'));
}

#[test]
fn master_meters_and_held_notes_are_shown() {
    let mut stage = mixer(Scene::Joined);
    let still = stage.screen();
    stage.play_at(0, -6.0);
    let moved = stage.screen();
    assert_ne!(still, moved);
    assert!(!still.contains('♪'));
    let play = InstrumentAction::Play(Pitch::of(60), Velocity::of(100));
    stage.remote_edit(&NetworkAction::Instrument(DRUMS, play));
    assert!(stage.screen().contains("4 Drums ♪"), "{}", stage.screen());
    insta::assert_snapshot!(stage.screen());
}

#[test]
fn remote_fader_moves_and_refusal_is_shown() {
    let mut stage = mixer(Scene::Joined);
    stage.remote_edit(&set(LEAD, InstrumentSetting::Level(level(-23.0))));
    assert!(stage.screen().contains("-23.0 dB"), "{}", stage.screen());
    stage.refuse_all(Refusal::NotPrivileged { holder: stage.owner(crate::stage::MIA) });
    let screen = stage.press("<end>-").screen();
    assert!(screen.contains("mia has the privilege: P asks for it"), "{screen}");
    assert_eq!(stage.dispatched(), [master(MasterSetting::Level(level(-1.0)))]);
}

/// Two hundred instruments; the last one is called Horn.
fn orchestra() -> StudioState {
    let mut studio = StudioState::default();
    for id in 1..=200 {
        let name = Name::new(if id == 200 { "Horn" } else { "Viola" }).unwrap();
        let id = InstrumentId(id);
        act(&mut studio, &NetworkAction::AddInstrument { id, name, source: SourceKind::Fm });
    }
    studio
}

#[test]
fn current_strip_and_master_are_always_visible() {
    for (width, height) in [(100, 30), (60, 16)] {
        let mut stage = Stage::with_studio(Scene::Local, orchestra());
        stage.show(Pane::Mixer).resize(width, height);
        for (keys, strip) in [("", "1 Viola"), ("<end><left>", "200 Horn"), ("<left>", "199 Viola")]
        {
            let screen = stage.press(keys).screen();
            assert!(screen.contains(strip), "{screen}");
            assert!(screen.contains("Master"), "{screen}");
            assert!(screen.contains("no effects"), "{screen}");
        }
    }
}

#[test]
fn mixer_on_smallest_terminal() {
    let mut stage = mixer(Scene::Joined);
    stage.resize(60, 16);
    insta::assert_snapshot!(stage.screen());
    insta::assert_snapshot!(stage.press("<enter>").screen());
}

#[test]
fn empty_studio_has_a_master() {
    let mut stage = Stage::with_studio(Scene::Local, StudioState::default());
    let screen = stage.show(Pane::Mixer).screen();
    assert!(screen.contains("no strips: press b to add a bus"), "{screen}");
    assert_eq!(stage.press("+").dispatched(), [master(MasterSetting::Level(level(1.0)))]);
}

#[test]
fn strips_that_a_solo_silences_are_dim() {
    let mut stage = Stage::with_studio(Scene::Local, StudioState::starter());
    stage.show(Pane::Mixer);
    let dim = |stage: &mut Stage| {
        let names = ["1 Bass", "2 Lead", "Master"].map(|name| stage.colour_of(name));
        names.map(|colour| colour == Some(Color::DarkGray))
    };
    assert_eq!(dim(&mut stage), [false; 3]);
    stage.press("s");
    assert_eq!(dim(&mut stage), [false, true, false]);
}

#[test]
fn each_strip_has_meters_of_its_own() {
    let mut stage = mixer(Scene::Joined);
    let [loud, silent] = [Decibels::of(-6.0), Decibels::MIN];
    stage.edit_metering(|metering| {
        metering.instruments = [(LEAD, [loud, silent])].into_iter().collect();
        metering.buses = [(BusId(2), [silent, loud])].into_iter().collect();
    });
    let screen = stage.screen();
    let bottom = screen.lines().rfind(|line| line.contains("██")).expect("the faders");
    let meters = bottom.split("██").skip(1).map(|it| it.chars().skip(3).take(3).collect());
    // Four instruments, a layer group, two buses, and the master.
    let expected = ["· ·", "█ ·", "· ·", "· ·", "   ", "· ·", "· █", "· ·"];
    assert_eq!(meters.collect::<Vec<String>>(), expected, "{screen}");
}
