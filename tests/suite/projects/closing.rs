//! Closing waits for a save that was accepted.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    task::Poll,
    time::Duration,
};

use imbolc_net::{
    Dispatcher, HostDispatcher, LocalDispatcher,
    dispatcher::CloseError,
    model::Engine,
    server::HostOptions,
    studio::{
        Metering, NetworkAction, ProjectAction, ProjectFailure, ProjectNotice, ProjectOutcome,
        ProjectReport, Studio, StudioEffect, StudioState,
    },
    transport,
    util::time::Timestamp,
};
use tokio::time::timeout;

use super::{Directory, attempt, name, open_local};

/// An engine whose disk is blocked until it is released; then the save fails.
#[derive(Default)]
struct BlockedDisk {
    released: Arc<AtomicBool>,
    task: Option<ProjectAction>,
    failed: bool,
}

impl Engine<Studio> for BlockedDisk {
    fn perform(&mut self, _now: Timestamp, state: &StudioState, _effect: StudioEffect) {
        if let ProjectNotice::Working(task) = &state.projects.notice {
            self.task = Some(task.clone());
        }
    }

    fn advance(&mut self, _now: Timestamp, _state: &StudioState) -> Vec<NetworkAction> {
        if !self.released.load(SeqCst) {
            return Vec::new();
        }
        let report = self.task.take().map(|task| {
            self.failed = true;
            let outcome = ProjectOutcome::Failed(ProjectFailure::Missing);
            NetworkAction::ProjectReport(ProjectReport { task, outcome })
        });
        report.into_iter().collect()
    }

    fn metering(&self) -> Metering {
        Metering::default()
    }

    fn pulse(&self) -> Option<Duration> {
        self.task.as_ref().map(|_| Duration::from_millis(1))
    }

    fn poll_close(&self) -> Poll<Result<(), String>> {
        match (&self.task, self.failed) {
            (Some(_), _) => Poll::Pending,
            (None, true) => Poll::Ready(Err("Song: gone".into())),
            (None, false) => Poll::Ready(Ok(())),
        }
    }
}

async fn closing_waits(d: impl Dispatcher, released: &AtomicBool) {
    d.dispatch(NetworkAction::Project(ProjectAction::SaveAs(name("Song")))).unwrap();
    let gave_up = timeout(Duration::from_millis(100), d.close()).await;
    assert!(gave_up.is_err(), "the save has not ended");
    released.store(true, SeqCst);
    let closed = timeout(Duration::from_secs(20), d.close()).await.unwrap();
    assert_eq!(closed, Err(CloseError::NotSaved("Song: gone".into())));
}

#[tokio::test]
async fn closing_a_local_session_waits_for_a_save() {
    let engine = BlockedDisk::default();
    let released = Arc::clone(&engine.released);
    let d = LocalDispatcher::open("Ana", StudioState::starter(), engine).unwrap();
    closing_waits(d, &released).await;
}

#[tokio::test]
async fn closing_a_host_waits_for_a_save() {
    let engine = BlockedDisk::default();
    let released = Arc::clone(&engine.released);
    let listener = transport::listen("127.0.0.1:0").await.unwrap();
    let options = HostOptions::default();
    let d = HostDispatcher::open("Ana", StudioState::starter(), engine, listener, options).unwrap();
    closing_waits(d, &released).await;
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
