//! What is played does not depend on how often the engine is called.

use std::time::Duration;

use imbolc_net::{
    model::{Engine, InstrumentId, Model},
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

use super::vocabulary::{groove, written};

/// The instrument that `written` takes for a drum kit.
const KIT: InstrumentId = InstrumentId(3);

/// What somebody does to the music while it goes.
#[derive(Clone, Debug)]
enum Move {
    Tempo(u16),
    Locate(u32),
    StopAndGo,
    Groove(InstrumentId, GrooveSetting),
    Loop(bool),
    Note(u32),
}

struct Show {
    now: Timestamp,
    state: StudioState,
    engine: SilentEngine,
}

impl Show {
    fn new(written: &[NetworkAction], region: Option<(u32, u32)>) -> Self {
        let mut show = Self {
            now: Timestamp::ZERO,
            state: StudioState::starter(),
            engine: SilentEngine::logging(),
        };
        show.act(&NetworkAction::DeleteInstrument(KIT));
        show.act(&NetworkAction::AddInstrument {
            id: KIT,
            name: Name::default(),
            source: SourceKind::DrumKit,
        });
        assert!(show.state.drums.machine(KIT).is_some());
        written.iter().for_each(|action| show.act(action));
        if let Some((start, length)) = region {
            let region = LoopRegion::new(Ticks::of(start), Ticks::of(start + length)).unwrap();
            show.act(&NetworkAction::Transport(TransportAction::Region(region)));
            show.act(&NetworkAction::Transport(TransportAction::Loop(true)));
        }
        show.act(&NetworkAction::Transport(TransportAction::Play));
        show
    }

    fn act(&mut self, action: &NetworkAction) {
        let mut state = self.state.clone();
        let Ok(effects) = Studio::reduce(&mut state, action) else { return };
        self.state = state;
        for effect in effects {
            self.engine.perform(self.now, &self.state, effect);
        }
        self.advance();
    }

    fn advance(&mut self) {
        for saying in self.engine.advance(self.now, &self.state) {
            self.act(&saying);
        }
    }

    fn make(&mut self, what: &Move) {
        let transport = NetworkAction::Transport;
        match what {
            Move::Tempo(bpm) => {
                let tempo = SessionSetting::Tempo(Bpm::of(f32::from(*bpm)));
                self.act(&NetworkAction::Session(tempo));
            }
            Move::Groove(id, setting) => {
                let set = InstrumentAction::Set(InstrumentSetting::Groove(setting.clone()));
                self.act(&NetworkAction::Instrument(*id, set));
            }
            Move::Loop(on) => self.act(&transport(TransportAction::Loop(*on))),
            Move::Note(tick) => {
                let note = Note {
                    tick: Ticks::of(*tick),
                    pitch: Pitch::of(50),
                    length: NoteLength::of(100),
                    velocity: Velocity::of(100),
                    probability: Probability::MAX,
                };
                self.act(&NetworkAction::PianoRoll(InstrumentId(1), PianoRollAction::Add(note)));
            }
            Move::Locate(tick) => self.act(&transport(TransportAction::Locate(Ticks::of(*tick)))),
            Move::StopAndGo => {
                self.act(&transport(TransportAction::Stop));
                self.act(&transport(TransportAction::Play));
            }
        }
    }

    /// Lets half a second pass, the engine being called after each of `pulses`,
    /// again and again.
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

    fn play(mut self, moves: &[Move], pulses: &[u32]) -> Vec<Played> {
        for what in moves {
            self.wait(pulses);
            self.make(what);
        }
        self.wait(pulses);
        self.engine.take_log()
    }
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let what = prop_oneof![
        (20u16..=999).prop_map(Move::Tempo),
        (0u32..2000).prop_map(Move::Locate),
        Just(Move::StopAndGo),
        ((1u32..4).prop_map(InstrumentId), groove()).prop_map(|(id, set)| Move::Groove(id, set)),
        any::<bool>().prop_map(Move::Loop),
        (0u32..2000).prop_map(Move::Note),
    ];
    vec(what, 0..4)
}

proptest! {
    #[test]
    fn the_same_is_played_whatever_the_pulse(
        written in vec(written(), 1..40),
        region in prop::option::of((0u32..600, 1u32..600)),
        moves in moves(),
        pulses in vec(200u32..40_000, 1..8),
        others in vec(200u32..600_000, 1..8),
    ) {
        let play = |pulses: &[u32]| Show::new(&written, region).play(&moves, pulses);
        prop_assert_eq!(play(&pulses), play(&others));
    }
}
