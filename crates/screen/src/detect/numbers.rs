//! Numbers that mean a person, a card or an account: by shape, checksum and, where the shape says
//! little, by a word that stands before them.

use super::national::{self as check, luhn, mod97};
use super::{Detector, Detectors, Findings, Found};

/// How far before a number the word may stand that says what it is.
const CONTEXT: usize = 32;

/// A way to write a number. `0` is a digit, everything else itself.
pub(super) struct Shape {
    pub(super) text: &'static str,
    /// How many digits a text that has this shape begins with.
    run: usize,
    pub(super) detector: Detector,
    pub(super) rule: &'static str,
    /// Told the digits alone.
    check: fn(&[u8]) -> bool,
    /// One of these has to stand before it, or in the name of the member.
    context: &'static [&'static str],
}

const fn shape(
    text: &'static str,
    detector: Detector,
    rule: &'static str,
    check: fn(&[u8]) -> bool,
    context: &'static [&'static str],
) -> Shape {
    let mut rest = text.as_bytes();
    while let [b'0'..=b'9', after @ ..] = rest {
        rest = after;
    }
    Shape { text, run: text.len() - rest.len(), detector, rule, check, context }
}

/// First come the longer of two shapes that begin alike.
pub(super) const SHAPES: &[Shape] = {
    use Detector::{Card, NationalId, Phone};
    &[
        shape("0000 0000 0000 0000 000", Card, "card", card, &[]),
        shape("0000 0000 0000 0000", Card, "card", card, &[]),
        shape("0000-0000-0000-0000", Card, "card", card, &[]),
        shape("0000 000000 00000", Card, "card", card, &[]),
        shape("0000-000000-00000", Card, "card", card, &[]),
        shape("0000 000000 0000", Card, "card", card, &[]),
        shape("0000000000000000", Card, "card", card, &[]),
        shape("000000000000000", Card, "card", card, &[]),
        shape("00000000000000", Card, "card", card, &[]),
        shape("0000000000000", Card, "card", card, &[]),
        shape("000-00-0000", NationalId, "us-ssn", check::us_ssn, &[]),
        shape("000 00 0000", NationalId, "us-ssn", check::us_ssn, &["ssn", "social"]),
        shape("000000000", NationalId, "us-ssn", check::us_ssn, &["ssn", "social"]),
        shape("000.000.000-00", NationalId, "br-cpf", check::br_cpf, &[]),
        shape("00000000000", NationalId, "br-cpf", check::br_cpf, &["cpf"]),
        shape("000.0000.0000.00", NationalId, "ch-ahv", check::ch_ahv, &[]),
        shape("0000000000000", NationalId, "ch-ahv", check::ch_ahv, &[]),
        shape("0 00 00 00 000 000 00", NationalId, "fr-nir", check::fr_nir, &[]),
        shape("000000000000000", NationalId, "fr-nir", check::fr_nir, &[]),
        shape("0000 0000 0000", NationalId, "in-aadhaar", check::in_aadhaar, &[]),
        shape("000000000000", NationalId, "in-aadhaar", check::in_aadhaar, &["aadhaar", "uidai"]),
        shape("00000000000", NationalId, "pl-pesel", check::pl_pesel, &["pesel"]),
        shape("00 000 000 000", NationalId, "de-tax", check::de_tax, &[]),
        shape("00000000000", NationalId, "de-tax", check::de_tax, &["steuer", "idnr", "tax"]),
        shape("1-000-000-0000", Phone, "phone-us", north_american, &[]),
        shape("000-000-0000", Phone, "phone-us", north_american, &[]),
        shape("000.000.0000", Phone, "phone-us", north_american, &[]),
        shape("000) 000-0000", Phone, "phone-us", north_american, &[]),
        shape("000)000-0000", Phone, "phone-us", north_american, &[]),
        shape(
            "000 000 0000",
            Phone,
            "phone-us",
            north_american,
            &["phone", "tel", "call", "mobile"],
        ),
    ]
};

