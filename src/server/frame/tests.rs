//! The rules of RFC 6455 for what clients send, one by one. The frames are made by tungstenite.

mod streams;

use tokio_tungstenite::tungstenite::protocol::frame::Frame;

use super::*;

const TEXT: OpCode = OpCode::Data(Data::Text);
const BINARY: OpCode = OpCode::Data(Data::Binary);
const CONTINUE: OpCode = OpCode::Data(Data::Continue);
const PING: OpCode = OpCode::Control(Control::Ping);
const CLOSE: OpCode = OpCode::Control(Control::Close);
const LIMIT: usize = 100_000;

/// A frame as a client sends it.
pub(in crate::server) fn masked(opcode: OpCode, is_final: bool, payload: &[u8]) -> Vec<u8> {
    framed(
        FrameHeader { opcode, is_final, mask: Some([0x12, 0xff, 0x00, 0xa5]), ..FrameHeader::default() },
        payload,
    )
}

fn framed(header: FrameHeader, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    Frame::from_payload(header, payload.to_vec().into()).format(&mut out).unwrap();
    out
}

/// A message that owns what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Got {
    Text(String),
    Binary,
    Ping(Vec<u8>),
    Pong,
    Close(Option<u16>),
}

impl From<Message<'_>> for Got {
    fn from(message: Message) -> Self {
        match message {
            Message::Text(text) => Self::Text(text.to_owned()),
            Message::Assembled(text) => Self::Text(text),
            Message::Binary => Self::Binary,
            Message::Ping(payload) => Self::Ping(payload.to_vec()),
            Message::Pong => Self::Pong,
            Message::Close(code) => Self::Close(code.map(u16::from)),
        }
    }
}

/// All messages in these bytes, which hold nothing incomplete.
fn read(frames: &mut Frames, bytes: &[u8]) -> Result<Vec<Got>, Violation> {
    let mut bytes = bytes.to_vec();
    let mut left = &mut bytes[..];
    let mut messages = Vec::new();
    while !left.is_empty() {
        let (step, rest) = frames.next(left)?;
        match step {
            Step::Message(message) => messages.push(message.into()),
            Step::Part => {}
            Step::Incomplete(wanted) => panic!("{wanted} bytes wanted"),
        }
        left = rest;
    }
    Ok(messages)
}

fn read_new(parts: &[Vec<u8>]) -> Result<Vec<Got>, Violation> {
    read(&mut Frames::new(LIMIT), &parts.concat())
}

fn code_of(parts: &[Vec<u8>]) -> CloseCode {
    match read_new(parts) {
        Err(violation) => violation.code,
        Ok(messages) => panic!("{messages:?}"),
    }
}

#[test]
fn payloads_of_every_length_are_unmasked() {
    let mask = [0x01, 0x80, 0xfe, 0x3c];
    for length in (0..=200).chain([65_534, 65_535, 65_536, 65_537]) {
        let plain: Vec<u8> = (0..length).map(|n: usize| (n * 7 + 3) as u8).collect();
        let mut bytes: Vec<u8> =
            plain.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
        unmask(&mut bytes, mask);
        assert!(bytes == plain, "{length}");
    }
}

#[test]
fn messages_around_every_boundary_of_the_length_field_arrive() {
    for length in [0, 1, 125, 126, 127, 255, 256, 65_535, 65_536, 65_537] {
        let text = "é".repeat(length / 2) + if length % 2 == 1 { "x" } else { "" };
        assert_eq!(read_new(&[masked(TEXT, true, text.as_bytes())]).unwrap(), [Got::Text(text)]);
    }
}

#[test]
fn headers_are_written_as_tungstenite_writes_them() {
    for length in [0, 1, 125, 126, 127, 65_535, 65_536, 10_000_000] {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        write_header(TEXT, length, &mut ours);
        let header = FrameHeader { opcode: TEXT, ..FrameHeader::default() };
        header.format(length as u64, &mut theirs).unwrap();
        assert_eq!(ours, theirs, "{length}");
    }
}

