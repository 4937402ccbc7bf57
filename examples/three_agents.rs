//! Three kinds of agents: a task manager that hands out tasks, workers that do them, a monitor that watches.
//!
//!     cargo run --example three_agents -- ws://localhost:9090
//!
//! The workers are a group: each task goes to one of them.

use std::collections::BTreeMap;
use std::time::Duration;

use gadugi_router::client::{Client, Error, Events, NewEvent, Subscription};
use gadugi_router::protocol::{EventType, Priority};
use serde::{Deserialize, Serialize};
use tokio::time::sleep;

const TASKS: [(&str, &str, Priority); 5] = [
    ("task-001", "Process user registration", Priority::HIGH),
    ("task-002", "Send email notification", Priority::NORMAL),
    ("task-003", "Generate report", Priority::LOW),
    ("task-004", "Divide by zero", Priority::HIGH),
    ("task-005", "Backup files", Priority::NORMAL),
];

#[derive(Serialize, Deserialize)]
struct Task {
    task_id: String,
    description: String,
}

#[derive(Serialize, Deserialize)]
struct Outcome {
    task_id: String,
    said: String,
}

fn started(agent: &str) -> Result<NewEvent, Error> {
    let agent = serde_json::json!({ "agent_id": agent });
    NewEvent::new("agent.started").kind(EventType::AgentStarted).payload(&agent)
}

/// Does tasks, one after the other.
async fn work(client: Client, name: &'static str, mut tasks: Events) -> Result<(), Error> {
    while let Some(event) = tasks.recv().await {
        let Task { task_id, description } = event.read()?;
        sleep(Duration::from_millis(20)).await;
        let (kind, said) = match description.contains("zero") {
            true => (EventType::TaskFailed, "division by zero".to_owned()),
            false => (EventType::TaskCompleted, format!("{description}: done by {name}")),
        };
        let outcome = NewEvent::new(kind.as_str()).kind(kind).priority(Priority::HIGH);
        client.publish(outcome.payload(&Outcome { task_id, said })?).await?;
    }
    Ok(())
}

/// Hands out all tasks, and waits for what becomes of them.
async fn manage(client: &Client) -> Result<BTreeMap<String, String>, Error> {
    let mut settled = client.subscribe(Subscription::new(["task.completed", "task.failed"])).await?;
    client.publish(started("task_manager")?).await?;
    for (task_id, description, priority) in TASKS {
        let task = Task { task_id: task_id.to_owned(), description: description.to_owned() };
        let created = NewEvent::new("task.created").kind(EventType::TaskCreated).priority(priority);
        client.publish(created.payload(&task)?).await?;
        println!("task_manager: created {task_id}");
    }
    let mut outcomes = BTreeMap::new();
    while outcomes.len() < TASKS.len()
        && let Some(event) = settled.recv().await
    {
        let Outcome { task_id, said } = event.read()?;
        outcomes.insert(task_id, said);
    }
    Ok(outcomes)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let url = std::env::args().nth(1).unwrap_or_else(|| "ws://localhost:9090".to_owned());
    let monitor = Client::builder(&url).source("monitor").connect().await?;
    let mut everything = monitor.subscribe(Subscription::new(["*"])).await?;
    for name in ["worker-1", "worker-2"] {
        let client = Client::builder(&url).source(name).connect().await?;
        let tasks = client.subscribe(Subscription::new(["task.created"]).group("workers")).await?;
        client.publish(started(name)?).await?;
        tokio::spawn(work(client, name, tasks));
    }
    let manager = Client::builder(&url).source("task_manager").connect().await?;
    for (task_id, said) in manage(&manager).await? {
        println!("{task_id}: {said}");
    }
    // Three agents have started, and each task was created and settled.
    let mut seen = BTreeMap::new();
    for _ in 0..3 + 2 * TASKS.len() {
        if let Some(event) = everything.recv().await {
            *seen.entry(event.topic).or_insert(0) += 1;
        }
    }
    for (topic, count) in seen {
        println!("monitor: {topic} {count}");
    }
    Ok(())
}
