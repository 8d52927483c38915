//! The live output against a running `scsynth`: what arrives, and when.

#![allow(missing_docs)]

mod server_bench;

use std::{
    net::{Ipv4Addr, UdpSocket},
    thread,
    time::{Duration, Instant},
};

use imbolc_net::{
    studio::{Content, Name},
    util::time::Timestamp,
};
use imbolc_supercollider::{
    commands::{self, NodeId, Place},
    engine::LiveOutput,
    output::{Output as _, When},
    samples::content_of,
    server::{Audio, ServerEvent, ServerOptions},
};
use rosc::{OscMessage, OscPacket, OscType};

use self::server_bench::{Bench, faked, run_alone, signal};

/// A live output, with the session time that it needs.
struct Live {
    output: LiveOutput,
    start: Instant,
    events: Vec<ServerEvent>,
}

impl Live {
    fn start(options: ServerOptions) -> Self {
        Self { output: LiveOutput::start(options), start: Instant::now(), events: Vec::new() }
    }

    fn now(&self) -> Timestamp {
        Timestamp::ZERO + self.start.elapsed()
    }

    fn poll(&mut self) -> &[ServerEvent] {
        let events = self.output.poll(self.now());
        let new = self.events.len();
        self.events.extend(events);
        &self.events[new..]
    }

    fn send(&mut self, when: When, messages: Vec<OscMessage>) {
        self.output.send(when, messages);
        self.output.flush();
    }

    fn until<T>(&mut self, seconds: f32, find: impl Fn(&ServerEvent) -> Option<T>) -> T {
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs_f32(seconds) {
            if let Some(found) = self.poll().iter().find_map(&find) {
                return found;
            }
            thread::sleep(Duration::from_millis(5));
        }
        panic!("not within {seconds} s: {:#?}", self.events);
    }

    fn until_up(&mut self, seconds: f32) -> Listener {
        let audio = self.until(seconds, |event| match event {
            ServerEvent::Up(audio) => Some(audio.clone()),
            _ => None,
        });
        Listener::new(&audio)
    }

