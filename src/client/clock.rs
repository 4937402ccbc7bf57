//! Times that cannot overflow: "never" is what somebody means who waits for `Duration::MAX`.

use std::time::Duration;

use tokio::time::Instant;

/// Further away than any program runs.
const NEVER: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);

/// So much later.
pub(super) fn later(time: Instant, after: Duration) -> Instant {
    time + after.min(NEVER)
}

/// So long from now.
pub(super) fn in_future(after: Duration) -> Instant {
    later(Instant::now(), after)
}
