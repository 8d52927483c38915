//! The engine on a virtual clock.

use super::*;
use crate::{
    model::{InstrumentId, Model},
    quantity::{Bpm, NoteLength, Pan, Pitch, Probability, StepCount, StepNumber, Velocity},
    studio::{
        ArrangementSetting, AtEnd, AutomationAction, BusId, BusSetting, ChainedPatterns,
        ClipAction, ClipId, Content, Curve, Digest, DrumAction, DrumSetting, GrooveSetting,
        InstrumentAction, InstrumentParameter, InstrumentSetting, LaneSetting, LayerGroupId,
        LayerGroupSetting, LoopRegion, MasterSetting, MixerSetting, Name, Note, Output, PadSetting,
        PadSound, PatternId, PatternSetting, PianoRollAction, PlacementAction, PlacementId,
        PlayMode, Point, SessionParameter, SessionSetting, SourceKind, Step, Swing, TrackSetting,
        Voices,
    },
};

const BASS: InstrumentId = InstrumentId(1);
const KIT: InstrumentId = InstrumentId(9);
const FIRST: PatternId = PatternId(1);

/// A studio, its engine and their virtual clock.
struct Rig {
    now: Timestamp,
    state: StudioState,
    engine: SilentEngine,
}

impl Rig {
    fn new() -> Self {
        let (now, state) = (Timestamp::ZERO, StudioState::starter());
        Self { now, state, engine: SilentEngine::logging() }
    }

    fn act(&mut self, action: &NetworkAction) {
        for effect in Studio::reduce(&mut self.state, action).unwrap() {
            self.engine.perform(self.now, &self.state, effect);
        }
        for report in self.engine.advance(self.now, &self.state) {
            self.act(&report);
        }
    }

    fn transport(&mut self, action: TransportAction) {
        self.act(&NetworkAction::Transport(action));
    }

    fn set(&mut self, setting: InstrumentSetting) {
        self.act(&NetworkAction::Instrument(BASS, InstrumentAction::Set(setting)));
    }

    fn key(&mut self, action: InstrumentAction) {
        self.act(&NetworkAction::Instrument(BASS, action));
    }

    /// Lets `millis` pass, pulse by pulse, and returns where the playhead is.
    fn wait(&mut self, millis: u64) -> u32 {
        let end = self.now + Duration::from_millis(millis);
        while self.now < end {
            self.now = end.min(self.now + PULSE);
            for report in self.engine.advance(self.now, &self.state) {
                self.act(&report);
            }
        }
        self.engine.playhead().get()
    }

    fn peaks(&mut self) -> [i32; 2] {
        self.wait(40);
        #[expect(clippy::cast_possible_truncation)]
        self.engine.metering().peaks.map(|peak| peak.get().round() as i32)
    }
}

#[test]
fn the_playhead_moves_at_the_tempo_and_stays_where_it_is_stopped() {
    let mut rig = Rig::new();
    rig.transport(TransportAction::Locate(Ticks::of(480)));
    assert_eq!(rig.engine.pulse(), None);
    rig.transport(TransportAction::Play);
    assert!(rig.engine.pulse().is_some());
    assert_eq!(rig.wait(1000), 480 + 960);
    rig.transport(TransportAction::Stop);
    assert_eq!(rig.wait(1000), 1440);
    assert_eq!(rig.state.transport.position, Ticks::of(1440));
    assert_eq!(rig.engine.pulse(), None);
}

#[test]
fn stop_and_play_in_one_breath_go_on_from_the_same_place() {
    let mut rig = Rig::new();
    rig.transport(TransportAction::Play);
    rig.wait(1000);
    for effect in [StudioEffect::Stop, StudioEffect::Play] {
        rig.engine.perform(rig.now, &rig.state, effect);
    }
    assert_eq!(rig.wait(500), 960 + 480);
}

#[test]
fn a_change_of_tempo_is_no_jump() {
    let mut rig = Rig::new();
    rig.transport(TransportAction::Play);
    rig.wait(1000);
    rig.act(&NetworkAction::Session(SessionSetting::Tempo(Bpm::of(240.0))));
    assert_eq!(rig.engine.playhead().get(), 960);
    assert_eq!(rig.wait(1000), 960 + 1920);
}

