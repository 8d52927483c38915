//! A short jam in one process: a host, and two others who join it over TCP.
//!
//! It prints who does what and what the others see of it, and ends by comparing
//! everyone's snapshot: `cargo run --example jam`.

#[path = "jam/cable.rs"]
mod cable;
#[allow(dead_code, reason = "who did it is said already")]
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
    Dispatcher, Event, Mode, NetworkState,
    client::JoinOptions,
    dispatcher::{Events, Status},
    model::InstrumentId,
    server::HostOptions,
    studio::{
        BusId, FilterSetting, InstrumentAction, InstrumentSetting, MixerSetting, Name,
        NetworkAction, Note, Output, PianoRollAction, ProjectAction, ProjectName, ProjectNotice,
        SessionSetting, SourceKind, TransportAction,
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

const STRINGS: InstrumentId = InstrumentId(4);

const HALL: BusId = BusId(1);
const ROOM: BusId = BusId(2);

/// How long anything may take that takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(20);

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
    let shelf = Shelf::new();
    let mia = Player::open("Mia", host("Mia", &shelf.0)).await?;
    let Status::Hosting { address: Some(address) } = mia.studio.status() else {
        return Err("a host has an address".into());
    };
    line("Mia", "hosts", address);
    let cable = Cable::lay(address).await?;
    let ana = Player::open("Ana", join("Ana", address, BASS)).await?;
    let ben = Player::open("Ben", join("Ben", cable.address, LEAD)).await?;
    let mut band = Band([mia, ana, ben]);
    band.agree().await?;
    band.introduce();

    scene("When one turns a knob or plays a key, everyone sees it");
    band.act(ANA, cutoff(BASS, 800.0)).await?;
    band.act(BEN, note(LEAD, 0, 64)).await?;
    band.act(BEN, note(LEAD, 480, 67)).await?;
    band.act(ANA, NetworkAction::Instrument(BASS, strike(36))).await?;
    band.act(ANA, NetworkAction::Instrument(BASS, release(36))).await?;

    scene("Nobody turns a knob that is another's");
    band.is_refused(BEN, &cutoff(BASS, 200.0))?;
    band.is_refused(ANA, &NetworkAction::Transport(TransportAction::Play))?;

    scene("There is one privilege, and Mia has it");
    band.ask_for_privilege(ANA).await?;
    band.0[MIA].studio.release_privilege()?;
    line("Mia", "does", "give the privilege up");
    band.ask_for_privilege(ANA).await?;
    band.act(ANA, NetworkAction::Session(SessionSetting::Tempo(Bpm::of(174.0)))).await?;
    band.act(ANA, NetworkAction::Transport(TransportAction::Play)).await?;

    scene("Ben's cable comes out; they play on, and so does he: both take number 4 on purpose");
    cable.pull();
    band.is_cut_off(BEN).await?;
    band.act(BEN, cutoff(LEAD, 1200.0)).await?;
    band.act(BEN, note(LEAD, 960, 71)).await?;
    band.act(ANA, cutoff(BASS, 400.0)).await?;
    // Who uses `free_id` does not choose another's.
    band.act(BEN, add(STRINGS, "Choir")?).await?;
    band.act(MIA, add(STRINGS, "Strings")?).await?;

    scene("The cable is back; nothing counts twice, and what cannot be is undone");
    cable.plug();
    band.is_back(BEN).await?;
    band.is_undone(BEN).await?;
    band.act(ANA, NetworkAction::Transport(TransportAction::Stop)).await?;

    scene("Each takes back what is its own, whatever the others do meanwhile");
    band.act(BEN, note(LEAD, 1440, 72)).await?;
    // Another knob than before: a second turn of the same one would be the
    // same step if it came soon enough.
    band.act(ANA, level(BASS, -3.0)).await?;
    band.traces(BEN, Step::Back).await?;
    band.traces(ANA, Step::Back).await?;
    band.traces(ANA, Step::Forth).await?;

    scene("What somebody else has changed since stays");
    band.act(ANA, add_bus(HALL, "Hall")?).await?;
    band.act(ANA, add_bus(ROOM, "Room")?).await?;
    band.act(BEN, output(LEAD, HALL)).await?;
    band.act(ANA, NetworkAction::Mixer(MixerSetting::DeleteBus(HALL))).await?;
    band.act(BEN, output(LEAD, ROOM)).await?;
    band.traces(ANA, Step::Back).await?;

    scene("A project is saved, and what comes after that is not in it");
    let jam = ProjectName::new("Jam")?;
    band.keeps(ANA, ProjectAction::SaveAs(jam.clone())).await?;
    band.act(BEN, cutoff(LEAD, 5000.0)).await?;
    band.act(MIA, NetworkAction::DeleteInstrument(STRINGS)).await?;
    band.keeps(ANA, ProjectAction::Load(jam)).await?;

    scene("In the end");
    band.compare().await?;
    for player in band.0.iter().rev() {
        player.studio.close().await;
    }
    Ok(())
}

