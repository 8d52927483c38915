//! The piano roll: what its keys do, and what it shows.

use imbolc_net::{
    model::{InstrumentId, Invalid},
    protocol::Refusal,
    studio::{
        InstrumentAction, LoopRegion, Name, NetworkAction, Note, NoteValue, Notes, Pane,
        PianoRollAction, SessionSetting, SourceKind, StudioState, TrackSetting, TransportAction,
        Voices,
    },
    util::quantity::{NoteLength, Pitch, Probability, Ticks, Velocity},
};

use crate::{
    band::{self, act, note},
    stage::{BASS, Scene, Stage},
};

/// The initial pitch of the cursor.
const MIDDLE_C: Pitch = Pitch::of(60);

fn roll(scene: Scene) -> Stage {
    let mut stage = Stage::new(scene);
    stage.show(Pane::PianoRoll);
    stage
}

fn bass(action: PianoRollAction) -> NetworkAction {
    NetworkAction::PianoRoll(BASS, action)
}

fn set(setting: TrackSetting) -> NetworkAction {
    bass(PianoRollAction::Set(setting))
}

/// A note with the values of a new one.
fn drawn(tick: u32, pitch: u8) -> Note {
    Note { length: NoteLength::of(120), ..note(tick, pitch) }
}

fn region(start: u32, end: u32) -> LoopRegion {
    LoopRegion::new(Ticks::new(start).unwrap(), Ticks::new(end).unwrap()).unwrap()
}

/// The row of a pitch.
fn row(stage: &mut Stage, name: &str) -> String {
    let screen = stage.screen();
    let inside = |line: &str| line.trim_matches('│').to_owned();
    let line = screen.lines().find(|line| line.trim_start_matches('│').starts_with(name));
    line.map(inside).unwrap_or_else(|| panic!("{name} is not shown:\n{screen}"))
}

#[test]
fn enter_adds_or_removes_note() {
    let mut stage = roll(Scene::Joined);
    stage.press("<right><right><up><enter><enter>");
    let expected = [
        bass(PianoRollAction::Add(drawn(240, 61))),
        bass(PianoRollAction::Remove(Ticks::of(240), Pitch::of(61))),
    ];
    assert_eq!(stage.dispatched(), expected);
}

#[test]
fn note_is_edited_from_each_of_its_columns() {
    let mut stage = roll(Scene::Joined);
    stage.press("<end><right><right><right>>").dispatched();
    stage.press("<").press("p");
    let (tick, pitch) = (Ticks::of(2880), Pitch::of(48));
    let expected = [
        bass(PianoRollAction::Velocity(tick, pitch, Velocity::of(100))),
        bass(PianoRollAction::Probability(tick, pitch, Probability::of(90))),
    ];
    assert_eq!(stage.dispatched(), expected);
}

#[test]
fn next_note_has_length_of_last_resize() {
    let mut stage = roll(Scene::Joined);
    stage.press("<enter>++-----<down><enter>");
    let dispatched = stage.dispatched();
    let resized = |length| {
        let length = NoteLength::new(length).unwrap();
        bass(PianoRollAction::Resize(Ticks::MIN, MIDDLE_C, length))
    };
    assert_eq!(dispatched[1..4], [resized(240), resized(360), resized(240)]);
    assert_eq!(dispatched[6], resized(120), "never shorter than the grid");
    stage.press("<up>+<down><down><enter>");
    let expected = Note { length: NoteLength::of(240), ..drawn(0, 58) };
    assert_eq!(stage.dispatched().last(), Some(&bass(PianoRollAction::Add(expected))));
}

#[test]
fn probability_wraps_from_zero_to_certain() {
    let mut stage = roll(Scene::Joined);
    stage.press("<enter>pppppppppp").dispatched();
    let always = PianoRollAction::Probability(Ticks::MIN, MIDDLE_C, Probability::MAX);
    assert_eq!(stage.press("p").dispatched(), [bass(always)]);
}

