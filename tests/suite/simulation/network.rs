//! Lines of bytes with everything that goes wrong with them.

use std::{collections::VecDeque, time::Duration};

use bytes::{Buf, BytesMut};
use imbolc_net::{
    protocol::{framing, limits},
    util::time::Timestamp,
};
use tokio_util::codec::{Decoder, LengthDelimitedCodec};

use super::{dice::Dice, plan::Person};

/// What goes at once at most: some packets.
const CHUNK: usize = 8 * 1024;

/// One direction of a line: what is written comes out in order, later, and in
/// other pieces.
pub struct Pipe {
    dice: Dice,
    delay: u64,
    jitter: u64,
    room: usize,
    in_flight: VecDeque<(Timestamp, BytesMut)>,
    /// What has arrived and is not read yet.
    inbox: BytesMut,
    /// Nothing arrives before this.
    not_before: Timestamp,
    /// The writer has hung up; the reader sees it after the last byte.
    ended: Option<Timestamp>,
    /// The reader has seen that, or does not care any more.
    closed: bool,
    /// How many bytes still arrive before the line breaks.
    breaks_after: Option<usize>,
    /// Nothing arrives any more.
    pub broken: bool,
}

impl Pipe {
    fn new(dice: Dice, person: &Person) -> Self {
        Self {
            dice,
            delay: person.delay,
            jitter: person.jitter,
            room: person.buffer,
            in_flight: VecDeque::new(),
            inbox: BytesMut::new(),
            not_before: Timestamp::ZERO,
            ended: None,
            closed: false,
            breaks_after: None,
            broken: false,
        }
    }

    /// What the socket buffers hold.
    pub fn held(&self) -> usize {
        self.inbox.len() + self.in_flight.iter().map(|(_, bytes)| bytes.len()).sum::<usize>()
    }

    pub const fn room(&self) -> usize {
        self.room
    }

    /// Takes from `bytes` what there is room for.
    pub fn write(&mut self, now: Timestamp, bytes: &mut Vec<u8>) {
        let mut takes = bytes.len().min(self.room.saturating_sub(self.held()));
        while takes > 0 {
            let size = if self.dice.percent(20) { 1 + self.dice.index(takes) } else { takes };
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
        let takes = self.delay + self.dice.below(self.jitter);
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

    /// The next bytes arrive. Returns whether the line broke over them.
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
        // What did not arrive is not acknowledged, and fills the writer's buffer.
        self.in_flight.push_front((Timestamp::ZERO, chunk));
        true
    }

    /// When the reader sees that there is nothing more.
    pub fn end_due(&self) -> Option<Timestamp> {
        let over = self.broken || self.closed || !self.in_flight.is_empty();
        if over { None } else { self.ended }
    }

    pub fn has_arrived(&self) -> bool {
        !self.inbox.is_empty()
    }

    /// What has arrived goes to the reader.
    pub fn read(&mut self, reader: &mut Reader) {
        reader.rest.extend_from_slice(&self.inbox);
        self.inbox.advance(self.inbox.len());
    }
}

/// Finds the frames in what was read.
pub struct Reader {
    splitter: LengthDelimitedCodec,
    rest: BytesMut,
}

impl Reader {
    pub fn new() -> Self {
        Self { splitter: framing::splitter(limits::SERVER_FRAME), rest: BytesMut::new() }
    }

    pub fn next(&mut self) -> Option<BytesMut> {
        self.splitter.decode(&mut self.rest).unwrap()
    }

    /// How much waits for the rest of a frame, or to be handled.
    pub fn held(&self) -> usize {
        self.rest.len()
    }
}

/// A line between a client and the host, and who knows what of it.
pub struct Wire {
    pub who: usize,
    pub up: Pipe,
    pub down: Pipe,
    /// Who is told when it breaks.
    seen_by: (bool, bool),
    /// When each end hears that it broke.
    pub client_hears: Option<Timestamp>,
    pub host_hears: Option<Timestamp>,
}

impl Wire {
    pub fn new(dice: &mut Dice, who: usize, person: &Person) -> Self {
        let mut pipe = || Pipe::new(Dice::new(dice.throw()), person);
        Self {
            who,
            up: pipe(),
            down: pipe(),
            seen_by: (true, true),
            client_hears: None,
            host_hears: None,
        }
    }

    pub const fn will_break(&mut self, upwards: bool, after: usize, seen_by: (bool, bool)) {
        if upwards {
            self.up.break_after(after);
        } else {
            self.down.break_after(after);
        }
        self.seen_by = seen_by;
    }

    /// Nothing more goes wrong than has.
    pub const fn heal(&mut self) {
        self.up.breaks_after = None;
        self.down.breaks_after = None;
    }

    pub fn breaks(&mut self, now: Timestamp) {
        self.up.broken = true;
        self.down.broken = true;
        self.client_hears = self.seen_by.0.then_some(now);
        self.host_hears = self.seen_by.1.then_some(now);
    }
}
