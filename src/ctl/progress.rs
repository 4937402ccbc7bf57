//! How far the end of a router is, while somebody waits for it: on stderr, for stdout has what came of it.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::failure::Failure;
use super::output::{Output, count};
use crate::admin::messages::{Answer, Progress};

/// Who is not at a terminal gets a line this often.
const EVERY: Duration = Duration::from_secs(1);

/// Shows it: one line that changes on a terminal, lines elsewhere, JSON for programs.
pub(super) struct Shown {
    bar: Option<ProgressBar>,
    last: Option<(Instant, Progress)>,
}

impl Shown {
    pub fn new(out: &Output) -> Self {
        let bar = (!out.json && io::stderr().is_terminal()).then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            // Without a template that it likes, it has one of its own.
            let style = ProgressStyle::with_template("{spinner} {msg} ({elapsed})");
            bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()))
        });
        Self { bar, last: None }
    }

    pub fn show(&mut self, progress: Progress, out: &mut Output) -> Result<(), Failure> {
        let text = line(&progress);
        if out.json {
            return out.json_line(&Answer::Progress(progress));
        }
        if let Some(bar) = &self.bar {
            bar.set_message(text);
            bar.tick();
        } else if self.is_new(&progress) {
            // Without a stderr, it need not be shown.
            drop(writeln!(io::stderr(), "{text}"));
            self.last = Some((Instant::now(), progress));
        }
        Ok(())
    }

    fn is_new(&self, progress: &Progress) -> bool {
        self.last.as_ref().is_none_or(|(shown, last)| {
            progress != last && (progress.phase != last.phase || shown.elapsed() >= EVERY)
        })
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// In words.
pub(super) fn line(progress: &Progress) -> String {
    let Progress { phase, queued, waiting, clients } = progress;
    let clients = count(*clients, "client");
    format!("{phase}: {queued} queued, {waiting} waiting for subscribers, {clients}")
}
