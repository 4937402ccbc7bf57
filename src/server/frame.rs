//! Incoming WebSocket frames (RFC 6455), taken apart where they lie in the read buffer.
//!
//! tungstenite reads the frame headers; what it does not offer, and the reason for this file, is messages that are
//! borrowed from a buffer which all connections of a thread share. So an idle connection owns no read buffer at
//! all, and a busy one reads 64 KiB at a time. Nothing here knows JSON or a socket.

use std::io::Cursor;

use tokio_tungstenite::tungstenite::protocol::frame::FrameHeader;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Control, Data, OpCode};

/// The longest payload of a control frame (RFC 6455, 5.5).
const MAX_CONTROL: u64 = 125;
/// The headers that a frame may have that is not masked, by the length of its payload (RFC 6455, 5.2).
const SHORT_HEADER: usize = 2;
const MIDDLE_HEADER: usize = 4;
const MOST_HEADER: usize = 10;

/// Why a connection must be failed, and with which close code.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Violation {
    pub code: CloseCode,
    pub reason: &'static str,
}

const NOT_UTF8: Violation = Violation { code: CloseCode::Invalid, reason: "a text that is not UTF-8" };

fn violation<T>(code: CloseCode, reason: &'static str) -> Result<T, Violation> {
    Err(Violation { code, reason })
}

/// A whole message, or a control frame.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Message<'a> {
    Text(&'a str),
    /// A text that came in several frames.
    Assembled(String),
    Binary,
    Ping(&'a [u8]),
    Pong,
    /// The peer's close code, if it gave one.
    Close(Option<CloseCode>),
}

/// What the front of a buffer holds.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step<'a> {
    /// A message.
    Message(Message<'a>),
    /// A frame that is part of a message; go on behind it.
    Part,
    /// Less than a frame. So many bytes from the front would be one, as far as is known.
    Incomplete(usize),
}

/// Turns the bytes of one connection into messages.
pub(super) struct Frames {
    /// Bytes of the longest message that is taken.
    pub max_message: usize,
    /// The message that is coming in pieces.
    fragments: Option<Fragments>,
}

struct Fragments {
    text: bool,
    bytes: Vec<u8>,
}

impl Frames {
    pub fn new(max_message: usize) -> Self {
        Self { max_message, fragments: None }
    }

    /// Reads the frame at the front of `buffer`, unmasking it in place, and gives back what is behind it.
    pub fn next<'a>(&mut self, buffer: &'a mut [u8]) -> Result<(Step<'a>, &'a mut [u8]), Violation> {
        let mut cursor = Cursor::new(&*buffer);
        let Ok(header) = FrameHeader::parse(&mut cursor) else {
            return violation(CloseCode::Protocol, "reserved opcode");
        };
        let Some((header, length)) = header else { return Ok((Step::Incomplete(buffer.len() + 1), buffer)) };
        let start = cursor.position() as usize;
        let mask = self.check(&header, length)?;
        // `check` has bounded the length by max_message, a usize.
        let end = start + length as usize;
        if buffer.len() < end {
            return Ok((Step::Incomplete(end), buffer));
        }
        let (frame, rest) = buffer.split_at_mut(end);
        let payload = &mut frame[start..];
        unmask(payload, mask);
        let step = match header.opcode {
            OpCode::Control(control) => Step::Message(control_message(control, payload)?),
            OpCode::Data(_) => self.data(&header, payload)?,
        };
        Ok((step, rest))
    }

    fn check(&self, header: &FrameHeader, length: u64) -> Result<[u8; 4], Violation> {
        if header.rsv1 || header.rsv2 || header.rsv3 {
            return violation(CloseCode::Protocol, "reserved bits are set, and no extension was agreed on");
        }
        let Some(mask) = header.mask else {
            return violation(CloseCode::Protocol, "a client's frames must be masked");
        };
        match header.opcode {
            OpCode::Control(_) if length > MAX_CONTROL => {
                violation(CloseCode::Protocol, "a control frame is longer than 125 bytes")
            }
            OpCode::Control(_) if !header.is_final => {
                violation(CloseCode::Protocol, "a control frame is fragmented")
            }
            OpCode::Control(_) => Ok(mask),
            OpCode::Data(Data::Continue) if self.fragments.is_none() => {
                violation(CloseCode::Protocol, "a continuation without a message to continue")
            }
            OpCode::Data(data) if data != Data::Continue && self.fragments.is_some() => {
                violation(CloseCode::Protocol, "a new message inside a fragmented one")
            }
            OpCode::Data(_) => {
                let so_far = self.fragments.as_ref().map_or(0, |fragments| fragments.bytes.len());
                if length > (self.max_message - so_far) as u64 {
                    return violation(CloseCode::Size, "the message is longer than limits.max_message_size");
                }
                Ok(mask)
            }
        }
    }

    fn data<'a>(&mut self, header: &FrameHeader, payload: &'a [u8]) -> Result<Step<'a>, Violation> {
        if header.is_final && self.fragments.is_none() {
            return Ok(Step::Message(if header.opcode == OpCode::Data(Data::Text) {
                Message::Text(utf8(payload)?)
            } else {
                Message::Binary
            }));
        }
        let text = header.opcode == OpCode::Data(Data::Text);
        let fragments = self.fragments.get_or_insert_with(|| Fragments { text, bytes: Vec::new() });
        fragments.bytes.extend_from_slice(payload);
        if !header.is_final {
            return Ok(Step::Part);
        }
        match self.fragments.take() {
            Some(Fragments { text: true, bytes }) => {
                let text = String::from_utf8(bytes).map_err(|_| NOT_UTF8)?;
                Ok(Step::Message(Message::Assembled(text)))
            }
            _ => Ok(Step::Message(Message::Binary)),
        }
    }
}