#[test]
fn velocity_stays_in_midi_range() {
    let mut stage = roll(Scene::Joined);
    stage.press("<enter>>>>>>>>");
    let loudest = PianoRollAction::Velocity(Ticks::MIN, MIDDLE_C, Velocity::MAX);
    assert_eq!(stage.dispatched().last(), Some(&bass(loudest)));
    for _ in 0..30 {
        stage.press("<");
    }
    let softest = PianoRollAction::Velocity(Ticks::MIN, MIDDLE_C, Velocity::MIN);
    assert_eq!(stage.dispatched().last(), Some(&bass(softest)));
}

#[test]
fn note_moves_with_cursor_but_not_onto_another() {
    let mut stage = roll(Scene::Joined);
    stage.press("<enter><s-right><s-up>");
    let carry = |tick, pitch, to_tick, to_pitch| {
        let [tick, to_tick] = [tick, to_tick].map(|tick| Ticks::new(tick).unwrap());
        let [pitch, to_pitch] = [pitch, to_pitch].map(|pitch| Pitch::new(pitch).unwrap());
        bass(PianoRollAction::Move { tick, pitch, to_tick, to_pitch })
    };
    let expected = [carry(0, 60, 120, 60), carry(120, 60, 120, 61)];
    assert_eq!(stage.dispatched()[1..], expected);
    assert_eq!(stage.app.client_state().cursor(), (Ticks::of(120), Pitch::of(61)));

    stage.press("<left><enter>").dispatched();
    assert_eq!(stage.press("<s-right><s-left>").dispatched(), []);
    let screen = stage.screen();
    assert!(screen.contains("1.1.120 C#4 is occupied"), "{screen}");
}

#[test]
fn copy_is_pasted_at_cursor() {
    let mut stage = roll(Scene::Joined);
    // The first beat and a half: two notes.
    stage.press("b<right><right><right><right>y<end><right>v");
    let pasted: Notes = [note(3000, 36), note(3480, 36)].into_iter().collect();
    assert_eq!(stage.dispatched(), [bass(PianoRollAction::Paste(pasted))]);
}

#[test]
fn cut_removes_the_notes() {
    let mut stage = roll(Scene::Joined);
    stage.press("b<right><right><right><right>x");
    assert_eq!(stage.dispatched(), [bass(PianoRollAction::DeleteRegion(region(0, 600)))]);
    assert_eq!(stage.app.client_state().clipboard(), [note(0, 36), note(480, 36)]);
    assert_eq!(stage.studio().piano_roll.track(BASS).unwrap().len(), 6);
    assert_eq!(stage.press("<home>x").dispatched(), [], "no notes are left");
    assert!(stage.screen().contains("no note here"));
}

#[test]
fn all_notes_that_were_cut_are_pasted_with_their_rests() {
    let notes: Vec<_> = (0..5000).map(|n| note(480 + n * 120, 36)).collect();
    let mut studio = StudioState::starter();
    for page in notes.chunks(4096) {
        act(&mut studio, &bass(PianoRollAction::Paste(page.iter().copied().collect())));
    }
    let mut stage = Stage::with_studio(Scene::Local, studio);
    stage.show(Pane::PianoRoll);
    assert_eq!(stage.press("<home>b<end>x").dispatched().len(), 1);
    assert!(stage.studio().piano_roll.track(BASS).unwrap().is_empty());
    assert_eq!(stage.press("<home>v").dispatched().len(), 2);
    let pasted: Vec<_> = stage.studio().piano_roll.track(BASS).unwrap().notes().collect();
    assert!(pasted == notes, "{} notes", pasted.len());
}

#[test]
fn paste_without_a_copy_says_so() {
    let mut stage = roll(Scene::Local);
    assert_eq!(stage.press("v").dispatched(), []);
    assert!(stage.screen().contains("nothing to paste: copy a note first"), "{}", stage.screen());
}

