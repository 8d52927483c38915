//! A network that can be hurt: it carries connections to a host, and cuts or
//! stalls them when it is told to.

use std::{io, net::SocketAddr};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::AbortHandle,
};

/// How connections come to their end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// Both sides are told that there is no more, as when a program ends.
    Fin,
    /// Both sides are told that it is all over, as when a machine restarts.
    Rst,
    /// Nobody is told anything, and nothing arrives any more, as when a cable
    /// comes out.
    BlackHole,
}

/// What the connections are told.
#[derive(Clone, Copy)]
struct Weather {
    /// Whoever is there when this becomes another number is cut.
    cuts: u64,
    how: How,
    /// Whether bytes go through; those that do not are kept.
    flows: bool,
    /// Whether anybody new gets through.
    plugged: bool,
}

/// Stands between participants and their host.
pub struct Proxy {
    /// Where it takes connections.
    pub address: SocketAddr,
    weather: watch::Sender<Weather>,
    accepting: AbortHandle,
}

impl Proxy {
    /// To the host at `host`.
    pub async fn to(host: SocketAddr) -> io::Result<Self> {
        let door = TcpListener::bind("127.0.0.1:0").await?;
        let address = door.local_addr()?;
        let weather = Weather { cuts: 0, how: How::Fin, flows: true, plugged: true };
        let (weather, seen) = watch::channel(weather);
        let accepting = tokio::spawn(async move {
            while let Ok((near, _)) = door.accept().await {
                if seen.borrow().plugged {
                    tokio::spawn(carry(near, host, seen.clone()));
                }
            }
        });
        Ok(Self { address, weather, accepting: accepting.abort_handle() })
    }

    /// Ends all connections that there are. Who calls again gets through.
    pub fn cut(&self, how: How) {
        self.weather.send_modify(|weather| {
            weather.cuts += 1;
            weather.how = how;
        });
    }

    /// Ends all connections, and lets nobody through until it is plugged in.
    pub fn pull(&self, how: How) {
        self.weather.send_modify(|weather| weather.plugged = false);
        self.cut(how);
    }

    /// Lets new connections through again.
    pub fn plug(&self) {
        self.weather.send_modify(|weather| weather.plugged = true);
    }

    /// Keeps what is on its way, or lets it go on.
    pub fn stall(&self, stalled: bool) {
        self.weather.send_modify(|weather| weather.flows = !stalled);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Carries bytes both ways until it is cut, or either side ends.
async fn carry(mut near: TcpStream, host: SocketAddr, mut weather: watch::Receiver<Weather>) {
    let cuts = weather.borrow().cuts;
    let (seen, also_seen) = (weather.clone(), weather.clone());
    let Ok(mut far) = TcpStream::connect(host).await else { return };
    // As quick as what it stands for.
    let _ = (near.set_nodelay(true), far.set_nodelay(true));
    let how = {
        let (mut from_near, mut to_near) = near.split();
        let (mut from_far, mut to_far) = far.split();
        tokio::select! {
            // All that arrived before the cut but was not carried is lost with it.
            biased;
            cut = weather.wait_for(|weather| weather.cuts != cuts) => match cut {
                Ok(weather) => weather.how,
                Err(_) => How::Fin,
            },
            () = pump(&mut from_near, &mut to_far, seen) => How::Fin,
            () = pump(&mut from_far, &mut to_near, also_seen) => How::Fin,
        }
    };
    match how {
        How::Fin => {
            let _ = (near.shutdown().await, far.shutdown().await);
        }
        How::Rst => {
            let _ = (near.set_zero_linger(), far.set_zero_linger());
        }
        // Both stay open for as long as there is a proxy, and nobody reads them.
        How::BlackHole => while weather.changed().await.is_ok() {},
    }
}

async fn pump(
    from: &mut (impl AsyncReadExt + Unpin),
    to: &mut (impl AsyncWriteExt + Unpin),
    mut weather: watch::Receiver<Weather>,
) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(bytes @ 1..) = from.read(&mut buffer).await {
        if weather.wait_for(|weather| weather.flows).await.is_err()
            || to.write_all(&buffer[..bytes]).await.is_err()
        {
            return;
        }
    }
}
