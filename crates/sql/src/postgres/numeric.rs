//! Decimal numbers in PostgreSQL's binary form (`numeric_send`): digits to the base 10000.

const POSITIVE: u16 = 0x0000;
const NEGATIVE: u16 = 0x4000;
const NAN: u16 = 0xC000;
const INFINITY: u16 = 0xD000;
const NEGATIVE_INFINITY: u16 = 0xF000;

/// The number as the database itself writes it, trailing zeros of its scale included; `None` if these
/// bytes are none.
pub(super) fn text(bytes: &[u8]) -> Option<String> {
    let mut words = bytes.chunks(2).map(|pair| Some(u16::from_be_bytes(pair.try_into().ok()?)));
    let mut next = || words.next().flatten();
    let count = usize::from(next()?);
    // The weight of the first digit is signed, and written as the bits of that.
    let weight = i32::from(next()?.cast_signed());
    let sign = next()?;
    let scale = usize::from(next()?);
    let digits: Vec<u16> = (0..count).map(|_| next()).collect::<Option<_>>()?;
    match sign {
        POSITIVE | NEGATIVE => {}
        NAN => return Some("NaN".to_owned()),
        INFINITY => return Some("Infinity".to_owned()),
        NEGATIVE_INFINITY => return Some("-Infinity".to_owned()),
        _ => return None,
    }
    let digit =
        |at: i32| usize::try_from(at).ok().and_then(|at| digits.get(at)).copied().unwrap_or(0);
    let mut out = String::new();
    for at in 0..=weight.max(0) {
        // Leading zeros are not written, but one.
        let at = if weight < 0 { -1 } else { at };
        match out.is_empty() {
            true => out.push_str(&digit(at).to_string()),
            false if out == "0" => out = digit(at).to_string(),
            false => out.push_str(&format!("{:04}", digit(at))),
        }
    }
    if scale > 0 {
        let fraction: String = (0..scale.div_ceil(4))
            .map(|at| {
                format!("{:04}", digit(weight + 1 + i32::try_from(at).unwrap_or(i32::MAX / 2)))
            })
            .collect();
        out.push('.');
        out.push_str(&fraction[..scale]);
    }
    Some(if sign == NEGATIVE { format!("-{out}") } else { out })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(words: &[u16]) -> Option<String> {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
        text(&bytes)
    }

    #[test]
    fn no_digit_is_lost() {
        let minus_one = (-1_i16).cast_unsigned();
        for (words, expected) in [
            (&[0, 0, 0, 0][..], "0"),
            (&[0, 0, 0, 2], "0.00"),
            (&[1, 0, 0, 0, 7], "7"),
            (&[2, 0, 0x4000, 2, 12, 3400], "-12.34"),
            (&[2, 1, 0, 0, 1, 2], "10002"),
            (&[1, 1, 0, 0, 5], "50000"),
            (&[1, minus_one, 0, 4, 5], "0.0005"),
            (&[1, (-2_i16).cast_unsigned(), 0, 8, 1234], "0.00001234"),
            (&[3, 1, 0, 3, 9999, 9999, 9990], "99999999.999"),
            (&[0, 0, 0xC000, 0], "NaN"),
            (&[0, 0, 0xF000, 0], "-Infinity"),
        ] {
            assert_eq!(shown(words).as_deref(), Some(expected), "{words:?}");
        }
        for words in [&[1, 0, 0, 0][..], &[0, 0, 1, 0], &[0]] {
            assert_eq!(shown(words), None, "{words:?}");
        }
    }
}
