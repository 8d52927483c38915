//! The two halves of a connection, which may be encrypted.
//!
//! They carry a byte stream: the caller does not see how the channel seals and splits it.
//! Plain, they pass everything through.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio_util::io::poll_read_buf;

use super::{Reader, Writer};
use crate::security::{
    ChannelError, Opener, Sealer,
    channel::{CHUNK, EARLY_CHUNK, TAG},
};

/// The size of the length before a message, in bytes.
const PREFIX: usize = 2;

/// The smallest room for a read, in bytes. 4 KiB: dozens of edits.
const MIN_READ: usize = 4 * 1024;

/// The receiving half.
pub(crate) struct ChannelReader<R> {
    inner: R,
    /// What has arrived and was not handed out or opened yet.
    arrived: BytesMut,
    /// What was opened and did not fit into the reader's buffer.
    opened: Bytes,
    opener: Option<Opener>,
    /// The longest message that is taken, in bytes.
    limit: usize,
}

impl<R: Reader> ChannelReader<R> {
    /// A plain stream.
    pub(crate) fn new(inner: R) -> Self {
        let (arrived, opened) = (BytesMut::new(), Bytes::new());
        Self { inner, arrived, opened, opener: None, limit: EARLY_CHUNK + TAG }
    }

    /// The next message of a handshake, without its length. Takes no byte after it. Not
    /// cancel safe.
    ///
    /// # Errors
    /// `InvalidData` if it has over `limit` bytes, `UnexpectedEof` if the stream ends
    /// before its end, and errors of the network.
    pub(crate) async fn message(&mut self, limit: usize) -> io::Result<Vec<u8>> {
        let mut length = [0; PREFIX];
        self.read_exact(&mut length).await?;
        self.message_of(length, limit).await
    }

    /// The same, if the length was read already.
    ///
    /// # Errors
    /// As [`message`](Self::message).
    pub(crate) async fn message_of(
        &mut self,
        length: [u8; PREFIX],
        limit: usize,
    ) -> io::Result<Vec<u8>> {
        let length = usize::from(u16::from_be_bytes(length));
        if length > limit {
            return Err(invalid(ChannelError::Malformed));
        }
        let mut message = vec![0; length];
        self.read_exact(&mut message).await?;
        Ok(message)
    }

    /// Reads `bytes` again: they are the beginning of a plain stream.
    pub(crate) fn put_back(&mut self, bytes: &[u8]) {
        self.arrived.extend_from_slice(bytes);
    }

    /// Opens everything from now on. Until [`admit`](Self::admit), messages have to be
    /// short.
    pub(crate) fn decrypt(&mut self, opener: Opener) {
        self.opener = Some(opener);
    }

    /// Takes messages of any length from now on.
    pub(crate) const fn admit(&mut self) {
        self.limit = CHUNK + TAG;
    }

    /// The stream below the channel. What has arrived and was not read is dropped.
    pub(crate) fn into_inner(self) -> R {
        self.inner
    }

    /// The length of the message that has begun to arrive; `None` before its length has.
    fn next_length(&self) -> io::Result<Option<usize>> {
        let Some(length) = self.arrived.first_chunk() else { return Ok(None) };
        let length = usize::from(u16::from_be_bytes(*length));
        if length > self.limit { Err(invalid(ChannelError::Malformed)) } else { Ok(Some(length)) }
    }
}

/// Opens the messages that have arrived, as many as `room` has room for; of at least
/// one it keeps the rest.
fn open_arrived<R: Reader>(
    reader: &mut ChannelReader<R>,
    opener: &mut Opener,
    room: &mut ReadBuf<'_>,
) -> io::Result<()> {
    let before = room.filled().len();
    while let Some(length) = reader.next_length()?
        && reader.arrived.len() >= PREFIX + length
    {
        let plain = length.saturating_sub(TAG);
        let fits = plain <= room.remaining();
        if !fits && room.filled().len() > before {
            break;
        }
        reader.arrived.advance(PREFIX);
        let message = reader.arrived.split_to(length);
        if fits {
            let read =
                opener.open(&message, room.initialize_unfilled_to(plain)).map_err(invalid)?;
            room.advance(read);
        } else {
            let mut whole = vec![0; plain];
            opener.open(&message, &mut whole).map_err(invalid)?;
            reader.opened = whole.into();
            hand_out(&mut reader.opened, room);
            break;
        }
    }
    Ok(())
}

