//! The life of a task, step by step and at random.

use super::*;
use crate::testing::numbered;

const PLENTY: Settings = Settings {
    max_queue_size: 0,
    use_multi_queue: false,
    max_clients: 0,
    max_subscriptions: 0,
    outbox_events: 1_000,
    outbox_size: 1 << 20,
    slow_consumer: super::super::SlowConsumer::Evict,
    dead_letters: 0,
};

fn acks(max_in_flight: u32, max_retries: u32) -> Acks {
    Acks { max_in_flight, timeout_ms: 30_000, max_retries, backlog_ms: None }
}

fn task(name: usize, priority: u8, deadline: Millis) -> Task {
    Task { event: numbered(name, priority), accepted: Stamp::default(), deadline, failed: Vec::new() }
}

fn ledger(max_in_flight: u32, max_retries: u32, priorities: &[u8]) -> Ledger<u8> {
    let mut ledger = Ledger::new(acks(max_in_flight, max_retries));
    for (name, &priority) in priorities.iter().enumerate() {
        ledger.offer(task(name, priority, Millis::MAX), &PLENTY, |_| unreachable!()).unwrap();
    }
    ledger
}

/// Assigns and sends.
fn send(ledger: &mut Ledger<u8>, member: u8, now: Millis) -> Option<(u64, String)> {
    let (id, _) = ledger.assign(member)?;
    Some((id, ledger.sent(member, id, now)?.event.id().to_owned()))
}

fn tick(ledger: &mut Ledger<u8>, now: Millis) -> Vec<Dead> {
    let mut dead = Vec::new();
    ledger.tick(now, |gone| dead.push(gone));
    dead
}

#[test]
fn a_member_has_no_more_than_its_window_and_the_urgent_passes_what_waits() {
    let mut ledger = ledger(2, 3, &[1, 1, 1]);
    let (first, _) = send(&mut ledger, 1, 0).unwrap();
    send(&mut ledger, 1, 0).unwrap();
    assert!(send(&mut ledger, 1, 0).is_none());
    ledger.offer(task(9, 10, Millis::MAX), &PLENTY, |_| unreachable!()).unwrap();
    assert_eq!(ledger.ack(1, first).unwrap().event.id(), "0");
    assert_eq!(send(&mut ledger, 1, 0).unwrap().1, "9");
    assert_eq!(send(&mut ledger, 2, 0).unwrap().1, "2", "another member has a window of its own");
}

#[test]
fn what_is_not_acknowledged_in_time_is_tried_again_and_then_dead_with_its_history() {
    let mut ledger = ledger(1, 1, &[5]);
    let (first, _) = send(&mut ledger, 1, 0).unwrap();
    assert_eq!(ledger.soonest(), 30_000);
    tick(&mut ledger, 29_999);
    assert_eq!(ledger.load(1), 1);
    assert!(tick(&mut ledger, 30_000).is_empty());
    assert!(ledger.ack(1, first).is_none(), "too late");
    assert!(ledger.assign(1).is_none(), "it rests");
    let rested = ledger.soonest();
    assert!((30_500..=31_000).contains(&rested));
    tick(&mut ledger, rested);
    let (second, _) = send(&mut ledger, 1, rested).unwrap();
    assert_ne!(first, second);
    let dead = ledger.nack(1, second, None, Some("no".into()), rested + 5).unwrap().unwrap();
    assert_eq!(dead.reason, Reason::Retries);
    let history: Vec<_> = dead.task.failed.iter().map(|attempt| (attempt.at, &attempt.failure)).collect();
    let said = Failure::Nacked(Some("no".into()));
    assert_eq!(history, [(30_000, &Failure::TimedOut), ((rested + 5).cast_signed(), &said)]);
    assert_eq!((ledger.len(), ledger.bytes(), ledger.soonest()), (0, 0, Millis::MAX));
}

#[test]
fn who_says_that_it_still_works_keeps_its_task_for_hours() {
    let mut ledger = ledger(1, 0, &[5]);
    let (id, _) = send(&mut ledger, 1, 0).unwrap();
    for beat in 1..=1_000 {
        let now = beat * 20_000;
        assert!(ledger.renew(1, id, now) && !ledger.renew(2, id, now));
        tick(&mut ledger, now + 19_999);
        assert_eq!(ledger.load(1), 1);
    }
    assert!(ledger.ack(2, id).is_none() && ledger.ack(1, id).is_some());
}

#[test]
fn who_leaves_gives_back_at_once_and_in_order() {
    let mut ledger = ledger(3, 1, &[5, 5, 5, 5]);
    send(&mut ledger, 1, 0).unwrap();
    send(&mut ledger, 1, 0).unwrap();
    // Assigned, and never sent: that is no attempt.
    ledger.assign(1).unwrap();
    ledger.leave(1, 7, |_| unreachable!());
    let order: Vec<_> = std::iter::from_fn(|| send(&mut ledger, 2, 7)).map(|(_, name)| name).collect();
    assert_eq!(order, ["0", "1", "2"]);
    let mut dead = Vec::new();
    ledger.leave(2, 8, |gone| dead.push(gone));
    assert_eq!(dead.len(), 2, "two had a second chance");
    assert_eq!(ledger.len(), 2);
}

#[test]
fn a_delay_is_kept_and_rests_grow_to_a_bound() {
    let mut ledger = ledger(1, 9, &[5]);
    let (id, _) = send(&mut ledger, 1, 0).unwrap();
    assert!(ledger.nack(1, id, Some(123), None, 10).unwrap().is_none());
    assert_eq!(ledger.soonest(), 133);
    for (failures, bound) in [(1, 1_000), (2, 2_000), (6, 32_000), (7, 60_000), (1_000, 60_000)] {
        let rests: Vec<_> = (1..200).map(|id| rest(failures, id)).collect();
        assert!(rests.iter().all(|rest| (bound / 2..=bound).contains(rest)), "{failures}: {rests:?}");
        let (low, high) = (rests.iter().min().unwrap(), rests.iter().max().unwrap());
        assert!(high - low > bound / 3, "they are spread");
    }
}

mod random;