#[test]
fn the_playhead_can_be_moved_while_it_moves() {
    let mut rig = Rig::new();
    rig.transport(TransportAction::Play);
    rig.wait(1000);
    rig.transport(TransportAction::Locate(Ticks::of(10_000)));
    assert_eq!(rig.wait(500), 10_480);
}

#[test]
fn a_loop_repeats_for_who_runs_into_its_end_only() {
    let mut rig = Rig::new();
    let region = LoopRegion::new(Ticks::of(480), Ticks::of(960)).unwrap();
    rig.transport(TransportAction::Region(region));
    rig.transport(TransportAction::Loop(true));
    rig.transport(TransportAction::Play);
    assert_eq!(rig.wait(1250), 480 + 240);
    rig.transport(TransportAction::Locate(Ticks::of(2000)));
    assert_eq!(rig.wait(500), 2480);
}

#[test]
fn a_saved_session_shows_its_playhead_before_anything_happens() {
    let mut rig = Rig::new();
    rig.state.transport.position = Ticks::of(777);
    assert_eq!(rig.wait(34), 777);
}

#[test]
fn the_meters_follow_key_fader_pan_bus_and_master() {
    let mut rig = Rig::new();
    let key = Pitch::of(40);
    rig.set(InstrumentSetting::Level(Decibels::of(0.0)));
    rig.key(InstrumentAction::Play(key, Velocity::MAX));
    assert_eq!(rig.peaks(), [0, 0]);
    rig.set(InstrumentSetting::Level(Decibels::of(-10.0)));
    assert_eq!(rig.peaks(), [-10, -10]);
    rig.set(InstrumentSetting::Pan(Pan::of(-1.0)));
    assert_eq!(rig.peaks(), [-10, -120]);

    let bus = BusId(1);
    rig.act(&NetworkAction::Mixer(MixerSetting::AddBus(bus, Name::default())));
    rig.set(InstrumentSetting::Output(Output::Bus(bus)));
    let mute = BusSetting::Mute(true);
    rig.act(&NetworkAction::Mixer(MixerSetting::Bus(bus, mute)));
    assert_eq!(rig.peaks(), [-120, -120]);
    rig.act(&NetworkAction::Mixer(MixerSetting::DeleteBus(bus)));
    let master = MasterSetting::Level(Decibels::of(-20.0));
    rig.act(&NetworkAction::Mixer(MixerSetting::Master(master)));
    assert_eq!(rig.peaks(), [-30, -120]);

    rig.key(InstrumentAction::Release(key));
    assert_eq!(rig.peaks(), [-120, -120]);
    assert_eq!(rig.engine.pulse(), None);
}

#[test]
fn a_soloed_instrument_silences_the_others() {
    let mut rig = Rig::new();
    rig.key(InstrumentAction::Play(Pitch::of(40), Velocity::MAX));
    assert_eq!(rig.peaks(), [-6, -6]);
    let solo = InstrumentAction::Set(InstrumentSetting::Solo(true));
    rig.act(&NetworkAction::Instrument(InstrumentId(2), solo));
    assert_eq!(rig.peaks(), [-120, -120]);
}

#[test]
fn the_notes_under_the_playhead_move_the_meters() {
    let mut rig = Rig::new();
    let note = Note {
        tick: Ticks::of(480),
        pitch: Pitch::of(40),
        length: NoteLength::of(480),
        velocity: Velocity::MAX,
        probability: Probability::MAX,
    };
    let add = PianoRollAction::Add(note);
    rig.act(&NetworkAction::PianoRoll(BASS, add));
    rig.transport(TransportAction::Play);
    assert_eq!(rig.peaks(), [-120, -120]);
    rig.wait(600);
    assert_eq!(rig.peaks(), [-6, -6]);
    rig.wait(500);
    assert_eq!(rig.peaks(), [-120, -120]);
}

/// A note on the bass.
fn note(tick: u32, pitch: u8, length: u32) -> Note {
    Note {
        tick: Ticks::of(tick),
        pitch: Pitch::of(pitch),
        length: NoteLength::of(length),
        velocity: Velocity::of(100),
        probability: Probability::MAX,
    }
}

