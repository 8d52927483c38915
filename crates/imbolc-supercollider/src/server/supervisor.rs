//! The supervisor: boots `scsynth`, watches it and starts it again.
//!
//! Everything arrives in one channel: requests of the link, packets of the server, the lines
//! that it prints, results of look-ups. It is the thread that starts the process, so
//! the process ends with it.

use std::{
    collections::BTreeSet,
    convert::Infallible,
    io,
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    ops::ControlFlow,
    path,
    sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender},
    thread,
    time::{Duration, Instant},
};

use rosc::{OscMessage, OscPacket, OscType};

use super::{
    console::{Said, read_console},
    definitions::{Definitions, TRIALS},
    heart::{HEART, HEART_BUS, heart_definition},
    osc_packets::{at_once, bus_values, encode_packet, read_messages},
    scsynth_process::{AudioSystem, ScsynthProcess, describe, pipewire_runs},
    server_event::{Audio, Load, ServerEvent},
    server_files::{FoundFile, ServerFiles, WantedFile},
    server_options::ServerOptions,
};
use crate::{
    commands::{self, NodeId, Place},
    synth_def::Definition,
};

/// How long a boot may take. It takes 0.1 to 6 s.
const BOOT: Duration = Duration::from_secs(10);

/// How long a server that is ready may take until audio runs.
const PROBE: Duration = Duration::from_secs(2);

/// How long it may take to load definitions after a start.
const RESTORE: Duration = Duration::from_secs(30);

/// The pauses before a server is started again.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// After a run of this time, the pauses begin anew.
const WELL: Duration = Duration::from_secs(5);

/// How often control buses are asked for.
const POLL: Duration = Duration::from_millis(33);

/// How often the load is asked for, in polls.
const POLLS_OF_LOAD: u32 = 15;

/// How many polls may show no audio: 1.5 s. Polls are counted and not time, so a computer that
/// slept has not lost its server.
const SILENT_POLLS: u32 = 45;

/// How many control buses are asked for with one message.
const BUSES_OF_MESSAGE: u32 = 2048;

/// The shortest period in frames: with a shorter one `scsynth` runs and computes nothing.
const SHORTEST_PERIOD: u32 = 64;

/// A message to the supervisor.
#[derive(Debug)]
pub(super) enum Incoming {
    Request(Request),
    Packet(SocketAddr, OscMessage),
    /// A line of the process that was started as the given one.
    Said(u32, Said),
    /// It has ended.
    Ended(u32),
    LookedUp(FoundFile),
}

/// A request of the link.
#[derive(Debug)]
pub(super) enum Request {
    Define(Definition),
    Load(WantedFile),
    Watch { first: u32, count: u32 },
    Restart(String),
    Stop,
}

/// Why a server does not run any more.
#[derive(Debug)]
enum End {
    Stop,
    /// Start it again at once.
    Again(String),
    Failed(String),
}

/// The part of a message that [`Supervisor::next`] leaves to its caller.
enum Heard {
    Said(Said),
    Reply(OscMessage),
    Nothing,
}

#[derive(Debug)]
pub(super) struct Supervisor {
    options: ServerOptions,
    system: AudioSystem,
    incoming: Receiver<Incoming>,
    /// For the threads that read.
    answers: Sender<Incoming>,
    events: Sender<ServerEvent>,
    meters: SyncSender<ServerEvent>,
    socket: UdpSocket,
    definitions: Definitions,
    files: ServerFiles,
    watched: (u32, u32),
    /// How many processes were started.
    starts: u32,
    /// The port of the present process.
    port: u16,
    late: u64,
    /// The reason that the present process has printed for its end.
    last_words: Option<String>,
    /// The reasons that were reported since the server was up.
    told: BTreeSet<String>,
}

