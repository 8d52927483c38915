//! Values: with their units on the screen, turned, and typed as they are shown.

use imbolc_net::{
    model::InstrumentId,
    studio::{
        AutomationAction, BusId, BusSetting, ChainSetting, ChorusSetting, EffectSetting,
        EnvelopeSetting, FilterSetting, InstrumentAction, InstrumentSetting, MixerSetting,
        NetworkAction, NoteValue, Pane, SessionSetting, SlotId, TransportAction,
    },
    util::quantity::{Bpm, Decibels, Hertz, ModulationRate, Pan, Seconds, Ticks},
};
use imbolc_ui::parameters;

use crate::stage::{BASS, Scene, Stage};

fn set(setting: InstrumentSetting) -> NetworkAction {
    NetworkAction::Instrument(BASS, InstrumentAction::Set(setting))
}

fn cutoff(hertz: f32) -> NetworkAction {
    set(InstrumentSetting::Filter(FilterSetting::Cutoff(Hertz::of(hertz))))
}

/// The keys that lead to the parameter with this name.
fn keys_to(stage: &Stage, name: &str) -> String {
    let knobs = parameters::of_instrument(BASS, &stage.studio());
    let at = knobs.iter().position(|knob| knob.name == name).unwrap();
    format!("<right>{}", "<down>".repeat(at))
}

#[test]
fn parameters_stand_in_groups_with_units() {
    let mut stage = Stage::new(Scene::Joined);
    stage.resize(80, 24);
    let screen = stage.press("<right>").screen();
    for shown in ["Source: oscillator", "Filter", "Envelope", "Arpeggiator", "Playing", "Output"] {
        assert!(screen.contains(shown), "{shown}: {screen}");
    }
    for (label, value) in
        [("cutoff", "8 kHz"), ("attack", "5 ms"), ("resonance", "10 %"), ("hold", "off")]
    {
        let line = screen.lines().find(|line| line.contains(label)).unwrap();
        assert!(line.contains(value), "{label} {value}: {line}");
    }
    insta::assert_snapshot!(screen);
}

#[test]
fn selected_parameter_is_visible_and_explained() {
    for (width, height) in [(60, 16), (80, 24), (100, 30), (160, 40)] {
        let mut stage = Stage::new(Scene::Joined);
        stage.resize(width, height);
        stage.press("<right>");
        for knob in parameters::of_instrument(BASS, &stage.studio()) {
            let screen = stage.screen();
            let help = format!("{}: ", knob.name);
            assert!(screen.contains(&help), "{help} at {width} x {height}: {screen}");
            let value = knob.value(&stage.studio()).unwrap();
            let is_row = |line: &str| line.contains(&*knob.label) && line.contains(&*value);
            assert!(screen.lines().any(is_row), "{} {value}: {screen}", knob.label);
            stage.press("<down>");
        }
    }
}

#[test]
fn columns_of_parameters_are_crossed_and_left() {
    let mut stage = Stage::new(Scene::Joined);
    stage.press("<right>");
    let first = stage.screen();
    assert!(first.contains("source oscillator wave: The waveform."), "{first}");
    assert!(!stage.press("<right>").screen().contains("source oscillator wave: "));
    assert!(stage.press("<left>").screen().contains("source oscillator wave: "));
    assert!(stage.press("<pagedown>").screen().contains("filter kind: "));
    assert!(stage.press("<pageup>").screen().contains("source oscillator wave: "));
    assert!(stage.press("<left>").screen().contains("owner"), "the list is back");
}

#[test]
fn enter_types_the_value_of_a_parameter() {
    for (name, keys, done) in [
        ("filter cutoff", "<backspace>12", cutoff(12_000.0)),
        (
            "amp attack",
            "0",
            set(InstrumentSetting::Amp(EnvelopeSetting::Attack(Seconds::of(0.05)))),
        ),
        ("level", "", set(InstrumentSetting::Level(Decibels::of(-6.0)))),
    ] {
        let mut stage = Stage::new(Scene::Joined);
        let there = keys_to(&stage, name);
        stage.press(&there).press("<enter>");
        assert!(stage.screen().contains(&format!(":set {name} ")), "{}", stage.screen());
        assert_eq!(stage.press(&format!("{keys}<enter>")).dispatched(), [done], "{name}");
    }
}

