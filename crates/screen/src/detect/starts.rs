//! Where in a text can anything begin? At the first byte of a word, and at a few marks.
//!
//! Every detector hangs on one of these places, so that one pass over a text, without a branch for
//! each byte, serves them all. A word is a run of ASCII letters and digits.

/// Bytes that no word holds and at which something can begin or be recognised.
pub(super) const MARKS: [u8; 5] = [b'@', b':', b'~', b'=', b'#'];

/// Bytes that are looked at together: one for each bit of a set.
const BLOCK: usize = 64;

/// Calls `visit` with every place, in order.
#[inline]
pub(super) fn each(text: &[u8], mut visit: impl FnMut(usize)) {
    let mut follows_word = 0;
    let mut base = 0;
    let (blocks, rest) = text.as_chunks::<BLOCK>();
    let mut visit_all = |block: &[u8; BLOCK]| {
        let mut places = places(block, &mut follows_word);
        while places != 0 {
            visit(base + places.trailing_zeros() as usize);
            places &= places - 1;
        }
        base += BLOCK;
    };
    blocks.iter().for_each(&mut visit_all);
    if !rest.is_empty() {
        let mut block = [0; BLOCK];
        block.iter_mut().zip(rest).for_each(|(slot, byte)| *slot = *byte);
        visit_all(&block);
    }
}

/// The set of places in a block. `follows_word` is 1 if the byte before it belongs to a word, and
/// then says so for the next block.
fn places(block: &[u8; BLOCK], follows_word: &mut u64) -> u64 {
    let words = set(block, |byte| {
        let is_letter = (byte | 0x20).wrapping_sub(b'a') < 26;
        let is_digit = byte.wrapping_sub(b'0') < 10;
        is_letter | is_digit
    });
    let [a, b, c, d, e] = MARKS;
    let is_mark = |at: u8| (at == a) | (at == b) | (at == c) | (at == d) | (at == e);
    let marks = set(block, is_mark);
    let starts = words & !(words << 1 | *follows_word);
    *follows_word = words >> 63;
    starts | marks
}

/// The set of bytes for which `is` holds. Without branches, compilers turn it into operations on
/// sixteen bytes and more at once.
#[inline(always)]
fn set(block: &[u8; BLOCK], is: impl Fn(u8) -> bool) -> u64 {
    let mut flags = [0; BLOCK];
    for (flag, byte) in flags.iter_mut().zip(block) {
        *flag = u8::from(is(*byte));
    }
    let (eights, _) = flags.as_chunks::<8>();
    let mut set = 0;
    for (index, eight) in eights.iter().enumerate() {
        // The product moves the lowest bit of each byte, in order, into the highest byte.
        let bits = u64::from_le_bytes(*eight).wrapping_mul(0x0102_0408_1020_4080) >> 56;
        set |= bits << (8 * index);
    }
    set
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn places_are_the_starts_of_words_and_the_marks(
            text in prop::collection::vec(
                prop_oneof![any::<u8>(), prop::sample::select(b"aZ09 @:~=#/[`{".to_vec())],
                0..200,
            ),
        ) {
            let is_word = |at: usize| text[at].is_ascii_alphanumeric();
            let is_place = |at: &usize| {
                MARKS.contains(&text[*at]) || is_word(*at) && (*at == 0 || !is_word(*at - 1))
            };
            let expected: Vec<_> = (0..text.len()).filter(is_place).collect();

            let mut found = Vec::new();
            each(&text, |at| found.push(at));

            prop_assert_eq!(found, expected);
        }
    }
}
