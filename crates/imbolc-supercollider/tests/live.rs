//! The engine with a running `scsynth`: what is heard, and when.

#![allow(missing_docs)]

#[path = "server_bench/recorder.rs"]
mod recorder;
#[path = "server_bench/room.rs"]
mod room;
mod server_bench;

use std::time::{Duration, Instant};

use imbolc_net::{
    model::{EngineWorker as _, InstrumentId, Model as _},
    studio::{
        ChainSetting, ClickSetting, DrumAction, DrumSetting, EffectKind, InstrumentAction,
        InstrumentSetting, LoopRegion, MasterSetting, MixerSetting, Name, NetworkAction,
        PadSetting, PadSound, PatternId, PianoRollAction, SessionSetting, SlotId, SoundEngine,
        SourceKind, SourceSetting, Studio, StudioState, TrackSetting, TransportAction,
    },
    util::{
        quantity::{Bpm, Decibels, PadNumber, Pitch, StepCount, StepNumber, Ticks},
        time::Timestamp,
    },
};
use imbolc_supercollider::{engine::SuperColliderEngine, samples::content_of};

use self::{
    room::{BASS, DRUMS, LEAD, PAD, Room, dry, note, note_of, on_a_busy_computer, wait, with},
    server_bench::Bench,
};

#[test]
fn each_instrument_of_the_starter_session_sounds() {
    on_a_busy_computer(|| {
        let Some(mut room) = Room::open(StudioState::starter()) else { return };
        let recorder = room.record(10);
        for id in [BASS, LEAD, PAD] {
            room.play(id, 60);
            room.until("it is metered", 1.0, |room| room.level(id) > -60.0);
            wait(200);
            room.release(id, 60);
            room.until("it ends", 3.0, |room| room.level(id) < -100.0);
        }
        assert_eq!(recorder.stop().onsets(300).len(), 3);
        room.assert_quiet_server();
    });
}

#[test]
fn keys_sound_at_once_and_written_notes_on_time() {
    on_a_busy_computer(|| {
        let Some(mut room) = Room::open(with(dry(), [note(0, 60, 100), note(480, 60, 100)])) else {
            return;
        };
        // The first key makes a strip.
        for _ in 0..2 {
            room.play(BASS, 60);
            wait(100);
            room.release(BASS, 60);
            wait(100);
        }
        let recorder = room.record(4);
        let struck = room.play(BASS, 60);
        wait(100);
        room.release(BASS, 60);
        wait(200);
        let played = room.transport(TransportAction::Play);
        wait(1000);
        let heard = recorder.stop();
        let key = heard.millis_after(heard.first_sound(struck).unwrap(), struck);
        assert!((0.0..25.0).contains(&key), "{key} ms");
        let first = heard.first_sound(played).unwrap();
        let latency = heard.millis_after(first, played);
        assert!((28.0..45.0).contains(&latency), "{latency} ms");
        let onsets = heard.onsets(50);
        let distance = onsets[2] - onsets[1];
        assert!(distance.abs_diff(24_000) <= 10, "{distance} samples");
        room.assert_quiet_server();
    });
}

