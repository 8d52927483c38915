//! Every key and every command in a real local session: each is at most one step of
//! undo.

use std::{collections::BTreeSet, sync::Arc};

use imbolc_net::{
    Dispatcher,
    authority::{LocalDispatcher, inline},
    dispatcher::Events,
    studio::{Pane, SilentEngine, StudioState},
};
use imbolc_ui::{app::App, palette::Palette};

use crate::{
    band,
    screens::PANES,
    stage::{BASS, DRUMS, no_server, parse},
};

/// A UI on a real dispatcher.
struct Player {
    studio: Arc<dyn Dispatcher>,
    events: Events,
    app: App,
}

impl Player {
    fn new() -> Self {
        let studio = LocalDispatcher::open("mia", band::studio(), inline(SilentEngine::default));
        let studio: Arc<dyn Dispatcher> = Arc::new(studio.expect("it opens"));
        let (events, app) = (studio.events(), App::new(Arc::clone(&studio), no_server(None)));
        Self { studio, events, app }
    }

    fn press(&mut self, keys: &str) {
        for key in parse(keys) {
            self.app.handle_key(key);
            while let Some(event) = self.events.try_next() {
                self.app.handle_event(event);
            }
        }
    }

    /// What a step may change.
    fn piece(&self) -> StudioState {
        let mut piece = self.studio.state().model.at_rest();
        piece.transport.position = band::studio().transport.position;
        piece
    }

    /// Presses `keys`, of which none before the last one edits anything, and undoes it.
    /// Returns whether it was a step.
    fn undoes_as_one_step(&mut self, keys: &str, what: &str) -> bool {
        let before = self.piece();
        self.press(keys);
        let after = self.piece();
        let nothing = || Err("there is nothing to undo".to_owned());
        let undo = || self.studio.undo().map_err(|why| why.to_string());
        let undone = undo();
        if undone == nothing() {
            return false;
        }
        assert_eq!(undone, Ok(()), "{what}");
        // Automation moves on while the transport runs.
        let moves = self.studio.metering().playing;
        assert!(moves || self.piece() == before, "{what} is more than one step");
        assert_eq!(undo(), nothing(), "{what}");
        self.studio.redo().expect("it was undone");
        assert!(moves || self.piece() == after, "{what} is not redone");
        true
    }
}

/// What may come before a key: an instrument, a place, a mark.
const fn places(pane: Pane) -> &'static [&'static str] {
    match pane {
        Pane::PianoRoll => &["", "<end>", "b<right><right>"],
        Pane::Drums => &["]]]", "]]]b<right><down>"],
        Pane::Automation => &["", "<end>", "b<right><right>"],
        Pane::Arrangement => &["", "]"],
        _ => &["<right>"],
    }
}

#[test]
fn every_key_is_at_most_one_step() {
    let letters = (' '..='~').filter(|letter| !"<>".contains(*letter)).map(String::from);
    let named = [
        "up",
        "down",
        "left",
        "right",
        "enter",
        "esc",
        "backspace",
        "delete",
        "home",
        "end",
        "pageup",
        "pagedown",
        "s-up",
        "s-down",
        "s-left",
        "s-right",
    ];
    let keys: Vec<_> = letters.chain(named.map(|name| format!("<{name}>"))).collect();
    let mut steps = BTreeSet::new();
    for (pane, _) in PANES {
        for place in places(pane) {
            for key in &keys {
                let mut player = Player::new();
                while player.app.client_state().pane() != pane {
                    player.press("<tab>");
                }
                player.press(place);
                let what = format!("{pane:?}: {place} {key}");
                if player.undoes_as_one_step(key, &what) {
                    steps.insert((format!("{pane:?}"), key.clone()));
                }
            }
        }
    }
    for (pane, key) in [(Pane::PianoRoll, "l"), (Pane::Drums, "a"), (Pane::Mixer, "+")] {
        assert!(steps.contains(&(format!("{pane:?}"), key.into())), "{pane:?} {key}: {steps:?}");
    }
}

/// The arguments of the commands that edit the piece; `DRUMS` selects the drums.
const COMMANDS: &[&str] = &[
    "set level -3 dB",
    "tempo 90",
    "metre 3/4",
    "key D",
    "scale Minor",
    "snap off",
    "title Night",
    "add fm Bell",
    "delete",
    "rename Sub",
    "source pluck",
    "effect reverb",
    "output 1",
    "bus Hall",
    "delbus 1",
    "busname 1 Hall",
    "buseffect 1 delay",
    "mastereffect delay",
    "send 2 -3",
    "send 2",
    "unsend 1",
    "group Cold",
    "groupname 1 Cold",
    "delgroup 1",
    "join 1",
    "swing 20",
    "pitch 442",
    "clear",
    "euclid 1 5",
    "chain 1 1 2",
    "chain on",
    "slice 4",
    "assign 1",
    "pad 1 Boom",
    "sound 1 nothing",
    "pattern Verse",
    "steps 8",
    "resolution Eighth",
    "drumswing 33",
    "automate swing",
    "point 2 filter cutoff 440 Hz",
    "capture Riff",
    "clip Riff 2",
    "clipname 1 Riff",
];

/// The commands that edit nothing.
const OTHERS: &[&str] = &[
    "play",
    "stop",
    "goto 2",
    "input 1",
    "sidechain 1",
    "chain off",
    "region 1 5",
    "own 1,2",
    "release 1,2",
    "privilege",
    "yield",
    "admit eve",
    "code",
    "undo",
    "redo",
    "save Song",
    "load monday",
    "new",
    "checkpoint now",
    "forget now",
    "restore now",
    "recover now",
    "sync",
    "panic",
    // There is no scsynth, and no such file.
    "bounce /nonexistent/mix.wav",
    "sample /nonexistent/kick.wav",
    "impulse /nonexistent/hall.wav",
    "help",
    "quit",
];

#[test]
fn every_command_is_at_most_one_step() {
    let tested = COMMANDS.iter().chain(OTHERS).map(|line| line.split(' ').next().expect("a name"));
    assert_eq!(tested.collect::<BTreeSet<_>>(), Palette::commands().collect(), "all are tested");
    for line in OTHERS {
        let mut player = Player::new();
        player.undoes_as_one_step(&format!(":{line}<enter>"), line);
    }
    for line in COMMANDS {
        let edits = [BASS, DRUMS].map(|id| {
            let mut player = Player::new();
            if id == DRUMS {
                player.press("]]]");
            }
            player.undoes_as_one_step(&format!(":{line}<enter>"), &format!("{line} at {id}"))
        });
        assert!(edits.contains(&true), "{line} edits nothing");
    }
}
