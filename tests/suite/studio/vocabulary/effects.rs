//! Strategies for the settings of every kind of effect.

use imbolc_net::studio::{
    BandSetting, BitCrusherSetting, ChorusSetting, CompressorSetting, ConvolutionSetting,
    DelaySetting, DistortionCurve, DistortionSetting, EffectKind, EffectSetting, EqualiserSetting,
    FlangerSetting, GateSetting, LimiterSetting, PhaserSetting, ReverbSetting, TremoloSetting,
};
use proptest::{prelude::*, sample::select};

use super::{
    amount, bit_depth, bus_id, compression_ratio, content, decibels, feedback, filter, gain, hertz,
    lfo_shape, maybe, modulation_rate, note_value, octaves, plugin, quality, seconds, voices,
};

settings_of! {
    compressor: CompressorSetting {
        Threshold: decibels(),
        Ratio: compression_ratio(),
        Attack: seconds(),
        Release: seconds(),
        Makeup: gain(),
        SideChain: maybe(bus_id()),
        Mix: amount(),
    }
    limiter: LimiterSetting {
        Ceiling: decibels(),
        Drive: gain(),
        LookAhead: seconds(),
        Release: seconds(),
    }
    gate: GateSetting {
        Threshold: decibels(),
        Floor: decibels(),
        Attack: seconds(),
        Hold: seconds(),
        Release: seconds(),
    }
    chorus: ChorusSetting {
        Rate: modulation_rate(),
        Depth: amount(),
        Delay: seconds(),
        Voices: voices(),
        Spread: amount(),
        Mix: amount(),
    }
    flanger: FlangerSetting {
        Rate: modulation_rate(),
        Depth: amount(),
        Delay: seconds(),
        Feedback: feedback(),
        Mix: amount(),
    }
    phaser: PhaserSetting {
        Rate: modulation_rate(),
        Centre: hertz(),
        Depth: octaves(),
        Feedback: amount(),
        Mix: amount(),
    }
    tremolo: TremoloSetting {
        Shape: lfo_shape(),
        Rate: modulation_rate(),
        Sync: maybe(note_value()),
        Depth: amount(),
        Phase: amount(),
    }
    delay: DelaySetting {
        Time: seconds(),
        Sync: maybe(note_value()),
        Feedback: amount(),
        Damping: hertz(),
        PingPong: any::<bool>(),
        Mix: amount(),
    }
    reverb: ReverbSetting {
        Size: amount(),
        Decay: seconds(),
        PreDelay: seconds(),
        Damping: amount(),
        Width: amount(),
        Mix: amount(),
    }
    convolution: ConvolutionSetting {
        Impulse: maybe(content()),
        PreDelay: seconds(),
        Length: amount(),
        Gain: gain(),
        Mix: amount(),
    }
    band: BandSetting {
        Frequency: hertz(),
        Gain: gain(),
        Quality: quality(),
    }
    equaliser: EqualiserSetting {
        Low: band(),
        LowMid: band(),
        Mid: band(),
        HighMid: band(),
        Presence: band(),
        High: band(),
    }
    distortion: DistortionSetting {
        Curve: select(vec![DistortionCurve::Soft, DistortionCurve::Hard, DistortionCurve::Fold]),
        Drive: amount(),
        Tone: hertz(),
        Level: gain(),
        Mix: amount(),
    }
    bit_crusher: BitCrusherSetting {
        Bits: bit_depth(),
        Rate: hertz(),
        Dither: amount(),
        Mix: amount(),
    }
}

settings_of! {
    effect: EffectSetting {
        Kind: select(EffectKind::ALL),
        Filter: filter(),
        Equaliser: equaliser(),
        Delay: delay(),
        Reverb: reverb(),
        Chorus: chorus(),
        Flanger: flanger(),
        Phaser: phaser(),
        Distortion: distortion(),
        BitCrusher: bit_crusher(),
        Compressor: compressor(),
        Limiter: limiter(),
        Gate: gate(),
        Tremolo: tremolo(),
        Convolution: convolution(),
        Vst: plugin(),
    }
}