#[test]
fn a_frame_cut_anywhere_is_incomplete_and_untouched() {
    for length in [0, 5, 126, 300, 65_536] {
        let whole = masked(TEXT, true, &vec![b'x'; length]);
        let header = whole.len() - length;
        for cut in (0..whole.len()).filter(|&cut| cut < header + 3 || cut % 97 == 0 || cut + 1 == whole.len())
        {
            let mut bytes = whole[..cut].to_vec();
            let wanted = match Frames::new(LIMIT).next(&mut bytes) {
                Ok((Step::Incomplete(wanted), left)) if left.len() == cut => wanted,
                other => panic!("{length} cut at {cut}: {other:?}"),
            };
            assert!(wanted > cut && wanted <= whole.len(), "{length} cut at {cut}: {wanted}");
            assert!(cut < header || wanted == whole.len(), "{length} cut at {cut}: {wanted}");
            assert!(bytes == whole[..cut]);
        }
    }
}

#[test]
fn a_fragmented_message_is_put_together_even_within_a_letter() {
    let bytes = "a–z".as_bytes();
    let parts = [
        masked(TEXT, false, &bytes[..2]),
        masked(CONTINUE, false, &bytes[2..3]),
        masked(CONTINUE, true, &bytes[3..]),
    ];
    assert_eq!(read_new(&parts).unwrap(), [Got::Text("a–z".into())]);
    let binary = [masked(BINARY, false, b"\xff"), masked(CONTINUE, true, b"\xff")];
    assert_eq!(read_new(&binary).unwrap(), [Got::Binary]);
}

#[test]
fn empty_fragments_are_allowed() {
    let mut parts = vec![masked(TEXT, false, b"")];
    parts.extend((0..1_000).map(|_| masked(CONTINUE, false, b"")));
    parts.push(masked(CONTINUE, true, b""));
    parts.push(masked(TEXT, true, b"next"));
    assert_eq!(read_new(&parts).unwrap(), [Got::Text(String::new()), Got::Text("next".into())]);
}

#[test]
fn control_frames_may_come_between_fragments() {
    let parts = [
        masked(TEXT, false, b"one "),
        masked(PING, true, b"?"),
        masked(OpCode::Control(Control::Pong), true, b""),
        masked(CONTINUE, true, b"message"),
    ];
    assert_eq!(
        read_new(&parts).unwrap(),
        [Got::Ping(b"?".to_vec()), Got::Pong, Got::Text("one message".into())]
    );
    let closed = [masked(TEXT, false, b"one "), masked(CLOSE, true, b"")];
    assert_eq!(read_new(&closed).unwrap(), [Got::Close(None)]);
}

#[test]
fn the_limit_is_for_all_fragments_together() {
    let frames = || Frames::new(10);
    assert!(read(&mut frames(), &masked(TEXT, true, b"0123456789")).is_ok());
    let too_long = read(&mut frames(), &masked(TEXT, true, b"0123456789x"));
    assert_eq!(too_long.unwrap_err().code, CloseCode::Size);
    let mut parts =
        [masked(TEXT, false, b"01234"), masked(CONTINUE, false, b"56789"), masked(CONTINUE, true, b"")];
    assert_eq!(read(&mut frames(), &parts.concat()).unwrap().len(), 1);
    parts[2] = masked(CONTINUE, true, b"x");
    assert_eq!(read(&mut frames(), &parts.concat()).unwrap_err().code, CloseCode::Size);
    // The next message starts from nothing.
    let two = [
        masked(TEXT, false, b"0123456789"),
        masked(CONTINUE, true, b""),
        masked(BINARY, true, b"0123456789"),
    ];
    assert_eq!(read(&mut frames(), &two.concat()).unwrap().len(), 2);
}

#[test]
fn a_message_that_will_be_too_long_is_refused_by_its_header() {
    for length in [LIMIT as u64 + 1, u64::from(u32::MAX), u64::MAX >> 1, u64::MAX] {
        let mut header = vec![0x81, 0xff];
        header.extend_from_slice(&length.to_be_bytes());
        header.extend_from_slice(&[0; 4]);
        assert_eq!(code_of(&[header]), CloseCode::Size, "{length}");
    }
}

