//! What the service asks the engine: whether it works, and who is slow.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::Wake;

use super::*;

#[derive(Default)]
struct Bell(AtomicUsize);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Relaxed);
    }
}

#[test]
fn a_probe_passes_the_dispatcher_and_leaves_no_trace() {
    let mut world = World::new(Settings { max_queue_size: 1, ..Settings::default() });
    let key = world.subscriber(r#"{"topics":["**"]}"#);
    world.offer(numbered("full", 5), None);
    let bell = Arc::<Bell>::default();
    world.router.probe(numbered("probe", 10), Waker::from(Arc::clone(&bell)));
    assert_eq!(world.router.probes(), 0);
    world.dispatch();
    let mut wakers = Vec::new();
    world.router.take_wakers(&mut wakers);
    wakers.into_iter().for_each(Waker::wake);
    assert_eq!((world.router.probes(), bell.0.load(Relaxed)), (1, 1));
    assert_eq!(world.take(key), ["full"]);
    let stats = world.router.stats();
    assert_eq!((stats.accepted.iter().sum::<u64>(), stats.processed, stats.refused), (1, 1, 0));
    assert!(!world.router.take_new_deadline());
    // The place that it had in the full queue is free again.
    assert_eq!(world.offer(numbered("next", 5), None), Published::Queued);
}

#[test]
fn a_probe_is_not_left_over_at_the_end() {
    let mut world = World::new(Settings::default());
    world.router.probe(numbered("probe", 10), Waker::noop().clone());
    assert!(world.router.take_left().is_empty());
}

#[test]
fn slow_consumers_are_reported_once_the_slowest_first() {
    let mut world = World::new(small(2));
    let (slow, slower) = (world.client(), world.client());
    world.subscribe(slow, r#"{"topics":["t"],"priorities":[5]}"#);
    world.subscribe(slower, r#"{"topics":["t"]}"#);
    let name = ClientName { id: Uuid::from_u128(7), remote: "somewhere".into() };
    world.router.name(slower, name.clone(), 0);
    world.publish_all([5, 5, 5, 4]);
    let reported = world.router.slow_consumers();
    assert_eq!(reported, [Slow { name: Some(name), shed: 2 }, Slow { name: None, shed: 1 }]);
    assert!(world.router.slow_consumers().is_empty());
    assert_eq!(world.router.view(slower).unwrap().shed, 2);
}
