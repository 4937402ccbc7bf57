//! The configuration file of the packages names every setting, at its default.
//!
//! `GADUGI_WRITE_CONFIG=1 cargo test --test packaging` writes it anew.
#![cfg(feature = "daemon")]
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::{env, fs};

use gadugi_router::config::{Config, Inputs, example, load};

const HEAD: &str = "\
# The event router's settings: each with what it does and at its default, but for drain.spool. After a change:
# `gadugi-router --check-config`, and then `systemctl reload gadugi-router`. gadugi-router.toml(5) has all this too.
";
/// The unit makes this directory, and what is left at an upgrade must not be lost.
const SPOOL: &str = "/var/lib/gadugi-router/spool";

fn made() -> String {
    let text = example();
    let default = "\nspool = \"\"\n";
    assert_eq!(text.matches(default).count(), 1);
    HEAD.to_owned() + &text.replace(default, &format!("\nspool = \"{SPOOL}\"\n"))
}

#[test]
fn the_file_is_the_one_of_the_schema() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/files/config.toml");
    if env::var_os("GADUGI_WRITE_CONFIG").is_some() {
        fs::write(&path, made()).unwrap();
    }
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(text, made(), "write it anew: GADUGI_WRITE_CONFIG=1 cargo test --test packaging");
}

#[test]
fn what_it_sets_is_the_defaults_and_a_spool() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("config.toml");
    fs::write(&path, made()).unwrap();
    let loaded = load(&Inputs { file: Some(path), ..Inputs::default() }).unwrap();
    let mut expected = Config::default();
    expected.drain.spool = Some(SPOOL.into());
    assert_eq!(loaded.config, expected);
}
