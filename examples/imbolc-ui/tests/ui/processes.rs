//! Real processes in pseudo-terminals: start-up, errors, hosting and joining.

use std::time::Duration;

#[cfg(feature = "net")]
use imbolc_ui::ending::NOT_SAVED;

use crate::player::{PROGRAM, Player, without_terminal};

/// The one line that a failing program prints.
fn error_line(arguments: &[&str]) -> String {
    let output = without_terminal(arguments);
    assert!(!output.status.success(), "{arguments:?} succeeds");
    assert!(output.stdout.is_empty());
    let said = String::from_utf8(output.stderr).expect("text");
    assert_eq!(said.lines().count(), 1, "{said}");
    said.trim_end().to_owned()
}

#[test]
fn local_session_restores_the_terminal() {
    let mut player = Player::start(&["--name", "mia"]);
    player.wait_for("1  Bass");
    player.wait_for("mia local session");
    player.press("+");
    player.wait_for("-5.0");
    player.press("u");
    player.wait_for("-6.0");
    assert!(player.has_screen());
    player.press("q");
    assert!(player.wait_for_exit().success());
    assert!(!player.has_screen());
}

#[test]
fn unusable_terminal_is_one_line() {
    let mut player = Player::start_in(59, 16, &[]);
    assert!(!player.wait_for_exit().success());
    let screen = player.screen().replace('\n', "");
    assert!(screen.contains("needs 60 × 16, has 59 × 16: the terminal is too small"), "{screen}");
    assert!(error_line(&[]).contains("no terminal"));
}

#[test]
fn idle_program_writes_nothing() {
    let mut player = Player::start(&["--name", "mia"]);
    player.wait_for("mia local session");
    std::thread::sleep(Duration::from_secs(1));
    let before = player.written();
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(player.written(), before);
    player.press(" ");
    player.wait_for("▶");
    let before = player.written();
    std::thread::sleep(Duration::from_secs(1));
    assert!(player.written() > before + 100, "the playhead moves");
}

#[test]
fn first_command_can_save() {
    let mut player = Player::start(&["--name", "mia"]);
    player.wait_for("mia local session");
    player.press("+");
    player.wait_for("unsaved");
    player.press(":save Song\r");
    player.wait_for("saved as “Song”");
    player.wait_until("the mark is cleared", |screen| !screen.contains("unsaved"));
    player.press("q");
    assert!(player.wait_for_exit().success());
}

#[test]
fn program_without_scsynth_says_how_to_install_it() {
    let program = pty_process::blocking::Command::new(PROGRAM).args(["--name", "mia"]);
    let program = program.env("TERM", "xterm-256color").env("PATH", "/nonexistent");
    let mut player = Player::start_program(100, 30, program);
    player.wait_for("mia local session  ★ privilege  scsynth: no sound");
    player.wait_for("apt install supercollider-server");
    // All else goes on.
    player.press("+");
    player.wait_for("-5.0");
    player.press("qy");
    assert!(player.wait_for_exit().success());
    let said = error_line(&["--engine", "supercollider", "--scsynth", "/nonexistent"]);
    assert_eq!(said, "imbolc-ui: no program /nonexistent");
}

#[test]
fn doctor_fails_without_scsynth_and_says_what_to_install() {
    let mut program = std::process::Command::new(PROGRAM);
    let output = program.arg("--doctor").env("PATH", "/nonexistent").output().expect("it starts");
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        said.contains(
            "✗ program: SuperCollider is not installed: apt install supercollider-server"
        ),
        "{said}"
    );
}

/// Its reader is gone, as after `| head -1`.
#[test]
fn closed_output_is_no_panic() {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let mut program = std::process::Command::new(PROGRAM);
    program.arg("--doctor").env("PATH", "/nonexistent").stdout(writer);
    let output = program.output().expect("it starts");
    assert_eq!((output.status.code(), &*output.stderr), (Some(1), &b""[..]));
}

