//! Checksums and shapes of identity numbers, each by the rules its issuer publishes.

/// The check digit of ISO/IEC 7812-1.
pub(super) fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| {
            let value = u32::from(digit - b'0');
            match place % 2 {
                0 => value,
                _ if value > 4 => value * 2 - 9,
                _ => value * 2,
            }
        })
        .sum();
    sum.is_multiple_of(10)
}

/// The remainder of ISO/IEC 7064, MOD 97-10: letters count from 10.
pub(super) fn mod97(text: impl Iterator<Item = u8>) -> u32 {
    text.fold(0, |sum, byte| match byte {
        b'0'..=b'9' => (sum * 10 + u32::from(byte - b'0')) % 97,
        _ => (sum * 100 + u32::from(byte.to_ascii_uppercase().saturating_sub(b'A')) + 10) % 97,
    })
}

fn value(byte: u8) -> u32 {
    u32::from(byte.wrapping_sub(b'0'))
}

fn weighted(digits: &[u8], weights: &[u32]) -> u32 {
    digits.iter().zip(weights).map(|(digit, weight)| value(*digit) * weight).sum()
}

/// A US social security number: the areas, groups and serials that are never issued are not one.
pub(super) fn us_ssn(digits: &[u8]) -> bool {
    let [a, b, c, rest @ ..] = digits else { return false };
    digits.len() == 9
        && *a != b'9'
        && [*a, *b, *c] != *b"000"
        && [*a, *b, *c] != *b"666"
        && !rest.starts_with(b"00")
        && !rest.ends_with(b"0000")
        && digits != b"078051120"
        && digits != b"123456789"
}

/// A Brazilian CPF: two digits modulo 11.
pub(super) fn br_cpf(digits: &[u8]) -> bool {
    let check = |count: u32| {
        let weights = (2..=count + 1).rev();
        let sum: u32 = digits.iter().zip(weights).map(|(digit, w)| value(*digit) * w).sum();
        sum * 10 % 11 % 10
    };
    digits.len() == 11
        && digits.iter().any(|digit| digits.first() != Some(digit))
        && digits.get(9).is_some_and(|digit| value(*digit) == check(9))
        && digits.get(10).is_some_and(|digit| value(*digit) == check(10))
}

/// A Swiss AHV number: an EAN-13 that begins with 756.
pub(super) fn ch_ahv(digits: &[u8]) -> bool {
    digits.len() == 13
        && digits.starts_with(b"756")
        && weighted(digits, &[1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1]).is_multiple_of(10)
}

/// A French NIR: 13 digits and their complement to 97.
pub(super) fn fr_nir(digits: &[u8]) -> bool {
    let (Some(body), Some(key)) = (digits.get(..13), digits.get(13..)) else { return false };
    let number = |digits: &[u8]| digits.iter().fold(0_u64, |n, d| n * 10 + u64::from(value(*d)));
    let month = number(body.get(3..5).unwrap_or_default());
    digits.len() == 15
        && matches!(body.first(), Some(b'1' | b'2'))
        && matches!(month, 1..=12 | 20..=42 | 50..=99)
        && 97 - number(body) % 97 == number(key)
}

/// A Polish PESEL: weighted digits, and a month that exists.
pub(super) fn pl_pesel(digits: &[u8]) -> bool {
    let month = digits.get(2..4).map_or(0, |m| m.iter().fold(0, |n, d| n * 10 + value(*d)) % 20);
    digits.len() == 11
        && (1..=12).contains(&month)
        && weighted(digits, &[1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1]).is_multiple_of(10)
}

/// A German tax identification number: ISO/IEC 7064, MOD 11,10.
pub(super) fn de_tax(digits: &[u8]) -> bool {
    let Some((check, body)) = digits.split_last() else { return false };
    let product = body.iter().fold(10, |product, digit| {
        let sum = (value(*digit) + product) % 10;
        (if sum == 0 { 10 } else { sum }) * 2 % 11
    });
    digits.len() == 11 && !digits.starts_with(b"0") && (11 - product) % 10 == value(*check)
}

/// An Indian Aadhaar number: the scheme of Verhoeff, in the dihedral group of a pentagon.
pub(super) fn in_aadhaar(digits: &[u8]) -> bool {
    let permuted = |digit: u32, place: usize| {
        (0..place % 8).fold(digit, |digit, _| {
            [1, 5, 7, 6, 2, 8, 3, 0, 9, 4].get(digit as usize).copied().unwrap_or(0)
        })
    };
    let product = |a: u32, b: u32| match (a < 5, b < 5) {
        (true, true) => (a + b) % 5,
        (true, false) => (a + b - 5) % 5 + 5,
        (false, true) => (a - b) % 5 + 5,
        (false, false) => (a + 5 - b) % 5,
    };
    let check = digits
        .iter()
        .rev()
        .enumerate()
        .fold(0, |check, (place, digit)| product(check, permuted(value(*digit), place)));
    digits.len() == 12 && !matches!(digits.first(), Some(b'0' | b'1')) && check == 0
}

/// A Spanish DNI or NIE: a letter by the remainder modulo 23.
pub(super) fn es_dni(token: &[u8]) -> bool {
    let Some((letter, body)) = token.split_last() else { return false };
    let (first, rest) = match body.split_first() {
        Some((b'X', rest)) => (0, rest),
        Some((b'Y', rest)) => (1, rest),
        Some((b'Z', rest)) => (2, rest),
        Some((digit @ b'0'..=b'9', rest)) => (value(*digit), rest),
        _ => return false,
    };
    if token.len() != 9 || !rest.iter().all(u8::is_ascii_digit) {
        return false;
    }
    let number = rest.iter().fold(first, |number, digit| number * 10 + value(*digit));
    b"TRWAGMYFPDXBNJZSQVHLCKE".get(number as usize % 23) == Some(letter)
}

/// An Italian codice fiscale: odd places by a table, even ones as they are, modulo 26.
pub(super) fn it_cf(token: &[u8]) -> bool {
    const ODD: [u32; 26] = [
        1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24,
        23,
    ];
    const SHAPE: &[u8; 16] = b"AAAAAA00A00A000A";
    let fits = |(byte, shape): (&u8, &u8)| match shape {
        b'A' => byte.is_ascii_uppercase(),
        // Digits may be written as letters when two people would share a code.
        _ => byte.is_ascii_digit() || b"LMNPQRSTUV".contains(byte),
    };
    if token.len() != 16 || !token.iter().zip(SHAPE).all(fits) {
        return false;
    }
    let Some((check, body)) = token.split_last() else { return false };
    let place = |byte: u8| u32::from(if byte.is_ascii_digit() { byte - b'0' } else { byte - b'A' });
    let sum: u32 = body
        .iter()
        .enumerate()
        .map(|(index, byte)| match index % 2 {
            0 => ODD.get(place(*byte) as usize).copied().unwrap_or(0),
            _ => place(*byte),
        })
        .sum();
    sum % 26 == place(*check)
}

/// A British national insurance number; prefixes that are never issued are not one.
pub(super) fn uk_nino(token: &[u8]) -> bool {
    let [a, b, digits @ .., last] = token else { return false };
    token.len() == 9
        && a.is_ascii_uppercase()
        && b.is_ascii_uppercase()
        && digits.iter().all(u8::is_ascii_digit)
        && (b'A'..=b'D').contains(last)
        && !b"DFIQUV".contains(a)
        && !b"DFIQUVO".contains(b)
        && ![*b"BG", *b"GB", *b"NK", *b"KN", *b"TN", *b"NT", *b"ZZ"].contains(&[*a, *b])
}
