//! What the README says about settings must be true.
#![cfg(feature = "daemon")]
#![allow(clippy::unwrap_used)]

use std::path::Path;

use assert_cmd::Command;

/// The values that `--print-config` prints, without the comments on where they come from.
fn printed(file: Option<&Path>) -> Vec<String> {
    let mut router = Command::cargo_bin("gadugi-router").unwrap();
    router.env_clear().arg("--print-config");
    if let Some(file) = file {
        router.arg("--config").arg(file);
    }
    let output = router.assert().success().get_output().stdout.clone();
    let text = String::from_utf8(output).unwrap();
    text.lines().map(|line| line.split("  #").next().unwrap().to_owned()).collect()
}

#[test]
fn the_settings_in_the_readme_are_the_defaults() {
    let readme = include_str!("../README.md");
    let (_, rest) = readme.split_once("```toml\n").unwrap();
    let (settings, _) = rest.split_once("```").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.toml");
    std::fs::write(&file, settings).unwrap();
    let given = settings.lines().filter(|line| line.contains(" = ")).count();
    let defaults = printed(None);
    assert_eq!(given, defaults.iter().filter(|line| line.contains(" = ")).count(), "all of them are there");
    assert_eq!(printed(Some(&file)), defaults);
}
