//! Any stream of frames, cut anywhere.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::*;

/// A message with its frames.
#[derive(Clone, Debug)]
struct Sent {
    expected: Vec<Got>,
    bytes: Vec<u8>,
}

fn frame(opcode: OpCode, is_final: bool, mask: [u8; 4], payload: &[u8]) -> Vec<u8> {
    framed(FrameHeader { opcode, is_final, mask: Some(mask), ..FrameHeader::default() }, payload)
}

fn control() -> impl Strategy<Value = Sent> {
    (any::<bool>(), vec(any::<u8>(), 0..=125), any::<[u8; 4]>()).prop_map(|(ping, payload, mask)| {
        let control = if ping { Control::Ping } else { Control::Pong };
        let bytes = frame(OpCode::Control(control), true, mask, &payload);
        Sent { expected: vec![if ping { Got::Ping(payload) } else { Got::Pong }], bytes }
    })
}

fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => "\\PC{0,60}",
        2 => (120..132_usize).prop_map(|length| "x".repeat(length)),
        1 => (65_530..65_540_usize).prop_map(|length| "x".repeat(length)),
    ]
}

/// A message in one frame or several, with control frames between them.
fn message() -> impl Strategy<Value = Sent> {
    let between = vec((any::<Index>(), prop::option::of(control())), 0..4);
    (texts(), any::<bool>(), between, any::<[u8; 4]>()).prop_map(|(text, is_text, between, mask)| {
        let payload = text.as_bytes();
        let mut cuts: Vec<_> = between.iter().map(|(cut, _)| cut.index(payload.len() + 1)).collect();
        cuts.sort_unstable();
        let mut sent = Sent { expected: Vec::new(), bytes: Vec::new() };
        let (mut opcode, mut from) = (if is_text { TEXT } else { BINARY }, 0);
        for (cut, (_, control)) in cuts.into_iter().zip(between) {
            sent.bytes.extend(frame(opcode, false, mask, &payload[from..cut]));
            (opcode, from) = (CONTINUE, cut);
            if let Some(control) = control {
                sent.bytes.extend(control.bytes);
                sent.expected.extend(control.expected);
            }
        }
        sent.bytes.extend(frame(opcode, true, mask, &payload[from..]));
        sent.expected.push(if is_text { Got::Text(text) } else { Got::Binary });
        sent
    })
}

/// Reads pieces as a connection does: what is left over is put in front of the next one, and not looked at before
/// there is as much as was wanted.
fn read_pieces(bytes: &[u8], cuts: &[Index]) -> Result<Vec<Got>, Violation> {
    let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).chain([bytes.len()]).collect();
    cuts.sort_unstable();
    let (mut frames, mut messages, mut rest, mut wanted, mut from) =
        (Frames::new(LIMIT), vec![], vec![], 0, 0);
    for cut in cuts {
        rest.extend_from_slice(&bytes[from..cut]);
        from = cut;
        let mut left = &mut rest[..];
        while !left.is_empty() && left.len() >= wanted {
            wanted = 0;
            let (step, behind) = frames.next(left)?;
            left = behind;
            match step {
                Step::Message(message) => messages.push(message.into()),
                Step::Part => {}
                Step::Incomplete(more) => wanted = more,
            }
        }
        rest = left.to_vec();
    }
    assert!(rest.is_empty(), "{} bytes were not read", rest.len());
    Ok(messages)
}

proptest! {
    #[test]
    fn valid_frames_cut_anywhere_give_the_messages_that_were_put_in(
        sent in vec(prop_oneof![3 => message(), 1 => control()], 1..8),
        cuts in vec(any::<Index>(), 0..20),
    ) {
        let bytes: Vec<u8> = sent.iter().flat_map(|sent| sent.bytes.iter().copied()).collect();
        let expected: Vec<Got> = sent.into_iter().flat_map(|sent| sent.expected).collect();
        prop_assert_eq!(read_pieces(&bytes, &cuts), Ok(expected));
    }

    #[test]
    fn every_byte_by_itself_gives_the_same_messages(sent in message().prop_filter("short", |sent| sent.bytes.len() < 1_000)) {
        let (mut frames, mut rest, mut messages) = (Frames::new(LIMIT), Vec::new(), Vec::new());
        for byte in sent.bytes {
            rest.push(byte);
            match frames.next(&mut rest) {
                Ok((Step::Incomplete(_), _)) => continue,
                Ok((Step::Message(message), [])) => messages.push(Got::from(message)),
                Ok((Step::Part, [])) => {}
                other => prop_assert!(false, "{other:?}"),
            }
            rest.clear();
        }
        prop_assert!(rest.is_empty());
        prop_assert_eq!(messages, sent.expected);
    }

    #[test]
    fn no_bytes_whatever_make_it_panic_or_stand_still(bytes in vec(any::<u8>(), 0..400), limit in 0..300_usize) {
        let mut frames = Frames::new(limit);
        let mut bytes = bytes;
        let mut left = &mut bytes[..];
        while !left.is_empty() {
            let before = left.len();
            match frames.next(left) {
                Ok((Step::Incomplete(wanted), _)) => {
                    prop_assert!(wanted > before);
                    break;
                }
                Ok((_, rest)) => left = rest,
                Err(_) => break,
            }
            prop_assert!(left.len() < before);
        }
    }

    /// Random bytes rarely get past the header; these are frames in an order that makes no sense.
    #[test]
    fn frames_in_any_order_never_exceed_the_limit(
        frames in vec((0..16_u8, any::<bool>(), vec(any::<u8>(), 0..40)), 1..30),
        limit in 0..60_usize,
    ) {
        let mut reader = Frames::new(limit);
        for (opcode, is_final, payload) in frames {
            let mut bytes = masked(TEXT, is_final, &payload);
            bytes[0] = bytes[0] & 0x80 | opcode;
            match reader.next(&mut bytes) {
                Ok((Step::Message(Message::Text(text)), _)) => prop_assert!(text.len() <= limit),
                Ok((Step::Message(Message::Assembled(text)), _)) => prop_assert!(text.len() <= limit),
                Ok((Step::Incomplete(_), _)) => prop_assert!(false, "it is complete"),
                Ok(_) => {}
                Err(_) => break,
            }
            let kept = reader.fragments.as_ref().map_or(0, |fragments| fragments.bytes.len());
            prop_assert!(kept <= limit);
        }
    }
}
