//! The busiest topics and the slowest subscribers.

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Rect};
use ratatui::text::Text;
use ratatui::widgets::{Cell, Row, Table, Widget};

use super::{View, right};
use crate::admin::messages::Client;
use crate::ctl::output::{patterns, plain};
use crate::ctl::top::columns::{bytes, count, rate, seconds};
use crate::ctl::top::state::{Order, TopicOrder};

/// Shorter names say nothing.
const NAME: u16 = 8;
/// Columns that the rate of a topic takes.
const RATE: u16 = 10;
/// Columns that the topics take at least: a space, a name, a space, and the rate.
pub(super) const NARROWEST: u16 = 1 + NAME + 1 + RATE;
/// From so many columns on there is room for all of a subscriber's, and from so many on for more than what the rows are
/// sorted by.
const WIDE: u16 = 70;
const MIDDLE: u16 = NAME + 28;
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
    let widths = [Constraint::Fill(1), Constraint::Length(RATE)];
    Widget::render(Table::new(rows, widths).header(heading.style(view.heading())), area, page);
}

pub(super) fn slowest(view: &View<'_>, area: Rect, page: &mut Buffer) {
    let order = view.state.order;
    let rows = view.state.slowest().into_iter();
    let rows: Vec<_> = rows.map(|client| Row::new(shown(subscriber(client), area.width, order))).collect();
    let is_empty = rows.is_empty();
    let mark = |by| if order == by { SORTED } else { "" };
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
    let heading = Row::new(shown(heading, area.width, order)).style(view.heading());
    Widget::render(Table::new(rows, shown(widths, area.width, order)).header(heading), area, page);
    if is_empty && area.height > 1 {
        let below = Rect { y: area.y + 1, height: 1, ..area };
        Text::styled("nothing waits for anybody", view.dim()).render(below, page);
    }
}

/// Where there is little room, only who it is and what the rows may be sorted by, or are.
fn shown<T>(columns: [T; 6], width: u16, order: Order) -> Vec<T> {
    let [who, subscription, events, bytes, behind, missed] = columns;
    if width >= WIDE {
        vec![who, subscription, events, bytes, behind, missed]
    } else if width >= MIDDLE {
        vec![who, events, bytes, behind]
    } else {
        let sorted_by = match order {
            Order::Events => events,
            Order::Bytes => bytes,
            Order::Seconds => behind,
        };
        vec![who, sorted_by]
    }
}

fn subscriber(client: &Client) -> [Cell<'static>; 6] {
    let software = client.software.as_deref().unwrap_or_default();
    let id = client.id.get(..8).unwrap_or(&client.id);
    let parts = [software, id, &client.remote].into_iter().filter(|part| !part.is_empty());
    let who = parts.collect::<Vec<_>>().join(" ");
    let subscription = client
        .slowest_subscription
        .as_ref()
        .map_or("-".to_owned(), |slowest| patterns(&slowest.topics, slowest.more_topics));
    [
        Cell::from(plain(&who)),
        Cell::from(subscription),
        right(count(client.waiting_events as u64)),
        right(bytes(client.waiting_bytes)),
        right(seconds(client.behind_seconds)),
        right(count(client.evicted)),
    ]
}
