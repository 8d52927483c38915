//! A JACK server without a sound card, and a link to a `scsynth` that uses it.

#![allow(dead_code, missing_docs, reason = "each test uses what it needs")]

use std::{
    fs,
    net::{Ipv4Addr, UdpSocket},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use imbolc_supercollider::{
    commands,
    server::{ServerEvent, ServerLink, ServerOptions, find_program},
};
use rosc::{OscBundle, OscMessage, OscPacket, OscTime};

static JACKS: AtomicU32 = AtomicU32::new(0);

#[derive(Debug)]
pub struct Bench {
    jack: Option<Child>,
    name: String,
    period: u32,
    directory: tempfile::TempDir,
    link: Option<ServerLink>,
}

impl Bench {
    /// Boots JACK with this period in frames, and starts a link. `None`, and a line that says
    /// why, where that is impossible.
    pub fn start(period: u32) -> Option<Self> {
        let mut bench = Self::alone(period)?;
        bench.start_link();
        Some(bench)
    }

    /// Boots JACK only.
    pub fn alone(period: u32) -> Option<Self> {
        let mut bench = Self::with_script("exec scsynth \"$@\"", period)?;
        find_program("jackd").or_else(|| skip("jackd is not on PATH (Debian: jackd2)"))?;
        if !bench.start_jack() {
            return skip("jackd does not start, perhaps for want of real-time scheduling");
        }
        Some(bench)
    }

    /// Starts a link with this script instead of `scsynth`.
    pub fn scripted(script: &str) -> Option<Self> {
        let mut bench = Self::with_script(script, 0)?;
        bench.start_link();
        Some(bench)
    }

    /// A link to the JACK server of another bench.
    pub fn beside(other: &Self) -> Self {
        let mut bench = Self::with_script("exec scsynth \"$@\"", 0).unwrap();
        bench.name.clone_from(&other.name);
        bench.write_script("exec scsynth \"$@\"");
        bench.start_link();
        bench
    }

    /// No JACK and no link: for a studio that has those of another bench.
    pub fn scripted_alone(script: &str) -> Self {
        Self::with_script(script, 0).unwrap()
    }

    fn with_script(script: &str, period: u32) -> Option<Self> {
        find_program("scsynth")
            .or_else(|| skip("scsynth is not on PATH (Debian: supercollider-server)"))?;
        let nth = JACKS.fetch_add(1, Ordering::Relaxed);
        let name = format!("imbolc-{}-{nth}", std::process::id());
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("samples")).unwrap();
        let bench = Self { jack: None, name, period, directory, link: None };
        bench.write_script(script);
        Some(bench)
    }

    fn write_script(&self, script: &str) {
        let pids = self.directory.path().join("pids");
        let text = format!(
            "#!/bin/sh\nexport JACK_DEFAULT_SERVER={}\nPIDS={}\necho $$ >> $PIDS\n{script}\n",
            self.name,
            pids.display()
        );
        // A file that is written while another thread starts a process cannot be started.
        let (new, path) = (self.directory.path().join("new"), self.script());
        fs::write(&new, text).unwrap();
        fs::set_permissions(&new, fs::Permissions::from_mode(0o755)).unwrap();
        fs::rename(new, path).unwrap();
    }

    /// Starts the link again, with this script.
    pub fn replace_script(&mut self, script: &str) {
        self.drop_link();
        fs::write(self.directory.path().join("pids"), "").unwrap();
        self.write_script(script);
        self.start_link();
    }

    fn start_link(&mut self) {
        let options = ServerOptions { scsynth: Some(self.script()), samples: Some(self.samples()) };
        self.link = Some(ServerLink::start(options));
    }

    /// Starts the link again, with this directory of samples.
    pub fn restart_with_samples(&mut self, samples: &Path) {
        self.drop_link();
        let options = ServerOptions { samples: Some(samples.to_owned()), ..self.options() };
        self.link = Some(ServerLink::start(options));
    }

    pub fn options(&self) -> ServerOptions {
        ServerOptions { scsynth: Some(self.script()), samples: Some(self.samples()) }
    }

    pub fn start_jack(&mut self) -> bool {
        let mut command = Command::new("jackd");
        command.args(["-n", &self.name, "-R", "-d", "dummy", "-r", "48000", "-p"]);
        command.arg(self.period.to_string()).stdout(Stdio::null()).stderr(Stdio::null());
        let Ok(mut jack) = command.spawn() else { return false };
        let begun = Instant::now();
        let socket = format!("jack_{}_", self.name);
        while begun.elapsed() < Duration::from_secs(5) {
            if !matches!(jack.try_wait(), Ok(None)) {
                return false;
            }
            let mut shared = fs::read_dir("/dev/shm").unwrap().flatten();
            if shared.any(|file| file.file_name().to_string_lossy().starts_with(&socket)) {
                // It listens, and begins to run a moment later.
                thread::sleep(Duration::from_millis(200));
                self.jack = Some(jack);
                return true;
            }
            thread::sleep(Duration::from_millis(20));
        }
        signal("TERM", jack.id());
        drop(jack.wait());
        false
    }

    pub fn stop_jack(&mut self) {
        if let Some(mut jack) = self.jack.take() {
            signal("TERM", jack.id());
            drop(jack.wait());
        }
    }

    pub fn link(&self) -> &ServerLink {
        self.link.as_ref().unwrap()
    }

    pub fn drop_link(&mut self) {
        self.link = None;
    }

    pub fn script(&self) -> PathBuf {
        self.directory.path().join("scsynth")
    }

    pub fn samples(&self) -> PathBuf {
        self.directory.path().join("samples")
    }

    /// What happens until this does, within so many seconds. It is the last.
    pub fn until(&mut self, seconds: f32, last: impl Fn(&ServerEvent) -> bool) -> Vec<ServerEvent> {
        let (mut events, found) = self.collect(seconds, last);
        assert!(found, "not within {seconds} s: {events:#?}");
        events.shrink_to_fit();
        events
    }

    /// What happens within so many seconds.
    pub fn during(&mut self, seconds: f32) -> Vec<ServerEvent> {
        self.collect(seconds, |_| false).0
    }

    fn collect(
        &mut self,
        seconds: f32,
        last: impl Fn(&ServerEvent) -> bool,
    ) -> (Vec<ServerEvent>, bool) {
        let until = Instant::now() + Duration::from_secs_f32(seconds);
        let mut events = Vec::new();
        while Instant::now() < until {
            for event in self.link.as_mut().unwrap().poll() {
                let found = last(&event);
                events.push(event);
                if found {
                    return (events, true);
                }
            }
            thread::sleep(Duration::from_millis(5));
        }
        events.retain(|event| !matches!(event, ServerEvent::Peaks { .. }));
        (events, false)
    }

    /// Sends messages beside the link.
    pub fn send(&self, messages: &[OscMessage]) {
        messages.iter().for_each(|message| self.packet(&OscPacket::Message(message.clone())));
    }

    /// Sends a bundle for a minute ago.
    pub fn send_late(&self) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let seconds = u32::try_from(now.as_secs() + 2_208_988_800 - 60).unwrap();
        let timetag = OscTime { seconds, fractional: 0 };
        let content = vec![OscPacket::Message(commands::plain("/status"))];
        self.packet(&OscPacket::Bundle(OscBundle { timetag, content }));
    }

    fn packet(&self, packet: &OscPacket) {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let bytes = rosc::encoder::encode(packet).unwrap();
        socket.send_to(&bytes, (Ipv4Addr::LOCALHOST, self.port())).unwrap();
    }

    /// The present process.
    pub fn scsynth(&self) -> u32 {
        self.processes().pop().unwrap()
    }

    /// The port that the present process was told.
    pub fn port(&self) -> u16 {
        let line = fs::read(format!("/proc/{}/cmdline", self.scsynth())).unwrap();
        let line = String::from_utf8(line).unwrap();
        line.split('\0').skip_while(|word| *word != "-u").nth(1).unwrap().parse().unwrap()
    }

    /// All processes that were started.
    pub fn processes(&self) -> Vec<u32> {
        let pids = fs::read_to_string(self.directory.path().join("pids")).unwrap_or_default();
        pids.lines().map(|pid| pid.parse().unwrap()).collect()
    }

    pub fn starts(&self) -> usize {
        self.processes().len()
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.link = None;
        self.stop_jack();
    }
}

