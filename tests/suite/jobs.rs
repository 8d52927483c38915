//! Saving and loading by closures, on a thread of their own, for a model without music.

use std::{
    sync::{
        Arc, OnceLock, Weak,
        mpsc::{Receiver, Sender, channel},
    },
    time::Duration,
};

use imbolc_net::{
    Dispatcher, LocalDispatcher, Mode,
    authority::{Engine, JobReport, Jobs, threaded},
    client::JoinOptions,
    dispatcher::{CloseError, Status},
    model::{
        Access, EffectKind, EngineOutput, EngineWorker, InstrumentId, Invalid, JobFault, Model,
        NoEngine, PatchError, Reduction, UndoPolicy,
    },
    open_with,
    server::HostOptions,
    util::time::Timestamp,
};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::time::timeout;

use crate::conformance::eventually;

/// A notebook with one page.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Notebook;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Page {
    text: String,
    /// What became of the jobs.
    heard: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Act {
    Write(String),
    Ring,
    Save,
    Load,
    Saved,
    Loaded(String),
    Undone(String),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Errand {
    Ring,
    Save,
    Load,
}

impl Model for Notebook {
    const NAME: &'static str = "notebook";
    const VERSION: u32 = 1;

    type State = Page;
    type Action = Act;
    type Patch = Page;
    type Effect = Errand;
    type Outcome = ();
    type Metering = ();
    type Notice = ();

    fn access(_: &Page, act: &Act) -> Access {
        match act {
            Act::Saved | Act::Loaded(_) | Act::Undone(_) => Access::Engine,
            _ => Access::Anyone,
        }
    }

    fn reduce(page: &mut Page, act: &Act) -> Result<Reduction<Errand>, Invalid> {
        match act {
            Act::Write(text) => page.text.clone_from(text),
            Act::Ring => return Ok(vec![Errand::Ring].into()),
            Act::Save => return Ok(vec![Errand::Save].into()),
            Act::Load => return Ok(vec![Errand::Load].into()),
            Act::Saved => page.heard.push("saved".into()),
            Act::Loaded(text) if text == "a draft" => return Err(Invalid::unfit("it is a draft")),
            Act::Loaded(text) => {
                page.text.clone_from(text);
                page.heard.push("loaded".into());
            }
            Act::Undone(why) => page.heard.push(why.clone()),
        }
        Ok(Reduction::default())
    }

    fn diff(from: &Page, to: &Page) -> Option<Page> {
        (from != to).then(|| to.clone())
    }

    fn apply(page: &mut Page, patch: &Page) -> Result<(), PatchError> {
        page.clone_from(patch);
        Ok(())
    }

    fn instruments(_: &Page) -> Vec<InstrumentId> {
        Vec::new()
    }

    fn undo_policy(act: &Act) -> UndoPolicy {
        match act {
            Act::Loaded(_) => UndoPolicy::Barrier,
            Act::Saved | Act::Undone(_) => UndoPolicy::Nothing,
            _ => UndoPolicy::Step,
        }
    }

    fn effect_kind(errand: &Errand) -> EffectKind {
        match errand {
            Errand::Ring => EffectKind::Engine,
            Errand::Save => EffectKind::Save,
            Errand::Load => EffectKind::Load,
        }
    }

    fn on_job_fault(_: &Page, _: &Errand, why: &JobFault) -> Option<Act> {
        Some(Act::Undone(why.to_string()))
    }
}

fn saved() -> JobReport<Notebook> {
    JobReport { action: Some(Act::Saved), saved: Some(Ok(())) }
}

fn loaded(text: &str) -> JobReport<Notebook> {
    JobReport { action: Some(Act::Loaded(text.into())), saved: None }
}

fn no_load(_: &Page, _: &Errand) -> JobReport<Notebook> {
    panic!("nothing is loaded")
}

/// Jobs that save to `disk` and load from it.
fn disk_jobs(disk: &Arc<Mutex<String>>) -> Jobs<Notebook> {
    let (written, read) = (Arc::clone(disk), Arc::clone(disk));
    let save = move |page: &Page, _: &Errand| {
        written.lock().clone_from(&page.text);
        saved()
    };
    let load = move |_: &Page, _: &Errand| loaded(&read.lock());
    Jobs::new(save, load)
}

/// Jobs that say when a save begins, and end it when they are told to.
fn with_blocked_disk() -> (Jobs<Notebook>, Receiver<()>, Sender<()>) {
    let ((begin, begun), (release, released)) = (channel(), channel());
    let save = move |_: &Page, _: &Errand| {
        begin.send(()).unwrap();
        released.recv().unwrap();
        saved()
    };
    (Jobs::new(save, no_load), begun, release)
}

fn open_local(engine: Engine<Notebook>) -> Arc<LocalDispatcher<Notebook>> {
    Arc::new(LocalDispatcher::open("Ana", Page::default(), engine).unwrap())
}

fn heard(d: &dyn Dispatcher<Notebook>) -> Vec<String> {
    d.state().model.heard.clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_model_saves_and_loads_by_closures() {
    let disk = Arc::default();
    let (name, address) = ("Ana".into(), "127.0.0.1:0".into());
    let mode = Mode::Host { name, address, options: HostOptions::default() };
    let engine = || threaded(|| NoEngine).with_jobs(disk_jobs(&disk));
    let host = open_with(mode, Page::default(), engine).await.unwrap();
    let Status::Hosting { address: Some(address) } = host.status() else { panic!() };
    let guest = join(&address.to_string()).await;

    guest.commit(Act::Write("verse".into())).await.unwrap();
    guest.commit(Act::Save).await.unwrap();
    eventually("the guest hears it", || heard(&*guest) == ["saved"]).await;
    assert_eq!(*disk.lock(), "verse");
    host.dispatch(Act::Write("chorus".into())).unwrap();
    host.dispatch(Act::Load).unwrap();
    eventually("the guest hears it", || heard(&*guest) == ["saved", "loaded"]).await;
    assert_eq!(guest.state().model.text, "verse");
    assert_eq!(host.close().await, Ok(()));
}

async fn join(address: &str) -> Arc<dyn Dispatcher<Notebook>> {
    let options = JoinOptions { name: "Ben".into(), ..JoinOptions::default() };
    let mode = Mode::Remote { address: address.into(), options };
    open_with(mode, Page::default(), || panic!("a guest has no engine")).await.unwrap()
}

#[tokio::test]
async fn joining_makes_no_engine() {
    let (name, address) = ("Ana".into(), "127.0.0.1:0".into());
    let mode = Mode::Host { name, address, options: HostOptions::default() };
    let engine = || threaded::<Notebook, _>(|| NoEngine);
    let host = open_with(mode, Page::default(), engine).await.unwrap();
    let Status::Hosting { address: Some(address) } = host.status() else { panic!() };
    let address = address.to_string();
    // `join` gives it an engine that cannot be made.
    let guest = join(&address).await;
    assert!(matches!(guest.status(), Status::Connected { .. }));

    let mode = Mode::Host { name: "Cleo".into(), address, options: HostOptions::default() };
    let engine = || panic!("there is no address for it");
    let taken = open_with::<Notebook>(mode, Page::default(), engine).await;
    assert!(taken.is_err());
}

/// Tells how it is called. If it is blocked, no call returns before the other end is
/// dropped.
struct Bell {
    rung: Sender<String>,
    blocked: Option<Receiver<()>>,
}

impl EngineWorker<Notebook> for Bell {
    fn reset(&mut self, _: Timestamp, _: &Page) {
        let _ = self.rung.send("reset".into());
    }

    fn perform(&mut self, _: Timestamp, _: &Page, errand: Errand) {
        let _ = self.rung.send(format!("{errand:?}"));
    }

    fn advance(&mut self, _: Timestamp, _: &Page) -> EngineOutput<Notebook> {
        let _ = self.blocked.as_ref().map(Receiver::recv);
        EngineOutput::default()
    }
}

#[tokio::test]
async fn effects_of_jobs_do_not_reach_the_engine() {
    let (rung, hears) = channel();
    let bell = move || Bell { rung: rung.clone(), blocked: None };
    // A load that replaces the page would begin the engine anew.
    let job = |_: &Page, _: &Errand| saved();
    let d = open_local(threaded(bell).with_jobs(Jobs::new(job, job)));
    let next = || hears.recv_timeout(Duration::from_secs(20));
    assert_eq!(next(), Ok("reset".into()));
    for act in [Act::Save, Act::Load, Act::Ring, Act::Save, Act::Ring] {
        d.dispatch(act).unwrap();
    }
    eventually("all have ended", || heard(&*d) == ["saved"; 3]).await;
    assert_eq!([next(), next()], [Ok("Ring".into()), Ok("Ring".into())]);
    d.close().await.unwrap();
    drop(d);
    assert!(next().is_err(), "nothing else");
}

#[tokio::test]
async fn blocked_engine_blocks_no_save() {
    let (name, address) = ("Ana".into(), "127.0.0.1:0".into());
    let host = Mode::Host { name, address, options: HostOptions::default() };
    for mode in [Mode::Local { name: "Ana".into() }, host] {
        let disk = Arc::default();
        let (unblock, blocked) = channel();
        let blocked = Mutex::new(Some(blocked));
        let bell = move || Bell { rung: channel().0, blocked: blocked.lock().take() };
        let engine = || threaded(bell).with_jobs(disk_jobs(&disk));
        let d = open_with(mode, Page::default(), engine).await.unwrap();
        d.dispatch(Act::Ring).unwrap();
        d.dispatch(Act::Write("verse".into())).unwrap();
        d.dispatch(Act::Save).unwrap();
        eventually("it is saved", || heard(&*d) == ["saved"]).await;
        assert_eq!(*disk.lock(), "verse");
        d.dispatch(Act::Write("chorus".into())).unwrap();
        d.dispatch(Act::Save).unwrap();
        // The engine is left to itself after 1 s.
        assert_eq!(timeout(Duration::from_secs(10), d.close()).await.unwrap(), Ok(()));
        assert_eq!(*disk.lock(), "chorus");
        drop(unblock);
    }
}

#[tokio::test]
async fn job_that_panics_has_failed() {
    let save = |page: &Page, _: &Errand| {
        assert_eq!(page.text, "", "on purpose");
        saved()
    };
    let load = |_: &Page, _: &Errand| panic!("cannot load");
    let d = open_local(threaded(|| NoEngine).with_jobs(Jobs::new(save, load)));
    d.dispatch(Act::Load).unwrap();
    d.dispatch(Act::Write("verse".into())).unwrap();
    d.dispatch(Act::Save).unwrap();
    d.dispatch(Act::Write(String::new())).unwrap();
    d.dispatch(Act::Save).unwrap();
    eventually("all have ended", || heard(&*d).len() == 3).await;
    let all = heard(&*d);
    assert_eq!((&*all[0], &*all[2]), ("cannot load", "saved"));
    assert!(all[1].contains("on purpose"), "{}", all[1]);
    d.dispatch(Act::Write("verse".into())).unwrap();
    d.dispatch(Act::Save).unwrap();
    let Err(CloseError::NotSaved(why)) = d.close().await else { panic!() };
    assert!(why.contains("on purpose"), "{why}");
}

#[tokio::test]
async fn job_whose_report_is_refused_has_failed() {
    let load = |_: &Page, _: &Errand| loaded("a draft");
    let d = open_local(threaded(|| NoEngine).with_jobs(Jobs::new(|_, _| saved(), load)));
    d.dispatch(Act::Load).unwrap();
    eventually("it is answered", || heard(&*d) == ["it is a draft"]).await;
}

#[tokio::test]
async fn load_is_repeated_after_an_edit() {
    let d: Arc<OnceLock<Weak<LocalDispatcher<Notebook>>>> = Arc::default();
    let edited = Arc::clone(&d);
    let edit = move |text: String| {
        let d = edited.wait().upgrade().unwrap();
        d.dispatch(Act::Write(text)).unwrap();
    };
    let (mut edits, mut loads) = (vec!["1 edit"], 0);
    let load = move |page: &Page, errand: &Errand| {
        assert_eq!(*errand, Errand::Load);
        loads += 1;
        match &*page.text {
            // One that never stops must not keep the project away.
            text if text.starts_with("forever") => edit(format!("forever {loads}")),
            _ => edits.pop().into_iter().for_each(|text| edit(text.into())),
        }
        loaded(&format!("after {loads}, in place of {}", page.text))
    };
    let save = |_: &Page, _: &Errand| saved();
    let opened = open_local(threaded(|| NoEngine).with_jobs(Jobs::new(save, load)));
    d.set(Arc::downgrade(&opened)).unwrap();
    let text = || opened.state().model.text.clone();
    opened.dispatch(Act::Load).unwrap();
    eventually("it is loaded", || heard(&*opened).len() == 1).await;
    assert_eq!(text(), "after 2, in place of 1 edit");

    opened.dispatch(Act::Write("forever".into())).unwrap();
    opened.dispatch(Act::Load).unwrap();
    eventually("it is loaded", || heard(&*opened).len() == 2).await;
    assert_eq!(text(), "after 11, in place of forever 10", "it is repeated 8 times");
}

#[tokio::test]
async fn waiting_jobs_are_bounded() {
    let (jobs, begun, release) = with_blocked_disk();
    let d = open_local(threaded(|| NoEngine).with_jobs(jobs));
    d.dispatch(Act::Save).unwrap();
    begun.recv().unwrap();
    for _ in 0..66 {
        d.dispatch(Act::Save).unwrap();
    }
    let refused = JobFault::TooMany.to_string();
    assert_eq!(heard(&*d), [&*refused; 2], "64 wait");
    for _ in 0..65 {
        release.send(()).unwrap();
    }
    assert_eq!(timeout(Duration::from_secs(20), d.close()).await.unwrap(), Ok(()));
    assert_eq!(heard(&*d)[2..], vec!["saved"; 65]);
}

#[tokio::test]
async fn jobs_outlive_the_session_that_they_are_of() {
    let (jobs, begun, release) = with_blocked_disk();
    let d = open_local(threaded(|| NoEngine).with_jobs(jobs));
    for _ in 0..3 {
        d.dispatch(Act::Save).unwrap();
    }
    drop(d);
    for _ in 0..3 {
        begun.recv_timeout(Duration::from_secs(20)).unwrap();
        release.send(()).unwrap();
    }
    // The thread has ended, and dropped what it had.
    assert!(begun.recv_timeout(Duration::from_secs(20)).is_err());
    while release.send(()).is_ok() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn without_jobs_the_session_is_told_so() {
    let d = open_local(threaded(|| NoEngine));
    d.dispatch(Act::Save).unwrap();
    d.dispatch(Act::Load).unwrap();
    assert_eq!(heard(&*d), [&*JobFault::NoJobs.to_string(); 2]);
    assert_eq!(d.close().await, Ok(()));
}
