//! Closing waits for a save that was accepted.

use std::{
    sync::mpsc::{Sender, channel},
    time::Duration,
};

use imbolc_net::{
    Dispatcher, HostDispatcher, LocalDispatcher,
    authority::{Engine, JobReport, Jobs, threaded},
    dispatcher::CloseError,
    server::HostOptions,
    studio::{NetworkAction, ProjectAction, SilentEngine, StudioEffect, StudioState},
    transport,
};
use tokio::time::timeout;

use super::{Directory, attempt, name, open_local};

/// An engine with jobs whose disk is blocked until it is released; then the save fails.
fn with_blocked_disk() -> (Engine, Sender<()>) {
    let (release, released) = channel();
    let save = move |_: &StudioState, _: &StudioEffect| {
        released.recv().unwrap();
        JobReport { action: None, saved: Some(Err("Song: gone".into())) }
    };
    let load = |_: &StudioState, _: &StudioEffect| panic!("nothing is loaded");
    (threaded(SilentEngine::default).with_jobs(Jobs::new(save, load)), release)
}

async fn closing_waits(d: impl Dispatcher, release: Sender<()>) {
    d.dispatch(NetworkAction::Project(ProjectAction::SaveAs(name("Song")))).unwrap();
    let gave_up = timeout(Duration::from_millis(100), d.close()).await;
    assert!(gave_up.is_err(), "the save has not ended");
    release.send(()).unwrap();
    let closed = timeout(Duration::from_secs(20), d.close()).await.unwrap();
    assert_eq!(closed, Err(CloseError::NotSaved("Song: gone".into())));
}

#[tokio::test]
async fn closing_a_local_session_waits_for_a_save() {
    let (engine, release) = with_blocked_disk();
    let d = LocalDispatcher::open("Ana", StudioState::starter(), engine).unwrap();
    closing_waits(d, release).await;
}

#[tokio::test]
async fn closing_a_host_waits_for_a_save() {
    let (engine, release) = with_blocked_disk();
    let listener = transport::listen("127.0.0.1:0").await.unwrap();
    let options = HostOptions::default();
    let d = HostDispatcher::open("Ana", StudioState::starter(), engine, listener, options).unwrap();
    closing_waits(d, release).await;
}

#[tokio::test]
async fn close_says_which_save_failed() {
    let directory = Directory::new();
    let d = open_local(Some(&directory.0)).await;
    std::fs::create_dir(directory.file("Song.imbolc.json")).unwrap();
    // Its end is not awaited.
    d.dispatch(NetworkAction::Project(ProjectAction::SaveAs(name("Song")))).unwrap();
    let Err(CloseError::NotSaved(what)) = d.close().await else { panic!() };
    assert!(what.starts_with("Song: "), "{what}");
}

#[tokio::test]
async fn close_has_written_a_save_that_was_accepted() {
    let directory = Directory::new();
    let d = open_local(Some(&directory.0)).await;
    d.dispatch(NetworkAction::Project(ProjectAction::SaveAs(name("Song")))).unwrap();
    d.close().await.unwrap();
    assert!(directory.file("Song.imbolc.json").exists());
    let next = open_local(Some(&directory.0)).await;
    attempt(&*next, ProjectAction::Load(name("Song"))).await.unwrap();
}
