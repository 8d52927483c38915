//! Strategies for the settings of LFOs, arpeggiators and grooves.

use imbolc_net::studio::{
    ArpeggiatorSetting, ArpeggioPattern, GrooveSetting, LfoSetting, LfoTarget, Swing,
};
use proptest::{prelude::*, sample::select};

use super::{
    amount, lfo_shape, maybe, modulation_rate, note_value, octave_span, time_signature,
    timing_offset,
};

settings_of! {
    lfo: LfoSetting {
        On: any::<bool>(),
        Shape: lfo_shape(),
        Rate: modulation_rate(),
        Sync: maybe(note_value()),
        Depth: amount(),
        Target: select(vec![LfoTarget::Pitch, LfoTarget::Cutoff, LfoTarget::Timbre]),
        Retrigger: any::<bool>(),
    }
    arpeggiator: ArpeggiatorSetting {
        On: any::<bool>(),
        Pattern: select(vec![ArpeggioPattern::Up, ArpeggioPattern::Random, ArpeggioPattern::AllAtOnce]),
        Step: note_value(),
        Span: octave_span(),
        Gate: amount(),
        Hold: any::<bool>(),
    }
    groove: GrooveSetting {
        Swing: prop_oneof![Just(Swing::AsSession), amount().prop_map(Swing::Own)],
        HumaniseTiming: amount(),
        HumaniseVelocity: amount(),
        Offset: timing_offset(),
        TimeSignature: maybe(time_signature()),
    }
}