#[test]
fn changes_are_heard_within_50_ms() {
    on_a_busy_computer(|| {
        let long = note(0, 48, 8 * 1920);
        let Some(mut room) = Room::open(with(dry(), [long.clone()])) else { return };
        let play = |room: &Room| {
            room.transport(TransportAction::Stop);
            room.transport(TransportAction::Locate(Ticks::of(0)));
            wait(150);
            let played = room.transport(TransportAction::Play);
            wait(300);
            played
        };
        let recorder = room.record(16);

        play(&room);
        let stopped = room.transport(TransportAction::Stop);
        wait(300);

        play(&room);
        let removed = room.act(NetworkAction::PianoRoll(
            BASS,
            PianoRollAction::Remove(Ticks::of(0), Pitch::of(48)),
        ));
        wait(300);

        // Nothing, until the playhead is set.
        room.act(note(9600, 48, 480));
        play(&room);
        let sought = room.transport(TransportAction::Locate(Ticks::of(9600)));
        wait(200);

        // Four quarters at 120 bpm, then at 240.
        room.transport(TransportAction::Stop);
        for quarter in 0..8 {
            room.act(note(480 * quarter, 48, 120));
        }
        let tempo_start = play(&room);
        wait(650);
        let faster = room.act(NetworkAction::Session(SessionSetting::Tempo(Bpm::of(240.0))));
        wait(600);
        room.act(NetworkAction::Session(SessionSetting::Tempo(Bpm::of(120.0))));

        // A loop of a bar is turned on 60 ms before its end. The note after it is not heard.
        room.act(NetworkAction::PianoRoll(BASS, PianoRollAction::Clear));
        room.act(note(0, 48, 120));
        room.act(note(960, 48, 120));
        let region = LoopRegion::new(Ticks::of(0), Ticks::of(960)).unwrap();
        room.transport(TransportAction::Region(region));
        let loop_start = play(&room);
        wait(640);
        room.transport(TransportAction::Loop(true));
        wait(1500);
        room.transport(TransportAction::Loop(false));
        room.transport(TransportAction::Stop);

        // What sounds is turned down.
        room.act(NetworkAction::PianoRoll(BASS, PianoRollAction::Clear));
        room.act(long);
        play(&room);
        let muted = room.act(NetworkAction::Mixer(MixerSetting::Master(MasterSetting::Mute(true))));
        wait(200);
        let heard = recorder.stop();

        // 10 ms of release.
        for (time, what) in [(stopped, "stop"), (removed, "note"), (muted, "mute")] {
            assert!(heard.peak(time, -50, 0) > 0.01, "{what}");
            assert!(heard.peak(time, 60, 200) < 0.001, "{what}: {}", heard.peak(time, 60, 200));
        }
        assert!(heard.peak(sought, -200, 0) < 0.001);
        let seek = heard.millis_after(heard.first_sound(sought).unwrap(), sought);
        assert!(seek < 50.0, "seek: {seek} ms");

        let quarters = |from: Instant, millis: f64| -> Vec<f64> {
            let onsets = heard.onsets(50);
            let times = onsets.into_iter().map(|onset| heard.millis_after(onset, from));
            times.filter(|time| (0.0..millis).contains(time)).collect()
        };
        let times = quarters(tempo_start, 1500.0);
        let change = heard.millis_after(heard.at(faster), tempo_start) + 30.0;
        // The third quarter is at 1,000 ms, and what is left of it passes twice as fast.
        let expected = change + (1030.0 - change) / 2.0;
        assert!((times[2] - expected).abs() < 20.0, "{times:?}, {expected}");
        assert!((times[3] - times[2] - 250.0).abs() < 1.0, "{times:?}");

        let times = quarters(loop_start, 2400.0);
        assert_eq!(times.len(), 3, "{times:?}");
        room.assert_quiet_server();
    });
}

#[test]
fn recorded_keys_lie_where_they_were_heard() {
    on_a_busy_computer(|| {
        let click = [ClickSetting::On(true), ClickSetting::Level(Decibels::of(0.0))];
        let click = click.map(|setting| NetworkAction::Session(SessionSetting::Click(setting)));
        let armed = NetworkAction::PianoRoll(LEAD, PianoRollAction::Set(TrackSetting::Armed(true)));
        // Keys must not be heard: the click is.
        let level = InstrumentSetting::Mute(true);
        let mute = NetworkAction::Instrument(LEAD, InstrumentAction::Set(level));
        let Some(mut room) = Room::open(with(dry(), click.into_iter().chain([armed, mute]))) else {
            return;
        };
        let recorder = room.record(6);
        room.transport(TransportAction::Record(true));
        room.transport(TransportAction::Play);
        let mut struck = Vec::new();
        for key in 0..5 {
            wait(370);
            struck.push(room.play(LEAD, 60 + key));
            wait(40);
            room.release(LEAD, 60 + key);
        }
        room.transport(TransportAction::Stop);
        let heard = recorder.stop();
        let beats = heard.onsets(100);
        assert!(beats.len() >= 4, "{beats:?}");
        room.until("it is recorded", 1.0, |room| room.studio.state().model.piano_roll.notes() >= 5);
        let state = room.studio.state();
        let track = state.model.piano_roll.track(LEAD).unwrap();
        for (note, struck) in track.notes().zip(struck) {
            let place = (heard.at(struck) as f64 - beats[0] as f64) / 24_000.0;
            let recorded = f64::from(note.tick.get()) / 480.0;
            let difference = (place - recorded) * 500.0;
            assert!(difference.abs() < 6.0, "{difference} ms: {note:?}");
        }
        room.assert_quiet_server();
    });
}

