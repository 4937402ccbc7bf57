//! The screen, drawn from what is known. What there is no room for is left out: first the levels, then the graphs.

mod levels;
mod tables;

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span, Text};
use ratatui::widgets::{Cell, Clear, Paragraph, Sparkline, Widget};

use super::columns::{count, rate};
use super::state::{State, Trend};
use super::watch::Seen;
use crate::ctl::output::{duration, plain};

/// Below this nothing of use can be shown.
const LEAST: (u16, u16) = (40, 8);
/// Lines that the levels take: a heading and ten.
const LEVELS: u16 = 11;
/// From so many lines on there is room for the levels, and from so many on for the graphs as well.
const WITH_LEVELS: u16 = 20;
const WITH_GRAPHS: u16 = 24;

const KEYS: &str = " q quit  p pause  sort by e events b bytes s seconds  t topics by rate or name  ? help";
const HELP: [&str; 12] = [
    " q Esc Ctrl-C   quit",
    " p Space        pause, and go on",
    " e b s          sort the slowest subscribers by events, bytes, or how far behind they are",
    " t              sort the topics by rate, or by name",
    " ? h            this help, and away with it",
    "",
    " in, out        events accepted and deliveries made in a second, since the last look",
    " queued         events that wait to be matched; if there are none, what waits for the slowest subscribers",
    " queue, total   latency since the start: until an event was matched, and until it was handed to the socket",
    " slowest        the subscribers for which the most waits, and for how long the oldest of it does",
    "",
    " Everything as JSON: gadugi-routerctl top --json",
];

/// The whole screen.
pub(super) struct View<'a> {
    pub state: &'a State,
    /// With colours.
    pub colour: bool,
    /// With the line of keys.
    pub keys: bool,
}

impl Widget for View<'_> {
    fn render(self, area: Rect, page: &mut Buffer) {
        if area.width < LEAST.0 || area.height < LEAST.1 {
            let text = format!("too small: {}x{} is needed", LEAST.0, LEAST.1);
            return Paragraph::new(text).render(area, page);
        }
        let graphs = if area.height >= WITH_GRAPHS { 3 } else { 1 };
        let levels = if area.height >= WITH_LEVELS { LEVELS } else { 0 };
        let [head, rates, middle, rest, keys] = Layout::vertical([
            Constraint::Length(2),
            Constraint::Length(graphs),
            Constraint::Length(levels),
            Constraint::Min(0),
            Constraint::Length(u16::from(self.keys)),
        ])
        .areas(area);
        self.head(head, page);
        self.rates(rates, page);
        if let Some(seen) = self.state.seen.as_ref().filter(|_| levels > 0) {
            levels::render(&self, &seen.top, middle, page);
        }
        let [topics, slowest] =
            Layout::horizontal([Constraint::Percentage(32), Constraint::Fill(1)]).spacing(2).areas(rest);
        tables::topics(&self, topics, page);
        tables::slowest(&self, slowest, page);
        Paragraph::new(KEYS).style(self.dim()).render(keys, page);
        if self.state.help {
            self.help(area, page);
        }
    }
}

impl View<'_> {
    fn head(&self, area: Rect, page: &mut Buffer) {
        let first = match &self.state.seen {
            Some(seen) => self.identity(seen),
            None => Line::from(" gadugi-router"),
        };
        Paragraph::new(vec![first, self.condition()]).render(area, page);
    }

    fn identity(&self, Seen { version, url, top }: &Seen) -> Line<'_> {
        let is_well = top.health == "healthy";
        Line::from(vec![
            Span::styled(format!(" gadugi-router {}", plain(version)), self.bold()),
            Span::raw(format!("  {}  ", plain(url))),
            Span::styled(plain(&top.phase), self.good(top.phase == "running")),
            Span::raw("  "),
            Span::styled(plain(&top.health), self.good(is_well)),
            Span::raw(format!(
                "  up {}  clients {}  subscriptions {}  dead letters {}",
                duration(top.uptime),
                count(top.clients),
                count(top.subscriptions),
                count(top.dead_letters)
            )),
        ])
    }

    /// What the viewer has to know first.
    fn condition(&self) -> Line<'_> {
        let bad = self.good(false).add_modifier(Modifier::BOLD);
        if let Some(why) = &self.state.gone {
            return Line::styled(format!(" no router; trying again: {}", plain(why)), bad);
        }
        if self.state.paused {
            return Line::styled(" PAUSED: p goes on", self.bold());
        }
        let errors = self.state.seen.as_ref().map(|seen| seen.top.errors.join("; ")).unwrap_or_default();
        if errors.is_empty() {
            let every = self.state.interval.as_secs_f64();
            return Line::styled(format!(" every {every} s"), self.dim());
        }
        Line::styled(format!(" {}", plain(&errors)), bad)
    }

    fn rates(&self, area: Rect, page: &mut Buffer) {
        let halves: [Rect; 2] =
            Layout::horizontal([Constraint::Fill(1), Constraint::Fill(1)]).spacing(2).areas(area);
        let top = self.state.seen.as_ref().map(|seen| &seen.top);
        let (accepted, delivered) = top.map_or((0, 0), |top| (top.totals.accepted, top.totals.delivered));
        let both = [("in", &self.state.accepted, accepted), ("out", &self.state.delivered, delivered)];
        for (half, (name, trend, total)) in halves.into_iter().zip(both) {
            self.trend(name, trend, total, half, page);
        }
    }

    fn trend(&self, name: &str, trend: &Trend, total: u64, area: Rect, page: &mut Buffer) {
        let [head, graph] = Layout::vertical([Constraint::Length(1), Constraint::Min(0)]).areas(area);
        let head_line = Line::from(vec![
            Span::raw(format!(" {name} ")),
            Span::styled(format!("{}/s", rate(trend.now)), self.bold()),
            Span::styled(format!("  {} since the start", count(total)), self.dim()),
        ]);
        Paragraph::new(head_line).render(head, page);
        let [_, graph] = Layout::horizontal([Constraint::Length(1), Constraint::Min(0)]).areas(graph);
        let first = trend.past.len().saturating_sub(usize::from(graph.width));
        let newest = trend.past.iter().skip(first).copied();
        Sparkline::default().data(newest).style(self.coloured(Color::Cyan)).render(graph, page);
    }

    fn help(&self, area: Rect, page: &mut Buffer) {
        let box_ = Rect { y: area.y + 2, height: area.height.saturating_sub(2), ..area };
        Clear.render(box_, page);
        Paragraph::new(HELP.map(Line::from).to_vec()).render(box_, page);
    }

    fn bold(&self) -> Style {
        Style::default().add_modifier(Modifier::BOLD)
    }

    fn dim(&self) -> Style {
        Style::default().add_modifier(Modifier::DIM)
    }

    fn heading(&self) -> Style {
        Style::default().add_modifier(Modifier::REVERSED)
    }

    fn good(&self, is_good: bool) -> Style {
        self.coloured(if is_good { Color::Green } else { Color::Red })
    }

    /// Only if there are colours.
    fn coloured(&self, colour: Color) -> Style {
        if self.colour { Style::default().fg(colour) } else { Style::default() }
    }
}

/// A number in a column.
fn right(text: impl Into<String>) -> Cell<'static> {
    Cell::from(Text::from(text.into()).right_aligned())
}

#[cfg(test)]
mod tests;
