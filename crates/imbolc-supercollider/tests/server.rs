//! `scsynth` as a child process, with a JACK server of each test's own that has no sound
//! card. Where neither can be started, the tests say so and are skipped.

#![allow(missing_docs)]

mod server_bench;

use std::{
    fs,
    io::{BufRead as _, BufReader},
    net::{Ipv4Addr, UdpSocket},
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use imbolc_net::studio::{Content, ContentHash, Name};
use imbolc_supercollider::{
    commands::{self, NodeId, Place},
    samples::content_of,
    server::{ServerEvent, ServerLink, ServerOptions},
    synth_def::{Definition, Graph},
};

use self::server_bench::{Bench, PipeWire, alive, run_alone, signal};

/// A definition of about 3 KB.
fn large(number: u16) -> Definition {
    let graph = Graph::new();
    let mut sum = graph.constant(0.0);
    for partial in 1..60_u16 {
        sum = sum + graph.sine(f32::from(number) + f32::from(partial) * 100.0, 0.0);
    }
    graph.write_audio(100.0, &[sum]);
    graph.finish().unwrap().definition
}

/// A definition of one unit with the inputs 0, `seconds` and `seconds`.
fn of_unit(name: &str, class: &str, seconds: f32) -> Definition {
    let text = |text: &str| [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
    let mut bytes = b"SCgf\0\0\0\x02\0\x01".to_vec();
    bytes.extend(text(name));
    // Two constants, no controls, one unit at audio rate with three inputs and an output.
    bytes.extend(2_u32.to_be_bytes());
    bytes.extend([0.0, seconds].map(f32::to_be_bytes).concat());
    bytes.extend([0_u32, 0, 1].map(u32::to_be_bytes).concat());
    bytes.extend(text(class));
    bytes.push(2);
    bytes.extend([3_u32, 1].map(u32::to_be_bytes).concat());
    bytes.extend([0, 0]);
    bytes.extend([-1_i32, 0, -1, 1, -1, 1].map(i32::to_be_bytes).concat());
    bytes.push(2);
    bytes.extend([0, 0]);
    Definition::encoded(name, bytes)
}

fn is_up(event: &ServerEvent) -> bool {
    matches!(event, ServerEvent::Up(_))
}

fn is_down(event: &ServerEvent) -> bool {
    matches!(event, ServerEvent::Down(_))
}

fn defined(events: &[ServerEvent], definition: &Definition) -> bool {
    events.contains(&ServerEvent::Defined(definition.name.clone()))
}

fn downs(events: &[ServerEvent]) -> Vec<&str> {
    events
        .iter()
        .filter_map(|event| match event {
            ServerEvent::Down(why) => Some(&**why),
            _ => None,
        })
        .collect()
}

fn troubles(events: &[ServerEvent]) -> Vec<&str> {
    events
        .iter()
        .filter_map(|event| match event {
            ServerEvent::Trouble(why) => Some(&**why),
            _ => None,
        })
        .collect()
}

#[test]
fn boots_and_tells_audio_load_and_peaks() {
    let Some(mut bench) = Bench::start(256) else { return };
    let link = bench.link();
    link.watch(8, 3000);
    let events = bench.until(4.0, is_up);
    let Some(ServerEvent::Up(audio)) = events.last() else { panic!("{events:?}") };
    assert_eq!((audio.system, audio.rate, audio.period), ("JACK", 48_000.0, 256));
    assert!(troubles(&events).is_empty(), "{events:?}");
    bench.send(&[commands::set_buses(8, &[0.25, 0.5])]);
    bench.until(1.0, |event| {
        matches!(event, ServerEvent::Peaks { first: 8, values } if values.starts_with(&[0.25, 0.5]))
    });
    // More than fits into an answer comes as several.
    bench.until(
        1.0,
        |event| matches!(event, ServerEvent::Peaks { first: 2056, values } if values.len() == 952),
    );
    let events = bench.until(1.5, |event| matches!(event, ServerEvent::Status(_)));
    let Some(ServerEvent::Status(load)) = events.last() else { panic!("{events:?}") };
    assert!(load.cpu >= 0.0 && load.late == 0, "{load:?}");
    assert!((load.sample_rate - 48_000.0).abs() < 500.0, "{load:?}");
}

#[test]
fn late_bundles_are_counted() {
    let Some(mut bench) = Bench::start(256) else { return };
    bench.until(4.0, is_up);
    bench.send_late();
    bench.send_late();
    bench.until(2.0, |event| matches!(event, ServerEvent::Status(load) if load.late == 2));
}

#[test]
fn definitions_of_300_kb_are_loaded() {
    let Some(mut bench) = Bench::start(256) else { return };
    let definitions: Vec<_> = (0..100).map(large).collect();
    let bytes: usize = definitions.iter().map(|definition| definition.bytes().len()).sum();
    assert!(bytes > 300_000, "{bytes}");
    definitions.iter().for_each(|definition| bench.link().define(definition));
    let last = definitions.last().unwrap().clone();
    let events = bench.until(8.0, is_up);
    for definition in &definitions {
        assert!(defined(&events, definition), "{} of {bytes} bytes", definition.name);
    }
    // Asked again it is not sent again; one that is new is loaded while the server runs.
    bench.link().define(&last);
    bench.link().define(&large(1000));
    let new = large(1000).name;
    let events = bench.until(1.0, |event| *event == ServerEvent::Defined(new.clone()));
    assert!(!defined(&events, &last));
}

#[test]
fn a_refused_definition_is_told_and_never_defined() {
    let Some(mut bench) = Bench::start(256) else { return };
    let good = large(1);
    let unknown = of_unit("unknown", "NoSuchUnit", 1.0);
    let garbage = Definition::encoded("garbage", b"SCgf garbage".to_vec());
    for definition in [&unknown, &garbage, &good] {
        bench.link().define(definition);
    }
    let events = bench.until(5.0, is_up);
    assert!(defined(&events, &good));
    assert!(!defined(&events, &unknown) && !defined(&events, &garbage));
    let troubles = troubles(&events);
    assert_eq!(troubles.len(), 2, "one line each: {troubles:?}");
    assert!(troubles[0].contains("UGen 'NoSuchUnit' not installed"), "{troubles:?}");
    assert!(troubles[1].contains("garbage"), "{troubles:?}");
}

#[test]
fn a_killed_server_is_back_within_3_s_with_everything() {
    let Some(mut bench) = Bench::start(256) else { return };
    let definitions: Vec<_> = (0..50).map(large).collect();
    definitions.iter().for_each(|definition| bench.link().define(definition));
    bench.until(5.0, is_up);
    for _ in 0..2 {
        signal("KILL", bench.scsynth());
        let events = bench.until(3.0, is_up);
        assert_eq!(downs(&events), ["scsynth has ended (signal 9)"]);
        let down = events.iter().position(|event| matches!(event, ServerEvent::Down(_)));
        let after = &events[down.unwrap()..];
        assert!(definitions.iter().all(|definition| defined(after, definition)));
    }
}

#[test]
fn a_server_that_dies_while_it_boots_is_tried_slowly() {
    let Some(mut bench) = Bench::scripted("kill -9 $$") else { return };
    let events = bench.during(4.5);
    assert_eq!(downs(&events), ["scsynth has ended (signal 9)"]);
    // After 0.25, 0.5, 1 and 2 s.
    let starts = bench.starts();
    assert!((4..=5).contains(&starts), "{starts}");
}

#[test]
fn without_scsynth_the_line_says_how_to_install_it() {
    let lines = run_alone("child_without_path", &[("PATH", "")]);
    assert_eq!(lines, ["SuperCollider is not installed: apt install supercollider-server"]);
}

#[test]
#[ignore = "run by another test in a process of its own"]
fn child_without_path() {
    let mut link = ServerLink::start(ServerOptions::default());
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(1) {
        link.poll().for_each(|event| {
            if let ServerEvent::Down(why) = event {
                println!("> {why}");
            }
        });
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_program_that_is_not_there_is_named() {
    let scsynth = Some("/nowhere/scsynth".into());
    let mut link = ServerLink::start(ServerOptions { scsynth, ..ServerOptions::default() });
    let begun = Instant::now();
    let mut events = Vec::new();
    while events.is_empty() && begun.elapsed() < Duration::from_secs(5) {
        events.extend(link.poll());
        thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(downs(&events), ["no program /nowhere/scsynth"]);
}

#[test]
fn without_jack_there_is_one_line() {
    let Some(mut bench) = Bench::start(256) else { return };
    bench.stop_jack();
    let mut bench = Bench::beside(&bench);
    let mut events = bench.until(6.0, is_down);
    events.extend(bench.during(1.0));
    let downs = downs(&events);
    assert!(downs.len() == 1 && downs[0].starts_with("JACK does not run"), "{events:?}");
    assert!(troubles(&events).is_empty(), "{events:?}");
}

#[test]
fn pipewire_is_used_where_only_that_runs() {
    let Some(pipewire) = PipeWire::start() else { return };
    let directory = pipewire.directory();
    let variables = [("XDG_RUNTIME_DIR", directory), ("JACK_DEFAULT_SERVER", "imbolc-none")];
    let lines = run_alone("child_with_pipewire", &variables);
    assert_eq!(lines, ["JACK does not run: trying PipeWire", "PipeWire at 48000 Hz"]);
}

#[test]
#[ignore = "run by another test in a process of its own"]
fn child_with_pipewire() {
    let mut link = ServerLink::start(ServerOptions::default());
    let begun = Instant::now();
    let mut is_up = false;
    while !is_up && begun.elapsed() < Duration::from_secs(8) {
        link.poll().for_each(|event| match event {
            ServerEvent::Down(why) => println!("> {why}"),
            ServerEvent::Up(audio) => {
                println!("> {} at {} Hz", audio.system, audio.rate);
                is_up = true;
            }
            _ => {}
        });
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_jack_server_that_comes_back_is_used_again() {
    let Some(mut bench) = Bench::start(256) else { return };
    bench.until(4.0, is_up);
    bench.stop_jack();
    let events = bench.until(3.0, is_down);
    assert_eq!(downs(&events), ["JACK has ended"]);
    bench.start_jack();
    bench.until(6.0, is_up);
}

#[test]
fn audio_that_stops_is_noticed() {
    let Some(mut bench) = Bench::start(256) else { return };
    bench.until(4.0, is_up);
    // The process lives and its socket is open.
    signal("STOP", bench.scsynth());
    let events = bench.until(6.0, is_up);
    assert_eq!(downs(&events), ["JACK no longer requests audio from scsynth"]);
}

#[test]
fn ready_is_not_alive() {
    let Some(mut bench) = Bench::scripted("echo SuperCollider 3 server ready.; exec sleep 1000")
    else {
        return;
    };
    let events = bench.until(6.0, is_down);
    assert_eq!(downs(&events), ["scsynth runs, but JACK requests no audio"]);
}

#[test]
fn a_period_at_which_scsynth_is_mute_is_told() {
    let Some(mut bench) = Bench::start(32) else { return };
    let mut events = bench.until(6.0, is_down);
    events.extend(bench.during(1.0));
    let downs = downs(&events);
    assert!(downs.len() == 1 && downs[0].contains("32 frames"), "{events:?}");
}

#[test]
fn a_port_that_is_taken_is_replaced_by_another() {
    let taken = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    let Some(mut bench) = Bench::start(256) else { return };
    // The first start gets the port that is taken.
    bench.replace_script(&format!(
        r#"[ "$(wc -l < "$PIDS")" = 1 ] || exec scsynth "$@"
        while [ "$1" != -u ]; do set -- "$@" "$1"; shift; done
        shift 2
        exec scsynth "$@" -u {port}"#
    ));
    let events = bench.until(5.0, is_up);
    assert_eq!(downs(&events), ["another program has taken the port of scsynth"]);
}

#[test]
fn running_out_of_memory_is_told() {
    let Some(mut bench) = Bench::start(256) else { return };
    bench.until(4.0, is_up);
    // An hour of delay.
    let delay = of_unit("delay", "DelayN", 3600.0);
    bench.link().define(&delay);
    bench.until(2.0, |event| *event == ServerEvent::Defined(delay.name.clone()));
    let synth = |id| commands::new_synth("delay", NodeId(id), Place::TailOf(NodeId(0)), &[]);
    bench.send(&[synth(2000), synth(2001)]);
    let mut events = bench.until(3.0, |event| matches!(event, ServerEvent::Trouble(_)));
    events.extend(bench.during(0.5));
    let troubles = troubles(&events);
    assert!(troubles.len() == 1 && troubles[0].contains("out of memory"), "{events:?}");
}

#[test]
fn files_are_loaded_or_one_line_says_why_not() {
    let Some(mut bench) = Bench::start(256) else { return };
    let samples = bench.samples().to_owned();
    let kick = wav(&samples.join("kick.wav"), 4410);
    let missing = Content { name: Name::new("missing.wav").unwrap(), ..kick.clone() };
    let other = Content { digest: ContentHash([7; 16]), ..kick.clone() };
    let outside = Content { name: Name::new("../kick.wav").unwrap(), ..kick.clone() };
    for content in [&kick, &missing, &other, &outside] {
        bench.link().load(content);
    }
    let mut events = Vec::new();
    for _ in 0..4 {
        events.extend(bench.until(5.0, |event| {
            matches!(event, ServerEvent::Missing(..) | ServerEvent::Loaded(..))
        }));
    }
    let loaded = events.iter().find_map(|event| match event {
        ServerEvent::Loaded(content, buffer) if *content == kick => Some(*buffer),
        _ => None,
    });
    let buffer = loaded.unwrap_or_else(|| panic!("{events:?}"));
    assert_eq!((buffer.frames, buffer.channels, buffer.rate), (4410, 1, 44_100.0));
    let mut lines: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            ServerEvent::Missing(_, why) => Some(&**why),
            _ => None,
        })
        .collect();
    lines.sort_unstable();
    let expected = [
        "../kick.wav: not a plain file name",
        "kick.wav: samples/ has another file of this name",
        "missing.wav: not in samples/",
    ];
    assert_eq!(lines, expected);
    // Once it is there it is loaded, and all of them again after a restart.
    fs::copy(samples.join("kick.wav"), samples.join("missing.wav")).unwrap();
    let found = |event: &ServerEvent| matches!(event, ServerEvent::Loaded(content, _) if *content == missing);
    bench.until(5.0, found);
    signal("KILL", bench.scsynth());
    let events = bench.until(5.0, found);
    let again = ServerEvent::Loaded(kick, buffer);
    let events: Vec<_> = events.into_iter().chain(bench.during(0.5)).collect();
    assert!(events.contains(&again), "{events:?}");
}

/// The first file of a new musician, and directories that are named by other paths.
#[test]
fn files_are_read_from_any_path_and_a_new_directory() {
    let Some(mut bench) = Bench::start(256) else { return };
    let samples = bench.samples().to_owned();
    let kick = wav(&samples.join("kick.wav"), 100);
    let elsewhere = tempfile::tempdir_in(".").unwrap();
    let link = elsewhere.path().join("link");
    std::os::unix::fs::symlink(samples.parent().unwrap(), &link).unwrap();
    let new = Path::new(elsewhere.path().file_name().unwrap()).join("new/samples");
    assert!(new.is_relative());
    for directory in [link.join("samples"), new] {
        bench.restart_with_samples(&directory);
        bench.until(4.0, is_up);
        if !directory.exists() {
            fs::create_dir_all(&directory).unwrap();
            fs::copy(samples.join("kick.wav"), directory.join("kick.wav")).unwrap();
        }
        bench.link().load(&kick);
        let events = bench.until(5.0, |event| {
            matches!(event, ServerEvent::Missing(..) | ServerEvent::Loaded(..))
        });
        assert!(matches!(events.last(), Some(ServerEvent::Loaded(..))), "{events:?}");
    }
}

#[test]
fn the_server_refuses_paths_outside_of_the_samples() {
    let Some(mut bench) = Bench::start(256) else { return };
    let outside = bench.samples().parent().unwrap().join("outside.wav");
    bench.until(4.0, is_up);
    let path = outside.to_str().unwrap();
    let text = |text: &str| rosc::OscType::String(text.into());
    bench.send(&[commands::message("/b_alloc", vec![commands::index(9), commands::index(64)])]);
    thread::sleep(Duration::from_millis(200));
    let args = vec![commands::index(9), text(path), text("wav"), text("int16")];
    bench.send(&[commands::message("/b_write", args)]);
    thread::sleep(Duration::from_millis(500));
    assert!(!outside.exists());
}

fn wav(path: &Path, frames: u32) -> Content {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 44_100,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(path, spec).unwrap();
    (0..frames).for_each(|_| writer.write_sample(1000_i16).unwrap());
    writer.finalize().unwrap();
    content_of(path).unwrap()
}

#[test]
fn the_server_ends_with_its_link() {
    let Some(mut bench) = Bench::start(256) else { return };
    bench.until(4.0, is_up);
    let process = bench.scsynth();
    assert!(alive(process));
    bench.drop_link();
    assert!(!alive(process));
}

#[test]
fn the_server_is_asked_to_quit_before_it_is_killed() {
    let Some(mut bench) = Bench::start(256) else { return };
    bench.replace_script("scsynth \"$@\"\necho $? > $PIDS.status");
    bench.until(5.0, is_up);
    bench.drop_link();
    let status = fs::read_to_string(bench.script().with_file_name("pids.status"));
    assert_eq!(status.unwrap(), "0\n");
}

/// However early: also before it is told whose end it has to follow.
#[test]
fn no_server_outlives_a_program_that_is_killed() {
    let Some(mut bench) = Bench::start(256) else { return };
    bench.drop_link();
    for (nth, delay) in [0, 5, 15, 60, 5000].into_iter().enumerate() {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "child_that_is_killed", "--ignored", "--nocapture"]);
        command.env("SCSYNTH", bench.script()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut lines = lines.map_while(Result::ok);
        let word = if delay == 5000 { "> up" } else { "> started" };
        assert!(lines.any(|line| line.ends_with(word)), "{nth}");
        if delay < 5000 {
            thread::sleep(Duration::from_millis(delay));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let killed = Instant::now();
        // Those that have not even started must not start any more.
        thread::sleep(Duration::from_millis(200));
        while let Some(left) = bench.processes().into_iter().find(|process| alive(*process)) {
            assert!(killed.elapsed() < Duration::from_secs(1), "{left} lives, {delay} ms");
            thread::sleep(Duration::from_millis(10));
        }
    }
    assert!(bench.starts() >= 1);
}

#[test]
#[ignore = "run by another test in a process of its own"]
fn child_that_is_killed() {
    let scsynth = std::env::var_os("SCSYNTH").map(Into::into);
    let mut link = ServerLink::start(ServerOptions { scsynth, ..ServerOptions::default() });
    println!("> started");
    loop {
        if link.poll().any(|event| is_up(&event)) {
            println!("> up");
        }
        thread::sleep(Duration::from_millis(5));
    }
}