/// A failure of the channel, which its reader finds in the error.
fn invalid(error: ChannelError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

fn hand_out(from: &mut impl bytes::Buf, room: &mut ReadBuf<'_>) {
    let length = from.remaining().min(room.remaining());
    room.put_slice(&from.chunk()[..length]);
    from.advance(length);
}

impl<R: Reader> AsyncRead for ChannelReader<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        room: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if !this.opened.is_empty() {
            hand_out(&mut this.opened, room);
            return Poll::Ready(Ok(()));
        }
        let Some(mut opener) = this.opener.take() else {
            if this.arrived.is_empty() {
                return Pin::new(&mut this.inner).poll_read(context, room);
            }
            hand_out(&mut this.arrived, room);
            return Poll::Ready(Ok(()));
        };
        let read = this.poll_opened(&mut opener, context, room);
        this.opener = Some(opener);
        read
    }
}

impl<R: Reader> ChannelReader<R> {
    fn poll_opened(
        &mut self,
        opener: &mut Opener,
        context: &mut Context<'_>,
        room: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = room.filled().len();
        loop {
            open_arrived(self, opener, room)?;
            if room.filled().len() > before || !self.opened.is_empty() {
                return Poll::Ready(Ok(()));
            }
            let next = self.next_length()?.map_or(PREFIX, |length| PREFIX + length);
            let missing = next.saturating_sub(self.arrived.len());
            // A stranger gets no memory for what it has not announced.
            let room = if self.limit < CHUNK { missing } else { MIN_READ.max(missing) };
            self.arrived.reserve(room);
            let most = if self.limit < CHUNK { room } else { usize::MAX };
            let mut arrived = (&mut self.arrived).limit(most);
            let read = poll_read_buf(Pin::new(&mut self.inner), context, &mut arrived);
            if ready!(read)? == 0 {
                let cut = || Err(io::ErrorKind::UnexpectedEof.into());
                return Poll::Ready(if self.arrived.is_empty() { Ok(()) } else { cut() });
            }
        }
    }
}

/// The capacity that a buffer keeps, in bytes. A larger buffer is freed.
const KEPT_CAPACITY: usize = 16 * 1024;

/// The sending half. What is written at once is sealed at once. Flush it: what was
/// written may not have been sent yet.
pub(crate) struct ChannelWriter<W> {
    inner: W,
    /// What is sealed and not sent yet.
    sealed: Vec<u8>,
    /// How many bytes of it are sent.
    sent: usize,
    sealer: Option<Sealer>,
}

impl<W: Writer> ChannelWriter<W> {
    /// A plain stream.
    pub(crate) const fn new(inner: W) -> Self {
        Self { inner, sealed: Vec::new(), sent: 0, sealer: None }
    }

    /// Writes and flushes a message of a handshake.
    ///
    /// # Errors
    /// Those of the network.
    pub(crate) async fn send(&mut self, message: &[u8]) -> io::Result<()> {
        self.inner.write_all(message).await?;
        self.inner.flush().await
    }

    /// Seals everything from now on. Until [`admit`](Self::admit), in short messages.
    pub(crate) fn encrypt(&mut self, sealer: Sealer) {
        self.sealer = Some(sealer);
    }

    /// Seals in long messages from now on.
    pub(crate) fn admit(&mut self) {
        if let Some(sealer) = &mut self.sealer {
            sealer.set_chunk(CHUNK);
        }
    }

    /// Sends some of what is sealed or, if nothing is, of `rest`, of which it cuts off the
    /// beginning. Returns how many bytes were sent. Cancel safe.
    ///
    /// # Errors
    /// Those of the network.
    pub(crate) async fn push(&mut self, rest: &mut &[u8]) -> io::Result<usize> {
        if self.sealer.is_none() {
            let sent = self.inner.write(rest).await?;
            *rest = &rest[sent..];
            return Ok(sent);
        }
        if self.is_drained() {
            *rest = &rest[self.seal(rest)?..];
        }
        let sent = self.inner.write(&self.sealed[self.sent..]).await?;
        self.sent += sent;
        Ok(sent)
    }

    /// Whether nothing that is sealed waits to be sent.
    pub(crate) const fn is_drained(&self) -> bool {
        self.sent == self.sealed.len()
    }

    /// Seals the beginning of `bytes`, and returns its length. Everything before is sent.
    fn seal(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.clear();
        let taken = &bytes[..bytes.len().min(CHUNK)];
        if let Some(sealer) = &mut self.sealer {
            sealer.seal(taken, &mut self.sealed).map_err(io::Error::other)?;
        }
        Ok(taken.len())
    }

    fn clear(&mut self) {
        self.sealed.clear();
        self.sent = 0;
        if self.sealed.capacity() > KEPT_CAPACITY {
            self.sealed = Vec::new();
        }
    }

    fn poll_sent(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.sent < self.sealed.len() {
            let rest = &self.sealed[self.sent..];
            let written = ready!(Pin::new(&mut self.inner).poll_write(context, rest))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.sent += written;
        }
        self.clear();
        Poll::Ready(Ok(()))
    }
}

