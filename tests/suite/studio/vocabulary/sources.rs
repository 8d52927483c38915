//! Strategies for the settings of every kind of source.

use imbolc_net::studio::{
    AdditiveSetting, AudioInputSetting, BowSetting, BusInputSetting, ClapSetting, CowbellSetting,
    DrumKitSetting, FmAlgorithm, FmSetting, FourOperatorSetting, GranularSetting, HiHatSetting,
    KickSetting, MalletSetting, MembraneSetting, NoiseColour, NoiseSetting, OscillatorSetting,
    PipeSetting, PluckSetting, RingModulationSetting, SampleLoop, SamplerSetting, SnareSetting,
    SourceKind, SourceSetting, SuperSawSetting, SyncSawSetting, TomSetting, Wave, WavetableSetting,
};
use proptest::{prelude::*, sample::select};

use super::{
    amount, bus_id, cents, content, decibels, gain, grain_rate, harmonics, hertz, index,
    input_channel, maybe, octaves, pitch, plugin, ratio, seconds, semitones, synth_def, voices,
};

settings_of! {
    oscillator: OscillatorSetting {
        Wave: select(vec![Wave::Sine, Wave::Triangle, Wave::Saw, Wave::Square, Wave::Noise]),
        Detune: cents(),
        Width: amount(),
        Sub: amount(),
    }
    super_saw: SuperSawSetting {
        Voices: voices(),
        Detune: cents(),
        Spread: amount(),
        Mix: amount(),
        Sub: amount(),
    }
    sync_saw: SyncSawSetting {
        Ratio: ratio(),
        Sweep: octaves(),
        Detune: cents(),
        Level: amount(),
    }
    wavetable: WavetableSetting {
        Table: maybe(content()),
        Position: amount(),
        Sweep: amount(),
        Detune: cents(),
        Voices: voices(),
        Spread: amount(),
    }
    noise: NoiseSetting {
        Colour: select(vec![NoiseColour::White, NoiseColour::Pink, NoiseColour::Crackle]),
        Density: amount(),
        Tone: amount(),
    }
    fm: FmSetting {
        Ratio: ratio(),
        Index: index(),
        Feedback: amount(),
    }
    four_operator: FourOperatorSetting {
        Algorithm: select(vec![FmAlgorithm::Stack, FmAlgorithm::Pairs, FmAlgorithm::Organ]),
        Ratio2: ratio(),
        Ratio3: ratio(),
        Ratio4: ratio(),
        Index2: index(),
        Index3: index(),
        Index4: index(),
        Feedback: amount(),
    }
    ring_modulation: RingModulationSetting {
        Ratio: ratio(),
        Wave: select(vec![Wave::Sine, Wave::Triangle, Wave::Saw, Wave::Square, Wave::Noise]),
        Detune: cents(),
        Mix: amount(),
    }
    pluck: PluckSetting {
        Damping: amount(),
        Brightness: amount(),
        Place: amount(),
    }
    bow: BowSetting {
        Pressure: amount(),
        Speed: amount(),
        Place: amount(),
        Vibrato: amount(),
        Damping: amount(),
    }
    pipe: PipeSetting {
        Breath: amount(),
        Noise: amount(),
        Jet: amount(),
        Vibrato: amount(),
        Stopped: any::<bool>(),
    }
    mallet: MalletSetting {
        Hardness: amount(),
        Place: amount(),
        Decay: seconds(),
        Inharmonicity: amount(),
        Tremolo: amount(),
    }
    membrane: MembraneSetting {
        Tension: amount(),
        Hardness: amount(),
        Place: amount(),
        Decay: seconds(),
    }
    kick: KickSetting {
        Tone: hertz(),
        Sweep: seconds(),
        Decay: seconds(),
        Click: amount(),
    }
    snare: SnareSetting {
        Tone: hertz(),
        Wires: amount(),
        Brightness: amount(),
        Decay: seconds(),
    }
    hi_hat: HiHatSetting {
        Tone: hertz(),
        Metal: amount(),
        Decay: seconds(),
        Closed: amount(),
    }
    clap: ClapSetting {
        Hands: voices(),
        Spread: seconds(),
        Tone: hertz(),
        Decay: seconds(),
    }
    tom: TomSetting {
        Tone: hertz(),
        Sweep: octaves(),
        Decay: seconds(),
        Noise: amount(),
    }
    cowbell: CowbellSetting {
        Tone: hertz(),
        Ratio: ratio(),
        Decay: seconds(),
    }
    sampler: SamplerSetting {
        Sample: maybe(content()),
        Root: pitch(),
        Start: amount(),
        End: amount(),
        Looping: select(vec![SampleLoop::Once, SampleLoop::Forward, SampleLoop::PingPong]),
        Reverse: any::<bool>(),
        Transpose: semitones(),
        Gain: gain(),
    }
    drum_kit: DrumKitSetting {
        Tune: semitones(),
        Sensitivity: amount(),
        Decay: amount(),
    }
    granular: GranularSetting {
        Sample: maybe(content()),
        Position: amount(),
        Scatter: amount(),
        Rate: grain_rate(),
        Size: seconds(),
        Detune: cents(),
        Spread: amount(),
        Root: pitch(),
    }
    additive: AdditiveSetting {
        Harmonics: harmonics(),
        Slope: amount(),
        OddEven: amount(),
        Stretch: amount(),
        Detune: cents(),
    }
    audio_input: AudioInputSetting {
        Channel: input_channel(),
        Gain: gain(),
        Gate: decibels(),
        Monitor: any::<bool>(),
    }
    bus_input: BusInputSetting {
        Bus: maybe(bus_id()),
        Gain: gain(),
        Keyed: any::<bool>(),
    }
}

settings_of! {
    source: SourceSetting {
        Kind: select(SourceKind::ALL),
        Oscillator: oscillator(),
        SuperSaw: super_saw(),
        SyncSaw: sync_saw(),
        Wavetable: wavetable(),
        Noise: noise(),
        Fm: fm(),
        FourOperator: four_operator(),
        RingModulation: ring_modulation(),
        Pluck: pluck(),
        Bow: bow(),
        Pipe: pipe(),
        Mallet: mallet(),
        Membrane: membrane(),
        Kick: kick(),
        Snare: snare(),
        HiHat: hi_hat(),
        Clap: clap(),
        Tom: tom(),
        Cowbell: cowbell(),
        Sampler: sampler(),
        DrumKit: drum_kit(),
        Granular: granular(),
        Additive: additive(),
        AudioInput: audio_input(),
        BusInput: bus_input(),
        Vst: plugin(),
        SynthDef: synth_def(),
    }
}
