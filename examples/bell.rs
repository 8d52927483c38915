//! An engine that rings the terminal's bell at each note, on a thread of its own.
//!
//! The silent engine keeps the time, and says what is played; only the bell is new.

use std::{error::Error, time::Duration};

use imbolc_net::{
    Mode,
    authority::threaded,
    model::{EngineOutput, EngineWorker, InstrumentId},
    open_with,
    studio::{
        InstrumentAction, NetworkAction, PlaybackEvent, Played, SilentEngine, Studio, StudioEffect,
        StudioState,
    },
    util::{
        quantity::{Pitch, Velocity},
        time::Timestamp,
    },
};

const LEAD: InstrumentId = InstrumentId(2);

#[derive(Default)]
struct Bell(SilentEngine);

impl EngineWorker<Studio> for Bell {
    fn reset(&mut self, now: Timestamp, state: &StudioState) {
        self.0.reset_into(now, state, &mut ring);
    }

    fn perform(&mut self, now: Timestamp, state: &StudioState, effect: StudioEffect) {
        self.0.perform_into(now, state, effect, &mut ring);
    }

    fn advance(&mut self, now: Timestamp, state: &StudioState) -> EngineOutput<Studio> {
        self.0.advance_into(now, state, &mut ring)
    }
}

fn ring(played: Played) {
    if let PlaybackEvent::NoteOn { pitch, .. } = played.what {
        println!("\x07{pitch}");
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mode = Mode::Local { name: "Ana".into() };
    let studio = open_with(mode, StudioState::starter(), || threaded(Bell::default)).await?;
    for pitch in [60, 64, 67, 72].map(Pitch::of) {
        let play = InstrumentAction::Play(pitch, Velocity::of(100));
        for key in [play, InstrumentAction::Release(pitch)] {
            studio.dispatch(NetworkAction::Instrument(LEAD, key))?;
            tokio::time::sleep(Duration::from_millis(150)).await;
        }
    }
    Ok(studio.close().await?)
}
