//! The silent engine plays the same notes at the same times, however often it is called.

use std::{collections::BTreeSet, time::Duration};

use imbolc_net::{
    model::{InstrumentId, Model, Reduction},
    studio::{
        ArpeggiatorSetting, ChordShape, InstrumentAction, InstrumentSetting, LoopRegion, Name,
        NetworkAction, Note, PianoRollAction, PlaybackEvent, Played, SessionSetting, SilentEngine,
        SourceKind, Studio, StudioState, TransportAction,
    },
    util::{
        quantity::{Bpm, NoteLength, OctaveShift, Pitch, Probability, Ticks, Velocity},
        time::Timestamp,
    },
};
use proptest::{collection::vec, prelude::*, sample::select};

use super::vocabulary::{arpeggiator, composition, groove};

/// The drum kit of `composition`.
const KIT: InstrumentId = InstrumentId(3);

/// An action on the music during playback.
#[derive(Clone, Debug)]
enum LiveEdit {
    Tempo(u16),
    Locate(u32),
    Restart,
    Stop,
    Delete(InstrumentId),
    Instrument(InstrumentId, InstrumentAction),
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
    fn new(composition: &[NetworkAction], setup: &[LiveEdit], region: Option<(u32, u32)>) -> Self {
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
        setup.iter().for_each(|edit| performance.edit(edit));
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
            LiveEdit::Stop => self.act(&transport(TransportAction::Stop)),
            LiveEdit::Delete(id) => self.act(&NetworkAction::DeleteInstrument(*id)),
            LiveEdit::Instrument(id, action) => {
                self.act(&NetworkAction::Instrument(*id, action.clone()));
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

    fn play(&mut self, edits: &[LiveEdit], pulses: &[u32]) {
        for edit in edits {
            self.wait(pulses);
            self.edit(edit);
        }
        self.wait(pulses);
    }

    /// Plays, then stops, releases all keys and turns the arpeggiators off.
    fn play_to_silence(mut self, edits: &[LiveEdit], pulses: &[u32]) -> Vec<Played> {
        self.play(edits, pulses);
        self.edit(&LiveEdit::Stop);
        let ids: Vec<_> = self.state.instruments.iter().map(|(id, _)| id).collect();
        let off = InstrumentSetting::Arpeggiator(ArpeggiatorSetting::On(false));
        for action in [InstrumentAction::ReleaseAll, InstrumentAction::Set(off)] {
            for id in &ids {
                self.edit(&LiveEdit::Instrument(*id, action.clone()));
            }
        }
        let end = self.log.len();
        self.wait(pulses);
        assert_eq!(self.log.len(), end, "nothing plays");
        self.log
    }
}

/// Settings of what a key plays, and keys.
fn playing() -> impl Strategy<Value = LiveEdit> {
    let settings = prop_oneof![
        2 => groove().prop_map(InstrumentSetting::Groove),
        2 => select(ChordShape::ALL).prop_map(InstrumentSetting::Chord),
        1 => (-4i8..=4).prop_map(|octave| InstrumentSetting::Octave(OctaveShift::of(octave))),
        3 => arpeggiator().prop_map(InstrumentSetting::Arpeggiator),
        2 => Just(InstrumentSetting::Arpeggiator(ArpeggiatorSetting::On(true))),
    ];
    let key = (48u8..60).prop_map(Pitch::of);
    let actions = prop_oneof![
        3 => settings.prop_map(InstrumentAction::Set),
        2 => key.clone().prop_map(|key| InstrumentAction::Play(key, Velocity::MAX)),
        1 => key.prop_map(InstrumentAction::Release),
        1 => Just(InstrumentAction::ReleaseAll),
    ];
    (1u32..4, actions).prop_map(|(id, action)| LiveEdit::Instrument(InstrumentId(id), action))
}

fn live_edits() -> impl Strategy<Value = Vec<LiveEdit>> {
    let edit = prop_oneof![
        2 => (20u16..=999).prop_map(LiveEdit::Tempo),
        2 => (0u32..2000).prop_map(LiveEdit::Locate),
        2 => Just(LiveEdit::Restart),
        1 => Just(LiveEdit::Stop),
        1 => (1u32..4).prop_map(|id| LiveEdit::Delete(InstrumentId(id))),
        2 => any::<bool>().prop_map(LiveEdit::Loop),
        2 => (0u32..2000).prop_map(LiveEdit::Note),
        6 => playing(),
    ];
    vec(edit, 0..8)
}

/// Every note that begins has ended before it begins again, and in the end; time does not turn
/// back.
fn check_stream(log: &[Played]) {
    let mut sounding = BTreeSet::new();
    for pair in log.windows(2) {
        assert!(pair[0].time <= pair[1].time, "{pair:?}");
    }
    for played in log {
        match played.what {
            PlaybackEvent::NoteOn { instrument, pitch, .. } => {
                assert!(sounding.insert((instrument, pitch)), "twice: {played:?}");
            }
            PlaybackEvent::NoteOff { instrument, pitch } => {
                assert!(sounding.remove(&(instrument, pitch)), "not there: {played:?}");
            }
            _ => {}
        }
    }
    assert!(sounding.is_empty(), "hangs: {sounding:?}");
}

proptest! {
    #[test]
    fn playback_and_its_times_do_not_depend_on_call_intervals(
        composition in vec(composition(), 1..40),
        region in prop::option::of((0u32..600, 1u32..600)),
        setup in vec(playing(), 0..8),
        edits in live_edits(),
        pulses in vec(200u32..40_000, 1..8),
        others in vec(200u32..600_000, 1..8),
    ) {
        let play = |pulses: &[u32]| {
            let mut performance = Performance::new(&composition, &setup, region);
            performance.play(&edits, pulses);
            performance.log
        };
        prop_assert_eq!(play(&pulses), play(&others));
    }

    #[test]
    fn every_note_ends_once_and_time_never_turns_back(
        composition in vec(composition(), 1..40),
        region in prop::option::of((0u32..600, 1u32..600)),
        setup in vec(playing(), 0..8),
        edits in live_edits(),
        pulses in vec(200u32..600_000, 1..8),
    ) {
        let performance = Performance::new(&composition, &setup, region);
        check_stream(&performance.play_to_silence(&edits, &pulses));
    }
}
