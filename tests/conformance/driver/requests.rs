//! Commands that ask, and that answer to others.

use std::time::Duration;

use gadugi_router::client::{Client, Error, Event, NewEvent, Subscription};
use serde_json::json;

use super::command::Command;
use super::{Done, Driver, done};

impl Driver {
    pub async fn request(&self, command: Command) -> Done {
        let client = self.client(&command.client)?;
        let mut question = NewEvent::new(command.topic);
        question.payload = command.payload;
        done(&client.request(question, Duration::from_millis(command.timeout_ms)).await?)
    }

    pub async fn respond(&self, command: Command) -> Done {
        let client = self.client(&command.client)?;
        let mut wanted = Subscription::new([command.topic]);
        if let Some(group) = command.group {
            wanted = wanted.group(group);
        }
        let mut questions = client.subscribe(wanted).await?;
        tokio::spawn(async move {
            while let Some(question) = questions.recv().await {
                if respond(&client, &question, &command.client).await.is_err() {
                    return;
                }
            }
        });
        done(&())
    }
}

async fn respond(client: &Client, question: &Event, name: &str) -> Result<(), Error> {
    if question.payload.get() == "\"fail\"" {
        client.reply_failure(question, "no such thing").await?;
    } else {
        client.reply(question, &json!({"by": name, "got": &question.payload})).await?;
    }
    Ok(())
}
