//! An engine that rings the terminal's bell at each key: the smallest one that you can
//! hear. It runs on a thread of its own.

use std::{error::Error, time::Duration};

use imbolc_net::{
    Mode,
    authority::threaded,
    model::{Advanced, EngineWorker, InstrumentId},
    open_with,
    studio::{InstrumentAction, NetworkAction, Studio, StudioEffect, StudioState},
    util::{
        quantity::{Pitch, Velocity},
        time::Timestamp,
    },
};

const LEAD: InstrumentId = InstrumentId(2);

struct Bell;

impl EngineWorker<Studio> for Bell {
    /// A bell does not sustain: there is nothing to take up again.
    fn reset(&mut self, _now: Timestamp, _state: &StudioState) {}

    fn perform(&mut self, _now: Timestamp, _state: &StudioState, effect: StudioEffect) {
        if let StudioEffect::NoteOn { pitch, .. } = effect {
            println!("\x07{pitch}");
        }
    }

    /// Nothing to measure, nothing to report, and no time to be called at.
    fn advance(&mut self, _now: Timestamp, _state: &StudioState) -> Advanced<Studio> {
        Advanced::default()
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mode = Mode::Local { name: "Ana".into() };
    let studio = open_with(mode, StudioState::starter(), || threaded(|| Bell)).await?;
    for pitch in [60, 64, 67, 72].map(Pitch::of) {
        for key in
            [InstrumentAction::Play(pitch, Velocity::of(100)), InstrumentAction::Release(pitch)]
        {
            studio.dispatch(NetworkAction::Instrument(LEAD, key).into())?;
            tokio::time::sleep(Duration::from_millis(150)).await;
        }
    }
    studio.close().await?;
    Ok(())
}
