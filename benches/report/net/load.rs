//! What clients that ask for much cost the others: undos of large steps, requests for
//! full states, and pastes at full pace. The host has no engine. And what the engine
//! costs: playback.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use imbolc_net::{
    ClientMessage,
    model::{InstrumentId, Model},
    protocol::{ActionNumber, framing::Codec},
    studio::{Name, NetworkAction, Note, Notes, PianoRollAction, SourceKind, Studio, StudioState},
    sync::session::SessionConfig,
    util::quantity::{NoteLength, Pitch, Probability, Ticks, Velocity},
};
use tokio::{
    io::AsyncWriteExt,
    runtime::{Builder, Runtime},
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};

use super::{
    bare_client::BareClient,
    child::ChildProcess,
    child_protocol::{ChildOrder, ChildRole},
    frame_sizes::frame,
    probe::{self, Wait},
};
use crate::{
    bench::Bench,
    figure::{Figure, Samples, Unit},
    row::{Row, Target},
};

/// Notes of one paste: as many as an action may have.
pub const PAGE: u32 = 4096;

/// Pause between two edits of the host.
pub const PROBE_GAP: Duration = Duration::from_micros(100);

const INSTRUMENTS: u32 = 40;

/// Tracks that play.
const PLAYING: u32 = 64;

/// Pages that the client with the undos pastes, and how many of these are different.
const STEPS: u32 = 64;
const PAGES: u32 = 8;

const ASKING: u32 = 20;
const PASTING: u32 = 30;

/// No frame but a full state is that large.
const LARGE: usize = 1024 * 1024;

/// How many bytes tell two full states apart: these have the number.
const HEAD: usize = 64;

/// The limit of the memory beside the state.
const MAX_MEMORY: f64 = 64.0 * 1024.0 * 1024.0;

/// A studio whose instruments have `pages` pages of notes each.
pub fn studio(instruments: u32, pages: u32) -> StudioState {
    let mut state = StudioState::default();
    for id in (1..=instruments).map(InstrumentId) {
        let name = Name::new(&format!("Instrument {id}")).unwrap();
        let add = NetworkAction::AddInstrument { id, name, source: SourceKind::Oscillator };
        Studio::reduce(&mut state, &add).unwrap();
        for page in 0..pages {
            Studio::reduce(&mut state, &paste(id, page, 100)).unwrap();
        }
    }
    state
}

/// The paste of a page of notes.
pub fn paste(instrument: InstrumentId, page: u32, velocity: u8) -> NetworkAction {
    let notes: Notes = (page * PAGE..(page + 1) * PAGE)
        .map(|tick| Note {
            tick: Ticks::of(tick),
            pitch: Pitch::of(60),
            length: NoteLength::of(120),
            velocity: Velocity::of(velocity),
            probability: Probability::MAX,
        })
        .collect();
    NetworkAction::PianoRoll(instrument, PianoRollAction::Paste(notes))
}

pub fn measure(bench: &mut Bench) {
    let clients = yielding_runtime();
    if wants(bench, "load/undo") {
        undo_rows(bench, &clients);
    }
    if wants(bench, "engine/lock") {
        engine_rows(bench);
    }
    if wants(bench, "load/full") {
        full_rows(bench, &clients);
    }
    if wants(bench, "load/paste") {
        paste_rows(bench, &clients);
    }
}

fn wants(bench: &Bench, key: &str) -> bool {
    ["wait", "hold", "bytes", "sent", "encoded", "memory"]
        .iter()
        .any(|row| bench.wants(&format!("{key}-{row}")))
}

/// Runs the clients, which are on other machines otherwise, on threads that let the
/// host have the cores.
fn yielding_runtime() -> Runtime {
    // Without the permission the figures are worse and no less true.
    let yielding = || {
        let _ = rustix::process::nice(19);
    };
    Builder::new_multi_thread()
        .worker_threads(2)
        .on_thread_start(yielding)
        .enable_all()
        .build()
        .unwrap()
}

/// The duration of a turn, and how many there are.
const fn turns(bench: &Bench) -> (Duration, usize) {
    if bench.quick { (Duration::from_millis(500), 1) } else { (Duration::from_secs(4), 5) }
}

