//! The same findings the slow way: each keyword looked for at each byte, each shape of a number
//! tried at each digit. What is fast must find the same.

use std::sync::LazyLock;

use proptest::prelude::*;

use super::keywords::{Call, keywords};
use super::numbers::{SHAPES, Seen, is_named_phone};
use super::rules::{Matcher, RULES};
use super::tests::sample;
use super::*;

static MATCHERS: LazyLock<Vec<Matcher>> =
    LazyLock::new(|| RULES.iter().map(Matcher::new).collect());

fn find(text: &[u8], name: &str, wanted: Detectors) -> Findings {
    let mut all = Findings::new();
    if text.len() >= SHORTEST {
        by_keyword(text, wanted, &mut all);
        by_digits(text, name, wanted, &mut all);
    }
    if wanted.has(Detector::NamedSecret) && named::is_secret(name, text) {
        let range = 0..text.len();
        all.push(Found { detector: Detector::NamedSecret, rule: "named-secret", range });
    }
    merge(&mut all);
    all
}

fn by_keyword(text: &[u8], wanted: Detectors, all: &mut Findings) {
    let mut hits = Vec::new();
    for start in 0..text.len() {
        for (word, call) in keywords() {
            let end = start + word.len();
            if text.get(start..end).is_some_and(|t| t.eq_ignore_ascii_case(word.as_bytes())) {
                hits.push((end, start, call));
            }
        }
    }
    hits.sort_by_key(|(end, start, _)| (*end, *start));
    let (mut tokens, mut addresses, mut insides) = (0, 0, [0; Detector::ALL.len()]);
    for (_, start, call) in hits {
        let mut add = |detector: Detector, rule, range: Option<Range<usize>>| {
            let inside = &mut insides[detector as usize];
            let range = range.filter(|_| wanted.has(detector) && start >= *inside);
            let end = range.as_ref().map_or(0, |range| range.end);
            *inside = end.max(*inside);
            all.extend(range.map(|range| Found { detector, rule, range }));
            end
        };
        match call {
            Call::Email if start >= addresses => {
                let end = add(Detector::Email, "email", email::around(text, start));
                addresses = addresses.max(end);
            }
            Call::Trace => _ = add(Detector::StackTrace, "stack-trace", trace::at(text, start)),
            Call::Url => {
                let range = inner::connection(text, start);
                add(Detector::ConnectionString, "connection-url", range);
                add(Detector::InternalUrl, "internal-url", inner::url(text, start));
            }
            Call::Pairs => {
                let range = inner::pairs(text, start);
                add(Detector::ConnectionString, "connection-pairs", range);
            }
            Call::Address => {
                add(Detector::InternalUrl, "internal-address", inner::address(text, start));
            }
            _ if start < tokens => {}
            Call::Jwt => {
                let end = add(Detector::Jwt, "jwt", jwt::at(text, start, &mut (0..0)));
                tokens = tokens.max(end);
            }
            Call::PrivateKey => {
                let range = pem::private_key(text, start);
                tokens = tokens.max(add(Detector::PrivateKey, "private-key", range));
            }
            Call::Rule(index) => {
                let rule = &RULES[index];
                let is_word = |at: usize| text.get(at).is_some_and(u8::is_ascii_alphanumeric);
                let is_inside = start > 0 && is_word(start - 1) && is_word(start);
                if rule.back == 0 && is_inside {
                    continue;
                }
                let range = MATCHERS[index].find(text, start);
                tokens = tokens.max(add(rule.detector, rule.id, range));
            }
            Call::Email => {}
        }
    }
}

fn by_digits(text: &[u8], name: &str, wanted: Detectors, all: &mut Findings) {
    if wanted.has(Detector::Phone) && is_named_phone(name, text) {
        let range = 0..text.len();
        all.push(Found { detector: Detector::Phone, rule: "phone-named", range });
        return;
    }
    let seen = Seen { text, name, wanted };
    let is_word = |at: &usize| text.get(*at).is_some_and(u8::is_ascii_alphanumeric);
    let mut at = 0;
    while let Some(digit) = (at..text.len()).find(|at| text[*at].is_ascii_digit()) {
        let start = (at..=digit).rev().take_while(is_word).last().unwrap_or(digit);
        let end = (digit..text.len()).take_while(is_word).last().unwrap_or(digit) + 1;
        let number = || if start == digit { number(seen, start) } else { None };
        let token = || match end - start {
            9 | 16 => seen.national(start, end - start),
            _ => None,
        };
        match number().or_else(|| seen.iban(start)).or_else(token) {
            Some(found) => {
                at = found.range.end;
                all.push(found);
            }
            None => at = end,
        }
    }
}

