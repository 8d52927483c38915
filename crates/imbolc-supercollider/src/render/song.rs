//! The part of a project that is rendered: its begin, its end, and the instruments that play.
//!
//! It must not know `scsynth`.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use imbolc_net::{
    model::{InstrumentId, Model as _},
    studio::{
        Arrangement, AtEnd, AutomationAction, ClickParameter, DrumMachine, NetworkAction, Pattern,
        PlayMode, PlaybackEvent, Played, SessionParameter, SilentEngine, Studio, StudioState,
        Target,
    },
    util::{
        quantity::{CountIn, Ticks},
        time::Timestamp,
    },
};

use super::{
    progress::{Watch, part},
    render_error::RenderError,
    render_options::Bars,
};

/// How often the engine is called, in session time. The played events do not depend on it.
pub(super) const STEP: Duration = Duration::from_millis(10);

/// The part of a project that is rendered.
#[derive(Clone, Debug)]
pub(super) struct Song {
    /// The state, which plays from the first bar.
    pub(super) state: StudioState,
    /// When the last bar ends. The first one begins at [`Timestamp::ZERO`].
    pub(super) end: Timestamp,
    /// The instruments that play.
    pub(super) players: BTreeSet<InstrumentId>,
}

impl Song {
    /// Determines the part to render; it fails beyond `longest`.
    pub(super) fn of(
        state: &StudioState,
        bars: Bars,
        longest: Duration,
        watch: &mut Watch<'_>,
    ) -> Result<Self, RenderError> {
        let bar = state.session.time_signature.bar();
        let last = match bars.last {
            Some(last) => last,
            None => written_end(state)?.div_ceil(bar),
        };
        let first = bars.first.unwrap_or(1).max(1);
        let start = (first - 1).checked_mul(bar).and_then(|tick| Ticks::new(tick).ok());
        let Some(start) = start.filter(|_| first <= last) else {
            return Err(RenderError::NoSuchBars { first, last });
        };
        let mut played = state.at_rest();
        played.transport.playing = true;
        played.transport.looping = false;
        played.transport.position = start;
        Arc::make_mut(&mut played.session).click.count_in = CountIn::of(0);
        let (end, players) = listen(&played, last - first + 1, longest, watch)?;
        Ok(Self { state: played, end, players })
    }
}

/// Plays so many bars in silence and returns when they end and which instruments play.
fn listen(
    state: &StudioState,
    bars: u32,
    longest: Duration,
    watch: &mut Watch<'_>,
) -> Result<(Timestamp, BTreeSet<InstrumentId>), RenderError> {
    let state = clicking(state);
    let mut listener =
        Listener { bars: bars.into(), begun: 0, end: None, players: BTreeSet::new() };
    let (mut engine, mut now) = (SilentEngine::default(), Timestamp::ZERO);
    engine.reset_into(now, &state, &mut |played| listener.hear(&played));
    loop {
        if let Some(end) = listener.end {
            return Ok((end, listener.players));
        }
        if now.since(Timestamp::ZERO) > longest {
            return Err(RenderError::TooLong);
        }
        watch.at(part(listener.begun, listener.bars))?;
        now = now + STEP;
        let _ = engine.advance_into(now, &state, &mut |played| listener.hear(&played));
    }
}

#[derive(Debug)]
struct Listener {
    bars: u64,
    begun: u64,
    end: Option<Timestamp>,
    players: BTreeSet<InstrumentId>,
}

impl Listener {
    fn hear(&mut self, played: &Played) {
        match played.what {
            PlaybackEvent::Click { accent: true } if self.begun < self.bars => self.begun += 1,
            PlaybackEvent::Click { accent: true } => self.end = self.end.or(Some(played.time)),
            PlaybackEvent::NoteOn { instrument, .. } | PlaybackEvent::Pad { instrument, .. } => {
                self.players.insert(instrument);
            }
            _ => {}
        }
    }
}

/// The state in which an accented click tells that a bar begins, also after the last placement.
fn clicking(state: &StudioState) -> StudioState {
    let mut state = state.clone();
    if state.arrangement.at_end == AtEnd::Stop {
        state.arrangement.at_end = AtEnd::GoOn;
    }
    let click = &mut Arc::make_mut(&mut state.session).click;
    (click.on, click.accent) = (true, true);
    for parameter in [ClickParameter::On, ClickParameter::Accent] {
        let target = Target::Session(SessionParameter::Click(parameter));
        // There may be no such lane.
        let delete = NetworkAction::Automation(target, AutomationAction::Delete);
        let _ = Studio::reduce(&mut state, &delete);
    }
    state
}

/// The end of the last written event, in ticks. Endless repetitions are played until then.
fn written_end(state: &StudioState) -> Result<u32, RenderError> {
    let Arrangement { play, at_end, .. } = state.arrangement;
    let (mut end, mut repeats) = (0, false);
    match play {
        PlayMode::Arrangement => {
            end = state.arrangement.end();
            if end > 0 && at_end == AtEnd::Repeat {
                return Err(RenderError::Endless);
            }
        }
        PlayMode::PianoRoll => {
            for (_, track) in state.piano_roll.tracks().filter(|(_, track)| !track.is_empty()) {
                let last = track.notes().map(|note| note.end()).max().unwrap_or_default();
                repeats |= track.looping;
                end = end.max(if track.looping { 0 } else { last });
            }
        }
    }
    for (_, machine) in state.drums.machines() {
        if let Some(chain) = chain_end(machine) {
            end = end.max(chain);
        } else {
            let pattern = machine.current().and_then(|id| machine.pattern(id));
            repeats |= pattern.is_some_and(|pattern| !pattern.steps().is_empty());
        }
    }
    for (_, lane) in state.automation.lanes().filter(|(_, lane)| lane.enabled) {
        end = end.max(lane.points.iter().map(|point| point.tick.get()).max().unwrap_or_default());
    }
    match end {
        0 if repeats => Err(RenderError::Endless),
        0 => Err(RenderError::Nothing),
        end => Ok(end),
    }
}

/// The end of the first round of the chain; `None` if the machine plays no chain.
fn chain_end(machine: &DrumMachine) -> Option<u32> {
    let patterns = machine.chain().patterns().iter().filter_map(|id| machine.pattern(*id));
    let length = |pattern: &Pattern| u32::from(pattern.length.get()) * pattern.resolution.ticks();
    machine.chained.then(|| patterns.map(length).sum())
}