/// The waits of the host's own edits, for each turn.
fn probe(bench: &Bench, host: &mut ChildProcess) -> Vec<Vec<Wait>> {
    let (lasts, rounds) = turns(bench);
    // The clients begin.
    host.order(ChildOrder::Probe { lasts: Duration::from_secs(1) });
    (0..rounds).map(|_| host.order(ChildOrder::Probe { lasts }).waits).collect()
}

fn undo_rows(bench: &mut Bench, clients: &Runtime) {
    let mut host = ChildProcess::start(ChildRole::LargeHost { instruments: INSTRUMENTS, pages: 0 });
    let address = host.address.clone();
    let client = super::on(clients, async move {
        let mut client = Numbered::join(&address, InstrumentId(1)).await;
        for (step, velocity) in (0..STEPS).zip(1..) {
            client.act(paste(InstrumentId(1), step % PAGES, velocity)).await;
        }
        client
    });
    let flood = clients.spawn(client.undo_and_redo());
    let rounds = probe(bench, &mut host);
    flood.abort();
    let what = format!(
        "an edit of the host while one client undoes and redoes {STEPS} pastes of {PAGE} notes without a pause"
    );
    probe::rows(bench, "load/undo", &what, &rounds);
}

fn engine_rows(bench: &mut Bench) {
    let pace = SessionConfig::default().min_patch_interval;
    let mut host = ChildProcess::start(ChildRole::Host { instruments: PLAYING, pace });
    host.order(ChildOrder::Play);
    let rounds = probe(bench, &mut host);
    let what = format!("an edit of the host while {PLAYING} tracks play");
    probe::rows(bench, "engine/lock", &what, &rounds);
}

fn full_rows(bench: &mut Bench, clients: &Runtime) {
    let mut host = ChildProcess::start(ChildRole::LargeHost { instruments: INSTRUMENTS, pages: 1 });
    let received = Arc::new(Mutex::new(ReceivedFulls::default()));
    let address = host.address.clone();
    let joined = super::on(clients, async move {
        let mut joined = Vec::new();
        for _ in 0..ASKING {
            joined.push(BareClient::join(&address, Codec::Json, vec![]).await);
        }
        joined
    });
    let mut asking = JoinSet::new();
    for client in joined {
        asking.spawn_on(ask_each_second(client, Arc::clone(&received)), clients.handle());
    }
    // Long enough for a full state to each client.
    let (lasts, turns) = turns(bench);
    let lasts = lasts.max(Duration::from_millis(2500));
    host.order(ChildOrder::Probe { lasts: Duration::from_secs(1) });
    let [mut bytes, mut number, mut encoded] =
        [Unit::Bytes, Unit::PerSecond, Unit::PerSecond].map(Samples::new);
    let mut rounds = Vec::new();
    for _ in 0..turns {
        *received.lock().unwrap() = ReceivedFulls::default();
        rounds.push(host.order(ChildOrder::Probe { lasts }).waits);
        let turn = std::mem::take(&mut *received.lock().unwrap());
        let each_second = |count: usize| vec![Figure::bytes(count).value() / lasts.as_secs_f64()];
        bytes.push(each_second(turn.bytes));
        number.push(each_second(turn.number));
        encoded.push(each_second(turn.heads.len()));
    }
    drop(asking);
    let what = format!(
        "an edit of the host while {ASKING} clients ask for the full state of {} notes once a second, json",
        INSTRUMENTS * PAGE
    );
    probe::rows(bench, "load/full", &what, &rounds);
    bench.row(Row::new(
        "load/full-bytes",
        "the same: full states sent in a second, in bytes",
        bytes.at(0.5),
    ));
    let most = f64::from(ASKING) / 2.0;
    bench.row(
        Row::new("load/full-sent", "the same: full states sent", number.at(0.5))
            // A turn may begin right before one is due.
            .target(Target::AtMost(most + f64::from(ASKING) / lasts.as_secs_f64())),
    );
    bench.row(
        Row::new("load/full-encoded", "the same: full states encoded", encoded.at(0.5))
            .peer("sent", number.at(0.5))
            .target(Target::AtMost(4.0)),
    );
}

