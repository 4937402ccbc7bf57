//! The log's thread: writes what others have queued, sums up, and says what was lost.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::forward::Shared;
use super::output::Output;
use super::panics;
use super::queue::Work;
use super::repeats::{WINDOW, grouped};
use crate::service::exit::{Exit, Failure};

/// How long the end of the program waits for what is not yet written.
const PATIENCE: Duration = Duration::from_secs(1);

/// The log, set up but not yet written: records wait. Without [`start`](Self::start) they are never written.
pub struct Worker {
    pub(super) shared: Arc<Shared>,
    pub(super) output: Output,
}

impl Worker {
    /// Starts the thread that writes, and has panics logged. After privileges were dropped, which each thread does for
    /// itself.
    ///
    /// # Errors
    /// The operating system gives no thread.
    pub fn start(self) -> Result<Writing, Failure> {
        let shared = Arc::clone(&self.shared);
        shared.queue.begin();
        // If it fails, dropping the worker tells the queue.
        thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || self.run())
            .map_err(|error| Failure::new(Exit::System, format!("cannot start the log's thread: {error}")))?;
        panics::log(&shared);
        Ok(Writing { shared })
    }

    /// Until it is told to end.
    fn run(&self) {
        let queue = &self.shared.queue;
        queue.write_here();
        let mut quiet_until = None;
        let mut until = None;
        loop {
            let ending = match queue.next(until) {
                Work::Write(record) => {
                    self.output.write(&record);
                    false
                }
                Work::Reopen => {
                    self.reopen();
                    false
                }
                Work::Wait => false,
                Work::End => true,
            };
            let now = Instant::now();
            let (summaries, next) = self.shared.repeats.close(now, ending);
            summaries.iter().for_each(|summary| self.output.write(summary));
            if quiet_until.is_none_or(|until| until <= now) || ending {
                let told = self.tell_lost();
                if ending && !told {
                    return;
                }
                // Not after each record, if the log cannot keep up for long.
                quiet_until = told.then_some(now + WINDOW);
            }
            until = [next, quiet_until].into_iter().flatten().min();
        }
    }

    fn reopen(&self) {
        if let Err(error) = self.output.reopen() {
            tracing::error!(%error, "the log file cannot be opened anew: the old one goes on being used");
        }
    }

    /// Says how many records were lost. It queues that as anybody does; false: none were.
    fn tell_lost(&self) -> bool {
        let overrun = self.shared.queue.take_lost();
        if overrun > 0 {
            tracing::warn!(
                lost = overrun,
                "{} records were lost: the log could not keep up",
                grouped(overrun)
            );
        }
        let unwritten = self.output.take_lost();
        if let Some((lost, error)) = &unwritten {
            tracing::warn!(lost, %error, "{} records were lost: the log could not be written", grouped(*lost));
        }
        overrun > 0 || unwritten.is_some()
    }
}

/// However it ends, by a panic too, nobody is to wait for it or to queue anything.
impl Drop for Worker {
    fn drop(&mut self) {
        self.shared.queue.end();
    }
}

/// The log is written as long as this lives.
#[must_use]
pub struct Writing {
    shared: Arc<Shared>,
}

/// Writes the rest, but a log that is stuck does not hold up the end for long.
impl Drop for Writing {
    fn drop(&mut self) {
        // Whom could one tell?
        self.shared.queue.finish(PATIENCE);
    }
}

#[cfg(test)]
mod tests {
    use tracing::Dispatch;
    use tracing_subscriber::layer::SubscriberExt;

    use super::super::forward::Forward;
    use super::super::queue::CAPACITY;
    use super::super::testing::Lines;
    use super::*;

    /// What is written of what is logged before the end.
    fn written(log: impl FnOnce(&Shared)) -> Vec<String> {
        let (shared, lines) = (Arc::<Shared>::default(), Lines::default());
        let worker = Worker { shared: Arc::clone(&shared), output: Output::text(lines.sink(), false) };
        shared.queue.begin();
        let dispatch = Dispatch::new(tracing_subscriber::registry().with(Forward(Arc::clone(&shared))));
        tracing::dispatcher::with_default(&dispatch, || {
            log(&shared);
            shared.queue.finish(Duration::ZERO);
            worker.run();
        });
        lines.text().lines().map(|line| line.rsplit(": ").next().unwrap_or_default().to_owned()).collect()
    }

    #[test]
    fn what_is_logged_before_the_end_is_written() {
        assert_eq!(written(|_| (0..3).for_each(|number| tracing::info!("{number}"))), ["0", "1", "2"]);
    }

    #[test]
    fn a_flood_becomes_ten_lines_and_a_sum() {
        let lines = written(|_| (0..5_000).for_each(|number| tracing::warn!(number, "flood")));
        assert_eq!(lines.len(), 11, "{lines:?}");
        assert!(lines[10].starts_with("4,990 more in "), "{lines:?}");
    }

    #[test]
    fn what_finds_the_queue_full_is_told_as_a_number() {
        let lines = written(|_| (0..CAPACITY + 1_234).for_each(|number| tracing::debug!("{number}")));
        assert_eq!(lines.len(), CAPACITY + 1);
        // It is told as soon as it can be, which is behind what waited.
        assert!(lines[CAPACITY].starts_with("the log could not keep up"), "{}", lines[CAPACITY]);
        assert!(lines[CAPACITY].ends_with("lost=1234"), "{}", lines[CAPACITY]);
    }

    #[test]
    fn a_worker_that_is_never_started_keeps_nothing() {
        let (shared, lines) = (Arc::<Shared>::default(), Lines::default());
        let worker = Worker { shared: Arc::clone(&shared), output: Output::text(lines.sink(), false) };
        let subscriber = tracing_subscriber::registry().with(Forward(Arc::clone(&shared)));
        tracing::subscriber::with_default(subscriber, || tracing::info!("in vain"));
        drop(worker);
        assert!(!shared.queue.flush(Duration::MAX), "nobody will write it");
        assert_eq!(lines.text(), "");
    }

    #[test]
    fn a_sum_is_written_at_the_windows_end_though_nothing_else_happens() {
        let (shared, lines) = (Arc::<Shared>::default(), Lines::default());
        let worker = Worker { shared: Arc::clone(&shared), output: Output::text(lines.sink(), false) };
        let writing = worker.start().unwrap();
        let subscriber = tracing_subscriber::registry().with(Forward(Arc::clone(&shared)));
        tracing::subscriber::with_default(subscriber, || (0..12).for_each(|_| tracing::warn!("again")));
        while !lines.text().contains("again: 2 more in ") {
            thread::sleep(Duration::from_millis(10));
        }
        drop(writing);
    }
}
