//! `reload`: has the router read its settings again, and waits for how that went.

use super::connection::Connection;
use super::failure::Failure;
use super::output::{Output, plain};
use crate::admin::messages::{Answer, Change, Reloaded, Request};

pub(super) fn run(router: &mut Connection, out: &mut Output) -> Result<(), Failure> {
    match router.ask_patiently(&Request::Reload)? {
        Answer::Reloaded(reloaded) => tell(&reloaded, out, "nothing has changed"),
        _ => Err(router.not_understood("it does not say what has changed")),
    }
}

/// Prints what is, or would be, changed.
pub(super) fn tell(reloaded: &Reloaded, out: &mut Output, nothing: &str) -> Result<(), Failure> {
    if out.json {
        return out.document(reloaded);
    }
    for warning in &reloaded.warnings {
        out.line(format_args!("warning: {}", plain(warning)))?;
    }
    let word = |change: &Change| format!("{} = {} → {}", change.key, plain(&change.old), plain(&change.new));
    for change in &reloaded.changed {
        out.line(format_args!("changed: {}", word(change)))?;
    }
    for change in &reloaded.needs_restart {
        out.line(format_args!("needs a restart: {}", word(change)))?;
    }
    if reloaded.changed.is_empty() && reloaded.needs_restart.is_empty() {
        out.line(nothing)?;
    }
    Ok(())
}
