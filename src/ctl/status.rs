//! `status`: the lines of the old program, word for word, and then more.

use super::connection::Connection;
use super::failure::Failure;
use super::output::{Output, brief, by_priority, plain, to_the_second};
use crate::admin::messages::{Acks, Latency, LoggedError, Quantiles, Status, StoreHealth};

pub(super) fn run(router: &mut Connection, out: &mut Output) -> Result<(), Failure> {
    let status = router.status()?;
    if out.json {
        return out.document(&status);
    }
    for line in lines(&status, out) {
        out.line(line)?;
    }
    Ok(())
}

fn lines(status: &Status, out: &Output) -> Vec<String> {
    let health = &status.health;
    let file = status.config_file.as_deref().or(status.config_file_shown.as_deref());
    let mut lines = vec![
        format!("Event Router Status: {}", out.good("RUNNING", true)),
        format!("PID: {}", status.pid),
        format!("WebSocket URL: {}", status.url),
        "Health Status:".to_owned(),
        format!("  Status: {}", out.good(&health.status, health.status == "healthy")),
        format!("  Uptime: {:.1} seconds", health.uptime),
        format!("  Events Processed: {}", health.events_processed),
        format!("  Events Failed: {}", health.events_failed),
        format!("  Events in Queue: {}", health.events_in_queue),
        format!("  Active Subscriptions: {}", health.active_subscriptions),
        format!("  Connected Clients: {}", health.connected_clients),
        format!("Version: {}", status.version),
        format!("State: {}", status.phase),
        format!("Listeners: {}", status.listeners.join(", ")),
        format!("Configuration: {}", file.map_or("no file".to_owned(), plain)),
        format!(
            "Totals: {} accepted, {} refused, {} matched, {} delivered, {} waiting for subscribers",
            status.totals.accepted,
            status.totals.refused,
            status.totals.matched,
            status.totals.delivered,
            status.waiting_deliveries
        ),
        format!(
            "Rates: {:.1} accepted, {:.1} delivered a second",
            status.rates.accepted, status.rates.delivered
        ),
        format!("Queue: {} of {} events", status.queue_depth.iter().sum::<usize>(), status.queue_capacity),
        format!("Dead Letters: {}", dead_letters(status)),
    ];
    lines.extend(acks(&status.acks));
    lines.extend(status.store.as_ref().map(store));
    if status.queue_depth.iter().any(|&depth| depth > 0) {
        let depth = status.queue_depth.map(|depth| depth as u64);
        lines.push(format!("Queue by Priority: {}", by_priority(&depth)));
    }
    lines.extend(latency(&status.latency));
    lines.extend(recent_errors(&status.recent_errors));
    lines.extend(health.errors.iter().map(|error| format!("Problem: {error}")));
    lines
}

/// Nothing, where nobody acknowledges.
fn acks(of: &Acks) -> Option<String> {
    let line = || {
        format!(
            "Acknowledged Delivery: {} waiting, {} in flight; {} acknowledged, {} refused, {} timed out, {} given back",
            of.waiting, of.in_flight, of.acked, of.nacked, of.timed_out, of.disconnected
        )
    };
    (*of != Acks::default()).then(line)
}

fn store(of: &StoreHealth) -> String {
    let state = of.failed.as_deref().map_or_else(|| "working".to_owned(), plain);
    format!(
        "Event Store: {state}; {} changes waiting, {} written in {} commits, {} refused",
        of.waiting, of.written, of.commits, of.refused
    )
}

/// Highest priority first, as it is served.
fn latency(all: &[Latency]) -> Vec<String> {
    if all.is_empty() {
        return Vec::new();
    }
    let both = |of: &Quantiles| match (of.p50, of.p99) {
        (Some(p50), Some(p99)) => format!("{} / {}", brief(p50), brief(p99)),
        _ => "-".to_owned(),
    };
    let line = |of: &Latency| {
        let (matched, delivered) = (both(&of.queue_wait), both(&of.delivery));
        format!(
            "  {:>2}: matched {matched}, delivered {delivered} ({} times)",
            of.priority, of.delivery.count
        )
    };
    let heading = "Latency by Priority (half within / 99 % within):".to_owned();
    std::iter::once(heading).chain(all.iter().rev().map(line)).collect()
}

fn recent_errors(all: &[LoggedError]) -> Vec<String> {
    if all.is_empty() {
        return vec!["Recent Errors: none".to_owned()];
    }
    let line = |error: &LoggedError| {
        let times = if error.times > 1 { format!(" ({} times)", error.times) } else { String::new() };
        format!("  {}  {}: {}{times}", to_the_second(&error.time), error.level, plain(&error.message))
    };
    std::iter::once("Recent Errors:".to_owned()).chain(all.iter().map(line)).collect()
}

fn dead_letters(status: &Status) -> String {
    let total: u64 = status.dead_letters.iter().map(|reason| reason.count).sum();
    if total == 0 {
        return "none".to_owned();
    }
    let reasons = status.dead_letters.iter().filter(|reason| reason.count > 0);
    let reasons: Vec<_> = reasons.map(|reason| format!("{} {}", reason.count, reason.reason)).collect();
    format!("{total} ({}), {} kept", reasons.join(", "), status.dead_letters_kept)
}
