use std::sync::Arc;

use super::super::testing::{record, text};
use super::*;

fn numbered(number: usize) -> Record {
    record(move || tracing::info!("{number}"))
}

fn written(work: Work) -> String {
    match work {
        Work::Write(record) => text(&record).trim_end().rsplit(' ').next().unwrap().to_owned(),
        other => format!("{other:?}"),
    }
}

#[test]
fn records_come_out_in_the_order_they_went_in() {
    let queue = Queue::default();
    (0..3).for_each(|number| queue.put(numbered(number)));
    let out: Vec<_> = (0..3).map(|_| written(queue.next(None))).collect();
    assert_eq!(out, ["0", "1", "2"]);
    assert!(matches!(queue.next(Some(Instant::now())), Work::Wait));
}

#[test]
fn a_full_queue_counts_what_it_does_not_take() {
    let queue = Queue::default();
    (0..CAPACITY + 7).for_each(|number| queue.put(numbered(number)));
    assert_eq!((queue.take_lost(), queue.take_lost()), (7, 0));
    assert_eq!(written(queue.next(None)), "0");
    queue.write_here();
    queue.put(numbered(1));
    queue.put(numbered(2));
    assert_eq!(queue.take_lost(), 0, "the writer itself is always heard");
}

#[test]
fn a_wish_for_a_new_file_does_not_wait_behind_records() {
    let queue = Queue::default();
    queue.put(numbered(0));
    queue.reopen();
    queue.reopen();
    assert!(matches!(queue.next(None), Work::Reopen));
    assert_eq!(written(queue.next(None)), "0");
}

#[test]
fn the_end_comes_when_all_is_written() {
    let queue = Queue::default();
    queue.begin();
    queue.put(numbered(0));
    assert!(!queue.finish(Duration::ZERO), "nobody has written it");
    assert_eq!(written(queue.next(None)), "0");
    assert!(matches!(queue.next(None), Work::End));
    queue.end();
    assert!(queue.finish(Duration::ZERO));
    queue.put(numbered(1));
    assert!(queue.state().records.is_empty(), "nobody would take it out");
}

#[test]
fn a_flush_waits_for_what_was_there_and_not_for_what_comes_later() {
    let queue = Arc::new(Queue::default());
    queue.begin();
    queue.put(numbered(0));
    assert!(!queue.flush(Duration::ZERO));
    let writer = Arc::clone(&queue);
    let writing = thread::spawn(move || {
        // Not before somebody waits for it.
        while writer.state().others_wait == 0 {
            thread::yield_now();
        }
        assert_eq!(written(writer.next(None)), "0");
        writer.put(numbered(1));
        assert_eq!(written(writer.next(None)), "1");
    });
    assert!(queue.flush(Duration::from_secs(60)));
    writing.join().unwrap();
}

#[test]
fn nobody_waits_where_nobody_writes() {
    let queue = Queue::default();
    queue.put(numbered(0));
    assert!(!queue.flush(Duration::MAX) && !queue.finish(Duration::MAX));
    queue.begin();
    queue.write_here();
    assert!(!queue.flush(Duration::MAX), "it would wait for itself");
    queue.end();
    assert!(!queue.flush(Duration::MAX));
}

#[test]
fn work_wakes_the_writer() {
    let queue = Arc::new(Queue::default());
    let writer = Arc::clone(&queue);
    let writing = thread::spawn(move || written(writer.next(None)));
    while !queue.state().writer_waits {
        thread::yield_now();
    }
    queue.put(numbered(5));
    assert_eq!(writing.join().unwrap(), "5");
}
