//! The one place with `unsafe`: descriptors that the service manager hands over are numbers until here, and of a peer's
//! groups the library knows only the first.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// They can be owned once only.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// Takes what was handed over, each with its name; nothing at a second call. To be called before anything else is
/// opened: a wrong count in `LISTEN_FDS` could otherwise claim a descriptor of ours.
///
/// By `sd_listen_fds_with_names(3)`: only when `LISTEN_PID` is this process. All of them are set to close on exec.
///
/// # Errors
/// The variables contradict each other, or name descriptors that are not open.
#[cfg(not(target_os = "macos"))]
pub(super) fn inherited() -> io::Result<Vec<(OwnedFd, String)>> {
    use std::os::fd::FromRawFd;

    if TAKEN.swap(true, Relaxed) {
        return Ok(Vec::new());
    }
    // The crate compares names with descriptors even when those are for another process.
    if sd_notify::listen_fds()?.len() == 0 {
        return Ok(Vec::new());
    }
    let descriptors = sd_notify::listen_fds_with_names()?;
    // SAFETY: sd_notify has just set a flag on each, so they are open. By the protocol they are this process's to
    // use and to close, nothing was opened before, and the check above lets nobody take them again.
    Ok(descriptors.map(|(number, name)| (unsafe { OwnedFd::from_raw_fd(number) }, name)).collect())
}

/// Takes the sockets that launchd holds for this job, by launch_activate_socket(3): those that its property list has
/// under `Sockets` as `ws`, `admin` and `http`. Nothing when launchd did not start us. Written to the manual page and
/// reviewed, but not run: no machine for it was at hand.
///
/// # Errors
/// launchd refuses for another reason.
#[cfg(target_os = "macos")]
pub(super) fn inherited() -> io::Result<Vec<(OwnedFd, String)>> {
    use std::os::fd::FromRawFd;

    if TAKEN.swap(true, Relaxed) {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for (c_name, name) in [(c"ws", "ws"), (c"admin", "admin"), (c"http", "http")] {
        for number in activate(c_name)? {
            // SAFETY: launchd has opened it for this process and gives it out once; nobody else knows its number.
            found.push((unsafe { OwnedFd::from_raw_fd(number) }, name.to_owned()));
        }
    }
    Ok(found)
}

/// The supplementary groups of whoever connected this Unix socket, as they were then (`SO_PEERGROUPS` of unix(7)): the
/// kernel's word, which no list of users can contradict.
///
/// # Errors
/// The kernel does not tell.
#[cfg(target_os = "linux")]
pub(super) fn peer_groups(socket: BorrowedFd<'_>) -> io::Result<Vec<u32>> {
    use std::os::fd::AsRawFd;

    use nix::errno::Errno;
    use nix::libc::{SO_PEERGROUPS, SOL_SOCKET, getsockopt, gid_t, socklen_t};

    // Most have few; who has more is asked once again, with the room that the kernel then says it needs.
    let mut groups: Vec<gid_t> = vec![0; 64];
    for _ in 0..2 {
        let mut bytes = (groups.len() * size_of::<gid_t>()) as socklen_t;
        // SAFETY: the array has room for `bytes` bytes and any bytes are group ids; the kernel writes no more than that
        // and says in `bytes` how many.
        let done = unsafe {
            getsockopt(
                socket.as_raw_fd(),
                SOL_SOCKET,
                SO_PEERGROUPS,
                groups.as_mut_ptr().cast(),
                &raw mut bytes,
            )
        };
        let count = bytes as usize / size_of::<gid_t>();
        match Errno::result(done) {
            Ok(_) => {
                groups.truncate(count);
                return Ok(groups);
            }
            Err(Errno::ERANGE) => groups.resize(count, 0),
            Err(error) => return Err(error.into()),
        }
    }
    Err(io::ErrorKind::OutOfMemory.into())
}

/// Other systems do not tell: there the group of the process alone counts.
#[cfg(not(target_os = "linux"))]
pub(super) fn peer_groups(_: BorrowedFd<'_>) -> io::Result<Vec<u32>> {
    Ok(Vec::new())
}

#[cfg(target_os = "macos")]
fn activate(name: &std::ffi::CStr) -> io::Result<Vec<std::os::fd::RawFd>> {
    use nix::errno::Errno;
    use nix::libc::{c_char, c_int, c_void, free, size_t};

    // SAFETY: as `launch.h` declares it; it is part of libSystem, which every program is linked with.
    unsafe extern "C" {
        fn launch_activate_socket(name: *const c_char, fds: *mut *mut c_int, count: *mut size_t) -> c_int;
    }

    let mut descriptors: *mut c_int = std::ptr::null_mut();
    let mut count: size_t = 0;
    // SAFETY: `name` ends with NUL; the other two are places to write to.
    let error = unsafe { launch_activate_socket(name.as_ptr(), &mut descriptors, &mut count) };
    match Errno::from_raw(error) {
        _ if error == 0 => {}
        // Not started by launchd; no such entry; or the job's list has no sockets at all.
        Errno::ESRCH | Errno::ENOENT => return Ok(Vec::new()),
        errno => return Err(errno.into()),
    }
    if descriptors.is_null() {
        return Ok(Vec::new());
    }
    // SAFETY: it has allocated an array of `count` numbers, which is the caller's to free.
    let numbers = unsafe { std::slice::from_raw_parts(descriptors, count) }.to_vec();
    // SAFETY: the array came from malloc(3), by the manual page, and is not used after this.
    unsafe { free(descriptors.cast::<c_void>()) };
    Ok(numbers)
}
