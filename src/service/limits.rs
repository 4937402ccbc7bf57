//! What the kernel allows this process: open files, core dumps, the permissions of new files.

use nix::libc::mode_t;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::stat::{Mode, umask};

use crate::config::Config;

/// Descriptors that are not connections: listeners, the runtime, the log, and handshakes under way.
const OTHER_DESCRIPTORS: u64 = 1_100;
/// macOS names no real upper limit, and takes no more than its `OPEN_MAX`.
const MACOS_OPEN_MAX: u64 = 10_240;

/// Sets them all. What the kernel refuses is a warning: the router can do without.
pub(super) fn apply(config: &Config) {
    // It cannot fail (umask(2)).
    umask(Mode::from_bits_truncate(config.process.umask as mode_t));
    raise_descriptor_limit(config.max_clients);
    if !config.process.core_dumps
        && let Err(error) = setrlimit(Resource::RLIMIT_CORE, 0, 0)
    {
        tracing::warn!(%error, "core dumps could not be turned off");
    }
}

/// Every connection needs a descriptor, and the usual soft limit is 1,024.
fn raise_descriptor_limit(max_clients: usize) {
    let raised = getrlimit(Resource::RLIMIT_NOFILE).and_then(|(_, hard)| {
        let soft = if cfg!(target_os = "macos") { hard.min(MACOS_OPEN_MAX) } else { hard };
        setrlimit(Resource::RLIMIT_NOFILE, soft, hard).map(|()| soft)
    });
    match raised {
        Ok(limit) if limit < max_clients as u64 + OTHER_DESCRIPTORS => {
            tracing::warn!(limit, max_clients, "the limit on open files may be too low for max_clients");
        }
        Ok(_) => {}
        Err(error) => tracing::warn!(%error, "the limit on open files could not be raised"),
    }
}
