//! Modulation effects: chorus, flanger, phaser and tremolo.
//!
//! Parameter tables only; no signal processing belongs here.

use crate::{
    studio::common::{filter::LfoShape, rhythm::NoteValue, settings::settings},
    util::quantity::{Amount, Feedback, Hertz, ModulationRate, Octaves, Seconds, VoiceCount},
};

settings! {
    /// A chorus: several copies, detuned by modulated delays.
    #[derive(Copy)]
    Chorus, ChorusSetting, ChorusParameter {
        /// The modulation rate in Hz.
        rate: Rate(ModulationRate) = ModulationRate::of(0.6);
        /// The modulation depth, from 0 to 1.
        depth: Depth(Amount) = Amount::of(0.3);
        /// The mean delay in seconds.
        delay: Delay(Seconds) = Seconds::of(0.015);
        /// The number of copies.
        voices: Voices(VoiceCount) = VoiceCount::of(3);
        /// The stereo width of the copies, from 0 to 1.
        spread: Spread(Amount) = Amount::of(0.7);
        /// The wet part of the output: 0 % is dry only, 100 % wet only.
        mix: Mix(Amount) = Amount::of(0.4);
    }
}

settings! {
    /// A flanger: a copy with a short, modulated delay.
    #[derive(Copy)]
    Flanger, FlangerSetting, FlangerParameter {
        /// The modulation rate in Hz.
        rate: Rate(ModulationRate) = ModulationRate::of(0.2);
        /// The modulation depth, from 0 to 1.
        depth: Depth(Amount) = Amount::of(0.6);
        /// The mean delay in seconds.
        delay: Delay(Seconds) = Seconds::of(0.003);
        /// The feedback of the delay; a negative value inverts the phase.
        feedback: Feedback(Feedback) = Feedback::of(0.4);
        /// The wet part of the output: 0 % is dry only, 100 % wet only.
        mix: Mix(Amount) = Amount::of(0.5);
    }
}

settings! {
    /// A phaser: notches that sweep through the spectrum.
    #[derive(Copy)]
    Phaser, PhaserSetting, PhaserParameter {
        /// The modulation rate in Hz.
        rate: Rate(ModulationRate) = ModulationRate::of(0.3);
        /// The centre of the sweep in Hz.
        centre: Centre(Hertz) = Hertz::of(800.0);
        /// The sweep to either side of the centre, in octaves.
        depth: Depth(Octaves) = Octaves::of(1.5);
        /// The feedback, from 0 to 1.
        feedback: Feedback(Amount) = Amount::of(0.3);
        /// The wet part of the output: 0 % is dry only, 100 % wet only.
        mix: Mix(Amount) = Amount::of(0.5);
    }
}

settings! {
    /// A tremolo: a periodic change of the level.
    #[derive(Copy)]
    Tremolo, TremoloSetting, TremoloParameter {
        /// The waveform of the modulation.
        shape: Shape(LfoShape) = LfoShape::Sine;
        /// The modulation rate in Hz.
        rate: Rate(ModulationRate) = ModulationRate::of(5.0);
        /// The period as a note value; replaces `rate`. `None` ignores the
        /// tempo.
        sync: Sync(Option<NoteValue>) = None;
        /// The modulation depth, from 0 to 1.
        depth: Depth(Amount) = Amount::of(0.5);
        /// The lag of the right channel, as a fraction of a period.
        phase: Phase(Amount) = Amount::of(0.0);
    }
}