/// PipeWire without a sound card, and where its socket is.
#[derive(Debug)]
pub struct PipeWire(Child, tempfile::TempDir);

impl PipeWire {
    pub fn start() -> Option<Self> {
        for program in ["scsynth", "pipewire", "pw-jack"] {
            find_program(program).or_else(|| skip(&format!("{program} is not on PATH")))?;
        }
        let directory = tempfile::tempdir().unwrap();
        let mut command = Command::new("pipewire");
        command.env("XDG_RUNTIME_DIR", directory.path());
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let pipewire = Self(command.spawn().unwrap(), directory);
        let begun = Instant::now();
        while !pipewire.1.path().join("pipewire-0").exists() {
            if begun.elapsed() > Duration::from_secs(5) {
                return skip("pipewire does not start");
            }
            thread::sleep(Duration::from_millis(20));
        }
        Some(pipewire)
    }

    pub fn directory(&self) -> &str {
        self.1.path().to_str().unwrap()
    }
}

impl Drop for PipeWire {
    fn drop(&mut self) {
        signal("TERM", self.0.id());
        drop(self.0.wait());
    }
}

pub fn signal(signal: &str, process: u32) {
    let kill = Command::new("kill").args([format!("-{signal}"), process.to_string()]).status();
    assert!(kill.unwrap().success());
}

/// Whether a process runs; one that has ended and was not waited for does not.
pub fn alive(process: u32) -> bool {
    let state = fs::read_to_string(Path::new("/proc").join(process.to_string()).join("stat"));
    state.is_ok_and(|state| !state.contains(") Z "))
}

/// Runs a test that is ignored otherwise in a process with these variables of the
/// environment, and returns the lines that it printed after `> `.
pub fn run_alone(test: &str, variables: &[(&str, &str)]) -> Vec<String> {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--ignored", "--nocapture"]);
    let output = command.envs(variables.iter().copied()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    // The first is behind the name of the test.
    text.lines().filter_map(|line| Some(line.split_once("> ")?.1.to_owned())).collect()
}

/// The variables with which a process sees a system clock that a file moves, and that file.
pub fn faked(bench: &Bench) -> Option<(Vec<(String, String)>, PathBuf)> {
    let found = ["x86_64-linux-gnu", "aarch64-linux-gnu"]
        .map(|target| format!("/usr/lib/{target}/faketime/libfaketimeMT.so.1"))
        .into_iter()
        .find(|library| Path::new(library).exists());
    let library = found.or_else(|| skip("libfaketime is missing (Debian: faketime)"))?;
    let file = bench.directory.path().join("clock");
    fs::write(&file, "+0s").unwrap();
    let variables = [
        ("LD_PRELOAD", &*library),
        ("FAKETIME_TIMESTAMP_FILE", file.to_str()?),
        ("FAKETIME_NO_CACHE", "1"),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
    ];
    let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    Some((variables.map(owned).into(), file))
}

fn skip<T>(why: &str) -> Option<T> {
    let test = thread::current().name().unwrap_or_default().to_owned();
    eprintln!("skipped: {test}: {why}");
    None
}
