//! `status`: the lines of the old program, word for word, and then more.

use super::connection::Connection;
use super::failure::Failure;
use super::output::{Output, by_priority, plain};
use crate::admin::messages::{Answer, Request, Status};

pub(super) fn run(router: &mut Connection, out: &mut Output) -> Result<(), Failure> {
    let status = match router.ask(&Request::Status)? {
        Answer::Status(status) => status,
        _ => return Err(router.not_understood("it is no status")),
    };
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
        format!("Configuration: {}", status.config_file.as_deref().map_or("no file".to_owned(), plain)),
        format!(
            "Totals: {} accepted, {} refused, {} matched, {} delivered, {} waiting for subscribers",
            status.totals.accepted,
            status.totals.refused,
            status.totals.matched,
            status.totals.delivered,
            status.waiting_deliveries
        ),
        format!("Dead Letters: {}", dead_letters(status)),
    ];
    if status.queue_depth.iter().any(|&depth| depth > 0) {
        let depth = status.queue_depth.map(|depth| depth as u64);
        lines.push(format!("Queue by Priority: {}", by_priority(&depth)));
    }
    lines.extend(health.errors.iter().map(|error| format!("Problem: {error}")));
    lines
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
