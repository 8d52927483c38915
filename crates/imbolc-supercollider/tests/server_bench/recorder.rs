//! Records what a `scsynth` gives to the sound card.

#![allow(dead_code, missing_docs, reason = "each test uses what it needs")]

use std::{
    fs,
    net::{Ipv4Addr, UdpSocket},
    path::PathBuf,
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use imbolc_supercollider::commands::{self, NodeId, Place};
use rosc::{OscBundle, OscMessage, OscPacket, OscTime, OscType};

use super::server_bench::Bench;

pub const RATE: f64 = 48_000.0;
const NAME: &str = "test recorder";
const NODE: NodeId = NodeId(2_000_000_000);
const BUFFER: u32 = 4000;

/// What is recorded, from `start` on.
#[derive(Debug)]
pub struct Recorder {
    socket: UdpSocket,
    start: Instant,
    file: PathBuf,
}

/// What was recorded: the louder of both channels, as an amplitude.
#[derive(Debug)]
pub struct Recording {
    start: Instant,
    pub samples: Vec<f32>,
}

impl Recorder {
    /// Records at most so many seconds of the server that runs at present.
    pub fn start(bench: &Bench, seconds: u32) -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        socket.connect((Ipv4Addr::LOCALHOST, bench.port())).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let file = bench.samples().canonicalize().unwrap().join("recorded");
        let recorder = Self { socket, start: Instant::now() + Duration::from_millis(100), file };
        let frames = seconds * 48_000;
        let channels = OscType::Int(2);
        let buffer = vec![commands::index(BUFFER), commands::index(frames), channels];
        recorder.send(commands::message("/b_alloc", buffer));
        recorder.wait_for("/done");
        recorder.send(commands::receive_definition(definition()));
        recorder.send(commands::sync(1));
        recorder.wait_for("/synced");
        let start = Instant::now() + Duration::from_millis(50);
        let place = Place::TailOf(NodeId(0));
        recorder.send_at(start, commands::new_synth(NAME, NODE, place, &[]));
        thread::sleep(start - Instant::now());
        Self { start, ..recorder }
    }

    /// Ends it, and returns what was heard.
    pub fn stop(self) -> Recording {
        let length = self.start.elapsed().as_secs_f64() * RATE;
        self.send(commands::free(NODE));
        let path = OscType::String(self.file.to_str().unwrap().into());
        let [header, format] = ["wav", "float"].map(|text| OscType::String(text.into()));
        let args = vec![commands::index(BUFFER), path, header, format];
        self.send(commands::message("/b_write", args));
        self.wait_for("/done");
        self.send(commands::free_buffer(BUFFER));
        let wav = hound::WavReader::open(&self.file).unwrap();
        let all: Vec<f32> = wav.into_samples::<f32>().map(Result::unwrap).collect();
        fs::remove_file(&self.file).unwrap();
        let louder =
            |frame: &[f32]| if frame[0].abs() > frame[1].abs() { frame[0] } else { frame[1] };
        let mut samples: Vec<f32> = all.chunks_exact(2).map(louder).collect();
        samples.truncate(length as usize);
        Recording { start: self.start, samples }
    }

    fn send(&self, message: OscMessage) {
        self.socket.send(&rosc::encoder::encode(&OscPacket::Message(message)).unwrap()).unwrap();
    }

    /// Sends a message that takes effect at this time.
    pub fn send_at(&self, time: Instant, message: OscMessage) {
        let wall = SystemTime::now() + (time - Instant::now());
        let since = wall.duration_since(UNIX_EPOCH).unwrap();
        let fractional = ((u64::from(since.subsec_nanos()) << 32) / 1_000_000_000) as u32;
        let seconds = u32::try_from(since.as_secs() + 2_208_988_800).unwrap();
        let timetag = OscTime { seconds, fractional };
        let packet =
            OscPacket::Bundle(OscBundle { timetag, content: vec![OscPacket::Message(message)] });
        self.socket.send(&rosc::encoder::encode(&packet).unwrap()).unwrap();
    }

    fn wait_for(&self, address: &str) {
        let mut buffer = vec![0; 65_536];
        loop {
            let size = self.socket.recv(&mut buffer).unwrap();
            let packet = rosc::decoder::decode_udp(&buffer[..size]).unwrap().1;
            if matches!(packet, OscPacket::Message(message) if message.addr == address) {
                return;
            }
        }
    }
}

