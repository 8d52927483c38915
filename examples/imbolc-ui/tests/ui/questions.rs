//! What cannot be brought back is asked once.

use imbolc_net::{
    studio::{InstrumentAction, NetworkAction, Pane, ProjectAction, ProjectName},
    util::quantity::{Pitch, Velocity},
};

use crate::{
    band,
    screens::PANES,
    stage::{ANA, BASS, BEN, Scene, Stage},
};

fn name(text: &str) -> ProjectName {
    ProjectName::new(text).expect("a name")
}

fn project(task: ProjectAction) -> Vec<NetworkAction> {
    vec![NetworkAction::Project(task)]
}

/// A local session with unsaved changes.
fn unsaved() -> Stage {
    let mut stage = Stage::new(Scene::Local);
    stage.press("+").dispatched();
    stage
}

/// The commands that lose something for good in an unsaved session.
fn losses() -> [(&'static str, &'static str, ProjectAction); 8] {
    let lost = "there are unsaved changes";
    [
        ("new", lost, ProjectAction::New),
        ("n", lost, ProjectAction::New),
        ("load monday", lost, ProjectAction::Load(name("monday"))),
        ("lo monday", lost, ProjectAction::Load(name("monday"))),
        ("restore before", lost, ProjectAction::RestoreCheckpoint(name("before"))),
        ("recover before", lost, ProjectAction::Recover(name("before"))),
        (
            "forget before",
            "the checkpoint “before” will be deleted",
            ProjectAction::DeleteCheckpoint(name("before")),
        ),
        (
            "save monday",
            "the project “monday” will be overwritten",
            ProjectAction::SaveAs(name("monday")),
        ),
    ]
}

#[test]
fn command_that_loses_work_asks_once() {
    for (command, lost, task) in losses() {
        let enter = format!(":{command}<enter>");
        for again in ["y", &enter] {
            let mut stage = unsaved();
            let screen = stage.press(&enter).screen();
            let question = format!("{lost}: y, or the same again, to go on");
            assert!(screen.contains(&question), "{command}: {screen}");
            assert_eq!(stage.dispatched(), [], "{command}");
            assert_eq!(stage.press(again).dispatched(), project(task.clone()), "{command}");
            assert!(!stage.screen().contains(&question), "{command}");
        }
    }
}

#[test]
fn any_other_key_answers_no() {
    let mut stage = unsaved();
    stage.press(":new<enter>]y");
    assert_eq!(stage.dispatched(), []);
    stage.press(":new<enter>:load monday<enter>");
    assert_eq!(stage.dispatched(), [], "another command is another question");
    stage.press(":<esc>y");
    assert_eq!(stage.dispatched(), []);
}

#[test]
fn quitting_with_unsaved_work_asks_once() {
    for quit in ["q", "<ctrl-c>", ":quit<enter>", ":q<enter>", ":tem<ctrl-c>", "?<ctrl-c>"] {
        // `?` is another key.
        for again in ["y", quit.trim_start_matches('?')] {
            let mut stage = unsaved();
            let screen = stage.press(quit).screen();
            assert!(screen.contains("unsaved changes will be lost: y, or"), "{quit}: {screen}");
            assert!(!stage.app.has_quit(), "{quit}");
            assert!(stage.press(again).app.has_quit(), "{quit} {again}");
        }
        assert!(Stage::new(Scene::Local).press(quit).app.has_quit(), "{quit}: nothing is lost");
    }
}

#[test]
fn question_takes_no_key_that_plays_notes() {
    let mut stage = unsaved();
    let screen = stage.press("k<ctrl-c>").screen();
    assert!(screen.contains("will be lost: the same again, to go on"), "{screen}");
    let play = InstrumentAction::Play(Pitch::of(68), Velocity::of(100));
    assert_eq!(stage.press("y").dispatched(), [NetworkAction::Instrument(BASS, play)]);
    assert!(!stage.app.has_quit());
    assert!(stage.press("<ctrl-c><ctrl-c>").app.has_quit());
}

