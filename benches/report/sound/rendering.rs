//! Rendering a song of 64 tracks, as a multiple of real time.

use std::{ops::ControlFlow, time::Instant};

use imbolc_net::{
    model::{InstrumentId, Model as _},
    studio::{
        BusId, BusSetting, ChainSetting, EffectKind, InstrumentAction, InstrumentSetting,
        MixerSetting, Name, NetworkAction, SendsSetting, SlotId, SourceKind, SourceSetting, Studio,
        StudioState,
    },
};
use imbolc_supercollider::render::{Bars, RenderOptions, render};

use super::support;
use crate::{
    bench::Bench,
    cpu,
    figure::{Figure, Unit},
    fixture,
    row::{Row, Target},
};

const TRACKS: u32 = 64;

/// The sources of the tracks, in turn.
const SOURCES: [SourceKind; 8] = [
    SourceKind::Oscillator,
    SourceKind::Fm,
    SourceKind::Kick,
    SourceKind::Oscillator,
    SourceKind::SuperSaw,
    SourceKind::Snare,
    SourceKind::Pluck,
    SourceKind::HiHat,
];

pub fn measure(bench: &mut Bench) {
    if support::scsynth().is_none() {
        return;
    }
    let (rounds, bars) = if bench.quick { (1, 1) } else { (5, 8) };
    let folder = tempfile::tempdir().unwrap();
    let mut options = RenderOptions::new(folder.path().join("mix.wav"));
    options.bars = Bars { first: None, last: Some(bars) };
    let songs = [song(false), song(true)];
    let mut most = [[0.0_f64; 3]; 2];
    for _ in 0..rounds {
        for (most, song) in most.iter_mut().zip(&songs) {
            let (own, child, begun) = (cpu::used(), cpu::of_children(), Instant::now());
            let rendered = render(song, &options, &mut |_| ControlFlow::Continue(())).unwrap();
            let (own, child, took) =
                (cpu::used() - own, cpu::of_children() - child, begun.elapsed());
            assert!(rendered.troubles.is_empty(), "{:?}", rendered.troubles);
            let seconds = rendered.frames as f64 / f64::from(options.rate);
            for (most, time) in most.iter_mut().zip([own + child, child, took]) {
                *most = most.max(seconds / time.as_secs_f64());
            }
        }
    }
    let [[ours, bare, clock], [equalised, ..]] =
        most.map(|most| most.map(|times| Figure::once(times, Unit::Times)));
    let what = format!(
        "a song of {TRACKS} tracks that all play throughout, each with a send to a reverb, of \
         {bars} bars: its length with the tail divided by the CPU time that its rendering takes, \
         most of {rounds} runs"
    );
    bench.row(
        Row::new("sound/render-64", what, ours)
            .peer("`scsynth` alone", bare)
            .peer("by the clock", clock)
            .peer("with an equaliser of six bands on each track", equalised)
            .target(Target::AtLeast(5.0)),
    );
}

/// Notes of an eighth, one after the other, on all tracks.
fn song(equalised: bool) -> StudioState {
    let reverb = BusId(1);
    let mut state = fixture::studio(TRACKS);
    let mut reduce = |action| drop(Studio::reduce(&mut state, &action).unwrap());
    reduce(NetworkAction::Mixer(MixerSetting::AddBus(reverb, Name::new("Reverb").unwrap())));
    let added = |kind| ChainSetting::Add(SlotId(1), kind, u8::MAX);
    let chain = BusSetting::Chain(added(EffectKind::Reverb));
    reduce(NetworkAction::Mixer(MixerSetting::Bus(reverb, chain)));
    for (id, source) in (1..=TRACKS).map(InstrumentId).zip(SOURCES.into_iter().cycle()) {
        for setting in [
            InstrumentSetting::Source(SourceSetting::Kind(source)),
            InstrumentSetting::Sends(SendsSetting::Add(reverb)),
        ] {
            reduce(NetworkAction::Instrument(id, InstrumentAction::Set(setting)));
        }
        if equalised {
            let chain = InstrumentSetting::Chain(added(EffectKind::Equaliser));
            reduce(NetworkAction::Instrument(id, InstrumentAction::Set(chain)));
        }
    }
    state
}
