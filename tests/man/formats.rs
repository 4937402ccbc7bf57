//! The pages of formats: the settings' from their schema, the protocol's from the documentation.

use std::path::Path;
use std::{env, fs};

use clap_mangen::roff::{Roff, bold, roman};
use gadugi_router::config::{Config, SETTINGS, STANDARD_FILE, Setting, TABLES};

use super::markdown;
use super::page::DATE;

/// gadugi-router.toml(5).
pub fn settings() -> String {
    let mut page = begin("gadugi-router.toml", "5", "settings of the Gadugi event router");
    heading(&mut page, "DESCRIPTION");
    paragraphs(
        &mut page,
        &[
            &format!(
                "gadugi-router(8) reads {STANDARD_FILE}, or the file of --config. It is TOML; every setting may be left out. \
             Defaults are weaker than the file, the file than the environment, the environment than flags."
            ),
            "A key that is not here is a mistake. gadugi-router --check-config tells all mistakes with line and column, --print-config what is in force and where it comes from.",
            "Durations are strings (\"30s\", \"500ms\"), sizes are integers in bytes or strings (\"64KiB\"). A file whose name ends in .json is read as the old router_config.json.",
        ],
    );
    let mut table = None;
    for setting in SETTINGS {
        let its = setting.split().0;
        if table != Some(its) {
            table = Some(its);
            heading(&mut page, &if its.is_empty() { "AT THE TOP".to_owned() } else { format!("[{its}]") });
        }
        one(&mut page, setting);
    }
    heading(&mut page, "FILES");
    page.control("TP", []);
    page.text([bold(STANDARD_FILE)]);
    page.text([roman("The settings of the machine's router.")]);
    heading(&mut page, "SEE ALSO");
    page.text([roman("gadugi-router(8), gadugi-routerctl-configure(1), gadugi-router-protocol(7)")]);
    page.render()
}

fn one(page: &mut Roff, setting: &Setting) {
    page.control("TP", []);
    page.text([bold(setting.split().1), roman(format!(" = {}", setting.show(&Config::default())))]);
    page.text([roman(setting.doc())]);
    let known = format!("Must be {}. In the environment: {}.", setting.expected(), setting.env_name());
    page.text([roman(known)]);
}

/// gadugi-router-protocol(7).
pub fn protocol() -> String {
    let summary = "what clients and the Gadugi event router say to each other";
    let see_also = "gadugi-router(8), gadugi-routerctl-publish(1), gadugi-routerctl-subscribe(1)";
    from_document("gadugi-router-protocol", summary, "protocol.md", see_also)
}

/// gadugi-router-metrics(7).
pub fn metrics() -> String {
    let summary = "what the Gadugi event router measures";
    let see_also =
        "gadugi-router(8), gadugi-router.toml(5), gadugi-routerctl-status(1), gadugi-routerctl-top(1)";
    from_document("gadugi-router-metrics", summary, "metrics.md", see_also)
}

fn from_document(name: &str, summary: &str, file: &str, see_also: &str) -> String {
    let mut page = begin(name, "7", summary);
    heading(&mut page, "DESCRIPTION");
    markdown::write(&mut page, &document(file));
    heading(&mut page, "SEE ALSO");
    page.text([roman(see_also)]);
    page.render()
}

/// A file of the documentation.
pub fn document(file: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(file)).unwrap()
}

/// Every setting has its table among those that the program knows.
#[test]
fn the_page_of_settings_has_each_once_with_its_default_and_table() {
    let text = settings();
    for (table, _) in TABLES.iter().filter(|(table, _)| !table.is_empty()) {
        assert_eq!(text.matches(&format!(".SH [{table}]\n")).count(), 1, "{table}");
    }
    assert_eq!(text.matches("In the environment: ").count(), SETTINGS.len());
    for setting in SETTINGS {
        assert_eq!(text.matches(&format!("{}.\n", setting.env_name())).count(), 1, "{}", setting.key);
    }
}

fn begin(name: &str, section: &str, summary: &str) -> Roff {
    let source = format!("gadugi-router {}", env!("CARGO_PKG_VERSION"));
    let mut page = Roff::new();
    page.control("TH", [name.to_uppercase().as_str(), section, DATE, &source, "gadugi-router"]);
    heading(&mut page, "NAME");
    page.text([roman(format!("{name} - {summary}"))]);
    page
}

fn heading(page: &mut Roff, text: &str) {
    page.control("SH", [text]);
}

fn paragraphs(page: &mut Roff, texts: &[&str]) {
    for (number, text) in texts.iter().enumerate() {
        if number > 0 {
            page.control("PP", []);
        }
        page.text([roman(*text)]);
    }
}
