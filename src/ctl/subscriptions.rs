//! `subscriptions`: who asks for what, and how much that was.

use serde_json::json;

use super::connection::Connection;
use super::failure::Failure;
use super::output::{Output, patterns, plain, some};
use super::table::{self, Column};
use crate::admin::messages::{Answer, Request, Subscription};

pub(super) fn run(router: &mut Connection, out: &mut Output) -> Result<(), Failure> {
    let (mut subscriptions, mut next) = (Vec::new(), Some(0));
    while let Some(from) = next {
        match router.ask(&Request::Subscriptions { from })? {
            Answer::Subscriptions(page) => {
                subscriptions.extend(page.subscriptions);
                next = page.next;
            }
            _ => return Err(router.not_understood("it is no list of subscriptions")),
        }
    }
    if out.json {
        return out.document(&json!({ "subscriptions": subscriptions }));
    }
    if subscriptions.is_empty() {
        return out.line("there is no subscription");
    }
    let columns = [
        Column::Words("ID"),
        Column::Words("CLIENT"),
        Column::Numbers("MATCHED"),
        Column::Numbers("WAITING"),
        Column::Numbers("IN FLIGHT"),
        Column::Words("GROUP"),
        Column::Words("DURABLE"),
        Column::Words("FILTERS"),
        Column::Words("TOPICS"),
    ];
    table::print(out, &columns, &subscriptions.into_iter().map(row).collect::<Vec<_>>())
}

fn row(subscription: Subscription) -> Vec<String> {
    let topics = patterns(&subscription.topics, 0);
    let filters = filters(&subscription);
    let tasks = |count: Option<usize>| count.map_or_else(|| "-".to_owned(), |count| count.to_string());
    vec![
        subscription.id,
        subscription.client.unwrap_or_default(),
        subscription.matched.to_string(),
        tasks(subscription.waiting),
        tasks(subscription.in_flight),
        plain(&subscription.group.unwrap_or_default()),
        plain(&subscription.durable.unwrap_or_default()),
        filters,
        topics,
    ]
}

fn filters(subscription: &Subscription) -> String {
    let list =
        |name: &str, names: &[String]| (!names.is_empty()).then(|| format!("{name}={}", some(names, 0)));
    let least = (subscription.min_priority > 1).then(|| format!("priority>={}", subscription.min_priority));
    let targets = subscription.targets.as_ref().map(|names| format!("targets={}", some(names, 0)));
    let all = [least, list("types", &subscription.types), list("sources", &subscription.sources), targets];
    all.into_iter().flatten().collect::<Vec<_>>().join(" ")
}
