//! The ends of sounding and scheduled strikes after an edit: each is looked up again at
//! the place where it is written.
//!
//! A strike that is still written there ends at its new end, whatever else about it has
//! changed. It knows neither voices nor time.

use super::{
    groove::SessionGroove,
    plan::{Away, Way},
    schedule,
    strike::{Origin, VoiceKey},
};
use crate::studio::StudioState;

/// Two states between which strikes are looked up.
#[derive(Clone, Copy)]
pub(super) struct Revision<'a> {
    before: &'a StudioState,
    now: &'a StudioState,
    way: Way,
    /// Whether the playhead jumps as before.
    same_way: bool,
}

impl<'a> Revision<'a> {
    /// The revision from an earlier state and jump to the present ones.
    pub(super) fn of(
        (before, away): (&'a StudioState, Option<Away>),
        (now, way): (&'a StudioState, Way),
    ) -> Self {
        Self { before, now, way, same_way: away == way.away }
    }

    /// The end of a strike that ended at `end` before; `None` if it is not written any
    /// more.
    pub(super) fn end(&self, key: VoiceKey, origin: &Origin, end: i64) -> Option<i64> {
        let Self { before, now, way, same_way } = *self;
        if same_way && schedule::plays_alike(before, now, origin.by) {
            return Some(end);
        }
        let written = schedule::written_at(now, origin.by, origin.straight, key)?;
        let groove = SessionGroove::of(now, way.tempo).groove(now.instruments.get(origin.by));
        let now = origin.end(&way.cut(written, groove.lead()));
        // The jump has already cut what belongs to an earlier pass.
        Some(if origin.pass < way.pass { now.min(end) } else { now })
    }
}
