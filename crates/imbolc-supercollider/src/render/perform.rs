//! Plays a song into a score: the engine of live music in virtual time, and the sequencer.
//!
//! It must not know how the score is rendered.

use std::{
    fs::File,
    io::{BufWriter, Write as _},
    path::Path,
    time::Duration,
};

use imbolc_net::{
    studio::{PlaybackEvent, Played, SilentEngine, StudioEffect},
    util::time::Timestamp,
};

use super::{
    progress::Watch,
    render_error::RenderError,
    render_options::RenderOptions,
    score::Score,
    song::{STEP, Song},
    stems::Stem,
    wav,
};
use crate::{
    commands::{self, NodeId, Place},
    output::Output as _,
    sequencer::{Sequencer, SequencerOptions, Urgency},
    sounds::build_seed,
};

/// The synth that seeds the random numbers; the sequencer's nodes are others.
const SEED: NodeId = NodeId(900);

/// Writes the score of a song, and returns problems, one line each.
pub(super) fn write_score(
    song: &Song,
    stems: &[Stem],
    options: &RenderOptions,
    file: &Path,
    watch: &mut Watch<'_>,
) -> Result<Vec<String>, RenderError> {
    let failed = || RenderError::file(file);
    let mut target = File::create(file).map(BufWriter::new).map_err(failed())?;
    let mut performance = Performance::begin(options, stems, song);
    let mut now = Timestamp::ZERO;
    let end = wav::end_of_tail(song.end);
    while now < end {
        now = (now + STEP).min(end);
        performance.advance(now, song);
        let written = performance.score.sample_at(now);
        performance.score.write_until(written, &mut target).map_err(failed())?;
        watch.at(now.since(Timestamp::ZERO).div_duration_f32(end.since(Timestamp::ZERO)))?;
    }
    let frames = wav::frames_of_run(song.end, options.rate);
    let mut troubles = performance.sequencer.troubles();
    troubles.extend(performance.score.troubles());
    performance.score.finish(frames, &mut target).map_err(failed())?;
    target.flush().map_err(failed())?;
    Ok(troubles)
}

#[derive(Debug)]
struct Performance {
    engine: SilentEngine,
    sequencer: Sequencer,
    score: Score,
    stopped: bool,
}

impl Performance {
    fn begin(options: &RenderOptions, stems: &[Stem], song: &Song) -> Self {
        let outputs = (2..).step_by(2);
        let sequencer = Sequencer::new(SequencerOptions {
            outputs: wav::channels(stems.len()),
            inputs: 0,
            offline: true,
            stems: stems.iter().map(|stem| stem.strip).zip(outputs).collect(),
        });
        let mut own = Self {
            engine: SilentEngine::default(),
            sequencer,
            score: Score::new(options.rate).with_files_of(options.samples.clone()),
            stopped: false,
        };
        if let Ok(seed) = build_seed() {
            own.score.define(&seed.definition);
            let place = Place::HeadOf(NodeId(0));
            let start = commands::new_synth(&seed.definition.name, SEED, place, &[]);
            own.score.send_at(0, vec![start]);
        }
        let Self { engine, sequencer, score, .. } = &mut own;
        sequencer.follow(Timestamp::ZERO, &song.state, None);
        sequencer.begin(Timestamp::ZERO, score);
        engine.reset_into(Timestamp::ZERO, &song.state, &mut |played| {
            play(sequencer, score, &played);
        });
        own
    }

    fn advance(&mut self, now: Timestamp, song: &Song) {
        let Self { engine, sequencer, score, stopped } = self;
        if now < song.end {
            let _ = engine
                .advance_into(now, &song.state, &mut |played| play(sequencer, score, &played));
        } else if !std::mem::replace(stopped, true) {
            // Events at the start of the next bar are not played.
            let last = song.end.before(Duration::from_micros(1));
            let _ = engine
                .advance_into(last, &song.state, &mut |played| play(sequencer, score, &played));
            let mut state = song.state.clone();
            state.transport.playing = false;
            engine.perform_into(last, &state, StudioEffect::Stop, &mut |played| {
                // Pads ring out.
                if !matches!(played.what, PlaybackEvent::PadOff { .. }) {
                    play(sequencer, score, &played);
                }
            });
        }
        score.move_to(now);
        sequencer.tick(now, score);
    }
}

/// Plays an event, but not the click.
fn play(sequencer: &mut Sequencer, score: &mut Score, played: &Played) {
    if !matches!(played.what, PlaybackEvent::Click { .. }) {
        score.move_to(played.time);
        sequencer.play(played, Urgency::OnTime, played.time, Some(score));
    }
}
