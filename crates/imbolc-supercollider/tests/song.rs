//! The song in `examples/songs`: every onset is where it is written, and nothing else is.
//!
//! `UPDATE_SONGS=1` writes the song anew.

#[path = "support/studio.rs"]
mod studio;
#[path = "support/mod.rs"]
mod support;

use std::{env, fs, path::PathBuf};

use imbolc_net::{
    model::InstrumentId,
    projects::Store,
    studio::{
        AutomationAction, BusId, BusSendSetting, BusSetting, ChainSetting, ChainedPatterns, Curve,
        DrumAction, DrumSetting, EffectKind, EffectSetting, EnvelopeSetting, FilterParameter,
        FilterSetting, HiHatSetting, InstrumentParameter, InstrumentSetting, KickSetting,
        MixerSetting, NetworkAction, PadSetting, PadSound, PatternId, PatternSetting, Point,
        ProjectName, ReverbSetting, SendsSetting, SessionParameter, SessionSetting, SlotId,
        SnareSetting, SourceKind, SourceSetting, Step, StudioState, Target,
    },
    util::quantity::{Amount, Bpm, Decibels, PadNumber, Pan, Pitch, Seconds, StepNumber, Ticks},
};
use studio::{Recording, act, add, named, set, write};
use support::{RATE, Sound, decibels};

const NAME: &str = "four-bars";

const SIXTEENTH: u32 = 120;
const BAR: u32 = 1920;

/// The tempo of the first two bars, and of the others.
const TEMPI: [f32; 2] = [112.0, 96.0];

/// Of an eighth of 240 ticks, the second one of a pair begins 60 late.
const SWING: f32 = 0.5;
const LATE: u32 = 60;

/// The steps of the kick, the snare and the hat, in each pattern.
const PATTERNS: [[&[u32]; 3]; 2] = [
    [&[0, 6, 8], &[4, 12], &[0, 2, 4, 6, 8, 10, 12, 14]],
    [&[0, 8, 11], &[4, 12, 15], &[0, 2, 6, 10, 14]],
];

/// Which pattern each bar plays.
const CHAIN: [usize; 4] = [0, 0, 0, 1];

/// The bass: tick and pitch, each an eighth at most.
const BASS: [(u32, u8); 14] = [
    (0, 36),
    (360, 36),
    (720, 43),
    (1200, 48),
    (1920, 34),
    (2280, 34),
    (2640, 41),
    (3120, 46),
    (3840, 32),
    (4320, 39),
    (4800, 44),
    (5760, 36),
    (6240, 43),
    (7200, 36),
];

/// The lead, which goes to the reverb.
const LEAD: [(u32, u8); 6] =
    [(960, 67), (1680, 72), (3840, 75), (4560, 74), (5760, 72), (7440, 67)];

const DRUMS: [(&str, SourceKind); 3] =
    [("Kick", SourceKind::Kick), ("Snare", SourceKind::Snare), ("Hat", SourceKind::HiHat)];

