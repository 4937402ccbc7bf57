//! What the ingress queue promises, case by case, and beside a plain list.

use proptest::prelude::*;

use super::*;
use crate::testing::numbered;

fn settings(max_queue_size: usize) -> Settings {
    Settings { max_queue_size, ..Settings::default() }
}

fn multi_queue() -> Ingress {
    Ingress::new(&Settings { use_multi_queue: true, ..Settings::default() })
}

fn queued(event: &Arc<Event>, deadline: Millis) -> Queued {
    Queued { event: Arc::clone(event), deadline, receipt: None, mandatory: false, accepted: Stamp::default() }
}

fn offer(ingress: &mut Ingress, number: usize, priority: u8) -> Offered {
    ingress.offer(queued(&numbered(number, priority), Millis::MAX))
}

fn ids(ingress: &mut Ingress) -> Vec<String> {
    std::iter::from_fn(|| ingress.pop()).map(|queued| queued.event.id().to_owned()).collect()
}

fn assert_in_place_of(offered: Offered, id: &str) {
    match offered {
        Offered::InPlaceOf(victim) => assert_eq!(victim.event.id(), id),
        Offered::Queued => panic!("queued"),
        Offered::Refused(_) => panic!("refused"),
    }
}

#[test]
fn a_full_queue_gives_up_the_newest_of_its_lowest_level() {
    let mut ingress = Ingress::new(&settings(3));
    for (number, priority) in [2, 2, 5].into_iter().enumerate() {
        assert!(matches!(offer(&mut ingress, number, priority), Offered::Queued));
    }
    assert_in_place_of(offer(&mut ingress, 3, 3), "1");
    assert_in_place_of(offer(&mut ingress, 4, 10), "0");
    assert_in_place_of(offer(&mut ingress, 5, 4), "3");
    assert_eq!(ids(&mut ingress), ["4", "2", "5"]);
}

#[test]
fn an_event_that_outranks_nothing_is_refused() {
    let mut ingress = Ingress::new(&settings(2));
    offer(&mut ingress, 0, 5);
    offer(&mut ingress, 1, 6);
    assert!(matches!(offer(&mut ingress, 2, 5), Offered::Refused(_)));
    assert!(matches!(offer(&mut ingress, 3, 1), Offered::Refused(_)));
    assert_eq!(ids(&mut ingress), ["1", "0"]);
}

#[test]
fn a_queue_without_any_room_refuses_everything() {
    let mut ingress = Ingress::new(&settings(0));
    assert!(matches!(offer(&mut ingress, 0, 10), Offered::Refused(_)));
    assert!(ingress.pop().is_none());
    assert!(ingress.is_empty());
}

#[test]
fn admit_never_pushes_anything_out() {
    let mut ingress = Ingress::new(&settings(1));
    assert!(ingress.admit(queued(&numbered("low", 1), Millis::MAX)).is_ok());
    let back = ingress.admit(queued(&numbered("high", 10), Millis::MAX)).err();
    assert_eq!(back.unwrap().event.id(), "high");
    assert_eq!(ids(&mut ingress), ["low"]);
}

#[test]
fn each_of_four_queues_has_a_capacity_of_its_own() {
    let mut ingress = multi_queue();
    let classes: [(usize, &[u8]); 4] =
        [(5_000, &[1, 2, 3, 4]), (10_000, &[5, 6]), (5_000, &[7, 8, 9]), (1_000, &[10])];
    for (capacity, levels) in classes {
        let top = *levels.last().unwrap();
        let event = numbered("event", top);
        for _ in 0..capacity {
            assert!(matches!(ingress.offer(queued(&event, Millis::MAX)), Offered::Queued));
        }
        for &level in levels {
            assert!(matches!(offer(&mut ingress, 0, level), Offered::Refused(_)), "level {level}");
        }
    }
    assert_eq!(ingress.len(), 21_000);
    assert_eq!(ingress.depth(), [0, 0, 0, 5_000, 0, 10_000, 0, 0, 5_000, 1_000]);
}

