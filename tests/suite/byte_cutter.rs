//! A connector whose connections end at a given byte, over memory or TCP.

use std::{
    io,
    sync::{Arc, Mutex},
};

use imbolc_net::transport::{Connector, Reader, Writer};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf};

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    ToHost,
    ToClient,
}

/// A connection ends when so many bytes have gone this way: both directions at
/// once, and what is on its way in the other one is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    pub way: Way,
    pub after: usize,
}

/// Leads where another connector leads.
#[derive(Clone)]
pub struct Scissors<C> {
    inner: C,
    /// One for each connection, in order; the others are left alone.
    cuts: Vec<Cut>,
    /// How many bytes went over each connection so far, to the host and to the
    /// client.
    traffic: Arc<Mutex<Vec<[usize; 2]>>>,
}

impl<C> Scissors<C> {
    pub fn new(inner: C, cuts: &[Cut]) -> Self {
        Self { inner, cuts: cuts.into(), traffic: Arc::default() }
    }

    /// How many bytes went this way over the connection number `connection`.
    pub fn bytes(&self, connection: usize, way: Way) -> usize {
        self.traffic.lock().unwrap()[connection][way as usize]
    }

    pub fn connections(&self) -> usize {
        self.traffic.lock().unwrap().len()
    }
}

impl<C: Connector> Connector for Scissors<C> {
    type Reader = ReadHalf<DuplexStream>;
    type Writer = WriteHalf<DuplexStream>;

    async fn connect(&self) -> io::Result<(Self::Reader, Self::Writer)> {
        let (from_host, to_host) = self.inner.connect().await?;
        let (near, far) = tokio::io::duplex(64 * 1024);
        let (from_client, to_client) = tokio::io::split(far);
        let number = {
            let mut traffic = self.traffic.lock().unwrap();
            traffic.push([0, 0]);
            traffic.len() - 1
        };
        let limit = |way| {
            let cut = self.cuts.get(number).filter(|cut| cut.way == way);
            cut.map_or(usize::MAX, |cut| cut.after)
        };
        let count = |way: Way| {
            let traffic = Arc::clone(&self.traffic);
            move |bytes| traffic.lock().unwrap()[number][way as usize] += bytes
        };
        let up = carry(from_client, to_host, limit(Way::ToHost), count(Way::ToHost));
        let down = carry(from_host, to_client, limit(Way::ToClient), count(Way::ToClient));
        tokio::spawn(async move {
            // Whichever ends first: all four ends are dropped with it.
            tokio::select! {
                () = up => {}
                () = down => {}
            }
        });
        Ok(tokio::io::split(near))
    }
}

/// Carries bytes until there are no more, or until `limit`.
async fn carry(
    mut from: impl Reader,
    mut to: impl Writer,
    limit: usize,
    mut count: impl FnMut(usize),
) {
    let mut buffer = [0; 4096];
    let mut left = limit;
    while left > 0 {
        let room = left.min(buffer.len());
        match from.read(&mut buffer[..room]).await {
            Ok(0) | Err(_) => return,
            Ok(bytes) => {
                if to.write_all(&buffer[..bytes]).await.is_err() {
                    return;
                }
                count(bytes);
                left -= bytes;
            }
        }
    }
}
