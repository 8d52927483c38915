//! A host without a screen, as a real process: its log, and the commands at its terminal.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    time::Duration,
};

use crate::{
    player::{Player, silence},
    processes::net::{Directory, address},
};

/// A host without a screen, and the lines that it prints.
pub struct Headless {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
    _home: Directory,
}

impl Headless {
    pub fn start(arguments: &[&str]) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let home = Directory::new(&format!("headless-home-{}", COUNT.fetch_add(1, Relaxed)));
        let mut child = Command::new(env!("CARGO_BIN_EXE_imbolc-ui"))
            .args(arguments)
            .args(silence(arguments))
            .env("HOME", home.path())
            .env("RUST_LOG", "trace")
            .env_remove("XDG_STATE_HOME")
            .env_remove("XDG_DATA_HOME")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        Self { child, lines, _home: home }
    }

    /// Waits for a line that contains `text`.
    pub fn wait_for_line(&mut self, text: &str) -> String {
        self.lines_until(text).pop().expect("the line")
    }

    /// The lines up to the first one that contains `text`.
    fn lines_until(&mut self, text: &str) -> Vec<String> {
        let mut said = Vec::new();
        for line in self.lines.by_ref() {
            said.push(line.expect("text"));
            if said.last().is_some_and(|line| line.contains(text)) {
                return said;
            }
        }
        panic!("it ends without {text:?}:\n{}", said.join("\n"));
    }
}

impl Drop for Headless {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn headless_host_prints_joins_leaves_and_its_end() {
    let state = Directory::new("headless");
    let mut host = Headless::start(&[
        "--server",
        "--name",
        "mia",
        "--session-name",
        "Friday",
        "--bind",
        "127.0.0.1:0",
    ]);
    let greeting = host.wait_for_line("Friday is hosting at ");
    let address = greeting.split_whitespace().nth(4).expect("an address");
    host.wait_for_line("[0 here | stopped, ");
    let join = ["--connect", address, "--name", "ana", "--state-dir", state.path()];
    let mut ana = Player::start(&join);
    ana.wait_for("Friday");
    host.wait_for_line("ana has joined");
    host.wait_for_line("[1 here |");
    ana.press("q");
    assert!(ana.wait_for_exit().success());
    host.wait_for_line("ana has left");

    let mut ben =
        Player::start(&["--connect", address, "--name", "ben", "--state-dir", state.path()]);
    ben.wait_for("ben connected");
    host.wait_for_line("ben has joined");
    let id = host.child.id().to_string();
    assert!(Command::new("kill").args(["-s", "INT", &id]).status().expect("kill runs").success());
    ben.wait_for("ben reconnecting: ");
    host.wait_for_line("the session has ended");
    assert!(host.child.wait().expect("it ends").success());
    ben.press("q");
    assert!(ben.wait_for_exit().success());
}

#[test]
fn headless_log_tells_a_sweep_once() {
    let state = Directory::new("sweep");
    let arguments = ["--server", "--name", "mia", "--bind", "127.0.0.1:0"];
    let mut host = Headless::start(&arguments);
    let greeting = host.wait_for_line(" is hosting at ");
    let address = greeting.split_whitespace().nth(4).expect("an address");
    let join = ["--connect", address, "--name", "ana", "--state-dir", state.path()];
    let mut ana = Player::start(&[&join[..], &["--own", "1"]].concat());
    ana.wait_for("ana connected");
    // Each turn arrives by itself.
    for level in ["-5.0", "-4.0", "-3.0", "-2.0", "-1.0"] {
        ana.press("+");
        ana.wait_until("it is confirmed", |screen| {
            screen.lines().any(|line| line.contains("1  Bass") && line.contains(level))
                && !screen.contains(&format!("{level}*"))
        });
    }
    let mut said = host.lines_until("level -1");
    ana.press("q");
    assert!(ana.wait_for_exit().success());
    said.extend(host.lines_until("ana has left"));
    let count = |text: &str| said.iter().filter(|line| line.contains(text)).count();
    assert_eq!(count("ana has joined"), 1, "{said:#?}");
    assert!(count("level -") <= 2, "the first value and the last: {said:#?}");
}

#[test]
fn headless_log_tells_what_has_settled_while_keys_are_played() {
    let state = Directory::new("playing");
    let arguments = ["--server", "--name", "mia", "--bind", "127.0.0.1:0"];
    let mut host = Headless::start(&arguments);
    let greeting = host.wait_for_line(" is hosting at ");
    let address = greeting.split_whitespace().nth(4).expect("an address");
    let join = ["--connect", address, "--name", "ana", "--state-dir", state.path()];
    let mut ana = Player::start(&join);
    ana.wait_for("ana connected");
    host.wait_for_line("[1 here | stopped, ");
    ana.press("P");
    host.wait_for_line("ana has the privilege");
    ana.press("k");
    let (said, listens) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        scope.spawn(move || said.send(host.wait_for_line("| privilege: ana]")));
        let told = std::iter::repeat_n(Duration::from_millis(250), 40).any(|pause| {
            ana.press("a");
            listens.recv_timeout(pause).is_ok()
        });
        assert!(told, "not before she pauses");
    });
}

