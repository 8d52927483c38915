//! A short jam in one process: a host and two clients that join it over TCP.
//!
//! Prints every action and its effect on the other participants, and compares all
//! snapshots at the end: `cargo run --example jam`.

#[path = "jam/cable.rs"]
mod cable;
#[allow(dead_code, reason = "the jam prints the author itself")]
#[path = "session/words.rs"]
mod words;

use std::{
    error::Error,
    fmt::Display,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};

use imbolc_net::{
    Dispatcher, Event, Mode, NetworkState, SessionEvent,
    authority::threaded,
    client::JoinOptions,
    dispatcher::{Events, OpenError, Status},
    model::InstrumentId,
    open, open_with, projects,
    server::HostOptions,
    studio::{
        BusId, FilterSetting, InstrumentAction, InstrumentSetting, MixerSetting, Name,
        NetworkAction, Note, Output, PianoRollAction, ProjectAction, ProjectName, ProjectNotice,
        SessionSetting, SilentEngine, SourceKind, StudioState, TransportAction,
    },
    util::quantity::{Bpm, Decibels, Hertz, NoteLength, Pitch, Probability, Ticks, Velocity},
};
use tokio::time::{sleep, timeout};

use self::cable::Cable;

const MIA: usize = 0;
const ANA: usize = 1;
const BEN: usize = 2;

const BASS: InstrumentId = InstrumentId(1);
const LEAD: InstrumentId = InstrumentId(2);

const STRINGS: InstrumentId = InstrumentId(5);

const HALL: BusId = BusId(1);
const ROOM: BusId = BusId(2);

/// Limit for everything that normally takes milliseconds.
const TIMEOUT: Duration = Duration::from_secs(20);

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