    /// Polls for so long.
    fn during(&mut self, seconds: f32) {
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs_f32(seconds) {
            self.poll();
            thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Hears which nodes begin and end.
struct Listener(UdpSocket);

impl Listener {
    fn new(audio: &Audio) -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        socket.connect((Ipv4Addr::LOCALHOST, audio.port)).unwrap();
        let listener = Self(socket);
        listener.send(commands::message("/notify", vec![OscType::Int(1)]));
        assert!(listener.hear(1000, |message| message.addr == "/done").is_some());
        listener
    }

    fn send(&self, message: OscMessage) {
        self.0.send(&rosc::encoder::encode(&OscPacket::Message(message)).unwrap()).unwrap();
    }

    /// Waits for a message, and returns when it came.
    fn hear(&self, millis: u64, find: impl Fn(&OscMessage) -> bool) -> Option<Instant> {
        let until = Instant::now() + Duration::from_millis(millis);
        let mut buffer = vec![0; 65_536];
        while let Some(left) = until.checked_duration_since(Instant::now()) {
            self.0.set_read_timeout(Some(left.max(Duration::from_millis(1)))).unwrap();
            let Ok(size) = self.0.recv(&mut buffer) else { continue };
            if let Ok((_, OscPacket::Message(message))) = rosc::decoder::decode_udp(&buffer[..size])
                && find(&message)
            {
                return Some(Instant::now());
            }
        }
        None
    }

    fn hear_group(&self, millis: u64, id: i32) -> Option<Instant> {
        self.hear(millis, |message| {
            message.addr == "/n_go" && message.args.first() == Some(&OscType::Int(id))
        })
    }
}

fn group(id: i32) -> OscMessage {
    commands::new_group(NodeId(id), Place::TailOf(NodeId(0)))
}

#[test]
fn events_take_effect_at_their_time_plus_the_latency() {
    let Some(bench) = Bench::alone(256) else { return };
    let mut live = Live::start(bench.options());
    let listener = live.until_up(5.0);
    assert_eq!(live.output.latency(), Duration::from_millis(30));
    for id in 2000..2010 {
        live.poll();
        let sent = Instant::now();
        live.send(When::At(live.now() + Duration::from_millis(50)), vec![group(id)]);
        let after = listener.hear_group(500, id).unwrap().duration_since(sent);
        let expected = Duration::from_millis(80);
        // A period of the sound card, and what a busy computer adds.
        assert!(after.abs_diff(expected) < Duration::from_millis(20), "{after:?}");
    }
    let sent = Instant::now();
    live.send(When::Now, vec![group(3000)]);
    let after = listener.hear_group(500, 3000).unwrap().duration_since(sent);
    assert!(after < Duration::from_millis(25), "{after:?}");
}

#[test]
fn latency_is_at_least_two_periods() {
    let Some(bench) = Bench::alone(1024) else { return };
    let mut live = Live::start(bench.options());
    live.until_up(5.0);
    let expected = Duration::from_secs_f64(2048.0 / 48_000.0);
    assert!(live.output.latency().abs_diff(expected) < Duration::from_millis(1));
}

#[test]
fn a_flood_arrives_complete_and_in_order() {
    let Some(bench) = Bench::alone(256) else { return };
    let mut live = Live::start(bench.options());
    let listener = live.until_up(5.0);
    // More than the socket of the server holds, in one call and in several.
    let bus = |number: u32| commands::set_buses(number, &[1.0]);
    live.send(When::Now, (1000..9000).map(bus).collect());
    (9000..13_000).for_each(|number| live.send(When::Now, vec![bus(number)]));
    live.send(When::Now, vec![group(4000)]);
    let begun = Instant::now();
    while listener.hear_group(5, 4000).is_none() {
        live.poll();
        assert!(begun.elapsed() < Duration::from_secs(10));
    }
    for first in (1000..13_000).step_by(1000) {
        listener.send(commands::get_buses(first, 1000));
        let all = listener.hear(1000, |message| {
            let ones = message.args.iter().filter(|value| **value == OscType::Float(1.0));
            message.addr == "/c_setn" && ones.count() == 1000
        });
        assert!(all.is_some(), "from {first} on");
    }
}

#[test]
fn more_bundles_than_the_server_keeps_are_not_lost() {
    let Some(bench) = Bench::alone(256) else { return };
    let mut live = Live::start(bench.options());
    let listener = live.until_up(5.0);
    let soon = live.now() + Duration::from_millis(700);
    for number in 0..4000_u32 {
        let at = soon + Duration::from_micros(u64::from(number) * 100);
        live.send(When::At(at), vec![commands::set_buses(1000 + number, &[1.0])]);
    }
    live.during(2.5);
    for first in (1000..5000).step_by(1000) {
        listener.send(commands::get_buses(first, 1000));
        let all = listener.hear(1000, |message| {
            let ones = message.args.iter().filter(|value| **value == OscType::Float(1.0));
            message.addr == "/c_setn" && ones.count() == 1000
        });
        assert!(all.is_some(), "from {first} on");
    }
}

#[test]
fn messages_without_a_server_are_dropped() {
    let Some(bench) = Bench::alone(256) else { return };
    let mut live = Live::start(bench.options());
    live.until_up(5.0);
    signal("KILL", bench.scsynth());
    live.until(2.0, |event| matches!(event, ServerEvent::Down(_)).then_some(()));
    assert!(!live.output.is_up());
    live.send(When::Now, vec![group(2000)]);
    let listener = live.until_up(4.0);
    assert_eq!(listener.hear_group(100, 2000), None);
    live.send(When::Now, vec![group(2000)]);
    assert!(listener.hear_group(500, 2000).is_some());
}

#[test]
fn an_impulse_response_becomes_a_spectrum() {
    let Some(bench) = Bench::alone(256) else { return };
    let path = bench.samples().join("hall.wav");
    let spec = hound::WavSpec {
        channels: 2,
        sample_rate: 48_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(&path, spec).unwrap();
    for frame in 0..48_000 {
        // A pulse of half of the full level, on the right a quarter.
        let pulse = if frame == 10 { 16_384 } else { 0 };
        writer.write_sample::<i16>(pulse).unwrap();
        writer.write_sample::<i16>(pulse / 2).unwrap();
    }
    writer.finalize().unwrap();
    let hall = content_of(&path).unwrap();
    let mut live = Live::start(bench.options());
    let listener = live.until_up(5.0);
    assert_eq!(live.output.spectrum(&hall, 8), None);
    let spectrum = live.until(2.0, |event| match event {
        ServerEvent::Prepared(content, 8, spectrum) if *content == hall => Some(*spectrum),
        _ => None,
    });
    assert_eq!(live.output.spectrum(&hall, 8), Some(spectrum));
    assert!((spectrum.gain - 2.0).abs() < 1e-3, "{spectrum:?}");
    assert!((spectrum.seconds - 0.5).abs() < 1e-3, "{spectrum:?}");
    assert_ne!(spectrum.channels[0], spectrum.channels[1]);
    for number in spectrum.channels {
        listener.send(commands::message("/b_query", vec![commands::index(number)]));
        let frames = OscType::Int(commands::spectrum_frames(24_000, 1024).cast_signed());
        let right = |message: &OscMessage| message.addr == "/b_info" && message.args[1] == frames;
        assert!(listener.hear(500, right).is_some());
    }
    let missing = Content { name: Name::new("other.wav").unwrap(), ..hall };
    assert_eq!(live.output.buffer(&missing), None);
    live.until(2.0, |event| matches!(event, ServerEvent::Missing(..)).then_some(()));
}

/// The clock of `scsynth` 3.13.0 follows a step within a minute; until then it is silent
/// after a step forwards, and plays everything at once after one backwards.
#[test]
fn sound_goes_on_after_steps_of_the_system_clock() {
    let Some(bench) = Bench::alone(256) else { return };
    let Some((variables, file)) = faked(&bench) else { return };
    let script = bench.script();
    let mut variables: Vec<_> = variables.iter().map(|(name, value)| (&**name, &**value)).collect();
    variables.extend([("SCSYNTH", script.to_str().unwrap()), ("CLOCK", file.to_str().unwrap())]);
    let lines = run_alone("child_with_a_clock_that_steps", &variables);
    assert_eq!(lines, ["on time", "the system clock was set", "on time"].repeat(2));
}

#[test]
#[ignore = "run by another test in a process of its own"]
fn child_with_a_clock_that_steps() {
    let scsynth = std::env::var_os("SCSYNTH").map(Into::into);
    let clock = std::path::PathBuf::from(std::env::var_os("CLOCK").unwrap());
    let mut live = Live::start(ServerOptions { scsynth, ..ServerOptions::default() });
    let mut listener = live.until_up(5.0);
    for hours in ["+1h", "-1h"] {
        for _ in 0..2 {
            live.poll();
            let sent = Instant::now();
            live.send(When::At(live.now() + Duration::from_millis(50)), vec![group(2000)]);
            let after = listener.hear_group(1000, 2000).unwrap().duration_since(sent);
            let right = after.abs_diff(Duration::from_millis(80)) < Duration::from_millis(20);
            println!("> {}", if right { "on time".into() } else { format!("{after:?}") });
            if live.events.iter().any(|event| matches!(event, ServerEvent::Down(_))) {
                break;
            }
            std::fs::write(clock.with_extension("new"), hours).unwrap();
            std::fs::rename(clock.with_extension("new"), &clock).unwrap();
            let why = live.until(1.0, |event| match event {
                ServerEvent::Down(why) => Some(why.clone()),
                _ => None,
            });
            println!("> {why}");
            listener = live.until_up(4.0);
        }
        live.events.clear();
    }
}
