//! The engine that sounds plays what the silent engine plays.

#![allow(missing_docs)]

use std::time::Duration;

use imbolc_net::{
    model::{EngineWorker as _, InstrumentId, Model as _, Reduction},
    studio::{
        ArpeggiatorSetting, AutomationAction, ChordShape, ClickSetting, Curve, DrumAction,
        DrumSetting, HumaniseSetting, InstrumentAction, InstrumentParameter, InstrumentSetting,
        LoopRegion, NetworkAction, Note, PadSetting, PadSound, PatternId, PianoRollAction, Played,
        Point, SessionParameter, SessionSetting, SilentEngine, SourceKind, SourceSetting, Studio,
        StudioEffect, StudioState, Target, TransportAction,
    },
    util::{
        quantity::{
            Amount, Bpm, NoteLength, PadNumber, Pitch, Probability, StepCount, StepNumber, Ticks,
            Velocity,
        },
        time::Timestamp,
    },
};
use imbolc_supercollider::{engine::SuperColliderEngine, server::ServerOptions};
use proptest::{collection::vec, prelude::*, sample::select};

const DRUMS: InstrumentId = InstrumentId(4);

#[derive(Default)]
struct Log {
    events: Vec<Played>,
    pulses: Vec<u32>,
}

enum Player {
    Silent(Box<SilentEngine>, Log),
    Sounding(Box<SuperColliderEngine>, Log),
}

impl Player {
    fn reset(&mut self, now: Timestamp, state: &StudioState) {
        match self {
            Self::Silent(engine, log) => {
                engine.reset_into(now, state, &mut |played| log.events.push(played));
            }
            Self::Sounding(engine, log) => {
                engine.reset(now, state);
                log.events.extend(engine.played());
            }
        }
    }

    fn perform(&mut self, now: Timestamp, state: &StudioState, effect: StudioEffect) {
        match self {
            Self::Silent(engine, log) => {
                engine.perform_into(now, state, effect, &mut |played| log.events.push(played));
            }
            Self::Sounding(engine, log) => {
                engine.perform(now, state, effect);
                log.events.extend(engine.played());
            }
        }
    }

    fn advance(&mut self, now: Timestamp, state: &StudioState) -> Vec<NetworkAction> {
        match self {
            Self::Silent(engine, log) => {
                engine.advance_into(now, state, &mut |played| log.events.push(played)).actions
            }
            Self::Sounding(engine, log) => {
                let output = engine.advance(now, state);
                log.events.extend(engine.played());
                output.actions
            }
        }
    }

    const fn log(&self) -> &Log {
        match self {
            Self::Silent(_, log) | Self::Sounding(_, log) => log,
        }
    }
}

/// What a player plays of a project, with an edit each 300 ms.
fn play(mut player: Player, project: &[NetworkAction], edits: &[NetworkAction]) -> Vec<Played> {
    let mut state = StudioState::starter();
    let mut now = Timestamp::ZERO;
    let act = |player: &mut Player, now, state: &mut StudioState, action: &NetworkAction| {
        let mut copy = state.clone();
        let Ok(Reduction { effects, .. }) = Studio::reduce(&mut copy, action) else { return };
        *state = copy;
        for effect in effects {
            player.perform(now, state, effect);
        }
        // As an authority does when the state has changed.
        player.advance(now, state);
    };
    for action in project {
        act(&mut player, now, &mut state, action);
    }
    act(&mut player, now, &mut state, &NetworkAction::Transport(TransportAction::Play));
    for edit in edits {
        // As after a change of everything, e.g. an undo.
        player.reset(now, &state);
        act(&mut player, now, &mut state, edit);
        let end = now + Duration::from_millis(300);
        for pulse in player.log().pulses.clone().into_iter().cycle() {
            now = end.min(now + Duration::from_micros(u64::from(pulse)));
            for action in player.advance(now, &state) {
                act(&mut player, now, &mut state, &action);
            }
            if now == end {
                break;
            }
        }
    }
    player.log().events.clone()
}

fn instrument() -> impl Strategy<Value = InstrumentId> {
    (1u32..4).prop_map(InstrumentId)
}

