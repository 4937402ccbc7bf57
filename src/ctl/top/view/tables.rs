//! The busiest topics and the slowest subscribers.

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Rect};
use ratatui::text::Text;
use ratatui::widgets::{Cell, Row, Table, Widget};

use super::{View, right};
use crate::admin::messages::Client;
use crate::ctl::output::plain;
use crate::ctl::top::columns::{bytes, count, rate, seconds};
use crate::ctl::top::state::{Order, TopicOrder};

/// From so many columns on there is room for all of a subscriber's.
const WIDE: u16 = 70;
/// Marks the column that rows are sorted by.
const SORTED: &str = "▼";

pub(super) fn topics(view: &View<'_>, area: Rect, page: &mut Buffer) {
    let topics = view.state.topics();
    let rows = topics.iter().map(|&(topic, by_second)| {
        Row::new([Cell::from(format!(" {}", plain(topic))), right(rate(by_second))])
    });
    let others = view.state.seen.as_ref().map_or(0, |seen| seen.top.other_topics);
    let more = if others > 0 { " (THE BUSIEST)" } else { "" };
    let (name, speed) = match view.state.topic_order {
        TopicOrder::Name => (SORTED, ""),
        TopicOrder::Rate => ("", SORTED),
    };
    let heading = Row::new([Cell::from(format!(" TOPIC{name}{more}")), right(format!("{speed}EVENTS/s"))]);
    let widths = [Constraint::Fill(1), Constraint::Length(10)];
    Widget::render(Table::new(rows, widths).header(heading.style(view.heading())), area, page);
}

pub(super) fn slowest(view: &View<'_>, area: Rect, page: &mut Buffer) {
    let is_wide = area.width >= WIDE;
    let rows: Vec<_> =
        view.state.slowest().into_iter().map(|client| Row::new(shown(subscriber(client), is_wide))).collect();
    let is_empty = rows.is_empty();
    let mark = |order| if view.state.order == order { SORTED } else { "" };
    let heading = [
        Cell::from("SLOWEST"),
        Cell::from("SUBSCRIPTION"),
        right(format!("{}EVENTS", mark(Order::Events))),
        right(format!("{}BYTES", mark(Order::Bytes))),
        right(format!("{}BEHIND", mark(Order::Seconds))),
        right("MISSED"),
    ];
    let widths = [
        Constraint::Fill(3),
        Constraint::Fill(2),
        Constraint::Length(9),
        Constraint::Length(8),
        Constraint::Length(8),
        Constraint::Length(7),
    ];
    let heading = Row::new(shown(heading, is_wide)).style(view.heading());
    Widget::render(Table::new(rows, shown(widths, is_wide)).header(heading), area, page);
    if is_empty && area.height > 1 {
        let below = Rect { y: area.y + 1, height: 1, ..area };
        Text::styled("nothing waits for anybody", view.dim()).render(below, page);
    }
}

/// Where there is little room, only who it is and what the rows are sorted by.
fn shown<T>(columns: [T; 6], is_wide: bool) -> Vec<T> {
    let [who, subscription, events, bytes, behind, missed] = columns;
    if is_wide {
        vec![who, subscription, events, bytes, behind, missed]
    } else {
        vec![who, events, bytes, behind]
    }
}

fn subscriber(client: &Client) -> [Cell<'static>; 6] {
    let software = client.software.as_deref().unwrap_or_default();
    let id = client.id.get(..8).unwrap_or(&client.id);
    let parts = [software, id, &client.remote].into_iter().filter(|part| !part.is_empty());
    let who = parts.collect::<Vec<_>>().join(" ");
    let subscription = client.slowest_subscription.as_ref().map_or("-".to_owned(), |slowest| {
        let topics = if slowest.topics.is_empty() { "*".to_owned() } else { slowest.topics.join(",") };
        if slowest.more_topics > 0 { format!("{topics},+{}", slowest.more_topics) } else { topics }
    });
    [
        Cell::from(plain(&who)),
        Cell::from(plain(&subscription)),
        right(count(client.waiting_events as u64)),
        right(bytes(client.waiting_bytes)),
        right(seconds(client.behind_seconds)),
        right(count(client.evicted)),
    ]
}
