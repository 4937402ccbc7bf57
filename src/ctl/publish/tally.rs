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
    begun: Instant,
    published: u64,
    /// Those that were not taken, by reason.
    lost: BTreeMap<String, u64>,
}

impl Tally {
    pub fn new(quiet: bool) -> Self {
        Self { quiet, begun: Instant::now(), published: 0, lost: BTreeMap::new() }
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
        match (answer.status, out.json) {
            _ if self.quiet => Ok(()),
            (_, true) => out.json_line(answer),
            (Status::Queued, false) => out.line(line(answer)),
            (status, false) => {
                out.notice(
                    "not_taken",
                    format_args!("{} was {}: {}", plain(&answer.event_id), status.as_str(), plain(reason)),
                );
                Ok(())
            }
        }
    }

    /// An error has come instead of an answer.
    pub fn refused(&mut self, refusal: Refusal, out: &Output) {
        let which = refusal.request_id.map_or_else(String::new, |number| format!("event {number}: "));
        out.notice("not_taken", format_args!("{}{}", plain(&which), plain(&refusal.error)));
        *self.lost.entry(refusal.code.unwrap_or(refusal.error)).or_default() += 1;
    }

    /// All answers have come.
    pub fn end(&self, out: &mut Output) -> Result<(), Failure> {
        let lost = self.answers() - self.published;
        let seconds = self.begun.elapsed().as_secs_f64();
        if out.json && self.answers() != 1 {
            out.json_line(&json!({ "published": self.published, "lost": self.lost, "seconds": seconds }))?;
        } else if !out.json && (self.answers() != 1 || self.quiet) {
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