#[test]
fn every_parameter_is_typed_as_it_is_shown() {
    let mut stage = Stage::new(Scene::Local);
    stage.press("<right>");
    for knob in parameters::of_instrument(BASS, &stage.studio()) {
        let before = knob.value(&stage.studio());
        stage.press("<enter><enter>");
        assert_eq!(stage.dispatched().len(), 1, "{}: {}", knob.name, stage.screen());
        assert_eq!(knob.value(&stage.studio()), before, "{}", knob.name);
        stage.press("<down>");
    }
}

#[test]
fn values_are_typed_with_and_without_units() {
    let level = |level| {
        let setting = imbolc_net::studio::BusSendSetting::Level(Decibels::of(level));
        set(InstrumentSetting::Sends(imbolc_net::studio::SendsSetting::Set(BusId(1), setting)))
    };
    for (line, done) in [
        ("set filter cutoff 8k", cutoff(8000.0)),
        ("set cutoff 440", cutoff(440.0)),
        ("set Cutoff 1.2 kHz", cutoff(1200.0)),
        ("set pan L20", set(InstrumentSetting::Pan(Pan::of(-0.2)))),
        ("tempo 90", NetworkAction::Session(SessionSetting::Tempo(Bpm::of(90.0)))),
        ("tempo 90 bpm", NetworkAction::Session(SessionSetting::Tempo(Bpm::of(90.0)))),
        ("set snap 1/8", NetworkAction::Session(SessionSetting::Snap(Some(NoteValue::Eighth)))),
        ("send 1 -3 dB", level(-3.0)),
        ("send 1 -3", level(-3.0)),
        ("send 1 −∞", level(-120.0)),
        ("snap 1/8", NetworkAction::Session(SessionSetting::Snap(Some(NoteValue::Eighth)))),
        ("goto 2.3", NetworkAction::Transport(TransportAction::Locate(Ticks::of(2880)))),
        ("goto 2.3.010", NetworkAction::Transport(TransportAction::Locate(Ticks::of(2890)))),
    ] {
        let mut stage = Stage::new(Scene::Local);
        assert_eq!(stage.press(&format!(":{line}<enter>")).dispatched(), [done], "{line}");
    }
}

#[test]
fn refused_value_names_unit_and_range() {
    for (line, why) in [
        ("set cutoff 30k", "filter cutoff must be from 20 Hz to 20 kHz, not \"30k\""),
        ("set attack fast", "amp attack must be from 0 ms to 60 s, not \"fast\""),
        ("set attack 5 Hz", "amp attack must be from 0 ms to 60 s, not \"5 Hz\""),
        ("set filter kind loud", "filter kind must be off, low pass, band pass or high pass"),
        ("tempo 10", "must be from 20 bpm to 999 bpm, not \"10\""),
        ("send 1 20 dB", "must be from -∞ dB to +12.0 dB, not \"20 dB\""),
        ("swing 120", "must be from 0 % to 100 %, not \"120\""),
        ("goto 2.5", "beats from 1 to 4"),
        ("pan L20", "no command pan: “set pan L20” sets the parameter"),
        ("Cutoff", "no command Cutoff: “set Cutoff” sets the parameter"),
        ("zebra 1", "no command zebra: Tab lists all"),
        ("own", "write instrument numbers like 1,2"),
        ("own a", "\"a\" is not an instrument number"),
        ("set", "write a parameter and its value"),
    ] {
        let mut stage = Stage::new(Scene::Local);
        let screen = stage.press(&format!(":{line}<enter>")).screen();
        assert!(screen.contains(why), "{line}: {why}: {screen}");
        assert!(stage.dispatched().is_empty(), "{line}");
    }
}

