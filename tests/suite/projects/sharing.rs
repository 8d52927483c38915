//! Two programs with one project directory. A lock belongs to an open file, so two sessions of
//! one process are as foreign to each other as two processes.

use std::{fs, sync::Arc};

use imbolc_net::{
    Dispatcher,
    projects::Store,
    studio::{ProjectAction, ProjectFailure},
};

use super::{Directory, attempt, name, open_local};
use crate::harness::{BASS, cutoff, cutoff_of};

#[tokio::test]
async fn project_that_is_open_elsewhere_loads_and_is_not_saved_over() {
    let directory = Directory::new();
    let ana = open_local(Some(&directory.0)).await;
    let ben = open_local(Some(&directory.0)).await;
    ana.dispatch(cutoff(BASS, 500.0)).unwrap();
    attempt(&*ana, ProjectAction::SaveAs(name("Song"))).await.unwrap();
    attempt(&*ben, ProjectAction::Load(name("Song"))).await.unwrap();
    assert_eq!(cutoff_of(&ben.state().model, BASS), 500.0);
    for task in [
        ProjectAction::Save,
        ProjectAction::SaveAs(name("Song")),
        ProjectAction::CreateCheckpoint(name("verse")),
    ] {
        let refused = attempt(&*ben, task).await;
        let Err(ProjectFailure::InUse { holder }) = refused else { panic!("{refused:?}") };
        assert!(holder.contains(&format!("process {}", std::process::id())), "{holder}");
    }
    attempt(&*ben, ProjectAction::SaveAs(name("Song of Ben"))).await.unwrap();
    attempt(&*ana, ProjectAction::Save).await.unwrap();

    attempt(&*ben, ProjectAction::Load(name("Song"))).await.unwrap();
    attempt(&*ana, ProjectAction::New).await.unwrap();
    attempt(&*ben, ProjectAction::Save).await.unwrap();
    let refused = attempt(&*ana, ProjectAction::SaveAs(name("Song"))).await;
    assert!(matches!(refused, Err(ProjectFailure::InUse { .. })), "{refused:?}");
    ben.close().await.unwrap();
    drop(ben);
    // The thread with the lock ends soon after.
    while attempt(&*ana, ProjectAction::SaveAs(name("Song"))).await.is_err() {}
}

#[tokio::test]
async fn failed_save_under_another_name_keeps_the_lock() {
    let directory = Directory::new();
    let ana = open_local(Some(&directory.0)).await;
    let ben = open_local(Some(&directory.0)).await;
    attempt(&*ana, ProjectAction::SaveAs(name("Song"))).await.unwrap();
    attempt(&*ben, ProjectAction::SaveAs(name("Song of Ben"))).await.unwrap();
    fs::create_dir(directory.file("Folder.imbolc.json")).unwrap();
    for other in ["Song of Ben", "Folder"] {
        attempt(&*ana, ProjectAction::SaveAs(name(other))).await.unwrap_err();
        let refused = attempt(&*ben, ProjectAction::SaveAs(name("Song"))).await;
        assert!(matches!(refused, Err(ProjectFailure::InUse { .. })), "{other}: {refused:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_saves_in_one_directory_leave_whole_files() {
    let directory = Directory::new();
    let mut programs = Vec::new();
    for program in ["Ana", "Ben", "Cleo"] {
        let d: Arc<dyn Dispatcher> = open_local(Some(&directory.0)).await;
        programs.push(tokio::spawn(async move {
            for round in 0..20 {
                attempt(&*d, ProjectAction::SaveAs(name(program))).await.unwrap();
                let shared = attempt(&*d, ProjectAction::SaveAs(name("Shared"))).await;
                let fine = matches!(shared, Ok(()) | Err(ProjectFailure::InUse { .. }));
                assert!(fine, "{program} in round {round}: {shared:?}");
            }
        }));
    }
    for program in programs {
        program.await.unwrap();
    }
    let store = Store::open(&directory.0).unwrap();
    for project in store.list().unwrap().iter() {
        store.load(project).unwrap();
    }
    let scraps = fs::read_dir(&directory.0)
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().path().extension().is_some_and(|e| e == "new"));
    assert_eq!(scraps.count(), 0);
}