fn number(seen: Seen<'_>, start: usize) -> Option<Found> {
    if start > 0 && seen.text[start - 1] == b'+' {
        return seen.international(start);
    }
    let fits = |shape: &&numbers::Shape| {
        seen.wanted.has(shape.detector) && seen.begins(start) && seen.fits(start, shape)
    };
    let shape = SHAPES.iter().find(fits)?;
    let opens = start > 0 && seen.text[start - 1] == b'(' && shape.text.contains(')');
    let range = start - usize::from(opens)..start + shape.text.len();
    Some(Found { detector: shape.detector, rule: shape.rule, range })
}

/// Pieces of what is looked for, and of what only resembles it.
fn piece() -> impl Strategy<Value = String> {
    const WHOLE: &[&str] = &[
        "4111 1111 1111 1111",
        "4111111111111111",
        "3782-822463-10005",
        "DE89 3704 0044 0532 0130 00",
        "GB82WEST12345698765432",
        "+49 (0)30 901820",
        "(415) 555-2671",
        "1-415-555-2671",
        "536-90-4399",
        "ssn 536904399",
        "529.982.247-25",
        "756.9217.0769.85",
        "12345678Z",
        "X1234567L",
        "RSSMRA85T10A562S",
        "pesel 44051401359",
        "AB123456C",
        "2341 2341 2346",
        "2 55 08 14 168 025 38",
        "ann.lee+x@mail.example.co.uk",
        "git@github.com:org/repo.git",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
        "-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----",
        "postgres://ann:s3cr3t@db:5432/x",
        "http://10.0.0.7:8080/admin",
        "https://vault.corp.internal/v1",
        "server=db1;password=x1y2",
        "dbpassword=x1y2 host=a",
        "192.168.1.4:5432",
        "localhost:5432",
        "\n\tat a.B.c(D.java:7)\n\tat e.F.g(H.java:9)\n",
        "\n    at f (/srv/a.js:1:2)\n",
        "\nTraceback (most recent call last):\n  File \"a.py\", line 3\nx",
        "\ngoroutine 1 [running]:\nmain.main()\n\n",
        "\n#0 /var/www/x.php(12): f()\n#1 {main}\n",
        "550e8400-e29b-41d4-a716-446655440000",
        "2026-01-31T10:20:30.123Z",
        "é",
        "\u{1f600}",
    ];
    let words: Vec<_> = keywords().map(|(word, _)| word).collect();
    prop_oneof![
        3 => prop::sample::select(WHOLE).prop_map(str::to_owned),
        3 => (0..RULES.len(), any::<u64>()).prop_map(|(which, seed)| sample(RULES[which].pattern, seed)),
        1 => prop::sample::select(words.clone()).prop_map(str::to_owned),
        1 => prop::sample::select(words).prop_map(str::to_ascii_uppercase),
        2 => "[0-9]{1,20}",
        2 => "[ -~\\n\\t]{0,6}",
        1 => "[A-Za-z0-9_-]{1,90}",
    ]
}

fn text() -> impl Strategy<Value = String> {
    let glue = prop::sample::select(vec![
        "", " ", "   ", "-", "_", ".", ",", "\n", "\t", ":", "/", "=", "+", "(", ")", "@", "#",
        "&", "\"", "x", "7",
    ]);
    prop::collection::vec((piece(), glue), 0..8)
        .prop_map(|parts| parts.into_iter().map(|(piece, glue)| piece + glue).collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn the_fast_way_finds_what_the_slow_way_finds(
        text in text(),
        name in prop::sample::select(vec!["", "phone", "password", "cpf", "note"]),
        wanted in prop::option::of(prop::collection::vec(prop::sample::select(&Detector::ALL[..]), 0..4)),
    ) {
        let wanted = wanted.map_or_else(Detectors::all, |list| list.into_iter().collect());

        let found = super::find(text.as_bytes(), name, wanted);

        prop_assert_eq!(found, find(text.as_bytes(), name, wanted));
    }
}