impl<W: Writer> AsyncWrite for ChannelWriter<W> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        if this.sealer.is_none() {
            return Pin::new(&mut this.inner).poll_write(context, bytes);
        }
        ready!(this.poll_sent(context))?;
        let taken = this.seal(bytes)?;
        match this.poll_sent(context) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            _ => Poll::Ready(Ok(taken)),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_sent(context))?;
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_sent(context))?;
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, DuplexStream, ReadHalf, WriteHalf};

    use super::*;
    use crate::security::{Channel, Entry, Initiator, PrivateKey, Responder};

    fn channels() -> (Channel, Channel) {
        let [client, host] = [1, 2].map(|byte| PrivateKey::new([byte; 32]));
        let (initiator, opening) = Initiator::new(&client).unwrap();
        let responder = Responder::read_opening(&host, &opening[2..]).unwrap();
        let (reply, replied) = responder.reply(Entry::Code).unwrap();
        let (third, near) = initiator.read_reply(&reply[2..]).unwrap().finish().unwrap();
        (near, replied.finish(&third[2..]).unwrap())
    }

    fn pair(
        pipe: usize,
    ) -> (ChannelWriter<WriteHalf<DuplexStream>>, ChannelReader<ReadHalf<DuplexStream>>) {
        let (near, far) = tokio::io::duplex(pipe);
        let ((_, writer), (reader, _)) = (tokio::io::split(near), tokio::io::split(far));
        let (client, host) = channels();
        let (mut writer, mut reader) = (ChannelWriter::new(writer), ChannelReader::new(reader));
        writer.encrypt(client.sealer);
        reader.decrypt(host.opener);
        (writer, reader)
    }

    #[tokio::test]
    async fn bytes_arrive_through_pipes_of_any_size() {
        for (pipe, admitted) in [(1, false), (7, true), (4096, false), (1 << 20, true)] {
            let (mut writer, mut reader) = pair(pipe);
            if admitted {
                writer.admit();
                reader.admit();
            }
            let sent: Vec<u8> = (0..if pipe > 7 { 200_000 } else { 9_000 })
                .map(|at: u32| at.to_le_bytes()[0])
                .collect();
            let expected = sent.clone();
            let sending = tokio::spawn(async move {
                writer.write_all(&sent).await.unwrap();
                writer.shutdown().await.unwrap();
            });
            let mut received: Vec<u8> = Vec::new();
            let mut piece = [0; 1000];
            loop {
                match reader.read(&mut piece).await.unwrap() {
                    0 => break,
                    read => received.extend(&piece[..read]),
                }
            }
            sending.await.unwrap();
            assert!(received == expected, "pipe of {pipe} bytes");
        }
    }

    #[tokio::test]
    async fn messages_that_have_arrived_are_read_at_once() {
        let (mut writer, mut reader) = pair(1 << 20);
        reader.admit();
        for word in ["one ", "two ", "three"] {
            writer.write_all(word.as_bytes()).await.unwrap();
        }
        writer.flush().await.unwrap();
        let mut piece = [0; 100];
        let read = reader.read(&mut piece).await.unwrap();
        assert_eq!(&piece[..read], b"one two three");
    }

    #[tokio::test]
    async fn read_without_room_loses_nothing() {
        let (mut writer, mut reader) = pair(1 << 20);
        for word in ["one ", "two"] {
            writer.write_all(word.as_bytes()).await.unwrap();
        }
        writer.shutdown().await.unwrap();
        assert_eq!(reader.read(&mut []).await.unwrap(), 0);
        let mut read = String::new();
        reader.read_to_string(&mut read).await.unwrap();
        assert_eq!(read, "one two");
    }

    #[tokio::test]
    async fn stream_that_ends_within_a_message_is_an_error() {
        let (near, far) = tokio::io::duplex(1 << 10);
        let (client, host) = channels();
        let mut message = Vec::new();
        let Channel { mut sealer, .. } = client;
        sealer.seal(b"the end", &mut message).unwrap();
        let (_, mut raw) = tokio::io::split(near);
        raw.write_all(&message[..message.len() - 1]).await.unwrap();
        raw.shutdown().await.unwrap();
        let mut reader = ChannelReader::new(tokio::io::split(far).0);
        reader.decrypt(host.opener);
        let error = reader.read(&mut [0; 100]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }

    #[tokio::test]
    async fn long_message_of_a_stranger_is_refused_by_its_length() {
        let (near, far) = tokio::io::duplex(1 << 20);
        let (_, mut raw) = tokio::io::split(near);
        let (_, host) = channels();
        let mut reader = ChannelReader::new(tokio::io::split(far).0);
        reader.decrypt(host.opener);
        raw.write_all(&[0xff, 0xff]).await.unwrap();
        let error = reader.read(&mut [0; 100]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        assert!(reader.arrived.capacity() <= 2 * MIN_READ);
    }
}