/// Letters and digits in the account numbers of a country, and its code (ISO 13616 registry).
const IBANS: &[(&[u8; 2], usize)] = &[
    (b"AD", 24),
    (b"AE", 23),
    (b"AL", 28),
    (b"AT", 20),
    (b"AZ", 28),
    (b"BA", 20),
    (b"BE", 16),
    (b"BG", 22),
    (b"BH", 22),
    (b"BR", 29),
    (b"BY", 28),
    (b"CH", 21),
    (b"CR", 22),
    (b"CY", 28),
    (b"CZ", 24),
    (b"DE", 22),
    (b"DK", 18),
    (b"DO", 28),
    (b"EE", 20),
    (b"EG", 29),
    (b"ES", 24),
    (b"FI", 18),
    (b"FO", 18),
    (b"FR", 27),
    (b"GB", 22),
    (b"GE", 22),
    (b"GI", 23),
    (b"GL", 18),
    (b"GR", 27),
    (b"GT", 28),
    (b"HR", 21),
    (b"HU", 28),
    (b"IE", 22),
    (b"IL", 23),
    (b"IQ", 23),
    (b"IS", 26),
    (b"IT", 27),
    (b"JO", 30),
    (b"KW", 30),
    (b"KZ", 20),
    (b"LB", 28),
    (b"LC", 32),
    (b"LI", 21),
    (b"LT", 20),
    (b"LU", 20),
    (b"LV", 21),
    (b"LY", 25),
    (b"MC", 27),
    (b"MD", 24),
    (b"ME", 22),
    (b"MK", 19),
    (b"MR", 27),
    (b"MT", 31),
    (b"MU", 30),
    (b"NL", 18),
    (b"NO", 15),
    (b"PK", 24),
    (b"PL", 28),
    (b"PS", 29),
    (b"PT", 25),
    (b"QA", 29),
    (b"RO", 24),
    (b"RS", 22),
    (b"SA", 24),
    (b"SC", 31),
    (b"SE", 24),
    (b"SI", 19),
    (b"SK", 24),
    (b"SM", 27),
    (b"ST", 25),
    (b"SV", 28),
    (b"TL", 23),
    (b"TN", 24),
    (b"TR", 26),
    (b"UA", 29),
    (b"VA", 22),
    (b"VG", 24),
    (b"XK", 20),
];
const LONGEST_IBAN: usize = 34;

/// The longest run of digits that a shape begins with.
const LONGEST_RUN: usize = 16;

/// For each number of digits that a text may begin with: the shapes that do, as a set.
const BY_RUN: [u32; LONGEST_RUN + 1] = {
    let mut sets = [0; LONGEST_RUN + 1];
    let mut index = 0;
    while index < SHAPES.len() {
        sets[SHAPES[index].run] |= 1 << index;
        index += 1;
    }
    sets
};

/// For each detector of numbers: its shapes, as a set.
const BY_DETECTOR: [u32; Search::DETECTORS.len()] = {
    let mut sets = [0; Search::DETECTORS.len()];
    let mut index = 0;
    while index < SHAPES.len() {
        let mut which = 0;
        while Search::DETECTORS[which] as u16 != SHAPES[index].detector as u16 {
            which += 1;
        }
        sets[which] |= 1 << index;
        index += 1;
    }
    sets
};

/// A search in one text, which is told the starts of its words in order.
pub(super) struct Search<'a> {
    seen: Seen<'a>,
    /// The shapes that are wanted, as a set.
    shapes: u32,
    /// Where what was found last ends.
    end: usize,
}

impl<'a> Search<'a> {
    /// Of all that is known by its digits.
    pub(super) const DETECTORS: [Detector; 4] =
        [Detector::Phone, Detector::Card, Detector::Iban, Detector::NationalId];

    pub(super) fn new(text: &'a [u8], name: &'a str, wanted: Detectors) -> Self {
        let all = Self::DETECTORS.into_iter().zip(BY_DETECTOR);
        let shapes = all.filter(|(detector, _)| wanted.has(*detector));
        let shapes = shapes.fold(0, |set, (_, shapes)| set | shapes);
        Self { seen: Seen { text, name, wanted }, shapes, end: 0 }
    }

    /// Looks at the word that begins at `at`.
    #[inline]
    pub(super) fn at(&mut self, at: usize, all: &mut Findings) {
        // Nothing of interest begins with a small letter.
        if let Some(b'0'..=b'9' | b'A'..=b'Z') = self.seen.text.get(at)
            && at >= self.end
            && let Some(found) = self.word(at)
        {
            self.end = found.range.end;
            all.push(found);
        }
    }