#[test]
fn delete_removes_marked_region_only() {
    let mut stage = roll(Scene::Joined);
    assert_eq!(stage.press("D").dispatched(), []);
    assert!(stage.screen().contains("no note under the cursor"));
    stage.press("<right>b<left>");
    assert!(stage.screen().contains("marked 1.1.000 – 1.1.240"), "{}", stage.screen());
    stage.press("<delete><end>b<esc>D");
    let expected = [
        bass(PianoRollAction::DeleteRegion(region(0, 240))),
        bass(PianoRollAction::Remove(Ticks::of(2880), Pitch::of(48))),
    ];
    assert_eq!(stage.dispatched(), expected);
}

#[test]
fn track_is_armed_made_mono_and_looped() {
    let mut stage = roll(Scene::Joined);
    stage.press("Aob<right>lllo");
    let expected = [
        set(TrackSetting::Armed(true)),
        set(TrackSetting::Voices(Voices::Mono)),
        set(TrackSetting::Region(region(0, 240))),
        set(TrackSetting::Looping(true)),
        set(TrackSetting::Looping(false)),
        set(TrackSetting::Looping(true)),
        set(TrackSetting::Voices(Voices::Poly)),
    ];
    assert_eq!(stage.dispatched(), expected);
    let screen = stage.screen();
    assert!(screen.contains("● armed  ⟲ 1.1.000 – 1.1.240"), "{screen}");
}

#[test]
fn cursor_moves_by_grid_octave_and_to_ends() {
    let mut stage = roll(Scene::Joined);
    let mut go = |keys: &str| {
        let (tick, pitch) = stage.press(keys).app.client_state().cursor();
        (tick.get(), pitch.get())
    };
    assert_eq!(go("<left><pageup>"), (0, 72));
    assert_eq!(go("<end>"), (2880, 48));
    assert_eq!(go("<home>"), (0, 48));
    assert_eq!(go("Z<right>"), (240, 48));
    assert_eq!(go("zz<right>"), (360, 48));
    for _ in 0..8 {
        go("<pagedown>");
    }
    assert_eq!(go("<pagedown>"), (360, 0));
    band_with(&mut stage, SessionSetting::Snap(Some(NoteValue::Quarter)));
    let (tick, _) = stage.press("<left>").app.client_state().cursor();
    assert_eq!(tick, Ticks::MIN);
    band_with(&mut stage, SessionSetting::Snap(None));
    assert_eq!(stage.press("<right>").app.client_state().cursor().0, Ticks::of(20));
}

fn band_with(stage: &mut Stage, setting: SessionSetting) {
    stage.remote_edit(&NetworkAction::Session(setting));
}

#[test]
fn notes_show_velocity_probability_and_length() {
    let mut stage = roll(Scene::Joined);
    // Soft, then for two beats; beside it a note with a probability.
    let line = row(&mut stage, "C3");
    assert!(line.contains("░━──────█━━━━━━━"), "{line}");
    assert!(row(&mut stage, "D3").contains("7╌"));
    stage.press("<end>");
    let screen = stage.screen();
    assert!(screen.contains("2.3.000 C3  length 2 beats  velocity 100"), "{screen}");
}

#[test]
fn note_from_before_the_window_is_visible() {
    let mut studio = band::studio();
    for (pitch, length) in [(60, 3000), (62, 40_000)] {
        let length = NoteLength::new(length).unwrap();
        act(&mut studio, &bass(PianoRollAction::Add(Note { length, ..note(0, pitch) })));
    }
    let into = Note { length: NoteLength::of(4000), ..note(14_400, 60) };
    act(&mut studio, &bass(PianoRollAction::Add(into)));
    act(&mut studio, &bass(PianoRollAction::Add(drawn(28_800, 62))));
    let mut stage = Stage::with_studio(Scene::Joined, studio);
    stage.show(Pane::PianoRoll).press("<end><pagedown><pageup>");
    let line = row(&mut stage, "D4");
    assert!(line.starts_with("D4   ━━━━━━━━"), "{line}");
    let line = row(&mut stage, "C4");
    let reaching = line.chars().filter(|letter| *letter == '━').count();
    // To tick 18,400, in a window of 93 columns that ends at tick 28,920.
    assert_eq!(reaching, 6, "{line}");
}

