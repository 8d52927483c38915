//! Whether what somebody edits costs the others the same however large the
//! studio is: the patches of typical edits, in bytes and in time, among few
//! instruments and among far more than anybody plays.
//!
//! `cargo bench --bench patches [-- --quick]`
//!
//! The size is that of the whole frame, as JSON, with the length before it. The
//! time is all that a patch takes: the comparison, the encoding, the decoding
//! and the application. The sizes of studios take turns, so that the ratios hold
//! on a machine that has other things to do as well.

mod fixture;

use std::hint::black_box;

use bytes::BytesMut;
use fixture::{cutoff, interleaved, touched, turn_to, verdict};
use imbolc_net::{
    NetworkState, ServerMessage,
    framing::{self, Codec},
    model::Model,
    protocol::{InstrumentId, Seq},
    quantity::{
        Amount, Decibels, NoteLength, PadNumber, Pitch, Probability, Semitones, StepCount,
        StepNumber, Ticks, Velocity,
    },
    studio::{
        AutomationAction, BusId, BusSetting, ClipAction, ClipId, Curve, DrumAction, DrumSetting,
        InstrumentAction, InstrumentParameter, InstrumentSetting, LoopRegion, MixerSetting, Name,
        NetworkAction, Note, PatternId, PatternSetting, PianoRollAction, PlacementAction,
        PlacementId, Point, SourceKind, SourceSetting, Step, Studio, StudioState, Target,
    },
};

const INSTRUMENTS: [u32; 4] = [16, 64, 256, 1024];
const BUS: BusId = BusId(1);
const CLIP: ClipId = ClipId(1);
const PLACED: PlacementId = PlacementId(1);
const PATTERN: PatternId = PatternId(1);
const PAD: PadNumber = PadNumber::MIN;

/// How many times as long it may take among the most as among the fewest.
const FLAT: f64 = 1.5;

/// An edit, and what it may cost.
struct Edit {
    name: &'static str,
    of: fn(InstrumentId) -> NetworkAction,
    /// How many bytes the frame may have, where that is laid down.
    limit: Option<usize>,
}

const EDITS: [Edit; 7] = [
    Edit { name: "knob", of: |id| turn_to(id, cutoff(1)), limit: Some(150) },
    Edit { name: "note", of: add_note, limit: Some(200) },
    Edit { name: "fader", of: move_fader, limit: None },
    Edit { name: "fader of a bus", of: move_bus_fader, limit: None },
    Edit { name: "drum step", of: turn_on_step, limit: None },
    Edit { name: "automation point", of: put_point, limit: None },
    Edit { name: "clip move", of: move_clip, limit: None },
];

fn main() {
    let (passes, rounds) = if fixture::is_quick() { (51, 20) } else { (501, 50) };
    let studios = INSTRUMENTS.map(|instruments| (touched(instruments), studio(instruments)));
    println!("{:18} {INSTRUMENTS:>6?} instruments", "");
    for edit in &EDITS {
        let ways: Vec<_> =
            studios.iter().map(|(touched, studio)| Way::of(edit, *touched, studio)).collect();
        report(edit, &ways, &times(&ways, passes, rounds));
    }
}

/// A studio in which there is something of everything that is edited: a bus, and
/// of each instrument 64 notes, a clip that is placed and a lane. Every fourth
/// instrument is a drum kit.
fn studio(instruments: u32) -> StudioState {
    let mut state = fixture::studio(instruments);
    let mut reduce = |action| drop(Studio::reduce(&mut state, &action).unwrap());
    reduce(NetworkAction::Mixer(MixerSetting::AddBus(BUS, name("Reverb"))));
    for id in (1..=instruments).map(InstrumentId) {
        let capture =
            ClipAction::Capture { clip: CLIP, name: name("Verse"), region: LoopRegion::TWO_BARS };
        reduce(NetworkAction::Clip(id, capture));
        let place = PlacementAction::Place { placement: PLACED, clip: CLIP, tick: Ticks::MIN };
        reduce(NetworkAction::Placement(id, place));
        reduce(NetworkAction::Automation(lane(id), AutomationAction::Add));
        for tick in (0..8).map(|n| Ticks::of(n * 480)) {
            let point = Point { tick, value: Amount::MAX, curve: Curve::Linear };
            reduce(NetworkAction::Automation(lane(id), AutomationAction::Put(point)));
        }
        if id.0.is_multiple_of(4) {
            let kit = InstrumentSetting::Source(SourceSetting::Kind(SourceKind::DrumKit));
            reduce(NetworkAction::Instrument(id, InstrumentAction::Set(kit)));
            let (hits, rotation) = (StepCount::of(5), StepNumber::MIN);
            let euclid = DrumAction::Euclid { pattern: PATTERN, pad: PAD, hits, rotation };
            reduce(NetworkAction::Drums(id, euclid));
        }
    }
    state
}

