//! Why something was refused, and the key or the person that helps.
//!
//! It knows the keys of the UI by heart, and reads a snapshot for the names.

use imbolc_net::{NetworkState, dispatcher::DispatchError, protocol::Refusal};

use super::instrument_label;

/// Why the authority refused something, and what helps.
#[must_use]
pub fn refusal_text(state: &NetworkState, reason: &Refusal) -> String {
    match reason {
        Refusal::NotOwner { instrument, owner } => {
            let instrument = instrument_label(&state.model, *instrument);
            match owner {
                None => format!("nobody owns {instrument}: c claims it"),
                Some(owner) if state.roster.is_away(owner.client_id) => {
                    format!("{owner} owns {instrument}, and is away")
                }
                Some(owner) => format!("{owner} owns {instrument}: ask {owner}"),
            }
        }
        Refusal::NotPrivileged { holder: None } => "nobody has the privilege: P takes it".into(),
        Refusal::NotPrivileged { holder: Some(holder) } => {
            format!("{holder} has the privilege: P asks for it")
        }
        Refusal::InBatch { reason, .. } => refusal_text(state, reason),
        reason => reason.to_string(),
    }
}

/// Why a dispatcher did not do something, and what helps.
#[must_use]
pub fn dispatch_error_text(state: &NetworkState, why: &DispatchError) -> String {
    match why {
        DispatchError::Refused(reason) => refusal_text(state, reason),
        why => why.to_string(),
    }
}
