//! What the operating system says of this process.

use std::fs::File;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::time::{Duration, SystemTime};

use nix::sys::resource::{Resource, UsageWho, getrlimit, getrusage};
use nix::sys::time::TimeValLike;
use nix::unistd::{SysconfVar, sysconf};

/// Where it is told. Files stay open, for Landlock forbids to open them later on, and so may the kernel to a process
/// that was root.
#[derive(Debug)]
pub struct Process {
    started: SystemTime,
    /// Memory in pages, in words: proc_pid_statm(5).
    memory: Option<File>,
    /// A directory whose size is the number of open descriptors, since Linux 6.2.
    descriptors: Option<File>,
}

/// How much it uses. What the system does not tell is none.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Usage {
    /// Seconds from 1970 to its start.
    pub started: f64,
    /// Seconds of processor time.
    pub processor: Option<f64>,
    /// Bytes in memory.
    pub resident: Option<u64>,
    /// Bytes of addresses.
    pub addressed: Option<u64>,
    /// Open descriptors.
    pub descriptors: Option<u64>,
    /// Descriptors that it may open.
    pub most_descriptors: Option<u64>,
}

impl Process {
    /// To be called when the process starts and may still open everything.
    pub fn open() -> Self {
        Self {
            started: SystemTime::now(),
            memory: File::open("/proc/self/statm").ok(),
            descriptors: File::open("/proc/self/fd").ok(),
        }
    }

    pub(super) fn usage(&self) -> Usage {
        let mut words = [0; 128];
        let read = self.memory.as_ref().and_then(|file| file.read_at(&mut words, 0).ok()).unwrap_or(0);
        let (addressed, resident) = match pages(words.get(..read).unwrap_or_default()) {
            Some((addressed, resident)) => (in_bytes(addressed), in_bytes(resident)),
            None => (None, None),
        };
        let descriptors = self.descriptors.as_ref().and_then(|directory| directory.metadata().ok());
        Usage {
            started: self.started.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64(),
            processor: processor_time().map(|time| time.as_secs_f64()),
            resident,
            addressed,
            descriptors: descriptors.map(|directory| directory.size()).filter(|&count| count > 0),
            most_descriptors: getrlimit(Resource::RLIMIT_NOFILE).ok().map(|(soft, _)| soft),
        }
    }
}

/// The first two numbers.
fn pages(words: &[u8]) -> Option<(u64, u64)> {
    let mut numbers = std::str::from_utf8(words).ok()?.split_ascii_whitespace().map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

fn in_bytes(pages: u64) -> Option<u64> {
    let page = sysconf(SysconfVar::PAGE_SIZE).ok().flatten()?;
    Some(pages * u64::try_from(page).ok()?)
}

fn processor_time() -> Option<Duration> {
    let usage = getrusage(UsageWho::RUSAGE_SELF).ok()?;
    let micros = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    Some(Duration::from_micros(u64::try_from(micros).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_has_a_start_and_uses_something() {
        let process = Process::open();
        let usage = process.usage();
        assert!(usage.started > 1.7e9 && usage.processor.is_some() && usage.most_descriptors > Some(2));
        if cfg!(target_os = "linux") {
            assert!(usage.resident > Some(100_000) && usage.addressed > usage.resident);
        }
        // Other tests of this process open files too, so only much is seen to be more.
        let many: Vec<_> = (0..500).map(|_| File::open("/dev/null").unwrap()).collect();
        let later = process.usage();
        assert_eq!(later.started, usage.started);
        assert!(later.descriptors.is_none() || later.descriptors > Some(many.len() as u64));
    }

    #[test]
    fn pages_are_the_first_two_words() {
        assert_eq!(pages(b"1201 340 280 9 0 100 0\n"), Some((1201, 340)));
        assert_eq!(pages(b""), None);
        assert_eq!(pages(b"12 x"), None);
    }
}