fn project() -> impl Strategy<Value = NetworkAction> {
    let notes = (instrument(), 0u32..1000, 48u8..60, 1u32..700, 1u8..=127, 1u8..=100).prop_map(
        |(id, tick, pitch, length, velocity, probability)| {
            let note = Note {
                tick: Ticks::of(tick),
                pitch: Pitch::of(pitch),
                length: NoteLength::of(length),
                velocity: Velocity::of(velocity),
                probability: Probability::of(probability),
            };
            NetworkAction::PianoRoll(id, PianoRollAction::Add(note))
        },
    );
    let hits = (0u8..4, 1u8..9, 0u8..16).prop_map(|(pad, hits, rotation)| DrumAction::Euclid {
        pattern: PatternId(1),
        pad: PadNumber::of(pad),
        hits: StepCount::of(hits),
        rotation: StepNumber::of(rotation),
    });
    let pads = (0u8..4, instrument(), 48u8..60).prop_map(|(pad, id, pitch)| {
        let sound = PadSetting::Sound(PadSound::Instrument(id, Pitch::of(pitch)));
        DrumAction::Set(DrumSetting::Pad(PadNumber::of(pad), sound))
    });
    let drums = prop_oneof![hits, pads].prop_map(|action| NetworkAction::Drums(DRUMS, action));
    let targets = prop_oneof![
        Just(Target::Session(SessionParameter::Tempo)),
        instrument().prop_map(|id| Target::Instrument(id, InstrumentParameter::Level)),
    ];
    let points = prop_oneof![
        Just(AutomationAction::Add),
        (0u32..1000, 0.0f32..=1.0).prop_map(|(tick, value)| {
            let (tick, value) = (Ticks::of(tick), Amount::of(value));
            AutomationAction::Put(Point { tick, value, curve: Curve::Linear })
        }),
    ];
    let lanes = (targets, points).prop_map(|(to, action)| NetworkAction::Automation(to, action));
    prop_oneof![8 => notes, 4 => drums, 3 => lanes, 3 => edit()]
}

fn edit() -> impl Strategy<Value = NetworkAction> {
    let keys = prop_oneof![
        (48u8..60).prop_map(|key| InstrumentAction::Play(Pitch::of(key), Velocity::of(90))),
        (48u8..60).prop_map(|key| InstrumentAction::Release(Pitch::of(key))),
        Just(InstrumentAction::ReleaseAll),
    ];
    let settings = prop_oneof![
        select(ChordShape::ALL).prop_map(InstrumentSetting::Chord),
        any::<bool>().prop_map(|on| InstrumentSetting::Arpeggiator(ArpeggiatorSetting::On(on))),
        select(SourceKind::ALL)
            .prop_map(|kind| InstrumentSetting::Source(SourceSetting::Kind(kind))),
    ];
    let settings = settings.prop_map(InstrumentAction::Set);
    let session = prop_oneof![
        (40u16..400).prop_map(|bpm| SessionSetting::Tempo(Bpm::of(f32::from(bpm)))),
        (0.0f32..=1.0).prop_map(|swing| SessionSetting::Swing(Amount::of(swing))),
        (0.0f32..=1.0)
            .prop_map(|by| SessionSetting::Humanise(HumaniseSetting::Timing(Amount::of(by)))),
        any::<bool>().prop_map(|on| SessionSetting::Click(ClickSetting::On(on))),
    ];
    let region = (0u32..600, 1u32..600).prop_map(|(start, length)| {
        let region = LoopRegion::new(Ticks::of(start), Ticks::of(start + length)).unwrap();
        TransportAction::Region(region)
    });
    let transport = prop_oneof![
        region,
        any::<bool>().prop_map(TransportAction::Loop),
        (0u32..1000).prop_map(|tick| TransportAction::Locate(Ticks::of(tick))),
        Just(TransportAction::Stop),
        Just(TransportAction::Play),
    ];
    prop_oneof![
        4 => (instrument(), prop_oneof![keys, settings])
            .prop_map(|(id, action)| NetworkAction::Instrument(id, action)),
        2 => session.prop_map(NetworkAction::Session),
        4 => transport.prop_map(NetworkAction::Transport),
        1 => Just(NetworkAction::Panic),
        1 => instrument().prop_map(NetworkAction::DeleteInstrument),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn sounding_engine_plays_the_events_of_the_silent_one(
        project in vec(project(), 5..40),
        edits in vec(edit(), 1..10),
        pulses in vec(200u32..40_000, 1..8),
        others in vec(200u32..200_000, 1..8),
    ) {
        let log = |pulses| Log { events: Vec::new(), pulses };
        let silent = Player::Silent(Box::default(), log(pulses));
        let options = ServerOptions { scsynth: Some("/nonexistent".into()), samples: None };
        let engine = Box::new(SuperColliderEngine::new(options));
        let sounding = Player::Sounding(engine, log(others));
        prop_assert_eq!(play(silent, &project, &edits), play(sounding, &project, &edits));
    }
}
