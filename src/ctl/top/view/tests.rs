//! Drawn into memory, in all sizes.

use std::time::Duration;

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::style::Color;

use super::*;
use crate::admin::messages::{Client, Latency, Quantiles, Rates, Slowest, Top, Topic, Totals};
use crate::ctl::top::state::{Order, TopicOrder};

fn client(name: &str, (events, bytes, seconds): (usize, usize, f64)) -> Client {
    Client {
        id: "4b1d0000-0000-4000-8000-000000000000".to_owned(),
        remote: "127.0.0.1:50412".to_owned(),
        software: Some(name.to_owned()),
        connected_for: 7.0,
        connected_since: None,
        subscriptions: 1,
        waiting_events: events,
        waiting_bytes: bytes,
        depth: [0, 0, 0, 0, events, 0, 0, 0, 0, 0],
        in_flight: 15,
        behind_seconds: seconds,
        slowest_subscription: Some(Slowest {
            id: "s".to_owned(),
            topics: vec!["task.*".to_owned()],
            more_topics: 2,
            waiting_events: events,
        }),
        published: 0,
        published_rate: 0.0,
        delivered: 0,
        delivered_rate: 0.0,
        evicted: 12,
    }
}

fn top(uptime: f64, events: u64) -> Top {
    let quantiles = Quantiles { count: 1, p50: Some(0.000_152), p99: Some(0.002) };
    let topic = |topic: &str, events| Topic { topic: topic.to_owned(), events };
    Top {
        uptime,
        phase: "running".to_owned(),
        health: "healthy".to_owned(),
        errors: Vec::new(),
        clients: 3,
        subscriptions: 4,
        totals: Totals { accepted: events, refused: 0, matched: 0, delivered: 3 * events },
        rates: Rates { accepted: 1.0, delivered: 2.0 },
        dead_letters: 0,
        queue_depth: [0; 10],
        queue_capacity: 10_000,
        waiting_deliveries: 0,
        latency: vec![Latency { priority: 5, queue_wait: quantiles, delivery: quantiles }],
        topics: vec![topic("b.often", 3 * events), topic("a.seldom", events)],
        other_topics: 0,
        topics_seconds: uptime,
        slowest: vec![
            client("many", (90, 10, 1.0)),
            client("large", (20, 5_000, 2.0)),
            client("late", (5, 7, 30.0)),
        ],
    }
}

fn seen(top: Top) -> Seen {
    Seen { version: "9.8.7".to_owned(), url: "ws://localhost:9090".to_owned(), top: Box::new(top) }
}

fn state() -> State {
    let mut state = State::new(Duration::from_secs(1));
    state.saw(seen(top(10.0, 1_000)));
    state.saw(seen(top(12.0, 5_000)));
    state
}

fn drawn(state: &State, (width, height): (u16, u16), colour: bool) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    let view = View { state, colour, keys: true };
    terminal.draw(|frame| frame.render_widget(view, frame.area())).unwrap();
    terminal.backend().buffer().clone()
}

fn text(state: &State, size: (u16, u16)) -> String {
    let page = drawn(state, size, false);
    let rows = page.content.chunks(usize::from(size.0));
    rows.map(|row| row.iter().map(|cell| cell.symbol()).collect::<String>() + "\n").collect()
}

fn places(text: &str, words: [&str; 3]) -> [usize; 3] {
    words.map(|word| text.find(word).unwrap_or_else(|| panic!("{word} in\n{text}")))
}

#[test]
fn all_parts_are_shown_where_there_is_room() {
    let shown = text(&state(), (120, 40));
    for part in [
        "gadugi-router 9.8.7  ws://localhost:9090  running  healthy  up 12s  clients 3  subscriptions 4",
        " in 2,000/s  5,000 since the start",
        " out 6,000/s  15,000 since the start",
        "QUEUED 0, WAITING FOR THE SLOWEST (+45 BEING WRITTEN)",
        " 10 SYSTEM",
        "152 µs",
        "many 4b1d0000",
        "task.* +2 more",
        "4.9 KiB",
        "q quit",
    ] {
        assert!(shown.contains(part), "{part} in\n{shown}");
    }
}

#[test]
fn what_is_queued_comes_before_what_waits_elsewhere() {
    let mut state = state();
    let mut next = top(13.0, 6_000);
    next.queue_depth[9] = 20;
    next.queue_depth[0] = 10;
    state.saw(seen(next));
    let shown = text(&state, (120, 40));
    assert!(shown.contains("QUEUED 30 OF 10,000"), "{shown}");
    let line = |name: &str| shown.lines().find(|line| line.contains(name)).unwrap().matches('█').count();
    assert_eq!(line("10 SYSTEM"), 2 * line("1 LOWEST"));
}