#[test]
fn playhead_follows_loop_of_track() {
    let mut stage = roll(Scene::Joined);
    stage.play_at(480, -6.0);
    assert!(row(&mut stage, "B3").starts_with("B3   │   ┃"));
    stage.remote_edit(&set(TrackSetting::Region(region(0, 1920))));
    stage.remote_edit(&set(TrackSetting::Looping(true)));
    stage.play_at(1920 + 240, -6.0);
    let line = row(&mut stage, "B3");
    assert!(line.starts_with("B3   │ ┃"), "{line}");
    assert!(stage.screen().contains("1═▼══"), "{}", stage.screen());
}

#[test]
fn window_follows_playhead_on_request() {
    let mut stage = roll(Scene::Joined);
    stage.play_at(100 * 1920, -6.0);
    assert!(!stage.screen().contains('▼'));
    stage.press("f");
    let screen = stage.screen();
    assert!(screen.contains("▼") && screen.contains("following"), "{screen}");
    assert!(!stage.press("f").screen().contains('▼'));
}

#[test]
fn held_notes_are_shown_at_the_left() {
    let mut stage = roll(Scene::Hosting);
    assert!(!stage.screen().contains('♪'));
    let press = InstrumentAction::Play(MIDDLE_C, Velocity::of(90));
    stage.remote_edit(&NetworkAction::Instrument(BASS, press));
    assert!(row(&mut stage, "C4").starts_with("C4  ♪"));
}

#[test]
fn unconfirmed_is_hollow_and_removed_is_crossed_out() {
    let mut stage = roll(Scene::Reconnecting);
    stage.press("<enter>");
    assert!(row(&mut stage, "C4").starts_with("C4   □"));
    assert!(stage.screen().contains("1.1.000 C4*"));
    stage.press("<end>D");
    let line = row(&mut stage, "C3");
    assert!(line.contains('×') && !line.contains('█'), "{line}");
    let mut stage = roll(Scene::Joined);
    stage.press("<enter>");
    assert!(row(&mut stage, "C4").starts_with("C4   █"));
}

#[test]
fn setting_is_marked_until_confirmed() {
    let screen = roll(Scene::Reconnecting).press("o").screen();
    assert!(screen.contains("mono* "), "{screen}");
    let screen = roll(Scene::Joined).press("o").screen();
    assert!(screen.contains("mono  "), "{screen}");
}

#[test]
fn note_has_owner_colour_and_playing_colour() {
    let mut stage = roll(Scene::Joined);
    let owners = stage.colour_of("7╌");
    assert_eq!(owners, stage.colour_of("ana"));
    stage.play_at(2500, -6.0);
    assert_ne!(stage.colour_of("7╌"), owners);
}

#[test]
fn zoom_changes_columns_per_step() {
    let mut stage = roll(Scene::Joined);
    assert!(row(&mut stage, "D3").contains(" 7╌ "));
    stage.press("zz");
    assert!(stage.screen().contains("grid sixteenth ×4"), "{}", stage.screen());
    assert!(row(&mut stage, "D3").contains(" 7╌╌╌╌╌╌╌ "));
    stage.press("ZZZZ");
    assert!(stage.screen().contains("grid sixteenth ÷4"), "{}", stage.screen());
    assert!(row(&mut stage, "C3").contains("░─█━"), "{}", stage.screen());
    stage.press("ZZZZZZ");
    assert!(stage.screen().contains("grid sixteenth ÷16"), "{}", stage.screen());
}

#[test]
fn remote_note_appears() {
    let mut stage = roll(Scene::Hosting);
    stage.remote_edit(&bass(PianoRollAction::Add(note(480, 55))));
    assert!(row(&mut stage, "G3").contains("█━"));
}