#[test]
fn contradicting_options_are_one_line() {
    let said = error_line(&["--render", "song.imbolc.json"]);
    assert!(said.contains("were not provided: --out <FILE>"), "{said}");
}

#[test]
fn project_that_cannot_be_rendered_is_one_line() {
    let directory = tempfile::tempdir().expect("a directory");
    let song = directory.path().join("song.imbolc.json");
    let (song, mix) = (song.to_str().expect("text"), directory.path().join("mix.wav"));
    let render = ["--render", song, "--out", mix.to_str().expect("text")];
    let render = [&render[..], &["--scsynth", "/nonexistent"]].concat();
    assert!(error_line(&render).contains("song.imbolc.json: no such file"));
    std::fs::write(song, "{}").expect("it can be written");
    assert!(error_line(&render).contains("song.imbolc.json: "));
    save_song(song);
    assert!(error_line(&render).contains("no program /nonexistent"));
    assert!(!mix.exists());
    // It would be replaced by its own sound.
    let written = std::fs::read(song).expect("it is there");
    let said = error_line(&["--render", song, "--out", song]);
    assert_eq!(said, format!("imbolc-ui: {song}: only WAV is written: its name ends in .wav"));
    assert_eq!(std::fs::read(song).expect("it is there"), written);
}

/// A project with four bars, saved as the program does.
fn save_song(file: &str) {
    use imbolc_net::{
        projects,
        studio::{ProjectName, StudioState},
    };

    let place = std::path::Path::new(file);
    let directory = place.parent().expect("a directory");
    let store = projects::Store::open(directory).expect("a directory");
    let name = ProjectName::new("song").expect("a name");
    store.save(&name, &StudioState::starter()).expect("it is saved");
}

/// Without `scsynth` it is not tested, and says so.
#[test]
fn project_is_rendered_by_the_program() {
    if imbolc_supercollider::server::find_scsynth(None).is_err() {
        eprintln!("skipped: scsynth is not installed");
        return;
    }
    let directory = tempfile::tempdir().expect("a directory");
    let song = directory.path().join("song.imbolc.json");
    let mix = directory.path().join("mix.wav");
    let (song, out) = (song.to_str().expect("text"), mix.to_str().expect("text"));
    save_song(song);
    let render = ["--render", song, "--out", out, "--from", "2", "--to", "3", "--rate", "44100"];
    let output = without_terminal(&render);
    let said = String::from_utf8_lossy(&output.stdout);
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaint}");
    assert_eq!(complaint, "");
    assert!(said.starts_with(&format!("{out}: 4 s, 44,100 Hz, peak ")), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    let bytes = std::fs::read(&mix).expect("a file");
    // Two bars at 120 bpm in stereo, of 16 bits each; nothing rings.
    assert_eq!(bytes.len(), 44 + 4 * 44_100 * 4);
}

/// Without `scsynth` it is not tested, and says so.
#[test]
fn interrupted_rendering_leaves_no_file() {
    if imbolc_supercollider::server::find_scsynth(None).is_err() {
        eprintln!("skipped: scsynth is not installed");
        return;
    }
    let directory = tempfile::tempdir().expect("a directory");
    let song = directory.path().join("song.imbolc.json");
    let mix = directory.path().join("mix.wav");
    let (song, out) = (song.to_str().expect("text"), mix.to_str().expect("text"));
    save_song(song);
    let mut player = Player::start(&["--render", song, "--out", out, "--to", "4000"]);
    // The bar.
    player.wait_for(" %");
    player.signal("INT");
    assert!(!player.wait_for_exit().success());
    assert!(player.screen().contains("imbolc-ui: cancelled"), "{}", player.screen());
    let left = std::fs::read_dir(directory.path()).expect("it is there");
    let left: Vec<_> = left.map(|file| file.expect("a file").file_name()).collect();
    assert!(left.iter().all(|name| name.to_string_lossy().starts_with("song")), "{left:?}");
}

