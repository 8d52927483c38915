//! The silent engine plays the same notes at the same times, however often it is called.

use std::time::Duration;

use imbolc_net::{
    model::{InstrumentId, Model, Reduction},
    studio::{
        GrooveSetting, InstrumentAction, InstrumentSetting, LoopRegion, Name, NetworkAction, Note,
        PianoRollAction, Played, SessionSetting, SilentEngine, SourceKind, Studio, StudioState,
        TransportAction,
    },
    util::{
        quantity::{Bpm, NoteLength, Pitch, Probability, Ticks, Velocity},
        time::Timestamp,
    },
};
use proptest::{collection::vec, prelude::*};

use super::vocabulary::{composition, groove};

/// The drum kit of `composition`.
const KIT: InstrumentId = InstrumentId(3);

/// An action on the music during playback.
#[derive(Clone, Debug)]
enum LiveEdit {
    Tempo(u16),
    Locate(u32),
    Restart,
    Groove(InstrumentId, GrooveSetting),
    Loop(bool),
    Note(u32),
}

struct Performance {
    now: Timestamp,
    state: StudioState,
    engine: SilentEngine,
    log: Vec<Played>,
}

impl Performance {
    fn new(composition: &[NetworkAction], region: Option<(u32, u32)>) -> Self {
        let mut performance = Self {
            now: Timestamp::ZERO,
            state: StudioState::starter(),
            engine: SilentEngine::default(),
            log: Vec::new(),
        };
        performance.act(&NetworkAction::DeleteInstrument(KIT));
        performance.act(&NetworkAction::AddInstrument {
            id: KIT,
            name: Name::default(),
            source: SourceKind::DrumKit,
        });
        assert!(performance.state.drums.machine(KIT).is_some());
        composition.iter().for_each(|action| performance.act(action));
        if let Some((start, length)) = region {
            let region = LoopRegion::new(Ticks::of(start), Ticks::of(start + length)).unwrap();
            performance.act(&NetworkAction::Transport(TransportAction::Region(region)));
            performance.act(&NetworkAction::Transport(TransportAction::Loop(true)));
        }
        performance.act(&NetworkAction::Transport(TransportAction::Play));
        performance
    }

    fn act(&mut self, action: &NetworkAction) {
        let mut state = self.state.clone();
        let Ok(Reduction { effects, .. }) = Studio::reduce(&mut state, action) else { return };
        self.state = state;
        for effect in effects {
            let Self { now, state, engine, log } = self;
            engine.perform_into(*now, state, effect, &mut |played| log.push(played));
        }
        self.advance();
    }

    fn advance(&mut self) {
        let Self { now, state, engine, log } = self;
        for action in engine.advance_into(*now, state, &mut |played| log.push(played)).actions {
            self.act(&action);
        }
    }

    fn edit(&mut self, edit: &LiveEdit) {
        let transport = NetworkAction::Transport;
        match edit {
            LiveEdit::Tempo(bpm) => {
                let tempo = SessionSetting::Tempo(Bpm::of(f32::from(*bpm)));
                self.act(&NetworkAction::Session(tempo));
            }
            LiveEdit::Groove(id, setting) => {
                let set = InstrumentAction::Set(InstrumentSetting::Groove(setting.clone()));
                self.act(&NetworkAction::Instrument(*id, set));
            }
            LiveEdit::Loop(on) => self.act(&transport(TransportAction::Loop(*on))),
            LiveEdit::Note(tick) => {
                let note = Note {
                    tick: Ticks::of(*tick),
                    pitch: Pitch::of(50),
                    length: NoteLength::of(100),
                    velocity: Velocity::of(100),
                    probability: Probability::MAX,
                };
                self.act(&NetworkAction::PianoRoll(InstrumentId(1), PianoRollAction::Add(note)));
            }
            LiveEdit::Locate(tick) => {
                self.act(&transport(TransportAction::Locate(Ticks::of(*tick))));
            }
            LiveEdit::Restart => {
                self.act(&transport(TransportAction::Stop));
                self.act(&transport(TransportAction::Play));
            }
        }
    }

    /// Advances the clock by half a second and calls the engine after each interval of
    /// `pulses` (microseconds), which repeat.
    fn wait(&mut self, pulses: &[u32]) {
        let end = self.now + Duration::from_millis(500);
        for pulse in pulses.iter().cycle() {
            self.now = end.min(self.now + Duration::from_micros(u64::from(*pulse)));
            self.advance();
            if self.now == end {
                break;
            }
        }
    }

    fn play(mut self, edits: &[LiveEdit], pulses: &[u32]) -> Vec<Played> {
        for edit in edits {
            self.wait(pulses);
            self.edit(edit);
        }
        self.wait(pulses);
        self.log
    }
}

fn live_edits() -> impl Strategy<Value = Vec<LiveEdit>> {
    let edit = prop_oneof![
        (20u16..=999).prop_map(LiveEdit::Tempo),
        (0u32..2000).prop_map(LiveEdit::Locate),
        Just(LiveEdit::Restart),
        ((1u32..4).prop_map(InstrumentId), groove())
            .prop_map(|(id, set)| LiveEdit::Groove(id, set)),
        any::<bool>().prop_map(LiveEdit::Loop),
        (0u32..2000).prop_map(LiveEdit::Note),
    ];
    vec(edit, 0..4)
}

proptest! {
    #[test]
    fn playback_does_not_depend_on_call_intervals(
        composition in vec(composition(), 1..40),
        region in prop::option::of((0u32..600, 1u32..600)),
        edits in live_edits(),
        pulses in vec(200u32..40_000, 1..8),
        others in vec(200u32..600_000, 1..8),
    ) {
        let play = |pulses: &[u32]| Performance::new(&composition, region).play(&edits, pulses);
        prop_assert_eq!(play(&pulses), play(&others));
    }
}
