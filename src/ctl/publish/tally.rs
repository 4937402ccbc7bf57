//! What became of what was published.

use std::collections::BTreeMap;

use serde_json::json;
use tokio::time::Instant;

use super::super::failure::{Failure, UNAVAILABLE};
use super::super::output::{Output, plain};
use crate::client::{Published, Refusal};
use crate::protocol::reply::Status;

/// Counts answers and tells of each.
pub(super) struct Tally {
    quiet: bool,
    /// There is one event only: what became of it is all there is to tell.
    single: bool,
    begun: Instant,
    published: u64,
    /// Those that were not taken, by reason.
    lost: BTreeMap<String, u64>,
    /// Why the last of them was not.
    why: String,
}

impl Tally {
    pub fn new(quiet: bool, single: bool) -> Self {
        Self { quiet, single, begun: Instant::now(), published: 0, lost: BTreeMap::new(), why: String::new() }
    }

    /// How many answers have come.
    pub fn answers(&self) -> u64 {
        self.published + self.lost.values().sum::<u64>()
    }

    /// An answer has come.
    pub fn published(&mut self, answer: &Published, out: &mut Output) -> Result<(), Failure> {
        let reason = answer.reason.as_deref().unwrap_or("no reason given");
        match answer.status {
            Status::Queued => self.published += 1,
            Status::Dropped | Status::Rejected => *self.lost.entry(reason.to_owned()).or_default() += 1,
        }
        if answer.status != Status::Queued {
            let text = format!("{} was {}: {reason}", answer.event_id, answer.status.as_str());
            self.tell(&text, out);
        }
        match answer.status {
            _ if self.quiet => Ok(()),
            Status::Dropped | Status::Rejected if self.single => Ok(()),
            _ if out.json => out.json_line(answer),
            Status::Queued => out.line(line(answer)),
            Status::Dropped | Status::Rejected => Ok(()),
        }
    }

    /// An error has come instead of an answer.
    pub fn refused(&mut self, refusal: Refusal, out: &Output) {
        let which = refusal.request_id.filter(|_| !self.single);
        let which = which.map_or_else(String::new, |number| format!("event {number}: "));
        self.tell(&format!("{which}{}", refusal.error), out);
        *self.lost.entry(refusal.code.unwrap_or(refusal.error)).or_default() += 1;
    }

    fn tell(&mut self, why: &str, out: &Output) {
        self.why = plain(why);
        if !self.single && !self.quiet {
            out.notice("not_taken", &self.why);
        }
    }

    /// All answers have come.
    pub fn end(&self, out: &mut Output) -> Result<(), Failure> {
        let lost = self.answers() - self.published;
        let seconds = self.begun.elapsed().as_secs_f64();
        if self.single && lost == 1 {
            return Err(Failure::new(UNAVAILABLE, "not_taken", self.why.clone()));
        }
        if out.json && !self.single {
            out.json_line(&json!({ "published": self.published, "lost": self.lost, "seconds": seconds }))?;
        } else if !out.json && (!self.single || self.quiet) {
            let rate = self.published as f64 / seconds.max(1e-6);
            let lost = if lost > 0 { format!(", {lost} not taken") } else { String::new() };
            out.line(format_args!("{} published{lost} in {seconds:.1} s ({rate:.0}/s)", self.published))?;
        }
        if lost == 0 {
            return Ok(());
        }
        let reasons: Vec<_> =
            self.lost.iter().map(|(reason, count)| format!("{} {count}", plain(reason))).collect();
        let text = format!("{lost} of {} events were not taken: {}", self.answers(), reasons.join(", "));
        Err(Failure::new(UNAVAILABLE, "not_taken", text))
    }
}

fn line(answer: &Published) -> String {
    let id = plain(&answer.event_id);
    let subscribers = answer.matched.map(|matched| match matched {
        1 => "1 subscriber".to_owned(),
        _ => format!("{matched} subscribers"),
    });
    let missed = answer.refused.iter().map(|(reason, count)| format!("{count} missed it: {}", plain(reason)));
    let details: Vec<_> = subscribers.into_iter().chain(missed).collect();
    match details.is_empty() {
        true => format!("published {id}"),
        false => format!("published {id} ({})", details.join(", ")),
    }
}