#[test]
fn released_notes_end_while_their_definition_loads() {
    on_a_busy_computer(|| {
        let Some(mut room) = Room::open(dry()) else { return };
        for (round, delay) in [0, 1, 3, 5, 8, 12, 20, 30].into_iter().enumerate() {
            let kind =
                [SourceKind::SuperSaw, SourceKind::SyncSaw, SourceKind::Oscillator][round % 3];
            room.set(LEAD, InstrumentSetting::Source(SourceSetting::Kind(kind)));
            room.set(
                LEAD,
                InstrumentSetting::Chain(ChainSetting::Add(
                    SlotId(u16::try_from(round).unwrap() + 1),
                    EffectKind::ALL[round],
                    0,
                )),
            );
            let key = 60 + u8::try_from(round).unwrap();
            room.play(LEAD, key);
            wait(delay);
            room.release(LEAD, key);
        }
        room.until("silence", 4.0, |room| room.studio.metering().peaks[0].get() < -90.0);
        wait(500);
        let peak = room.studio.metering().peaks[0].get();
        assert!(peak < -90.0, "{peak}");
        room.play(LEAD, 60);
        room.until("it can be played", 1.0, |room| room.level(LEAD) > -60.0);
        room.assert_quiet_server();
    });
}

#[test]
fn the_shortest_keys_are_heard_and_end() {
    on_a_busy_computer(|| {
        let Some(mut room) = Room::open(dry()) else { return };
        room.play(BASS, 60);
        wait(200);
        room.release(BASS, 60);
        wait(200);
        let recorder = room.record(4);
        for _ in 0..10 {
            room.play(BASS, 60);
            room.release(BASS, 60);
            wait(120);
        }
        let heard = recorder.stop();
        assert_eq!(heard.onsets(30).len(), 10, "{:?}", heard.onsets(30));
        room.assert_quiet_server();
    });
}

#[test]
fn panic_silences_tails_within_50_ms() {
    on_a_busy_computer(|| {
        let chain = [EffectKind::Reverb, EffectKind::Delay].into_iter().zip([SlotId(1), SlotId(2)]);
        let chain = chain.map(|(kind, slot)| {
            let setting = InstrumentSetting::Chain(ChainSetting::Add(slot, kind, 0));
            NetworkAction::Instrument(PAD, InstrumentAction::Set(setting))
        });
        let Some(mut room) = Room::open(with(dry(), chain)) else { return };
        let recorder = room.record(5);
        for key in [48, 55, 60] {
            room.play(PAD, key);
        }
        room.play(BASS, 60);
        wait(400);
        room.release(PAD, 48);
        wait(300);
        let silenced = room.act(NetworkAction::Panic);
        wait(700);
        let again = room.play(PAD, 48);
        wait(400);
        let heard = recorder.stop();
        assert!(heard.peak(silenced, -50, 0) > 0.01);
        let rest = heard.peak(silenced, 50, 600);
        assert!(rest < 0.0001, "{rest}");
        assert!(heard.peak(again, 0, 300) > 0.01, "it can be played");
        let notices = room.notices();
        assert!(notices.iter().any(|line| line == "panic: everything is silenced"), "{notices:?}");
    });
}

#[test]
fn late_bundles_are_counted_in_the_metering() {
    let Some(room) = Room::open(dry()) else { return };
    (0..3).for_each(|_| room.bench.send_late());
    room.until("they are counted", 3.0, |room| {
        matches!(room.studio.metering().engine, SoundEngine::Sounding { late: 3, .. })
    });
}

#[test]
fn onsets_of_sixteenths_are_even_to_the_sample() {
    on_a_busy_computer(|| {
        let notes = (0..40).map(|sixteenth| note(120 * sixteenth, 60, 60));
        let Some(mut room) = Room::open(with(dry(), notes)) else { return };
        let recorder = room.record(10);
        room.transport(TransportAction::Play);
        wait(5300);
        let heard = recorder.stop();
        let onsets = heard.onsets(20);
        assert_eq!(onsets.len(), 40, "{onsets:?}");
        let distances = onsets.windows(2).map(|pair| (pair[1] - pair[0]) as f64);
        // Where JACK's own timer was late, a busy computer has lost a period.
        let (even, lost): (Vec<_>, Vec<_>) = distances.partition(|d| (d - 6000.0).abs() < 60.0);
        assert!(lost.len() <= 4, "{lost:?}");
        let mean = even.iter().sum::<f64>() / even.len() as f64;
        let variance = even.iter().map(|d| (d - mean).powi(2)).sum::<f64>();
        let deviation = (variance / even.len() as f64).sqrt();
        println!("> 16ths at 120 bpm: mean {mean:.2} samples, standard deviation {deviation:.3}");
        // The timer of a JACK server without a sound card is not exact.
        assert!((mean - 6000.0).abs() < 6.0, "{mean}");
        assert!(deviation < 1.0, "{deviation}: {even:?}");
        room.assert_quiet_server();
    });
}