fn region(start: u32, end: u32) -> LoopRegion {
    LoopRegion::new(Ticks::of(start), Ticks::of(end)).unwrap()
}

impl Rig {
    fn roll(&mut self, action: PianoRollAction) {
        self.act(&NetworkAction::PianoRoll(BASS, action));
    }

    fn with(notes: impl IntoIterator<Item = Note>) -> Self {
        let mut rig = Self::new();
        rig.roll(PianoRollAction::Paste(notes.into_iter().collect()));
        rig
    }

    /// What was played: `(tick, pitch, whether it began)`.
    fn played(&mut self) -> Vec<(u32, u8, bool)> {
        let log = self.engine.take_log();
        let entry = |played: &Played| match played.what {
            Happening::NoteOn { pitch, .. } => Some((played.tick.get(), pitch.get(), true)),
            Happening::NoteOff { pitch, .. } => Some((played.tick.get(), pitch.get(), false)),
            Happening::Pad { .. } | Happening::Automated { .. } | Happening::Click { .. } => None,
        };
        log.iter().filter_map(entry).collect()
    }

    /// A rig with a drum kit, pad 0 of which plays a sample and pad 1 the bass.
    fn drumming() -> Self {
        let mut rig = Self::new();
        let (name, source) = (Name::default(), SourceKind::DrumKit);
        rig.act(&NetworkAction::AddInstrument { id: KIT, name, source });
        let sample = PadSound::Sample(Content { name: Name::default(), digest: Digest([1; 16]) });
        for (pad, sound) in [(0, sample), (1, PadSound::Instrument(BASS, Pitch::of(40)))] {
            rig.drums(DrumSetting::Pad(PadNumber::of(pad), PadSetting::Sound(sound)));
        }
        rig
    }

    fn drums(&mut self, setting: DrumSetting) {
        self.act(&NetworkAction::Drums(KIT, DrumAction::Set(setting)));
    }

    fn step(&mut self, pattern: PatternId, pad: u8, step: u8) {
        let step = Step::new(PadNumber::of(pad), StepNumber::of(step));
        self.drums(DrumSetting::Pattern(pattern, PatternSetting::On(step)));
    }

    /// When pads were struck.
    fn beats(&mut self) -> Vec<u32> {
        let log = self.engine.take_log();
        let pads = log.iter().filter(|played| matches!(played.what, Happening::Pad { .. }));
        pads.map(|played| played.tick.get()).collect()
    }

    fn automate(&mut self, target: Target, action: AutomationAction) {
        self.act(&NetworkAction::Automation(target, action));
    }
}

#[test]
fn notes_begin_and_end_at_their_ticks_however_late_the_engine_is_called() {
    let mut rig = Rig::with([note(0, 60, 480), note(480, 60, 240), note(480, 64, 960)]);
    rig.transport(TransportAction::Play);
    rig.now = rig.now + Duration::from_secs(3);
    rig.wait(0);
    assert_eq!(rig.engine.advance(rig.now, &rig.state), []);
    let expected = [
        (0, 60, true),
        (480, 60, false),
        (480, 60, true),
        (480, 64, true),
        (720, 60, false),
        (1440, 64, false),
    ];
    assert_eq!(rig.played(), expected);
}

#[test]
fn a_loop_plays_its_first_tick_every_time_and_its_end_never() {
    let mut rig = Rig::with([note(0, 60, 100), note(400, 62, 400), note(480, 64, 10)]);
    rig.transport(TransportAction::Region(region(0, 480)));
    rig.transport(TransportAction::Loop(true));
    rig.transport(TransportAction::Play);
    rig.wait(1000);
    let round = [(0, 60, true), (100, 60, false), (400, 62, true), (480, 62, false)];
    let expected: Vec<_> = round.iter().chain(&round).copied().chain([(0, 60, true)]).collect();
    assert_eq!(rig.played(), expected, "what would last beyond the end is cut off there");
}

