//! The examples `session` (typed commands, TCP and `SIGKILL`) and `bell` in processes of
//! their own.
//!
//! Each wait is for a line that a process prints, with a limit that only a broken
//! program exceeds.

use std::{
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Output, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
    time::{Duration, Instant},
};

use imbolc_net::util::text;

use crate::strange_host;

const LIMIT: Duration = Duration::from_secs(30);

/// A running `session`. Dropping it kills the process.
pub struct Session {
    name: String,
    child: Child,
    /// Closed by taking it.
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    printed: Vec<String>,
    /// Its own: whom it knows must not be known to other tests.
    _home: tempfile::TempDir,
}

impl Session {
    fn start(name: &str, arguments: &[&str]) -> Self {
        Self::start_with(name, Command::new(program()).args(arguments).env_remove("RUST_LOG"))
    }

    fn start_with(name: &str, command: &mut Command) -> Self {
        let home = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let mut child = command
            .args(["--name", name])
            .env_remove("XDG_DATA_HOME")
            .env_remove("XDG_STATE_HOME")
            .env("HOME", home.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the example `session` is built along with the tests");
        let stdout = child.stdout.take().unwrap();
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        let stdin = child.stdin.take();
        Self { name: name.into(), child, stdin, lines, printed: Vec::new(), _home: home }
    }

    /// A host, and its address.
    fn host(address: &str) -> (Self, String) {
        Self::host_with(&["host", address])
    }

    /// A host whose log is not printed but kept for the test, and its address.
    fn host_logging() -> (Self, String) {
        let mut command = Command::new(program());
        command.args(["host", "127.0.0.1:0"]).env("RUST_LOG", "trace").stderr(Stdio::piped());
        Self::with_address(Self::start_with("mia", &mut command))
    }

    fn host_with(arguments: &[&str]) -> (Self, String) {
        Self::with_address(Self::start("mia", arguments))
    }

    fn with_address(mut host: Self) -> (Self, String) {
        let hosting = host.hears("hosting at");
        let address = hosting.split_whitespace().find(|word| word.contains("127.0.0.1:"));
        let address = address.expect("it prints its address").to_owned();
        (host, address)
    }

    pub fn join(name: &str, address: &str, own: &str, state: &StateDir) -> Self {
        let state = state.0.to_str().unwrap();
        let mut arguments = vec!["join", address, "--state-dir", state];
        if !own.is_empty() {
            arguments.extend(["--own", own]);
        }
        let mut guest = Self::start(name, &arguments);
        guest.hears("connected as");
        guest
    }

    pub fn types(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().expect("its standard input is open");
        writeln!(stdin, "{line}").unwrap();
    }

    /// Waits for a new line that contains `text`.
    fn hears(&mut self, text: &str) -> String {
        let deadline = Instant::now() + LIMIT;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(line) = self.lines.recv_timeout(left) else {
                panic!("{} did not print `{text}`, but:\n{}", self.name, self.printed.join("\n"));
            };
            self.printed.push(line.clone());
            if line.contains(text) {
                return line;
            }
        }
    }

    /// Types a command and waits until its output contains `text`.
    fn sees(&mut self, command: &str, text: &str) {
        self.types(&format!("wait {} {command} {text}", LIMIT.as_secs()));
        let done = format!("seen-{}", self.printed.len());
        self.types(&done);
        // The error about this unknown command tells that the wait is over.
        let printed = self.printed.len();
        self.hears(&done);
        let failed =
            self.printed[printed..].iter().any(|line| line.contains("did not show within"));
        assert!(!failed, "{} does not see `{text}`:\n{}", self.name, self.printed.join("\n"));
    }

    /// Stops it, or lets it continue, as a closed lid does.
    #[cfg(unix)]
    fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    /// Ends it without a goodbye.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Closes its standard input, and returns whether it exited with success.
    fn finish(mut self) -> bool {
        self.stdin = None;
        self.ends()
    }

