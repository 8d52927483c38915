//! When the host was heard last, and deadlines for its silence: any byte that
//! arrives counts. Knows no message.

use std::{
    io,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, ReadBuf},
    time::{Instant, timeout},
};

use crate::transport::Reader;

/// When the last byte of the host arrived. Clones share it. Lock-free.
#[derive(Clone)]
pub(super) struct LastHeard {
    start: Instant,
    /// In microseconds after `start`.
    last: Arc<AtomicU64>,
}

impl LastHeard {
    /// As if a byte arrived now.
    pub(super) fn now() -> Self {
        Self { start: Instant::now(), last: Arc::default() }
    }

    pub(super) fn mark(&self) {
        let elapsed = self.start.elapsed().as_micros();
        self.last.store(u64::try_from(elapsed).unwrap_or(u64::MAX), Relaxed);
    }

    pub(super) fn last(&self) -> Instant {
        self.start + Duration::from_micros(self.last.load(Relaxed))
    }

    /// Runs `work`; `None` if no byte arrives for `limit` before it is done. It may
    /// take longer in total.
    pub(super) async fn within<T>(
        &self,
        limit: Duration,
        work: impl Future<Output = T>,
    ) -> Option<T> {
        let begun = Instant::now();
        let mut work = pin!(work);
        loop {
            let silent = self.last().max(begun).elapsed();
            if silent >= limit {
                return None;
            }
            if let Ok(done) = timeout(limit.saturating_sub(silent), &mut work).await {
                return Some(done);
            }
        }
    }

    /// `inner`, whose bytes count as heard.
    pub(super) fn listen<R: Reader>(&self, inner: R) -> HeardReader<R> {
        HeardReader { inner, heard: self.clone() }
    }
}

/// A reader that notes when bytes arrive.
pub(super) struct HeardReader<R> {
    inner: R,
    heard: LastHeard,
}

impl<R: Reader> AsyncRead for HeardReader<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = ready!(Pin::new(&mut self.inner).poll_read(context, buffer));
        if buffer.filled().len() > before {
            self.heard.mark();
        }
        Poll::Ready(read)
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::sleep;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn deadline_is_for_silence_and_not_for_size() {
        let heard = LastHeard::now();
        let trickling = async {
            for _ in 0..10 {
                sleep(4 * SECOND).await;
                heard.mark();
            }
        };
        assert_eq!(heard.within(5 * SECOND, trickling).await, Some(()));
        let begun = Instant::now();
        assert_eq!(heard.within(5 * SECOND, sleep(6 * SECOND)).await, None);
        assert_eq!(begun.elapsed().as_secs(), 5);
    }
}
