//! Handles a message whose rebase takes long without keeping the mirror's lock. Knows
//! no socket.

use std::time::Duration;

use tokio::{task::yield_now, time::Instant};

use super::shared::Shared;
use crate::{model::Model, protocol::ServerMessage};

/// How long a rebase may keep this task's thread.
const SLICE: Duration = Duration::from_millis(1);

/// Hands `message` to the mirror. The rebase that it causes is computed outside the
/// lock: with many pending operations it takes longer than a UI may wait.
pub(super) async fn handle_rehearsed<M: Model>(shared: &Shared<M>, message: ServerMessage<M>) {
    let begun = shared.lock().mirror.rehearse(&message);
    let mut rehearsal = begun.and_then(|begun| begun.confirm(&message));
    if let Some(rehearsal) = &mut rehearsal {
        loop {
            let mut slice = Instant::now();
            while rehearsal.replay_next() {
                if slice.elapsed() >= SLICE {
                    yield_now().await;
                    slice = Instant::now();
                }
            }
            if !shared.lock().mirror.extend_rehearsal(rehearsal) {
                break;
            }
        }
    }
    let replaced = shared.update(|state| {
        state.mirror.put_rehearsal(rehearsal);
        state.mirror.handle(message);
        state.mirror.take_rehearsal()
    });
    drop(replaced);
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::{
        model::{InstrumentId, Model as _},
        protocol::{
            ActionNumber, ClientId, NetworkState, Participant, PrivilegeLevel, Roster, Seq,
            ServerMessage, SessionId, SessionToken, Welcome,
        },
        studio::{
            FilterSetting, InstrumentAction, InstrumentSetting, NetworkAction, Studio, StudioState,
        },
        sync::mirror::Mirror,
        util::{
            quantity::Hertz,
            time::{Millis, Timestamp},
        },
    };

    const BASS: InstrumentId = InstrumentId(1);
    const ME: ClientId = ClientId(1);

    fn cutoff(hertz: u16) -> NetworkAction {
        let setting = FilterSetting::Cutoff(Hertz::new(f32::from(hertz)).unwrap());
        let action = InstrumentAction::Set(InstrumentSetting::Filter(setting));
        NetworkAction::Instrument(BASS, action)
    }

    fn state() -> NetworkState<Studio> {
        let mut roster = Roster::default();
        roster.participants.insert(ME, Participant::new("Ana"));
        roster.owners.insert(BASS, roster.as_owner(ME).unwrap());
        let model = StudioState::starter();
        NetworkState { seq: Seq(1), model, roster: Arc::new(roster) }
    }

    /// A mirror with steps of its own that are pending.
    fn mirror(pending: u16) -> Mirror<Studio> {
        let welcome = Welcome {
            session: SessionId::new([7; 16]),
            client_id: ME,
            name: "Ana".into(),
            token: SessionToken::new([9; 16]),
            codec: "json".into(),
            compression: None,
            granted: vec![],
            refused: vec![],
            privilege: PrivilegeLevel::Normal,
            clock: Timestamp::ZERO,
            resume_window: Millis(60_000),
            state: state(),
        };
        let mut mirror = Mirror::new(welcome, 1024);
        for n in 0..pending {
            let now = Timestamp::from_micros(u64::from(n) * 1_000_000);
            mirror.dispatch(now, cutoff(100 + n)).unwrap();
        }
        mirror
    }

    /// What the host sends: it contains five of the operations, rejects one, and
    /// another participant has changed the tempo.
    fn messages() -> Vec<ServerMessage<Studio>> {
        let before = state();
        let mut after = NetworkState { seq: Seq(9), ..before.clone() };
        Studio::reduce(&mut after.model, &cutoff(104)).unwrap();
        Arc::make_mut(&mut after.model.session).snap = None;
        let later = NetworkState { seq: Seq(12), ..after.clone() };
        let reason = crate::protocol::Refusal::EngineOnly;
        vec![
            ServerMessage::ActionsApplied { through: ActionNumber(5), seq: Seq(9) },
            ServerMessage::StatePatchUpdate(before.patch_to(&after)),
            ServerMessage::ActionRejected { number: ActionNumber(6), reason },
            ServerMessage::ActionsApplied { through: ActionNumber(6), seq: Seq(9) },
            ServerMessage::FullStateSync { state: later },
        ]
    }

    #[test]
    fn rehearsed_rebase_equals_that_of_the_mirror() {
        for late in [0, 3, 40] {
            let (mut rehearsed, mut plain) = (mirror(30), mirror(30));
            for message in messages() {
                let mut rehearsal =
                    rehearsed.rehearse(&message).and_then(|rehearsal| rehearsal.confirm(&message));
                for n in 0..late {
                    let now = Timestamp::from_micros(100_000_000);
                    rehearsed.dispatch(now, cutoff(500 + n)).unwrap();
                    plain.dispatch(now, cutoff(500 + n)).unwrap();
                }
                while let Some(rehearsal) = &mut rehearsal {
                    while rehearsal.replay_next() {}
                    if !rehearsed.extend_rehearsal(rehearsal) {
                        break;
                    }
                }
                let is_rehearsed = rehearsal.is_some();
                rehearsed.put_rehearsal(rehearsal);
                rehearsed.handle(message.clone());
                let spent = rehearsed.take_rehearsal();
                assert_eq!(
                    spent.is_some_and(|spent| spent.is_spent()),
                    is_rehearsed,
                    "{message:?}"
                );
                plain.handle(message);
                assert_eq!(rehearsed.predicted(), plain.predicted());
                assert_eq!(rehearsed.confirmed(), plain.confirmed());
                assert_eq!(rehearsed.unanswered(), plain.unanswered());
            }
            // The undo histories are the same, too.
            for _ in 0..40 {
                rehearsed.undo().unwrap();
                plain.undo().unwrap();
                assert_eq!(rehearsed.predicted(), plain.predicted());
            }
        }
    }
}
