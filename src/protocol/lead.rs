//! The names of fields as they stand in front of values, in a form that is compared without a loop.

use super::fields::Field;

/// The most bytes of a name with its quotes and its colon.
const LEAD: usize = 24;

/// A field's name with its quotes and its colon, in a form that is compared without a loop.
pub(super) struct Lead {
    pub field: Field,
    length: u8,
    text: [u64; 3],
    mask: [u64; 3],
}

impl Lead {
    /// Those of an event's fields.
    pub const OF_EVENT: [Self; 14] = leads(Field::OF_EVENT);
    /// Those of its metadata's.
    pub const OF_METADATA: [Self; 9] = leads(Field::OF_METADATA);

    const fn new(field: Field) -> Self {
        // Without the `{` or `,` in front.
        let lead = field.lead().as_bytes();
        let (mut text, mut mask, mut at) = ([0; 3], [0; 3], 1);
        while at < lead.len() {
            let (word, shift) = ((at - 1) / 8, (at - 1) % 8 * 8);
            text[word] |= (lead[at] as u64) << shift;
            mask[word] |= 0xff << shift;
            at += 1;
        }
        Self { field, length: lead.len() as u8 - 1, text, mask }
    }

    /// How many bytes it has.
    #[inline]
    pub const fn length(&self) -> usize {
        self.length as usize
    }

    /// Whether these bytes begin with it. Says no if they are too few to be looked at in one go.
    #[inline(always)]
    pub fn begins(&self, bytes: &[u8]) -> bool {
        let Some(bytes) = bytes.first_chunk::<LEAD>() else { return false };
        let (words, _) = bytes.as_chunks::<8>();
        let differ = |at: usize| (u64::from_le_bytes(words[at]) ^ self.text[at]) & self.mask[at];
        differ(0) == 0 && differ(1) == 0 && differ(2) == 0
    }
}

const fn leads<const N: usize>(fields: [Field; N]) -> [Lead; N] {
    let mut leads = [const { Lead::new(Field::Id) }; N];
    let mut at = 0;
    while at < N {
        leads[at] = Lead::new(fields[at]);
        at += 1;
    }
    leads
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lead_begins_with_its_whole_name_and_nothing_else() {
        for lead in Lead::OF_EVENT.iter().chain(&Lead::OF_METADATA) {
            let name = format!("\"{}\":", lead.field.name());
            assert_eq!(lead.length(), name.len());
            let text = format!("{name}{}", "x".repeat(LEAD));
            assert!(lead.begins(text.as_bytes()));
            for at in 0..name.len() {
                let mut spoilt = text.clone().into_bytes();
                spoilt[at] ^= 1;
                assert!(!lead.begins(&spoilt));
            }
            assert!(!lead.begins(&name.as_bytes()[1..]));
        }
    }
}
