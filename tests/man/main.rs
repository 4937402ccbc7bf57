//! The manual pages in `man/` are those that the command lines' definitions make.
//!
//! `GADUGI_WRITE_MAN=1 cargo test --test man` writes them anew.
#![cfg(all(feature = "daemon", feature = "ctl"))]
#![allow(clippy::unwrap_used)]

mod formats;
mod markdown;
mod page;
mod sections;

use std::collections::BTreeMap;
use std::path::Path;
use std::{env, fs};

use clap::CommandFactory;
use gadugi_router::ctl;
use gadugi_router::protocol::{ErrorCode, EventType};
use gadugi_router::service::args::Args;

/// All pages by their files' names.
fn pages() -> BTreeMap<String, String> {
    let mut pages = BTreeMap::new();
    let router = Args::command().after_help(None::<&str>).after_long_help(None::<&str>);
    page::write(&router, "8", &sections::of_the_router(), &mut pages);
    let control = ctl::command().after_help(None::<&str>).disable_help_subcommand(true);
    page::write(&control, "1", &sections::of_the_control_program(), &mut pages);
    pages.insert("gadugi-router.toml.5".to_owned(), page::tidy(&formats::settings()));
    pages.insert("gadugi-router-protocol.7".to_owned(), page::tidy(&formats::protocol()));
    pages
}

#[test]
fn the_pages_are_those_of_the_definitions() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("man");
    let made = pages();
    if env::var_os("GADUGI_WRITE_MAN").is_some() {
        fs::remove_dir_all(&folder).unwrap();
        fs::create_dir(&folder).unwrap();
        made.iter().for_each(|(name, text)| fs::write(folder.join(name), text).unwrap());
    }
    let names = fs::read_dir(&folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    let there: BTreeMap<_, _> =
        names.map(|name| (name.clone(), fs::read_to_string(folder.join(&name)).unwrap())).collect();
    let name = |pages: &BTreeMap<String, String>| pages.keys().cloned().collect::<Vec<_>>();
    assert_eq!(name(&there), name(&made), "write them anew: GADUGI_WRITE_MAN=1 cargo test --test man");
    for (name, text) in &made {
        assert_eq!(&there[name], text, "{name}: write it anew: GADUGI_WRITE_MAN=1 cargo test --test man");
    }
}

#[test]
fn every_command_has_a_page_and_every_exit_code_is_told() {
    let pages = pages();
    let page = &pages["gadugi-routerctl.1"];
    // Hyphens as roff wants them.
    let written = |text: &str| text.replace('-', "\\-");
    for command in ctl::command().get_subcommands() {
        let name = format!("gadugi-routerctl-{}", command.get_name());
        assert!(pages.contains_key(&format!("{name}.1")), "{name}");
        assert!(page.contains(&written(&format!("{name}(1)"))), "{name}");
    }
    for (code, meaning) in ctl::exit_codes() {
        assert!(page.contains(&format!("\\fB{code}\\fR\n{}", written(meaning))), "{code}");
    }
}

#[test]
fn the_page_of_the_protocol_has_every_code_and_type_and_no_other_code() {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/protocol.md")).unwrap();
    let list = text.split("\n\n").find(|paragraph| paragraph.starts_with("`invalid_json`")).unwrap();
    let told: Vec<_> = list.split('`').skip(1).step_by(2).collect();
    let known: Vec<_> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(told, known);
    let page = &pages()["gadugi-router-protocol.7"];
    assert!(known.iter().all(|code| page.contains(&format!("\\fB{code}\\fR"))));
    // The list of types names each family once, and of the others the end.
    for kind in EventType::ALL.iter().map(|kind| kind.as_str()) {
        let end = kind.find('.').map_or(kind, |dot| &kind[dot..]);
        let is_told =
            [kind, end, &format!("\\&{end}")].iter().any(|text| page.contains(&format!("\\fB{text}\\fR")));
        assert!(is_told, "{kind}");
    }
}
