//! Unsaved work that is replaced, or left behind by a program, is kept.

use std::sync::Arc;

use imbolc_net::{
    Dispatcher, Mode, projects,
    server::HostOptions,
    studio::{MAX_RECOVERED, Name, ProjectAction, ProjectName, ProjectNotice, StudioState},
};

use super::{Directory, attempt, is_refused, name, open_in, open_local, saved_part};
use crate::harness::{BASS, cutoff, cutoff_of};

fn kept(d: &dyn Dispatcher) -> Vec<String> {
    d.state().model.projects.recovered.iter().map(ProjectName::to_string).collect()
}

#[tokio::test]
async fn replaced_work_can_be_brought_back() {
    let directory = Directory::new();
    let d = open_local(Some(&directory.0)).await;
    attempt(&*d, ProjectAction::New).await.unwrap();
    assert!(kept(&*d).is_empty(), "there was no work");
    d.dispatch(cutoff(BASS, 500.0)).unwrap();
    let work = saved_part(&*d);
    attempt(&*d, ProjectAction::New).await.unwrap();
    assert_eq!(kept(&*d), ["0001 Untitled"]);
    attempt(&*d, ProjectAction::Recover(name("0001 Untitled"))).await.unwrap();
    assert_eq!(saved_part(&*d), work);
    let projects = d.state().model.projects.clone();
    assert_eq!(projects.current, None, "it is no project yet");
    assert!(imbolc_net::studio::UnsavedMark::default().is_unsaved(&d.state().model));

    attempt(&*d, ProjectAction::SaveAs(name("Song"))).await.unwrap();
    attempt(&*d, ProjectAction::CreateCheckpoint(name("verse"))).await.unwrap();
    d.dispatch(cutoff(BASS, 600.0)).unwrap();
    attempt(&*d, ProjectAction::Load(name("Song"))).await.unwrap();
    d.dispatch(cutoff(BASS, 700.0)).unwrap();
    attempt(&*d, ProjectAction::RestoreCheckpoint(name("verse"))).await.unwrap();
    assert_eq!(kept(&*d), ["0001 Untitled", "0002 Song", "0003 Song"]);
    for (kept, hertz) in [("0002 Song", 600.0), ("0003 Song", 700.0)] {
        attempt(&*d, ProjectAction::Recover(name(kept))).await.unwrap();
        assert_eq!(cutoff_of(&d.state().model, BASS), hertz);
    }
    assert!(is_refused(&*d, ProjectAction::Recover(name("0009 Song"))));
}

#[tokio::test]
async fn failed_load_keeps_nothing() {
    let directory = Directory::new();
    let d = open_local(Some(&directory.0)).await;
    d.dispatch(cutoff(BASS, 500.0)).unwrap();
    attempt(&*d, ProjectAction::Load(name("No such song"))).await.unwrap_err();
    attempt(&*d, ProjectAction::List).await.unwrap();
    assert!(kept(&*d).is_empty());
}

#[tokio::test]
async fn session_is_not_replaced_if_its_work_cannot_be_kept() {
    let directory = Directory::new();
    let d = open_local(Some(&directory.0)).await;
    d.dispatch(cutoff(BASS, 500.0)).unwrap();
    std::fs::write(directory.file("recovery"), "in the way").unwrap();
    attempt(&*d, ProjectAction::New).await.unwrap_err();
    assert_eq!(cutoff_of(&d.state().model, BASS), 500.0);
}