#[test]
fn a_pad_plays_its_sample() {
    let Some(bench) = Bench::alone(256) else { return };
    let path = bench.samples().join("kick.wav");
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 48_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(&path, spec).unwrap();
    (0..9600).for_each(|frame| writer.write_sample::<i16>((frame % 100 - 50) * 300).unwrap());
    writer.finalize().unwrap();
    let sound = PadSetting::Sound(PadSound::Sample(content_of(&path).unwrap()));
    let pad = DrumAction::Set(DrumSetting::Pad(PadNumber::of(0), sound));
    let step = DrumAction::Euclid {
        pattern: PatternId(1),
        pad: PadNumber::of(0),
        hits: StepCount::of(1),
        rotation: StepNumber::of(0),
    };
    let drums = [pad, step].map(|action| NetworkAction::Drums(DRUMS, action));
    let mut room = Room::starting(with(dry(), drums), bench);
    room.until("the sound is there", 8.0, Room::sounds);
    wait(300);
    room.transport(TransportAction::Play);
    room.until("it is metered", 1.0, |room| room.level(DRUMS) > -60.0);
    room.transport(TransportAction::Stop);
    room.until("it ends", 4.0, |room| room.level(DRUMS) < -100.0);
    room.assert_quiet_server();
}

/// Instruments with a note each that lasts for eight bars, at the beginning or a bar later.
fn large(instruments: u32, sounding: u32) -> StudioState {
    let add = |id| NetworkAction::AddInstrument {
        id: InstrumentId(id),
        name: Name::new("Many").unwrap(),
        source: SourceKind::Oscillator,
    };
    let state = with(dry(), (5..=instruments).map(add));
    let notes = (1..=sounding).map(|id| {
        let pitch = 36 + u8::try_from(id % 48).unwrap();
        note_of(InstrumentId(1 + (id * 7) % instruments), 0, pitch, 8 * 1920)
    });
    with(state, notes)
}

#[test]
fn of_2048_instruments_256_sound_at_a_time() {
    on_a_busy_computer(|| {
        let Some(mut room) = Room::open(large(2048, 256)) else { return };
        room.transport(TransportAction::Play);
        let sounding = |room: &Room| {
            let metering = room.studio.metering();
            (1..=2048)
                .filter(|id| metering.instruments.get(InstrumentId(*id))[0].get() > -60.0)
                .count()
        };
        room.until("they sound", 3.0, |room| sounding(room) == 256);
        wait(1000);
        assert_eq!(sounding(&room), 256);
        let SoundEngine::Sounding { cpu, late, .. } = room.studio.metering().engine else {
            panic!()
        };
        println!("> 256 strips and voices: {cpu} % of a core, {late} late bundles");
        assert!(late <= 100, "{late}");
        room.transport(TransportAction::Stop);
        room.until("they end", 3.0, |room| sounding(room) == 0);
        room.assert_started_only();
    });
}

#[test]
fn engine_thread_keeps_up_with_256_tracks() {
    for tracks in [64, 256] {
        let Some(bench) = Bench::alone(256) else { return };
        let state = (1..=tracks).flat_map(|id| {
            (0..32).map(move |sixteenth| note_of(InstrumentId(id), 120 * sixteenth, 60, 100))
        });
        let state = with(large(tracks, 0), state);
        let mut engine = SuperColliderEngine::new(bench.options());
        let start = Instant::now();
        let now = || Timestamp::ZERO + start.elapsed();
        engine.reset(now(), &state);
        while !matches!(engine.advance(now(), &state).metering.engine, SoundEngine::Sounding { .. })
        {
            assert!(start.elapsed() < Duration::from_secs(8));
            wait(5);
        }
        let mut playing = state.clone();
        let play = NetworkAction::Transport(TransportAction::Play);
        let effects = Studio::reduce(&mut playing, &play).unwrap().effects;
        let (begun, used) = (Instant::now(), processor_time());
        effects.into_iter().for_each(|effect| engine.perform(now(), &playing, effect));
        let mut events = 0;
        while begun.elapsed() < Duration::from_secs(2) {
            let output = engine.advance(now(), &playing);
            assert!(output.actions.is_empty());
            events += engine.played().len();
            wait(5);
        }
        let load = (processor_time() - used).as_secs_f64() / begun.elapsed().as_secs_f64();
        let server = engine.advance(now(), &playing).metering.engine;
        println!("> {tracks} tracks of 16ths: {events} events, {:.1} % of a core", load * 100.0);
        println!("> {server:?}");
        assert!(events > tracks as usize * 16, "{events}");
        assert!(load < 0.9, "{load}");
    }
}

/// What this thread has used of the processor.
fn processor_time() -> Duration {
    let statistics = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(statistics.split(' ').next().unwrap().parse().unwrap())
}
