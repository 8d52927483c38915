//! The engine that a host runs: the silent engine keeps the time and plays events, the
//! sequencer turns them into messages, and a server plays those if there is one.
//!
//! Without a server everything but the sound goes on. Nothing here blocks.

use std::time::Duration;

use imbolc_net::{
    model::{EngineOutput, EngineWorker},
    studio::{Played, SilentEngine, SoundEngine, Studio, StudioEffect, StudioNotice, StudioState},
    util::time::Timestamp,
};

use super::{live_output::LiveOutput, server_state::ServerState};
use crate::{
    output::Output,
    sequencer::{METERS, Sequencer, SequencerOptions, Urgency},
    server::{INPUTS, OUTPUTS, ServerEvent, ServerOptions},
};

/// How often the engine is called at least while anything sounds.
const PULSE: Duration = Duration::from_millis(10);

/// How soon it is called again while messages are queued for the server.
const SOON: Duration = Duration::from_millis(1);

/// How often it is called at least while nothing sounds.
const IDLE: Duration = Duration::from_millis(50);

/// An engine with its own `scsynth`, which ends with it.
#[derive(Debug)]
pub struct SuperColliderEngine {
    silent: SilentEngine,
    sequencer: Sequencer,
    live: LiveOutput,
    server: ServerState,
    /// The events of the last call.
    played: Vec<Played>,
}

impl SuperColliderEngine {
    /// Starts a server in the background; until it is ready, the engine is silent. Problems are
    /// reported as [`StudioNotice::Sound`].
    #[must_use]
    pub fn new(options: ServerOptions) -> Self {
        let channels =
            SequencerOptions { outputs: OUTPUTS, inputs: INPUTS, ..SequencerOptions::default() };
        let live = LiveOutput::start(options);
        Self {
            silent: SilentEngine::with_latency(live.latency()),
            sequencer: Sequencer::new(channels),
            live,
            server: ServerState::default(),
            played: Vec::new(),
        }
    }

    /// The events that the last call as an [`EngineWorker`] played, with or without a server.
    #[must_use]
    pub fn played(&self) -> &[Played] {
        &self.played
    }

    /// Takes the events of the server.
    fn poll(&mut self, now: Timestamp) {
        let was_up = self.live.is_up();
        for event in self.live.poll(now) {
            let begins = matches!(event, ServerEvent::Up(_));
            self.server.take(event, now);
            if begins {
                self.silent.set_latency(self.live.latency());
                self.sequencer.end();
                self.sequencer.begin(now, &mut self.live);
                self.live.link().watch(0, METERS);
            }
        }
        if was_up && !self.live.is_up() {
            self.sequencer.end();
        }
    }

    /// Performs an effect and returns how many of the events were due by themselves. The others
    /// are those of the key, if the effect is one.
    fn play(&mut self, now: Timestamp, state: &StudioState, effect: StudioEffect) -> usize {
        let Self { silent, played, .. } = self;
        played.clear();
        silent.play_until(now, state, &mut |event| played.push(event));
        let due = played.len();
        silent.perform_into(now, state, effect, &mut |event| played.push(event));
        match effect {
            StudioEffect::NoteOn { .. }
            | StudioEffect::NoteOff { .. }
            | StudioEffect::EndHeld(_) => due,
            _ => played.len(),
        }
    }

    /// Sends what was played: the first `due` events on time, the others as soon as possible.
    fn send(&mut self, now: Timestamp, state: &StudioState, due: usize) {
        let Self { sequencer, live, played, silent, .. } = self;
        let up = live.is_up();
        sequencer.follow(now, state, output_if(up, live));
        for (index, played) in played.iter().enumerate() {
            let urgency = if index < due { Urgency::OnTime } else { Urgency::AtOnce };
            sequencer.play(played, urgency, now, output_if(up, live));
        }
        sequencer.keep_lanes(now, silent.lanes(), output_if(up, live));
    }
}

