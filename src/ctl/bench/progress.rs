//! How far it is, for whoever watches.

use std::cell::RefCell;
use std::io::{self, IsTerminal};
use std::rc::Rc;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use tokio::task::{JoinHandle, spawn_local};
use tokio::time::{Instant, sleep};

use super::super::output::Output;
use super::books::Books;
use super::{BenchArgs, EVENTS};

/// Often enough to look alive.
const TICK: Duration = Duration::from_millis(100);

/// A bar on stderr, if that is a terminal.
pub(super) struct Progress(Option<(ProgressBar, JoinHandle<()>)>);

impl Progress {
    /// From now on.
    pub fn new(args: &BenchArgs, books: &Rc<RefCell<Books>>, out: &Output) -> Self {
        if out.json || !io::stderr().is_terminal() {
            return Self(None);
        }
        let all = args.duration.map_or(args.events.unwrap_or(EVENTS), |time| time.as_millis() as u64);
        let bar = ProgressBar::new(all);
        if let Ok(style) = ProgressStyle::with_template("{wide_bar} {percent:>3} %  {msg}") {
            bar.set_style(style);
        }
        let (shown, books, by_time, begun) =
            (bar.clone(), Rc::clone(books), args.duration.is_some(), Instant::now());
        let task = spawn_local(async move {
            loop {
                let (answered, delivered) = {
                    let books = books.borrow();
                    (books.accepted + books.not_taken.values().sum::<u64>(), books.delivered)
                };
                shown.set_position(if by_time { begun.elapsed().as_millis() as u64 } else { answered });
                let rate = answered as f64 / begun.elapsed().as_secs_f64().max(1e-3);
                shown.set_message(format!("{rate:.0}/s, {delivered} delivered"));
                sleep(TICK).await;
            }
        });
        Self(Some((bar, task)))
    }

    /// It is done.
    pub fn end(self) {
        if let Some((bar, task)) = self.0 {
            task.abort();
            bar.finish_and_clear();
        }
    }
}