impl Recording {
    /// The place of a time, in samples.
    pub fn at(&self, time: Instant) -> usize {
        (time.saturating_duration_since(self.start).as_secs_f64() * RATE) as usize
    }

    /// The time of a sample, in milliseconds after `time`.
    pub fn millis_after(&self, sample: usize, time: Instant) -> f64 {
        (sample as f64 - (time - self.start).as_secs_f64() * RATE) * 1000.0 / RATE
    }

    /// The highest amplitude from one time to another, in milliseconds after `time`.
    pub fn peak(&self, time: Instant, from: i64, to: i64) -> f32 {
        let zero = self.at(time) as i64;
        let place = |millis: i64| usize::try_from(zero + millis * 48).unwrap_or(0);
        let end = place(to).min(self.samples.len());
        let part = &self.samples[place(from).min(end)..end];
        part.iter().fold(0.0, |peak, sample| sample.abs().max(peak))
    }

    /// Where something begins after at least so many milliseconds of silence, in samples.
    pub fn onsets(&self, millis: usize) -> Vec<usize> {
        let mut onsets = Vec::new();
        let mut silent = millis * 48;
        for (place, sample) in self.samples.iter().enumerate() {
            if sample.abs() < 0.001 {
                silent += 1;
                continue;
            }
            if silent >= millis * 48 {
                onsets.push(place);
            }
            silent = 0;
        }
        onsets
    }

    /// The first sample after `time` that is not silent.
    pub fn first_sound(&self, time: Instant) -> Option<usize> {
        let start = self.at(time);
        Some(start + self.samples.get(start..)?.iter().position(|sample| sample.abs() >= 0.001)?)
    }

    /// The last one of all.
    pub fn last_sound(&self) -> Option<usize> {
        self.samples.iter().rposition(|sample| sample.abs() >= 0.001)
    }
}

/// `RecordBuf.ar(In.ar(0, 2), 4000, loop: 0)`.
fn definition() -> Vec<u8> {
    let constants = [0.0_f32, 1.0, BUFFER as f32];
    let [zero, one, buffer] = [0, 1, 2].map(|place: i32| (-1, place));
    let record = [buffer, zero, one, zero, one, zero, one, zero, (0, 0), (0, 1)];
    let mut bytes = b"SCgf".to_vec();
    bytes.extend(2_i32.to_be_bytes());
    bytes.extend(1_i16.to_be_bytes());
    text(&mut bytes, NAME);
    bytes.extend(3_i32.to_be_bytes());
    constants.iter().for_each(|value| bytes.extend(value.to_be_bytes()));
    // No controls, and their names.
    bytes.extend([0; 8]);
    bytes.extend(2_i32.to_be_bytes());
    unit(&mut bytes, "In", &[zero], 2);
    unit(&mut bytes, "RecordBuf", &record, 1);
    bytes.extend(0_i16.to_be_bytes());
    bytes
}

fn unit(bytes: &mut Vec<u8>, class: &str, inputs: &[(i32, i32)], outputs: u8) {
    const AUDIO: u8 = 2;
    text(bytes, class);
    bytes.push(AUDIO);
    bytes.extend((inputs.len() as i32).to_be_bytes());
    bytes.extend(i32::from(outputs).to_be_bytes());
    bytes.extend(0_i16.to_be_bytes());
    for (unit, output) in inputs {
        bytes.extend(unit.to_be_bytes());
        bytes.extend(output.to_be_bytes());
    }
    bytes.extend((0..outputs).map(|_| AUDIO));
}

fn text(bytes: &mut Vec<u8>, text: &str) {
    bytes.push(text.len() as u8);
    bytes.extend(text.as_bytes());
}