impl EngineWorker<Studio> for SuperColliderEngine {
    fn reset(&mut self, now: Timestamp, state: &StudioState) {
        let Self { silent, played, .. } = self;
        played.clear();
        silent.reset_into(now, state, &mut |event| played.push(event));
        self.send(now, state, self.played.len());
    }

    fn perform(&mut self, now: Timestamp, state: &StudioState, effect: StudioEffect) {
        let due = self.play(now, state, effect);
        self.send(now, state, due);
        if effect == StudioEffect::Panic && self.live.is_up() {
            // What is under way is cut, too.
            self.live.flush();
            self.sequencer.silence(now, &mut self.live);
        }
    }

    fn advance(&mut self, now: Timestamp, state: &StudioState) -> EngineOutput<Studio> {
        self.poll(now);
        let Self { silent, played, .. } = self;
        played.clear();
        let mut output = silent.advance_into(now, state, &mut |event| played.push(event));
        self.send(now, state, self.played.len());
        let mut pulse = IDLE;
        if self.live.is_up() {
            self.sequencer.tick(now, &mut self.live);
            self.live.flush();
            if self.live.is_behind() {
                pulse = SOON;
            } else if self.sequencer.is_busy() {
                pulse = PULSE;
            }
        }
        let engine = self.server.state(self.live.is_up(), now);
        if !matches!(engine, SoundEngine::Starting | SoundEngine::Missing) {
            self.server.fill(&mut output.metering, &self.sequencer);
        }
        output.metering.engine = engine;
        output.next = Some(output.next.map_or(pulse, |next| next.min(pulse)));
        let troubles = self.sequencer.troubles().into_iter().chain(self.server.troubles());
        output.notices.extend(troubles.map(StudioNotice::Sound));
        output
    }
}

fn output_if(up: bool, live: &mut LiveOutput) -> Option<&mut dyn Output> {
    up.then_some(live as &mut dyn Output)
}

#[cfg(test)]
mod tests {
    use imbolc_net::{
        model::{InstrumentId, Model as _},
        studio::{
            InstrumentAction, NetworkAction, Note, PianoRollAction, PlaybackEvent, TransportAction,
        },
        util::quantity::{NoteLength, Pitch, Probability, Ticks, Velocity},
    };

    use super::*;

    #[test]
    fn written_note_in_the_microsecond_of_a_key_stays_on_time() {
        let (bass, loud) = (InstrumentId(1), Velocity::of(100));
        let mut state = StudioState::starter();
        let mut engine = SuperColliderEngine::new(ServerOptions {
            scsynth: Some("/nonexistent".into()),
            ..ServerOptions::default()
        });
        let start = Timestamp::from_micros(1_000_000);
        engine.reset(start, &state);
        let note = |tick| Note {
            tick: Ticks::of(tick),
            length: NoteLength::of(100),
            pitch: Pitch::of(40),
            velocity: loud,
            probability: Probability::of(100),
        };
        let key = InstrumentAction::Play(Pitch::of(60), loud);
        let deeds = [
            (0, NetworkAction::PianoRoll(bass, PianoRollAction::Add(note(480)))),
            (0, NetworkAction::Transport(TransportAction::Play)),
            (500_000, NetworkAction::Instrument(bass, key)),
        ];
        for (after, action) in deeds {
            let now = start + Duration::from_micros(after);
            for effect in Studio::reduce(&mut state, &action).unwrap().effects {
                let due = engine.play(now, &state, effect);
                if after > 0 {
                    let pitches = engine.played.iter().filter_map(|played| match played.what {
                        PlaybackEvent::NoteOn { pitch, .. } => Some(pitch.get()),
                        _ => None,
                    });
                    assert_eq!(pitches.collect::<Vec<_>>(), [40, 60]);
                    assert_eq!(engine.played[0].time, now);
                    assert_eq!(due, 1);
                }
            }
        }
    }
}