#[tokio::main]
async fn main() -> ExitCode {
    match jam().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("jam: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn jam() -> Outcome {
    scene("Mia opens a session; Ana and Ben join it over TCP");
    let directory = ProjectDir::new();
    let mia = Player::new("Mia", host("Mia", &directory.0).await?);
    let Status::Hosting { address: Some(address) } = mia.studio.status() else {
        return Err("a host has an address".into());
    };
    line("Mia", "hosts", address);
    let cable = Cable::connect(address).await?;
    let ana = Player::new("Ana", join("Ana", address, BASS).await?);
    let ben = Player::new("Ben", join("Ben", cable.address, LEAD).await?);
    let mut band = Band([mia, ana, ben]);
    band.agree().await?;
    band.introduce();

    edit_together(&mut band).await?;
    lose_a_connection(&mut band, &cable).await?;
    undo_and_load(&mut band).await?;

    scene("At the end");
    band.compare().await?;
    for player in band.0.iter().rev() {
        player.studio.close().await?;
    }
    Ok(())
}

async fn edit_together(band: &mut Band) -> Outcome {
    scene("Everyone sees each knob and key");
    band.act(ANA, cutoff(BASS, 800.0)).await?;
    band.act(BEN, note(LEAD, 0, 64)).await?;
    band.act(BEN, note(LEAD, 480, 67)).await?;
    band.act(ANA, NetworkAction::Instrument(BASS, strike(36))).await?;
    band.act(ANA, NetworkAction::Instrument(BASS, release(36))).await?;

    scene("Only the owner can turn a knob");
    band.refused(BEN, &cutoff(BASS, 200.0))?;
    band.refused(ANA, &NetworkAction::Transport(TransportAction::Play))?;

    scene("One participant holds the privilege: Mia");
    band.request_privilege_and_wait(ANA).await?;
    band.0[MIA].studio.release_privilege()?;
    line("Mia", "does", "release the privilege");
    band.request_privilege_and_wait(ANA).await?;
    band.act(ANA, NetworkAction::Session(SessionSetting::Tempo(Bpm::of(174.0)))).await?;
    band.act(ANA, NetworkAction::Transport(TransportAction::Play)).await?;
    Ok(())
}

async fn lose_a_connection(band: &mut Band, cable: &Cable) -> Outcome {
    scene("Ben loses his connection; all keep playing, and two of them use id 5 on purpose");
    cable.pull();
    band.wait_until_disconnected(BEN).await?;
    band.act(BEN, cutoff(LEAD, 1200.0)).await?;
    band.act(BEN, note(LEAD, 960, 71)).await?;
    band.act(ANA, cutoff(BASS, 400.0)).await?;
    // `free_id` would avoid this conflict.
    band.act(BEN, add(STRINGS, "Choir")?).await?;
    band.act(MIA, add(STRINGS, "Strings")?).await?;

    scene("Ben reconnects; each edit counts once, and the conflicting one is undone");
    cable.plug();
    band.wait_until_reconnected(BEN).await?;
    band.wait_until_undone(BEN).await?;
    band.act(ANA, NetworkAction::Transport(TransportAction::Stop)).await?;
    Ok(())
}

async fn undo_and_load(band: &mut Band) -> Outcome {
    scene("Undo affects your own steps only");
    band.act(BEN, note(LEAD, 1440, 72)).await?;
    // A different knob: two quick turns of one knob are a single step.
    band.act(ANA, level(BASS, -3.0)).await?;
    band.undo_or_redo(BEN, Step::Undo).await?;
    band.undo_or_redo(ANA, Step::Undo).await?;
    band.undo_or_redo(ANA, Step::Redo).await?;

    scene("Undo keeps later changes of other participants");
    band.act(ANA, add_bus(HALL, "Hall")?).await?;
    band.act(ANA, add_bus(ROOM, "Room")?).await?;
    band.act(BEN, output(LEAD, HALL)).await?;
    band.act(ANA, NetworkAction::Mixer(MixerSetting::DeleteBus(HALL))).await?;
    band.act(BEN, output(LEAD, ROOM)).await?;
    band.undo_or_redo(ANA, Step::Undo).await?;

    scene("Loading a project discards the edits made since it was saved");
    let jam = ProjectName::new("Jam")?;
    band.project(ANA, ProjectAction::SaveAs(jam.clone())).await?;
    band.act(BEN, cutoff(LEAD, 5000.0)).await?;
    band.act(MIA, NetworkAction::DeleteInstrument(STRINGS)).await?;
    band.project(ANA, ProjectAction::Load(jam)).await?;
    Ok(())
}

async fn host(name: &str, directory: &Path) -> Result<Arc<dyn Dispatcher>, OpenError> {
    let (name, address) = (name.into(), "127.0.0.1:0".into());
    let mode = Mode::Host { name, address, options: HostOptions::default() };
    let mut state = StudioState::starter();
    projects::list_in(&mut state, directory)?;
    let engine = || threaded(SilentEngine::default).with_jobs(projects::jobs(directory));
    open_with(mode, state, engine).await
}

async fn join(
    name: &str,
    address: SocketAddr,
    own: InstrumentId,
) -> Result<Arc<dyn Dispatcher>, OpenError> {
    let options = JoinOptions { name: name.into(), own: vec![own], ..JoinOptions::default() };
    open(Mode::Remote { address: address.to_string(), options }).await
}

fn cutoff(id: InstrumentId, hertz: f32) -> NetworkAction {
    let cutoff = FilterSetting::Cutoff(Hertz::of(hertz));
    NetworkAction::Instrument(id, InstrumentAction::Set(InstrumentSetting::Filter(cutoff)))
}

fn level(id: InstrumentId, decibels: f32) -> NetworkAction {
    let level = InstrumentSetting::Level(Decibels::of(decibels));
    NetworkAction::Instrument(id, InstrumentAction::Set(level))
}

fn output(id: InstrumentId, bus: BusId) -> NetworkAction {
    let output = InstrumentSetting::Output(Output::Bus(bus));
    NetworkAction::Instrument(id, InstrumentAction::Set(output))
}

fn add_bus(bus: BusId, name: &str) -> Outcome<NetworkAction> {
    Ok(NetworkAction::Mixer(MixerSetting::AddBus(bus, Name::new(name)?)))
}

fn note(id: InstrumentId, tick: u32, pitch: u8) -> NetworkAction {
    let note = Note {
        tick: Ticks::of(tick),
        pitch: Pitch::of(pitch),
        length: NoteLength::of(240),
        velocity: Velocity::of(100),
        probability: Probability::MAX,
    };
    NetworkAction::PianoRoll(id, PianoRollAction::Add(note))
}

fn add(id: InstrumentId, name: &str) -> Outcome<NetworkAction> {
    Ok(NetworkAction::AddInstrument { id, name: Name::new(name)?, source: SourceKind::Pluck })
}

fn strike(pitch: u8) -> InstrumentAction {
    InstrumentAction::Play(Pitch::of(pitch), Velocity::of(110))
}

fn release(pitch: u8) -> InstrumentAction {
    InstrumentAction::Release(Pitch::of(pitch))
}

/// Undo or redo.
#[derive(Clone, Copy)]
enum Step {
    Undo,
    Redo,
}

/// The directory of the jam's projects, deleted at the end.
struct ProjectDir(PathBuf);

impl ProjectDir {
    fn new() -> Self {
        Self(std::env::temp_dir().join(format!("imbolc-jam-{}", std::process::id())))
    }
}

impl Drop for ProjectDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A participant, and the snapshot that was printed last.
struct Player {
    name: &'static str,
    studio: Arc<dyn Dispatcher>,
    events: Events,
    seen: Arc<NetworkState>,
}

impl Player {
    fn new(name: &'static str, studio: Arc<dyn Dispatcher>) -> Self {
        Self { name, events: studio.events(), seen: studio.state(), studio }
    }

    fn is_offline(&self) -> bool {
        matches!(self.studio.status(), Status::Reconnecting { .. })
    }

    /// The changes since the last call, in words.
    fn take_changes(&mut self) -> Vec<String> {
        let now = self.studio.state();
        let old = std::mem::replace(&mut self.seen, now);
        let notice = words::notice(&old, &self.seen).map(|notice| notice.unwrap_or_else(|why| why));
        let changes = words::changes(&old, &self.seen).into_iter().map(|change| change.what);
        notice.into_iter().chain(changes).collect()
    }

    /// Waits for an event for which `wanted` returns a value.
    async fn wait_for<T>(
        &mut self,
        what: &str,
        mut wanted: impl FnMut(Event) -> Option<T>,
    ) -> Outcome<T> {
        let event = async {
            loop {
                let event = self.events.next().await?;
                if let Some(value) = wanted(event) {
                    return Some(value);
                }
            }
        };
        let value = timeout(TIMEOUT, event).await.ok().flatten();
        value.ok_or_else(|| format!("{} did not receive {what}", self.name).into())
    }
}

struct Band([Player; 3]);

impl Band {
    /// Prints owners and the holder of the privilege.
    fn introduce(&mut self) {
        for Player { name, studio, seen, .. } in &mut self.0 {
            *seen = studio.state();
            let mut has: Vec<_> = studio.identity().instruments.into_iter().collect();
            has.sort_unstable();
            let has = has.into_iter().map(|id| words::label(&seen.model, id));
            let privilege = seen.roster.is_privileged(studio.identity().client_id);
            let has: Vec<_> = has.chain(privilege.then(|| "the privilege".into())).collect();
            line(name, "has", has.join(", "));
        }
    }

    /// Dispatches an action, and prints its effect on every connected participant.
    async fn act(&mut self, index: usize, action: NetworkAction) -> Outcome {
        let player = &mut self.0[index];
        player.studio.dispatch(action)?;
        let done = player.take_changes().join(", ");
        if player.is_offline() {
            line(player.name, "does", format_args!("{done} (pending)"));
            return Ok(());
        }
        line(player.name, "does", done);
        self.agree().await?;
        self.print_changes();
        Ok(())
    }

    /// Waits until all connected participants have the same snapshot.
    async fn agree(&self) -> Outcome {
        let agreed = async {
            loop {
                let connected = self.0.iter().filter(|player| !player.is_offline());
                let mut states = connected.map(|player| player.studio.state());
                let first = states.next();
                if first.is_none_or(|first| states.all(|state| state == first)) {
                    return;
                }
                sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(TIMEOUT, agreed).await.map_err(|_| "the snapshots differ".into())
    }

    /// Prints the changes that each participant sees, one line for equal ones.
    fn print_changes(&mut self) {
        let mut seen: Vec<(String, Vec<&str>)> = Vec::new();
        for player in self.0.iter_mut().filter(|player| !player.is_offline()) {
            for change in player.take_changes() {
                match seen.iter_mut().find(|(known, _)| *known == change) {
                    Some((_, names)) => names.push(player.name),
                    None => seen.push((change, vec![player.name])),
                }
            }
        }
        for (change, names) in seen {
            line(&names.join(", "), if names.len() > 1 { "see" } else { "sees" }, change);
        }
    }

    /// Tries an action that is refused locally, before it has any effect.
    fn refused(&mut self, index: usize, action: &NetworkAction) -> Outcome {
        let Player { name, studio, .. } = &self.0[index];
        line(name, "tries", words::action(&studio.state().model, action));
        let Err(reason) = studio.dispatch(action.clone()) else {
            return Err(format!("{name} was allowed to do that").into());
        };
        line(name, "learns", reason);
        Ok(())
    }

    /// Undoes or redoes a participant's last step, and prints how many of its changes
    /// were kept because others have edited them since.
    async fn undo_or_redo(&mut self, index: usize, step: Step) -> Outcome {
        let player = &mut self.0[index];
        while player.events.try_next().is_some() {}
        match step {
            Step::Undo => player.studio.undo()?,
            Step::Redo => player.studio.redo()?,
        }
        let verb = if let Step::Undo = step { "undoes" } else { "redoes" };
        line(
            player.name,
            verb,
            format_args!("its last step: {}", player.take_changes().join(", ")),
        );
        let answer = |event| match event {
            Event::Session(SessionEvent::Undone(report))
            | Event::Session(SessionEvent::Redone(report)) => Some(Ok(report.kept)),
            Event::Session(SessionEvent::NothingUndone { reason }) => Some(Err(reason)),
            _ => None,
        };
        let kept = player.wait_for("the answer to undo", answer).await??;
        if kept > 0 {
            let rest = format_args!("kept {kept} that others have changed since");
            line(player.name, "learns", rest);
        }
        self.agree().await?;
        self.print_changes();
        Ok(())
    }

    /// Saves or loads a project, and waits until all participants see the result.
    async fn project(&mut self, index: usize, task: ProjectAction) -> Outcome {
        let player = &mut self.0[index];
        let action = NetworkAction::Project(task.clone());
        line(
            player.name,
            "asks",
            format_args!("to {}", words::action(&player.seen.model, &action)),
        );
        player.studio.dispatch(action)?;
        let done = ProjectNotice::Done(task);
        let outcome = async {
            let is_done = |player: &Player| player.studio.state().model.projects.notice == done;
            while !self.0.iter().all(is_done) {
                sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(TIMEOUT, outcome).await.map_err(|_| "the project task did not finish")?;
        self.agree().await?;
        self.print_changes();
        Ok(())
    }

    async fn request_privilege_and_wait(&mut self, index: usize) -> Outcome {
        let player = &mut self.0[index];
        let me = player.studio.identity().client_id;
        while player.events.try_next().is_some() {}
        line(player.name, "asks", "for the privilege");
        player.studio.request_privilege()?;
        let answer = |event| match event {
            Event::Session(SessionEvent::PrivilegeDenied { holder: Some(holder), .. }) => {
                Some(format!("no: {holder} has it"))
            }
            Event::Session(SessionEvent::Privilege { holder: Some(holder) })
                if holder.client_id == me =>
            {
                Some("yes".into())
            }
            _ => None,
        };
        let answer = player.wait_for("the answer", answer).await?;
        line(player.name, "learns", answer);
        Ok(())
    }

    /// Waits until both ends have noticed the loss of the connection.
    async fn wait_until_disconnected(&mut self, index: usize) -> Outcome {
        let lost = |event| match event {
            Event::Status(Status::Reconnecting { reason, .. }) => Some(reason),
            _ => None,
        };
        let reason = self.0[index].wait_for("the loss of the connection", lost).await?;
        line(self.0[index].name, "learns", format_args!("{reason}; the last snapshot remains"));
        let away = |event| match event {
            Event::Session(SessionEvent::Suspended(participant)) => Some(participant),
            _ => None,
        };
        let away = self.0[MIA].wait_for("the suspension", away).await?;
        line(
            self.0[MIA].name,
            "learns",
            format_args!("{away} is away, and keeps its instruments for now"),
        );
        self.agree().await
    }

    async fn wait_until_reconnected(&mut self, index: usize) -> Outcome {
        let plugged = Instant::now();
        let player = &mut self.0[index];
        let me = player.studio.identity().client_id;
        let back = |event| matches!(event, Event::Status(Status::Connected { .. })).then_some(());
        player.wait_for("the connection", back).await?;
        if player.studio.identity().client_id != me {
            return Err(format!("{} did not resume its identity", player.name).into());
        }
        let time = plugged.elapsed().as_millis();
        line(player.name, "is", format_args!("back after {time} ms, with the same identity"));
        Ok(())
    }

    /// Waits until the host refuses an edit that was made offline.
    async fn wait_until_undone(&mut self, index: usize) -> Outcome {
        let refused = |event| match event {
            Event::Session(SessionEvent::Refused { reason, .. }) => Some(reason),
            _ => None,
        };
        let reason = self.0[index].wait_for("the refusal", refused).await?;
        line(self.0[index].name, "learns", format_args!("{reason}: undone"));
        self.agree().await?;
        self.print_changes();
        Ok(())
    }

    async fn compare(&self) -> Outcome {
        self.agree().await?;
        for Player { name, studio, .. } in &self.0 {
            let state = studio.state();
            let music = &state.model;
            let notes: usize = music.piano_roll.tracks().map(|(_, track)| track.len()).sum();
            let (instruments, tempo) = (music.instruments.len(), music.session.tempo);
            line(
                name,
                "has",
                format_args!(
                    "seq {}: {instruments} instruments, {notes} notes, {tempo}",
                    state.seq
                ),
            );
        }
        println!("\nAll three snapshots are equal.");
        Ok(())
    }
}

fn scene(title: &str) {
    println!("\n{title}");
}

fn line(name: &str, verb: &str, text: impl Display) {
    println!("  {name:<15}{verb:<7}{text}");
}