#[test]
fn who_seeks_hears_what_starts_there_and_nothing_goes_on_sounding() {
    let mut rig = Rig::with([note(0, 60, 4000), note(2000, 62, 10)]);
    rig.transport(TransportAction::Play);
    rig.wait(500);
    rig.transport(TransportAction::Locate(Ticks::of(2000)));
    rig.wait(100);
    let expected = [(0, 60, true), (480, 60, false), (2000, 62, true), (2010, 62, false)];
    assert_eq!(rig.played(), expected);
    rig.transport(TransportAction::Stop);
    rig.transport(TransportAction::Play);
    rig.wait(100);
    assert_eq!(rig.played(), [], "who goes on hears nothing twice");
}

#[test]
fn a_looping_track_goes_round_while_the_piece_goes_on() {
    let mut rig = Rig::with([note(0, 60, 50), note(100, 62, 900)]);
    rig.roll(PianoRollAction::Set(TrackSetting::Region(region(100, 340))));
    rig.roll(PianoRollAction::Set(TrackSetting::Looping(true)));
    rig.transport(TransportAction::Play);
    assert_eq!(rig.wait(625), 600);
    let expected = [
        (0, 60, true),
        (50, 60, false),
        (100, 62, true),
        (340, 62, false),
        (340, 62, true),
        (580, 62, false),
        (580, 62, true),
    ];
    assert_eq!(rig.played(), expected);
}

#[test]
fn a_note_of_a_mono_track_ends_the_one_before() {
    let mut rig = Rig::with([note(0, 60, 480), note(240, 64, 480)]);
    rig.roll(PianoRollAction::Set(TrackSetting::Voices(Voices::Mono)));
    rig.transport(TransportAction::Play);
    rig.wait(1000);
    let expected = [(0, 60, true), (240, 60, false), (240, 64, true), (720, 64, false)];
    assert_eq!(rig.played(), expected);
}

#[test]
fn a_note_is_played_as_often_as_is_likely_and_the_same_way_every_time() {
    let perform = |probability: u8| {
        let mut rig =
            Rig::with([Note { probability: Probability::of(probability), ..note(0, 60, 1) }]);
        rig.transport(TransportAction::Region(region(0, 4)));
        rig.transport(TransportAction::Loop(true));
        rig.transport(TransportAction::Play);
        rig.wait(4000);
        rig.played().len() / 2
    };
    assert_eq!(perform(0), 0);
    assert_eq!(perform(100), 960);
    let half = perform(50);
    assert!((420..540).contains(&half), "{half} of 960");
    assert_eq!(perform(50), half);
}

#[test]
fn keys_that_are_played_while_an_armed_track_records_become_notes() {
    let mut rig = Rig::new();
    rig.roll(PianoRollAction::Set(TrackSetting::Armed(true)));
    rig.transport(TransportAction::Record(true));
    rig.transport(TransportAction::Play);
    rig.wait(500);
    rig.key(InstrumentAction::Play(Pitch::of(40), Velocity::of(77)));
    rig.wait(250);
    rig.key(InstrumentAction::Release(Pitch::of(40)));
    rig.key(InstrumentAction::Play(Pitch::of(43), Velocity::of(77)));
    rig.wait(250);
    rig.transport(TransportAction::Stop);
    let written: Vec<_> = rig.state.piano_roll.track(BASS).unwrap().notes().collect();
    let velocity = Velocity::of(77);
    let expected = [note(480, 40, 240), note(720, 43, 240)].map(|n| Note { velocity, ..n });
    assert_eq!(written, expected);
    assert_eq!(rig.played(), [], "nobody hears a note twice");
}

#[test]
fn what_is_turned_while_an_armed_lane_records_becomes_points() {
    let mut rig = Rig::new();
    let target = Target::Instrument(BASS, InstrumentParameter::Mute);
    rig.automate(target, AutomationAction::Add);
    rig.automate(target, AutomationAction::Set(LaneSetting::Armed(true)));
    rig.transport(TransportAction::Record(true));
    rig.transport(TransportAction::Play);
    rig.wait(500);
    rig.set(InstrumentSetting::Mute(true));
    rig.wait(500);
    rig.set(InstrumentSetting::Mute(false));
    rig.wait(100);
    let lane = rig.state.automation.lane(&target).unwrap();
    let points: Vec<_> = lane.points.iter().map(|p| (p.tick.get(), p.value.get())).collect();
    assert_eq!(points, [(480, 1.0), (960, 0.0)]);
}