#[test]
fn help_has_examples() {
    let help = without_terminal(&["--help"]);
    assert!(help.status.success());
    let help = String::from_utf8(help.stdout).expect("text");
    assert!(help.contains("imbolc-ui --connect 192.168.1.100 --own 1,2"), "{help}");
}

#[test]
fn sigterm_restores_the_terminal() {
    let mut player = Player::start(&["--name", "mia"]);
    player.wait_for("mia local session");
    player.signal("TERM");
    assert!(player.wait_for_exit().success());
    assert!(!player.has_screen());
}

/// The test starts itself in a process, which panics.
#[test]
fn panic_restores_terminal_before_report() {
    const PANICS: &str = "IMBOLC_UI_TEST_PANICS";
    if std::env::var_os(PANICS).is_some() {
        let _screen = imbolc_ui::terminal::take().expect("a terminal");
        panic!("on purpose");
    }
    let this = "processes::panic_restores_terminal_before_report";
    let program = pty_process::blocking::Command::new(std::env::current_exe().expect("a file"))
        .args(["--exact", this, "--nocapture"])
        .env("TERM", "xterm-256color")
        .env(PANICS, "1");
    let mut player = Player::start_program(100, 30, program);
    assert!(!player.wait_for_exit().success());
    assert!(!player.has_screen());
    assert!(player.screen().contains("on purpose"), "{}", player.screen());
    let output = player.output();
    for given_back in ["\x1b[?2004l", "\x1b[?1004l", "\x1b[<1u"] {
        assert_eq!(output.matches(given_back).count(), 1, "{given_back:?}");
    }
}

#[cfg(not(feature = "net"))]
#[test]
fn missing_net_feature_is_named() {
    assert_eq!(
        error_line(&["--server"]),
        "imbolc-ui: --server needs the feature net: \
         cargo run -p imbolc-ui --features net -- --server"
    );
    assert!(error_line(&["--connect", "there:1"]).ends_with("--features net -- --connect there:1"));
}

#[cfg(not(feature = "mdns"))]
#[test]
fn missing_mdns_feature_is_named() {
    assert!(error_line(&["--discover"]).ends_with("--features mdns -- --discover"));
    let interface = error_line(&["--interface", "lo"]);
    assert!(interface.ends_with("--features mdns -- --interface lo"), "{interface}");
}

#[cfg(feature = "net")]
pub mod net {
    use std::{io::Read as _, net::TcpListener, path::PathBuf};

    use super::*;

    /// A temporary directory, removed at the end of the test.
    pub struct Directory(PathBuf);

    impl Directory {
        pub fn new(name: &str) -> Self {
            let name = format!("imbolc-ui-{name}-{}", std::process::id());
            let path = std::env::temp_dir().join(name);
            let _ = std::fs::remove_dir_all(&path);
            std::fs::create_dir_all(&path).expect("a directory");
            Self(path)
        }

        pub fn path(&self) -> &str {
            self.0.to_str().expect("text")
        }
    }

    impl Drop for Directory {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    /// The address that the host shows.
    pub fn address(host: &Player) -> String {
        host.wait_for("hosting at ");
        let screen = host.screen();
        let after = screen.split("hosting at ").nth(1).expect("it is there");
        let address = after.split_whitespace().next().expect("an address");
        address.trim_end_matches(',').to_owned()
    }

    const HOST: [&str; 6] = ["--server", "--tui", "--name", "mia", "--bind", "127.0.0.1:0"];

