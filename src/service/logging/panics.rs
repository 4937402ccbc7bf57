//! Panics become one ERROR record. They are our own mistakes, in our own words.

use std::any::Any;
use std::panic::{self, PanicHookInfo};
use std::sync::Arc;
use std::thread;

use super::forward::Shared;

type Hook = Box<dyn Fn(&PanicHookInfo<'_>) + Send + Sync>;

/// From now on panics are logged.
pub(super) fn log(shared: &Arc<Shared>) {
    panic::set_hook(hook(Arc::clone(shared), panic::take_hook()));
}

/// Logs a panic while somebody writes the log and wants errors; otherwise does as before, which is to print it on stderr.
fn hook(shared: Arc<Shared>, before: Hook) -> Hook {
    Box::new(move |panic| {
        if !shared.queue.is_writing_elsewhere() || !tracing::enabled!(tracing::Level::ERROR) {
            return before(panic);
        }
        let thread = thread::current();
        let location = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(
            name: "gadugi.internal_error",
            location,
            thread = thread.name().unwrap_or_default(),
            "a panic, which is a mistake in the router: {}",
            words(panic.payload())
        );
    })
}

/// What `panic!` leaves, which is one of two kinds of text.
fn words(payload: &dyn Any) -> &str {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("it has no words")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tracing_subscriber::layer::SubscriberExt;

    use super::super::forward::Forward;
    use super::super::queue::Work;
    use super::super::testing::text;
    use super::*;

    #[test]
    fn a_panic_becomes_one_line_that_says_where_it_was() {
        let shared = Arc::<Shared>::default();
        let subscriber = tracing_subscriber::registry().with(Forward(Arc::clone(&shared)));
        shared.queue.begin();
        log(&shared);
        let writer = Arc::clone(&shared);
        let writing = thread::spawn(move || {
            writer.queue.write_here();
            let Work::Write(record) = writer.queue.next(None) else { panic!("another record") };
            assert!(matches!(writer.queue.next(Some(std::time::Instant::now())), Work::Wait));
            writer.queue.end();
            text(&record)
        });
        let panicking = || panic::catch_unwind(|| assert_eq!(1 + 1, 3, "two\nlines")).unwrap_err();
        drop(tracing::subscriber::with_default(subscriber, panicking));
        let line = writing.join().unwrap();
        assert_eq!(line.matches('\n').count(), 1, "{line}");
        for part in
            ["ERROR", "two\\nlines", "location=\"src/service/logging/panics.rs:", "thread=\"service::"]
        {
            assert!(line.contains(part), "{line}");
        }
        assert!(shared.queue.finish(Duration::ZERO));
    }
}
