//! The answer to a name that no setting has.

use super::super::schema::{Setting, closest, tables};
use super::super::settings::{NOT_YET, SETTINGS};

/// What a wrong name was probably meant to be.
pub(super) enum Meant {
    Setting(&'static Setting),
    Table(&'static str),
}

/// What to say about an unknown dotted name in a file.
pub fn unknown(name: &str) -> String {
    let meant = match (not_yet(name), suggestion(name)) {
        (Some(not_yet), _) => return not_yet,
        (None, None) => return "unknown setting".to_owned(),
        (None, Some(Meant::Table(table))) => format!("[{table}]"),
        (None, Some(Meant::Setting(setting))) => match setting.split().0 {
            "" if name.contains('.') => format!("{} at the top level, above the tables", setting.key),
            _ => setting.key.to_owned(),
        },
    };
    format!("unknown setting; did you mean {meant}?")
}

/// What to say about a dotted name that later versions have, itself or its table.
pub(super) fn not_yet(name: &str) -> Option<String> {
    let is_it = |later: &&&str| {
        name.strip_prefix(**later).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    let later = NOT_YET.iter().find(is_it)?;
    Some(format!("this version of the router does not have [{later}] yet"))
}

/// The right name at the wrong place, else a slip in the same table, else one in any table.
pub(super) fn suggestion(name: &str) -> Option<Meant> {
    let (table, leaf) = name.rsplit_once('.').unwrap_or(("", name));
    let misplaced = |setting: &&Setting| setting.split().1 == leaf || setting.key.replace('.', "_") == leaf;
    if let Some(setting) = SETTINGS.iter().find(misplaced) {
        return Some(Meant::Setting(setting));
    }
    let named = |setting: &'static Setting| (setting.split().1, Meant::Setting(setting));
    let here = SETTINGS.iter().filter(|setting| setting.split().0 == table).map(named);
    let tables = tables().filter(|_| table.is_empty()).map(|table| (table, Meant::Table(table)));
    closest(leaf, here.chain(tables)).or_else(|| closest(leaf, SETTINGS.iter().map(named)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_answered_with_the_name_of_the_same_table() {
        assert_eq!(unknown("max_client"), "unknown setting; did you mean max_clients?");
        assert_eq!(unknown("limits.ping_intervall"), "unknown setting; did you mean limits.ping_interval?");
        assert_eq!(unknown("limit"), "unknown setting; did you mean [limits]?");
    }

    #[test]
    fn a_name_at_the_wrong_place_is_sent_to_the_right_one() {
        assert_eq!(unknown("ping_interval"), "unknown setting; did you mean limits.ping_interval?");
        assert_eq!(
            unknown("limits.port"),
            "unknown setting; did you mean port at the top level, above the tables?"
        );
        assert_eq!(unknown("outbox_evnts"), "unknown setting; did you mean limits.outbox_events?");
    }

    #[test]
    fn tables_to_come_and_nonsense_are_told_apart() {
        assert_eq!(unknown("tls"), "this version of the router does not have [tls] yet");
        assert_eq!(unknown("auth.token"), "this version of the router does not have [auth] yet");
        assert_eq!(unknown("tlsx"), "unknown setting");
        assert_eq!(unknown("zebra"), "unknown setting");
    }
}
