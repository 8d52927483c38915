//! Writes the place file on a thread for blocking work, so that a slow disk holds
//! up neither the connection nor the UI. Knows no connection.

use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::{task::spawn_blocking, time::timeout};
use tracing::warn;

use super::{PlaceFile, SavedPlace};

/// How long a write is waited for. 1 s: a disk that takes longer must not keep a
/// client from reconnecting.
const WRITE_TIMEOUT: Duration = Duration::from_secs(1);

/// The place file of a dispatcher, if it has one.
pub(crate) struct PlaceKeeper(Option<Arc<SharedPlaceFile>>);

struct SharedPlaceFile {
    file: Mutex<PlaceFile>,
    /// What is to be written next. A later place replaces an earlier one, so what is
    /// written last is the newest, in whatever order the threads run.
    newest: Mutex<Option<SavedPlace>>,
}

impl PlaceKeeper {
    pub(crate) fn new(file: Option<PlaceFile>) -> Self {
        let kept =
            |file| Arc::new(SharedPlaceFile { file: Mutex::new(file), newest: Mutex::new(None) });
        Self(file.map(kept))
    }

    /// The saved place, if there is one and it can be read in time.
    pub(crate) async fn load(&self) -> Option<SavedPlace> {
        let kept = Arc::clone(self.0.as_ref()?);
        let reading = spawn_blocking(move || kept.file.lock().load());
        timeout(WRITE_TIMEOUT, reading).await.ok()?.ok()?
    }

    /// Begins to save `place` at once. When polled, waits until it is written, or for a
    /// second; otherwise it is saved soon.
    pub(crate) fn save(&self, place: SavedPlace) -> impl Future<Output = ()> + use<> {
        let writing = self.0.as_ref().map(|kept| {
            *kept.newest.lock() = Some(place);
            let kept = Arc::clone(kept);
            // It runs even if nothing polls it.
            spawn_blocking(move || kept.write_newest())
        });
        async {
            if let Some(writing) = writing
                && timeout(WRITE_TIMEOUT, writing).await.is_err()
            {
                warn!("the disk is slow: the place in the session is not written yet");
            }
        }
    }
}

impl SharedPlaceFile {
    fn write_newest(&self) {
        let file = self.file.lock();
        let Some(place) = self.newest.lock().take() else { return };
        if let Err(error) = file.save(place) {
            let path = file.path().display();
            warn!(%error, %path, "cannot write the place in the session");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::InstanceId;

    fn place(attempt: u64) -> SavedPlace {
        let instance = InstanceId::new([1; 16]);
        SavedPlace { instance, attempt, session: None, token: None }
    }

    #[expect(clippy::await_holding_lock, reason = "the lock is the disk that does not answer")]
    #[tokio::test(start_paused = true)]
    async fn slow_disk_delays_a_write_but_not_the_client() {
        let directory = tempfile::tempdir().unwrap();
        let file = PlaceFile::claim(directory.path(), "stage:9999", "ana").unwrap();
        let keeper = PlaceKeeper::new(Some(file));
        let kept = Arc::clone(keeper.0.as_ref().unwrap());
        // A disk that does not answer.
        let disk = kept.file.lock();
        for attempt in 1..=3 {
            drop(keeper.save(place(attempt)));
        }
        tokio::time::resume();
        let begun = std::time::Instant::now();
        keeper.save(place(4)).await;
        assert!(begun.elapsed() < 2 * WRITE_TIMEOUT, "{:?}", begun.elapsed());
        assert_eq!(disk.load(), None);
        drop(disk);
        keeper.save(place(5)).await;
        assert_eq!(keeper.load().await, Some(place(5)), "the newest is written last");
    }
}
