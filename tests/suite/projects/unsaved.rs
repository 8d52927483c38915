//! The mark of unsaved work, as every participant sees it.

use std::{fs, sync::Arc};

use imbolc_net::{
    Dispatcher, Mode,
    authority::threaded,
    dispatcher::Status,
    open_with, projects,
    server::HostOptions,
    studio::{
        Name, NetworkAction, ProjectAction, SilentEngine, StudioState, TransportAction, UnsavedMark,
    },
};

use super::{Directory, attempt, name, open_local};
use crate::{
    conformance::{eventually, join},
    harness::{BASS, cutoff, play_key},
};

fn is_unsaved(d: &dyn Dispatcher) -> bool {
    UnsavedMark::default().is_unsaved(&d.state().model)
}

#[tokio::test]
async fn undo_back_to_what_was_saved_clears_the_mark() {
    let directory = Directory::new();
    let d = open_local(Some(&directory.0)).await;
    assert!(!is_unsaved(&*d), "nothing is done yet");
    d.dispatch(cutoff(BASS, 500.0)).unwrap();
    assert!(is_unsaved(&*d));
    d.undo().unwrap();
    assert!(!is_unsaved(&*d));
    d.redo().unwrap();
    attempt(&*d, ProjectAction::SaveAs(name("Song"))).await.unwrap();
    assert!(!is_unsaved(&*d));
    d.undo().unwrap();
    assert!(is_unsaved(&*d), "the file has the edit");
    d.redo().unwrap();
    assert!(!is_unsaved(&*d));
}

#[tokio::test]
async fn loading_and_beginning_clear_the_mark() {
    let directory = Directory::new();
    let d = open_local(Some(&directory.0)).await;
    d.dispatch(cutoff(BASS, 500.0)).unwrap();
    attempt(&*d, ProjectAction::SaveAs(name("Song"))).await.unwrap();
    attempt(&*d, ProjectAction::CreateCheckpoint(name("verse"))).await.unwrap();
    for task in [
        ProjectAction::Load(name("Song")),
        ProjectAction::RestoreCheckpoint(name("verse")),
        ProjectAction::New,
    ] {
        d.dispatch(cutoff(BASS, 700.0)).unwrap();
        let missing = attempt(&*d, ProjectAction::Load(name("No such song"))).await;
        assert!(missing.is_err() && is_unsaved(&*d));
        attempt(&*d, task.clone()).await.unwrap();
        assert!(!is_unsaved(&*d), "{task:?}");
    }
}

#[tokio::test]
async fn playing_is_not_unsaved_work() {
    let d = open_local(None).await;
    d.dispatch(NetworkAction::Transport(TransportAction::Play)).unwrap();
    d.dispatch(play_key(BASS, 60)).unwrap();
    assert!(!is_unsaved(&*d));
    d.dispatch(NetworkAction::Transport(TransportAction::Locate(
        imbolc_net::util::quantity::Ticks::of(960),
    )))
    .unwrap();
    assert!(!is_unsaved(&*d), "the playhead is not part of the piece");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guests_see_the_mark_of_unsaved_work() {
    let directory = Directory::new();
    let mode = Mode::Host {
        name: "Ana".into(),
        address: "127.0.0.1:0".into(),
        options: HostOptions::default(),
    };
    let mut state = StudioState::starter();
    Arc::make_mut(&mut state.session).name = Name::new("Sunday").unwrap();
    fs::create_dir(&directory.0).unwrap();
    let engine = || threaded(SilentEngine::default).with_jobs(projects::jobs(&directory.0));
    let host = open_with(mode, state.regarded_as_saved(), engine).await.unwrap();
    let Status::Hosting { address: Some(address) } = host.status() else { panic!() };
    let guest = join(&address.to_string(), "Ben", &[BASS]).await;
    assert!(!is_unsaved(&*guest), "the name of the session is given at the start");
    guest.commit(cutoff(BASS, 99.0)).await.unwrap();
    assert!(is_unsaved(&*guest));
    attempt(&*host, ProjectAction::SaveAs(name("Song"))).await.unwrap();
    eventually("the guest sees that it is saved", || !is_unsaved(&*guest)).await;
}