    /// Waits until it exits, and returns whether that was with success.
    fn ends(mut self) -> bool {
        let deadline = Instant::now() + LIMIT;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.success();
            }
            thread::sleep(Duration::from_millis(5));
        }
        panic!("{} does not exit:\n{}", self.name, self.printed.join("\n"));
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The directory for the tokens of a test.
pub struct StateDir(PathBuf);

impl StateDir {
    pub fn new(test: &str) -> Self {
        let path = std::env::temp_dir().join(format!("imbolc-net-{test}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        Self(path)
    }

    /// A copy with the tokens of this one.
    fn copied(&self, test: &str) -> Self {
        let copy = Self::new(test);
        std::fs::create_dir_all(&copy.0).unwrap();
        for file in std::fs::read_dir(&self.0).unwrap() {
            let file = file.unwrap();
            std::fs::copy(file.path(), copy.0.join(file.file_name())).unwrap();
        }
        copy
    }
}

impl Drop for StateDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn program() -> PathBuf {
    example("session")
}

/// The path of an example: Cargo puts it beside the directory of the tests.
fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let profile = test.parent().and_then(Path::parent).unwrap();
    profile.join("examples").join(name).with_extension(std::env::consts::EXE_EXTENSION)
}

/// An address without a listener.
fn free_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

#[test]
fn edit_in_one_process_shows_in_the_others() {
    let state = StateDir::new("edit");
    let (mut host, address) = Session::host("127.0.0.1:0");
    let mut ana = Session::join("ana", &address, "1", &state);
    let mut ben = Session::join("ben", &address, "2", &state);

    ana.types("filter 1 800");
    ben.hears("ana: 1 Bass: filter cutoff 800 Hz");
    host.hears("ana: 1 Bass: filter cutoff 800 Hz");
    ben.types("note 2 1 64");
    ana.hears("ben: 2 Lead: note E4 at beat 1");
    host.types("bpm 90");
    ana.hears("mia: tempo 90 bpm");
    ben.sees("show", "800 Hz");

    ben.types("filter 1 400");
    ben.hears("ana owns 1 Bass: ask ana");
    ben.types("privilege");
    ben.hears("you do not get the privilege: mia has it");
    host.hears("ben asks for the privilege: `yield` gives it up");
    host.types("yield");
    ben.hears("the privilege is free");
    ben.types("privilege");
    ana.hears("ben has the privilege");
    assert!(ana.finish());
    ben.hears("1 Bass is free");
}

#[test]
fn script_joins_with_the_code_and_later_without() {
    let state = StateDir::new("code");
    let (mut host, address) = Session::host_with(&["host", "127.0.0.1:0", "--no-local-exemption"]);
    let code = host.hears("code ");
    let code: String = code.chars().filter(char::is_ascii_digit).collect();
    let other = if code == "111111" { "222222" } else { "111111" };
    let join = |more: &[&str]| {
        let mut join = Command::new(program());
        join.args(["join", &address, "--name", "ana", "--no-local-exemption", "--state-dir"]);
        join.arg(&state.0).args(more).env("HOME", env!("CARGO_TARGET_TMPDIR"));
        let output = join.env_remove("IMBOLC_CODE").output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (status, said) = join(&[]);
    assert_eq!(status, Some(1));
    assert!(said.ends_with(": give it with --code 123-456\n"), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    let (status, said) = join(&["--code", other]);
    assert!(status == Some(1) && said.contains("the code is wrong"), "{said}");
    assert_eq!(join(&["--code", &code[..6]]), (Some(0), String::new()));
    assert_eq!(join(&[]), (Some(0), String::new()), "the next day");
    host.hears("ana has joined");
}

#[test]
fn typed_host_decides_who_takes_part() {
    let state = StateDir::new("decides");
    let (mut host, address) = Session::host("127.0.0.1:0");
    let mut ana = Session::join("ana", &address, "1", &state);
    host.types("role ana viewer");
    ana.hears("you are a viewer now");
    ana.types("filter 1 800");
    ana.hears("viewer");
    ana.types("code");
    ana.hears("only the host of the session can do this");
    host.sees("who", "owns nothing, viewer, key ");
    host.types("remove ana");
    host.hears("ana is removed");
    host.hears("new code ");
    assert!(!ana.ends());
}

#[test]
fn save_and_load_show_in_another_process() {
    let state = StateDir::new("projects");
    let projects = state.0.join("projects");
    let arguments = ["host", "127.0.0.1:0", "--project-dir", projects.to_str().unwrap()];
    let (mut host, address) = Session::host_with(&arguments);
    let mut ana = Session::join("ana", &address, "1", &state);

    ana.types("filter 1 800");
    host.hears("ana: 1 Bass: filter cutoff 800 Hz");
    ana.types("save Song");
    ana.hears("mia has the privilege: `privilege` asks for it");
    host.types("save First song");
    for player in [&mut host, &mut ana] {
        player.hears("First song is saved");
    }
    ana.types("projects");
    ana.hears("> First song");

    ana.types("filter 1 300");
    host.hears("ana: 1 Bass: filter cutoff 300 Hz");
    host.types("load First song");
    for player in [&mut host, &mut ana] {
        player.hears("First song is loaded");
        player.hears("* 1 Bass: filter cutoff 800 Hz");
    }
    host.types("load Second song");
    for player in [&mut host, &mut ana] {
        player.hears("Second song is not loaded: no project or checkpoint has this name");
    }
}

#[cfg(unix)]
#[test]
fn signalled_host_keeps_unsaved_work() {
    for signal in ["-HUP", "-TERM", "-INT"] {
        let state = StateDir::new(&format!("kept{signal}"));
        let projects = state.0.join("projects");
        let arguments = ["host", "127.0.0.1:0", "--project-dir", projects.to_str().unwrap()];
        let (mut host, address) = Session::host_with(&arguments);
        let mut ana = Session::join("ana", &address, "", &state);
        host.types("bpm 90");
        ana.hears("tempo 90 bpm");
        host.signal(signal);
        ana.hears("the host has ended the session");
        assert_eq!(host.finish(), signal != "-HUP", "{signal}");

        let (mut host, _) = Session::host_with(&arguments);
        let kept = host.hears("to bring it back: recover ");
        let (_, name) = kept.split_once("recover ").unwrap();
        host.types(&format!("recover {name}"));
        host.sees("show", "90 bpm");
    }
}

#[cfg(unix)]
#[test]
fn blocked_output_does_not_keep_program_alive() {
    let mut child = Command::new(program())
        .args(["local", "--name", "mia"])
        .env_remove("XDG_DATA_HOME")
        .env("HOME", env!("CARGO_TARGET_TMPDIR"))
        .stdin(Stdio::piped())
        // It is not read.
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    for _ in 0..1000 {
        writeln!(stdin, "show").unwrap();
    }
    thread::sleep(Duration::from_secs(1));
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    let told = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if told.elapsed() > Duration::from_secs(4) {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("it does not end");
        }
        thread::sleep(Duration::from_millis(10));
    };
    assert_eq!(status.code(), Some(3));
}

#[test]
fn session_tables_align_names_of_any_script() {
    let state = StateDir::new("columns");
    let (mut host, address) = Session::host("127.0.0.1:0");
    let (mut shown, mut listed) = (Vec::new(), Vec::new());
    for name in ["山田太郎", "👩\u{200d}🎤", "e\u{301}lise", "a-name-that-is-far-too-long"]
    {
        let mut guest = Session::join(name, &address, "", &state);
        guest.types(&format!("add {name}"));
        for (command, cell, columns) in
            [("show", "oscillator", &mut shown), ("who", "owns", &mut listed)]
        {
            guest.types(command);
            let start = name.chars().next().unwrap();
            let line = loop {
                let line = guest.hears(cell);
                if line.contains(start) && !line.starts_with('*') {
                    break line;
                }
            };
            columns.push(text::columns(&line[..line.find(cell).unwrap()]));
        }
        host.hears("new instrument");
    }
    for columns in [shown, listed] {
        assert!(columns.iter().all(|column| *column == columns[0]), "{columns:?}");
    }
}

#[test]
fn undo_and_redo_name_the_change() {
    let state = StateDir::new("undo");
    let (mut host, address) = Session::host("127.0.0.1:0");
    let mut ana = Session::join("ana", &address, "1", &state);
    ana.types("filter 1 800");
    ana.types("undo");
    ana.hears("undo: 1 Bass: filter cutoff 8 kHz");
    ana.types("redo");
    ana.hears("redo: 1 Bass: filter cutoff 800 Hz");
    host.types("bpm 90");
    host.types("undo");
    host.hears("undo: tempo 120 bpm");
    ana.types("note 1 2 60");
    ana.types("note 1 2 60");
    ana.hears("there is a note C4 at beat 2 already");
    ana.types("filter x 3");
    ana.hears("x is not a valid number here");
}

#[test]
fn script_runs_to_its_last_line() {
    let state = StateDir::new("script");
    let (mut host, address) = Session::host("127.0.0.1:0");
    let mut ana = Session::join("ana", &address, "", &state);
    ana.types("own 1");
    ana.types("filter 1 1234");
    assert!(ana.finish());
    host.sees("show", "1.23 kHz");

    let mut ben = Session::join("ben", &address, "", &state);
    ben.types("filter 1 99");
    assert!(!ben.finish(), "the exit code tells that a line failed");
}

#[test]
fn host_whose_input_is_over_keeps_no_privilege() {
    let state = StateDir::new("seat");
    let (mut host, address) = Session::host("127.0.0.1:0");
    host.types("own 1");
    host.stdin = None;
    host.hears("the privilege is free");
    for name in ["ana", "ben"] {
        let mut guest = Session::join(name, &address, "1", &state);
        guest.types("privilege");
        // It is given back to the host when the guest leaves.
        guest.hears("you have the privilege");
        assert!(guest.finish());
        host.hears(&format!("{name} has left"));
        host.hears("the privilege is free");
    }
}

#[test]
fn denied_join_requests_are_printed_once() {
    let state = StateDir::new("once");
    let (_host, address) = Session::host("127.0.0.1:0");
    let _ana = Session::join("ana", &address, "1", &state);
    let directory = state.0.to_str().unwrap();
    let arguments = ["join", &address, "--own", "1", "--privilege", "--state-dir", directory];
    let mut ben = Session::start("ben", &arguments);
    ben.hears("you do not get the privilege: mia has it");
    // The answer to this arrives after those to all earlier requests.
    ben.types("own 2");
    ben.hears("you own 2 Lead");
    let refused = ben.printed.iter().filter(|line| line.starts_with("! you do not get")).count();
    assert_eq!(refused, 2, "{}", ben.printed.join("\n"));
}

#[test]
fn killed_client_resumes_with_its_instruments() {
    let state = StateDir::new("killed");
    let (mut host, address) = Session::host("127.0.0.1:0");
    let mut ana = Session::join("ana", &address, "1,2", &state);
    ana.types("filter 1 800");
    host.hears("ana: 1 Bass: filter cutoff 800 Hz");
    ana.kill();
    host.hears("ana is away");
    let mut ben = Session::join("ben", &address, "", &state);
    ben.types("own 1");
    ben.hears("you do not get 1 Bass: ana owns 1 Bass: ask ana");

    // It requests nothing, and still owns its instruments.
    let mut ana =
        Session::start("ana", &["join", &address, "--state-dir", state.0.to_str().unwrap()]);
    let welcome = ana.hears("connected as ana");
    assert!(welcome.contains("welcome back"), "{welcome}");
    assert!(welcome.contains("with 1 Bass, 2 Lead"), "{welcome}");
    host.hears("ana is back");
    ana.types("filter 1 700");
    ben.hears("ana: 1 Bass: filter cutoff 700 Hz");
}

#[test]
fn guest_whose_place_is_gone_is_not_welcomed_back() {
    let state = StateDir::new("gone");
    let (_host, address) = Session::host("127.0.0.1:0");
    Session::join("ana", &address, "1", &state).kill();
    // The host does not know this instance, as after the resume window.
    let files = std::fs::read_dir(&state.0).unwrap().map(|file| file.unwrap().path());
    let path = files.into_iter().find(|path| path.extension() == Some("json".as_ref())).unwrap();
    let mut saved: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    saved["instance"] = "07".repeat(16).into();
    std::fs::write(&path, saved.to_string()).unwrap();

    let mut ana = Session::join("ana", &address, "2", &state);
    ana.hears("as a new participant: your place has expired");
    let back = ana.printed.iter().find(|line| line.contains("welcome back"));
    assert_eq!(back, None, "{}", ana.printed.join("\n"));
}

/// `IMBOLC_PAUSE` sets the seconds of the pause, `IMBOLC_PAUSES` the number of runs.
#[cfg(unix)]
#[test]
fn paused_host_costs_no_guest_its_place() {
    let number = |name, default| std::env::var(name).map_or(default, |n| n.parse().unwrap());
    let pause = Duration::from_secs(number("IMBOLC_PAUSE", 20));
    for run in 1..=number("IMBOLC_PAUSES", 1) {
        let state = StateDir::new("paused");
        let (mut host, address) = Session::host("127.0.0.1:0");
        let mut ana = Session::join("ana", &address, "1", &state);
        let mut ben = Session::join("ben", &address, "2", &state);
        ana.types("filter 1 800");
        host.hears("ana: 1 Bass: filter cutoff 800 Hz");
        ben.types("filter 2 700");
        host.hears("ben: 2 Lead: filter cutoff 700 Hz");

        host.signal("-STOP");
        let stopped = Instant::now();
        for guest in [&mut ana, &mut ben] {
            guest.hears("connection lost");
        }
        ana.types("filter 1 500");
        thread::sleep(pause.saturating_sub(stopped.elapsed()));
        host.signal("-CONT");

        for guest in [&mut ana, &mut ben] {
            guest.hears("connected again");
            let anew = guest.printed.iter().find(|line| line.contains("new participant"));
            assert_eq!(anew, None, "run {run}");
        }
        host.hears("ana: 1 Bass: filter cutoff 500 Hz");
        host.sees("who", "ana owns 1 Bass");
        host.sees("who", "ben owns 2 Lead");
        for cutoff in ["800 Hz", "8 kHz"] {
            ana.types("undo");
            ana.hears(&format!("undo: 1 Bass: filter cutoff {cutoff}"));
        }
        ben.types("filter 2 600");
        host.hears("ben: 2 Lead: filter cutoff 600 Hz");
        println!("run {run}: paused for {pause:?}");
    }
}

#[test]
fn older_of_two_programs_with_one_token_ends() {
    let state = StateDir::new("twice");
    let (mut host, address) = Session::host("127.0.0.1:0");
    let older = Session::join("ana", &address, "1", &state);
    // A token of this directory is in use, so another program takes one from a copy of
    // it, such as that on another laptop.
    let copy = state.copied("twice-again");
    let mut newer = Session::join("ana", &address, "", &copy);
    assert!(!older.ends(), "the exit code tells that it did not leave by itself");
    newer.types("filter 1 800");
    host.hears("ana: 1 Bass: filter cutoff 800 Hz");
    newer.sees("who", "ana owns 1 Bass");
}

#[test]
fn clients_report_a_killed_host_and_rejoin_the_next() {
    let state = StateDir::new("host");
    // Both hosts have the key of the same installation.
    let key = StateDir::new("key");
    let host_at =
        |address| Session::host_with(&["host", address, "--state-dir", key.0.to_str().unwrap()]);
    let (host, address) = host_at("127.0.0.1:0");
    let mut ana = Session::join("ana", &address, "1", &state);
    let mut ben = Session::join("ben", &address, "2", &state);
    ana.types("filter 1 800");
    ben.hears("ana: 1 Bass: filter cutoff 800 Hz");

    host.kill();
    for guest in [&mut ana, &mut ben] {
        guest.hears("connection lost");
        guest.sees("status", "reconnecting");
        guest.sees("show", "800 Hz");
    }

    let (mut host, _) = host_at(&address);
    for (guest, own) in [(&mut ana, "1 Bass"), (&mut ben, "2 Lead")] {
        guest.hears("connected again");
        guest.hears("as a new participant");
        guest.hears(&format!("you own {own} again"));
        // The new host starts with the starter state.
        guest.sees("show", "8 kHz");
    }
    ana.types("filter 1 600");
    ben.hears("ana: 1 Bass: filter cutoff 600 Hz");
    host.sees("who", "owns 1 Bass");
}

#[test]
fn python_client_joins_edits_and_is_refused() {
    let state = StateDir::new("python");
    let (mut host, address) = Session::host("127.0.0.1:0");
    let mut ana = Session::join("ana", &address, "2", &state);

    // It leaves after answering a ping.
    let visit = python_client(&[&address, "--name", "py", "--own", "1", "--stay", "1"]);
    let (output, error) = (text(&visit.stdout), text(&visit.stderr));
    assert!(visit.status.success(), "{output}{error}");
    assert!(error.is_empty(), "{error}");
    let mut lines = output.lines();
    for expected in [
        "> Hello, I am py and would like to own instrument 1",
        "< Welcome, py, you are client 2",
        "instrument 1, Bass, belongs to py; cutoff 8000.0 Hz",
        "instrument 2, Lead, belongs to ana; cutoff 8000.0 Hz",
        "> action 1: cutoff of instrument 1 to 880 Hz",
        "< decided up to action 1",
        r#"[{"Instrument": [1, {"Filter": {"Cutoff": 880.0}}]}]"#,
        "so the cutoff of instrument 1 is 880 Hz now, for everyone",
        "> action 2: cutoff of instrument 2 to 880 Hz",
        "< action 2 is refused: instrument 2 belongs to ana",
        "< decided up to action 2",
        "< Ping",
        "> Pong",
        "> Goodbye",
        "< the host has closed the connection",
    ] {
        assert!(
            lines.any(|line| line.contains(expected)),
            "no `{expected}` in its place:\n{output}"
        );
    }
    for other in [&mut host, &mut ana] {
        other.hears("py: 1 Bass: filter cutoff 880 Hz");
        other.hears("1 Bass is free");
    }

    // An instrument of another participant is refused, in one line.
    let visit = python_client(&[&address, "--own", "2"]);
    assert_eq!(visit.status.code(), Some(1));
    assert_eq!(
        text(&visit.stderr),
        "protocol violation: not granted: instrument 2 belongs to ana\n"
    );
}

#[test]
fn bell_rings_once_for_each_key() {
    let output = Command::new(example("bell")).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(output.stdout, b"\x07C4\n\x07E4\n\x07G4\n\x07C5\n");
}

/// Runs the example client that is written from the protocol document.
fn python_client(arguments: &[&str]) -> Output {
    Command::new("python3")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/client.py"))
        .args(arguments)
        .output()
        .expect("python3 is installed")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn log_filter_that_is_not_understood_is_an_error_of_one_line() {
    let run = |filter: &str| {
        let mut session = Command::new(program());
        session.args(["local", "--name", "Ana"]).env("RUST_LOG", filter).stdin(Stdio::null());
        session.env_remove("XDG_DATA_HOME").env("HOME", env!("CARGO_TARGET_TMPDIR"));
        session.output().unwrap()
    };
    for wrong in ["imbolc_net=loud", "imbolc_net=debug info"] {
        let output = run(wrong);
        let error = text(&output.stderr);
        assert!(!output.status.success(), "{wrong}");
        assert_eq!(error.lines().count(), 1, "{error}");
        assert!(error.contains(&format!("RUST_LOG={wrong:?} is not understood: ")), "{error}");
    }
    for right in ["", "info, imbolc_net=error"] {
        assert!(run(right).status.success(), "{right}");
    }
}

#[test]
fn open_errors_take_one_line() {
    let state = StateDir::new("bad");
    let directory = state.0.to_str().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let free = free_address();
    let cases: [(&[&str], &str); 4] = [
        (&["host", &taken], "the address is in use"),
        (&["host", "nonsense"], "that is not an address of the form host:port"),
        (&["join", &free, "--state-dir", directory], "nothing is listening there"),
        (&["join", "no host:1", "--state-dir", directory], "cannot join no host:1"),
    ];
    for (arguments, expected) in cases {
        let output = Command::new(program())
            .args(arguments)
            .env_remove("RUST_LOG")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success(), "{arguments:?}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
        assert_eq!(error.lines().count(), 1, "{error}");
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn line_that_is_no_utf8_ends_no_session() {
    let mut mia = Session::start("mia", &["local"]);
    let stdin = mia.stdin.as_mut().expect("its standard input is open");
    stdin.write_all(b"caf\xe9\n").unwrap();
    mia.hears("unknown command");
    mia.types("bpm 90");
    mia.sees("show", "90 bpm");
}

#[test]
fn text_from_a_host_controls_no_terminal_and_no_log() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/server");
    let messages = strange_host::messages(&golden);
    assert!(messages.len() > 50, "{}", messages.len());
    let state = StateDir::new("strange");
    for message in messages {
        let address = strange_host::start(&golden, vec![message.clone()]).to_string();
        let mut child = Command::new(program())
            .args(["join", &address, "--name", "ana", "--codec", "json", "--state-dir"])
            .arg(&state.0)
            .env("RUST_LOG", "trace")
            .env("HOME", env!("CARGO_TARGET_TMPDIR"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let commands = "wait 0.05\nwho\nshow\nstatus\nprojects\nundo\nquit\n";
        // It may have ended already.
        let _ = child.stdin.take().unwrap().write_all(commands.as_bytes());
        let output = child.wait_with_output().unwrap();
        let printed = [output.stdout, output.stderr].concat();
        let printed = String::from_utf8(printed).unwrap();
        assert!(!strange_host::is_tricked(&printed), "{message}: {printed:?}");
        assert!(!printed.is_empty(), "{message}");
    }
}

#[test]
fn text_from_a_host_controls_no_terminal_of_python() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/server");
    let mut messages = strange_host::messages(&golden);
    messages.retain(|message| {
        ["Welcome", "Error", "ActionRejected"].iter().any(|kind| message.get(kind).is_some())
    });
    assert!(messages.len() > 10, "{}", messages.len());
    for message in messages {
        let address = strange_host::start(&golden, vec![message.clone()]).to_string();
        let visit = python_client(&[&address]);
        let printed = String::from_utf8([visit.stdout, visit.stderr].concat()).unwrap();
        assert!(!strange_host::is_tricked(&printed), "{message}: {printed:?}");
        assert_eq!(visit.status.code(), Some(1), "{message}: {printed}");
        assert!(!printed.contains("Traceback"), "{message}: {printed}");
    }
}

#[test]
fn text_from_a_client_controls_no_log() {
    let (mut host, address) = Session::host_logging();
    for payload in ["{\"\\u001b]0;x\\u0007\\nFORGED\":{}}", "\"\\r\\nFORGED \\u202e\""] {
        let mut stream = std::net::TcpStream::connect(&address).unwrap();
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        stream.write_all(&[&length[..], payload.as_bytes()].concat()).unwrap();
        let _ = std::io::Read::read_to_end(&mut stream, &mut Vec::new());
    }
    host.stdin = None;
    host.child.kill().unwrap();
    let mut log = String::new();
    std::io::Read::read_to_string(&mut host.child.stderr.take().unwrap(), &mut log).unwrap();
    assert!(log.contains("FORGED"), "{log:?}");
    assert!(!strange_host::is_tricked(&log), "{log:?}");
}
