//! Arpeggios of held keys and of written notes.

use super::*;

impl Rig {
    fn arpeggiator(&mut self, setting: ArpeggiatorSetting) {
        self.set(InstrumentSetting::Arpeggiator(setting));
    }

    /// A rig whose bass has an arpeggiator of quarters that are half a step long.
    fn with_arpeggiator(settings: impl IntoIterator<Item = ArpeggiatorSetting>) -> Self {
        let mut rig = Self::new();
        rig.arpeggiator(ArpeggiatorSetting::On(true));
        rig.arpeggiator(ArpeggiatorSetting::Step(NoteValue::Quarter));
        rig.arpeggiator(ArpeggiatorSetting::Gate(Amount::of(0.5)));
        for setting in settings {
            rig.arpeggiator(setting);
        }
        rig
    }

    /// The notes that began: `(millisecond, pitch)`. Forgets all events.
    fn begun(&mut self) -> Vec<(u64, u8)> {
        let log = self.take_log();
        let begun = log.iter().filter_map(|played| match played.what {
            PlaybackEvent::NoteOn { pitch, .. } => Some((played.time.micros() / 1000, pitch.get())),
            _ => None,
        });
        begun.collect()
    }

    /// The notes that ended.
    fn ended(&self) -> Vec<(u64, u8)> {
        let ended = self.log.iter().filter_map(|played| match played.what {
            PlaybackEvent::NoteOff { pitch, .. } => {
                Some((played.time.micros() / 1000, pitch.get()))
            }
            _ => None,
        });
        ended.collect()
    }

    fn pitches(&mut self) -> Vec<u8> {
        self.begun().into_iter().map(|(_, pitch)| pitch).collect()
    }
}

#[test]
fn arpeggio_runs_from_the_first_key_while_stopped() {
    let mut rig = Rig::with_arpeggiator([]);
    rig.wait(123);
    rig.strike(60);
    assert_eq!(rig.engine.pulse(), Some(PULSE), "it must be called");
    rig.wait(200);
    rig.strike(64);
    rig.wait(1000);
    let ended = rig.ended();
    assert_eq!(rig.begun(), [(123, 60), (623, 64), (1123, 60)]);
    assert_eq!(ended, [(373, 60), (873, 64)]);
    rig.release(64);
    rig.release(60);
    assert_eq!(rig.ended(), [(1323, 60)], "the last release ends it");
    assert_eq!(rig.engine.pulse(), None);
    rig.wait(1000);
    assert_eq!(rig.begun(), []);
}

#[test]
fn arpeggio_is_on_the_grid_while_playing() {
    let mut rig = Rig::with_arpeggiator([]);
    rig.transport(TransportAction::Locate(Ticks::of(100)));
    rig.transport(TransportAction::Play);
    rig.wait(10);
    rig.strike(60);
    rig.wait(1000);
    let ticks: Vec<_> = rig.played().iter().map(|(tick, _, on)| (*tick, *on)).collect();
    assert_eq!(ticks, [(480, true), (720, false), (960, true)]);
}

#[test]
fn arpeggio_follows_the_count_in_the_playhead_and_its_jumps() {
    let mut rig = Rig::with_arpeggiator([]);
    for click in [ClickSetting::On(true), ClickSetting::CountIn(CountIn::of(1))] {
        rig.act(&NetworkAction::Session(SessionSetting::Click(click)));
    }
    rig.strike(60);
    rig.wait(200);
    rig.transport(TransportAction::Locate(Ticks::of(240)));
    let mut rig = rig.goes_round(0, 720);
    rig.wait(2000 + 900);
    // Four steps of the count-in, then at 480, 0 and 480.
    let times: Vec<_> = rig.begun().into_iter().map(|(time, _)| time).collect();
    assert_eq!(times, [0, 200, 700, 1200, 1700, 2450, 2700]);
    rig.transport(TransportAction::Stop);
    rig.wait(1000);
    let times: Vec<_> = rig.begun().into_iter().map(|(time, _)| time).collect();
    assert_eq!(times, [3200, 3700], "in its own time, as before");
}

