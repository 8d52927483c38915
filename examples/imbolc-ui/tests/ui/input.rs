//! What keys and pasted text mean in every pane, line and list, and which mean nothing.

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use imbolc_net::{
    studio::{InstrumentAction, NetworkAction, TransportAction},
    util::quantity::{Pitch, Velocity},
};

use crate::{
    screens::PANES,
    stage::{BASS, Scene, Stage},
};

const CTRL: KeyModifiers = KeyModifiers::CONTROL;
const ALT_GR: KeyModifiers = CTRL.union(KeyModifiers::ALT);

/// Every key.
fn all_keys() -> Vec<KeyCode> {
    let named = [
        KeyCode::Backspace,
        KeyCode::Enter,
        KeyCode::Left,
        KeyCode::Right,
        KeyCode::Up,
        KeyCode::Down,
        KeyCode::Home,
        KeyCode::End,
        KeyCode::PageUp,
        KeyCode::PageDown,
        KeyCode::Tab,
        KeyCode::BackTab,
        KeyCode::Delete,
        KeyCode::Insert,
        KeyCode::Esc,
        KeyCode::Menu,
        KeyCode::Pause,
        KeyCode::PrintScreen,
    ];
    let letters = (' '..='~').chain(['é', 'ß', '€']).map(KeyCode::Char);
    letters.chain(named).chain((1..=12).map(KeyCode::F)).collect()
}

/// Every combination of the modifiers of which none is bound by itself.
fn all_modifiers() -> impl Iterator<Item = KeyModifiers> {
    let shift = KeyModifiers::SHIFT;
    (0..64).map(KeyModifiers::from_bits_truncate).filter(move |keys| !(*keys - shift).is_empty())
}

/// What may be on the screen when a key is pressed.
fn situations() -> Vec<(String, Stage)> {
    let mut situations = Vec::new();
    for (pane, keys) in PANES {
        let mut stage = Stage::new(Scene::Local);
        stage.show(pane).press(keys);
        situations.push((format!("{pane:?}"), stage));
    }
    for (what, keys) in
        [("palette", "+:tempo 9"), ("help", "+?"), ("keyboard", "+k"), ("question", "+q")]
    {
        let mut stage = Stage::new(Scene::Local);
        stage.press(keys);
        situations.push((what.into(), stage));
    }
    situations
}

/// Whether Ctrl with this key edits a line, or AltGr types a character there or does
/// something here.
fn is_bound(key: KeyEvent, what: &str) -> bool {
    match (key.code, key.modifiers) {
        (KeyCode::Char('c' | 'C'), CTRL) => true,
        (KeyCode::Char(letter), CTRL) => {
            what == "palette" && "abdefhknpuw".contains(letter.to_ascii_lowercase())
        }
        (KeyCode::Char(letter), modifiers) if modifiers - KeyModifiers::SHIFT == ALT_GR => {
            !letter.is_ascii_alphanumeric() && letter != ' '
        }
        _ => false,
    }
}

#[test]
fn unbound_keys_with_modifiers_do_nothing() {
    for (what, mut stage) in situations() {
        let before = stage.screen();
        stage.dispatched();
        stage.requests();
        for modifiers in all_modifiers() {
            for code in all_keys() {
                let key = KeyEvent::new(code, modifiers);
                if is_bound(key, &what) {
                    continue;
                }
                stage.app.handle_key(key);
                assert_eq!(stage.dispatched(), [], "{what}: {key:?}");
                assert!(stage.requests().is_empty(), "{what}: {key:?}");
                assert!(!stage.app.has_quit(), "{what}: {key:?}");
                assert!(!stage.app.is_stale(), "{what}: {key:?}");
            }
            assert_eq!(stage.screen(), before, "{what}: {modifiers:?}");
        }
        if what == "question" {
            assert!(stage.press("y").app.has_quit(), "it still waits for an answer");
        }
    }
}

#[test]
fn released_and_modifier_keys_do_nothing() {
    use crossterm::event::ModifierKeyCode::{LeftControl, LeftShift};
    for (what, mut stage) in situations() {
        let before = stage.screen();
        stage.dispatched();
        let releases = all_keys().into_iter().map(|code| told(code, KeyEventKind::Release));
        let others =
            [KeyCode::Modifier(LeftShift), KeyCode::Modifier(LeftControl), KeyCode::CapsLock];
        for key in releases.chain(others.map(KeyEvent::from)) {
            stage.app.handle_key(key);
            assert!(!stage.app.is_stale(), "{what}: {key:?}");
        }
        assert_eq!(stage.dispatched(), [], "{what}");
        assert_eq!(stage.screen(), before, "{what}");
        assert!(!stage.app.has_quit(), "{what}");
    }
}

