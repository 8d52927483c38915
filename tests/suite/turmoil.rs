//! The shell in a simulated network: hosts that crash, cables that come out,
//! links that stall, on a virtual clock. Server and client are the real ones,
//! over turmoil's TCP.
//!
//! Each participant carries out the orders that a test leaves for it, and shows
//! what it sees. Every order is a line in a ledger, so what counted twice, or
//! not at all, or in another order, is there to be read.

mod faults;

use std::{
    collections::VecDeque,
    fmt::Write as _,
    io,
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use imbolc_net::{
    Dispatcher, Event, NetworkState,
    client::{JoinOptions, RemoteDispatcher, TokenFile},
    dispatcher::{DispatchError, Identity, Status},
    model::{InstrumentId, NoEngine},
    server::{HostDispatcher, HostOptions, Stats},
    transport::{Connector, Listener},
};
use tokio::time::sleep;
use turmoil::{
    Sim,
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
};

use crate::ledger::{Ledger, Pages, Write};

const HOST: &str = "host";
const PORT: u16 = 9999;
const SECOND: Duration = Duration::from_secs(1);

/// How often a participant looks after its orders.
const FRAME: Duration = Duration::from_millis(10);

/// In which steps time passes.
const TICK: Duration = Duration::from_millis(4);

struct Door(TcpListener);

impl Listener for Door {
    type Reader = OwnedReadHalf;
    type Writer = OwnedWriteHalf;

    async fn accept(&mut self) -> io::Result<(OwnedReadHalf, OwnedWriteHalf, String)> {
        let (stream, peer) = self.0.accept().await?;
        let (reader, writer) = stream.into_split();
        Ok((reader, writer, peer.to_string()))
    }

    fn address(&self) -> Option<SocketAddr> {
        self.0.local_addr().ok()
    }
}

struct Street;

impl Connector for Street {
    type Reader = OwnedReadHalf;
    type Writer = OwnedWriteHalf;

    async fn connect(&self) -> io::Result<(OwnedReadHalf, OwnedWriteHalf)> {
        Ok(TcpStream::connect((HOST, PORT)).await?.into_split())
    }
}

/// What a participant is to do.
enum Order {
    /// On its own page.
    Write(u32),
    AskForPrivilege,
}

/// What a participant sees, as of its last frame.
#[derive(Clone)]
struct View {
    state: Arc<NetworkState<Ledger>>,
    status: Status,
    identity: Identity,
    unanswered: usize,
    /// Of the host.
    stats: Stats,
}

/// A participant as the test knows it: what is left of it when it crashes.
#[derive(Default)]
struct Seat {
    name: &'static str,
    page: u32,
    orders: VecDeque<Order>,
    /// Lines that were taken over from the orders, and lines that were answered.
    taken: Vec<u32>,
    answered: Vec<(u32, Result<(), DispatchError>)>,
    news: Vec<Event<Ledger>>,
    view: Option<View>,
}

type Shared = Arc<Mutex<Seat>>;

fn lock(seat: &Shared) -> MutexGuard<'_, Seat> {
    seat.lock().unwrap()
}

/// Carries out orders and shows what it sees, for ever.
async fn play(
    seat: &Shared,
    studio: Arc<dyn Dispatcher<Ledger>>,
    sees: impl Fn() -> (usize, Stats),
) {
    let mut events = studio.events();
    loop {
        while let Some(order) = { lock(seat).orders.pop_front() } {
            match order {
                Order::Write(line) => {
                    let page = lock(seat).page;
                    lock(seat).taken.push(line);
                    let (seat, studio) = (Arc::clone(seat), Arc::clone(&studio));
                    tokio::spawn(async move {
                        let answer = studio.commit(Write { page, line }).await;
                        lock(&seat).answered.push((line, answer));
                    });
                    // It is dispatched when it is polled, before the next one is.
                    tokio::task::yield_now().await;
                }
                Order::AskForPrivilege => studio.request_privilege().unwrap(),
            }
        }
        let (unanswered, stats) = sees();
        {
            let mut seat = lock(seat);
            seat.news.extend(std::iter::from_fn(|| events.try_next()));
            let (state, status, identity) = (studio.state(), studio.status(), studio.identity());
            seat.view = Some(View { state, status, identity, unanswered, stats });
        }
        sleep(FRAME).await;
    }
}

async fn host(seat: Shared, pages: u32) -> turmoil::Result {
    let listener = Door(TcpListener::bind(("0.0.0.0", PORT)).await?);
    let (pages, options) = (Pages::empty(pages), HostOptions::default());
    let studio = HostDispatcher::open(HOST, pages, NoEngine, listener, options)?;
    let studio = Arc::new(studio);
    let stats = || (0, studio.stats());
    play(&seat, Arc::clone(&studio) as _, stats).await;
    Ok(())
}

async fn join(seat: Shared, directory: PathBuf) -> turmoil::Result {
    let (name, page) = {
        let seat = lock(&seat);
        (seat.name, seat.page)
    };
    let studio = loop {
        let options = JoinOptions {
            name: name.into(),
            own: vec![InstrumentId(page)],
            token_file: Some(TokenFile::claim(&directory, HOST, name)?),
            ..JoinOptions::default()
        };
        match RemoteDispatcher::<Ledger>::join(Street, options).await {
            Ok(studio) => break Arc::new(studio),
            Err(_) => sleep(SECOND / 10).await,
        }
    };
    let unanswered = || (studio.unanswered(), Stats::default());
    play(&seat, Arc::clone(&studio) as _, unanswered).await;
    Ok(())
}

