//! As much of Markdown as the documentation of the protocol uses, as a manual page.

use clap_mangen::roff::{Inline, Roff, bold, italic, roman};

/// Adds a document to a page; its title is left out, for the page has one.
pub fn write(page: &mut Roff, text: &str) {
    let mut lines = text.lines().peekable();
    // A paragraph begins by itself there.
    let mut below_heading = true;
    while let Some(line) = lines.next() {
        if let Some(heading) = line.strip_prefix("### ") {
            page.control("SS", [heading]);
            below_heading = true;
            continue;
        } else if let Some(heading) = line.strip_prefix("## ") {
            page.control("SH", [heading.to_uppercase().as_str()]);
            below_heading = true;
            continue;
        } else if line.starts_with("```") {
            page.control("nf", []);
            for line in lines.by_ref().take_while(|line| !line.starts_with("```")) {
                page.text([roman(line)]);
            }
            page.control("fi", []);
        } else if line.starts_with('|') {
            let rows: Vec<_> = std::iter::from_fn(|| lines.next_if(|line| line.starts_with('|'))).collect();
            table(page, line, &rows);
        } else if !line.is_empty() && !line.starts_with("# ") {
            let mut whole = vec![line];
            whole.extend(std::iter::from_fn(|| lines.next_if(|line| goes_on(line))));
            paragraph(page, &words(&whole), below_heading);
        } else {
            continue;
        }
        below_heading = false;
    }
}

/// Whether a line belongs to the paragraph, or the point of a list, before it.
fn goes_on(line: &str) -> bool {
    !(line.is_empty() || ["- ", "|", "#", "```"].iter().any(|start| line.starts_with(start)))
}

fn words(lines: &[&str]) -> String {
    lines.iter().flat_map(|line| line.split_whitespace()).collect::<Vec<_>>().join(" ")
}

fn paragraph(page: &mut Roff, text: &str, below_heading: bool) {
    match text.strip_prefix("- ") {
        Some(point) => {
            page.control("IP", ["\u{2022}", "2"]);
            page.text(inline(point));
        }
        None => {
            if !below_heading {
                page.control("PP", []);
            }
            page.text(inline(text));
        }
    }
}

/// Each row is its first cell, with the others below it behind what their columns are called.
fn table(page: &mut Roff, head: &str, rows: &[&str]) {
    let names = cells(head);
    // Below the head are dashes.
    for row in rows.iter().skip(1).map(|row| cells(row)) {
        page.control("TP", []);
        page.text(inline(&row[0]));
        let mut text = Vec::new();
        for (number, (name, cell)) in names.iter().zip(&row).skip(1).enumerate() {
            if number > 0 {
                text.push(roman("; "));
            }
            if names.len() > 2 {
                text.extend([italic(name.as_str()), roman(": ")]);
            }
            text.extend(inline(cell));
        }
        page.text(text);
    }
}

fn cells(row: &str) -> Vec<String> {
    // A bar of a cell's text is written with a backslash.
    let row = row.trim().trim_matches('|').replace("\\|", "\0");
    row.split('|').map(|cell| cell.trim().replace('\0', "|")).collect()
}

/// What is code or strong is bold; of a link its text stays.
fn inline(text: &str) -> Vec<Inline> {
    let mut parts = Vec::new();
    for (number, part) in text.split('`').enumerate() {
        if number % 2 == 1 {
            parts.push(bold(part));
            continue;
        }
        for (number, part) in part.split("**").enumerate() {
            let part = without_links(part);
            parts.push(if number % 2 == 1 { bold(part) } else { roman(part) });
        }
    }
    parts
}

fn without_links(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, link)) = rest.split_once('[')
        && let Some((name, behind)) = link.split_once("](")
        && let Some((_, after)) = behind.split_once(')')
    {
        out += before;
        out += name;
        rest = after;
    }
    out + rest
}