#[test]
fn count_of_steps_is_refused_in_plain_words() {
    for (line, why) in [
        ("steps 0", "steps must be from 1 to 128, not \"0\""),
        ("euclid 1 129", "hits must be from 1 to 128, not \"129\""),
        ("euclid 1 4 200", "the rotation must be from 0 to 127, not \"200\""),
        ("slice 99", "slices must be from 1 to 64, not \"99\""),
    ] {
        let mut stage = Stage::new(Scene::Local);
        let screen = stage.press(&format!("]]]:{line}<enter>")).screen();
        assert!(screen.contains(why), "{line}: {why}: {screen}");
    }
}

#[test]
fn effects_of_a_bus_are_turned_and_typed() {
    let mut stage = Stage::new(Scene::Local);
    stage.show(Pane::Mixer);
    stage.press(":buseffect 2 chorus<enter>").dispatched();
    // The last strip before the master is bus 2.
    let chorus = |rate| {
        let setting = EffectSetting::Chorus(ChorusSetting::Rate(ModulationRate::of(rate)));
        let chain = ChainSetting::Effect(SlotId(1), setting);
        NetworkAction::Mixer(MixerSetting::Bus(BusId(2), BusSetting::Chain(chain)))
    };
    let screen = stage.press("<end><left><enter><right>").screen();
    assert!(screen.contains("Effect 1: chorus") && screen.contains("0.6 Hz"), "{screen}");
    assert_eq!(stage.press("<down>+").dispatched(), [chorus(0.653)], "a hundredth, and round");
    let typed = stage.press("<enter><backspace><backspace><backspace>7<enter>").dispatched();
    assert_eq!(typed, [chorus(0.7)], "{}", stage.screen());
    // Back to the effects, and out of the strip.
    assert!(stage.press("<esc>").screen().contains("Effects"));
    assert!(!stage.press("<esc>").screen().contains("Effects"));
}

#[test]
fn level_and_pan_of_a_strip_are_typed() {
    let mut stage = Stage::new(Scene::Local);
    stage.show(Pane::Mixer);
    let typed = stage
        .press("v<backspace><backspace><backspace>9.5<enter>p<backspace>L20<enter>")
        .dispatched();
    let panned = set(InstrumentSetting::Pan(Pan::of(-0.2)));
    assert_eq!(typed, [set(InstrumentSetting::Level(Decibels::of(-9.5))), panned]);
    let bus = |setting| NetworkAction::Mixer(MixerSetting::Bus(BusId(2), setting));
    let typed = stage.press("<end><left>v<enter>").dispatched();
    assert_eq!(typed, [bus(BusSetting::Level(Decibels::of(0.0)))]);
}

#[test]
fn value_of_a_point_is_typed() {
    let mut stage = Stage::new(Scene::Local);
    stage.show(Pane::Automation).press("<enter><home>t");
    assert!(stage.screen().contains(":point 1 filter cutoff "), "{}", stage.screen());
    stage.press("<esc>");
    let done = stage.press(":point 1.1.000 filter cutoff 20 kHz<enter>").dispatched();
    let [NetworkAction::Automation(target, AutomationAction::Put(point))] = &done[..] else {
        panic!("{done:?}");
    };
    assert_eq!(target.instrument(), Some(InstrumentId(1)));
    assert_eq!((point.tick, point.value.get()), (Ticks::of(0), 1.0));
}

#[test]
fn session_rows_are_typed_as_they_are_shown() {
    for row in [1, 5, 6, 11, 13, 14, 15] {
        let mut stage = Stage::new(Scene::Local);
        stage.show(Pane::Session).press(&"<down>".repeat(row));
        let before = stage.studio();
        assert_eq!(
            stage.press("<enter><enter>").dispatched().len(),
            1,
            "row {row}: {}",
            stage.screen()
        );
        assert_eq!(stage.studio().session, before.session, "row {row}");
    }
}