#[test]
fn a_lane_moves_the_meters_while_the_music_goes() {
    let mut rig = Rig::with([note(0, 40, 4000)]);
    let target = Target::Instrument(BASS, InstrumentParameter::Mute);
    rig.automate(target, AutomationAction::Add);
    for (tick, value) in [(0, 1.0), (480, 0.0)] {
        let point = Point { tick: Ticks::of(tick), value: Amount::of(value), curve: Curve::Hold };
        rig.automate(target, AutomationAction::Put(point));
    }
    rig.transport(TransportAction::Play);
    rig.wait(100);
    assert_eq!(rig.peaks(), [-120, -120]);
    rig.wait(500);
    assert_eq!(rig.peaks(), [-8, -8]);
    assert!(!rig.state.instruments.get(BASS).unwrap().mute, "the state is as it was set");
}

#[test]
fn a_lane_moves_the_tempo_and_with_it_time() {
    let mut rig = Rig::new();
    let target = Target::Session(SessionParameter::Tempo);
    rig.automate(target, AutomationAction::Add);
    let part = |bpm: f32| Amount::of((bpm - 20.0) / 979.0);
    for (tick, bpm) in [(0, 120.0), (960, 240.0)] {
        let point = Point { tick: Ticks::of(tick), value: part(bpm), curve: Curve::Hold };
        rig.automate(target, AutomationAction::Put(point));
    }
    rig.transport(TransportAction::Play);
    let there = rig.wait(2000);
    assert!((960 + 1919..=960 + 1921).contains(&there), "{there}");
}

#[test]
fn an_arrangement_plays_its_clips_and_stops_at_its_end() {
    let mut rig = Rig::with([note(0, 60, 100), note(1000, 99, 100)]);
    let capture =
        ClipAction::Capture { clip: ClipId(1), name: Name::default(), region: region(0, 240) };
    rig.act(&NetworkAction::Clip(BASS, capture));
    let (placement, clip) = (PlacementId(1), ClipId(1));
    let place = PlacementAction::Place { placement, clip, tick: Ticks::of(480) };
    rig.act(&NetworkAction::Placement(BASS, place));
    let resize = PlacementAction::Resize(placement, NoteLength::of(290));
    rig.act(&NetworkAction::Placement(BASS, resize));
    rig.act(&NetworkAction::Arrangement(ArrangementSetting::Play(PlayMode::Arrangement)));
    rig.act(&NetworkAction::Arrangement(ArrangementSetting::AtEnd(AtEnd::Stop)));
    rig.transport(TransportAction::Play);
    rig.wait(3000);
    let expected = [(480, 60, true), (580, 60, false), (720, 60, true), (770, 60, false)];
    assert_eq!(rig.played(), expected);
    assert!(!rig.state.transport.playing);
    assert_eq!(rig.state.transport.position, Ticks::of(770));
    assert_eq!(rig.engine.pulse(), None);

    rig.act(&NetworkAction::Arrangement(ArrangementSetting::AtEnd(AtEnd::Repeat)));
    rig.transport(TransportAction::Locate(Ticks::MIN));
    rig.transport(TransportAction::Play);
    assert_eq!(rig.wait(1000), 960 - 770);
}

#[test]
fn a_pattern_goes_round_in_step_with_the_music() {
    let mut rig = Rig::drumming();
    rig.step(FIRST, 0, 0);
    rig.step(FIRST, 0, 15);
    rig.transport(TransportAction::Locate(Ticks::of(1000)));
    rig.transport(TransportAction::Play);
    rig.wait(3000);
    assert_eq!(rig.beats(), [1800, 1920, 3720, 3840]);
}