#[test]
fn broken_rules_fail_the_connection_with_1002() {
    let header = FrameHeader { opcode: TEXT, mask: Some([1, 2, 3, 4]), ..FrameHeader::default() };
    let rsv = [
        FrameHeader { rsv1: true, ..header.clone() },
        FrameHeader { rsv2: true, ..header.clone() },
        FrameHeader { rsv3: true, ..header.clone() },
    ];
    let unmasked = FrameHeader { mask: None, ..header };
    let cases = [
        ("a first reserved bit", vec![framed(rsv[0].clone(), b"x")]),
        ("a second reserved bit", vec![framed(rsv[1].clone(), b"x")]),
        ("a third reserved bit", vec![framed(rsv[2].clone(), b"x")]),
        ("no mask", vec![framed(unmasked, b"x")]),
        ("a fragmented control frame", vec![masked(PING, false, b"x")]),
        ("a long control frame", vec![masked(PING, true, &[0; 126])]),
        ("a continuation of nothing", vec![masked(CONTINUE, true, b"x")]),
        ("a continuation of what is complete", vec![masked(TEXT, true, b"x"), masked(CONTINUE, true, b"x")]),
        ("a text in a text", vec![masked(TEXT, false, b"x"), masked(TEXT, true, b"x")]),
        ("a binary in a text", vec![masked(TEXT, false, b"x"), masked(BINARY, false, b"x")]),
        ("a close frame with half a code", vec![masked(CLOSE, true, &[3])]),
    ];
    for (what, parts) in cases {
        assert_eq!(code_of(&parts), CloseCode::Protocol, "{what}");
    }
    assert!(read_new(&[masked(PING, true, &[0; 125])]).is_ok());
}

#[test]
fn reserved_opcodes_fail_the_connection() {
    for opcode in (3..=7).chain(0xb..=0xf) {
        assert_eq!(code_of(&[vec![0x80 | opcode, 0x80, 0, 0, 0, 0]]), CloseCode::Protocol, "{opcode}");
    }
}

#[test]
fn only_some_close_codes_may_be_sent() {
    let close = |code: u16| read_new(&[masked(CLOSE, true, &[&code.to_be_bytes()[..], b"why"].concat())]);
    for code in [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999] {
        assert_eq!(close(code).unwrap(), [Got::Close(Some(code))], "{code}");
    }
    for code in [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 2000, 2999, 5000, 65_535] {
        assert_eq!(close(code).unwrap_err().code, CloseCode::Protocol, "{code}");
    }
    assert_eq!(read_new(&[masked(CLOSE, true, b"")]).unwrap(), [Got::Close(None)]);
}

#[test]
fn what_is_not_utf8_fails_the_connection_with_1007() {
    let cases = [
        vec![masked(TEXT, true, b"\xc3\x28")],
        vec![masked(TEXT, true, b"\xed\xa0\x80")],
        vec![masked(TEXT, true, "é".as_bytes().get(..1).unwrap())],
        vec![masked(TEXT, false, b"\xc3"), masked(CONTINUE, true, b"\x28")],
        vec![masked(CLOSE, true, b"\x03\xe8\xff")],
    ];
    for parts in cases {
        assert_eq!(code_of(&parts), CloseCode::Invalid, "{parts:x?}");
    }
    assert_eq!(read_new(&[masked(BINARY, true, b"\xff")]).unwrap(), [Got::Binary]);
}

#[test]
fn a_close_frame_has_a_code_and_a_reason_that_fits() {
    let mut out = Vec::new();
    write_close(CloseCode::Policy, "slow", &mut out);
    assert_eq!(out, b"\x88\x06\x03\xf0slow");
    out.clear();
    // 123 bytes are left for the reason; the letter that would cross them goes as a whole.
    write_close(CloseCode::Away, &"é".repeat(100), &mut out);
    assert_eq!((out[1], out.len()), (2 + 122, 2 + 2 + 122));
    assert_eq!(std::str::from_utf8(&out[4..]).unwrap(), "é".repeat(61));
}