    #[test]
    fn killed_client_rejoins_as_itself() {
        let state = Directory::new("together");
        let mut mia = Player::start(&HOST);
        let address = address(&mia);
        let join =
            ["--connect", &address, "--own", "1,2", "--name", "ana", "--state-dir", state.path()];
        let mut ana = Player::start(&join);
        ana.wait_for("ana connected");
        mia.wait_for("ana has joined");

        // An edit on one screen appears on the other.
        ana.press("++");
        mia.wait_until("the fader is up", |screen| {
            screen.lines().any(|line| line.contains("1  Bass") && line.contains("-4.0"))
        });
        mia.wait_for("ana: 1 Bass: level -4");

        // Mia cannot edit what Ana owns.
        mia.press("+");
        mia.wait_for("ana owns 1 Bass: ask ana");

        ana.kill();
        mia.wait_for("ana away");
        let mut ana = Player::start(&join);
        ana.wait_for("ana connected");
        mia.wait_for("ana is back");
        ana.press("-");
        mia.wait_for("ana: 1 Bass: level -5");

        // The host ends the session; the client keeps working on its own copy.
        mia.press("q");
        mia.wait_for("1 other person is in the session, and unsaved changes will be lost: y, or");
        mia.press("q");
        assert!(mia.wait_for_exit().success());
        ana.wait_for("reconnecting failed: nothing is listening");
        ana.wait_for("ana reconnecting: the host has ended the session; retrying");
        ana.press("+");
        ana.wait_for("-4.0 dB*");
        ana.press("q");
        ana.wait_for("your last edits were not sent: y, or the same again, to go on");
        ana.press("y");
        assert_eq!(ana.wait_for_exit().code(), Some(NOT_SAVED.into()));
    }

    #[test]
    fn host_on_all_interfaces_shows_reachable_address() {
        let state = Directory::new("everywhere");
        // Announced on the loopback interface only.
        let host = ["--server", "--tui", "--name", "mia", "--bind", "[::]:0", "--interface", "lo"];
        let host = if cfg!(feature = "mdns") { &host[..] } else { &host[..6] };
        let mia = Player::start(host);
        let address = address(&mia);
        let screen = mia.screen();
        // An address of this machine on the LAN is not exempt.
        let code = screen.rsplit(", code ").next().expect("it is there");
        let join = ["--connect", &address, "--name", "ana", "--state-dir", state.path()];
        let ana = Player::start(&[&join[..], &["--code", &code[..7]]].concat());
        ana.wait_for("ana connected");
        mia.wait_for("ana has joined");
    }

    #[test]
    fn closed_window_keeps_the_place() {
        let state = Directory::new("window");
        let mia = Player::start(&HOST);
        let address = address(&mia);
        let join =
            ["--connect", &address, "--own", "1", "--name", "ana", "--state-dir", state.path()];
        let mut ana = Player::start(&join);
        ana.wait_for("ana connected");
        ana.signal("HUP");
        assert!(!ana.wait_for_exit().success());
        mia.wait_for("ana away");
    }

    #[test]
    fn text_from_a_host_controls_no_terminal_and_no_log() {
        use crate::strange_host;

        let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/server");
        let golden = std::path::Path::new(golden);
        let state = Directory::new("strange");
        let log = state.0.join("log");
        let log = log.to_str().expect("text");
        for message in strange_host::messages(golden) {
            let address = strange_host::start(golden, vec![message.clone()]).to_string();
            let mut ana = Player::start(&[
                "--connect",
                &address,
                "--name",
                "ana",
                "--codec",
                "json",
                "--state-dir",
                state.path(),
                "--log",
                log,
            ]);
            ana.wait_until("it is in or out", |screen| {
                screen.contains("1 Instruments") || screen.contains("imbolc-ui:")
            });
            ana.press("8q");
            ana.wait_for_exit();
            let output = ana.output();
            assert!(!strange_host::is_tricked(&output), "{message}: {output:?}");
        }
        let log = std::fs::read_to_string(log).expect("a log");
        assert!(log.lines().count() > 10, "{log}");
        assert!(log.lines().all(|line| line.starts_with("20")), "{log}");
        assert!(!strange_host::is_tricked(&log), "{log:?}");
    }

