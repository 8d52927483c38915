//! Projects on disk: saving and loading through dispatchers, and invalid files.

mod closing;
#[cfg(unix)]
mod files;
mod keeping;
mod names;
mod sharing;
mod unsaved;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};

use imbolc_net::{
    Dispatcher, Event, Mode,
    authority::threaded,
    dispatcher::{DispatchError, OpenError, Status},
    model::{DirtyFlags, InstrumentId},
    open_with,
    projects::{self, Store},
    protocol::Refusal,
    server::HostOptions,
    studio::{
        Name, NetworkAction, ProjectAction, ProjectFailure, ProjectName, ProjectNotice,
        SilentEngine, SourceKind, StudioState, TransportAction,
    },
};
use tokio::time::timeout;

use crate::{
    conformance::join,
    harness::{BASS, cutoff, cutoff_of, play_key},
};

/// A temporary directory that is deleted at the end of the test.
pub struct Directory(pub PathBuf);

impl Directory {
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Relaxed);
        Self(env::temp_dir().join(format!("imbolc-projects-{}-{number}", process::id())))
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn name(text: &str) -> ProjectName {
    ProjectName::new(text).unwrap()
}

async fn open_local(directory: Option<&Path>) -> Arc<dyn Dispatcher> {
    let mode = Mode::Local { name: "Ana".into() };
    open_in(directory, mode).await.unwrap()
}

/// Opens a studio with the projects in `directory`.
pub async fn open_in(
    directory: Option<&Path>,
    mode: Mode,
) -> Result<Arc<dyn Dispatcher>, OpenError> {
    let mut state = StudioState::starter();
    if let Some(directory) = directory {
        projects::list_in(&mut state, directory)?;
    }
    let engine = || threaded(SilentEngine::default).with_jobs(directory.map(projects::jobs));
    open_with(mode, state, engine).await
}

/// Dispatches `task`, and waits for its result.
async fn attempt(d: &dyn Dispatcher, task: ProjectAction) -> Result<(), ProjectFailure> {
    let mut events = d.events();
    d.dispatch(NetworkAction::Project(task.clone())).unwrap();
    let done = async {
        loop {
            match d.state().model.projects.notice.clone() {
                ProjectNotice::Done(what) if what == task => return Ok(()),
                ProjectNotice::Failed(what, why) if what == task => return Err(why),
                _ => events.next().await,
            };
        }
    };
    timeout(Duration::from_secs(20), done).await.expect("the task ends")
}

/// The part of the state that a project contains.
fn saved_part(d: &dyn Dispatcher) -> StudioState {
    d.state().model.at_rest()
}

fn is_refused(d: &dyn Dispatcher, task: ProjectAction) -> bool {
    let refused = d.dispatch(NetworkAction::Project(task));
    matches!(refused, Err(DispatchError::Refused(Refusal::Invalid(_))))
}

#[tokio::test]
async fn loaded_project_equals_the_saved_one() {
    let directory = Directory::new();
    let d = open_local(Some(&directory.0)).await;
    d.dispatch(cutoff(BASS, 1234.567)).unwrap();
    d.dispatch(play_key(BASS, 60)).unwrap();
    let song = saved_part(&*d);
    assert!(is_refused(&*d, ProjectAction::Save), "the project has no name");
    attempt(&*d, ProjectAction::SaveAs(name("Song"))).await.unwrap();
    attempt(&*d, ProjectAction::New).await.unwrap();
    assert_eq!(saved_part(&*d), StudioState::starter().at_rest());
    assert!(is_refused(&*d, ProjectAction::Save), "a new project has no name");
    d.dispatch(NetworkAction::DeleteInstrument(BASS)).unwrap();
    attempt(&*d, ProjectAction::SaveAs(name("Another"))).await.unwrap();
    attempt(&*d, ProjectAction::Load(name("Song"))).await.unwrap();
    assert_eq!(saved_part(&*d), song);
    let projects = d.state().model.projects.clone();
    assert_eq!(projects.current, Some(name("Song")));
    assert!(projects.known.iter().eq(&[name("Another"), name("Song")]));

    d.close().await.unwrap();
    let later = open_local(Some(&directory.0)).await;
    assert_eq!(later.state().model.projects.known, projects.known, "listed from the start");
    attempt(&*later, ProjectAction::Load(name("Song"))).await.unwrap();
    assert_eq!(saved_part(&*later), song);
}

