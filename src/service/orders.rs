//! What the control program asks for and only the service can do: settings, and the end.

use super::reload::{Changes, Reload};
use super::status::Status;
use super::supervisor::{Say, Supervisor};
use crate::admin::messages::{self, Reloaded, Setting};
use crate::admin::{Order, OrderRefused};
use crate::config::{Change, Mistakes, SETTINGS};

/// Does it, and answers. True: the end is wanted.
pub(super) async fn follow(
    order: Order,
    reload: &mut Reload,
    supervisor: &Supervisor,
    status: &Status,
) -> bool {
    // Whoever asked may be gone by the time of an answer.
    match order {
        Order::Drain => {
            tracing::info!(name: "gadugi.stop", "gadugi-routerctl: stopping");
            return true;
        }
        Order::Reload(asked) => {
            let done = renew(reload, supervisor, status).await;
            drop(asked.send(told(done, reload)));
        }
        Order::Difference(asked) => {
            let loaded = reload.load().await;
            drop(asked.send(told(loaded.map(|loaded| reload.changes(&loaded)), reload)));
        }
        Order::Settings(asked) => drop(asked.send(settings(reload))),
    }
    false
}

/// The settings are read again, and the service manager hears when and how that ended.
pub(super) async fn renew(
    reload: &mut Reload,
    supervisor: &Supervisor,
    status: &Status,
) -> Result<Changes, Mistakes> {
    supervisor.say(Say::Reloading);
    let done = reload.reload().await;
    status.problem(match &done {
        Ok(changes) if changes.waiting.is_empty() => None,
        Ok(changes) => {
            let waiting: Vec<_> = changes.waiting.iter().map(|change| change.key).collect();
            Some(format!("a restart is needed for {}", waiting.join(", ")))
        }
        Err(mistakes) => {
            let first = mistakes.iter().next().map(ToString::to_string).unwrap_or_default();
            Some(format!("the last reload failed: {first}"))
        }
    });
    supervisor.say(Say::Ready);
    done
}

fn told(done: Result<Changes, Mistakes>, reload: &Reload) -> Result<Reloaded, OrderRefused> {
    let words = |changes: Vec<Change>| {
        let word = |change: Change| messages::Change {
            key: change.key.to_owned(),
            old: change.old,
            new: change.new,
        };
        changes.into_iter().map(word).collect()
    };
    match done {
        Ok(Changes { live, waiting, warnings }) => Ok(Reloaded {
            changed: words(live),
            needs_restart: words(waiting),
            warnings,
            file: reload.loaded.file.as_ref().map(|file| file.display().to_string()),
        }),
        Err(mistakes) => Err(OrderRefused(mistakes.iter().map(ToString::to_string).collect())),
    }
}

fn settings(reload: &Reload) -> Vec<Setting> {
    let loaded = &reload.loaded;
    let setting = |setting: &crate::config::Setting| Setting {
        key: setting.key.to_owned(),
        value: setting.show(&loaded.config),
        origin: loaded.origin(setting.key).to_string(),
    };
    SETTINGS.iter().map(setting).collect()
}
