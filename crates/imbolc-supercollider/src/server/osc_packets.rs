//! OSC packets to and from `scsynth`.
//!
//! It must not know their purpose.

use std::{
    io,
    net::{SocketAddr, UdpSocket},
    ops::ControlFlow,
    thread,
    time::Duration,
};

use rosc::{OscBundle, OscMessage, OscPacket, OscTime, OscType};

/// The pause after an error of the socket.
const PAUSE: Duration = Duration::from_millis(33);

/// Reads messages from a socket until `take` breaks.
pub(super) fn read_messages(
    socket: &UdpSocket,
    mut take: impl FnMut(SocketAddr, OscMessage) -> ControlFlow<()>,
) {
    let mut buffer = vec![0; 65_536];
    loop {
        match socket.recv_from(&mut buffer) {
            Ok((size, from)) => {
                let Ok((_, OscPacket::Message(message))) =
                    rosc::decoder::decode_udp(&buffer[..size])
                else {
                    continue;
                };
                if take(from, message).is_break() {
                    return;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            // Nothing that a datagram causes; it must not become a busy loop.
            Err(_) => thread::sleep(PAUSE),
        }
    }
}

/// Messages that are performed together, as soon as possible.
pub(super) fn at_once(messages: Vec<OscMessage>) -> OscPacket {
    let content = messages.into_iter().map(OscPacket::Message).collect();
    OscPacket::Bundle(OscBundle { timetag: OscTime { seconds: 0, fractional: 1 }, content })
}

/// Empty for a string that contains a zero, which rosc 0.11 cannot encode; we send none.
pub(super) fn encode_packet(packet: &OscPacket) -> Vec<u8> {
    rosc::encoder::encode(packet).unwrap_or_default()
}

/// The values in an answer to [`commands::get_buses`]: the first bus, and its value and those
/// of the next ones.
pub(super) fn bus_values(reply: &OscMessage) -> Option<(u32, Vec<f32>)> {
    let ("/c_setn", [OscType::Int(first), OscType::Int(_), values @ ..]) =
        (reply.addr.as_str(), &*reply.args)
    else {
        return None;
    };
    let value = |value: &OscType| match value {
        OscType::Float(value) => *value,
        _ => 0.0,
    };
    Some((u32::try_from(*first).ok()?, values.iter().map(value).collect()))
}
