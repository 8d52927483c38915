//! The mixer, rendered: mutes, solos, pans, sends, and silence when all is over.

#[path = "support/studio.rs"]
mod studio;
#[path = "support/mod.rs"]
mod support;

use std::sync::OnceLock;

use imbolc_net::{
    model::InstrumentId,
    studio::{
        BusId, BusSendSetting, BusSetting, EnvelopeSetting, FilterKind, FilterSetting,
        InstrumentSetting, LayerGroupId, LayerGroupSetting, MasterSetting, MixerSetting,
        NetworkAction, OscillatorSetting, Output, SendsSetting, SourceKind, SourceSetting,
        StudioState, Wave,
    },
    util::quantity::{Amount, Decibels, Pan, Seconds},
};
use studio::{Recording, act, add, named, set, write};
use support::{Sound, rms};

const LOW: InstrumentId = InstrumentId(1);
const HIGH: InstrumentId = InstrumentId(2);
const BUS: BusId = BusId(1);
const GROUP: LayerGroupId = LayerGroupId(1);

/// Two sines for a second, at 262 and 2,093 Hz, both at −12 dB, and a bus and a layer group
/// that neither uses.
fn two_sines() -> StudioState {
    let mut state = StudioState::default();
    act(&mut state, NetworkAction::Mixer(MixerSetting::AddBus(BUS, named("Bus"))));
    act(&mut state, NetworkAction::Mixer(MixerSetting::AddLayerGroup(GROUP, named("Group"))));
    for (id, pitch) in [(1, 60), (2, 96)] {
        let id = add(&mut state, id, "Sine", SourceKind::Oscillator);
        for setting in [
            InstrumentSetting::Source(SourceSetting::Oscillator(OscillatorSetting::Wave(
                Wave::Sine,
            ))),
            InstrumentSetting::Filter(FilterSetting::Kind(FilterKind::Off)),
            InstrumentSetting::Amp(EnvelopeSetting::Sustain(Amount::of(1.0))),
            InstrumentSetting::Amp(EnvelopeSetting::Release(Seconds::of(0.05))),
            InstrumentSetting::Level(Decibels::of(-12.0)),
        ] {
            set(&mut state, id, setting);
        }
        write(&mut state, id, &[(0, pitch, 960)]);
    }
    state
}

fn mixer(state: &mut StudioState, setting: MixerSetting) {
    act(state, NetworkAction::Mixer(setting));
}

/// The levels in dB of the low and the high sine, left and right.
fn levels(sound: &Sound) -> [[f32; 2]; 2] {
    [sound.left(), sound.right()].map(|channel| {
        let part = &channel[12_000..36_000];
        let tone = |frequency: f32| level(part, frequency);
        [tone(261.6256), tone(2093.0045)]
    })
}

/// The level of either sine as it is.
fn reference() -> Option<f32> {
    static LEVEL: OnceLock<Option<f32>> = OnceLock::new();
    *LEVEL.get_or_init(|| {
        let [[low, high], right] = levels(&Recording::of(&two_sines(), |_| {})?.mix);
        assert!((low - high).abs() < 0.1 && right == [low, high]);
        Some(low)
    })
}

/// The amplitude of a tone in dB.
fn level(samples: &[f32], frequency: f32) -> f32 {
    let step = std::f64::consts::TAU * f64::from(frequency) / f64::from(support::RATE);
    let length = samples.len() as f64;
    let (mut real, mut imaginary) = (0.0, 0.0);
    for (index, sample) in samples.iter().enumerate() {
        let at = index as f64;
        let window = 1.0 - (std::f64::consts::TAU * at / length).cos();
        real += f64::from(*sample) * window * (step * at).cos();
        imaginary += f64::from(*sample) * window * (step * at).sin();
    }
    support::decibels((2.0 * real.hypot(imaginary) / length) as f32)
}

/// Renders what `change` makes of two sines and compares low and high, left and right, with
/// the expected levels in dB, relative to what they are unchanged; `OFF` is silence.
fn hear(change: impl FnOnce(&mut StudioState), left: [f32; 2], right: [f32; 2]) {
    let Some(reference) = reference() else { return };
    let mut state = two_sines();
    change(&mut state);
    let Some(song) = Recording::of(&state, |options| options.stems = None) else { return };
    for (heard, expected) in levels(&song.mix).iter().flatten().zip([left, right].iter().flatten())
    {
        let heard = heard - reference;
        let fits = if *expected == OFF { heard < -80.0 } else { (heard - expected).abs() < 0.1 };
        assert!(fits, "{:?} over {reference}, not {:?}", levels(&song.mix), [left, right]);
    }
}

const OFF: f32 = f32::NEG_INFINITY;
const BOTH: [f32; 2] = [0.0, 0.0];
const LOW_ONLY: [f32; 2] = [0.0, OFF];
const HIGH_ONLY: [f32; 2] = [OFF, 0.0];
const NEITHER: [f32; 2] = [OFF, OFF];

#[test]
fn faders_set_the_level() {
    hear(|_| {}, BOTH, BOTH);
    hear(
        |state| {
            set(state, LOW, InstrumentSetting::Level(Decibels::of(-18.0)));
            mixer(state, MixerSetting::Master(MasterSetting::Level(Decibels::of(-3.0))));
        },
        [-9.0, -3.0],
        [-9.0, -3.0],
    );
    hear(|state| set(state, LOW, InstrumentSetting::Level(Decibels::MIN)), HIGH_ONLY, HIGH_ONLY);
}

