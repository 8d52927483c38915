//! The filter of voices, which is also an effect.

use imbolc_net::studio::{Filter, FilterKind};

use crate::synth_def::Signal;

/// A filter. `cutoff` moves the cutoff by so many octaves at full depth of an LFO, and by the
/// envelope; the LFO of `resonance` is added to it.
pub(super) fn filtered<'g, const N: usize>(
    channels: [Signal<'g>; N],
    filter: &Filter,
    key: Signal<'g>,
    (lfo, envelope): (Signal<'g>, Signal<'g>),
    resonance: Signal<'g>,
) -> [Signal<'g>; N] {
    /// The octaves of an LFO at full depth.
    const LFO_RANGE: f32 = 4.0;
    /// The key at which tracking changes nothing: middle C.
    const CENTRE: f32 = 261.6256;

    let graph = key.graph();
    if filter.kind == FilterKind::Off {
        return channels;
    }
    let sweep = graph.knob(filter.sweep.get());
    let tracking = graph.knob(filter.tracking.get());
    let cutoff = graph.knob(filter.cutoff.get())
        * (lfo * LFO_RANGE + envelope * sweep).octaves()
        * (key / CENTRE).pow(tracking);
    let cutoff = cutoff.clamp(20.0, 20_000.0);
    let resonance = (graph.knob(filter.resonance.get()) + resonance).clamp(0.0, 1.0);
    // From no resonance at all to ringing, but never on its own.
    let damping = 1.0 - resonance * 0.97;
    channels.map(|input| match filter.kind {
        FilterKind::Off => input,
        FilterKind::LowPass => graph.resonant_low_pass(input, cutoff, damping),
        FilterKind::HighPass => graph.resonant_high_pass(input, cutoff, damping),
        FilterKind::BandPass => graph.band_pass(input, cutoff, damping),
    })
}