    fn word(&self, start: usize) -> Option<Found> {
        let seen = self.seen;
        let word = seen.text.get(start..)?;
        let digits = word.iter().take_while(|byte| byte.is_ascii_digit()).count();
        match word {
            _ if digits > 0 => {
                let number = seen.number(start, digits, self.shapes);
                number.or_else(|| if digits == 8 { seen.national(start, 9) } else { None })
            }
            [_, b'0'..=b'9', ..] => seen.national(start, 9),
            [_, b'A'..=b'Z', b'0'..=b'9', ..] => {
                seen.iban(start).or_else(|| seen.national(start, 9))
            }
            [_, b'A'..=b'Z', b'A'..=b'Z', ..] => seen.national(start, 16),
            _ => None,
        }
    }
}

/// A text, what it is called, and what is looked for in it.
#[derive(Clone, Copy)]
pub(super) struct Seen<'a> {
    pub(super) text: &'a [u8],
    pub(super) name: &'a str,
    pub(super) wanted: Detectors,
}

impl Seen<'_> {
    /// A number that begins with `run` digits at `start`, in one of some shapes.
    fn number(self, start: usize, run: usize, shapes: u32) -> Option<Found> {
        let previous = start.checked_sub(1).and_then(|at| self.text.get(at)).copied();
        if previous == Some(b'+') {
            return self.international(start);
        }
        let mut shapes = BY_RUN.get(run)? & shapes;
        if shapes == 0 || !self.begins(start) {
            return None;
        }
        let next = self.text.get(start + run);
        while shapes != 0 {
            let shape = SHAPES.get(shapes.trailing_zeros() as usize)?;
            shapes &= shapes - 1;
            let separator = shape.text.as_bytes().get(run);
            if separator.is_some_and(|own| next != Some(own)) || !self.fits(start, shape) {
                continue;
            }
            let opens = previous == Some(b'(') && shape.text.contains(')');
            let range = start - usize::from(opens)..start + shape.text.len();
            return Some(Found { detector: shape.detector, rule: shape.rule, range });
        }
        None
    }

    pub(super) fn fits(self, start: usize, shape: &Shape) -> bool {
        let Some(text) = self.text.get(start..start + shape.text.len()) else { return false };
        let same = |(byte, shape): (&u8, u8)| match shape {
            b'0' => byte.is_ascii_digit(),
            other => *byte == other,
        };
        if !text.iter().zip(shape.text.bytes()).all(same) || !self.ends(start + text.len()) {
            return false;
        }
        let mut digits = [0; 24];
        let mut count = 0;
        for (slot, digit) in digits.iter_mut().zip(text.iter().filter(|b| b.is_ascii_digit())) {
            *slot = *digit;
            count += 1;
        }
        (shape.check)(digits.get(..count).unwrap_or_default())
            && (shape.context.is_empty() || self.is_about(start, shape.context))
    }

    /// `+` and eight to fifteen digits (ITU-T E.164), with the usual separators.
    pub(super) fn international(self, start: usize) -> Option<Found> {
        let plus = start - 1;
        let glued = plus.checked_sub(1).and_then(|at| self.text.get(at));
        if !self.wanted.has(Detector::Phone)
            || glued.is_some_and(|byte| byte.is_ascii_alphanumeric() || b"_/+=".contains(byte))
            || self.text.get(start) == Some(&b'0')
        {
            return None;
        }
        let (mut digits, mut end, mut gap) = (0, start, 0);
        for (offset, byte) in self.text.get(start..)?.iter().enumerate() {
            match byte {
                b'0'..=b'9' => {
                    digits += 1;
                    gap = 0;
                    end = start + offset + 1;
                }
                b' ' | b'-' | b'.' | b'(' | b')' | b'/' if gap < 2 && digits < 15 => gap += 1,
                _ => break,
            }
        }
        let fits = (8..=15).contains(&digits) && self.ends(end);
        fits.then_some(Found { detector: Detector::Phone, rule: "phone", range: plus..end })
    }

    /// An identity number of `length` letters and digits that begins at `start`.
    pub(super) fn national(self, start: usize, length: usize) -> Option<Found> {
        let end = start + length;
        let token = self.text.get(start..end)?;
        if !self.wanted.has(Detector::NationalId) || !self.begins(start) || !self.ends(end) {
            return None;
        }
        let rule = match length {
            9 if check::es_dni(token) => "es-dni",
            9 if check::uk_nino(token) => "uk-nino",
            // Without a digit it is rather a word.
            16 if check::it_cf(token) && token.iter().any(u8::is_ascii_digit) => "it-cf",
            _ => return None,
        };
        Some(Found { detector: Detector::NationalId, rule, range: start..end })
    }

    /// The account number that begins at `start`.
    pub(super) fn iban(self, start: usize) -> Option<Found> {
        if !self.wanted.has(Detector::Iban) || !self.begins(start) {
            return None;
        }
        let country = self.text.get(start..start + 2)?;
        let check = self.text.get(start + 2..start + 4)?;
        let (_, length) = IBANS.iter().find(|(code, _)| *code == country)?;
        if !check.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let mut compact = [0; LONGEST_IBAN];
        let (mut count, mut end, mut spaces) = (0, start, 0);
        for byte in self.text.get(start..)? {
            match byte {
                b'0'..=b'9' | b'A'..=b'Z' => {
                    *compact.get_mut(count)? = *byte;
                    count += 1;
                    spaces = 0;
                }
                b' ' if spaces == 0 => spaces = 1,
                _ => break,
            }
            end += 1;
            if count == *length {
                break;
            }
        }
        let (head, body) = compact.get(..count)?.split_at_checked(4)?;
        let is_sound = count == *length && mod97(body.iter().chain(head).copied()) == 1;
        let found = Found { detector: Detector::Iban, rule: "iban", range: start..end };
        (is_sound && self.ends(end)).then_some(found)
    }

    /// Whether a number may begin here: it is no part of a longer word, fraction or identifier.
    pub(super) fn begins(self, start: usize) -> bool {
        let byte = |back: usize| start.checked_sub(back).and_then(|at| self.text.get(at)).copied();
        match (byte(1), byte(2)) {
            (Some(b'_'), _) => false,
            (Some(b'-' | b'.'), Some(before)) => !before.is_ascii_alphanumeric(),
            (Some(previous), _) => !previous.is_ascii_alphanumeric(),
            (None, _) => true,
        }
    }

    /// Whether a number may end here.
    fn ends(self, end: usize) -> bool {
        match (self.text.get(end), self.text.get(end + 1)) {
            (Some(b'_'), _) => false,
            (Some(b'-'), Some(after)) => !after.is_ascii_alphanumeric(),
            (Some(b'.'), Some(after)) => !after.is_ascii_digit(),
            (Some(next), _) => !next.is_ascii_alphanumeric(),
            (None, _) => true,
        }
    }

    fn is_about(self, start: usize, words: &[&str]) -> bool {
        let before = self.text.get(start.saturating_sub(CONTEXT)..start).unwrap_or_default();
        words.iter().any(|word| mentions(before, word) || mentions(self.name.as_bytes(), word))
    }
}