fn song() -> StudioState {
    let mut state = StudioState::default();
    for setting in [
        SessionSetting::Name(named("Four bars")),
        SessionSetting::Tempo(Bpm::of(TEMPI[0])),
        SessionSetting::Swing(Amount::of(SWING)),
    ] {
        act(&mut state, NetworkAction::Session(setting));
    }
    let room = BusId(1);
    act(&mut state, NetworkAction::Mixer(MixerSetting::AddBus(room, named("Room"))));
    let slot = SlotId(1);
    for setting in [
        ChainSetting::Add(slot, EffectKind::Reverb, 0),
        ChainSetting::Effect(slot, EffectSetting::Reverb(ReverbSetting::Mix(Amount::of(1.0)))),
        ChainSetting::Effect(slot, EffectSetting::Reverb(ReverbSetting::Decay(Seconds::of(1.2)))),
    ] {
        act(&mut state, NetworkAction::Mixer(MixerSetting::Bus(room, BusSetting::Chain(setting))));
    }

    let bass = add(&mut state, 1, "Bass", SourceKind::Oscillator);
    let lead = add(&mut state, 2, "Lead", SourceKind::Fm);
    let kit = add(&mut state, 3, "Kit", SourceKind::DrumKit);
    for (id, release) in [(bass, 0.02), (lead, 0.05)] {
        for setting in [
            EnvelopeSetting::Attack(Seconds::of(0.001)),
            EnvelopeSetting::Release(Seconds::of(release)),
        ] {
            set(&mut state, id, InstrumentSetting::Amp(setting));
        }
    }
    let resonance = FilterSetting::Resonance(Amount::of(0.4));
    set(&mut state, bass, InstrumentSetting::Filter(resonance));
    write(&mut state, bass, &BASS.map(|(tick, pitch)| (tick, pitch, SIXTEENTH)));
    write(&mut state, lead, &LEAD.map(|(tick, pitch)| (tick, pitch, 2 * SIXTEENTH)));
    set(&mut state, lead, InstrumentSetting::Level(Decibels::of(-12.0)));
    set(&mut state, lead, InstrumentSetting::Pan(Pan::of(0.3)));
    send(&mut state, lead, room, -6.0);

    for ((id, (name, kind)), pad) in (4..).zip(DRUMS).zip(0..) {
        let id = add(&mut state, id, name, kind);
        let key = PadSetting::Sound(PadSound::Instrument(id, Pitch::of(60)));
        drum(&mut state, kit, DrumSetting::Pad(PadNumber::of(pad), key));
        let decay = Seconds::of(0.08);
        let source = match kind {
            SourceKind::Kick => SourceSetting::Kick(KickSetting::Decay(Seconds::of(0.15))),
            SourceKind::Snare => SourceSetting::Snare(SnareSetting::Decay(decay)),
            _ => SourceSetting::HiHat(HiHatSetting::Decay(decay)),
        };
        set(&mut state, id, InstrumentSetting::Source(source));
        if kind == SourceKind::Snare {
            send(&mut state, id, room, -12.0);
        }
    }
    drum(&mut state, kit, DrumSetting::AddPattern(PatternId(2)));
    for (id, pattern) in (1..).zip(PATTERNS) {
        for (pad, steps) in (0..).zip(pattern) {
            for step in steps {
                let step = StepNumber::of(u8::try_from(*step).unwrap());
                let on = PatternSetting::On(Step::new(PadNumber::of(pad), step));
                drum(&mut state, kit, DrumSetting::Pattern(PatternId(id), on));
            }
        }
    }
    let chain = CHAIN.map(|pattern| PatternId(u16::try_from(pattern + 1).unwrap()));
    drum(&mut state, kit, DrumSetting::Chain(ChainedPatterns::new(chain.to_vec()).unwrap()));
    drum(&mut state, kit, DrumSetting::Chained(true));

    let tempo = Target::Session(SessionParameter::Tempo);
    let tempi = TEMPI.map(|tempo| {
        let mut state = state.clone();
        act(&mut state, NetworkAction::Session(SessionSetting::Tempo(Bpm::of(tempo))));
        Target::Session(SessionParameter::Tempo).part(&state).unwrap()
    });
    lane(&mut state, tempo, &[(0, tempi[0]), (2 * BAR, tempi[1])], Curve::Hold);
    let cutoff = FilterParameter::Cutoff;
    let target = Target::Instrument(bass, InstrumentParameter::Filter(cutoff));
    let sweep = [(0, Amount::of(0.45)), (4 * BAR, Amount::of(0.8))];
    lane(&mut state, target, &sweep, Curve::Linear);
    state
}

fn drum(state: &mut StudioState, kit: InstrumentId, setting: DrumSetting) {
    act(state, NetworkAction::Drums(kit, DrumAction::Set(setting)));
}

fn send(state: &mut StudioState, id: InstrumentId, bus: BusId, level: f32) {
    let level = BusSendSetting::Level(Decibels::of(level));
    for setting in [SendsSetting::Add(bus), SendsSetting::Set(bus, level)] {
        set(state, id, InstrumentSetting::Sends(setting));
    }
}

fn lane(state: &mut StudioState, target: Target, points: &[(u32, Amount)], curve: Curve) {
    act(state, NetworkAction::Automation(target, AutomationAction::Add));
    for (tick, value) in points {
        let point = Point { tick: Ticks::of(*tick), value: *value, curve };
        act(state, NetworkAction::Automation(target, AutomationAction::Put(point)));
    }
}

fn songs() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../examples/songs")
}

fn loaded() -> StudioState {
    Store::open(&songs()).unwrap().load(&ProjectName::new(NAME).unwrap()).unwrap()
}