#[tokio::test]
async fn edits_while_a_project_loads_are_kept() {
    let directory = Directory::new();
    let d = open_local(Some(&directory.0)).await;
    attempt(&*d, ProjectAction::SaveAs(name("Song"))).await.unwrap();
    let load = ProjectAction::Load(name("Song"));
    loop {
        d.dispatch(imbolc_net::studio::NetworkAction::Project(load.clone())).unwrap();
        d.dispatch(cutoff(BASS, 500.0)).unwrap();
        // On a busy machine the project may be loaded before the edit.
        if d.state().model.projects.notice == ProjectNotice::Working(load.clone()) {
            break;
        }
    }
    while d.state().model.projects.notice != ProjectNotice::Done(load.clone()) {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    let newest = kept(&*d).pop().unwrap();
    attempt(&*d, ProjectAction::Recover(name(&newest))).await.unwrap();
    assert_eq!(cutoff_of(&d.state().model, BASS), 500.0);
}

#[tokio::test]
async fn next_start_says_what_a_program_left_behind() {
    let directory = Directory::new();
    let d = open_local(Some(&directory.0)).await;
    let keep = || projects::keep_unsaved(&directory.0, &d.state().model).unwrap();
    assert_eq!(keep(), None);
    d.dispatch(cutoff(BASS, 500.0)).unwrap();
    let left = keep().unwrap();
    d.close().await.unwrap();

    let next = open_local(Some(&directory.0)).await;
    assert_eq!(next.state().model.projects.notice, ProjectNotice::Kept(left.clone()));
    assert_eq!(cutoff_of(&next.state().model, BASS), cutoff_of(&StudioState::starter(), BASS));
    attempt(&*next, ProjectAction::Recover(left)).await.unwrap();
    assert_eq!(cutoff_of(&next.state().model, BASS), 500.0);
    next.close().await.unwrap();
    let third = open_local(Some(&directory.0)).await;
    assert_eq!(third.state().model.projects.notice, ProjectNotice::Nothing, "it is said once");
}

#[tokio::test]
async fn start_that_fails_leaves_the_news_of_kept_work() {
    let directory = Directory::new();
    let mut state = StudioState::default();
    projects::list_in(&mut state, &directory.0).unwrap();
    state.projects = StudioState::starter().projects;
    let left = projects::keep_unsaved(&directory.0, &state).unwrap().unwrap();
    let (name, address) = ("Ana".into(), "no address".into());
    let mode = Mode::Host { name, address, options: HostOptions::default() };
    assert!(open_in(Some(&directory.0), mode).await.is_err());
    let next = open_local(Some(&directory.0)).await;
    assert_eq!(next.state().model.projects.notice, ProjectNotice::Kept(left));
}

#[test]
fn only_the_newest_work_is_kept() {
    let directory = Directory::new();
    let mut state = StudioState::default();
    for _ in 0..MAX_RECOVERED + 3 {
        state = StudioState { projects: StudioState::starter().projects, ..state };
        projects::keep_unsaved(&directory.0, &state).unwrap().unwrap();
    }
    projects::list_in(&mut state, &directory.0).unwrap();
    let kept: Vec<_> = state.projects.recovered.iter().map(ProjectName::to_string).collect();
    assert_eq!(kept.len(), MAX_RECOVERED);
    assert_eq!((&*kept[0], &*kept[15]), ("0004 Untitled", "0019 Untitled"));
}

#[test]
#[cfg(unix)]
fn special_file_among_kept_work_does_not_hold_up_the_start() {
    let directory = Directory::new();
    std::fs::create_dir_all(directory.file("recovery")).unwrap();
    let fifo = directory.file("recovery").join("left-behind");
    assert!(std::process::Command::new("mkfifo").arg(fifo).status().unwrap().success());
    let (done, listed) = std::sync::mpsc::channel();
    let path = directory.0.clone();
    std::thread::spawn(move || {
        let mut state = StudioState::starter();
        projects::list_in(&mut state, &path).unwrap();
        let notice = state.projects.notice.clone();
        Arc::make_mut(&mut state.session).name = Name::new("Changed").unwrap();
        done.send((notice, projects::keep_unsaved(&path, &state).unwrap().is_some()))
    });
    let (notice, is_kept) = listed.recv_timeout(std::time::Duration::from_secs(5)).unwrap();
    assert_eq!(notice, ProjectNotice::Nothing);
    assert!(is_kept, "it takes the place of the special file");
}