fn paste_rows(bench: &mut Bench, clients: &Runtime) {
    let mut host = ChildProcess::start(ChildRole::LargeHost { instruments: INSTRUMENTS, pages: 1 });
    let address = host.address.clone();
    let joined = super::on(clients, async move {
        let mut joined = Vec::new();
        for id in (1..=PASTING).map(InstrumentId) {
            joined.push(Numbered::join(&address, id).await);
        }
        joined
    });
    let before = host.order(ChildOrder::Cpu).resident;
    let mut pasting = JoinSet::new();
    for client in joined {
        pasting.spawn_on(client.paste(), clients.handle());
    }
    let rounds = probe(bench, &mut host);
    let after = host.order(ChildOrder::Cpu).resident;
    drop(pasting);
    let what = format!(
        "an edit of the host while {PASTING} clients paste {PAGE} notes each without a pause"
    );
    probe::rows(bench, "load/paste", &what, &rounds);
    let grown = usize::try_from(after.saturating_sub(before)).unwrap();
    bench.row(
        Row::new(
            "load/paste-memory",
            "the same: memory of the host beside the state",
            Figure::bytes(grown),
        )
        .target(Target::AtMost(MAX_MEMORY)),
    );
}

/// A client that sends actions for its instrument and ignores what it is sent.
struct Numbered {
    client: BareClient,
    own: InstrumentId,
    last: ActionNumber,
}

impl Numbered {
    async fn join(address: &str, own: InstrumentId) -> Self {
        let client = BareClient::join(address, Codec::Postcard, vec![own]).await;
        Self { client, own, last: ActionNumber::default() }
    }

    fn next(&mut self) -> ActionNumber {
        self.last = self.last.next();
        self.last
    }

    fn frame_of(&mut self, action: NetworkAction) -> Vec<u8> {
        let number = self.next();
        let message = ClientMessage::<Studio>::Action { number, continues: false, action };
        frame(self.client.codec, &message)
    }

    async fn act(&mut self, action: NetworkAction) {
        let frame = self.frame_of(action);
        self.client.writer.write_all(&frame).await.unwrap();
    }

    async fn undo_and_redo(mut self) {
        let BareClient { codec, .. } = self.client;
        loop {
            let mut batch = Vec::new();
            for _ in 0..STEPS {
                let undo = ClientMessage::<Studio>::Undo { number: self.next() };
                batch.extend(frame(codec, &undo));
            }
            for _ in 0..STEPS {
                let redo = ClientMessage::<Studio>::Redo { number: self.next() };
                batch.extend(frame(codec, &redo));
            }
            if !self.write_and_read(&batch).await {
                return;
            }
        }
    }

    /// Pastes a page again and again. The notes differ from those before.
    async fn paste(mut self) {
        let pages = [101, 102].map(|velocity| paste(self.own, 0, velocity));
        for page in pages.iter().cycle() {
            let frame = self.frame_of(page.clone());
            if !self.write_and_read(&frame).await {
                return;
            }
        }
    }

    /// Writes, and reads as long as the host takes nothing. `false` once the
    /// connection is lost.
    async fn write_and_read(&mut self, mut bytes: &[u8]) -> bool {
        let BareClient { frames, writer, .. } = &mut self.client;
        while !bytes.is_empty() {
            tokio::select! {
                written = writer.write(bytes) => match written {
                    Ok(written @ 1..) => bytes = &bytes[written..],
                    _ => return false,
                },
                is_open = frames.discard() => if !is_open {
                    return false;
                },
            }
        }
        true
    }
}

/// The full states that were received.
#[derive(Default)]
struct ReceivedFulls {
    number: usize,
    bytes: usize,
    heads: BTreeSet<Vec<u8>>,
}

async fn ask_each_second(client: BareClient, received: Arc<Mutex<ReceivedFulls>>) {
    let BareClient { codec, mut frames, mut writer, .. } = client;
    let request = frame(codec, &ClientMessage::<Studio>::RequestFullSync);
    let asking = async {
        let mut seconds = interval(Duration::from_secs(1));
        seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            seconds.tick().await;
            writer.write_all(&request).await.unwrap();
        }
    };
    let reading = async {
        while let Some(payload) = frames.next().await {
            if payload.len() >= LARGE {
                let mut received = received.lock().unwrap();
                received.number += 1;
                received.bytes += payload.len();
                received.heads.insert(payload[..HEAD].to_vec());
            }
        }
    };
    tokio::join!(asking, reading);
}