fn host(name: &str, projects: &Path) -> Mode {
    let (name, address) = (name.into(), "127.0.0.1:0".into());
    let projects = Some(projects.into());
    Mode::Host { name, address, session_name: None, projects, options: HostOptions::default() }
}

fn join(name: &str, address: SocketAddr, own: InstrumentId) -> Mode {
    let options = JoinOptions { name: name.into(), own: vec![own], ..JoinOptions::default() };
    Mode::Remote { address: address.to_string(), options }
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

/// Which way through one's own history.
#[derive(Clone, Copy)]
enum Step {
    Back,
    Forth,
}

/// Where the projects of the jam are, for as long as it lasts.
struct Shelf(PathBuf);

impl Shelf {
    fn new() -> Self {
        Self(std::env::temp_dir().join(format!("imbolc-jam-{}", std::process::id())))
    }
}

impl Drop for Shelf {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Somebody who plays, and what was last said of what they see.
struct Player {
    name: &'static str,
    studio: Arc<dyn Dispatcher>,
    events: Events,
    seen: Arc<NetworkState>,
}

impl Player {
    async fn open(name: &'static str, mode: Mode) -> Outcome<Self> {
        let studio = imbolc_net::open(mode).await?;
        Ok(Self { name, events: studio.events(), seen: studio.state(), studio })
    }

    fn is_adrift(&self) -> bool {
        matches!(self.studio.status(), Status::Reconnecting { .. })
    }

    /// What is different since the last time, in words.
    fn news(&mut self) -> Vec<String> {
        let now = self.studio.state();
        let old = std::mem::replace(&mut self.seen, now);
        let notice = words::notice(&old, &self.seen).map(|notice| notice.unwrap_or_else(|why| why));
        let changes = words::changes(&old, &self.seen).into_iter().map(|change| change.what);
        notice.into_iter().chain(changes).collect()
    }

    /// Waits for an event that `wanted` makes something of.
    async fn hear<T>(
        &mut self,
        what: &str,
        mut wanted: impl FnMut(Event) -> Option<T>,
    ) -> Outcome<T> {
        let heard = async {
            loop {
                let event = self.events.next().await?;
                if let Some(heard) = wanted(event) {
                    return Some(heard);
                }
            }
        };
        let heard = timeout(PATIENCE, heard).await.ok().flatten();
        heard.ok_or_else(|| format!("{} has not heard of {what}", self.name).into())
    }
}

struct Band([Player; 3]);

impl Band {
    /// Says who has what.
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

    /// One does something, and the others see it; one who is cut off sees what
    /// it does itself.
    async fn act(&mut self, who: usize, action: NetworkAction) -> Outcome {
        let player = &mut self.0[who];
        player.studio.dispatch(action)?;
        let done = player.news().join(", ");
        if player.is_adrift() {
            line(player.name, "does", format_args!("{done} (to be sent)"));
            return Ok(());
        }
        line(player.name, "does", done);
        self.agree().await?;
        self.tell_news();
        Ok(())
    }

    /// Waits until all who are connected have the same before them.
    async fn agree(&self) -> Outcome {
        let agreed = async {
            loop {
                let connected = self.0.iter().filter(|player| !player.is_adrift());
                let mut states = connected.map(|player| player.studio.state());
                let first = states.next();
                if first.is_none_or(|first| states.all(|state| state == first)) {
                    return;
                }
                sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(PATIENCE, agreed).await.map_err(|_| "their snapshots differ".into())
    }

    /// What each of them sees that was not said yet; who sees the same shares a
    /// line.
    fn tell_news(&mut self) {
        let mut said: Vec<(String, Vec<&str>)> = Vec::new();
        for player in self.0.iter_mut().filter(|player| !player.is_adrift()) {
            for news in player.news() {
                match said.iter_mut().find(|(known, _)| *known == news) {
                    Some((_, names)) => names.push(player.name),
                    None => said.push((news, vec![player.name])),
                }
            }
        }
        for (news, names) in said {
            line(&names.join(", "), if names.len() > 1 { "see" } else { "sees" }, news);
        }
    }

    /// One tries what may not be done: there is nothing to undo, for it is
    /// known at once.
    fn is_refused(&mut self, who: usize, action: &NetworkAction) -> Outcome {
        let Player { name, studio, .. } = &self.0[who];
        line(name, "tries", words::action(&studio.state().model, action));
        let Err(reason) = studio.dispatch(action.clone()) else {
            return Err(format!("{name} may not do that").into());
        };
        line(name, "hears", reason);
        Ok(())
    }

    /// One takes its own last step back, or does it again, and hears what of it
    /// somebody else has changed since.
    async fn traces(&mut self, who: usize, step: Step) -> Outcome {
        let player = &mut self.0[who];
        while player.events.try_next().is_some() {}
        match step {
            Step::Back => player.studio.undo()?,
            Step::Forth => player.studio.redo()?,
        }
        let verb = if let Step::Back = step { "undoes" } else { "redoes" };
        line(player.name, verb, format_args!("its last step: {}", player.news().join(", ")));
        let answer = |event| match event {
            Event::Undone { kept } | Event::Redone { kept } => Some(Ok(kept)),
            Event::NothingUndone { reason } => Some(Err(reason)),
            _ => None,
        };
        let kept = player.hear("what it took back", answer).await??;
        if kept > 0 {
            let rest = format_args!("the rest ({kept}) stays as somebody else has it by now");
            line(player.name, "hears", rest);
        }
        self.agree().await?;
        self.tell_news();
        Ok(())
    }

    /// One saves or loads a project, and all see what comes of it.
    async fn keeps(&mut self, who: usize, task: ProjectAction) -> Outcome {
        let player = &mut self.0[who];
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
        timeout(PATIENCE, outcome).await.map_err(|_| "the project is neither saved nor loaded")?;
        self.agree().await?;
        self.tell_news();
        Ok(())
    }

    async fn ask_for_privilege(&mut self, who: usize) -> Outcome {
        let player = &mut self.0[who];
        let me = player.studio.identity().client_id;
        while player.events.try_next().is_some() {}
        line(player.name, "asks", "for the privilege");
        player.studio.request_privilege()?;
        let answer = |event| match event {
            Event::PrivilegeDenied { holder } => Some(format!("no: {holder} has it")),
            Event::Privilege { holder: Some(holder) } if holder.client_id == me => {
                Some("yes".into())
            }
            _ => None,
        };
        let answer = player.hear("the answer", answer).await?;
        line(player.name, "hears", answer);
        Ok(())
    }

    /// Waits until both ends of a connection have noticed that it is gone.
    async fn is_cut_off(&mut self, who: usize) -> Outcome {
        let lost = |event| match event {
            Event::Status(Status::Reconnecting { reason, .. }) => Some(reason),
            _ => None,
        };
        let reason = self.0[who].hear("the loss of the connection", lost).await?;
        line(self.0[who].name, "hears", format_args!("{reason}; the last snapshot stays"));
        let away = |event| match event {
            Event::Suspended(who) => Some(who),
            _ => None,
        };
        let away = self.0[MIA].hear("who is cut off", away).await?;
        line(self.0[MIA].name, "hears", format_args!("{away} is away; what {away} owns is kept"));
        self.agree().await
    }

    async fn is_back(&mut self, who: usize) -> Outcome {
        let plugged = Instant::now();
        let player = &mut self.0[who];
        let me = player.studio.identity().client_id;
        let back = |event| matches!(event, Event::Status(Status::Connected { .. })).then_some(());
        player.hear("the connection", back).await?;
        if player.studio.identity().client_id != me {
            return Err(format!("{} is back as somebody else", player.name).into());
        }
        let time = plugged.elapsed().as_millis();
        line(player.name, "is", format_args!("back after {time} ms, in the same place"));
        Ok(())
    }

    /// Waits for the host to refuse what one did while nobody could object.
    async fn is_undone(&mut self, who: usize) -> Outcome {
        let refused = |event| match event {
            Event::Refused { reason, .. } => Some(reason),
            _ => None,
        };
        let reason = self.0[who].hear("the refusal", refused).await?;
        line(self.0[who].name, "hears", format_args!("{reason}: undone"));
        self.agree().await?;
        self.tell_news();
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
                    "moment {}: {instruments} instruments, {notes} notes, {tempo}",
                    state.seq
                ),
            );
        }
        println!("\nAll three snapshots are the same.");
        Ok(())
    }
}

fn scene(title: &str) {
    println!("\n{title}");
}

fn line(who: &str, verb: &str, what: impl Display) {
    println!("  {who:<15}{verb:<7}{what}");
}