#[test]
fn rows_are_sorted_as_the_viewer_wants() {
    let mut state = state();
    for (order, words) in [
        (Order::Events, ["many ", "large ", "late "]),
        (Order::Bytes, ["large ", "many ", "late "]),
        (Order::Seconds, ["late ", "large ", "many "]),
    ] {
        state.order = order;
        assert!(places(&text(&state, (120, 40)), words).is_sorted(), "{order:?}");
    }
    assert!(places(&text(&state, (120, 40)), ["TOPIC", "b.often", "a.seldom"]).is_sorted());
    state.topic_order = TopicOrder::Name;
    assert!(places(&text(&state, (120, 40)), ["TOPIC▼", "a.seldom", "b.often"]).is_sorted());
}

#[test]
fn no_size_is_too_small_to_be_drawn() {
    let mut state = state();
    for help in [false, true] {
        state.help = help;
        for width in [1, 2, 20, 39, 40, 63, 64, 80, 300] {
            for height in [1, 2, 7, 8, 9, 12, 19, 20, 23, 24, 100] {
                let shown = text(&state, (width, height));
                assert_eq!(
                    shown.contains("too small"),
                    width >= 20 && (width < 40 || height < 8),
                    "{width}x{height}"
                );
            }
        }
    }
}

#[test]
fn what_has_no_room_at_the_top_is_left_out_whole_or_gets_a_line_of_its_own() {
    let mut state = state();
    let mut many = top(13.0, 6_000);
    (many.clients, many.subscriptions, many.dead_letters) = (1_000, 12_345, 4_227_001);
    state.saw(seen(many));
    let wide = " gadugi-router 9.8.7  ws://localhost:9090  running  healthy  up 13s  clients 1,000  subscriptions 12,345  dead letters 4,227,001";
    for (size, first, second) in [
        ((130, 40), wide, " every 1 s"),
        ((120, 40), &wide[..59], &format!(" {}", &wide[61..])),
        ((80, 24), &wide[..59], &format!(" {}", &wide[61..])),
        ((40, 12), " gadugi-router 9.8.7  running  healthy", " clients 1,000  dead letters 4,227,001"),
        (
            (80, 8),
            " gadugi-router 9.8.7  running  healthy  clients 1,000  dead letters 4,227,001",
            " every 1 s",
        ),
    ] {
        let shown = text(&state, size);
        let lines: Vec<_> = shown.lines().map(str::trim_end).take(2).collect();
        assert_eq!(lines, [first, second], "{size:?}");
    }
}

#[test]
fn names_have_eight_columns_however_narrow_it_is() {
    let mut state = state();
    for (order, word) in [(Order::Events, "▼EVENTS"), (Order::Bytes, "▼BYTES"), (Order::Seconds, "▼BEHIND")]
    {
        state.order = order;
        let shown = text(&state, (40, 12));
        for part in [" a.seldom ", " b.often ", " in 2,000/s ", "many 4b1", word] {
            assert!(shown.contains(part) && !shown.contains("15,00"), "{part} in\n{shown}");
        }
    }
}

#[test]
fn without_colours_there_are_none() {
    let colours = |colour| {
        let page = drawn(&state(), (120, 40), colour);
        page.content.iter().filter(|cell| cell.fg != Color::Reset || cell.bg != Color::Reset).count()
    };
    assert_eq!(colours(false), 0);
    assert!(colours(true) > 10);
}

#[test]
fn what_others_have_written_is_shown_as_they_meant_it_least() {
    let mut state = state();
    let mut next = top(13.0, 6_000);
    next.slowest[0].software = Some("\x1b[2Jevil".to_owned());
    next.topics[0].topic = "日本\u{7}語".to_owned();
    state.saw(seen(next));
    let shown = text(&state, (120, 40));
    assert!(
        shown.contains("\\u{1b}[2Jevil") && !shown.contains('\x1b') && !shown.contains('\u{7}'),
        "{shown}"
    );
}

#[test]
fn a_router_that_is_gone_and_a_pause_are_told() {
    let mut state = state();
    state.missed("nobody answers".to_owned());
    assert!(text(&state, (120, 40)).contains("no router; trying again: nobody answers"));
    state.paused = true;
    state.saw(seen(top(14.0, 9_000)));
    let shown = text(&state, (120, 40));
    assert!(shown.contains("PAUSED") && shown.contains("5,000 since the start"), "{shown}");
}

#[test]
fn one_that_was_started_again_counts_from_zero() {
    let mut state = state();
    state.saw(seen(top(0.5, 10)));
    assert!(text(&state, (120, 40)).contains(" in 1.0/s  10 since the start"));
    assert_eq!(state.topics()[0], ("b.often", 60.0));
}