#[test]
fn patterns_order_the_keys() {
    use ArpeggioPattern::{AllAtOnce, AsStruck, Down, Up, UpAndDown};
    for (pattern, span, expected) in [
        (Up, 1, vec![60, 64, 67, 60, 64, 67]),
        (Down, 1, vec![67, 64, 60, 67, 64, 60]),
        (UpAndDown, 1, vec![60, 64, 67, 64, 60, 64]),
        (AsStruck, 1, vec![64, 67, 60, 64, 67, 60]),
        (AllAtOnce, 1, [60, 64, 67].repeat(6)),
        (Up, 2, vec![60, 64, 67, 72, 76, 79]),
        (AllAtOnce, 2, [[60, 64, 67], [72, 76, 79]].concat().repeat(3)),
    ] {
        let settings = [ArpeggiatorSetting::Pattern(pattern)];
        let mut rig = Rig::with_arpeggiator(settings);
        rig.arpeggiator(ArpeggiatorSetting::Span(OctaveSpan::of(span)));
        rig.transport(TransportAction::Play);
        rig.wait(100);
        for key in [64, 67, 60] {
            rig.strike(key);
        }
        rig.wait(3000);
        assert_eq!(rig.pitches(), expected, "{pattern:?} over {span}");
    }
}

#[test]
fn single_key_goes_up_and_down_alone() {
    let up_and_down = ArpeggiatorSetting::Pattern(ArpeggioPattern::UpAndDown);
    let mut rig = Rig::with_arpeggiator([up_and_down]);
    rig.strike(60);
    rig.wait(1200);
    assert_eq!(rig.pitches(), [60, 60, 60]);
}

#[test]
fn random_arpeggio_is_repeatable() {
    let perform = |keys: [u8; 3]| {
        let random = ArpeggiatorSetting::Pattern(ArpeggioPattern::Random);
        let mut rig = Rig::with_arpeggiator([random]);
        for key in keys {
            rig.strike(key);
        }
        rig.wait(20_000);
        rig.pitches()
    };
    let log = perform([60, 64, 67]);
    assert_eq!(log, perform([60, 64, 67]));
    assert!([60, 64, 67].iter().all(|key| log.contains(key)), "{log:?}");
    assert!((1..=3).all(|n| log != log[n..].iter().chain(&log[..n]).copied().collect::<Vec<_>>()));
}

#[test]
fn arpeggio_plays_the_notes_of_chords_within_the_range() {
    let mut rig = Rig::with_arpeggiator([ArpeggiatorSetting::Span(OctaveSpan::of(2))]);
    rig.set(InstrumentSetting::Chord(ChordShape::Power));
    rig.strike(110);
    rig.wait(2000);
    assert_eq!(rig.pitches(), [110, 117, 122, 110, 117], "not 129");
}

#[test]
fn hold_continues_after_release_until_new_keys() {
    let mut rig = Rig::with_arpeggiator([ArpeggiatorSetting::Hold(true)]);
    for key in [60, 64] {
        rig.strike(key);
    }
    rig.wait(100);
    for key in [60, 64] {
        rig.release(key);
    }
    rig.wait(1000);
    assert_eq!(rig.begun(), [(0, 60), (500, 64), (1000, 60)]);
    rig.strike(50);
    rig.strike(52);
    rig.wait(1000);
    assert_eq!(rig.begun(), [(1500, 50), (2000, 52)], "in the same rhythm");
    rig.release(50);
    rig.release(52);
    rig.wait(500);
    assert_eq!(rig.pitches(), [50]);
    rig.arpeggiator(ArpeggiatorSetting::Hold(false));
    assert_eq!(rig.ended().last(), Some(&(2600, 50)));
    assert_eq!(rig.engine.pulse(), None);
}

#[test]
fn owner_that_leaves_ends_what_the_arpeggiator_holds() {
    let mut rig = Rig::with_arpeggiator([ArpeggiatorSetting::Hold(true)]);
    rig.strike(60);
    rig.release(60);
    rig.wait(50);
    let release = Studio::on_release(&rig.state, BASS).unwrap();
    rig.act(&release);
    assert_eq!(rig.ended(), [(50, 60)]);
    rig.wait(1000);
    assert_eq!(rig.begun(), [(0, 60)]);
    assert_eq!(rig.engine.pulse(), None);
}

#[test]
fn arpeggio_ends_when_turned_off_or_with_its_instrument() {
    let ends: [fn(&mut Rig); 3] = [
        |rig| rig.arpeggiator(ArpeggiatorSetting::On(false)),
        |rig| rig.act(&NetworkAction::DeleteInstrument(BASS)),
        Rig::reset_to_starter,
    ];
    for (number, end) in ends.iter().enumerate() {
        for hold in [false, true] {
            let mut rig = Rig::with_arpeggiator([ArpeggiatorSetting::Hold(hold)]);
            rig.strike(60);
            rig.wait(100);
            if hold {
                rig.release(60);
            }
            end(&mut rig);
            assert_eq!(rig.ended(), [(100, 60)], "end {number}, hold: {hold}");
            rig.wait(1000);
            assert_eq!(rig.pitches(), [60]);
            assert_eq!(rig.engine.pulse(), None);
        }
    }
}

