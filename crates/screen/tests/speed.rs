//! What a clean result costs: no allocation, and little time.
//!
//! It has a binary of its own, because it counts what the whole process allocates.

#[cfg(test)]
#[path = "../../protocol/tests/support/counting.rs"]
mod counting;

#[cfg(test)]
mod tests {
    use std::fmt::Write;
    use std::hint::black_box;
    use std::time::Instant;

    use base64::Engine;
    use bytes::Bytes;
    use toolgate_screen::detect::Detector;
    use toolgate_screen::redact::{Action, Compiled, Rule, Rules, Scope};
    use toolgate_screen::{neutral, schema};

    use crate::counting::allocations;

    fn everything() -> Compiled {
        let rule = Rule { detect: Detector::ALL.to_vec(), action: Action::Mask, ..Rule::default() };
        Rules(vec![rule]).compile().unwrap()
    }

    fn scope() -> Scope<'static> {
        Scope { caller: None, tool: Some("crm_find"), is_error: false, key: b"key" }
    }

    /// Rows as a database answers them, about `size` bytes.
    fn rows(size: usize) -> Bytes {
        let mut text = String::from(r#"{"structuredContent":{"rows":["#);
        let mut row = 0;
        while text.len() < size {
            row += 1;
            let comma = if row == 1 { "" } else { "," };
            write!(
                text,
                r#"{comma}{{"id":"550e8400-e29b-41d4-a716-44665544{row:04}","created":"2026-01-31T10:20:30.123Z","title":"Order of {row} things","total":{row}99.50,"commit":"3f786850e387550fdab836ed7e6dc881de23001b","open":true}}"#
            )
            .unwrap();
        }
        text.push_str("]}}");
        text.into()
    }

    /// Prose with lines, as the text of a result, about `size` bytes.
    fn prose(size: usize) -> Bytes {
        let line = r"The order of the customer was sent on 31 January, and the café has it.\n";
        let text = line.repeat(size / line.len());
        format!(r#"{{"content":[{{"type":"text","text":"{text}"}}]}}"#).into()
    }

    fn image(size: usize) -> Bytes {
        let mut state = 1_u64;
        let next = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        };
        let pixels: Vec<u8> = std::iter::repeat_with(next).take(size / 4 * 3).collect();
        let data = base64::engine::general_purpose::STANDARD.encode(pixels);
        format!(r#"{{"content":[{{"type":"image","data":"{data}","mimeType":"image/png"}}]}}"#)
            .into()
    }

    #[test]
    fn a_clean_result_allocates_nothing() {
        let rules = everything();
        for text in [rows(10_000), prose(10_000), image(10_000)] {
            let work = || {
                let redacted = rules.json(&text, scope()).unwrap();
                assert_eq!(redacted.bytes.as_ptr(), text.as_ptr(), "{:?}", redacted.hits);
            };
            work();

            assert_eq!(allocations(work), 0, "{text:?}");
        }
        assert_eq!(allocations(|| drop(black_box(Box::new(1)))), 1, "the count works");
    }

    #[test]
    fn a_clean_text_is_harmless_without_allocating() {
        let text = "Grüße aus Bern 👩‍👩‍👧, Zeile um Zeile.\n".repeat(100);

        let count = allocations(|| {
            assert!(!neutral::neutralise(&text, neutral::Treatment::Remove).1.any());
        });

        assert_eq!(count, 0);
    }

    /// The shortest of many runs, in microseconds.
    fn best(mut work: impl FnMut()) -> f64 {
        let time = |_| {
            let start = Instant::now();
            work();
            start.elapsed().as_secs_f64() * 1e6
        };
        (0..200).map(time).fold(f64::INFINITY, f64::min)
    }

    /// Lines as a service writes them, about `size` bytes.
    fn log(size: usize) -> Bytes {
        let line = r"2026-01-31T10:20:30.123Z INFO [worker-7] pool: took=18ms id=7f3c1a92-90ab rows=4096 from 93.184.216.34:5432\n";
        let text = line.repeat(size / line.len());
        format!(r#"{{"content":[{{"type":"text","text":"{text}"}}]}}"#).into()
    }

    /// Records of customers in one text, some with an address or a card, about `size` bytes.
    fn records(size: usize) -> Bytes {
        let mut text = String::new();
        for number in 1_000.. {
            let extra = match number % 8 {
                0 => " mail ann@example.com",
                4 => " card 4111 1111 1111 1111",
                _ => "",
            };
            write!(
                text,
                "customer {number}: 14 seats, since 2024-03-18,{extra} ticket 7f3c{number}-90ab; "
            )
            .unwrap();
            if text.len() > size {
                break;
            }
        }
        format!(r#"{{"content":[{{"type":"text","text":"{text}"}}]}}"#).into()
    }

    /// The same JSON as the text of a result.
    fn as_text(json: &Bytes) -> Bytes {
        let text = std::str::from_utf8(json).unwrap();
        serde_json::json!({ "content": [{ "type": "text", "text": text }] }).to_string().into()
    }

    #[test]
    #[ignore = "measures; run it in a release build"]
    fn figures() {
        let rules = everything();
        let hostile = |text: &str| {
            let text = text.repeat(10_240 / text.len());
            Bytes::from(format!(r#"{{"t":"{text}"}}"#))
        };
        for (name, text) in [
            ("rows", rows(10_000)),
            ("rows as text", as_text(&rows(9_000))),
            ("prose", prose(10_000)),
            ("log lines", log(10_000)),
            ("records with findings", records(10_000)),
            ("image", image(10_000)),
            ("image of 1 MiB", image(1 << 20)),
            ("rows of 1 MiB", rows(1 << 20)),
            ("beginnings of tokens", hostile("sk-ant-api-glpat-eyJ.q~@ 4111 +1")),
            ("digits", hostile("4")),
            ("digits, parted", hostile("4111 ")),
            ("international digits", hostile("+1-")),
            ("at signs", hostile("a@")),
            ("addresses without a top", hostile("aaaaaaaa@bbbbbbb.")),
            ("marks", hostile("~:=#@")),
            ("keywords of clients", hostile("1q~")),
            ("beginnings of tokens of the web", hostile("eyJ")),
            ("schemes", hostile("://")),
            ("bearers", hostile("bearer a")),
            ("accounts", hostile("DE89 ")),
        ] {
            let time = best(|| drop(black_box(rules.scanned(&text, scope()))));
            println!("redact {name} ({} bytes): {time:.1} us", text.len());
        }
        for (name, detect) in [
            ("tokens", vec![Detector::Token]),
            ("cards", vec![Detector::Card]),
            ("names", vec![Detector::NamedSecret]),
        ] {
            let rules = Rules(vec![Rule { detect, ..Rule::default() }]).compile().unwrap();
            for (what, text) in [("rows", rows(10_000)), ("image", image(10_000))] {
                let time = best(|| drop(black_box(rules.scanned(&text, scope()))));
                println!("10 KB of {what}, {name} alone: {time:.1} us");
            }
        }
        let text = "An ordinary line of text, as results hold many.\n".repeat(200);
        let time = best(|| _ = black_box(neutral::neutralise(&text, neutral::Treatment::Remove)));
        println!("neutralise {} bytes: {time:.1} us", text.len());
        let schema = br#"{"type":"object","properties":{"city":{"type":"string"},"days":{"type":"integer"}},"required":["city"],"additionalProperties":false}"#;
        let time = best(|| drop(black_box(schema::Compiled::new(schema))));
        println!("compile a small schema: {time:.1} us");
        let compiled = schema::Compiled::new(schema).unwrap();
        let time = best(|| drop(black_box(compiled.check(br#"{"city":"Bern","days":3}"#))));
        println!("check small arguments: {time:.2} us");
        let pattern = schema::Compiled::new(br#"{"pattern":"^(a+)+$"}"#).unwrap();
        let instance = format!("\"{}!\"", "a".repeat(50_000));
        let time = best(|| drop(black_box(pattern.check(instance.as_bytes()))));
        println!("^(a+)+$ on 50,001 bytes: {time:.1} us");
    }
}
