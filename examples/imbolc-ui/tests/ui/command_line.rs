//! The command line: editing, completion, and names as people type them.

use imbolc_net::studio::{
    DrumAction, DrumSetting, InstrumentAction, InstrumentSetting, Key, NetworkAction, NoteValue,
    Output, PadSetting, PadSound, Pane, PatternId, PatternSetting, Scale, SessionSetting,
    SourceKind,
};
use imbolc_net::util::{quantity::PadNumber, text::columns};
use ratatui::style::Modifier;

use crate::stage::{DRUMS, Scene, Stage};

/// The command line, and the column of its cursor.
fn line(stage: &mut Stage) -> (String, u16) {
    let buffer = stage.buffer();
    let y = buffer.area.height - 2;
    let reversed = |x: &u16| buffer[(*x, y)].modifier.contains(Modifier::REVERSED);
    let cursor = (0..buffer.area.width).find(reversed).expect("a cursor");
    let (mut line, mut x) = (String::new(), 0);
    while x < buffer.area.width {
        let symbol = buffer[(x, y)].symbol();
        line.push_str(symbol);
        x += u16::try_from(columns(symbol)).expect("narrow");
    }
    (line.trim_end().to_owned(), cursor)
}

#[test]
fn command_line_edits_by_grapheme_clusters() {
    let mut stage = Stage::new(Scene::Local);
    // The cursor is after `:`, a musician of two columns and an accented letter of one.
    stage.press(":👩\u{200d}🎤e\u{301}");
    assert_eq!(line(&mut stage).1, 4);
    stage.press("<left>");
    assert_eq!(line(&mut stage).1, 3);
    stage.press("<left>");
    assert_eq!(line(&mut stage).1, 1);
    stage.press("<delete>");
    assert_eq!(line(&mut stage), (":e\u{301}".into(), 1));
    stage.press("<end>山<backspace><backspace>");
    assert_eq!(line(&mut stage), (":".into(), 1));
}

#[test]
fn long_command_line_scrolls_with_its_cursor() {
    let mut stage = Stage::new(Scene::Local);
    stage.resize(60, 16);
    stage.press(&format!(":title 1{}2", "山".repeat(60)));
    let (text, cursor) = line(&mut stage);
    assert!(text.ends_with('2') && cursor < 60, "{text}");
    for _ in 0..70 {
        stage.press("<left>");
        assert!(line(&mut stage).1 < 60);
    }
    let (text, cursor) = line(&mut stage);
    assert!(text.starts_with(":title 1") && cursor == 1, "{text} {cursor}");
    stage.press("<end>");
    assert!(line(&mut stage).0.ends_with('2'));
}

#[test]
fn text_after_the_cursor_is_visible() {
    let mut stage = Stage::new(Scene::Local);
    stage.resize(60, 16);
    stage.press(&format!(":title {}1234567890", "x".repeat(100)));
    stage.press(&"<left>".repeat(10));
    assert!(line(&mut stage).0.contains("x1234567890"), "{}", stage.screen());
    stage.press(&"<left>".repeat(40));
    let (text, cursor) = line(&mut stage);
    assert!(text.len() - usize::from(cursor) >= 29, "{text} {cursor}");
}

#[test]
fn ambiguous_command_lists_what_it_may_be() {
    let mut stage = Stage::new(Scene::Local);
    let screen = stage.press(":cl<enter>").screen();
    assert!(screen.contains("cl is ambiguous: clear, clip, clipname"), "{screen}");
    assert_eq!(stage.dispatched(), []);
}

#[test]
fn long_errors_and_help_wrap_to_lines() {
    let mut stage = Stage::new(Scene::Local);
    stage.resize(60, 16);
    let screen = stage.press(":add nothing<enter>").screen();
    let words = screen.split_whitespace().collect::<Vec<_>>().join(" ");
    for kind in SourceKind::ALL {
        let kind = imbolc_ui::describe::label(kind);
        assert!(words.contains(&kind), "{kind}: {screen}");
    }
    // A help text that is longer than the line: all of it is there.
    let screen = stage.press("<esc>:delgroup ").screen();
    let words = screen.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("delete a layer group, but not its instruments"), "{screen}");
}

#[test]
fn completion_wraps_around_at_its_ends() {
    let mut stage = Stage::new(Scene::Local);
    let text = |stage: &mut Stage| line(stage).0;
    stage.press(":de<tab>");
    assert_eq!(text(&mut stage), ":del");
    let mut seen = Vec::new();
    for _ in 0..4 {
        stage.press("<tab>");
        seen.push(text(&mut stage));
    }
    assert_eq!(seen, [":delete", ":delbus", ":delgroup", ":delete"]);
    stage.press("<backtab>");
    assert_eq!(text(&mut stage), ":delgroup");
    // The next key goes on with it.
    stage.press(" 1");
    assert_eq!(text(&mut stage), ":delgroup 1");
}