#[test]
fn patterns_of_a_chain_follow_one_another_each_at_its_own_pace() {
    let mut rig = Rig::drumming();
    let second = PatternId(2);
    rig.drums(DrumSetting::AddPattern(second));
    let eighths = PatternSetting::Resolution(crate::studio::NoteValue::Eighth);
    for setting in [eighths, PatternSetting::Length(StepCount::of(3))] {
        rig.drums(DrumSetting::Pattern(second, setting));
    }
    rig.drums(DrumSetting::Pattern(FIRST, PatternSetting::Length(StepCount::of(2))));
    rig.step(FIRST, 0, 0);
    rig.step(second, 0, 1);
    rig.step(second, 0, 3);
    let chain = ChainedPatterns::new(vec![second, FIRST]).unwrap();
    rig.drums(DrumSetting::Chain(chain));
    rig.drums(DrumSetting::Chained(true));
    rig.transport(TransportAction::Play);
    rig.wait(1500);
    assert_eq!(rig.beats(), [240, 720, 960 + 240]);
}

#[test]
fn every_second_step_is_late_and_the_session_swings_on_top() {
    let mut rig = Rig::drumming();
    (0..4).for_each(|step| rig.step(FIRST, 0, step));
    rig.drums(DrumSetting::Swing(Amount::of(0.5)));
    rig.transport(TransportAction::Play);
    rig.wait(500);
    assert_eq!(rig.beats(), [0, 150, 240, 390]);
    rig.transport(TransportAction::Stop);
    let own = GrooveSetting::Swing(Swing::Own(Amount::of(1.0)));
    let set = InstrumentAction::Set(InstrumentSetting::Groove(own));
    rig.act(&NetworkAction::Instrument(KIT, set));
    rig.transport(TransportAction::Locate(Ticks::of(0)));
    rig.transport(TransportAction::Play);
    rig.wait(500);
    assert_eq!(rig.beats(), [0, 225, 360, 435]);
}

#[test]
fn notes_swing_with_the_session_but_on_the_beat() {
    let mut rig = Rig::with([note(0, 60, 240), note(240, 60, 240)]);
    rig.act(&NetworkAction::Session(SessionSetting::Swing(Amount::of(0.5))));
    rig.transport(TransportAction::Play);
    rig.wait(600);
    let swung = [(0, 60, true), (300, 60, false), (300, 60, true), (480, 60, false)];
    assert_eq!(rig.played(), swung);
}

#[test]
fn a_pad_moves_the_meters_through_the_strip_of_its_kit() {
    let mut rig = Rig::drumming();
    rig.step(FIRST, 0, 0);
    let tempo = SessionSetting::Tempo(Bpm::of(60.0));
    rig.act(&NetworkAction::Session(tempo));
    rig.transport(TransportAction::Play);
    let loud = rig.peaks();
    assert_eq!(loud, [-8, -8], "velocity 100 and a fader at -6 dB");
    let mute = InstrumentAction::Set(InstrumentSetting::Mute(true));
    rig.act(&NetworkAction::Instrument(KIT, mute));
    assert_eq!(rig.peaks(), [-120, -120]);
}

#[test]
fn a_pad_may_play_a_key_of_another_instrument() {
    let mut rig = Rig::drumming();
    rig.step(FIRST, 1, 1);
    let up = PadSetting::Pitch(Semitones::of(12));
    rig.drums(DrumSetting::Pad(PadNumber::of(1), up));
    rig.transport(TransportAction::Play);
    rig.wait(500);
    assert_eq!(rig.played(), [(120, 52, true), (240, 52, false)]);
}

#[test]
fn the_strip_of_a_layer_group_moves_those_of_its_instruments() {
    let mut rig = Rig::new();
    let group = LayerGroupId(1);
    let mixer = |rig: &mut Rig, setting| rig.act(&NetworkAction::Mixer(setting));
    mixer(&mut rig, MixerSetting::AddLayerGroup(group, Name::default()));
    rig.set(InstrumentSetting::LayerGroup(Some(group)));
    rig.set(InstrumentSetting::Level(Decibels::of(0.0)));
    rig.key(InstrumentAction::Play(Pitch::of(40), Velocity::MAX));
    let strip = |setting| MixerSetting::LayerGroup(group, setting);
    mixer(&mut rig, strip(LayerGroupSetting::Level(Decibels::of(-10.0))));
    assert_eq!(rig.peaks(), [-10, -10]);
    mixer(&mut rig, strip(LayerGroupSetting::Mute(true)));
    assert_eq!(rig.peaks(), [-120, -120]);
}
