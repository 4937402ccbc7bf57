//! The screen, drawn from what is known. What there is no room for is left out: first the levels, then the graphs.

mod head;
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
use crate::admin::messages::{RUNNING, Top};
use crate::ctl::output::{duration, plain};

use head::Item;

/// Below this nothing of use can be shown.
const LEAST: (u16, u16) = (40, 8);
/// Lines that the levels take: a heading and ten.
const LEVELS: u16 = 11;
/// From so many lines on there is room for the levels, and from so many on for the graphs as well.
const WITH_LEVELS: u16 = 20;
const WITH_GRAPHS: u16 = 24;
/// And for a second line about the router, if one has not room for all of it.
const WITH_FIGURES: u16 = 12;

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
        let about = self.about(area);
        let [head, rates, middle, rest, keys] = Layout::vertical([
            Constraint::Length(about.len() as u16),
            Constraint::Length(graphs),
            Constraint::Length(levels),
            Constraint::Min(0),
            Constraint::Length(u16::from(self.keys)),
        ])
        .areas(area);
        Paragraph::new(about).render(head, page);
        self.rates(rates, page);
        if let Some(seen) = self.state.seen.as_ref().filter(|_| levels > 0) {
            levels::render(&self, &seen.top, middle, page);
        }
        let part = (area.width * 32 / 100).max(tables::NARROWEST);
        let [topics, slowest] =
            Layout::horizontal([Constraint::Length(part), Constraint::Fill(1)]).spacing(2).areas(rest);
        tables::topics(&self, topics, page);
        tables::slowest(&self, slowest, page);
        Paragraph::new(KEYS).style(self.dim()).render(keys, page);
        if self.state.help {
            self.help(area, page);
        }
    }
}

impl View<'_> {
    /// The lines at the top: who it is and how it is, and what there is to know first.
    fn about(&self, area: Rect) -> Vec<Line<'_>> {
        let Some(seen) = &self.state.seen else {
            return vec![Line::from(" gadugi-router"), self.condition()];
        };
        let width = usize::from(area.width);
        let (identity, figures) = (self.identity(seen), self.figures(&seen.top));
        let all: Vec<_> = identity.iter().chain(&figures).cloned().collect();
        if head::width(&all) <= width || area.height < WITH_FIGURES {
            vec![head::line(all, width), self.condition()]
        } else {
            vec![head::line(identity, width), head::line(figures, width), self.condition()]
        }
    }

    fn identity(&self, Seen { version, url, top }: &Seen) -> Vec<Item<'_>> {
        let (is_running, is_well) = (top.phase == RUNNING, top.health == "healthy");
        vec![
            Item::of(9, vec![Span::styled(format!("gadugi-router {}", plain(version)), self.bold())]),
            Item::of(4, vec![Span::raw(plain(url))]),
            Item::of(7, vec![Span::styled(plain(&top.phase), self.good(is_running))]),
            Item::of(8, vec![Span::styled(plain(&top.health), self.good(is_well))]),
        ]
    }

    fn figures(&self, top: &Top) -> Vec<Item<'_>> {
        let item = |worth, name, text: String| Item::of(worth, vec![Span::raw(format!("{name} {text}"))]);
        vec![
            item(1, "up", duration(top.uptime)),
            item(5, "clients", count(top.clients)),
            item(3, "subscriptions", count(top.subscriptions)),
            item(6, "dead letters", count(top.dead_letters)),
        ]
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
        let speed = Span::styled(format!("{}/s", rate(trend.now)), self.bold());
        let since = Span::styled(format!("{} since the start", count(total)), self.dim());
        let items = vec![Item::of(2, vec![Span::raw(format!("{name} ")), speed]), Item::of(1, vec![since])];
        let head_line = head::line(items, usize::from(head.width));
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