#[test]
fn arguments_are_completed_where_known() {
    for (typed, completed) in [
        ("scale dor", ":scale dorian"),
        ("SCALE Dor", ":SCALE dorian"),
        ("key e", ":key E"),
        ("snap qu", ":snap quarter"),
        ("add drum", ":add drum kit"),
        ("buseffect 1 rev", ":buseffect 1 reverb"),
        ("load mon", ":load monday"),
        ("automate swi", ":automate swing"),
        ("set filter cu", ":set filter cutoff"),
    ] {
        let mut stage = Stage::new(Scene::Local);
        stage.press(&format!(":{typed}<tab>"));
        let (text, _) = line(&mut stage);
        assert!(text.starts_with(completed), "{typed}: {text}");
    }
}

#[test]
fn names_are_taken_in_any_case() {
    let session = NetworkAction::Session;
    let key = |key| session(SessionSetting::Key(key));
    let drums = |setting| NetworkAction::Drums(DRUMS, DrumAction::Set(setting));
    let set = |setting| NetworkAction::Instrument(DRUMS, InstrumentAction::Set(setting));
    let length = PatternSetting::Resolution(NoteValue::EighthTriplet);
    for (typed, action) in [
        ("key c#", key(Key::CSharp)),
        ("KEY Db", key(Key::CSharp)),
        ("key CSharp", key(Key::CSharp)),
        ("key F sharp", key(Key::FSharp)),
        ("key f♯", key(Key::FSharp)),
        ("key B♭", key(Key::BFlat)),
        ("key a flat", key(Key::AFlat)),
        ("key G#", key(Key::AFlat)),
        ("key b", key(Key::B)),
        ("key Cb", key(Key::B)),
        ("Scale harmonic minor", session(SessionSetting::Scale(Scale::HarmonicMinor))),
        ("scale HarmonicMinor", session(SessionSetting::Scale(Scale::HarmonicMinor))),
        ("SNAP thirty-second", session(SessionSetting::Snap(Some(NoteValue::ThirtySecond)))),
        ("snap EIGHTH", session(SessionSetting::Snap(Some(NoteValue::Eighth)))),
        ("snap 1/16", session(SessionSetting::Snap(Some(NoteValue::Sixteenth)))),
        ("scale dor", session(SessionSetting::Scale(Scale::Dorian))),
        ("snap OFF", session(SessionSetting::Snap(None))),
        ("resolution eighth triplet", drums(DrumSetting::Pattern(PatternId(1), length.clone()))),
        ("resolution 1/8t", drums(DrumSetting::Pattern(PatternId(1), length))),
        ("Chain On", drums(DrumSetting::Chained(true))),
        (
            "sound 1 Nothing",
            drums(DrumSetting::Pad(PadNumber::MIN, PadSetting::Sound(PadSound::Nothing))),
        ),
        ("output MASTER", set(InstrumentSetting::Output(Output::Master))),
        ("join None", set(InstrumentSetting::LayerGroup(None))),
    ] {
        let mut stage = Stage::new(Scene::Local);
        stage.press(&format!("]]]:{typed}<enter>"));
        let screen = stage.screen();
        assert_eq!(stage.dispatched(), [action], "{typed}: {screen}");
    }
    let metre = |beats, unit| {
        let metre = imbolc_net::studio::TimeSignature::new(beats, unit).unwrap();
        session(SessionSetting::TimeSignature(metre))
    };
    for typed in ["metre 3/4", "METRE 3 / 4"] {
        let mut stage = Stage::new(Scene::Local);
        assert_eq!(stage.press(&format!(":{typed}<enter>")).dispatched(), [metre(3, 4)]);
    }
    let mut stage = Stage::new(Scene::Local);
    stage.press(":key c minor<enter>");
    let both = [key(Key::C), session(SessionSetting::Scale(Scale::Minor))];
    assert_eq!(stage.dispatched(), both);
    // The b of a scale is no flat.
    stage.press(":key c blues<enter>");
    let both = [key(Key::C), session(SessionSetting::Scale(Scale::Blues))];
    assert_eq!(stage.dispatched(), both);
    stage.press(":ADD Super Saw Bell<enter>");
    let [NetworkAction::AddInstrument { name, source, .. }] = &stage.dispatched()[..] else {
        panic!("{}", stage.screen())
    };
    assert_eq!((name.as_str(), *source), ("Bell", SourceKind::SuperSaw));
    assert_eq!(stage.app.client_state().pane(), Pane::Instruments);
}
