//! New settings for the running router: all of them are read and checked first, and then all or nothing is applied.

use std::sync::Arc;

use super::logging::LogHandle;
use super::settings;
use super::source::Source;
use super::storage;
use crate::config::{self, Change, Config, Loaded, Mistakes};
use crate::server::Hub;

/// The settings in force, and where they come from.
pub(super) struct Reload {
    pub loaded: Loaded,
    pub source: Source,
    pub log: LogHandle,
    pub hub: Arc<Hub>,
}

/// What new settings change.
pub(super) struct Changes {
    /// In force at once.
    pub live: Vec<Change>,
    /// Only a restart can put these into force.
    pub waiting: Vec<Change>,
    /// What is odd but no mistake.
    pub warnings: Vec<String>,
}

impl Reload {
    /// Reads everything again. A mistake anywhere leaves all as it was. Returns what changed, and what only a restart can
    /// put into force.
    ///
    /// # Errors
    /// All mistakes, which are logged as well.
    pub async fn reload(&mut self) -> Result<Changes, Mistakes> {
        let loaded = self.load().await.inspect_err(|mistakes| {
            for mistake in mistakes.iter() {
                tracing::error!(name: "gadugi.reload_failed", "{mistake}");
            }
            tracing::error!(name: "gadugi.reload_failed", "reload failed: everything stays as it was");
        })?;
        Ok(self.apply(loaded))
    }

    /// Reads everything again, and changes nothing.
    ///
    /// # Errors
    /// All mistakes.
    pub async fn load(&self) -> Result<Loaded, Mistakes> {
        let inputs = self.source.inputs.clone();
        let loading = tokio::task::spawn_blocking(move || config::load(&inputs)).await;
        let loaded = loading.unwrap_or_else(|panicked| std::panic::resume_unwind(panicked.into_panic()));
        loaded.map(|mut loaded| {
            self.source.settle(&mut loaded);
            loaded
        })
    }

    /// What these settings would change.
    pub fn changes(&self, loaded: &Loaded) -> Changes {
        let (waiting, live) = self
            .loaded
            .config
            .difference(&loaded.config)
            .into_iter()
            .partition(|change| needs_restart(change.key));
        Changes { live, waiting, warnings: loaded.warnings.clone() }
    }

    fn apply(&mut self, mut loaded: Loaded) -> Changes {
        loaded.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
        let changes = self.changes(&loaded);
        let Changes { live, waiting, .. } = &changes;
        keep(&mut loaded.config, &self.loaded.config);
        // A level that would hide what follows must not be in force for it, neither the old one nor the new.
        let told = tracing::enabled!(tracing::Level::INFO);
        if told {
            tell(live, waiting);
        }
        self.put_into_force(&loaded.config);
        if !told {
            tell(live, waiting);
        }
        self.loaded = loaded;
        changes
    }

    fn put_into_force(&self, new: &Config) {
        let old = &self.loaded.config;
        let engine = settings::engine(new);
        if engine != settings::engine(old) {
            self.hub.with(|router| router.reconfigure(engine, self.hub.now()));
        }
        let connections = settings::connections(new);
        if connections != settings::connections(old) {
            self.hub.change(connections);
        }
        let dead = storage::dead_letters(new);
        if (new.store.rule != old.store.rule || dead != storage::dead_letters(old))
            && let Some(store) = self.hub.store()
        {
            store.set_rules(storage::rules(new), dead);
        }
        if new.log_level != old.log_level
            && let Err(error) = self.log.set_level(&new.log_level)
        {
            tracing::error!(%error, "the log's level could not be changed");
        }
    }
}

/// Says in the log what a reload does.
fn tell(live: &[Change], waiting: &[Change]) {
    for Change { key, old, new } in live {
        tracing::info!(name: "gadugi.reload", key, old, new, "changed: {key} = {old} → {new}");
    }
    for Change { key, old, new } in waiting {
        tracing::warn!(name: "gadugi.reload", key, old, new, "needs a restart: {key} = {old} → {new}");
    }
    let (changed, waiting) = (live.len(), waiting.len());
    if changed + waiting == 0 {
        tracing::info!(name: "gadugi.reload", changed, waiting, "reloaded: nothing is different");
    } else {
        tracing::info!(
            name: "gadugi.reload", changed, waiting,
            "reloaded: {changed} changed, {waiting} waiting for a restart"
        );
    }
}

/// What is decided before the first client comes. Of the spool and the store, Landlock has to know.
fn needs_restart(key: &str) -> bool {
    matches!(
        key,
        "host" | "port" | "threads" | "drain.spool" | "drain.spool_wait" | "store.kind" | "store.path"
    ) || ["log.", "process.", "admin."].iter().any(|table| key.starts_with(table))
}

/// Takes over from the old settings what only a restart can change.
fn keep(new: &mut Config, old: &Config) {
    new.host.clone_from(&old.host);
    (new.port, new.threads) = (old.port, old.threads);
    new.drain.spool.clone_from(&old.drain.spool);
    new.drain.spool_wait = old.drain.spool_wait;
    new.store.kind = old.store.kind;
    new.store.path.clone_from(&old.store.path);
    new.log.clone_from(&old.log);
    new.process.clone_from(&old.process);
    new.admin.clone_from(&old.admin);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Inputs, SETTINGS};

    /// A configuration in which every setting has another value than by default.
    fn all_different() -> Config {
        let text = r#"
            host = "::1"
            port = 1
            max_queue_size = 1
            max_clients = 1
            use_multi_queue = true
            log_level = "debug"
            threads = 2
            [limits]
            max_message_size = 100
            handshake_timeout = "1s"
            ping_interval = "1s"
            ping_timeout = "1s"
            outbox_events = 1
            outbox_size = 1000
            slow_consumer = "disconnect"
            publish_rate = 1
            publish_burst = 1
            max_subscriptions = 1
            dead_letters = 1
            allowed_origins = ["*"]
            [drain]
            timeout = "1s"
            spool = "/s"
            spool_wait = "1s"
            close_spread = "1s"
            [store]
            kind = "sqlite"
            path = "/e"
            [[store.rule]]
            topics = ["t"]
            [log]
            target = "stderr"
            format = "json"
            file = "/f"
            [process]
            pid_file = "/p"
            user = "u"
            group = "g"
            umask = "077"
            core_dumps = true
            landlock = false
            [admin]
            socket = "/s"
            socket_mode = "600"
            socket_group = "g"
            http = 1
            http_hosts = ["h"]
            admins = ["@g"]
        "#;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("c.toml");
        std::fs::write(&path, text).unwrap();
        config::load(&Inputs { file: Some(path), ..Inputs::default() }).unwrap().config
    }

    #[test]
    fn every_setting_either_changes_or_is_kept_until_a_restart() {
        let (old, mut new) = (Config::default(), all_different());
        assert_eq!(old.difference(&new).len(), SETTINGS.len(), "the test knows all settings");
        keep(&mut new, &old);
        for setting in SETTINGS {
            let kept = setting.show(&old) == setting.show(&new);
            assert_eq!(kept, needs_restart(setting.key), "{}", setting.key);
        }
    }
}