#[tokio::test]
async fn checkpoint_is_created_restored_and_deleted() {
    let directory = Directory::new();
    let d = open_local(Some(&directory.0)).await;
    let verse = name("verse");
    assert!(is_refused(&*d, ProjectAction::CreateCheckpoint(verse.clone())), "no project is open");
    attempt(&*d, ProjectAction::SaveAs(name("Song"))).await.unwrap();
    attempt(&*d, ProjectAction::CreateCheckpoint(verse.clone())).await.unwrap();
    assert!(is_refused(&*d, ProjectAction::CreateCheckpoint(verse.clone())), "it exists");
    d.dispatch(cutoff(BASS, 500.0)).unwrap();
    attempt(&*d, ProjectAction::Save).await.unwrap();
    attempt(&*d, ProjectAction::RestoreCheckpoint(verse.clone())).await.unwrap();
    assert_eq!(saved_part(&*d), StudioState::starter().at_rest());
    let projects = d.state().model.projects.clone();
    assert_eq!(projects.current, Some(name("Song")));
    assert!(projects.known.iter().eq(&[name("Song")]), "a checkpoint is not a project");
    assert!(projects.checkpoints.iter().eq([&verse]));
    attempt(&*d, ProjectAction::Load(name("Song"))).await.unwrap();
    assert_eq!(cutoff_of(&d.state().model, BASS), 500.0);
    attempt(&*d, ProjectAction::DeleteCheckpoint(verse.clone())).await.unwrap();
    assert!(d.state().model.projects.checkpoints.is_empty());
    assert!(is_refused(&*d, ProjectAction::RestoreCheckpoint(verse)));
}

