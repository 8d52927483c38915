//! Simulated connections: delays, stalls, breaks, and bounded buffers.

use std::{collections::VecDeque, time::Duration};

use bytes::{Buf, BytesMut};
use imbolc_net::{protocol::limits, transport::frame_splitter, util::time::Timestamp};
use tokio_util::codec::{Decoder, LengthDelimitedCodec};

use super::{plan::Participant, rng::Rng};

/// The largest chunk that arrives at once, in bytes.
const CHUNK: usize = 8 * 1024;

/// One direction of a connection. Bytes arrive in order, later, and in other
/// chunks than they were written.
pub struct Pipe {
    rng: Rng,
    delay: u64,
    jitter: u64,
    room: usize,
    in_flight: VecDeque<(Timestamp, BytesMut)>,
    /// Arrived and not read.
    inbox: BytesMut,
    /// Nothing arrives before this time.
    not_before: Timestamp,
    /// When the reader sees the end, set once the writer has closed.
    ended: Option<Timestamp>,
    /// The reader has seen the end, or has closed its side.
    closed: bool,
    /// Bytes that still arrive before the connection breaks.
    breaks_after: Option<usize>,
    /// Nothing arrives any more.
    pub broken: bool,
}

impl Pipe {
    fn new(rng: Rng, participant: &Participant) -> Self {
        Self {
            rng,
            delay: participant.delay,
            jitter: participant.jitter,
            room: participant.buffer,
            in_flight: VecDeque::new(),
            inbox: BytesMut::new(),
            not_before: Timestamp::ZERO,
            ended: None,
            closed: false,
            breaks_after: None,
            broken: false,
        }
    }

    /// Bytes in flight and in the inbox.
    pub fn held(&self) -> usize {
        self.inbox.len() + self.in_flight.iter().map(|(_, bytes)| bytes.len()).sum::<usize>()
    }

    pub const fn room(&self) -> usize {
        self.room
    }

    /// Takes as many bytes as there is room for.
    pub fn write(&mut self, now: Timestamp, bytes: &mut Vec<u8>) {
        let mut takes = bytes.len().min(self.room.saturating_sub(self.held()));
        while takes > 0 {
            let size = if self.rng.percent(20) { 1 + self.rng.index(takes) } else { takes };
            let chunk: BytesMut = bytes.drain(..size.min(CHUNK)).collect();
            takes -= chunk.len();
            let at = self.arrival(now);
            self.in_flight.push_back((at, chunk));
        }
    }

    pub fn end(&mut self, now: Timestamp) {
        if self.ended.is_none() {
            self.ended = Some(self.arrival(now));
        }
    }

    fn arrival(&mut self, now: Timestamp) -> Timestamp {
        let takes = self.delay + self.rng.below(self.jitter);
        let last = self.in_flight.back().map_or(self.not_before, |(at, _)| *at);
        (now + Duration::from_micros(takes)).max(last).max(self.not_before)
    }

    pub fn stall(&mut self, until: Timestamp) {
        self.not_before = self.not_before.max(until);
        self.in_flight.iter_mut().for_each(|(at, _)| *at = until.max(*at));
        self.ended = self.ended.map(|at| until.max(at));
    }

    pub const fn break_after(&mut self, bytes: usize) {
        self.breaks_after = Some(bytes);
    }

    pub fn close(&mut self) {
        self.closed = true;
    }

    /// When the next bytes arrive.
    pub fn due(&self) -> Option<Timestamp> {
        if self.broken { None } else { self.in_flight.front().map(|(at, _)| *at) }
    }

    /// Delivers the next bytes. Returns whether the connection broke within
    /// them.
    pub fn arrive(&mut self) -> bool {
        let Some((_, mut chunk)) = self.in_flight.pop_front() else { return false };
        let Some(left) = self.breaks_after else {
            self.inbox.unsplit(chunk);
            return false;
        };
        if chunk.len() < left {
            self.breaks_after = Some(left - chunk.len());
            self.inbox.unsplit(chunk);
            return false;
        }
        self.inbox.unsplit(chunk.split_to(left));
        // Bytes that did not arrive are not acknowledged, and keep the writer's
        // buffer full.
        self.in_flight.push_front((Timestamp::ZERO, chunk));
        true
    }

    /// When the reader sees the end.
    pub fn end_due(&self) -> Option<Timestamp> {
        let over = self.broken || self.closed || !self.in_flight.is_empty();
        if over { None } else { self.ended }
    }

    pub fn has_arrived(&self) -> bool {
        !self.inbox.is_empty()
    }

    /// Moves everything that has arrived to the reader.
    pub fn read(&mut self, reader: &mut Reader) {
        reader.rest.extend_from_slice(&self.inbox);
        self.inbox.advance(self.inbox.len());
    }
}

/// Splits what was read into frames.
pub struct Reader {
    splitter: LengthDelimitedCodec,
    rest: BytesMut,
}

impl Reader {
    pub fn new() -> Self {
        Self { splitter: frame_splitter(limits::SERVER_FRAME), rest: BytesMut::new() }
    }

    pub fn next(&mut self) -> Option<BytesMut> {
        self.splitter.decode(&mut self.rest).unwrap()
    }

    /// Bytes that are not handled yet.
    pub fn held(&self) -> usize {
        self.rest.len()
    }
}

/// A connection between a client and the host.
pub struct Wire {
    pub index: usize,
    pub up: Pipe,
    pub down: Pipe,
    /// Whether client and host notice when it breaks.
    noticed_by: (bool, bool),
    /// When each end sees the break.
    pub client_sees_break: Option<Timestamp>,
    pub host_sees_break: Option<Timestamp>,
}

impl Wire {
    pub fn new(rng: &mut Rng, index: usize, participant: &Participant) -> Self {
        let mut pipe = || Pipe::new(Rng::new(rng.next_u64()), participant);
        Self {
            index,
            up: pipe(),
            down: pipe(),
            noticed_by: (true, true),
            client_sees_break: None,
            host_sees_break: None,
        }
    }

    pub const fn schedule_break(&mut self, upwards: bool, after: usize, noticed_by: (bool, bool)) {
        if upwards {
            self.up.break_after(after);
        } else {
            self.down.break_after(after);
        }
        self.noticed_by = noticed_by;
    }

    /// Cancels a break that has not happened yet.
    pub const fn heal(&mut self) {
        self.up.breaks_after = None;
        self.down.breaks_after = None;
    }

    pub fn breaks(&mut self, now: Timestamp) {
        self.up.broken = true;
        self.down.broken = true;
        self.client_sees_break = self.noticed_by.0.then_some(now);
        self.host_sees_break = self.noticed_by.1.then_some(now);
    }
}