fn mentions(text: &[u8], word: &str) -> bool {
    text.windows(word.len()).any(|part| part.eq_ignore_ascii_case(word.as_bytes()))
}

/// A value that is nothing but a number, in a member that is called a phone number.
pub(super) fn is_named_phone(name: &str, text: &[u8]) -> bool {
    let digits = || text.iter().filter(|byte| byte.is_ascii_digit()).count();
    (7..=24).contains(&text.len())
        && (7..=15).contains(&digits())
        && text.iter().all(|byte| byte.is_ascii_digit() || b" +-./()".contains(byte))
        && ["phone", "mobile", "telefon", "fax"].iter().any(|word| mentions(name.as_bytes(), word))
}

/// A number that a card network issues, whose check digit is right.
fn card(digits: &[u8]) -> bool {
    let prefix = |count: usize| {
        digits.get(..count).unwrap_or_default().iter().fold(0, |n, d| n * 10 + u32::from(d - b'0'))
    };
    let issued = matches!(
        (digits.len(), prefix(1), prefix(2), prefix(3), prefix(4)),
        (13 | 16 | 19, 4, ..)
            | (16, _, 51..=55, ..)
            | (16, _, _, _, 2221..=2720)
            | (15, _, 34 | 37, ..)
            | (14, _, 36 | 38 | 39, ..)
            | (14, _, _, 300..=305, _)
            | (16 | 19, _, 62 | 65, ..)
            | (16 | 19, _, _, 644..=649, _)
            | (16 | 19, _, _, _, 6011 | 3528..=3589)
    );
    issued && luhn(digits)
}

/// Area and exchange begin with two or more (North American Numbering Plan).
fn north_american(digits: &[u8]) -> bool {
    let Some(digits) = digits.len().checked_sub(10).and_then(|from| digits.get(from..)) else {
        return false;
    };
    let from_two = |at: usize| digits.get(at).is_some_and(|digit| *digit >= b'2');
    from_two(0) && from_two(3)
}
