//! The manual pages in `man/` are those that the command lines' definitions make.
//!
//! `GADUGI_WRITE_MAN=1 cargo test --test man` writes them anew.
#![cfg(all(feature = "daemon", feature = "ctl"))]
#![allow(clippy::unwrap_used)]

mod complete;
mod formats;
mod markdown;
mod page;
mod sections;

use std::collections::BTreeMap;
use std::path::Path;
use std::{env, fs};

use clap::CommandFactory;
use gadugi_router::ctl;
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
    pages.insert("gadugi-router-metrics.7".to_owned(), page::tidy(&formats::metrics()));
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
