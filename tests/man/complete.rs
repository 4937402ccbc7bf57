//! Nothing of the code is missing in the pages, and nothing is in the pages that the code does not have.
//!
//! That metrics.md has the metrics that the router tells, and no other, is tested with a router (tests/python/test_monitoring.py).

use std::collections::BTreeSet;

use clap::{Command, CommandFactory};
use gadugi_router::config::{SETTINGS, Setting, TABLES};
use gadugi_router::ctl;
use gadugi_router::protocol::{ErrorCode, EventType};
use gadugi_router::service::args::Args;
use gadugi_router::service::exit::Exit;

use super::{formats::document, pages};

/// A page without what roff wants.
fn plain(name: &str) -> String {
    let page = pages().remove(name).unwrap_or_else(|| panic!("there is no page {name}"));
    page.replace("\\-", "-")
        .replace("\\&", "")
        .replace("\\fB", "\0")
        .replace("\\fR", "\x01")
        .replace("\\fI", "")
}

/// What stands below a heading.
fn section<'a>(page: &'a str, heading: &str) -> &'a str {
    let Some((_, rest)) = page.split_once(&format!(".SH {heading}\n")) else { return "" };
    rest.split("\n.SH ").next().unwrap_or_default()
}

/// What is bold, in the order in which it stands there.
fn bold(text: &str) -> Vec<&str> {
    text.split('\0').skip(1).filter_map(|rest| rest.split('\x01').next()).collect()
}

