//! The environment and the flags: names with untyped words.

use std::ffi::OsString;

use super::super::mistake::Origin;
use super::super::schema::{ENV_PREFIX, Setting};
use super::super::settings::SETTINGS;
use super::super::value::{Given, plain};
use super::Reading;
use super::names::{self, Meant};

/// Ours, but no settings: where the run-time directory is, and for clients, where the router is.
const NO_SETTINGS: [&str; 2] = ["GADUGI_ROUTER_RUNTIME_DIR", "GADUGI_ROUTER_URL"];

/// Reads the variables that are ours; the others are nobody's concern here.
pub(in crate::config) fn read_environment(reading: &mut Reading, variables: &[(OsString, OsString)]) {
    let mut variables: Vec<_> = variables.iter().collect();
    // The system's order means nothing; messages should not change with it.
    variables.sort();
    for (name, value) in variables {
        let name = name.to_string_lossy();
        match name.strip_prefix(ENV_PREFIX) {
            Some(rest) if !NO_SETTINGS.contains(&&*name) => read_variable(reading, &name, rest, value),
            _ => {}
        }
    }
}

fn read_variable(reading: &mut Reading, name: &str, rest: &str, value: &OsString) {
    let origin = || Origin::Environment(name.to_owned());
    let Some(setting) = SETTINGS.iter().find(|setting| setting.env_name() == name) else {
        return reading.warnings.push(stranger(name, rest));
    };
    let fault = match value.to_str() {
        None => "this is not UTF-8".to_owned(),
        Some(text) if setting.key == "port" && text.starts_with("tcp://") => format!(
            "must be {}, not an address: Kubernetes sets this variable for a Service of this name; rename the \
             Service, or set enableServiceLinks to false in the pod",
            setting.expected()
        ),
        Some(text) => return reading.set(setting, &Given::word(text), |_| origin()),
    };
    reading.wrong(origin(), Some(setting.key.to_owned()), fault);
}

/// No mistake, since other programs make up such names: Kubernetes does for a Service called gadugi-router.
fn stranger(name: &str, rest: &str) -> String {
    let key = rest.to_ascii_lowercase().replace("__", ".");
    let text = match (names::not_yet(&key), names::suggestion(&key)) {
        (Some(not_yet), _) => not_yet,
        (None, Some(Meant::Setting(setting))) => {
            format!("no such setting; did you mean {}?", setting.env_name())
        }
        (None, _) => "no such setting".to_owned(),
    };
    format!("environment variable {} is ignored: {text}", plain(name))
}

/// Reads what the command line overrides: keys and words.
pub(in crate::config) fn read_flags(reading: &mut Reading, flags: &[(&'static str, String)]) {
    for (key, word) in flags {
        // --pid-file is process.pid_file: the tables have no part in the names of flags.
        let name = key.rsplit('.').next().unwrap_or(key);
        let origin = || Origin::Flag(format!("--{}", name.replace('_', "-")));
        match Setting::find(key) {
            Some(setting) => reading.set(setting, &Given::word(word), |_| origin()),
            None => reading.wrong(origin(), Some((*key).to_owned()), "unknown setting".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(variables: &[(&str, &str)]) -> Reading {
        let variables: Vec<_> = variables.iter().map(|(name, value)| (name.into(), value.into())).collect();
        let mut reading = Reading::default();
        read_environment(&mut reading, &variables);
        reading
    }

    #[test]
    fn variables_set_settings_of_every_kind() {
        let Reading { config, mistakes, warnings, origins } = reading(&[
            ("GADUGI_ROUTER_PORT", "81"),
            ("GADUGI_ROUTER_USE_MULTI_QUEUE", "true"),
            ("GADUGI_ROUTER_LIMITS__PING_INTERVAL", "5s"),
            ("GADUGI_ROUTER_LIMITS__OUTBOX_SIZE", "65536"),
            ("GADUGI_ROUTER_LIMITS__ALLOWED_ORIGINS", "http://a.org,http://b.org"),
            ("GADUGI_ROUTER_RUNTIME_DIR", "/run/x"),
            ("GADUGI_ROUTER_URL", "ws://x:1"),
            ("PORT", "7"),
        ]);
        assert!(mistakes.is_empty() && warnings.is_empty());
        assert_eq!((config.port, config.use_multi_queue), (81, true));
        assert_eq!((config.limits.ping_interval.as_secs(), config.limits.outbox_size), (5, 65_536));
        assert_eq!(config.limits.allowed_origins, ["http://a.org", "http://b.org"]);
        assert_eq!(origins["port"], Origin::Environment("GADUGI_ROUTER_PORT".to_owned()));
        assert_eq!(origins.len(), 5);
    }

    #[test]
    fn unknown_variables_are_a_warning_only() {
        let Reading { mistakes, warnings, .. } = reading(&[
            ("GADUGI_ROUTER_SERVICE_HOST", "10.0.0.1"),
            ("GADUGI_ROUTER_LIMITS_PING_INTERVAL", "5s"),
            ("GADUGI_ROUTER_TLS__KEY", "x"),
        ]);
        assert!(mistakes.is_empty());
        assert_eq!(warnings.len(), 3);
        assert!(warnings[0].ends_with("did you mean GADUGI_ROUTER_LIMITS__PING_INTERVAL?"));
        assert!(warnings[1].contains("GADUGI_ROUTER_SERVICE_HOST is ignored: no such setting"));
        assert!(warnings[2].contains("GADUGI_ROUTER_TLS__KEY is ignored: this version"));
    }

    #[test]
    fn an_address_that_kubernetes_put_into_the_port_is_explained() {
        let mistakes = reading(&[("GADUGI_ROUTER_PORT", "tcp://10.0.0.1:9090")]).mistakes;
        assert_eq!(mistakes.len(), 1);
        assert!(mistakes[0].to_string().starts_with("GADUGI_ROUTER_PORT: port: must be a whole number"));
        assert!(mistakes[0].text.contains("Kubernetes") && mistakes[0].text.contains("enableServiceLinks"));
    }

    #[cfg(unix)]
    #[test]
    fn a_value_that_is_not_utf_8_is_a_mistake() {
        use std::os::unix::ffi::OsStringExt;
        let mut reading = Reading::default();
        let value = OsString::from_vec(vec![0xff]);
        read_environment(&mut reading, &[("GADUGI_ROUTER_HOST".into(), value)]);
        assert_eq!(reading.mistakes[0].to_string(), "GADUGI_ROUTER_HOST: host: this is not UTF-8");
    }

    #[test]
    fn flags_are_named_in_their_mistakes() {
        let mut reading = Reading::default();
        let pid_file = ("process.pid_file", "x/".to_owned());
        read_flags(&mut reading, &[("log_level", "loud".to_owned()), ("port", "1".to_owned()), pid_file]);
        assert_eq!(reading.config.port, 1);
        assert!(reading.mistakes[1].to_string().starts_with("--pid-file: process.pid_file: must be"));
        assert!(reading.mistakes[0].to_string().starts_with("--log-level: log_level: must be"));
    }
}