#[test]
fn held_key_toggles_nothing_but_moves_and_types() {
    let held = |code| told(code, KeyEventKind::Repeat);
    for (what, mut stage) in situations() {
        if what == "palette" || what == "keyboard" {
            continue;
        }
        let before = stage.screen();
        stage.dispatched();
        for letter in " RLmscPkq:?yn\u{1}123aADeoxvp".chars() {
            stage.app.handle_key(held(KeyCode::Char(letter)));
        }
        let quit = KeyEvent { modifiers: CTRL, ..held(KeyCode::Char('c')) };
        for key in [held(KeyCode::Enter), held(KeyCode::Esc), quit] {
            stage.app.handle_key(key);
        }
        assert_eq!(stage.dispatched(), [], "{what}");
        assert!(stage.requests().is_empty() && !stage.app.has_quit(), "{what}");
        assert_eq!(stage.screen(), before, "{what}");
    }
    let mut stage = Stage::new(Scene::Local);
    stage.press(":tem");
    stage.app.handle_key(held(KeyCode::Char('m')));
    stage.app.handle_key(held(KeyCode::Left));
    stage.press("x");
    assert!(stage.screen().contains(":temxm"), "{}", stage.screen());
    stage.press("<esc>+").dispatched();
    stage.app.handle_key(held(KeyCode::Char('+')));
    assert_eq!(stage.dispatched().len(), 1);
}

#[test]
fn alt_gr_types_a_character() {
    let alt_gr = |letter| KeyEvent::new(KeyCode::Char(letter), ALT_GR);
    let mut stage = Stage::new(Scene::Local);
    stage.press(":title ");
    for letter in ['@', '[', '{', '€', 'ß', 'ł'] {
        stage.app.handle_key(alt_gr(letter));
    }
    assert!(stage.screen().contains(":title @[{€ßł"), "{}", stage.screen());
    stage.press("<esc>");
    let selected = stage.app.client_state().instrument();
    stage.app.handle_key(alt_gr(']'));
    assert_ne!(stage.app.client_state().instrument(), selected);
}

#[test]
fn pasted_text_is_ignored_outside_a_line() {
    for (what, mut stage) in situations() {
        if what == "palette" {
            continue;
        }
        stage.dispatched();
        stage.app.handle_paste("q\n:quit\n y");
        assert_eq!(stage.dispatched(), [], "{what}");
        assert!(stage.requests().is_empty() && !stage.app.has_quit(), "{what}");
        if what == "question" {
            assert!(stage.screen().contains("will be lost"), "{}", stage.screen());
            continue;
        }
        stage.press("<esc>");
        assert!(stage.screen().contains("pasted text is ignored"), "{what}: {}", stage.screen());
    }
}

#[test]
fn pasted_text_is_one_line_of_a_command() {
    let mut stage = Stage::new(Scene::Local);
    stage.press(":title <left>");
    stage.app.handle_paste("\nA\tB\r\nC\u{1b}[31m\u{7}\u{85}D\u{2028}E\u{202e}\n");
    assert!(stage.screen().lines().any(|line| line == ":titleA B C[31m D E"), "{}", stage.screen());
    assert_eq!(stage.dispatched(), []);
    let mut stage = Stage::new(Scene::Local);
    stage.press(":title ");
    stage.app.handle_paste(&"x".repeat(5000));
    assert!(stage.screen().contains("5000 characters are too many"), "{}", stage.screen());
    let screen = stage.press("Song").screen();
    assert!(screen.lines().any(|line| line == ":title Song"), "{screen}");
}

#[test]
fn line_that_is_pasted_again_and_again_keeps_its_limit() {
    let mut stage = Stage::new(Scene::Local);
    stage.press(":title ");
    for _ in 0..9 {
        stage.app.handle_paste(&"x".repeat(300));
    }
    assert!(stage.screen().contains("300 characters are too many"), "{}", stage.screen());
    stage.app.handle_paste(&"x".repeat(1000 - 6 - 900));
    stage.press("<left>y");
    assert!(stage.screen().contains("a line has at most 1000 characters"), "{}", stage.screen());
    assert!(!stage.screen().contains("xy"), "{}", stage.screen());
}

#[test]
fn line_is_edited_with_ctrl_as_in_a_shell() {
    for (keys, line) in [
        ("a", "X:one two three"),
        ("ae", ":one two threeX"),
        ("w", ":one two X"),
        ("ww", ":one X"),
        ("wwww", ":X"),
        ("abffd", ":onX two three"),
        ("affffk", ":one X"),
        ("u", ":X"),
        ("hh", ":one two thrX"),
        ("bb", ":one two thrXee"),
    ] {
        let mut stage = Stage::new(Scene::Local);
        stage.press(":one two three");
        for letter in keys.chars() {
            stage.app.handle_key(KeyEvent::new(KeyCode::Char(letter), CTRL));
        }
        let screen = stage.press("X").screen();
        let line = line.replacen("X:", ":X", 1);
        assert!(screen.lines().any(|shown| shown == line), "{keys}: {line}\n{screen}");
    }
}

