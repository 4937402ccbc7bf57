//! What is granted, and when.

use tokio::time::advance;

use super::*;

fn intake(change: impl FnOnce(&mut Settings)) -> Intake {
    let mut settings = Settings::default();
    change(&mut settings);
    Intake::new(&settings)
}

/// So many come, of so many bytes each.
fn come(intake: &Intake, events: u64, bytes: usize) {
    for _ in 0..events {
        intake.spent((1, bytes as u64));
        intake.came(bytes);
    }
}

#[tokio::test(start_paused = true)]
async fn all_the_room_is_granted_at_first_and_half_of_it_when_it_is_free_again() {
    let intake = intake(|settings| (settings.local_events, settings.local_bytes) = (100, 1_000));
    assert_eq!(intake.opening(), credit(100, 1_000));
    intake.begin(Some(intake.opening()));
    come(&intake, 100, 5);
    assert_eq!(intake.grant(false), None);
    intake.taken(49, 49 * 5);
    // Not even a moment has passed.
    assert_eq!(intake.grant(false), None);
    intake.taken(1, 5);
    assert_eq!(intake.grant(false), Some(credit(50, 250)));
    assert_eq!(intake.grant(false), None);
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_s_credit_is_granted_singly() {
    let intake = intake(|settings| settings.local_events = 100);
    intake.begin(Some(intake.opening()));
    come(&intake, 100, 1);
    for _ in 0..3 {
        advance(2 * GRANT_AFTER).await;
        intake.taken(1, 1);
        assert_eq!(intake.grant(false), Some(credit(1, 1)));
        come(&intake, 1, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_large_event_may_take_more_than_there_is_and_is_made_good() {
    let intake = intake(|settings| settings.local_bytes = 10);
    intake.begin(Some(intake.opening()));
    come(&intake, 1, 1_000);
    assert_eq!(intake.grant(false), None);
    intake.taken(1, 1_000);
    assert_eq!(intake.grant(false), Some(credit(1, 1_000)));
}

#[tokio::test(start_paused = true)]
async fn with_a_group_the_window_is_small_and_the_router_is_told_to_begin_anew() {
    let intake = intake(|_| {});
    intake.begin(Some(intake.opening()));
    assert_eq!(intake.shrink(), None);
    come(&intake, 20, 1);
    intake.share_work(true);
    let anew = intake.shrink().unwrap();
    assert_eq!((anew.events, intake.shrink()), (Some(12), None));
    // It has not heard that yet.
    come(&intake, 1_000, 1);
    intake.taken(1_020, 1_020);
    assert_eq!(intake.grant(false), None);
    intake.begin(Some(anew));
    assert_eq!(intake.grant(false).unwrap().events, Some(20));
    intake.share_work(false);
    assert_eq!((intake.shrink(), intake.grant(false).unwrap().events), (None, Some(65_536 - 32)));
}

#[tokio::test(start_paused = true)]
async fn what_nobody_wants_takes_no_room() {
    let intake = intake(|settings| settings.local_events = 2);
    intake.begin(Some(intake.opening()));
    intake.spent((1, 10));
    assert_eq!(intake.grant(false), Some(credit(1, 10)));
}

#[tokio::test(start_paused = true)]
async fn while_a_reply_is_awaited_the_router_always_has_credit() {
    let intake = intake(|settings| settings.local_events = 10);
    intake.begin(Some(intake.opening()));
    come(&intake, 10, 1);
    for _ in 0..5 {
        assert_eq!(intake.grant(true).unwrap().events, Some(32));
        come(&intake, 32, 1);
    }
    assert!(intake.has_no_room() && intake.is_over());
    assert_eq!(intake.grant(false), None);
}

#[tokio::test(start_paused = true)]
async fn without_credit_reading_stops_and_goes_on() {
    let intake = intake(|settings| (settings.local_events, settings.local_bytes) = (4, 1_000));
    intake.begin(None);
    let woken =
        async || tokio::time::timeout(Duration::from_millis(1), intake.changed.notified()).await.is_ok();
    come(&intake, 4, 1);
    assert!(intake.is_full());
    intake.taken(1, 1);
    assert!(!woken().await);
    intake.taken(1, 1);
    assert!(woken().await && !intake.is_full());
    come(&intake, 1, 2_000);
    assert!(intake.is_full());
    intake.taken(1, 2_000);
    assert!(woken().await && !intake.is_full() && intake.grant(true).is_none());
}