#[test]
fn written_notes_are_arpeggiated_and_end_at_a_stop() {
    for hold in [false, true] {
        let mut rig = Rig::with_arpeggiator([ArpeggiatorSetting::Hold(hold)]);
        let notes = [note(0, 60, 1000), note(0, 64, 1000)];
        rig.roll(PianoRollAction::Paste(notes.into_iter().collect()));
        rig.transport(TransportAction::Play);
        rig.wait(1010);
        rig.transport(TransportAction::Stop);
        assert_eq!(rig.ended(), [(250, 60), (750, 64), (1010, 60)]);
        rig.wait(1000);
        assert_eq!(rig.begun(), [(0, 60), (500, 64), (1000, 60)], "hold: {hold}");
        assert_eq!(rig.engine.pulse(), None);
    }
}

#[test]
fn full_gate_ends_each_note_where_the_next_begins() {
    let mut rig = Rig::with_arpeggiator([ArpeggiatorSetting::Gate(Amount::of(1.0))]);
    rig.set(InstrumentSetting::Chord(ChordShape::Octave));
    rig.strike(60);
    rig.wait(1100);
    let order = [(60, true), (60, false), (72, true), (72, false), (60, true)];
    let played: Vec<_> = rig.played().iter().map(|(_, pitch, on)| (*pitch, *on)).collect();
    assert_eq!(played, order);
}

#[test]
fn mono_instrument_arpeggiates_one_note_at_a_time() {
    let all = ArpeggiatorSetting::Pattern(ArpeggioPattern::AllAtOnce);
    let mut rig = Rig::with_arpeggiator([all]);
    rig.roll(PianoRollAction::Set(TrackSetting::Voices(Voices::Mono)));
    for key in [64, 60] {
        rig.strike(key);
    }
    rig.wait(600);
    assert_eq!(rig.pitches(), [64, 60]);
}

#[test]
fn late_call_plays_all_arpeggios_in_order_at_their_own_times() {
    const LEAD: InstrumentId = InstrumentId(70);
    let mut rig = Rig::with_arpeggiator([]);
    let (name, source) = (Name::default(), SourceKind::Fm);
    rig.act(&NetworkAction::AddInstrument { id: LEAD, name, source });
    let lead = |rig: &mut Rig, action| rig.act(&NetworkAction::Instrument(LEAD, action));
    for setting in [ArpeggiatorSetting::On(true), ArpeggiatorSetting::Step(NoteValue::Eighth)] {
        let setting = InstrumentSetting::Arpeggiator(setting);
        lead(&mut rig, InstrumentAction::Set(setting));
    }
    rig.strike(60);
    rig.wait(250);
    lead(&mut rig, InstrumentAction::Play(Pitch::of(40), Velocity::MAX));
    rig.now = rig.now + Duration::from_millis(850);
    rig.advance();
    let (both, one) = (|at| [(at, 60), (at, 40)], |at| [(at, 40)]);
    let expected = [&[(0, 60)], &one(250)[..], &both(500), &one(750), &both(1000)];
    assert_eq!(rig.begun(), expected.concat());
}

#[test]
fn arpeggio_follows_a_new_tempo_while_stopped() {
    let mut rig = Rig::with_arpeggiator([]);
    rig.strike(60);
    rig.wait(600);
    rig.act(&NetworkAction::Session(SessionSetting::Tempo(Bpm::of(240.0))));
    rig.wait(500);
    let times: Vec<_> = rig.begun().into_iter().map(|(time, _)| time).collect();
    assert_eq!(times, [0, 500, 800, 1050]);
}

#[test]
fn arpeggio_goes_on_after_a_stop_at_the_last_tick() {
    let mut rig = Rig::with_arpeggiator([]);
    rig.transport(TransportAction::Locate(Ticks::of(Ticks::MAX.get() - 100)));
    rig.transport(TransportAction::Play);
    rig.strike(60);
    rig.wait(1000);
    assert_eq!(rig.engine.playhead(), Ticks::MAX);
    rig.transport(TransportAction::Stop);
    rig.wait(1000);
    assert_eq!((rig.ended().len(), rig.begun().len()), (2, 2));
}

#[test]
fn new_step_length_counts_from_its_edit() {
    let mut rig = Rig::with_arpeggiator([]);
    rig.strike(60);
    rig.wait(600);
    rig.arpeggiator(ArpeggiatorSetting::Step(NoteValue::Sixteenth));
    rig.wait(400);
    let times: Vec<_> = rig.begun().into_iter().map(|(time, _)| time).collect();
    assert_eq!(times, [0, 500, 725, 850, 975]);
}

