//! The connection is lost in all ways, and comes back by itself.

use std::time::Duration;

use gadugi_router::client::{Error, NewEvent, State, Subscription};
use nix::sys::signal::Signal;

use super::proxy::Proxy;
use super::router::Router;
use super::{client, soon, topic, until};

fn is_lost(state: &State) -> bool {
    matches!(state, State::Reconnecting { .. })
}

#[tokio::test]
async fn a_router_that_is_restarted_is_found_again_and_what_was_subscribed_still_is() {
    for signal in [Signal::SIGTERM, Signal::SIGKILL] {
        let mut router = Router::running().await;
        let client = client(&router.url()).connect().await.unwrap();
        let mut events = client.subscribe(Subscription::new(["task.*"])).await.unwrap();
        let id = events.id();
        client.publish(NewEvent::new("task.before")).await.unwrap();
        assert_eq!(topic(&mut events).await, "task.before");

        router.stop(signal).await;
        until(&client, is_lost).await;
        let waiting = client.enqueue(NewEvent::new("task.meanwhile")).unwrap();
        assert!(matches!(client.health().await.unwrap_err(), Error::NotConnected));
        // The port is closed for some attempts.
        until(&client, |state| matches!(state, State::Reconnecting { failures: 3.., .. })).await;
        router.start().await;
        soon(waiting).await.unwrap();
        client.publish(NewEvent::new("task.after")).await.unwrap();
        assert_eq!(topic(&mut events).await, "task.meanwhile");
        assert_eq!(topic(&mut events).await, "task.after");
        assert_eq!(events.id(), id);
        assert_eq!(client.health().await.unwrap().active_subscriptions, 1);
    }
}

#[tokio::test]
async fn a_connection_over_which_nothing_comes_is_found_out_and_what_it_swallowed_is_sent_again() {
    let router = Router::running().await;
    let proxy = Proxy::before(&router).await;
    let (ping_after, give_up_after) = (Duration::from_millis(200), Duration::from_millis(600));
    let client = client(&proxy.url).heartbeat(ping_after, give_up_after).connect().await.unwrap();
    let mut events = client.subscribe(Subscription::new(["*"])).await.unwrap();
    proxy.stall();
    let swallowed = client.enqueue(NewEvent::new("swallowed")).unwrap();
    let State::Reconnecting { because, .. } = until(&client, is_lost).await else { panic!("not lost") };
    assert!(matches!(*because, Error::Silent(time) if time == give_up_after), "{because}");
    soon(swallowed).await.unwrap();
    assert_eq!(topic(&mut events).await, "swallowed");
}

#[tokio::test]
async fn an_event_whose_answer_was_lost_is_sent_again_and_comes_once() {
    let router = Router::running().await;
    let proxy = Proxy::before(&router).await;
    let heartbeat = (Duration::from_millis(200), Duration::from_millis(600));
    let publisher = client(&proxy.url).heartbeat(heartbeat.0, heartbeat.1).connect().await.unwrap();
    let subscriber = client(&router.url()).connect().await.unwrap();
    let mut events = subscriber.subscribe(Subscription::new(["*"])).await.unwrap();
    proxy.silence();
    let unanswered = publisher.enqueue(NewEvent::new("once")).unwrap();
    assert_eq!(topic(&mut events).await, "once");
    assert_eq!(soon(unanswered).await.unwrap().event_id.len(), 36);
    publisher.publish(NewEvent::new("last")).await.unwrap();
    // The router had it twice, and nothing is between.
    assert_eq!(subscriber.health().await.unwrap().events_processed, 3);
    assert_eq!(topic(&mut events).await, "last");
}

#[tokio::test]
async fn a_full_router_is_tried_again_until_there_is_room() {
    let router = Router::with(&[("GADUGI_ROUTER_MAX_CLIENTS", "1")]).await;
    let first = client(&router.url()).connect().await.unwrap();
    let error = client(&router.url()).connect().await.unwrap_err();
    assert!(matches!(error, Error::TooManyClients { .. }), "{error}");
    let second = client(&router.url()).start().unwrap();
    let State::Reconnecting { because, .. } = until(&second, is_lost).await else { panic!("not lost") };
    assert!(matches!(*because, Error::TooManyClients { .. }), "{because}");
    drop(first);
    until(&second, State::is_connected).await;
}

#[tokio::test]
async fn who_gives_up_says_why_and_takes_nothing_more() {
    let router = Router::new(&[]);
    let client = client(&router.url()).max_reconnect_attempts(2).start().unwrap();
    let waiting = client.enqueue(NewEvent::new("t")).unwrap();
    let mut events = client.subscribe(Subscription::new(["*"])).await.unwrap();
    let State::Closed { because } = until(&client, State::is_closed).await else { panic!("not closed") };
    assert!(matches!(*because.unwrap(), Error::Connect { .. }));
    assert!(matches!(soon(waiting).await.unwrap_err(), Error::Ended));
    assert!(matches!(client.publish(NewEvent::new("t")).await.unwrap_err(), Error::Ended));
    assert!(matches!(client.subscribe(Subscription::new(["*"])).await.unwrap_err(), Error::Ended));
    assert!(soon(events.recv()).await.is_none());
}

#[tokio::test]
async fn many_clients_of_one_router_come_back_spread_over_the_time_they_have() {
    let router = Router::running().await;
    let proxy = Proxy::before(&router).await;
    let most = Duration::from_secs(2);
    let mut clients = Vec::new();
    for _ in 0..200 {
        clients.push(client(&proxy.url).reconnect(most, most).connect().await.unwrap());
    }
    let mut states: Vec<_> = clients.iter().map(|client| client.states()).collect();
    proxy.cut();
    let mut quarters = [0; 4];
    for states in &mut states {
        let state = soon(states.wait_for(is_lost)).await.unwrap().clone();
        let State::Reconnecting { after, .. } = state else { panic!("not lost") };
        quarters[(4 * after.as_millis() / most.as_millis()).min(3) as usize] += 1;
    }
    // 50 each, give or take; this far from it is less likely than one in a million.
    assert!(quarters.iter().all(|count| (20..90).contains(count)), "{quarters:?}");
    for client in &clients {
        until(client, State::is_connected).await;
    }
}
