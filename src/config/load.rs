//! From all sources to one checked configuration: defaults, then the file, the environment, the flags.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::mistake::{Mistakes, Origin};
use super::settings::{Config, StoreKind};
use super::sources::{Missing, Reading, read_environment, read_file, read_flags, read_text};

/// What to load from. The process itself is not asked, so that a reload and a test can say it anew.
#[derive(Clone, Default, Debug)]
pub struct Inputs {
    /// The file that was asked for: it has to be there. A name that ends in `.json` is read as the old
    /// `router_config.json`.
    pub file: Option<PathBuf>,
    /// The file that is read when none was asked for, if it is there.
    pub standard_file: Option<PathBuf>,
    /// The environment's variables, also those that are not ours.
    pub environment: Vec<(OsString, OsString)>,
    /// What flags override: keys of settings, with their values as words.
    pub flags: Vec<(&'static str, String)>,
}

/// A configuration, and where it is from.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The settings.
    pub config: Config,
    /// Where those that are not defaults come from, by key.
    pub origins: BTreeMap<&'static str, Origin>,
    /// What is odd but no mistake, a line each.
    pub warnings: Vec<String>,
    /// The file that was read.
    pub file: Option<PathBuf>,
}

impl Loaded {
    /// Where the setting of this key has its value from.
    pub fn origin(&self, key: &str) -> &Origin {
        self.origins.get(key).unwrap_or(&Origin::Default)
    }
}

/// Loads and checks everything.
///
/// # Errors
/// All mistakes of all sources, also of values that a later source overrides.
pub fn load(inputs: &Inputs) -> Result<Loaded, Mistakes> {
    let mut reading = Reading::default();
    let (path, missing) = match &inputs.file {
        Some(path) => (Some(path), Missing::IsAMistake),
        None => (inputs.standard_file.as_ref(), Missing::IsFine),
    };
    let file = path.filter(|path| read_file(&mut reading, path, missing)).cloned();
    read_environment(&mut reading, &inputs.environment);
    read_flags(&mut reading, &inputs.flags);
    finish(reading, file)
}

/// Checks the text of a file of this name, and nothing else.
///
/// # Errors
/// All mistakes in it.
pub fn check(path: &Path, text: &str) -> Result<Loaded, Mistakes> {
    let mut reading = Reading::default();
    read_text(&mut reading, path, text);
    finish(reading, Some(path.to_owned()))
}

fn finish(reading: Reading, file: Option<PathBuf>) -> Result<Loaded, Mistakes> {
    let Reading { config, origins, mistakes, mut warnings } = reading;
    if mistakes.is_empty() {
        warnings.extend(contradictions(&config));
        Ok(Loaded { config, origins, warnings, file })
    } else {
        Err(Mistakes::new(mistakes))
    }
}