fn add_note(id: InstrumentId) -> NetworkAction {
    let note = Note {
        tick: Ticks::of(15_000),
        pitch: Pitch::of(100),
        length: NoteLength::of(480),
        velocity: Velocity::of(100),
        probability: Probability::MAX,
    };
    NetworkAction::PianoRoll(id, PianoRollAction::Add(note))
}

fn move_fader(id: InstrumentId) -> NetworkAction {
    let setting = InstrumentSetting::Level(Decibels::of(-12.5));
    NetworkAction::Instrument(id, InstrumentAction::Set(setting))
}

fn move_bus_fader(_id: InstrumentId) -> NetworkAction {
    NetworkAction::Mixer(MixerSetting::Bus(BUS, BusSetting::Level(Decibels::of(-12.5))))
}

fn turn_on_step(id: InstrumentId) -> NetworkAction {
    let step = Step {
        pad: PAD,
        step: StepNumber::of(1),
        velocity: Velocity::of(100),
        probability: Amount::MAX,
        pitch: Semitones::of(0),
    };
    let setting = DrumSetting::Pattern(PATTERN, PatternSetting::On(step));
    NetworkAction::Drums(id, DrumAction::Set(setting))
}

fn put_point(id: InstrumentId) -> NetworkAction {
    let point = Point { tick: Ticks::of(15_000), value: Amount::of(0.75), curve: Curve::Linear };
    NetworkAction::Automation(lane(id), AutomationAction::Put(point))
}

fn move_clip(id: InstrumentId) -> NetworkAction {
    NetworkAction::Placement(id, PlacementAction::Move(PLACED, Ticks::of(15_000)))
}

fn lane(id: InstrumentId) -> Target {
    Target::Instrument(id, InstrumentParameter::Level)
}

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

/// Two moments of a session, and what is sent from one to the other.
struct Way {
    before: NetworkState,
    after: NetworkState,
    frame: Vec<u8>,
}

impl Way {
    fn of(edit: &Edit, touched: InstrumentId, studio: &StudioState) -> Self {
        // Somewhere in a long session.
        let seq = Seq(1_000_000);
        let model = studio.clone();
        let before = NetworkState { seq, model, roster: Default::default() };
        let mut after = NetworkState { seq: seq.next(), ..before.clone() };
        Studio::reduce(&mut after.model, &(edit.of)(touched)).unwrap();
        let mut way = Self { before, after, frame: Vec::new() };
        let mut buffer = BytesMut::new();
        assert_eq!(way.go(&mut buffer), way.after, "{}", edit.name);
        way.frame = buffer.to_vec();
        way
    }

    /// All that a patch takes, here and there. Leaves the frame in the buffer.
    fn go(&self, buffer: &mut BytesMut) -> NetworkState {
        buffer.clear();
        let patch = self.before.patch_to(black_box(&self.after));
        framing::encode(Codec::Json, &ServerMessage::<Studio>::StatePatchUpdate(patch), buffer)
            .unwrap();
        let ServerMessage::<Studio>::StatePatchUpdate(patch) =
            framing::decode(Codec::Json, black_box(&buffer[4..])).unwrap()
        else {
            unreachable!("it was a patch")
        };
        self.before.patched(&patch).unwrap()
    }

    /// The frame without its length and its digits.
    fn wording(&self) -> Vec<u8> {
        self.frame[4..].iter().copied().filter(|byte| !byte.is_ascii_digit()).collect()
    }
}

/// The median times of all ways, in nanoseconds.
fn times(ways: &[Way], passes: u32, rounds: u32) -> Vec<f64> {
    let mut runs: Vec<_> = ways
        .iter()
        .map(|way| {
            let mut buffer = BytesMut::new();
            move || drop(black_box(way.go(&mut buffer)))
        })
        .collect();
    let mut contenders: Vec<_> = runs.iter_mut().map(|run| run as &mut dyn FnMut()).collect();
    interleaved(passes, rounds, &mut contenders)
}

fn report(edit: &Edit, ways: &[Way], times: &[f64]) {
    let sizes: Vec<_> = ways.iter().map(|way| way.frame.len()).collect();
    let micros: Vec<_> = times.iter().map(|time| format!("{:.2}", time / 1000.0)).collect();
    println!("{:18} {sizes:?} bytes, [{}] µs", edit.name, micros.join(", "));
    let [first, .., last] = ways else { unreachable!("there are several sizes") };
    println!("  {}", String::from_utf8_lossy(&last.frame[4..]));
    let flat = ways.iter().all(|way| way.wording() == first.wording());
    println!("  the sizes are equal but for digits: {}", if flat { "met" } else { "MISSED" });
    if let Some(limit) = edit.limit {
        let most = sizes.iter().max().copied().unwrap_or_default();
        let met = if most <= limit { "met" } else { "MISSED" };
        println!("  the largest frame: {most} bytes (target {limit}: {met})");
    }
    let [fewest, .., most] = times else { unreachable!("there are several sizes") };
    verdict("the time among the most, to that among the fewest", most / fewest, FLAT);
}