#[test]
fn headless_host_takes_commands_at_a_terminal() {
    let state = Directory::new("commands");
    let mut host = Player::start(&["--server", "--name", "mia", "--bind", "127.0.0.1:0"]);
    let address = address(&host);
    host.wait_for("| privilege: free]");
    host.press("who\r");
    host.wait_for("nobody is in the session");
    let join = |name: &str| {
        let player =
            Player::start(&["--connect", &address, "--name", name, "--state-dir", state.path()]);
        player.wait_for(&format!("{name} connected"));
        player
    };
    let (mut ana, mut ben) = (join("ana"), join("ben"));
    host.wait_for("ben has joined");

    // The first to ask gets the privilege; its holder sees who else asks.
    ana.press("P");
    host.wait_for("ana has the privilege");
    ben.press("P");
    ana.wait_for("ben asks for the privilege: P gives it up");
    ana.press("P");
    ben.wait_for("the privilege is free");
    ben.press("P");
    host.wait_for("ben has the privilege");

    // What is being typed stays whole.
    host.press("save So");
    ana.press("q");
    assert!(ana.wait_for_exit().success());
    host.wait_for("ana has left");
    host.wait_until("the line stays", |screen| screen.ends_with("save So"));
    host.press("ng\r");
    host.wait_for("saved as “Song”");
    ben.wait_for("Song");
    host.press_bytes(b"\xff\xfe\r");
    host.wait_for("unknown command ");
    host.press(&format!("{}\r", "la".repeat(1000)));
    host.wait_for("lal…: help lists them");
    host.press("who\rdance\rsave a/b\r");
    host.wait_for("ben: owns nothing, has the privilege");
    host.wait_for("unknown command dance: help lists them");
    host.wait_for("not saved: ");

    host.press("quit\r");
    host.wait_for("1 person is in the session: enter the same again to go on");
    host.press("quit\r");
    assert!(host.wait_for_exit().success());
    ben.wait_for("ben reconnecting: ");
}

#[test]
fn failed_save_of_a_headless_host_is_told() {
    let host = ["--server", "--name", "mia", "--bind", "127.0.0.1:0", "--project-dir"];
    let state = Directory::new("unwritable");
    let mut host = Player::start(&[&host[..], &[state.path()]].concat());
    host.wait_for("[0 here |");
    std::fs::remove_dir_all(state.path()).expect("it is there");
    std::fs::write(state.path(), "a file").expect("it can be written");
    host.press("save Song\r");
    host.wait_for("failed: save as “Song”: ");
    std::fs::remove_file(state.path()).expect("it is there");
    host.press("quit\r");
    host.wait_for_exit();
}