#[test]
fn committed_song_is_the_one_that_is_described_here() {
    let folder = tempfile::tempdir().unwrap();
    let name = ProjectName::new(NAME).unwrap();
    Store::open(folder.path()).unwrap().save(&name, &song()).unwrap();
    let file = format!("{NAME}.imbolc.json");
    let document = fs::read_to_string(folder.path().join(&file)).unwrap();
    if env::var_os("UPDATE_SONGS").is_some() {
        fs::write(songs().join(&file), &document).unwrap();
    }
    let committed = fs::read_to_string(songs().join(&file)).unwrap();
    assert!(committed == document, "UPDATE_SONGS=1 writes it anew");
    assert_eq!(loaded(), song().at_rest());
}

/// When a written tick is played, in samples: with the swing, at the two tempi.
fn sample_of(written: u32) -> f64 {
    let within = written % 480;
    let late = if within < 240 { within * LATE / 240 } else { LATE - (within - 240) * LATE / 240 };
    let tick = f64::from(written + late);
    let change = f64::from(2 * BAR);
    let seconds = |ticks: f64, tempo: f32| ticks / 480.0 * 60.0 / f64::from(tempo);
    let time = seconds(tick.min(change), TEMPI[0]) + seconds((tick - change).max(0.0), TEMPI[1]);
    time * f64::from(RATE)
}

/// Where a stem begins to sound, after at least 5 ms of silence.
fn onsets(stem: &Sound) -> Vec<usize> {
    const QUIET: usize = 240;
    let mut found = Vec::new();
    let mut loud_before = None;
    for (at, (left, right)) in stem.left().iter().zip(stem.right()).enumerate() {
        if decibels(left.abs().max(right.abs())) > -70.0 {
            if loud_before.is_none_or(|before| at - before > QUIET) {
                found.push(at);
            }
            loud_before = Some(at);
        }
    }
    found
}

fn bars_of(pad: usize) -> Vec<u32> {
    let bars = (0..).step_by(BAR as usize).zip(CHAIN);
    bars.flat_map(|(bar, pattern)| {
        PATTERNS[pattern][pad].iter().map(move |step| bar + step * SIXTEENTH)
    })
    .collect()
}

#[test]
fn every_onset_is_in_its_stem_and_nothing_else_is() {
    let Some(song) = Recording::of(&loaded(), |_| {}) else { return };
    assert_eq!(song.rendered.troubles, [""; 0]);
    let written = [
        ("Bass", BASS.map(|(tick, _)| tick).to_vec()),
        ("Lead", LEAD.map(|(tick, _)| tick).to_vec()),
        ("Kick", bars_of(0)),
        ("Snare", bars_of(1)),
        ("Hat", bars_of(2)),
    ];
    for (name, ticks) in &written {
        let found = onsets(&song.stem(name));
        let expected: Vec<f64> = ticks.iter().map(|tick| sample_of(*tick)).collect();
        assert_eq!(found.len(), expected.len(), "{name}: {found:?}, not {expected:?}");
        for (found, expected) in found.iter().zip(&expected) {
            let late = *found as f64 - expected;
            assert!(late.abs() <= f64::from(RATE) / 1000.0, "{name}: {found}, not {expected}");
        }
    }
    assert_eq!(song.stems().len(), written.len() + 1);
    // When all else is over, the room rings.
    let end = sample_of(4 * BAR) as usize;
    let tail = end + 4800..end + 14_400;
    assert!(song.stem("Room").rms(tail.clone()) > -70.0);
    assert!(song.stem("Lead").peak(tail.clone()) < -120.0);
    assert!(song.rendered.frames > tail.end as u64);
    // The cutoff rises.
    let bass = song.stem("Bass");
    let brightness = |tick: u32| {
        let start = sample_of(tick) as usize + 1000;
        let tone = &bass.left()[start..start + 3000];
        let steps: Vec<f32> = tone.windows(2).map(|pair| pair[1] - pair[0]).collect();
        support::rms(&steps) - support::rms(tone)
    };
    assert!(brightness(7200) > brightness(0) + 6.0, "{} {}", brightness(0), brightness(7200));

    let second = Recording::of(&loaded(), |_| {}).unwrap();
    assert!(song.mix == second.mix, "another rendering gives other samples");
}