    #[test]
    fn failed_open_is_one_line() {
        let state = Directory::new("complaints");
        let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = taken.local_addr().expect("its number").to_string();
        assert_eq!(
            error_line(&["--server", "--bind", &address]),
            format!("imbolc-ui: cannot listen at {address}: the address is in use")
        );
        drop(taken);
        let join = ["--connect", &address, "--state-dir", state.path()];
        let mut player = Player::start(&join);
        assert!(!player.wait_for_exit().success());
        let screen = player.screen();
        assert!(
            screen.contains(&format!("cannot join {address}: nothing is listening")),
            "{screen}"
        );
        assert!(!player.has_screen());
    }

    #[cfg(feature = "mdns")]
    #[test]
    fn unknown_interface_is_one_line() {
        for what in [&HOST[..], &["--discover"]] {
            let said = error_line(&[what, &["--interface", "wlan99"]].concat());
            assert!(
                said.starts_with("imbolc-ui: no network interface wlan99; available: "),
                "{said}"
            );
        }
    }

    #[cfg(feature = "mdns")]
    #[test]
    fn session_is_discovered_and_joined() {
        let state = Directory::new("discover");
        let name = format!("Jam {}", std::process::id());
        let lo = ["--interface", "lo"];
        let host = [&HOST[..], &["--session-name", &name], &lo].concat();
        let mia = Player::start(&host);
        mia.wait_for("mia hosting at ");
        let look = ["--discover", "--name", "ana", "--own", "3", "--state-dir", state.path()];
        let mut ana = Player::start(&[&look[..], &lo].concat());
        ana.wait_until("the session is listed", |screen| {
            screen.lines().any(|line| line.contains(&name) && line.contains(" 1/64 "))
        });
        // Other sessions may be listed above it.
        let screen = ana.screen();
        let row = screen.lines().position(|line| line.contains(&name)).expect("it is listed");
        for _ in 2..row {
            ana.press("\x1b[B");
        }
        ana.press("\r");
        ana.wait_for("ana connected");
        mia.wait_for("ana owns 3 Pad");
    }

    /// A listener that accepts one connection and sends `answer`.
    fn fake_host(answer: Option<&'static str>) -> String {
        use std::io::Write as _;
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("its number").to_string();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a connection");
            if let Some(answer) = answer {
                let length = u32::try_from(answer.len()).expect("short").to_be_bytes();
                stream.write_all(&[&length[..], answer.as_bytes()].concat()).expect("it listens");
            }
            // Until the client closes the connection.
            let _ = stream.read_to_end(&mut Vec::new());
        });
        address
    }

    #[test]
    fn unusable_host_is_one_line() {
        let state = Directory::new("strangers");
        let other = r#"{"Error":{"WrongProtocol":{"speaks":99}}}"#;
        for (answer, why) in [(None, "the host does not answer"), (Some(other), "version 99")] {
            let address = fake_host(answer);
            let mut player = Player::start(&["--connect", &address, "--state-dir", state.path()]);
            assert!(!player.wait_for_exit().success());
            let screen = player.screen();
            assert!(screen.contains(&format!("cannot join {address}:")), "{screen}");
            assert!(screen.contains(why), "{screen}");
        }
    }

    #[test]
    fn first_guest_gets_what_the_host_edited_alone() {
        let state = Directory::new("alone");
        let mut mia = Player::start(&HOST);
        let address = address(&mia);
        let lead = |screen: &str, owner: &str| {
            screen.lines().any(|line| line.contains("2  Lead") && line.contains(owner))
        };
        mia.wait_until("what has no owner is Mia's", |screen| lead(screen, " yours "));
        mia.press("+");
        mia.wait_for("-5.0");
        let join = ["--connect", &address, "--own", "1", "--name", "ana"];
        let mut ana = Player::start(&[&join[..], &["--state-dir", state.path()]].concat());
        ana.wait_for("ana connected");
        mia.wait_for("ana has joined: c claims what has no owner");
        mia.press("+");
        mia.wait_for("ana owns 1 Bass: ask ana");
        mia.press("c");
        ana.press("+");
        mia.wait_for("-4.0");
        mia.wait_until("the others are nobody's", |screen| lead(screen, " no owner"));
    }
}