/// Words that begin with two hyphens.
fn flags(text: &str) -> BTreeSet<String> {
    let is_of_a_name = |character: char| character.is_ascii_lowercase() || character == '-';
    let rests = text.match_indices("--").map(|(at, _)| (&text[..at], &text[at + 2..]));
    let names = rests.filter(|(before, _)| !before.ends_with(|character: char| is_of_a_name(character)));
    let names =
        names.map(|(_, rest)| rest.split(|character| !is_of_a_name(character)).next().unwrap_or_default());
    names.filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

/// Both programs and all their commands, each with its page.
fn commands() -> Vec<(String, Command)> {
    let mut found = Vec::new();
    let mut waiting = vec![("8", Args::command()), ("1", ctl::command().disable_help_subcommand(true))];
    for (_, command) in &mut waiting {
        command.build();
    }
    while let Some((number, command)) = waiting.pop() {
        waiting.extend(command.get_subcommands().map(|below| (number, below.clone())));
        let name = command.get_display_name().unwrap_or(command.get_name());
        found.push((format!("{name}.{number}"), command));
    }
    found
}

fn flags_of(command: &Command) -> BTreeSet<String> {
    let shown = command.get_arguments().filter(|argument| !argument.is_hide_set());
    shown.filter_map(|argument| argument.get_long().map(str::to_owned)).collect()
}

#[test]
fn every_command_has_a_page_with_its_flags_and_no_other() {
    let commands = commands();
    let known: BTreeSet<_> = commands.iter().flat_map(|(_, command)| flags_of(command)).collect();
    for (name, command) in &commands {
        let page = plain(name);
        // A line for each flag: short, long, value.
        let options = [section(&page, "OPTIONS"), section(&page, "\"GLOBAL OPTIONS\"")];
        let heads = options
            .iter()
            .flat_map(|text| text.split(".TP\n").skip(1))
            .filter_map(|option| option.lines().next());
        let told: BTreeSet<_> = heads.flat_map(flags).collect();
        assert_eq!(told, flags_of(command), "{name}");
        for below in command.get_subcommands() {
            let other = format!("{}(1)", below.get_display_name().unwrap());
            assert!(page.contains(&other), "{name} leads to {other}");
        }
    }
    assert!(known.len() > 20);
    for name in pages().keys() {
        let unknown: Vec<_> = flags(&plain(name)).into_iter().filter(|flag| !known.contains(flag)).collect();
        // Of other programs, in examples.
        assert!(unknown.is_empty(), "{name}: {unknown:?} are flags of no command");
    }
    let of_commands = pages().into_keys().filter(|name| name.ends_with(".1") || name.ends_with(".8"));
    let expected: BTreeSet<_> = commands.into_iter().map(|(name, _)| name).collect();
    assert_eq!(of_commands.collect::<BTreeSet<_>>(), expected);
}

#[test]
fn every_exit_code_is_told_with_its_meaning_and_no_other() {
    let router = Exit::ALL.iter().map(|(exit, meaning)| (*exit as i32, *meaning)).collect();
    let control = ctl::exit_codes().iter().map(|(code, meaning)| (i32::from(*code), *meaning)).collect();
    let check = |name: &str, codes: Vec<(i32, &str)>| {
        let page = plain(name);
        let text = section(&page, "\"EXIT STATUS\"");
        let told: Vec<i32> = bold(text).iter().map(|code| code.parse().unwrap()).collect();
        assert_eq!(told, codes.iter().map(|(code, _)| *code).collect::<Vec<_>>(), "{name}");
        for (code, meaning) in codes {
            assert!(text.contains(&format!("\0{code}\x01\n{meaning}\n")), "{name}: {code}");
        }
    };
    check("gadugi-router.8", router);
    check("gadugi-routerctl.1", control);
}

#[test]
fn every_setting_is_told_and_no_other() {
    let page = plain("gadugi-router.toml.5");
    let mut told = Vec::new();
    for (table, _) in TABLES {
        let text = section(
            &page,
            &if table.is_empty() { "\"AT THE TOP\"".to_owned() } else { format!("[{table}]") },
        );
        let prefix = if table.is_empty() { String::new() } else { format!("{table}.") };
        told.extend(bold(text).iter().map(|key| format!("{prefix}{key}")));
    }
    let known: BTreeSet<_> = SETTINGS.iter().map(|setting| setting.key.to_owned()).collect();
    assert_eq!(told.len(), known.len());
    assert_eq!(told.into_iter().collect::<BTreeSet<_>>(), known);
    // What other pages say of settings.
    for name in pages().keys() {
        for word in
            plain(name).split(|character: char| !(character.is_alphanumeric() || "._".contains(character)))
        {
            let is_one = TABLES.iter().any(|(table, _)| {
                !table.is_empty()
                    && word.strip_prefix(table).is_some_and(|rest| rest.len() > 1 && rest.starts_with('.'))
            });
            let word = word.trim_end_matches('.');
            // A file in the run-time directory.
            assert!(!is_one || Setting::find(word).is_some() || word == "admin.sock", "{name}: {word}");
        }
    }
}

#[test]
fn every_metric_is_told_and_no_other() {
    let text = document("metrics.md");
    let known: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    let page = plain("gadugi-router-metrics.7");
    let is_metric = |word: &&str| word.starts_with("gadugi_router_") || word.starts_with("process_");
    let told: Vec<_> = bold(&page).into_iter().filter(is_metric).collect();
    assert!(known.len() > 20);
    assert_eq!(told, known);
}

#[test]
fn the_page_of_the_protocol_has_every_code_and_type_and_no_other_code() {
    let text = document("protocol.md");
    let list = text.split("\n\n").find(|paragraph| paragraph.starts_with("`invalid_json`")).unwrap();
    let told: Vec<_> = list.split('`').skip(1).step_by(2).collect();
    let known: Vec<_> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(told, known);
    let page = plain("gadugi-router-protocol.7");
    let told = bold(&page);
    assert!(known.iter().all(|code| told.contains(code)));
    // The list of types names each family once, and of the others the end.
    for kind in EventType::ALL.iter().map(|kind| kind.as_str()) {
        let end = kind.find('.').map_or(kind, |dot| &kind[dot..]);
        assert!(told.contains(&kind) || told.contains(&end), "{kind}");
    }
}