/// Everybody, and the network between them.
struct Stage {
    sim: Sim<'static>,
    seats: Vec<Shared>,
    directory: PathBuf,
    line: u32,
}

impl Stage {
    /// The host and these guests, who have all come in and own a page each.
    fn with(test: &str, guests: &[&'static str], network: &mut turmoil::Builder) -> Self {
        let directory = format!("imbolc-turmoil-{test}-{}", std::process::id());
        let directory = std::env::temp_dir().join(directory);
        let mut sim = network.simulation_duration(3600 * SECOND).tick_duration(TICK).build();
        let count = u32::try_from(guests.len()).unwrap();
        let mut seats = Vec::new();
        for (page, &name) in (0..).zip([HOST].iter().chain(guests)) {
            let seat = Shared::new(Mutex::new(Seat { name, page, ..Seat::default() }));
            seats.push(Arc::clone(&seat));
            if name == HOST {
                sim.host(name, move || host(Arc::clone(&seat), count));
            } else {
                let directory = directory.clone();
                sim.host(name, move || join(Arc::clone(&seat), directory.clone()));
            }
        }
        let mut stage = Self { sim, seats, directory, line: 0 };
        stage.until("everybody is in", Self::is_quiet);
        stage
    }

    fn seat(&self, name: &str) -> MutexGuard<'_, Seat> {
        lock(self.seats.iter().find(|seat| lock(seat).name == name).unwrap())
    }

    fn sees(&self, name: &str) -> View {
        self.seat(name).view.clone().expect("it is in")
    }

    fn is_connected(&self, name: &str) -> bool {
        matches!(self.sees(name).status, Status::Connected { .. })
    }

    fn is_away(&self, name: &str) -> bool {
        self.sees(HOST).state.roster.is_away(self.sees(name).identity.client_id)
    }

    /// Has somebody write a line on its own page; the host, in the margin.
    fn write(&mut self, name: &str) {
        self.line += 1;
        let line = self.line;
        self.seat(name).orders.push_back(Order::Write(line));
    }

    fn lets_pass(&mut self, time: Duration) {
        let end = self.sim.elapsed() + time;
        while self.sim.elapsed() < end {
            self.sim.step().unwrap();
        }
    }

    /// Lets time pass until something holds, and returns how long that took.
    fn until(&mut self, what: &str, holds: impl Fn(&Self) -> bool) -> Duration {
        let begun = self.sim.elapsed();
        while !holds(self) {
            self.sim.step().unwrap();
            let took = self.sim.elapsed() - begun;
            assert!(took < 180 * SECOND, "not within 180 s: {what}\n{}", self.describe());
        }
        self.sim.elapsed() - begun
    }

    fn describe(&self) -> String {
        let mut text = String::new();
        for seat in &self.seats {
            let seat = lock(seat);
            let Some(view) = &seat.view else { continue };
            let (status, seq) = (&view.status, view.state.seq);
            let waiting = (seat.orders.len(), view.unanswered);
            writeln!(text, "{}: {status}, seq {seq}, waiting {waiting:?}", seat.name).unwrap();
        }
        text
    }

    /// Everybody is there, nothing is on its way, and all snapshots are equal.
    fn is_quiet(&self) -> bool {
        let Some(host) = self.seat(HOST).view.clone() else { return false };
        self.seats[1..].iter().all(|seat| {
            let seat = lock(seat);
            seat.orders.is_empty()
                && seat.view.as_ref().is_some_and(|view| {
                    matches!(view.status, Status::Connected { .. })
                        && view.unanswered == 0
                        && view.state == host.state
                        && view.identity.instruments == [InstrumentId(seat.page)]
                })
        }) && lock(&self.seats[0]).orders.is_empty()
    }

    /// Waits for quiet, and checks every line that was ever ordered: what was
    /// granted is in the ledger once, what was not is not, and each page is in
    /// its writer's order. Returns how long it took to become quiet.
    fn account(&mut self) -> Duration {
        let took = self.until("all agree and nothing is open", Self::is_quiet);
        let book = self.sees(HOST).state;
        for seat in &self.seats {
            let seat = lock(seat);
            let name = seat.name;
            let mut seen: Vec<u32> = Vec::new();
            for (line, answer) in &seat.answered {
                assert!(!seen.contains(line), "{name}: {line} was answered twice");
                seen.push(*line);
                let times = book.model.lines(seat.page).iter().filter(|at| *at == line).count();
                match answer {
                    Ok(()) => assert_eq!(times, 1, "{name}: {line} was granted"),
                    // Its place was given up before the answer came.
                    Err(DispatchError::Unanswered) => assert!(times <= 1, "{name}: {line}"),
                    Err(error) => assert_eq!(times, 0, "{name}: {line}: {error}"),
                }
            }
            let page = book.model.lines(seat.page);
            assert!(page.is_sorted_by(|a, b| a < b), "{name} wrote in order: {page:?}");
            assert!(page.iter().all(|line| seat.taken.contains(line)), "{name}: {page:?}");
        }
        took
    }

    /// Whether everything that somebody was ordered has an answer, and which was
    /// yes.
    fn all_granted(&self, name: &str) -> bool {
        let seat = self.seat(name);
        seat.answered.len() == seat.taken.len()
            && seat.answered.iter().all(|(_, answer)| answer.is_ok())
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}