#[tokio::test]
async fn invalid_file_leaves_the_session_unchanged() {
    let directory = Directory::new();
    let d = open_local(Some(&directory.0)).await;
    attempt(&*d, ProjectAction::SaveAs(name("Song"))).await.unwrap();
    d.dispatch(cutoff(BASS, 500.0)).unwrap();
    let before = saved_part(&*d);
    let file = directory.file("Song.imbolc.json");
    let whole = fs::read_to_string(&file).unwrap();
    let newer = whole.replacen(r#""version":4"#, r#""version":9"#, 1);
    for (text, failure) in [
        (&whole[..whole.len() / 2], ProjectFailure::Truncated),
        (r#"{"format":"a song","version":4}"#, ProjectFailure::NotAProject),
        ("", ProjectFailure::NotAProject),
        (&newer, ProjectFailure::OtherVersion { found: 9, expected: 4 }),
    ] {
        fs::write(&file, text).unwrap();
        assert_eq!(attempt(&*d, ProjectAction::Load(name("Song"))).await, Err(failure));
        assert_eq!(saved_part(&*d), before);
    }
    fs::write(&file, whole.replacen("8000.0", "-1.0", 1)).unwrap();
    let damaged = attempt(&*d, ProjectAction::Load(name("Song"))).await.unwrap_err();
    assert!(matches!(damaged, ProjectFailure::Damaged { .. }), "{damaged}");
    let missing = attempt(&*d, ProjectAction::Load(name("No such song"))).await;
    assert_eq!(missing, Err(ProjectFailure::Missing));
    assert_eq!(saved_part(&*d), before);
    attempt(&*d, ProjectAction::Save).await.unwrap();
    attempt(&*d, ProjectAction::Load(name("Song"))).await.unwrap();
}

#[tokio::test]
async fn without_directory_project_tasks_fail() {
    let d = open_local(None).await;
    let song = || name("Song");
    for task in [ProjectAction::List, ProjectAction::SaveAs(song()), ProjectAction::Load(song())] {
        assert_eq!(attempt(&*d, task).await, Err(ProjectFailure::NoDirectory));
    }
    attempt(&*d, ProjectAction::New).await.unwrap();
}

#[tokio::test]
async fn unusable_directory_is_an_error_at_start() {
    let directory = Directory::new();
    fs::write(&directory.0, "a file").unwrap();
    let error = open_in(Some(&directory.0), Mode::Local { name: "Ana".into() }).await.err();
    assert!(matches!(error, Some(OpenError::Projects { .. })), "{error:?}");
    fs::remove_file(&directory.0).unwrap();
}

#[test]
fn save_keeps_the_previous_file_as_backup() {
    let directory = Directory::new();
    let store = Store::open(&directory.0).unwrap();
    let (song, first) = (name("Song"), StudioState::starter().at_rest());
    store.save(&song, &first).unwrap();
    let file = directory.file("Song.imbolc.json");
    let written = fs::read(&file).unwrap();

    let second = StudioState::default();
    store.save(&song, &second).unwrap();
    assert_eq!(store.load(&song), Ok(second.clone()));
    let backup = directory.file("Song.imbolc.json.bak");
    assert_eq!(fs::read(&backup).unwrap(), written);
    store.save(&song, &second).unwrap();
    assert_eq!(fs::read(&backup).unwrap(), fs::read(&file).unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn load_is_atomic_for_all_and_needs_the_privilege() {
    let directory = Directory::new();
    let mode = Mode::Host {
        name: "Ana".into(),
        address: "127.0.0.1:0".into(),
        options: HostOptions::default(),
    };
    let host = open_in(Some(&directory.0), mode).await.unwrap();
    let Status::Hosting { address: Some(address) } = host.status() else { panic!() };
    let guest = join(&address.to_string(), "Ben", &[BASS]).await;

    let load = ProjectAction::Load(name("Song"));
    let refused = guest.commit(NetworkAction::Project(load.clone())).await;
    assert!(matches!(refused, Err(DispatchError::Refused(Refusal::NotPrivileged { .. }))));

    let strings = InstrumentId(77);
    let called = Name::new("Strings").unwrap();
    let add = NetworkAction::AddInstrument { id: strings, name: called, source: SourceKind::Fm };
    host.dispatch(add).unwrap();
    attempt(&*host, ProjectAction::SaveAs(name("Song"))).await.unwrap();
    let song = saved_part(&*host);

    host.dispatch(NetworkAction::DeleteInstrument(strings)).unwrap();
    host.dispatch(NetworkAction::Transport(TransportAction::Play)).unwrap();
    guest.commit(cutoff(BASS, 99.0)).await.unwrap();
    guest.commit(play_key(BASS, 60)).await.unwrap();
    let mut events = guest.events();
    while !guest.state().model.transport.playing {
        timeout(Duration::from_secs(20), events.next()).await.expect("the guest sees it");
    }
    attempt(&*host, load).await.unwrap();
    let seen = async {
        let all = DirtyFlags::INSTRUMENTS | DirtyFlags::PROJECTS | DirtyFlags::TRANSPORT;
        while let Some(event) = events.next().await {
            let state = guest.state();
            if state.model.instruments.contains(strings) {
                // A snapshot contains the loaded project completely or not at all.
                assert_eq!(state.model.at_rest(), song);
                assert!(!state.model.transport.playing);
                assert!(state.model.instruments.get(BASS).unwrap().sounding.is_empty());
                if matches!(event, Event::Changed(dirty) if dirty.contains(all)) {
                    return;
                }
            }
        }
    };
    timeout(Duration::from_secs(20), seen).await.expect("the guest sees it");
    assert!(host.state().roster.owner(strings).is_none(), "the loaded instrument has no owner");
}
