use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};

use super::*;

fn at(path: &Path) -> LogFile {
    LogFile { path: path.to_owned(), owner: None }
}

#[test]
fn a_file_is_appended_to_and_its_directory_created() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new/router.log");
    Sink::file(at(&path)).unwrap().line(b"one\n");
    Sink::file(at(&path)).unwrap().line(b"two\n");
    assert_eq!(fs::read_to_string(&path).unwrap(), "one\ntwo\n");
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o137, 0, "others may not read it");
}

#[test]
fn only_the_last_directory_is_created() {
    let folder = tempfile::tempdir().unwrap();
    assert!(Sink::file(at(&folder.path().join("a/b/router.log"))).is_err());
    assert!(!folder.path().join("a").exists());
}

#[test]
fn a_link_is_not_followed_and_a_pipe_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let (link, pipe) = (folder.path().join("link"), folder.path().join("pipe"));
    symlink(folder.path().join("elsewhere"), &link).unwrap();
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
    assert!(Sink::file(at(&link)).is_err() && Sink::file(at(&pipe)).is_err());
    assert!(!folder.path().join("elsewhere").exists());
}

#[test]
fn a_file_that_was_moved_is_opened_anew() {
    let folder = tempfile::tempdir().unwrap();
    let (path, moved) = (folder.path().join("router.log"), folder.path().join("router.log.1"));
    let mut sink = Sink::file(at(&path)).unwrap();
    sink.line(b"before\n");
    fs::rename(&path, &moved).unwrap();
    sink.line(b"between\n");
    sink.reopen().unwrap();
    sink.line(b"after\n");
    assert_eq!(fs::read_to_string(&moved).unwrap(), "before\nbetween\n");
    assert_eq!(fs::read_to_string(&path).unwrap(), "after\n");
}

#[test]
fn the_old_file_goes_on_being_used_when_a_new_one_cannot_be_had() {
    let folder = tempfile::tempdir().unwrap();
    let (path, moved) = (folder.path().join("router.log"), folder.path().join("router.log.1"));
    let mut sink = Sink::file(at(&path)).unwrap();
    fs::rename(&path, &moved).unwrap();
    fs::create_dir(&path).unwrap();
    assert!(sink.reopen().is_err());
    sink.line(b"still\n");
    assert_eq!(fs::read_to_string(&moved).unwrap(), "still\n");
}

#[test]
fn lines_that_a_full_disk_does_not_take_are_counted_and_told_afterwards() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("router.log");
    let mut sink = Sink::file(at(&path)).unwrap();
    sink.to = Box::new(OpenOptions::new().append(true).open("/dev/full").unwrap());
    sink.line(b"one\n");
    sink.line(b"two\n");
    assert!(sink.take_lost().is_none(), "it could not be told yet");
    sink.reopen().unwrap();
    sink.line(b"three\n");
    let (lost, error) = sink.take_lost().unwrap();
    assert_eq!((lost, error.kind()), (2, io::ErrorKind::StorageFull));
    assert!(sink.take_lost().is_none());
    assert_eq!(fs::read_to_string(&path).unwrap(), "three\n");
}

/// Takes so many bytes, and then no more until it has been asked once in vain.
struct Narrow(usize, Arc<Mutex<Vec<u8>>>);

impl Write for Narrow {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Self(room, taken) = self;
        if *room == 0 {
            *room = usize::MAX;
            return Err(io::ErrorKind::StorageFull.into());
        }
        let size = bytes.len().min(*room);
        *room -= size;
        taken.lock().unwrap().extend(&bytes[..size]);
        Ok(size)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_line_after_a_torn_one_is_a_line_of_its_own() {
    let taken = Arc::<Mutex<Vec<u8>>>::default();
    let mut sink = Sink::to(Box::new(Narrow(3, Arc::clone(&taken))));
    sink.line(b"12345\n");
    sink.line(b"67890\n");
    assert_eq!(taken.lock().unwrap().as_slice(), b"123\n67890\n");
    assert_eq!(sink.take_lost().unwrap().0, 1);
}