/// What is allowed setting by setting, but hardly meant together, or hardly meant by whoever does not know.
fn contradictions(config: &Config) -> impl Iterator<Item = String> {
    let limits = &config.limits;
    let outbox = (limits.outbox_size < limits.max_message_size).then(|| {
        "limits.outbox_size is below limits.max_message_size: the largest events fit into no outbox and are never \
         delivered"
            .to_owned()
    });
    let http = config.admin.http.as_ref().filter(|endpoint| !endpoint.is_loopback()).map(|endpoint| {
        format!(
            "admin.http = \"{endpoint}\": other machines can read health, metrics and the status without any \
             authentication; let a firewall or a proxy guard it"
        )
    });
    let store = match (config.store.kind, config.store.rule.is_empty()) {
        (StoreKind::None, false) => Some("store.rule stores nothing while store.kind is \"none\""),
        (StoreKind::Memory | StoreKind::Sqlite, true) => {
            Some("store.kind is set, and no [[store.rule]] says what to store: nothing is")
        }
        _ => None,
    };
    [outbox, http, store.map(str::to_owned)].into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(directory: &Path, name: &str, text: &str) -> PathBuf {
        let path = directory.join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn environment(name: &str, value: &str) -> Vec<(OsString, OsString)> {
        vec![(name.into(), value.into())]
    }

    #[test]
    fn nothing_given_is_the_defaults() {
        let loaded = load(&Inputs::default()).unwrap();
        assert_eq!(loaded.config, Config::default());
        assert!(loaded.warnings.is_empty() && loaded.file.is_none());
        assert_eq!(loaded.origin("port"), &Origin::Default);
    }

    #[test]
    fn flags_beat_the_environment_which_beats_the_file_which_beats_the_defaults() {
        let directory = tempfile::tempdir().unwrap();
        let mut inputs =
            Inputs { file: Some(file(directory.path(), "c.toml", "port = 1\n")), ..Inputs::default() };
        assert_eq!(load(&inputs).unwrap().config.port, 1);
        inputs.environment = environment("GADUGI_ROUTER_PORT", "2");
        assert_eq!(load(&inputs).unwrap().config.port, 2);
        inputs.flags = vec![("port", "3".to_owned())];
        let loaded = load(&inputs).unwrap();
        assert_eq!(loaded.config.port, 3);
        assert_eq!(loaded.origin("port").to_string(), "--port");
    }

    #[test]
    fn mistakes_of_all_sources_are_told_at_once() {
        let directory = tempfile::tempdir().unwrap();
        let path = file(directory.path(), "c.toml", "port = 'x'\nthreads = 0\n");
        let inputs = Inputs {
            file: Some(path),
            environment: environment("GADUGI_ROUTER_PORT", "y"),
            flags: vec![("port", "z".to_owned())],
            ..Inputs::default()
        };
        let mistakes = load(&inputs).unwrap_err();
        let keys: Vec<_> = mistakes.iter().map(|mistake| mistake.key.as_deref().unwrap()).collect();
        assert_eq!(keys, ["port", "threads", "port", "port"]);
        assert!(!mistakes.only_flags() && !mistakes.only_unavailable());
    }

    #[test]
    fn the_standard_file_may_be_missing_and_a_named_one_may_not() {
        let directory = tempfile::tempdir().unwrap();
        let absent = directory.path().join("absent.toml");
        let standard = Inputs { standard_file: Some(absent.clone()), ..Inputs::default() };
        assert!(load(&standard).unwrap().file.is_none());
        let named = Inputs { file: Some(absent), ..Inputs::default() };
        assert!(load(&named).unwrap_err().only_unavailable());
        let a_directory = Inputs { standard_file: Some(directory.path().to_owned()), ..Inputs::default() };
        assert!(load(&a_directory).unwrap_err().only_unavailable());
    }

    #[test]
    fn the_standard_file_is_read_when_it_is_there_and_no_other_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let standard = file(directory.path(), "standard.toml", "port = 5\n");
        let named = file(directory.path(), "named.JSON", "{\"threads\": 1, \"port\": 6}");
        let mut inputs = Inputs { standard_file: Some(standard.clone()), ..Inputs::default() };
        let loaded = load(&inputs).unwrap();
        assert_eq!((loaded.config.port, loaded.file), (5, Some(standard)));
        inputs.file = Some(named);
        assert_eq!(load(&inputs).unwrap_err().iter().count(), 1);
    }

    #[test]
    fn files_that_are_no_text_or_too_large_are_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("c.toml");
        std::fs::write(&path, b"port = 1\nhost = \"\xff\"\n").unwrap();
        let inputs = Inputs { file: Some(path.clone()), ..Inputs::default() };
        let mistakes = load(&inputs).unwrap_err().to_string();
        assert!(mistakes.ends_with("c.toml:2:9: this is not UTF-8"), "{mistakes}");
        std::fs::write(&path, "#".repeat(2 << 20)).unwrap();
        assert!(load(&inputs).unwrap_err().to_string().ends_with("it has more than 1 MiB"));
        std::fs::write(&path, "\u{feff}port = 8\r\n").unwrap();
        assert_eq!(load(&inputs).unwrap().config.port, 8);
    }

    #[test]
    fn an_outbox_smaller_than_a_message_is_warned_of() {
        let inputs = Inputs {
            environment: environment("GADUGI_ROUTER_LIMITS__OUTBOX_SIZE", "64KiB"),
            ..Inputs::default()
        };
        assert_eq!(load(&inputs).unwrap().warnings.len(), 1);
    }

    #[test]
    fn a_store_without_rules_and_rules_without_a_store_are_warned_of() {
        let warned = |variables: &[(&str, &str)]| {
            let environment = variables.iter().map(|(name, value)| (name.into(), value.into())).collect();
            load(&Inputs { environment, ..Inputs::default() }).unwrap().warnings.len()
        };
        let kind = ("GADUGI_ROUTER_STORE__KIND", "memory");
        let rule = ("GADUGI_ROUTER_STORE__RULE", "[{ topics = [\"a\"] }]");
        assert_eq!((warned(&[kind]), warned(&[rule]), warned(&[kind, rule])), (1, 1, 0));
    }

    #[test]
    fn http_for_other_machines_is_warned_of() {
        for (address, warnings) in
            [("0.0.0.0:9091", 1), ("192.0.2.7:9091", 1), ("9091", 0), ("[::1]:9091", 0)]
        {
            let inputs = Inputs {
                environment: environment("GADUGI_ROUTER_ADMIN__HTTP", address),
                ..Inputs::default()
            };
            let warned = load(&inputs).unwrap().warnings;
            assert_eq!(warned.len(), warnings, "{warned:?}");
            assert!(warned.iter().all(|warning| warning.contains("authentication")));
        }
    }
}
