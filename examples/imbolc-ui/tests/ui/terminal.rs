//! What the program asks of a real terminal, and what it makes of its bytes.

use crate::player::Player;

/// What is asked for at the start: pasted text in brackets, changes of focus, and keys by
/// the protocol of kitty.
const ASKED: [&str; 3] = ["\x1b[?2004h", "\x1b[?1004h", "\x1b[>3u"];

/// What is given back at the end.
const GIVEN_BACK: [&str; 3] = ["\x1b[?2004l", "\x1b[?1004l", "\x1b[<1u"];

const LEAVE_SCREEN: &str = "\x1b[?1049l";

fn start() -> Player {
    let player = Player::start(&["--name", "mia"]);
    player.wait_for("mia local session");
    player
}

/// Waits until the program has written `text` since it had written `from` bytes.
fn wait_for_output(player: &Player, from: usize, text: &str) {
    player
        .wait_until(&format!("{text:?} is written"), |_| player.output_since(from).contains(text));
}

#[test]
fn terminal_modes_are_given_back_however_it_ends() {
    for how in ["q", "TERM", "HUP", "INT"] {
        let mut player = start();
        let output = player.output();
        for asked in ASKED {
            assert_eq!(output.matches(asked).count(), 1, "{asked:?}");
        }
        match how {
            "q" => player.press("q"),
            signal => player.signal(signal),
        }
        player.wait_for_exit();
        let output = player.output();
        let left = output.find(LEAVE_SCREEN).expect("it leaves the screen");
        for given_back in GIVEN_BACK {
            assert_eq!(output.matches(given_back).count(), 1, "{how}: {given_back:?}");
            // The screen that is left has modes of its own.
            assert!(output.find(given_back) < Some(left), "{how}: {given_back:?}");
        }
    }
}

#[test]
fn stopped_program_gives_the_terminal_back_and_takes_it_again() {
    for stop in ["TSTP", "STOP"] {
        let mut player = start();
        let from = player.written();
        player.signal(stop);
        if stop == "TSTP" {
            wait_for_output(&player, from, LEAVE_SCREEN);
            let output = player.output_since(from);
            assert!(GIVEN_BACK.iter().all(|mode| output.contains(mode)), "{output:?}");
            assert!(!player.has_screen());
        }
        let from = player.written();
        player.wait_until(&format!("it goes on after {stop}"), |screen| {
            // Until it has stopped, it cannot go on.
            player.signal("CONT");
            let output = player.output_since(from);
            ASKED.iter().all(|mode| output.contains(mode))
                && output.contains("Instruments")
                && screen.contains("mia local session")
        });
        assert!(player.has_screen());
        let output = player.output_since(from);
        assert!(output.contains("\x1b[2J"), "{output:?}");
        player.press("2");
        player.wait_for(" Mixer ");
        player.press("q");
        assert!(player.wait_for_exit().success());
    }
}

#[test]
fn enter_works_twice_where_the_terminal_reports_letters_only() {
    let mut player = start();
    // By the protocol of kitty, the release of Enter is not reported.
    player.press("2\x1b[50;1:3u");
    player.wait_for("┌ Mixer");
    player.press("3\x1b[51;1:3u");
    player.wait_for("┌ Roll");
    player.press("\r");
    player.wait_for("unsaved");
    player.press("\r");
    player.wait_until("the note is gone again", |screen| !screen.contains("unsaved"));
}

#[test]
fn screen_is_cleared_before_the_first_frame() {
    let output = start().output();
    let cleared = output.find("\x1b[2J").expect("it is cleared");
    assert!(output.find("Instruments").expect("it is drawn") > cleared);
}

#[test]
fn ctrl_l_draws_everything_anew() {
    let mut player = start();
    let from = player.written();
    player.press("\x0c");
    wait_for_output(&player, from, "Instruments");
    let output = player.output_since(from);
    assert!(output.find("\x1b[2J") < output.find("Instruments"), "{output:?}");
    assert!(output.contains("\x1b[2J"), "{output:?}");
}

#[test]
fn pasted_text_runs_no_key() {
    let mut player = start();
    player.press("\x1b[200~q\n:quit\n\x1b[201~");
    player.wait_for("pasted text is ignored");
    player.press(":title \x1b[200~Night\r\nq\n:quit\r\x1b[201~");
    player.wait_for(":title Night q :quit");
    player.press("\r");
    player.wait_for("  Night q :quit");
    player.press("\x1b[200~qq\x1b[201~\x03\x03");
    assert!(player.wait_for_exit().success());
}

#[test]
fn all_keys_are_reported_while_they_play() {
    let mut player = start();
    let from = player.written();
    player.press("k");
    wait_for_output(&player, from, "\x1b[<1u\x1b[>15u");
    // As kitty reports `a`, its repetition and its release.
    let from = player.written();
    player.press("\x1b[97;1:1u\x1b[97;1:2u\x1b[97;1:3u");
    player.press("\x1b[27u");
    wait_for_output(&player, from, "\x1b[<1u\x1b[>3u");
    player.press("k\x1b[27u\x03");
    assert!(player.wait_for_exit().success());
    let output = player.output();
    let count = |text| output.matches(text).count();
    assert_eq!(count("\x1b[<1u"), count("\x1b[>3u") + count("\x1b[>15u"));
}

#[test]
fn held_space_toggles_once_where_the_terminal_tells() {
    let mut player = start();
    // Kitty repeats a letter as text, and reports its release.
    player.press("+\x1b[43;1:3u");
    player.wait_for("-5.0");
    player.press("    \x1b[32;1:3u+");
    player.wait_for("-4.0");
    player.wait_for("▶");
    player.press("\x1b[43;1:3u \x1b[32;1:3u");
    player.wait_for("■");
}

#[test]
fn terminal_that_cannot_draw_is_refused() {
    for (term, why) in [("dumb", "TERM=dumb"), ("unknown", "TERM=unknown"), ("", "TERM is not set")]
    {
        let modes: [&[&str]; 2] = [&["--name", "mia"], &["--discover"]];
        for arguments in modes {
            if cfg!(not(feature = "mdns")) && arguments.contains(&"--discover") {
                continue;
            }
            let mut player = Player::start_with_term(term, 100, 30, arguments);
            assert!(!player.wait_for_exit().success());
            let said = player.output();
            assert_eq!(
                said,
                format!(
                    "imbolc-ui: the terminal cannot draw ({why}): use another one, or --server\r\n"
                )
            );
        }
    }
}