impl Supervisor {
    /// Opens its socket and starts the thread that reads it.
    ///
    /// # Errors
    /// If the socket cannot be opened or the thread not started.
    pub(super) fn new(
        options: ServerOptions,
        incoming: Receiver<Incoming>,
        answers: Sender<Incoming>,
        events: Sender<ServerEvent>,
        meters: SyncSender<ServerEvent>,
    ) -> io::Result<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        let reading = socket.try_clone()?;
        // After this time the thread notices that the supervisor is gone.
        reading.set_read_timeout(Some(Duration::from_millis(500)))?;
        let packets = answers.clone();
        thread::Builder::new().name("scsynth-osc".into()).spawn(move || {
            read_messages(&reading, |from, message| {
                match packets.send(Incoming::Packet(from, message)) {
                    Ok(()) => ControlFlow::Continue(()),
                    Err(_) => ControlFlow::Break(()),
                }
            });
        })?;
        // It may be created later, and `scsynth` 3.13 compares paths as texts.
        let samples = options.samples.and_then(|directory| path::absolute(directory).ok());
        let options = ServerOptions { samples, ..options };
        let files = ServerFiles::new(options.samples.clone());
        Ok(Self {
            options,
            system: AudioSystem::Jack,
            incoming,
            answers,
            events,
            meters,
            socket,
            definitions: Definitions::default(),
            files,
            watched: (0, 0),
            starts: 0,
            port: 0,
            late: 0,
            last_words: None,
            told: BTreeSet::new(),
        })
    }

    /// Keeps a server running until it is told to stop.
    pub(super) fn run(mut self) {
        let mut pause = FIRST_PAUSE;
        loop {
            let mut up_since = None;
            let Err(end) = self.live(&mut up_since);
            if up_since.is_some_and(|since: Instant| since.elapsed() >= WELL) {
                pause = FIRST_PAUSE;
            }
            let (why, now) = match end {
                End::Stop => return,
                End::Again(why) => (why, true),
                End::Failed(why) => (why, false),
            };
            tracing::warn!(why, "no sound");
            if self.told.insert(why.clone()) {
                self.tell(ServerEvent::Down(why));
            }
            if now {
                continue;
            }
            let until = Instant::now() + pause;
            pause = (pause * 2).min(LONGEST_PAUSE);
            while Instant::now() < until {
                match self.next(until) {
                    Ok(_) => {}
                    Err(End::Stop) => return,
                    Err(End::Again(_) | End::Failed(_)) => break,
                }
            }
        }
    }

    /// The life of one server.
    fn live(&mut self, up_since: &mut Option<Instant>) -> Result<Infallible, End> {
        self.starts = self.starts.wrapping_add(1);
        self.last_words = None;
        let (mut process, output) = ScsynthProcess::start(&self.options, self.system)
            .map_err(|error| End::Failed(error.to_string()))?;
        self.port = process.port;
        self.read_output(output)?;
        let result = self.boot().and_then(|audio| {
            self.probe()?;
            self.restore()?;
            *up_since = Some(Instant::now());
            self.told.clear();
            self.tell(ServerEvent::Up(audio));
            self.serve()
        });
        self.send(commands::plain("/quit"));
        let status = process.end();
        self.port = 0;
        result.map_err(|end| match end {
            End::Failed(why) if why.is_empty() => End::Failed(match self.last_words.take() {
                Some(words) => words,
                None => format!("scsynth has ended ({})", describe(status)),
            }),
            end => end,
        })
    }

    /// Waits until the server listens.
    fn boot(&mut self) -> Result<Audio, End> {
        let deadline = Instant::now() + BOOT;
        let system = self.system.name();
        let mut audio = Audio { system, rate: 0.0, period: 0, port: self.port };
        let mut connected = false;
        while Instant::now() < deadline {
            match self.next(deadline)? {
                Heard::Said(Said::Audio { rate, period }) => {
                    (audio.rate, audio.period) = (rate, period);
                    if period < SHORTEST_PERIOD {
                        return Err(End::Failed(format!(
                            "the period of {system} is {period} frames, but must not be below \
                             {SHORTEST_PERIOD}: jack_bufsize 256"
                        )));
                    }
                }
                Heard::Said(Said::Connected) => connected = true,
                Heard::Said(Said::Ready) => {
                    if !connected {
                        self.tell(ServerEvent::Trouble(format!("{system} has no output")));
                    }
                    return Ok(audio);
                }
                _ => {}
            }
        }
        Err(End::Failed(format!("scsynth is not ready after {} s", BOOT.as_secs())))
    }

    /// Waits until a synth moves its control bus: only then is audio computed.
    fn probe(&mut self) -> Result<(), End> {
        let heart = heart_definition().map_err(End::Failed)?;
        let mut receive = commands::receive_definition(heart.bytes());
        let begin = vec![
            commands::new_synth(&heart.name, HEART, Place::HeadOf(NodeId(0)), &[]),
            commands::new_group(TRIALS, Place::HeadOf(NodeId(0))),
            commands::run(TRIALS, false),
        ];
        receive.args.push(OscType::Blob(encode_packet(&at_once(begin))));
        self.send(receive);
        let deadline = Instant::now() + PROBE;
        let mut values = Vec::new();
        while Instant::now() < deadline {
            self.send(commands::get_buses(HEART_BUS, 1));
            let until = Instant::now() + POLL / 2;
            while Instant::now() < until {
                if let Heard::Reply(reply) = self.next(until)?
                    && let Some((HEART_BUS, value)) = bus_values(&reply)
                {
                    values.extend(value);
                }
            }
            if values.windows(2).any(|two| two[0].to_bits() != two[1].to_bits()) {
                return Ok(());
            }
        }
        Err(End::Failed(format!("scsynth runs, but {} requests no audio", self.system.name())))
    }

    /// Loads all definitions that were asked for.
    fn restore(&mut self) -> Result<(), End> {
        self.definitions.begin_again();
        self.files.begin_again();
        let deadline = Instant::now() + RESTORE;
        while !self.definitions.is_done() {
            if Instant::now() >= deadline {
                return Err(End::Failed("scsynth does not load definitions".into()));
            }
            self.load();
            if let Heard::Reply(reply) = self.next(Instant::now() + POLL)? {
                self.answer(&reply);
            }
        }
        Ok(())
    }

    /// Serves requests until the server ends, or its audio stops.
    fn serve(&mut self) -> Result<Infallible, End> {
        let (mut polls, mut silent, mut heart) = (0_u32, 0, 0);
        let mut next_poll = Instant::now();
        loop {
            self.load();
            let now = Instant::now();
            if now >= next_poll {
                next_poll = now + POLL;
                self.poll(polls);
                polls = polls.wrapping_add(1);
                silent += 1;
                if silent > SILENT_POLLS {
                    let system = self.system.name();
                    return Err(End::Failed(format!(
                        "{system} no longer requests audio from scsynth"
                    )));
                }
            }
            let Heard::Reply(reply) = self.next(next_poll)? else { continue };
            match bus_values(&reply) {
                Some((HEART_BUS, values)) => {
                    let beat = values.first().map_or(0, |value| value.to_bits());
                    if beat != heart {
                        (heart, silent) = (beat, 0);
                    }
                }
                Some((first, values)) => self.meter(ServerEvent::Peaks { first, values }),
                None => self.answer(&reply),
            }
        }
    }

    /// Asks for the values that are asked for regularly.
    fn poll(&self, polls: u32) {
        self.send(commands::get_buses(HEART_BUS, 1));
        let (mut first, mut left) = self.watched;
        while left > 0 {
            let count = left.min(BUSES_OF_MESSAGE);
            self.send(commands::get_buses(first, count));
            (first, left) = (first + count, left - count);
        }
        if polls.is_multiple_of(POLLS_OF_LOAD) {
            self.send(commands::plain("/status"));
        }
    }

    /// Sends the next definitions and looks up the next file.
    fn load(&mut self) {
        let now = Instant::now();
        for message in self.definitions.step(now) {
            self.send(message);
        }
        if self.definitions.is_done()
            && let Some(look_up) = self.files.step(now)
        {
            let answers = self.answers.clone();
            let thread = thread::Builder::new().name("look-up".into()).spawn(move || {
                drop(answers.send(Incoming::LookedUp(look_up.run())));
            });
            if let Err(error) = thread {
                self.tell(ServerEvent::Trouble(format!("samples cannot be read: {error}")));
            }
        }
    }

    /// Takes an answer about definitions, files or the load.
    fn answer(&mut self, reply: &OscMessage) {
        match (reply.addr.as_str(), &*reply.args) {
            ("/synced", [OscType::Int(number)]) => {
                let trials = self.definitions.synced(*number);
                if !trials.is_empty() {
                    self.send_packet(&at_once(trials));
                }
            }
            ("/g_queryTree.reply", tree) => {
                let tried = self.definitions.tried(tree);
                for name in tried.defined {
                    self.tell(ServerEvent::Defined(name));
                }
                for refused in tried.refused {
                    self.tell(ServerEvent::Trouble(refused));
                }
            }
            ("/status.reply", args) => {
                if let [
                    ..,
                    OscType::Float(cpu),
                    OscType::Float(peak_cpu),
                    _,
                    OscType::Double(rate),
                ] = *args
                {
                    let load = Load { cpu, peak_cpu, late: self.late, sample_rate: rate };
                    self.meter(ServerEvent::Status(load));
                }
            }
            _ => {
                let (event, messages) = self.files.answered(Instant::now(), reply);
                for message in messages {
                    self.send(message);
                }
                if let Some(event) = event {
                    self.tell(event);
                }
            }
        }
    }

    /// Waits for the next message, and handles those that are handled alike at all times.
    fn next(&mut self, until: Instant) -> Result<Heard, End> {
        let wait = until.saturating_duration_since(Instant::now());
        match self.incoming.recv_timeout(wait) {
            Ok(Incoming::Request(request)) => self.request(request)?,
            Ok(Incoming::Packet(from, reply)) => {
                if self.port != 0 && from == SocketAddr::from((Ipv4Addr::LOCALHOST, self.port)) {
                    return Ok(Heard::Reply(reply));
                }
            }
            Ok(Incoming::Said(start, said)) if start == self.starts => match said {
                Said::Late => self.late += 1,
                Said::Refused(why) => self.definitions.heard(why),
                Said::Error(text) => self.tell(ServerEvent::Trouble(text)),
                Said::NoJack => return Err(self.no_jack()),
                Said::JackGone => {
                    self.last_words = Some(format!("{} has ended", self.system.name()));
                }
                Said::PortTaken => {
                    self.last_words = Some("another program has taken the port of scsynth".into());
                }
                said => return Ok(Heard::Said(said)),
            },
            Ok(Incoming::Ended(start)) if start == self.starts && self.port != 0 => {
                return Err(End::Failed(String::new()));
            }
            Ok(Incoming::LookedUp(found)) if self.port != 0 => {
                match self.files.looked_up(Instant::now(), found) {
                    Ok(messages) => {
                        for message in messages {
                            self.send(message);
                        }
                    }
                    Err(Some(event)) => self.tell(event),
                    Err(None) => {}
                }
            }
            // From an earlier process.
            Ok(Incoming::Said(..) | Incoming::Ended(_) | Incoming::LookedUp(..))
            | Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Err(End::Stop),
        }
        Ok(Heard::Nothing)
    }

    fn request(&mut self, request: Request) -> Result<(), End> {
        match request {
            Request::Define(definition) => self.definitions.want(definition),
            Request::Load(file) => {
                if let Some(event) = self.files.want(file) {
                    self.tell(event);
                }
            }
            Request::Watch { first, count } => self.watched = (first, count.min(8192)),
            Request::Restart(why) => return Err(End::Again(why)),
            Request::Stop => return Err(End::Stop),
        }
        Ok(())
    }

    /// Without JACK, PipeWire is tried.
    fn no_jack(&mut self) -> End {
        if self.system == AudioSystem::Jack && pipewire_runs() {
            self.system = AudioSystem::PipeWire;
            return End::Again("JACK does not run: trying PipeWire".into());
        }
        self.system = AudioSystem::Jack;
        End::Failed(
            "JACK does not run, nor PipeWire with pw-jack: start one, or apt install pipewire-jack"
                .into(),
        )
    }

    /// Starts the thread that reads what the process prints.
    fn read_output(&self, output: io::PipeReader) -> Result<(), End> {
        let (answers, start) = (self.answers.clone(), self.starts);
        thread::Builder::new()
            .name("scsynth-console".into())
            .spawn(move || {
                read_console(output, |said| drop(answers.send(Incoming::Said(start, said))));
                drop(answers.send(Incoming::Ended(start)));
            })
            .map(drop)
            .map_err(|error| End::Failed(format!("no thread for scsynth: {error}")))
    }

    fn send(&self, message: OscMessage) {
        self.send_packet(&OscPacket::Message(message));
    }

    /// A packet that cannot be sent is noticed by its missing answer.
    fn send_packet(&self, packet: &OscPacket) {
        drop(self.socket.send_to(&encode_packet(packet), (Ipv4Addr::LOCALHOST, self.port)));
    }

    fn tell(&self, event: ServerEvent) {
        drop(self.events.send(event));
    }

    fn meter(&self, event: ServerEvent) {
        drop(self.meters.try_send(event));
    }
}
