//! What stands around an event on its way to a subscriber. The event itself is shared by all of them; these few
//! bytes are each subscriber's own.

use uuid::Uuid;

use super::write;

/// What goes in front of [`Event::full`](super::Event::full) and [`Event::lean`](super::Event::lean) alike.
pub const HEAD: &[u8] = br#"{"type":"event","event":"#;

/// How many bytes [`full_tail`] has.
pub const FULL_TAIL: usize = 58;

/// What follows a full event: `,"subscription_id":"…"}`.
pub fn full_tail(subscription: Uuid) -> [u8; FULL_TAIL] {
    let mut tail = *br#","subscription_id":"00000000-0000-0000-0000-000000000000"}"#;
    subscription.hyphenated().encode_lower(&mut tail[20..56]);
    tail
}

/// What stands between an event that is to be acknowledged and its tail, in front of the delivery's name and behind it.
pub const DELIVERY_ID: [&[u8]; 2] = [br#","delivery_id":""#, b"\""];

/// What stands in front of the tail of an event that is stored, for a subscription that counts them, appended:
/// `,"sequence":N`.
pub fn sequence(sequence: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(br#","sequence":"#);
    write::number(out, sequence);
}

/// What follows a lean event, appended: `,"sub":N}`, with the number that `subscribed` named.
pub fn lean_tail(sub: u32, out: &mut Vec<u8>) {
    out.extend_from_slice(br#","sub":"#);
    write::number(out, sub.into());
    out.push(b'}');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_delivery_has_part_ones_shape() {
        let id = Uuid::from_u128(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef);
        let tail = full_tail(id);
        assert_eq!(std::str::from_utf8(&tail).unwrap(), format!(r#","subscription_id":"{id}"}}"#));
        assert_eq!(HEAD, br#"{"type":"event","event":"#);
    }

    #[test]
    fn a_lean_delivery_names_its_subscription_by_number() {
        let mut out = Vec::new();
        lean_tail(17, &mut out);
        assert_eq!(out, br#","sub":17}"#);
    }
}
