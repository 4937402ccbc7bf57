//! A page from the definition of a command line, and those of its commands.

use std::collections::BTreeMap;

use clap::Command;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

/// Of the pages' last change that is more than one of words. A day of each build would have each build differ.
pub const DATE: &str = "2026-11-24";

/// A heading, and what stands below it.
pub struct Section {
    pub heading: &'static str,
    pub body: Body,
}

/// What stands below a heading.
pub enum Body {
    /// Terms, each with what it means.
    Terms(Vec<(String, String)>),
    /// Lines as they are.
    Lines(Vec<String>),
    /// Paragraphs.
    Text(Vec<String>),
}

/// The pages of a command and of all below it. The sections are for the first.
pub fn write(command: &Command, section: &str, sections: &[Section], pages: &mut BTreeMap<String, String>) {
    let mut command = command.clone();
    command.build();
    one(&command, section, sections, pages);
}

fn one(command: &Command, section: &str, sections: &[Section], pages: &mut BTreeMap<String, String>) {
    let name = command.get_display_name().unwrap_or(command.get_name()).to_owned();
    let man = Man::new(command.clone())
        .title(name.to_uppercase())
        .section(section)
        .date(DATE)
        .source(format!("gadugi-router {}", env!("CARGO_PKG_VERSION")))
        .manual("gadugi-router");
    let mut text = Vec::new();
    man.render_title(&mut text).unwrap();
    man.render_name_section(&mut text).unwrap();
    man.render_synopsis_section(&mut text).unwrap();
    man.render_description_section(&mut text).unwrap();
    if command.get_arguments().any(|argument| !argument.is_hide_set()) {
        man.render_options_section(&mut text).unwrap();
    }
    let below: Vec<_> = command.get_subcommands().filter(|one| one.get_name() != "help").collect();
    if !below.is_empty() {
        man.render_subcommands_section(&mut text).unwrap();
    }
    for section in behind_options(command).iter().chain(sections) {
        body(section).to_writer(&mut text).unwrap();
    }
    if sections.is_empty() {
        see_also().to_writer(&mut text).unwrap();
    }
    pages.insert(format!("{name}.{section}"), tidy(&String::from_utf8(text).unwrap()));
    below.iter().for_each(|command| one(command, section, &[], pages));
}

/// The generator puts breaks around an empty line, which is a break itself: mandoc warns of them.
pub fn tidy(text: &str) -> String {
    let text = text.replace(".br\n\n.br\n", ".sp\n");
    text.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
}

/// What the help says behind the options: examples below their heading, and notes.
fn behind_options(command: &Command) -> Vec<Section> {
    let text = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let (mut notes, mut examples) = (Vec::new(), Vec::new());
    for paragraph in text.split("\n\n").filter(|paragraph| !paragraph.is_empty()) {
        match paragraph.split_once('\n') {
            Some(("Examples:", lines)) => {
                examples.extend(lines.lines().map(|line| line.trim_start().to_owned()))
            }
            Some((heading, _)) if heading.ends_with(':') => panic!("{heading} needs a heading here"),
            _ => notes.push(paragraph.split_whitespace().collect::<Vec<_>>().join(" ")),
        }
    }
    let notes = (!notes.is_empty()).then_some(Section { heading: "NOTES", body: Body::Text(notes) });
    let examples =
        (!examples.is_empty()).then_some(Section { heading: "EXAMPLES", body: Body::Lines(examples) });
    notes.into_iter().chain(examples).collect()
}

fn see_also() -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["SEE ALSO"]);
    roff.text([bold("gadugi-routerctl"), roman("(1), "), bold("gadugi-router"), roman("(8)")]);
    roff
}

fn body(section: &Section) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", [section.heading]);
    match &section.body {
        Body::Terms(terms) => {
            for (term, meaning) in terms {
                roff.control("TP", []);
                roff.text([bold(term)]);
                roff.text([roman(meaning)]);
            }
        }
        Body::Lines(lines) => {
            roff.control("nf", []);
            for line in lines {
                roff.text([roman(line)]);
            }
            roff.control("fi", []);
        }
        Body::Text(paragraphs) => {
            for (number, paragraph) in paragraphs.iter().enumerate() {
                if number > 0 {
                    roff.control("PP", []);
                }
                roff.text([roman(paragraph)]);
            }
        }
    }
    roff
}
