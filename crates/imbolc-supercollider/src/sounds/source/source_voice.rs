//! The input and the output of a source: the signals of its voice, and the channels.

use imbolc_net::util::quantity::{Amount, Cents};

use crate::synth_def::{Graph, Signal, Stereo};

/// The lowest frequency of a tone in Hz: that of key 0.
pub(super) const LOWEST: f32 = 8.0;

/// The highest frequency of a tone in Hz: below half of any usual sample rate.
pub(super) const HIGHEST: f32 = 20_000.0;

/// The signals of a voice, from which its source is built.
#[derive(Clone, Copy, Debug)]
pub(in crate::sounds) struct SourceVoice<'g> {
    pub(in crate::sounds) graph: &'g Graph,
    /// The frequency of the note in Hz, with the LFO.
    pub(in crate::sounds) frequency: Signal<'g>,
    /// The factor by which the LFO moves the pitch, for what has a pitch of its own.
    pub(in crate::sounds) bend: Signal<'g>,
    /// The envelope of the instrument, 0 to 1, at control rate.
    pub(in crate::sounds) envelope: Signal<'g>,
    /// How far the LFO moves the timbre, −1 to 1.
    pub(in crate::sounds) timbre: Signal<'g>,
    /// Whether the instrument has one channel only.
    pub(in crate::sounds) mono: bool,
}

/// The channels that a source makes.
#[derive(Clone, Copy, Debug)]
pub(in crate::sounds) enum SourceSound<'g> {
    Mono(Signal<'g>),
    Stereo(Stereo<'g>),
}

impl<'g> SourceVoice<'g> {
    pub(super) fn silence(&self) -> SourceSound<'g> {
        SourceSound::Mono(self.graph.constant(0.0))
    }

    pub(super) fn amount(&self, amount: Amount) -> Signal<'g> {
        self.graph.knob(amount.get())
    }

    /// An amount that the LFO moves by half of its range.
    pub(super) fn moved_amount(&self, amount: Amount) -> Signal<'g> {
        let knob = self.amount(amount);
        if self.timbre.is_constant() { knob } else { (knob + self.timbre * 0.5).clamp(0.0, 1.0) }
    }

    /// A value that the LFO moves by a factor of two up and down.
    pub(super) fn moved_value(&self, value: f32) -> Signal<'g> {
        self.graph.knob(value) * self.timbre.octaves()
    }

    /// The frequency of the note, detuned.
    pub(super) fn detuned(&self, cents: Cents) -> Signal<'g> {
        audible(self.frequency * self.graph.knob(cents.get()).cents())
    }
}

/// A frequency within what can be heard.
pub(super) fn audible(frequency: Signal<'_>) -> Signal<'_> {
    frequency.clamp(LOWEST, HIGHEST)
}

/// The sum of signals; silence if there are none.
pub(super) fn sum<'g>(
    voice: &SourceVoice<'g>,
    signals: impl Iterator<Item = Signal<'g>>,
) -> Signal<'g> {
    signals.reduce(|sum, signal| sum + signal).unwrap_or(voice.graph.constant(0.0))
}
