//! Joining a host that asks for its code, as real processes.

use pty_process::blocking;

use crate::{
    headless::Headless,
    player::{PROGRAM, Player, without_terminal},
    processes::net::Directory,
};

/// A host that exempts nobody, with its address and its code.
fn host(more: &[&str]) -> (Headless, String, String) {
    let host = ["--server", "--name", "mia", "--bind", "127.0.0.1:0", "--no-local-exemption"];
    let mut host = Headless::start(&[&host, more].concat());
    let greeting = host.wait_for_line(" is hosting at ");
    let address = greeting.split_whitespace().nth(4).expect("an address").to_owned();
    let code = host.wait_for_line("code ");
    let code = code.strip_prefix("code ").expect("the code").chars().take(7).collect();
    (host, address, code)
}

fn join<'a>(address: &'a str, state: &'a Directory, more: &[&'a str]) -> Vec<&'a str> {
    let join = ["--connect", address, "--name", "ana", "--no-local-exemption", "--state-dir"];
    [&join[..], &[state.path()], more].concat()
}

/// A code that is not `code`.
fn other_than(code: &str) -> &'static str {
    if code == "111-111" { "222-222" } else { "111-111" }
}

#[test]
fn code_is_asked_for_once_and_never_again() {
    let state = Directory::new("asked");
    let (mut host, address, code) = host(&[]);
    let mut ana = Player::start(&join(&address, &state, &[]));
    ana.wait_for("code that the host shows");
    ana.press("friday\r");
    ana.wait_for("a code is six digits, such as 123-456");
    ana.press(&format!("{}\r", other_than(&code)));
    ana.wait_for("the code is wrong");
    ana.press(&format!("{code}\r"));
    ana.wait_for("ana connected");
    host.wait_for_line("ana has joined");
    ana.press("q");
    assert!(ana.wait_for_exit().success());
    host.wait_for_line("ana has left");

    let mut again = Player::start(&join(&address, &state, &[]));
    again.wait_for("ana connected");
    assert!(!again.output().contains("code that the host shows"));
    again.press("q");
    assert!(again.wait_for_exit().success());
}

#[test]
fn code_is_given_as_option_or_variable() {
    let (_host, address, code) = host(&[]);
    let state = Directory::new("option");
    let ana = Player::start(&join(&address, &state, &["--code", &code]));
    ana.wait_for("ana connected");
    let state = Directory::new("variable");
    let ana = blocking::Command::new(PROGRAM).args(join(&address, &state, &[]));
    let ana = ana.env("TERM", "xterm-256color").env("IMBOLC_CODE", &code);
    // The name is taken by the other key.
    Player::start_program(100, 30, ana).wait_for("ana 2 connected");
}

#[test]
fn code_is_in_no_log() {
    let state = Directory::new("logged");
    let log = format!("{}/log", state.path());
    let (mut host, address, code) = host(&["--log", &log]);
    let ana = Player::start(&join(&address, &state, &["--code", &code]));
    ana.wait_for("ana connected");
    host.wait_for_line("ana has joined");
    let log = std::fs::read_to_string(log).expect("a log");
    assert!(log.contains("client joined"), "{log}");
    let digits = code.replace('-', "");
    assert!(!log.contains(&code) && !log.contains(&digits), "{log}");
}

#[test]
fn open_session_asks_for_no_code_and_is_marked() {
    let state = Directory::new("opened");
    let host = ["--server", "--name", "mia", "--bind", "127.0.0.1:0", "--no-local-exemption"];
    let mut host = Headless::start(&[&host[..], &["--open"]].concat());
    let greeting = host.wait_for_line(" is hosting at ");
    let address = greeting.split_whitespace().nth(4).expect("an address").to_owned();
    host.wait_for_line("open: everybody is admitted, without a code");
    let ana = Player::start(&join(&address, &state, &[]));
    ana.wait_for("unverified");
}

#[test]
fn forgotten_host_asks_for_its_code_again() {
    let state = Directory::new("forgotten");
    let (_host, address, code) = host(&[]);
    let mut ana = Player::start(&join(&address, &state, &["--code", &code]));
    ana.wait_for("ana connected");
    ana.press("q");
    assert!(ana.wait_for_exit().success());
    let forget = |host: &str| {
        let output = without_terminal(&["--forget-host", host, "--state-dir", state.path()]);
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(said).expect("text"))
    };
    assert_eq!(forget(&address), (true, "1 host is forgotten\n".into()));
    let none = format!("imbolc-ui: no host is known as {address}\n");
    assert_eq!(forget(&address), (false, none));
    let ana = Player::start(&join(&address, &state, &[]));
    ana.wait_for("code that the host shows");
}

#[test]
fn person_at_the_host_admits_by_the_words() {
    let state = Directory::new("words");
    let host = ["--server", "--tui", "--name", "mia", "--bind", "127.0.0.1:0"];
    let mut host = Player::start(&[&host[..], &["--no-local-exemption"]].concat());
    let address = crate::processes::net::address(&host);
    let mut ana = Player::start(&join(&address, &state, &["--join-as", "viewer"]));
    ana.wait_for("or Enter, to ask the person there");
    ana.press("\r");
    ana.wait_for("does it show the same? y or n: ");
    let screen = ana.screen();
    let words = screen.split("has to show these words: ").nth(1).expect("the words");
    let words: Vec<_> = words.split_whitespace().take(6).collect();
    host.wait_for("1 asks to join");
    host.press("8");
    host.wait_for(&words.join(" "));
    ana.press("y\r");
    ana.wait_for("waiting for somebody at the host");
    host.wait_for("asks to join as “ana”");
    // Until it has been looked at for half a second.
    std::thread::sleep(std::time::Duration::from_millis(600));
    host.press("y");
    ana.wait_for("ana connected");
    ana.wait_for("you are a viewer: you see everything and change nothing");
    host.wait_for("ana has joined");
}

#[test]
fn console_of_a_host_decides_who_takes_part() {
    let state = Directory::new("console");
    let mut host = Player::start(&["--server", "--name", "mia", "--bind", "127.0.0.1:0"]);
    let address = crate::processes::net::address(&host);
    host.wait_for("code ");
    host.wait_for("| privilege: free]");
    let join = ["--connect", &address, "--own", "1", "--name", "ana", "--state-dir", state.path()];
    let mut ana = Player::start(&join);
    host.wait_for("ana owns 1 Bass");
    host.press("role ana viewer\r");
    host.wait_for("ana will be a viewer, without instruments: enter the same again to go on");
    host.press("role ana viewer\r");
    ana.wait_for("you are a viewer now");
    host.press("people\r");
    host.wait_for("ana: owns nothing, viewer, key ");
    host.press("free ana\r");
    host.wait_for("the instruments of ana will be free");
    host.press("free ana\r");
    host.wait_for("this participant is not away");
    host.press("role eve viewer\r");
    host.wait_for("nobody in the session is called eve");
    host.press("remove ana\r");
    host.wait_for("ana will be removed, and a new code made");
    host.press("remove ana\r");
    host.wait_for("ana is removed");
    host.wait_for("new code ");
    assert!(!ana.wait_for_exit().success());
    assert!(ana.screen().contains("the host has removed you"), "{}", ana.screen());

    let mut back = Player::start(&join);
    assert!(!back.wait_for_exit().success());
    host.press("admit ana\r");
    host.wait_for("ana is admitted");
    Player::start(&join).wait_for("ana connected");
}