#[test]
fn mute_silences() {
    hear(|state| set(state, LOW, InstrumentSetting::Mute(true)), HIGH_ONLY, HIGH_ONLY);
    hear(|state| mixer(state, MixerSetting::Master(MasterSetting::Mute(true))), NEITHER, NEITHER);
    let through_bus = |state: &mut StudioState| {
        set(state, LOW, InstrumentSetting::Output(Output::Bus(BUS)));
        mixer(state, MixerSetting::Bus(BUS, BusSetting::Mute(true)));
    };
    hear(through_bus, HIGH_ONLY, HIGH_ONLY);
    let in_group = |state: &mut StudioState| {
        set(state, HIGH, InstrumentSetting::LayerGroup(Some(GROUP)));
        mixer(state, MixerSetting::LayerGroup(GROUP, LayerGroupSetting::Mute(true)));
    };
    hear(in_group, LOW_ONLY, LOW_ONLY);
}

#[test]
fn solo_follows_the_rule_of_the_studio() {
    hear(|state| set(state, HIGH, InstrumentSetting::Solo(true)), HIGH_ONLY, HIGH_ONLY);
    // A soloed bus is heard with what is sent to it.
    let bus = |state: &mut StudioState| {
        set(state, LOW, InstrumentSetting::Output(Output::Bus(BUS)));
        mixer(state, MixerSetting::Bus(BUS, BusSetting::Solo(true)));
    };
    hear(bus, LOW_ONLY, LOW_ONLY);
    let muted = |state: &mut StudioState| {
        set(state, HIGH, InstrumentSetting::Solo(true));
        set(state, HIGH, InstrumentSetting::Mute(true));
    };
    hear(muted, NEITHER, NEITHER);
    let group = |state: &mut StudioState| {
        set(state, LOW, InstrumentSetting::LayerGroup(Some(GROUP)));
        mixer(state, MixerSetting::LayerGroup(GROUP, LayerGroupSetting::Solo(true)));
    };
    hear(group, LOW_ONLY, LOW_ONLY);
    // A soloed instrument is heard with its sends.
    let send = |state: &mut StudioState| {
        send(state, LOW, 0.0, false);
        set(state, LOW, InstrumentSetting::Solo(true));
    };
    hear(send, [6.02, OFF], [6.02, OFF]);
}

#[test]
fn pan_moves_the_sound() {
    hear(|state| set(state, LOW, InstrumentSetting::Pan(Pan::of(-1.0))), BOTH, HIGH_ONLY);
    hear(|state| set(state, LOW, InstrumentSetting::Pan(Pan::of(0.5))), [-6.02, 0.0], BOTH);
    let bus = |state: &mut StudioState| {
        set(state, LOW, InstrumentSetting::Output(Output::Bus(BUS)));
        mixer(state, MixerSetting::Bus(BUS, BusSetting::Pan(Pan::of(1.0))));
    };
    hear(bus, HIGH_ONLY, BOTH);
    let master = MixerSetting::Master(MasterSetting::Pan(Pan::of(1.0)));
    hear(|state| mixer(state, master), NEITHER, BOTH);
}

fn send(state: &mut StudioState, id: InstrumentId, level: f32, pre_fader: bool) {
    for setting in [
        SendsSetting::Add(BUS),
        SendsSetting::Set(BUS, BusSendSetting::Level(Decibels::of(level))),
        SendsSetting::Set(BUS, BusSendSetting::PreFader(pre_fader)),
    ] {
        set(state, id, InstrumentSetting::Sends(setting));
    }
}

#[test]
fn send_after_the_fader_follows_it() {
    // Together twice as loud.
    hear(|state| send(state, LOW, 0.0, false), [6.02, 0.0], [6.02, 0.0]);
    let quiet = |state: &mut StudioState| {
        send(state, LOW, 0.0, false);
        set(state, LOW, InstrumentSetting::Level(Decibels::of(-32.0)));
    };
    hear(quiet, [-13.98, 0.0], [-13.98, 0.0]);
    let through_bus = |state: &mut StudioState| {
        send(state, LOW, -6.0, false);
        mixer(state, MixerSetting::Bus(BUS, BusSetting::Level(Decibels::of(-3.0))));
    };
    let sum = 20.0 * (1.0 + 10_f32.powf(-9.0 / 20.0)).log10();
    hear(through_bus, [sum, 0.0], [sum, 0.0]);
}

#[test]
fn send_before_the_fader_does_not_follow_it() {
    let faded = |state: &mut StudioState| {
        send(state, LOW, -12.0, true);
        set(state, LOW, InstrumentSetting::Level(Decibels::MIN));
    };
    hear(faded, BOTH, BOTH);
    // A mute silences it all the same.
    let muted = |state: &mut StudioState| {
        send(state, LOW, -12.0, true);
        set(state, LOW, InstrumentSetting::Mute(true));
    };
    hear(muted, HIGH_ONLY, HIGH_ONLY);
}

#[test]
fn nothing_sounds_after_the_release() {
    let mut state = two_sines();
    send(&mut state, HIGH, 0.0, false);
    let Some(song) = Recording::of(&state, |_| {}) else { return };
    let after = support::end_of_block(48_000 + 2_400) as usize + 512;
    assert!(rms(&song.mix.left()[24_000..48_000]) > -20.0);
    assert_eq!(song.mix.peak(after..96_000), -200.0);
    for stem in ["01", "02", "03 Bus"] {
        assert_eq!(song.stem(stem).peak(after..96_000), -200.0, "{stem}");
    }
}
