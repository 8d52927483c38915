//! The end of the program: whatever is blocked, it ends within two seconds.

use std::{
    io::{Read as _, Write as _},
    process::{Child, Command, ExitStatus, Stdio},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use imbolc_net::Dispatcher;
use imbolc_ui::ending::{Ending, LIMIT, NOT_SAVED};
use pty_process::{Size, blocking};

use crate::{
    player::{PROGRAM, Player, send_signal, silence},
    stage::{Scene, Stage},
};

/// The time of a program to end, with some for a slow machine.
const PATIENCE: Duration = LIMIT.saturating_add(Duration::from_secs(1));

/// The program at the end of a terminal that is not its controlling terminal: it gets
/// no signal from it.
fn start_without_signals(arguments: &[&str]) -> (Child, blocking::Pty) {
    let (terminal, end) = blocking::open().expect("a terminal");
    terminal.resize(Size::new(100, 500)).expect("its size");
    let stdio = || {
        use std::os::fd::AsFd as _;
        Stdio::from(end.as_fd().try_clone_to_owned().expect("a descriptor"))
    };
    let child = Command::new(PROGRAM)
        .args(arguments)
        .args(silence(arguments))
        .env("TERM", "xterm-256color")
        .env("HOME", std::env::temp_dir().join("imbolc-ui-no-home"))
        .env_remove("XDG_DATA_HOME")
        .stdin(stdio())
        .stdout(stdio())
        .stderr(stdio())
        .spawn()
        .expect("the program starts");
    (child, terminal)
}

/// Reads what the program writes until `text` is among it.
fn read_until(terminal: &mut blocking::Pty, text: &str) {
    let (mut all, mut bytes) = (String::new(), [0; 4096]);
    while !all.contains(text) {
        let count = terminal.read(&mut bytes).expect("it writes");
        all += &String::from_utf8_lossy(&bytes[..count]);
    }
}

/// The status with which a program ends, which it does in time.
fn exit_in_time(child: &mut Child) -> ExitStatus {
    let told = Instant::now();
    loop {
        if let Some(status) = child.try_wait().expect("it is a child") {
            return status;
        }
        if told.elapsed() > PATIENCE {
            child.kill().expect("it runs");
            child.wait().expect("it ends");
            panic!("it does not end");
        }
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn closed_terminal_ends_program_without_signal() {
    for arguments in [&["--name", "mia"][..], &["--server", "--tui", "--bind", "127.0.0.1:0"]] {
        if cfg!(not(feature = "net")) && arguments.contains(&"--server") {
            continue;
        }
        let (mut child, mut terminal) = start_without_signals(arguments);
        read_until(&mut terminal, "Bass");
        // Until nothing is drawn any more: a frame would notice it.
        thread::sleep(Duration::from_secs(1));
        drop(terminal);
        exit_in_time(&mut child);
    }
}

#[test]
fn work_outlives_the_terminal_that_is_closed() {
    let directory = std::env::temp_dir().join(format!("imbolc-ui-closed-{}", std::process::id()));
    let project_dir = directory.to_str().expect("text");
    let arguments = ["--name", "mia", "--project-dir", project_dir];
    let (mut child, mut terminal) = start_without_signals(&arguments);
    read_until(&mut terminal, "Bass");
    terminal.write_all(b":tempo 90\r").expect("it reads");
    read_until(&mut terminal, "unsaved");
    // Every output of the program is the terminal.
    drop(terminal);
    assert_eq!(exit_in_time(&mut child).code(), Some(1), "it does not panic");
    assert!(directory.join("recovery").join("left-behind").exists());
    std::fs::remove_dir_all(directory).expect("it is there");
}

#[test]
fn blocked_terminal_does_not_keep_program_alive() {
    let (mut child, mut terminal) = start_without_signals(&["--name", "mia"]);
    read_until(&mut terminal, "Bass");
    // It draws pane after pane, and none of them is read.
    for _ in 0..50 {
        terminal.write_all(b"\t").expect("there is room");
        thread::sleep(Duration::from_millis(20));
    }
    send_signal(&child, "TERM");
    assert_eq!(exit_in_time(&mut child).code(), Some(NOT_SAVED.into()));
}

#[test]
fn unsaved_work_is_kept_and_the_next_start_says_so() {
    let home = std::env::temp_dir().join(format!("imbolc-ui-kept-{}", std::process::id()));
    let project_dir = home.to_str().expect("text");
    let hosting = ["--server", "--tui", "--bind", "127.0.0.1:0"];
    let hosting = if cfg!(feature = "net") { &hosting[..] } else { &[] };
    for (how, modes) in [("HUP", hosting), ("TERM", &[]), ("INT", &[])] {
        let arguments = [&["--name", "mia", "--project-dir", project_dir], modes].concat();
        let mut player = Player::start(&arguments);
        player.wait_for("1  Bass");
        player.press(":tempo 90\r");
        player.wait_for("unsaved");
        player.signal(how);
        assert_eq!(player.wait_for_exit().success(), how != "HUP", "{how}");

        let mut player = Player::start(&arguments);
        player.wait_for("unsaved work of the last time is kept: “:recover ");
        let screen = player.screen();
        let name = screen.split("“:recover ").nth(1).and_then(|rest| rest.split('”').next());
        player.press(&format!(":recover {}\r", name.expect("a name")));
        player.wait_for("90 bpm");
        player.wait_for("unsaved");
        player.press("qq");
        assert!(player.wait_for_exit().success());
        let mut player = Player::start(&arguments);
        player.wait_for("1  Bass");
        assert!(!player.screen().contains("is kept"), "{how}: {}", player.screen());
        player.press("q");
        assert!(player.wait_for_exit().success(), "nothing was lost");
    }
    std::fs::remove_dir_all(&home).expect("it is there");
}

/// The test starts itself in a process, which is never closed.
#[test]
fn blocked_save_is_given_up_and_named() {
    const BLOCKED: &str = "IMBOLC_UI_TEST_BLOCKED";
    if std::env::var_os(BLOCKED).is_some() {
        let mut stage = Stage::new(Scene::Local);
        stage.save_forever("Song");
        let (studio, _) = stage.dispatcher();
        let studio: Arc<dyn Dispatcher> = studio;
        let ending = Ending::watch().expect("it starts");
        ending.attend(&studio);
        ending.begin();
        loop {
            thread::park();
        }
    }
    let this = "ending::blocked_save_is_given_up_and_named";
    let mut child = Command::new(std::env::current_exe().expect("a file"))
        .args(["--exact", this, "--nocapture"])
        .env(BLOCKED, "1")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    assert_eq!(exit_in_time(&mut child).code(), Some(NOT_SAVED.into()));
    let mut said = String::new();
    child.stderr.take().expect("it is piped").read_to_string(&mut said).expect("text");
    assert!(said.contains("given up after 2 s: save as “Song” has not ended"), "{said}");
}
