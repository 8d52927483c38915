//! A TCP proxy in front of the host that cuts or stalls connections on demand.

use std::{io, net::SocketAddr};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::AbortHandle,
};

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Both ends see an orderly close, as when a process exits.
    Fin,
    /// Both ends see a reset, as when a machine restarts.
    Rst,
    /// Neither end is notified and nothing arrives, as when a cable is unplugged.
    BlackHole,
}

/// The current faults, shared with all connections.
#[derive(Clone, Copy)]
struct LinkFaults {
    /// Incremented to cut all current connections.
    cuts: u64,
    ending: Ending,
    /// Whether bytes are forwarded; otherwise they are held back.
    flows: bool,
    /// Whether new connections are forwarded.
    plugged: bool,
}

/// A proxy between a participant and the host.
pub struct Proxy {
    /// Where the participant connects.
    pub address: SocketAddr,
    faults: watch::Sender<LinkFaults>,
    accepting: AbortHandle,
}

impl Proxy {
    pub async fn to(host: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let faults = LinkFaults { cuts: 0, ending: Ending::Fin, flows: true, plugged: true };
        let (faults, seen) = watch::channel(faults);
        let accepting = tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                if seen.borrow().plugged {
                    tokio::spawn(forward(near, host, seen.clone()));
                }
            }
        });
        Ok(Self { address, faults, accepting: accepting.abort_handle() })
    }

    /// Ends all current connections; new ones are forwarded.
    pub fn cut(&self, ending: Ending) {
        self.faults.send_modify(|faults| {
            faults.cuts += 1;
            faults.ending = ending;
        });
    }

    /// Ends all connections, and forwards no new ones until `plug`.
    pub fn pull(&self, ending: Ending) {
        self.faults.send_modify(|faults| faults.plugged = false);
        self.cut(ending);
    }

    /// Forwards new connections again.
    pub fn plug(&self) {
        self.faults.send_modify(|faults| faults.plugged = true);
    }

    /// Holds back bytes, or delivers them again.
    pub fn stall(&self, stalled: bool) {
        self.faults.send_modify(|faults| faults.flows = !stalled);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Forwards bytes both ways until the connection is cut or either end closes.
async fn forward(mut near: TcpStream, host: SocketAddr, mut faults: watch::Receiver<LinkFaults>) {
    let cuts = faults.borrow().cuts;
    let (seen, also_seen) = (faults.clone(), faults.clone());
    let Ok(mut far) = TcpStream::connect(host).await else { return };
    // Add no delay of its own.
    let _ = (near.set_nodelay(true), far.set_nodelay(true));
    let ending = {
        let (mut from_near, mut to_near) = near.split();
        let (mut from_far, mut to_far) = far.split();
        tokio::select! {
            // A cut wins: bytes that are not forwarded yet are lost.
            biased;
            cut = faults.wait_for(|faults| faults.cuts != cuts) => match cut {
                Ok(faults) => faults.ending,
                Err(_) => Ending::Fin,
            },
            () = pump(&mut from_near, &mut to_far, seen) => Ending::Fin,
            () = pump(&mut from_far, &mut to_near, also_seen) => Ending::Fin,
        }
    };
    match ending {
        Ending::Fin => {
            let _ = (near.shutdown().await, far.shutdown().await);
        }
        Ending::Rst => {
            let _ = (near.set_zero_linger(), far.set_zero_linger());
        }
        // Keep both sockets open and unread as long as the proxy exists.
        Ending::BlackHole => while faults.changed().await.is_ok() {},
    }
}

async fn pump(
    from: &mut (impl AsyncReadExt + Unpin),
    to: &mut (impl AsyncWriteExt + Unpin),
    mut faults: watch::Receiver<LinkFaults>,
) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(bytes @ 1..) = from.read(&mut buffer).await {
        if faults.wait_for(|faults| faults.flows).await.is_err()
            || to.write_all(&buffer[..bytes]).await.is_err()
        {
            return;
        }
    }
}