fn control_message(control: Control, payload: &[u8]) -> Result<Message<'_>, Violation> {
    match control {
        Control::Ping => Ok(Message::Ping(payload)),
        Control::Close => close_message(payload),
        _ => Ok(Message::Pong),
    }
}

fn close_message(payload: &[u8]) -> Result<Message<'_>, Violation> {
    match payload {
        [] => Ok(Message::Close(None)),
        [high, low, reason @ ..] => {
            utf8(reason)?;
            let code = CloseCode::from(u16::from_be_bytes([*high, *low]));
            if !code.is_allowed() {
                return violation(CloseCode::Protocol, "a close code that may not be sent");
            }
            Ok(Message::Close(Some(code)))
        }
        [_] => violation(CloseCode::Protocol, "a close frame with half a code"),
    }
}

fn utf8(bytes: &[u8]) -> Result<&str, Violation> {
    std::str::from_utf8(bytes).map_err(|_| NOT_UTF8)
}

/// Eight bytes at a time: the compiler makes vector instructions of it.
fn unmask(payload: &mut [u8], mask: [u8; 4]) {
    let [a, b, c, d] = mask;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let mut chunks = payload.chunks_exact_mut(8);
    for chunk in &mut chunks {
        if let Ok(bytes) = <&mut [u8; 8]>::try_from(chunk) {
            *bytes = (u64::from_ne_bytes(*bytes) ^ wide).to_ne_bytes();
        }
    }
    for (byte, mask) in chunks.into_remainder().iter_mut().zip(mask.iter().cycle()) {
        *byte ^= mask;
    }
}

/// Appends the header of a frame from the router to a client: final and unmasked.
pub(super) fn write_header(opcode: OpCode, length: usize, out: &mut Vec<u8>) {
    let (header, used) = header(opcode, length);
    out.extend_from_slice(&header[..used]);
}

/// A frame header for a payload of so many bytes, and how many bytes it has itself.
pub(super) fn header(opcode: OpCode, length: usize) -> ([u8; MOST_HEADER], usize) {
    let mut header = [0; MOST_HEADER];
    header[0] = 0x80 | u8::from(opcode);
    let used = header_length(length);
    match used {
        SHORT_HEADER => header[1] = length as u8,
        MIDDLE_HEADER => {
            header[1] = 126;
            header[2..4].copy_from_slice(&(length as u16).to_be_bytes());
        }
        _ => {
            header[1] = 127;
            header[2..].copy_from_slice(&(length as u64).to_be_bytes());
        }
    }
    (header, used)
}

/// How many bytes the header has before a payload of so many.
pub(super) fn header_length(payload: usize) -> usize {
    match payload {
        0..=125 => SHORT_HEADER,
        126..=0xffff => MIDDLE_HEADER,
        _ => MOST_HEADER,
    }
}

/// Appends a close frame. The reason is cut to what a control frame may hold.
pub(super) fn write_close(code: CloseCode, reason: &str, out: &mut Vec<u8>) {
    let most = reason.len().min(MAX_CONTROL as usize - 2);
    let cut = (0..=most).rev().find(|&at| reason.is_char_boundary(at)).unwrap_or(0);
    write_header(OpCode::Control(Control::Close), 2 + cut, out);
    out.extend_from_slice(&u16::from(code).to_be_bytes());
    out.extend_from_slice(&reason.as_bytes()[..cut]);
}

#[cfg(test)]
pub(super) mod tests;
