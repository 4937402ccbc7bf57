//! Request and reply.

use std::time::Duration;

use gadugi_router::client::{Error, NewEvent, Subscription};

use super::router::Router;
use super::{PATIENCE, client, soon};

#[tokio::test]
async fn a_request_gets_its_own_reply() {
    let router = Router::running().await;
    let responder = client(&router.url()).connect().await.unwrap();
    let mut questions = responder.subscribe(Subscription::new(["math.add"]).group("math")).await.unwrap();
    tokio::spawn(async move {
        while let Some(question) = questions.recv().await {
            let answered = match question.read::<Vec<i64>>() {
                Ok(numbers) => responder.reply(&question, &numbers.iter().sum::<i64>()).await,
                Err(error) => responder.reply_failure(&question, &error.to_string()).await,
            };
            answered.unwrap();
        }
    });
    // One that is busy with its own events hears its replies all the same.
    let client = client(&router.url()).prefetch(1).connect().await.unwrap();
    let _everything = client.subscribe(Subscription::new(["*"])).await.unwrap();
    let add = async |numbers: [i64; 2]| {
        let question = NewEvent::new("math.add").payload(&numbers).unwrap();
        client.request(question, PATIENCE).await.unwrap().read::<i64>().unwrap()
    };
    for number in 0..20 {
        let sums = soon(async { tokio::join!(add([number, 1]), add([number, 2])) }).await;
        assert_eq!(sums, (number + 1, number + 2));
    }
    let error = client.request(NewEvent::new("math.add"), PATIENCE).await.unwrap_err();
    assert!(matches!(&error, Error::ResponderFailed(why) if why.contains("JSON")), "{error}");
}

#[tokio::test]
async fn a_request_that_nobody_answers_ends() {
    let router = Router::running().await;
    let client = client(&router.url()).connect().await.unwrap();
    let error = client.request(NewEvent::new("nobody"), PATIENCE).await.unwrap_err();
    assert!(matches!(&error, Error::NoResponders { topic } if topic == "nobody"), "{error}");
    let mut events = client.subscribe(Subscription::new(["silent"])).await.unwrap();
    let error = client.request(NewEvent::new("silent"), Duration::from_millis(100)).await.unwrap_err();
    assert!(matches!(&error, Error::NoReply { topic, .. } if topic == "silent"), "{error}");
    let event = soon(events.recv()).await.unwrap();
    // A reply that nobody waits for any more is nobody's, and an event that wants none gets none.
    assert!(client.reply(&event, "late").await.unwrap().is_some());
    client.publish(NewEvent::new("silent")).await.unwrap();
    let event = soon(events.recv()).await.unwrap();
    assert!(client.reply(&event, "unasked").await.unwrap().is_none());
}
