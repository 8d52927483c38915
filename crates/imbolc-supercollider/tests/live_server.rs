//! The engine when its server dies, hangs, or ends, and when the host does.

#![allow(missing_docs)]

#[path = "server_bench/recorder.rs"]
mod recorder;
#[path = "server_bench/room.rs"]
mod room;
mod server_bench;

use std::{
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use imbolc_net::{
    Mode,
    authority::LocalDispatcher,
    client::JoinOptions,
    dispatcher::{Dispatcher, Status},
    open_with,
    server::HostOptions,
    studio::{
        InstrumentAction, InstrumentSetting, LoopRegion, NetworkAction, PianoRollAction,
        SoundEngine, StudioState, TrackSetting, TransportAction,
    },
    util::quantity::{Decibels, Pitch, Ticks, Velocity},
};
use imbolc_supercollider::server::ServerOptions;

use self::{
    room::{BASS, LEAD, PAD, Room, dry, engine, note, on_a_busy_computer, wait, with},
    server_bench::{Bench, alive, faked, run_alone, signal},
};

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

/// A host that sounds, and a guest.
fn host_and_guest(
    state: StudioState,
) -> Option<(tokio::runtime::Runtime, Room, Arc<dyn Dispatcher>)> {
    let bench = Bench::alone(256)?;
    let runtime = runtime();
    let options = bench.options();
    let (host, guest) = runtime.block_on(async {
        let mode = Mode::Host {
            name: "Ana".into(),
            address: "127.0.0.1:0".into(),
            options: HostOptions::default(),
        };
        let host = open_with(mode, state, || engine(options)).await.unwrap();
        let Status::Hosting { address: Some(address) } = host.status() else { panic!() };
        let options = JoinOptions { name: "Ben".into(), own: vec![BASS], ..JoinOptions::default() };
        let mode = Mode::Remote { address: address.to_string(), options };
        let guest = open_with(mode, StudioState::default(), || unreachable!()).await.unwrap();
        (host, guest)
    });
    let room = Room::of(host, bench);
    room.until("the sound is there", 8.0, Room::sounds);
    Some((runtime, room, guest))
}

#[test]
fn a_knob_turned_by_a_guest_is_heard_within_100_ms() {
    on_a_busy_computer(|| {
        let Some((_runtime, mut room, guest)) = host_and_guest(dry()) else { return };
        let act = |action| {
            guest.dispatch(NetworkAction::Instrument(BASS, action)).unwrap();
            Instant::now()
        };
        act(InstrumentAction::Play(Pitch::of(60), Velocity::of(100)));
        wait(500);
        let recorder = room.record(5);
        wait(300);
        let up = act(InstrumentAction::Set(InstrumentSetting::Level(Decibels::of(6.0))));
        wait(400);
        let heard = recorder.stop();
        let [before, after] = [heard.peak(up, -200, 0), heard.peak(up, 100, 300)];
        // From -6 to 6 dB is four times as loud.
        assert!(after > 2.0 * before && before > 0.01, "{before}, {after}");
        let end = heard.peak(up, 250, 300);
        let at_100 = heard.peak(up, 90, 110);
        assert!(at_100 > 0.9 * end, "{at_100} of {end}");
        room.assert_quiet_server();
    });
}

#[test]
fn killed_server_is_back_with_all_of_the_session() {
    on_a_busy_computer(|| {
        let region = LoopRegion::new(Ticks::of(0), Ticks::of(960)).unwrap();
        let armed = PianoRollAction::Set(TrackSetting::Armed(true));
        let state = with(
            dry(),
            [
                note(0, 48, 240),
                note(480, 55, 240),
                NetworkAction::PianoRoll(PAD, armed),
                NetworkAction::Transport(TransportAction::Region(region)),
                NetworkAction::Transport(TransportAction::Loop(true)),
            ],
        );
        let Some(mut room) = Room::open(state) else { return };
        room.transport(TransportAction::Record(true));
        let played = room.transport(TransportAction::Play);
        room.play(LEAD, 72);
        room.until("it sounds", 1.0, |room| room.level(LEAD) > -60.0 && room.level(BASS) > -60.0);
        let before = room.bench.scsynth();
        signal("KILL", before);
        let killed = Instant::now();
        room.until("it is missing", 1.0, |room| !room.sounds());
        // A note is written, and a key is recorded.
        room.act(note(240, 60, 120));
        room.play(PAD, 50);
        wait(120);
        room.release(PAD, 50);
        room.until("sound is back", 3.0, |room| {
            room.sounds() && room.level(LEAD) > -60.0 && room.level(BASS) > -60.0
        });
        let took = killed.elapsed();
        assert!(took < Duration::from_secs(3), "{took:?}");
        println!("> sound is back after {took:?}");
        assert_ne!(room.bench.scsynth(), before);
        let recorder = room.record(3);
        wait(1200);
        let heard = recorder.stop();
        assert!(heard.peak(Instant::now(), -1000, -200) > 0.01);
        let state = room.studio.state();
        let track = |id| state.model.piano_roll.track(id).unwrap();
        assert_eq!(track(BASS).len(), 3);
        assert_eq!(track(PAD).len(), 1, "the take");
        assert!(state.model.instruments.get(LEAD).unwrap().sounding.held(Pitch::of(72)).is_some());
        let metering = room.studio.metering();
        let expected = (played.elapsed().as_secs_f64() * 960.0 - 29.0).rem_euclid(960.0);
        let playhead = f64::from(metering.playhead.get());
        let off = (playhead - expected).rem_euclid(960.0);
        assert!(!(40.0..=900.0).contains(&off), "{playhead}, {expected}");
        room.release(LEAD, 72);
        room.until("the held note ends", 3.0, |room| room.level(LEAD) < -100.0);
        let notices = room.notices();
        assert_eq!(notices.len(), 3, "{notices:?}");
    });
}

#[test]
fn killed_host_leaves_no_server() {
    let Some(bench) = Bench::alone(256) else { return };
    let mut host = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child_that_hosts", "--ignored", "--nocapture"])
        .env("SCSYNTH", bench.script())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(host.stdout.take().unwrap());
    assert!(output.lines().any(|line| line.unwrap().contains("> it sounds")));
    let scsynth = bench.scsynth();
    assert!(alive(scsynth));
    host.kill().unwrap();
    host.wait().unwrap();
    let killed = Instant::now();
    while alive(scsynth) {
        assert!(killed.elapsed() < Duration::from_secs(1));
        wait(5);
    }
}

/// A studio that sounds with the `scsynth` that it is told.
fn child() -> Room {
    let scsynth = Some(std::env::var_os("SCSYNTH").unwrap().into());
    let options = ServerOptions { scsynth, ..ServerOptions::default() };
    let studio = LocalDispatcher::open("Ana", dry(), engine(options)).unwrap();
    let room = Room::of(Arc::new(studio), Bench::scripted_alone("exit"));
    room.until("the sound is there", 8.0, Room::sounds);
    room
}

#[test]
#[ignore = "run by another test in a process of its own"]
fn child_that_hosts() {
    let room = child();
    room.play(BASS, 60);
    room.until("it sounds", 1.0, |room| room.level(BASS) > -60.0);
    println!("> it sounds");
    wait(20_000);
}

#[test]
fn sound_goes_on_after_the_clock_was_set() {
    let Some(bench) = Bench::alone(256) else { return };
    let Some((variables, file)) = faked(&bench) else { return };
    let script = bench.script();
    let mut variables: Vec<_> = variables.iter().map(|(name, value)| (&**name, &**value)).collect();
    variables.extend([("SCSYNTH", script.to_str().unwrap()), ("CLOCK", file.to_str().unwrap())]);
    let lines = run_alone("child_whose_clock_is_set", &variables);
    assert_eq!(lines, ["+1h", "-1h"]);
}

#[test]
#[ignore = "run by another test in a process of its own"]
fn child_whose_clock_is_set() {
    let clock = std::path::PathBuf::from(std::env::var_os("CLOCK").unwrap());
    let mut room = child();
    room.transport(TransportAction::Play);
    room.play(BASS, 60);
    room.until("it sounds", 1.0, |room| room.level(BASS) > -60.0);
    for hours in ["+1h", "-1h"] {
        std::fs::write(clock.with_extension("new"), hours).unwrap();
        std::fs::rename(clock.with_extension("new"), &clock).unwrap();
        room.until("it is noticed", 1.0, |room| !room.sounds());
        room.until("it sounds again", 5.0, |room| room.sounds() && room.level(BASS) > -60.0);
        // What is written is on time.
        let tick = room.studio.metering().playhead.get() + 480;
        let notes = room.level(LEAD);
        assert!(notes < -100.0);
        room.act(room::note_of(LEAD, tick, 72, 480));
        room.until("a written note", 1.0, |room| room.level(LEAD) > -60.0);
        room.until("it ends", 2.0, |room| room.level(LEAD) < -100.0);
        let notices = room.notices();
        assert!(
            notices.iter().any(|line| line.contains("the system clock was set")),
            "{notices:?}"
        );
        println!("> {hours}");
    }
}

#[test]
fn server_that_hangs_is_shown_as_missing_to_guests_too() {
    let Some((runtime, room, guest)) = host_and_guest(dry()) else { return };
    let scsynth = room.bench.scsynth();
    signal("STOP", scsynth);
    let missing = |studio: &dyn Dispatcher| studio.metering().engine == SoundEngine::Missing;
    let took = room.until("missing", 2.0, |room| missing(&*room.studio));
    assert!(took > Duration::from_millis(400), "{took:?}");
    room.until("missing for the guest", 0.5, |_| missing(&*guest));
    room.until("it is back", 6.0, Room::sounds);
    room.until("it is back for the guest", 0.5, |_| {
        matches!(guest.metering().engine, SoundEngine::Sounding { .. })
    });
    let play = InstrumentAction::Play(Pitch::of(60), Velocity::of(100));
    guest.dispatch(NetworkAction::Instrument(BASS, play)).unwrap();
    room.until("it sounds", 1.0, |room| room.level(BASS) > -60.0);
    runtime.block_on(guest.close()).unwrap();
}

#[test]
fn closed_session_leaves_no_server() {
    let Some(room) = Room::open(dry()) else { return };
    room.play(BASS, 60);
    let scsynth = room.bench.scsynth();
    let begun = Instant::now();
    room.close();
    assert!(!alive(scsynth));
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
}

#[test]
fn two_sessions_on_a_computer_do_not_disturb_each_other() {
    let Some(room) = Room::open(dry()) else { return };
    let options = room.bench.options();
    let studio = Arc::new(LocalDispatcher::open("Ben", dry(), engine(options)).unwrap());
    let other = Room::of(studio, Bench::scripted_alone("exit"));
    other.until("the sound is there", 8.0, Room::sounds);
    assert_eq!(room.bench.starts(), 2);
    other.play(LEAD, 60);
    other.until("it sounds", 1.0, |other| other.level(LEAD) > -60.0);
    wait(100);
    assert!(room.studio.metering().peaks[0].get() < -100.0);
    room.play(BASS, 48);
    room.until("it sounds", 1.0, |room| room.level(BASS) > -60.0);
    assert!(other.level(BASS) < -100.0);
    other.close();
    wait(200);
    assert!(room.sounds() && room.level(BASS) > -60.0);
}
