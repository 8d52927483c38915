//! Closing waits for a save that was accepted.

use imbolc_net::{
    dispatcher::CloseError,
    studio::{NetworkAction, ProjectAction},
};

use super::{Directory, attempt, name, open_local};

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
