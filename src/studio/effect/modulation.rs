//! Effects that go round and round by themselves.

use crate::{
    studio::{modulator::LfoShape, rhythm::NoteValue, settings::settings},
    util::quantity::{Amount, Feedback, Hertz, ModulationRate, Octaves, Seconds, VoiceCount},
};

settings! {
    /// Several copies, each detuned by a delay that sweeps.
    #[derive(Copy)]
    Chorus, ChorusSetting, ChorusParameter {
        /// How fast the delays sweep.
        rate: Rate(ModulationRate) = ModulationRate::of(0.6);
        /// How far they sweep.
        depth: Depth(Amount) = Amount::of(0.3);
        /// How long they are.
        delay: Delay(Seconds) = Seconds::of(0.015);
        /// How many copies there are.
        voices: Voices(VoiceCount) = VoiceCount::of(3);
        /// How far the copies are spread between the loudspeakers.
        spread: Spread(Amount) = Amount::of(0.7);
        /// How much of the copies is heard.
        mix: Mix(Amount) = Amount::of(0.4);
    }
}

settings! {
    /// A copy whose very short delay sweeps.
    #[derive(Copy)]
    Flanger, FlangerSetting, FlangerParameter {
        /// How fast the delay sweeps.
        rate: Rate(ModulationRate) = ModulationRate::of(0.2);
        /// How far it sweeps.
        depth: Depth(Amount) = Amount::of(0.6);
        /// How long it is.
        delay: Delay(Seconds) = Seconds::of(0.003);
        /// How much of the copy is fed back: negative is inverted.
        feedback: Feedback(Feedback) = Feedback::of(0.4);
        /// How much of the copy is heard.
        mix: Mix(Amount) = Amount::of(0.5);
    }
}

settings! {
    /// Notches that sweep through the spectrum.
    #[derive(Copy)]
    Phaser, PhaserSetting, PhaserParameter {
        /// How fast the notches sweep.
        rate: Rate(ModulationRate) = ModulationRate::of(0.3);
        /// The middle of the sweep.
        centre: Centre(Hertz) = Hertz::of(800.0);
        /// How far they sweep to either side.
        depth: Depth(Octaves) = Octaves::of(1.5);
        /// How much is fed back.
        feedback: Feedback(Amount) = Amount::of(0.3);
        /// How much of the result is heard.
        mix: Mix(Amount) = Amount::of(0.5);
    }
}

settings! {
    /// Loudness that goes up and down.
    #[derive(Copy)]
    Tremolo, TremoloSetting, TremoloParameter {
        /// The shape of the movement.
        shape: Shape(LfoShape) = LfoShape::Sine;
        /// How fast it is.
        rate: Rate(ModulationRate) = ModulationRate::of(5.0);
        /// How long it lasts instead, if it follows the tempo.
        sync: Sync(Option<NoteValue>) = None;
        /// How far it goes down.
        depth: Depth(Amount) = Amount::of(0.5);
        /// How far the right is behind the left, as a part of a period.
        phase: Phase(Amount) = Amount::of(0.0);
    }
}
