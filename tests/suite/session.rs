//! The rules of a session, on a virtual clock.

mod bad_host;
mod batches;
mod dispatching;
mod engine_reports;
mod exactly_once;
mod joining;
mod keys;
mod memory;
mod moderation;
mod notices;
mod ownership;
mod places;
mod prediction;
mod privilege;
mod resumption;
mod roles;
mod transmission;

use std::time::Duration;

use imbolc_net::{
    model::InstrumentId,
    protocol::ServerMessage,
    studio::{Name, NetworkAction, SourceKind, TransportAction},
    sync::session::Update,
};

use crate::harness::{Guest, Harness};

const SECOND: Duration = Duration::from_secs(1);
const PLAY: NetworkAction = NetworkAction::Transport(TransportAction::Play);
const STOP: NetworkAction = NetworkAction::Transport(TransportAction::Stop);

fn add(id: u32) -> NetworkAction {
    NetworkAction::AddInstrument {
        id: InstrumentId(id),
        name: Name::new("Organ").unwrap(),
        source: SourceKind::Fm,
    }
}

fn updates(harness: &mut Harness, guest: &Guest) -> (Vec<&'static str>, Vec<ServerMessage>) {
    let out = harness.session.pull(harness.now, guest.connection).unwrap();
    let update = out.update.map(|update| match update {
        Update::Patch { .. } => "patch",
        Update::Full(_) => "full",
    });
    (update.into_iter().collect(), out.messages)
}