#[test]
fn too_small_terminal_names_the_size_it_needs() {
    for (what, mut stage) in situations() {
        for (width, height) in [(59, 16), (60, 15), (30, 4), (1, 1), (200, 3)] {
            stage.resize(width, height);
            let text = stage.screen().replace('\n', " ");
            let size = format!("needs 60 × 16, has {width} × {height}");
            assert!(width == 1 || text.contains(&size), "{what}: {text}");
        }
        stage.resize(60, 16);
        assert!(!stage.screen().contains("needs 60"), "{what}");
    }
}

fn play(pitch: u8) -> NetworkAction {
    let play = InstrumentAction::Play(Pitch::of(pitch), Velocity::of(100));
    NetworkAction::Instrument(BASS, play)
}

fn release(pitch: u8) -> NetworkAction {
    NetworkAction::Instrument(BASS, InstrumentAction::Release(Pitch::of(pitch)))
}

/// A key, as a terminal reports it that reports everything.
fn told(code: KeyCode, kind: KeyEventKind) -> KeyEvent {
    KeyEvent::new_with_kind(code, KeyModifiers::NONE, kind)
}

#[test]
fn note_sounds_until_its_key_is_released() {
    let mut stage = Stage::new(Scene::Local);
    stage.press("k");
    stage.app.handle_key(told(KeyCode::Char('k'), KeyEventKind::Release));
    stage.press("as");
    for _ in 0..5 {
        stage.app.handle_key(told(KeyCode::Char('s'), KeyEventKind::Repeat));
    }
    let later = std::time::Instant::now() + std::time::Duration::from_secs(60);
    stage.app.tick(later);
    assert_eq!(stage.dispatched(), [play(60), play(62)]);
    // With Ctrl or Shift it is the release of the same key.
    stage.app.handle_key(KeyEvent {
        modifiers: CTRL,
        ..told(KeyCode::Char('a'), KeyEventKind::Release)
    });
    stage.app.handle_key(told(KeyCode::Char('S'), KeyEventKind::Release));
    assert_eq!(stage.dispatched(), [release(60), release(62)]);
}

#[test]
fn lost_focus_and_leaving_release_all_keys() {
    for leave in ["focus", "<esc>"] {
        let mut stage = Stage::new(Scene::Local);
        stage.press("k");
        stage.app.handle_key(told(KeyCode::Char('k'), KeyEventKind::Release));
        stage.press("ad");
        stage.dispatched();
        match leave {
            "focus" => stage.app.release_keys(),
            keys => drop(stage.press(keys)),
        }
        assert_eq!(stage.dispatched(), [release(60), release(64)], "{leave}");
    }
}

#[test]
fn note_of_a_deleted_instrument_ends_without_a_message() {
    let mut stage = Stage::new(Scene::Local);
    stage.press("ka");
    stage.remote_edit(&NetworkAction::DeleteInstrument(BASS));
    stage.dispatched();
    stage.press("<esc>");
    assert_eq!(stage.dispatched(), []);
    let play = NetworkAction::Transport(TransportAction::Play);
    assert_eq!(stage.press(" ").dispatched(), [play]);
}

#[cfg(feature = "mdns")]
#[test]
fn lobby_ignores_unbound_keys_and_pasted_text() {
    use imbolc_ui::lobby::{Choice, Lobby};
    use ratatui::{Terminal, backend::TestBackend};

    let mut lobby = Lobby::default();
    let screen = |lobby: &Lobby, width| {
        let mut terminal = Terminal::new(TestBackend::new(width, 16)).expect("in memory");
        terminal.draw(|frame| lobby.draw(frame)).expect("in memory");
        terminal.backend().to_string()
    };
    let before = screen(&lobby, 90);
    for modifiers in all_modifiers() {
        for code in all_keys() {
            let key = KeyEvent::new(code, modifiers);
            if !is_bound(key, "lobby") {
                assert_eq!(lobby.handle_key(key), Choice::Stay, "{key:?}");
            }
        }
    }
    for letter in ['q', 'c'] {
        assert_eq!(
            lobby.handle_key(told(KeyCode::Char(letter), KeyEventKind::Release)),
            Choice::Stay
        );
        assert_eq!(
            lobby.handle_key(told(KeyCode::Char(letter), KeyEventKind::Repeat)),
            Choice::Stay
        );
    }
    assert_eq!(screen(&lobby, 90), before);
    assert!(screen(&lobby, 59).contains("needs 60 × 16, has 59 × 16"));
    lobby.handle_paste();
    assert!(screen(&lobby, 90).contains("pasted text is ignored"));
    assert_eq!(lobby.handle_key(KeyEvent::new(KeyCode::Char('c'), CTRL)), Choice::Quit);
}