#[test]
fn refused_edit_is_explained() {
    let mut stage = roll(Scene::Hosting);
    let owner = stage.owner(crate::stage::ANA);
    stage.refuse_all(Refusal::NotOwner { instrument: BASS, owner });
    stage.press("<enter>");
    assert!(stage.screen().contains("ana"), "{}", stage.screen());
    let mut stage = roll(Scene::Local);
    stage.refuse_all(Refusal::Invalid(Invalid::full("notes in a track", 65_536)));
    let screen = stage.press("<enter>").screen();
    assert!(screen.contains("65536") || screen.contains("65_536"), "{screen}");
}

#[test]
fn cursor_is_visible_on_smallest_terminal() {
    let mut stage = roll(Scene::Joined);
    stage.resize(60, 16);
    for keys in ["<pageup><pageup>", "<pagedown><pagedown><pagedown><pagedown>", "<end>", "<home>"]
    {
        stage.press(keys);
        let (_, pitch) = stage.app.client_state().cursor();
        let name = pitch.to_string();
        assert!(row(&mut stage, &name).starts_with(&name));
    }
    for _ in 0..60 {
        stage.press("<right>");
    }
    let screen = stage.screen();
    assert!(screen.contains("4.4.000 C3"), "{screen}");
    insta::assert_snapshot!("piano-roll-smallest", screen);
}

#[test]
fn heading_shows_owner_and_hidden_notes() {
    let mut stage = roll(Scene::Joined);
    assert!(stage.screen().contains("1 Bass ana  poly  8 notes C2–D3↓"), "{}", stage.screen());
    stage.press("<pagedown><pagedown>");
    assert!(stage.screen().contains("8 notes C2–D3  "), "{}", stage.screen());
    stage.edit_roster(|roster| {
        roster.owners.remove(&BASS);
    });
    assert!(stage.screen().contains("1 Bass no owner  poly"), "{}", stage.screen());
    let screen = stage.press("]").screen();
    assert!(screen.contains("poly  no notes"), "what is kept is that of the other track: {screen}");
}

#[test]
fn window_stays_until_cursor_leaves_it() {
    let mut stage = roll(Scene::Joined);
    stage.resize(60, 16);
    let lines = |stage: &mut Stage| -> Vec<String> {
        stage.screen().lines().skip(4).take(8).map(|line| line.chars().take(5).collect()).collect()
    };
    stage.press("<pagedown>");
    let before = lines(&mut stage);
    stage.press("<down><down><down>");
    assert_eq!(lines(&mut stage), before);
    stage.press("<down><down><down><down>");
    assert_ne!(lines(&mut stage), before);
}

#[test]
fn missing_selection_shows_a_hint() {
    let mut studio = StudioState::default();
    for id in 1..=200 {
        let (id, name, source) = (InstrumentId(id), Name::default(), SourceKind::Oscillator);
        act(&mut studio, &NetworkAction::AddInstrument { id, name, source });
    }
    let mut stage = Stage::with_studio(Scene::Hosting, studio);
    stage.show(Pane::PianoRoll).press("[");
    assert!(stage.screen().contains("200 "), "{}", stage.screen());
    let mut stage = Stage::with_studio(Scene::Hosting, StudioState::default());
    let screen = stage.show(Pane::PianoRoll).press("<enter>").screen();
    assert!(screen.contains("no instrument selected"), "{screen}");
    assert_eq!(stage.dispatched(), []);
}

#[test]
fn roll_in_the_middle_of_a_song() {
    let mut stage = roll(Scene::Hosting);
    stage.remote_edit(&NetworkAction::Transport(TransportAction::Loop(true)));
    stage.remote_edit(&set(TrackSetting::Armed(true)));
    stage.press("<end>b<right><right><right>");
    stage.play_at(2500, -6.0);
    insta::assert_snapshot!("piano-roll-playing", stage.screen());
}

#[test]
fn recording_without_an_armed_track_says_how_to_arm_one() {
    let mut stage = roll(Scene::Hosting);
    let hint = "nothing is armed: A in the roll arms a track";
    assert!(stage.press("R").screen().contains(hint), "{}", stage.screen());
    let mut stage = roll(Scene::Hosting);
    assert!(!stage.press("AR").screen().contains(hint), "{}", stage.screen());
}
