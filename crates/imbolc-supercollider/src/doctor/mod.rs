//! The checks of `--doctor`: what is installed, what runs, and what is missing.
//!
//! It boots a server of its own for the few seconds that it takes. It must not know how its
//! findings are shown.

use std::{
    cell::Cell,
    env,
    path::Path,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use imbolc_net::util::time::Timestamp;

use crate::{
    commands::{self, NodeId, Place},
    engine::LiveOutput,
    output::{Output as _, When},
    server::{Audio, ServerEvent, ServerOptions, find_program, find_scsynth, pipewire_runs},
    synth_def::{Definition, Graph, Shape, TooManyWires, WhenDone},
};

/// How long a boot may take.
const BOOT: Duration = Duration::from_secs(12);

/// The test tone: its frequency in Hz, its level as an amplitude (−30 dB), its seconds.
const FREQUENCY: f32 = 440.0;
const LEVEL: f32 = 0.0316;
const SECONDS: f32 = 1.0;

/// The control bus on which the test tone tells its level.
const METER: u32 = 0;

/// The result of one check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What was checked, in a word or two.
    pub what: &'static str,
    /// The state or the problem, in one line, with the command that installs what is missing.
    pub state: String,
    /// Whether the check has passed.
    pub good: bool,
}

/// Checks the installation, boots a server, and plays a quiet tone of 1 s if `tone` is set.
/// Takes up to 15 s.
///
/// A missing program is a [`Finding`], not an error; the server is booted only if all programs
/// are there.
#[must_use]
pub fn examine(options: &ServerOptions, tone: bool) -> Vec<Finding> {
    let mut findings = installed(options);
    if findings.iter().all(|finding| finding.good) {
        findings.push(pipewire());
        findings.extend(boot(options, tone));
    }
    findings
}

fn installed(options: &ServerOptions) -> Vec<Finding> {
    let scsynth = match find_scsynth(options.scsynth.as_deref()) {
        Ok(path) => match version(&path) {
            Some(version) => good("program", format!("{version} at {}", path.display())),
            None => bad("program", &format!("{} tells no version", path.display())),
        },
        Err(why) => bad("program", &why.to_string()),
    };
    let setpriv = match find_program("setpriv") {
        Some(path) => good("setpriv", path.display().to_string()),
        None => bad("setpriv", "not installed: apt install util-linux"),
    };
    vec![scsynth, setpriv]
}

/// The first line of `scsynth -v`, without where it was built.
fn version(scsynth: &Path) -> Option<String> {
    let output = Command::new(scsynth).arg("-v").output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let version = text.lines().next()?.split(" (").next()?;
    version.starts_with("scsynth").then(|| version.to_owned())
}

/// PipeWire that does not run is no problem, because JACK may run.
fn pipewire() -> Finding {
    let state = match (pipewire_runs(), find_program("pw-jack")) {
        (true, _) => "runs, used unless JACK runs",
        (false, Some(_)) => "does not run: JACK alone is tried",
        (false, None) => "does not run, or not as JACK: apt install pipewire-jack",
    };
    good("PipeWire", state.into())
}

fn boot(options: &ServerOptions, tone: bool) -> Vec<Finding> {
    let mut server = Patient::new(options);
    let mut findings = Vec::new();
    let up = server.until(BOOT, |event| match event {
        ServerEvent::Up(audio) => Some(Ok(audio.clone())),
        // The other audio system may still run.
        ServerEvent::Down(why) if !why.ends_with("trying PipeWire") => Some(Err(why.clone())),
        _ => None,
    });
    match up {
        Some(Ok(audio)) => {
            findings.extend(found_audio(&audio));
            if tone {
                findings.push(server.play());
            }
        }
        Some(Err(why)) => findings.push(bad("server", &why)),
        None => findings.push(bad("server", "neither ready nor failed")),
    }
    findings.extend(server.troubles.iter().map(|trouble| bad("trouble", trouble)));
    findings
}