#[test]
fn arpeggio_goes_on_from_the_end_of_the_arrangement() {
    let perform = |pulse: u64| {
        let mut rig = Rig::with_arpeggiator([]);
        let create = ClipAction::Create {
            clip: ClipId(1),
            name: Name::default(),
            length: NoteLength::of(700),
        };
        rig.act(&NetworkAction::Clip(BASS, create));
        let (placement, clip) = (PlacementId(1), ClipId(1));
        let place = PlacementAction::Place { placement, clip, tick: Ticks::of(0) };
        rig.act(&NetworkAction::Placement(BASS, place));
        rig.act(&NetworkAction::Arrangement(ArrangementSetting::Play(PlayMode::Arrangement)));
        rig.act(&NetworkAction::Arrangement(ArrangementSetting::AtEnd(AtEnd::Stop)));
        rig.strike(60);
        rig.transport(TransportAction::Play);
        for _ in 0..2000 / pulse {
            rig.now = rig.now + Duration::from_millis(pulse);
            rig.advance();
        }
        let log = rig.take_log();
        log.iter().map(|played| (played.time, played.what)).collect::<Vec<_>>()
    };
    let log = perform(1);
    assert_eq!(log.len(), 10, "{log:?}");
    for pulse in [5, 400, 2000] {
        assert_eq!(perform(pulse), log, "pulses of {pulse} ms");
    }
}

#[test]
fn locate_moves_the_next_step_and_the_end_of_the_last() {
    let mut rig = Rig::with_arpeggiator([]);
    rig.transport(TransportAction::Play);
    rig.wait(10);
    rig.strike(60);
    rig.wait(590);
    rig.transport(TransportAction::Locate(Ticks::of(240)));
    rig.wait(400);
    assert_eq!(rig.ended(), [(750, 60)]);
    assert_eq!(rig.begun(), [(500, 60), (850, 60)]);
}

#[test]
fn locate_leaves_steps_of_a_count_in_and_at_rest() {
    let mut rig = Rig::with_arpeggiator([]);
    rig.strike(60);
    rig.wait(200);
    rig.transport(TransportAction::Locate(Ticks::of(960)));
    rig.wait(400);
    assert_eq!(rig.begun(), [(0, 60), (500, 60)]);
    rig.release(60);
    for click in [ClickSetting::On(true), ClickSetting::CountIn(CountIn::of(1))] {
        rig.act(&NetworkAction::Session(SessionSetting::Click(click)));
    }
    rig.wait(400);
    rig.transport(TransportAction::Play);
    rig.wait(100);
    rig.strike(62);
    rig.wait(500);
    rig.transport(TransportAction::Locate(Ticks::of(1200)));
    rig.wait(1800);
    let times = [1500, 2000, 2500, 3250];
    assert_eq!(rig.begun(), times.map(|time| (time, 62)));
}

#[test]
fn each_step_has_the_velocity_of_its_key_and_lasts_a_tick() {
    let mut rig = Rig::with_arpeggiator([ArpeggiatorSetting::Gate(Amount::MIN)]);
    rig.key(InstrumentAction::Play(Pitch::of(60), Velocity::of(33)));
    rig.wait(100);
    let (instrument, pitch, velocity) = (BASS, Pitch::of(60), Velocity::of(33));
    let log = rig.take_log();
    assert_eq!(log[0].what, PlaybackEvent::NoteOn { instrument, pitch, velocity });
    assert_eq!(log[1].what, PlaybackEvent::NoteOff { instrument, pitch });
    assert_eq!(log[1].time, Timestamp::from_micros(1042));
}

#[test]
fn key_struck_again_is_the_last_as_struck() {
    let settings = [ArpeggiatorSetting::Pattern(ArpeggioPattern::AsStruck)];
    let mut rig = Rig::with_arpeggiator(settings.clone());
    rig.set(InstrumentSetting::Chord(ChordShape::Power));
    rig.strike(60);
    rig.strike(67);
    rig.wait(1400);
    assert_eq!(rig.pitches(), [60, 67, 74]);
    let mut rig = Rig::with_arpeggiator(settings);
    rig.arpeggiator(ArpeggiatorSetting::Hold(true));
    rig.strike(60);
    rig.strike(64);
    rig.wait(600);
    rig.strike(60);
    rig.wait(500);
    assert_eq!(rig.pitches(), [60, 64, 64]);
}
