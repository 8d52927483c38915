//! Writes the token file on a thread for blocking work, so that a slow disk holds
//! up neither the connection nor the UI. Knows no connection.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{task::spawn_blocking, time::timeout};
use tracing::warn;

use super::{SavedToken, TokenFile};

/// How long a write is waited for. 1 s: a disk that takes longer must not keep a
/// client from reconnecting.
const WRITE_TIMEOUT: Duration = Duration::from_secs(1);

/// The token file of a dispatcher, if it has one.
pub(super) struct TokenKeeper(Option<Arc<SharedTokenFile>>);

struct SharedTokenFile {
    file: Mutex<TokenFile>,
    /// What is to be written next. A later content replaces an earlier one, so what
    /// is written last is the newest, in whatever order the threads run.
    newest: Mutex<Option<FileContent>>,
}

enum FileContent {
    Saved(SavedToken),
    Nothing,
}

impl TokenKeeper {
    pub(super) fn new(file: Option<TokenFile>) -> Self {
        let kept =
            |file| Arc::new(SharedTokenFile { file: Mutex::new(file), newest: Mutex::new(None) });
        Self(file.map(kept))
    }

    /// The saved token, if there is one and it can be read in time.
    pub(super) async fn load(&self) -> Option<SavedToken> {
        let kept = Arc::clone(self.0.as_ref()?);
        let reading = spawn_blocking(move || kept.file().load());
        timeout(WRITE_TIMEOUT, reading).await.ok()?.ok()?
    }

    /// Saves `token`, and waits until it is written, or for a second.
    pub(super) async fn save(&self, token: SavedToken) {
        self.put(FileContent::Saved(token)).await;
    }

    /// Saves `token` soon.
    pub(super) fn save_soon(&self, token: SavedToken) {
        // A task is not needed to drive it: the thread runs by itself.
        drop(self.put(FileContent::Saved(token)));
    }

    /// Removes the saved token, and waits as [`save`](Self::save) does.
    pub(super) async fn forget(&self) {
        self.put(FileContent::Nothing).await;
    }

    /// Begins to write at once, and waits when polled.
    fn put(&self, content: FileContent) -> impl Future<Output = ()> + use<> {
        let writing = self.0.as_ref().map(|kept| {
            *kept.newest() = Some(content);
            let kept = Arc::clone(kept);
            spawn_blocking(move || kept.write_newest())
        });
        async {
            if let Some(writing) = writing
                && timeout(WRITE_TIMEOUT, writing).await.is_err()
            {
                warn!("the disk is slow: the resume token is not written yet");
            }
        }
    }
}

impl SharedTokenFile {
    fn file(&self) -> MutexGuard<'_, TokenFile> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn newest(&self) -> MutexGuard<'_, Option<FileContent>> {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_newest(&self) {
        let file = self.file();
        let written = match self.newest().take() {
            None => return,
            Some(FileContent::Saved(token)) => file.save(token),
            Some(FileContent::Nothing) => file.forget(),
        };
        if let Err(error) = written {
            warn!(%error, path = %file.path().display(), "cannot write the resume token");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{SessionId, SessionToken};

    fn token(attempt: u64) -> SavedToken {
        let (session, token) = (SessionId::new([1; 16]), SessionToken::new([2; 16]));
        SavedToken { session, token: Some(token), attempt }
    }

    #[expect(clippy::await_holding_lock, reason = "the lock is the disk that does not answer")]
    #[tokio::test(start_paused = true)]
    async fn slow_disk_delays_a_write_but_not_the_client() {
        let directory = std::env::temp_dir().join(format!("imbolc-slow-{}", std::process::id()));
        let file = TokenFile::claim(&directory, "stage:9999", "ana").unwrap();
        let keeper = TokenKeeper::new(Some(file));
        let kept = Arc::clone(keeper.0.as_ref().unwrap());
        // A disk that does not answer.
        let disk = kept.file();
        for attempt in 1..=3 {
            keeper.save_soon(token(attempt));
        }
        tokio::time::resume();
        let begun = std::time::Instant::now();
        keeper.save(token(4)).await;
        assert!(begun.elapsed() < 2 * WRITE_TIMEOUT, "{:?}", begun.elapsed());
        assert_eq!(disk.load(), None);
        drop(disk);
        keeper.save(token(5)).await;
        assert_eq!(keeper.load().await, Some(token(5)), "the newest is written last");
        keeper.forget().await;
        assert_eq!(keeper.load().await, None);
        std::fs::remove_dir_all(directory).unwrap();
    }
}