fn found_audio(audio: &Audio) -> [Finding; 3] {
    let name = env::var("JACK_DEFAULT_SERVER").ok().filter(|_| audio.system == "JACK");
    let name = name.map_or_else(String::new, |name| format!(" server {name}"));
    let system =
        format!("{}{name}: {} Hz, periods of {} frames", audio.system, audio.rate, audio.period);
    [
        good("audio", system),
        good("port", format!("127.0.0.1:{} (UDP)", audio.port)),
        good("probe", "a synth runs".into()),
    ]
}

/// A server, and the problems that it has reported meanwhile.
#[derive(Debug)]
struct Patient {
    output: LiveOutput,
    start: Instant,
    troubles: Vec<String>,
}

impl Patient {
    fn new(options: &ServerOptions) -> Self {
        let output = LiveOutput::start(options.clone());
        Self { output, start: Instant::now(), troubles: Vec::new() }
    }

    fn until<T>(&mut self, wait: Duration, find: impl Fn(&ServerEvent) -> Option<T>) -> Option<T> {
        let until = Instant::now() + wait;
        while Instant::now() < until {
            for event in self.output.poll(Timestamp::ZERO + self.start.elapsed()) {
                if let Some(found) = find(&event) {
                    return Some(found);
                }
                if let ServerEvent::Trouble(trouble) = event {
                    self.troubles.push(trouble);
                }
            }
            thread::sleep(Duration::from_millis(10));
        }
        None
    }

    /// Plays the test tone and listens to the server's meter.
    fn play(&mut self) -> Finding {
        let Ok(tone) = test_tone() else { return bad("tone", "cannot be built") };
        self.output.define(&tone);
        let name = tone.name.clone();
        let defined = |event: &ServerEvent| {
            matches!(event, ServerEvent::Defined(other) if *other == name).then_some(())
        };
        if self.until(Duration::from_secs(2), defined).is_none() {
            return bad("tone", "refused by the server");
        }
        self.output.link().watch(METER, 1);
        let play = commands::new_synth(&tone.name, NodeId(1000), Place::TailOf(NodeId(0)), &[]);
        self.output.send(When::Now, vec![play]);
        let loudest = Cell::new(0.0_f32);
        self.until(Duration::from_secs_f32(SECONDS + 0.2), |event| {
            if let ServerEvent::Peaks { first: METER, values } = event {
                loudest.set(values.iter().copied().fold(loudest.get(), f32::max));
            }
            None::<()>
        });
        let level = loudest.get();
        if level < LEVEL / 2.0 {
            return bad("tone", "the server plays nothing");
        }
        good("tone", format!("{FREQUENCY} Hz at {:.0} dB on outputs 1 and 2", 20.0 * level.log10()))
    }
}

/// A tone on the first two outputs that frees itself.
fn test_tone() -> Result<Definition, TooManyWires> {
    let graph = Graph::new();
    let [full, silent] = [1.0, 0.0].map(|level| graph.constant(level));
    let [edge, length] = [0.05, SECONDS - 0.1].map(|seconds| graph.constant(seconds));
    let segments = [(full, edge, 0.0), (full, length, 0.0), (silent, edge, 0.0)];
    let shape =
        Shape { start: silent, segments: &segments, release_at: None, when_done: WhenDone::Free };
    let tone = graph.sine(FREQUENCY, 0.0) * graph.envelope(&shape, 1.0) * LEVEL;
    graph.write_audio(0.0, &[tone, tone]);
    #[expect(clippy::cast_precision_loss, reason = "a small number")]
    graph.write_control(METER as f32, &[graph.peak_follower(tone, 0.9999)]);
    graph.finish().map(|built| built.definition)
}

fn good(what: &'static str, state: String) -> Finding {
    Finding { what, state, good: true }
}

fn bad(what: &'static str, state: &str) -> Finding {
    Finding { what, state: state.into(), good: false }
}
