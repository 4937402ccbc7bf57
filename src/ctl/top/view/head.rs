//! Lines of several items, of which those that are worth least are left out when there is no room: half a number misleads.

use ratatui::text::{Line, Span};

/// Between two items.
const GAP: &str = "  ";

/// A part of a line.
#[derive(Clone)]
pub(super) struct Item<'a> {
    /// What is worth less goes first.
    worth: u8,
    spans: Vec<Span<'a>>,
}

impl<'a> Item<'a> {
    /// No two in a line are worth the same.
    pub fn of(worth: u8, spans: Vec<Span<'a>>) -> Self {
        Self { worth, spans }
    }
}

/// How many columns they take in a line.
pub(super) fn width(items: &[Item<'_>]) -> usize {
    let spans: usize = items.iter().flat_map(|item| &item.spans).map(Span::width).sum();
    1 + spans + GAP.len() * items.len().saturating_sub(1)
}

/// As many of them as there is room for, the last one whether or not there is.
pub(super) fn line<'a>(mut items: Vec<Item<'a>>, room: usize) -> Line<'a> {
    while width(&items) > room && items.len() > 1 {
        let least = items.iter().map(|item| item.worth).min();
        items.retain(|item| Some(item.worth) != least);
    }
    let mut spans = Vec::new();
    for item in items {
        spans.push(Span::raw(if spans.is_empty() { " " } else { GAP }));
        spans.extend(item.spans);
    }
    Line::from(spans)
}
