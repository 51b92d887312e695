//! The only place that asks what time it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Instant;

use jiff::Timestamp;

/// Tells the time. Handed to everything that decides by it, so that tests move time by hand.
pub trait Clock: Send + Sync + 'static {
    /// The instant now, to the millisecond.
    fn now(&self) -> Timestamp;

    /// A reading that never goes back, for deadlines inside this process.
    fn monotonic(&self) -> Instant;
}

/// A shared clock.
pub type SharedClock = Arc<dyn Clock>;

/// The machine's clock, corrected by what the store's server says (PostgreSQL), so that replicas agree.
#[derive(Debug, Default)]
pub struct SystemClock {
    offset_ms: AtomicI64,
}

impl SystemClock {
    /// The machine's clock as it is.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes over the server's time: from now on `now()` is the machine's time plus this many milliseconds.
    pub fn correct(&self, offset_ms: i64) {
        self.offset_ms.store(offset_ms, Ordering::Relaxed);
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
    fn now(&self) -> Timestamp {
        let ms = Timestamp::now().as_millisecond() + self.offset_ms.load(Ordering::Relaxed);
        Timestamp::from_millisecond(ms).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
    fn monotonic(&self) -> Instant {
        Instant::now()
    }
}

/// A clock that stands still until a test moves it. Its monotonic reading moves with it.
#[derive(Debug)]
pub struct FakeClock {
    start: Instant,
    first_ms: i64,
    now_ms: AtomicI64,
}

impl FakeClock {
    /// A clock standing at `at`.
    #[expect(clippy::disallowed_methods, reason = "an Instant can only be had from the machine's clock")]
    pub fn at(at: Timestamp) -> Self {
        let ms = at.as_millisecond();
        Self { start: Instant::now(), first_ms: ms, now_ms: AtomicI64::new(ms) }
    }

    /// Moves it forward.
    pub fn advance(&self, by: jiff::SignedDuration) {
        self.now_ms.fetch_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX), Ordering::Relaxed);
    }

    /// Sets it, also back.
    pub fn set(&self, at: Timestamp) {
        self.now_ms.store(at.as_millisecond(), Ordering::Relaxed);
    }
}

impl Clock for FakeClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.now_ms.load(Ordering::Relaxed)).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    fn monotonic(&self) -> Instant {
        let past = self.now_ms.load(Ordering::Relaxed).saturating_sub(self.first_ms).max(0);
        self.start + std::time::Duration::from_millis(past.unsigned_abs())
    }
}