#[test]
fn host_with_guests_is_asked() {
    let mut stage = Stage::new(Scene::Hosting);
    let guests = "2 other people are in the session";
    for keys in ["q", ":new<enter>", ":load monday<enter>"] {
        assert!(stage.press(keys).screen().contains(guests), "{keys}: {}", stage.screen());
        stage.press("<esc>");
    }
    stage.remote_edit(&band::cutoff(BASS, 99.0));
    let both = format!("{guests}, and unsaved changes will be lost: y, or the same");
    assert!(stage.press("q").screen().contains(&both), "{}", stage.screen());
    stage.press("<esc>");
    stage.edit_roster(|roster| drop(roster.participants.remove(&BEN)));
    assert!(stage.press("q").screen().contains("1 other person is in the session"));
    assert!(!stage.app.has_quit());
    assert!(stage.press("y").app.has_quit());
}

#[test]
fn guest_with_the_privilege_is_asked() {
    let mut stage = Stage::new(Scene::Joined);
    stage.edit_roster(|roster| roster.privileged = roster.as_owner(ANA));
    stage.remote_edit(&band::cutoff(BASS, 99.0));
    for (command, lost, task) in losses() {
        let screen = stage.press(&format!(":{command}<enter>")).screen();
        assert!(screen.contains(lost), "{command}: {screen}");
        assert_eq!(stage.dispatched(), [], "{command}");
        assert_eq!(stage.press("y").dispatched(), project(task));
        // Saving over a project makes it the current one.
        stage.replace_state(|studio| *studio = band::studio());
        stage.remote_edit(&band::cutoff(BASS, 99.0));
    }
    assert!(stage.press("q").app.has_quit(), "the session goes on without her");
}

#[test]
fn edits_that_were_never_sent_are_asked_about() {
    let mut stage = Stage::new(Scene::Reconnecting);
    stage.press("+");
    let screen = stage.press("q").screen();
    assert!(screen.contains("your last edits were not sent: y, or the same"), "{screen}");
    assert!(!stage.app.has_quit());
    assert!(stage.press("q").app.has_quit());
}

#[test]
fn saving_under_own_or_new_name_does_not_ask() {
    for (command, task) in [
        ("save", ProjectAction::Save),
        ("save friday", ProjectAction::SaveAs(name("friday"))),
        ("save fresh", ProjectAction::SaveAs(name("fresh"))),
        ("checkpoint now", ProjectAction::CreateCheckpoint(name("now"))),
    ] {
        let mut stage = unsaved();
        assert_eq!(stage.press(&format!(":{command}<enter>")).dispatched(), project(task));
    }
}

#[test]
fn unsaved_work_is_marked_on_every_screen() {
    for scene in Scene::ALL {
        for (pane, keys) in PANES {
            let mut stage = Stage::new(scene);
            stage.resize(60, 16);
            assert!(!stage.show(pane).press(keys).screen().contains("unsaved"), "{pane:?}");
            let before = stage.studio();
            stage.remote_edit(&band::cutoff(BASS, 99.0));
            assert!(stage.screen().contains(" bpm  unsaved"), "{}", stage.screen());
            stage.replace_state(|studio| *studio = before);
            assert!(!stage.screen().contains("unsaved"), "an undo clears the mark");
        }
    }
    let mut stage = unsaved();
    stage.show(Pane::Session);
    assert!(stage.press(":").screen().contains("unsaved"), "{}", stage.screen());
}

#[test]
fn key_that_begins_another_command_answers_no() {
    let mut stage = unsaved();
    let screen = stage.press("qn").screen();
    assert!(!screen.contains("will be lost") && !screen.contains(":rename"), "{screen}");
    let screen = stage.press("<ctrl-c>").screen();
    assert!(screen.contains("unsaved changes will be lost"), "{screen}");
    assert!(!stage.app.has_quit());
}
