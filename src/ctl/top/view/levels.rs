//! The ten priorities: what is queued as bars, and how long events took.

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Rect};
use ratatui::style::{Color, Style};
use ratatui::widgets::{Cell, Row, Table, Widget};

use super::{View, right};
use crate::admin::messages::{Quantiles, Top};
use crate::ctl::top::columns::{bar, count, seconds};
use crate::protocol::Priority;

/// Columns that everything beside the bars takes, and what is left of that without the latencies.
const NUMBERS: u16 = 64;
const DEPTH: u16 = 24;
/// Bars that are shorter say little.
const SHORTEST: u16 = 10;

/// What the bars are of.
struct Bars {
    heading: String,
    /// By priority, 1 to 10.
    depth: [usize; Priority::LEVELS],
}

impl Bars {
    /// The queue; while that is empty, what waits for subscribers.
    fn of(top: &Top) -> Self {
        let queued: usize = top.queue_depth.iter().sum();
        let capacity = count(top.queue_capacity as u64);
        if queued > 0 {
            let heading = format!("QUEUED {} OF {capacity}", count(queued as u64));
            return Self { heading, depth: top.queue_depth };
        }
        let mut depth = [0; Priority::LEVELS];
        for client in &top.slowest {
            depth.iter_mut().zip(client.depth).for_each(|(sum, own)| *sum += own);
        }
        if depth.iter().all(|&waiting| waiting == 0) {
            return Self { heading: format!("QUEUED 0 OF {capacity}"), depth };
        }
        let heading = match top.slowest.iter().map(|client| client.in_flight).sum::<usize>() {
            0 => "QUEUED 0, WAITING FOR THE SLOWEST".to_owned(),
            // They are in no level any more.
            more => format!("QUEUED 0, WAITING FOR THE SLOWEST (+{} BEING WRITTEN)", count(more as u64)),
        };
        Self { heading, depth }
    }
}

/// A line each, the highest first.
pub(super) fn render(view: &View<'_>, top: &Top, area: Rect, page: &mut Buffer) {
    let bars = Bars::of(top);
    let longest = bars.depth.iter().copied().max().unwrap_or(0);
    // Where there is little room, the latencies are left out.
    let is_wide = area.width >= NUMBERS + SHORTEST;
    let numbers = if is_wide { NUMBERS } else { DEPTH };
    let width = area.width.saturating_sub(numbers);
    let kept = |columns: [Cell<'static>; 7]| Row::new(columns.into_iter().take(if is_wide { 7 } else { 3 }));
    let row = |priority: Priority| {
        let waiting = bars.depth[priority.index()];
        let name = format!(" {:>2} {}", priority.get(), priority.name().unwrap_or_default());
        let style = colour(view, priority);
        let latency = top.latency.iter().find(|latency| latency.priority == priority.get());
        let of = |which: Option<Quantiles>| {
            let shown = |time: Option<f64>| right(time.map(seconds).unwrap_or_default());
            let which = which.unwrap_or_default();
            [shown(which.p50), shown(which.p99)]
        };
        let [queue_half, queue_most] = of(latency.map(|latency| latency.queue_wait));
        let [total_half, total_most] = of(latency.map(|latency| latency.delivery));
        kept([
            Cell::from(name).style(style),
            Cell::from(bar(waiting, longest, usize::from(width))).style(style),
            if waiting > 0 { right(count(waiting as u64)) } else { Cell::default() },
            queue_half,
            queue_most,
            total_half,
            total_most,
        ])
    };
    let rows: Vec<_> = Priority::all().rev().map(row).collect();
    let heading = kept([
        Cell::from(" PRIORITY"),
        Cell::from(bars.heading),
        Cell::default(),
        right("QUEUE p50"),
        right("p99"),
        right("TOTAL p50"),
        right("p99"),
    ]);
    let widths = [
        Constraint::Length(12),
        Constraint::Length(width),
        Constraint::Length(9),
        Constraint::Length(9),
        Constraint::Length(8),
        Constraint::Length(9),
        Constraint::Length(8),
    ];
    Widget::render(Table::new(rows, widths).header(heading.style(view.heading())), area, page);
}

/// As `monitor` colours events.
fn colour(view: &View<'_>, priority: Priority) -> Style {
    match priority.get() {
        10 => view.coloured(Color::Magenta),
        9 => view.coloured(Color::Red),
        7 | 8 => view.coloured(Color::Yellow),
        5 | 6 => view.coloured(Color::Green),
        3 | 4 => view.coloured(Color::Cyan),
        _ => view.coloured(Color::DarkGray),
    }
}
