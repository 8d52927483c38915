//! A TCP proxy whose connections can be cut.

use std::{io, net::SocketAddr};

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// A network cable between a participant and the host.
pub struct Cable {
    /// Where the participant connects.
    pub address: SocketAddr,
    plugged: watch::Sender<bool>,
}

impl Cable {
    pub async fn connect(host: SocketAddr) -> io::Result<Self> {
        let end = TcpListener::bind("127.0.0.1:0").await?;
        let address = end.local_addr()?;
        let (plugged, plug) = watch::channel(true);
        tokio::spawn(async move {
            while let Ok((near, _)) = end.accept().await {
                if *plug.borrow() {
                    tokio::spawn(forward(near, host, plug.clone()));
                }
            }
        });
        Ok(Self { address, plugged })
    }

    pub fn pull(&self) {
        self.plugged.send_replace(false);
    }

    pub fn plug(&self) {
        self.plugged.send_replace(true);
    }
}

/// Forwards bytes both ways until the cable is pulled.
async fn forward(mut near: TcpStream, host: SocketAddr, mut plug: watch::Receiver<bool>) {
    let Ok(mut far) = TcpStream::connect(host).await else { return };
    // Add no delay of its own.
    let _ = (near.set_nodelay(true), far.set_nodelay(true));
    tokio::select! {
        _ = copy_bidirectional(&mut near, &mut far) => {}
        _ = plug.wait_for(|plugged| !plugged) => {}
    }
}
