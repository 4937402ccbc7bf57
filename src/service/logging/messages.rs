//! The events that have a name and a MESSAGE_ID, by which alerts and dashboards find them. Names and ids never change;
//! docs/log.md says what each means to its reader.
//!
//! An event gets its name in the macro that logs it, `tracing::info!(name: "gadugi.start", …)`, where only a literal
//! may stand: so rooms need not know this table, and a test looks through the sources for names that are not in it.

/// How records of a name are treated.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// There are few of them, and each counts: never summed up.
    Single,
    /// Clients can cause them, any number: summed up as all others.
    Repeated,
    /// The process may end right after: whoever logs it waits, for a bounded time, until it is written.
    LastWords,
}

/// An event that has a name.
#[derive(Debug)]
pub(super) struct Message {
    /// As it stands in the macro.
    pub(super) name: &'static str,
    /// The journal's MESSAGE_ID.
    pub(super) id: &'static str,
    pub(super) kind: Kind,
}

/// What all names begin with.
const PREFIX: &str = "gadugi.";

/// All of them.
pub(super) const MESSAGES: &[Message] = &[
    Message { name: "gadugi.start", id: "b46dd3002c904fb7a0acbb24cd0a1ed6", kind: Kind::Single },
    Message { name: "gadugi.stop", id: "1eb47918167f412289f9142f2278eecc", kind: Kind::Single },
    Message { name: "gadugi.drain", id: "53a2b3549c9244448cbb7688e205014b", kind: Kind::Single },
    Message { name: "gadugi.reload", id: "22996ad75c454df8acac5a3fa29c1652", kind: Kind::Single },
    Message { name: "gadugi.reload_failed", id: "90a7eb814f2742c595ab7f973a0807b7", kind: Kind::Single },
    Message { name: "gadugi.state", id: "d1f19da32a4932b8de958bc3a207c821", kind: Kind::Single },
    Message { name: "gadugi.slow_consumer", id: "7a870e14278b4184b62184b442f24377", kind: Kind::Repeated },
    Message { name: "gadugi.client_refused", id: "9bc885d560ef48cd9677c92344007616", kind: Kind::Repeated },
    Message { name: "gadugi.admin", id: "d604507be759498fb89db2ba2581202c", kind: Kind::Repeated },
    Message { name: "gadugi.health", id: "3185f58c05304fe1aac42fb1956764c1", kind: Kind::Repeated },
    Message {
        name: "gadugi.publishes_refused",
        id: "f696b31b87b649138dd722a89bc78e9f",
        kind: Kind::Repeated,
    },
    Message { name: "gadugi.internal_error", id: "651c732a61314b87b9fbf789cb28fcca", kind: Kind::LastWords },
];

/// How records of the event that has this name, of ours or anybody's, are treated.
pub(super) fn kind(name: &str) -> Kind {
    if !name.starts_with(PREFIX) {
        return Kind::Repeated;
    }
    MESSAGES.iter().find(|message| message.name == name).map_or(Kind::Repeated, |message| message.kind)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::fs;
    use std::path::Path;

    use super::*;

    /// The names that stand in the tracing macros of all sources.
    fn names_in(folder: &Path, names: &mut HashSet<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                names_in(&path, names);
            } else {
                let source = fs::read_to_string(&path).unwrap();
                let literals = source.split("(name: \"").skip(1).filter_map(|rest| rest.split('"').next());
                names.extend(literals.filter(|name| name.starts_with(PREFIX)).map(str::to_owned));
            }
        }
    }

    #[test]
    fn every_name_in_the_sources_is_in_the_table() {
        let mut names = HashSet::new();
        names_in(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut names);
        assert!(names.contains("gadugi.start"), "{names:?}");
        let known: HashSet<_> = MESSAGES.iter().map(|message| message.name.to_owned()).collect();
        assert_eq!(names.difference(&known).collect::<Vec<_>>(), Vec::<&String>::new());
    }

    #[test]
    fn names_and_ids_are_unique_and_well_formed() {
        let names: HashSet<_> = MESSAGES.iter().map(|message| message.name).collect();
        let ids: HashSet<_> = MESSAGES.iter().map(|message| message.id).collect();
        assert_eq!((names.len(), ids.len()), (MESSAGES.len(), MESSAGES.len()));
        for Message { name, id, .. } in MESSAGES {
            assert!(name.starts_with(PREFIX), "{name}");
            assert!(
                id.len() == 32 && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')),
                "{id}"
            );
        }
    }

    #[test]
    fn the_documentation_has_every_name_with_its_id() {
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/log.md");
        let page = fs::read_to_string(page).unwrap();
        for Message { name, id, .. } in MESSAGES {
            assert!(page.contains(&format!("| `{name}` | `{id}` |")), "{name} {id}");
        }
    }

    #[test]
    fn a_record_without_a_name_of_ours_is_like_any_other() {
        assert_eq!(kind("event src/server/accept.rs:254"), Kind::Repeated);
        assert_eq!(kind("gadugi.unheard_of"), Kind::Repeated);
        assert_eq!(kind("gadugi.start"), Kind::Single);
    }
}