#[test]
fn of_four_queues_a_full_one_takes_no_room_from_the_others() {
    let mut ingress = multi_queue();
    let (low, high) = (numbered("low", 1), numbered("high", 7));
    for _ in 0..5_000 {
        ingress.offer(queued(&low, Millis::MAX));
        ingress.offer(queued(&high, Millis::MAX));
    }
    // 9 outranks 7, its own class's lowest; the 1s below are another queue's.
    assert_in_place_of(offer(&mut ingress, 0, 9), "high");
    assert_in_place_of(offer(&mut ingress, 1, 4), "low");
    assert!(matches!(offer(&mut ingress, 2, 10), Offered::Queued));
    assert_eq!(ingress.depth(), [4_999, 0, 0, 1, 0, 0, 4_999, 0, 1, 1]);
    assert_eq!(ingress.pop().unwrap().event.id(), "2");
    assert_eq!(ingress.pop().unwrap().event.id(), "0");
}

#[test]
fn room_comes_back_with_what_is_popped_and_with_what_expires() {
    let mut ingress = multi_queue();
    let event = numbered("event", 10);
    for place in 0..1_000 {
        ingress.offer(queued(&event, if place < 10 { 100 } else { Millis::MAX }));
    }
    assert!((ingress.fill().map(|fill| fill.part()).fold(0.0, f64::max) - 1.0).abs() < f64::EPSILON);
    let mut expired = 0;
    ingress.expire(100, |_| expired += 1);
    ingress.pop().unwrap();
    assert_eq!(expired, 10);
    let took =
        (0..20).filter(|_| matches!(ingress.offer(queued(&event, Millis::MAX)), Offered::Queued)).count();
    assert_eq!(took, 11);
}

/// One that waits: priority, number of arrival, deadline.
type Entry = (u8, usize, Millis);

/// What the model says of an offer to a full queue: `None` = refused, else the place of the victim.
fn victim(model: &[Entry], priority: u8) -> Option<usize> {
    let lowest = model.iter().map(|entry| entry.0).min()?;
    if lowest < priority { model.iter().rposition(|entry| entry.0 == lowest) } else { None }
}

#[derive(Clone, Debug)]
enum Step {
    Offer(u8, Millis),
    Pop,
    Expire(Millis),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let deadline = prop_oneof![Just(Millis::MAX), 0..50_u64];
    let step = prop_oneof![
        6 => (1..=10_u8, deadline).prop_map(|(priority, deadline)| Step::Offer(priority, deadline)),
        2 => Just(Step::Pop),
        1 => (0..50_u64).prop_map(Step::Expire),
    ];
    proptest::collection::vec(step, 1..100)
}

fn check_offer(ingress: &mut Ingress, model: &mut Vec<Entry>, room: usize, entry: Entry) {
    let (priority, number, deadline) = entry;
    let offered = ingress.offer(queued(&numbered(number, priority), deadline));
    if model.len() < room {
        assert!(matches!(offered, Offered::Queued));
    } else if let Some(place) = victim(model, priority) {
        assert_in_place_of(offered, &model.remove(place).1.to_string());
    } else {
        assert!(matches!(offered, Offered::Refused(_)));
        return;
    }
    model.push(entry);
}

proptest! {
    #[test]
    fn the_queue_behaves_like_a_list_that_is_searched(room in 0..12_usize, steps in steps()) {
        let (mut ingress, mut model) = (Ingress::new(&settings(room)), Vec::<Entry>::new());
        for (number, step) in steps.into_iter().enumerate() {
            match step {
                Step::Offer(priority, deadline) => {
                    check_offer(&mut ingress, &mut model, room, (priority, number, deadline));
                }
                Step::Pop => {
                    let highest = model.iter().map(|entry| entry.0).max();
                    let place = model.iter().position(|entry| Some(entry.0) == highest);
                    let expected = place.map(|place| model.remove(place).1.to_string());
                    prop_assert_eq!(ingress.pop().map(|queued| queued.event.id().to_owned()), expected);
                }
                Step::Expire(now) => {
                    let mut gone = Vec::new();
                    ingress.expire(now, |queued| gone.push(queued.event.id().to_owned()));
                    let expected = model.iter().filter(|entry| entry.2 <= now).count();
                    model.retain(|entry| entry.2 > now);
                    prop_assert_eq!(gone.len(), expected);
                }
            }
            prop_assert_eq!(ingress.len(), model.len());
            prop_assert!(ingress.len() <= room);
            prop_assert!(model.iter().all(|entry| ingress.soonest() <= entry.2));
        }
    }
}
