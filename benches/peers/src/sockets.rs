//! What the kernel holds of a connection, read from /proc/net/tcp (Linux, IPv4 only).

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};

use anyhow::{Context, Result};

/// Bytes on their way from `sender` to `receiver`: in the sending socket until the other side's
/// kernel has acknowledged them, and then in the receiving one until its program has read them.
/// Both ends must be on this machine. What is copied at that moment may be counted in neither.
pub fn bytes_under_way(sender: SocketAddr, receiver: SocketAddr) -> Result<u64> {
    let table = fs::read_to_string("/proc/net/tcp").context("reading /proc/net/tcp")?;
    let (unacknowledged, _) = queues(&table, sender, receiver).context("no sending socket")?;
    let (_, unread) = queues(&table, receiver, sender).context("no receiving socket")?;
    Ok(unacknowledged + unread)
}

/// Bytes in the send and the receive queue of the socket at `local` that is connected to `remote`.
fn queues(table: &str, local: SocketAddr, remote: SocketAddr) -> Option<(u64, u64)> {
    table.lines().skip(1).find_map(|line| {
        let mut fields = line.split_whitespace().skip(1);
        if address(fields.next()?)? != local || address(fields.next()?)? != remote {
            return None;
        }
        let (send, receive) = fields.nth(1)?.split_once(':')?;
        Some((u64::from_str_radix(send, 16).ok()?, u64::from_str_radix(receive, 16).ok()?))
    })
}

/// `0100007F:1F90`: the address as the machine's own integer of its four bytes, then the port.
fn address(field: &str) -> Option<SocketAddr> {
    let (ip, port) = field.split_once(':')?;
    let ip = Ipv4Addr::from(u32::from_str_radix(ip, 16).ok()?.to_ne_bytes());
    Some(SocketAddr::from((ip, u16::from_str_radix(port, 16).ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn what_was_written_and_not_read_is_under_way() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let mut sender = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut receiver, _) = listener.accept().unwrap();
        let (from, to) = (sender.local_addr().unwrap(), receiver.local_addr().unwrap());
        assert_eq!(bytes_under_way(from, to).unwrap(), 0);
        sender.write_all(&[0; 5000]).unwrap();
        assert_eq!(bytes_under_way(from, to).unwrap(), 5000);
        receiver.read_exact(&mut [0; 3000]).unwrap();
        assert_eq!(bytes_under_way(from, to).unwrap(), 2000);
        assert!(bytes_under_way(to, SocketAddr::from((Ipv4Addr::LOCALHOST, 1))).is_err());
    }
}
