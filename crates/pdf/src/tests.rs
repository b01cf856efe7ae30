//! Files that are made here, and what is read of them.

use std::time::Duration;

use lopdf::{
    Document, EncryptionState, EncryptionVersion, Object, Permissions, Stream, dictionary,
};
use proptest::prelude::*;

use super::*;
use crate::testing::{file, page, pdf};

fn read(bytes: &[u8]) -> Reading {
    let book = Book::open(bytes).unwrap();
    book.read(1..=book.pages(), Duration::from_secs(60))
}

fn markdown(content: &str) -> String {
    let reading = read(&pdf(&[content.to_owned()]));
    reading.pages[0].markdown()
}

/// Lines of text one below the other, from this place.
fn lines(font: &'static str, x: u32, y: u32, texts: &[&'static str]) -> String {
    let line = |(at, text): (usize, &&'static str)| (font, 10, x, y - 12 * at as u32, *text);
    page(&texts.iter().enumerate().map(line).collect::<Vec<_>>())
}

#[test]
fn sizes_make_headings_and_lines_make_paragraphs() {
    let content = [
        page(&[("F1", 20, 72, 740, "The yearly report"), ("F1", 14, 72, 700, "1 Results")]),
        lines(
            "F1",
            72,
            680,
            &[
                "The first paragraph goes over three lines, of which one ends in a divi-",
                "ded word and another one in a hyphen that stays, as in the case of Anglo-",
                "Saxon words.",
                "A second one begins with what comes after a short line that ended a sentence.",
            ],
        ),
        page(&[("F2", 10, 72, 610, "Outlook")]),
        lines("F1", 72, 595, &["This line is far from the others, and so a paragraph of its own."]),
    ];

    assert_eq!(
        markdown(&content.concat()),
        "# The yearly report\n\n## 1 Results\n\nThe first paragraph goes over three lines, of which one ends \
         in a divided word and another one in a hyphen that stays, as in the case of Anglo-Saxon \
         words.\n\nA second one begins with what comes after a short line that ended a sentence.\n\n\
         ### Outlook\n\nThis line is far from the others, and so a paragraph of its own."
    );
}

#[test]
fn marks_and_indents_make_lists() {
    let content = [
        lines("F1", 72, 700, &["What has to be done before the end of the year, in this order:"]),
        page(&[
            (
                "F1",
                10,
                72,
                680,
                "1. Read the whole of the report that was sent to all members of the",
            ),
            ("F1", 10, 86, 668, "board"),
            ("F1", 10, 86, 656, "- and its annex"),
            ("F1", 10, 72, 644, "2. Sign it"),
        ]),
    ];

    assert_eq!(
        markdown(&content.concat()),
        "What has to be done before the end of the year, in this order:\n\n\
         1. Read the whole of the report that was sent to all members of the board\n   \
         - and its annex\n2. Sign it"
    );
}

#[test]
fn what_stands_below_each_other_makes_a_table() {
    let row = |y: u32, cells: [&'static str; 3]| {
        page(&[
            ("F1", 10, 72, y, cells[0]),
            ("F1", 10, 200, y, cells[1]),
            ("F1", 10, 300, y, cells[2]),
        ])
    };
    let content = [
        lines("F1", 72, 700, &["Sales of the two regions:"]),
        row(680, ["Region", "Units", "Price"]),
        row(668, ["North", "12", "1 | 2"]),
        row(656, ["South", "1400", "3"]),
        lines("F1", 72, 630, &["Both grew."]),
    ];

    let markdown = markdown(&content.concat());

    assert_eq!(
        markdown,
        "Sales of the two regions:\n\n| Region | Units | Price |\n| --- | --- | --- |\n\
         | North | 12 | 1 \\| 2 |\n| South | 1400 | 3 |\n\nBoth grew."
    );
}

#[test]
fn columns_are_read_one_after_the_other() {
    let left = [
        "This is the first column, which says",
        "something before the second one does,",
        "although their lines stand beside each",
        "other on the page, and are written so",
        "by some of the programs that write.",
    ];
    let right = [
        "Here the second column begins, and it",
        "is no table for all that it looks like",
        "one to somebody who sees only lines of",
        "which each has one piece to the left",
        "and another one to the right of it.",
    ];
    let mut content = page(&[("F1", 18, 72, 740, "A title that goes across both of the columns")]);
    for at in 0..5 {
        content += &lines("F1", 72, 700 - 12 * at as u32, &left[at..=at]);
        content += &lines("F1", 320, 700 - 12 * at as u32, &right[at..=at]);
    }

    assert_eq!(
        markdown(&content),
        format!(
            "# A title that goes across both of the columns\n\n{}\n\n{}",
            left.join(" "),
            right.join(" ")
        )
    );
}

#[test]
fn code_stands_as_it_stood() {
    let content = [
        lines("F1", 72, 700, &["Call it in this way, whatever else you do with it on that day:"]),
        lines("F3", 72, 680, &["fn main() {"]),
        lines("F3", 96, 668, &["run(\"a\");"]),
        lines("F3", 72, 656, &["}"]),
    ];

    assert_eq!(
        markdown(&content.concat()),
        "Call it in this way, whatever else you do with it on that day:\n\n\
         ```\nfn main() {\n    run(\"a\");\n}\n```"
    );
}

#[test]
fn words_are_told_by_their_gaps_and_turned_text_by_its_direction() {
    let content = "BT /F1 10 Tf 72 700 Td [(Kern) 30 (ed w) -20 (ords) -300 (and) -300 (gaps)] TJ ET \
        BT /F1 10 Tf 0 1 -1 0 40 300 Tm (Upwards) Tj ET \
        q 2 0 0 2 0 0 cm BT /F1 5 Tf 36 300 Td (Scaled) Tj 0 -6 Td (lines) Tj ET Q";

    assert_eq!(markdown(content), "Kerned words and gaps\n\nScaled lines\n\nUpwards");
}

#[test]
fn what_stands_on_every_page_is_left_out() {
    let sheet = |number: u32| {
        let text = ["Alpha is the first.", "Beta is the second.", "Gamma is the third."];
        let text = text[number as usize - 1];
        let foot = ["Page 1 of 3", "Page 2 of 3", "Page 3 of 3"][number as usize - 1];
        page(&[
            ("F1", 9, 72, 760, "Annual report"),
            ("F1", 10, 72, 700, text),
            ("F1", 9, 300, 40, foot),
        ])
    };

    let reading = read(&pdf(&[1, 2, 3].map(sheet)));

    let texts: Vec<_> = reading.pages.iter().map(Page::text).collect();
    assert_eq!(texts, ["Alpha is the first.", "Beta is the second.", "Gamma is the third."]);
    assert!(reading.losses.iter().any(|it| it.contains("edge of every page")), "{reading:?}");
}

/// A page that shows `<0001><0002>` in a font of two bytes, of which the map says so much.
fn composite(map: &str) -> Vec<u8> {
    let content = "BT /F1 10 Tf 72 700 Td <00010002> Tj ET";
    let map = format!(
        "/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n/CMapName /X def\n/CMapType 2 def\n\
         1 begincodespacerange\n<0000> <FFFF>\nendcodespacerange\n{map}\nendcmap\n\
         CMapName currentdict /CMap defineresource pop\nend\nend\n"
    );
    let stream = |text: &str| format!("<< /Length {} >>\nstream\n{text}\nendstream", text.len());
    let objects = [
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(),
        "<< /Type /Page /Parent 2 0 R /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>".to_owned(),
        stream(content),
        "<< /Type /Font /Subtype /Type0 /BaseFont /X /Encoding /Identity-H /DescendantFonts [6 0 R] \
         /ToUnicode 7 0 R >>"
            .to_owned(),
        "<< /Type /Font /Subtype /CIDFontType2 /BaseFont /X /DW 500 /W [1 [600 700]] >>".to_owned(),
        stream(&map),
    ];
    file(&objects, "")
}

#[test]
fn fonts_say_what_their_codes_stand_for() {
    let whole = read(&composite("2 beginbfchar\n<0001> <D835DC00>\n<0002> <FB01>\nendbfchar"));
    let half = read(&composite("1 beginbfchar\n<0001> <0041>\nendbfchar"));

    assert_eq!(whole.pages[0].text(), "\u{1d400}fi");
    assert_eq!(half.pages[0].text(), "A\u{fffd}");
    assert!(half.losses.iter().any(|loss| loss.contains("U+FFFD (page 1)")), "{:?}", half.losses);
}

#[test]
fn what_is_not_seen_is_told() {
    let content = "BT /F1 10 Tf 3 Tr 72 700 Td (Behind a scan) Tj ET";

    let reading = read(&pdf(&[content.to_owned()]));

    assert_eq!(reading.pages[0].text(), "Behind a scan");
    assert!(reading.losses.iter().any(|it| it.contains("not painted")), "{:?}", reading.losses);
}

#[test]
fn an_encrypted_file_is_called_so() {
    let encrypted = |password: &str| {
        let mut document =
            Document::load_mem(&pdf(&[page(&[("F1", 10, 72, 700, "Secret")])])).unwrap();
        let id = Object::string_literal("0123456789abcdef");
        document.trailer.set("ID", vec![id.clone(), id]);
        let version = EncryptionVersion::V2 {
            document: &document,
            owner_password: "owner",
            user_password: password,
            key_length: 128,
            permissions: Permissions::all(),
        };
        let state = EncryptionState::try_from(version).unwrap();
        document.encrypt(&state).unwrap();
        let mut bytes = Vec::new();
        document.save_to(&mut bytes).unwrap();
        bytes
    };

    assert_eq!(Book::open(&encrypted("word")).err(), Some(Unreadable::Encrypted));
    assert_eq!(read(&encrypted("")).pages[0].text(), "Secret");
}

#[test]
fn what_becomes_too_large_or_goes_round_ends() {
    let mut document = Document::load_mem(&pdf(&[String::new(), "/X Do".to_owned()])).unwrap();
    let mut bomb = Stream::new(dictionary! {}, vec![b' '; STREAM + 1]);
    bomb.compress().unwrap();
    // The contents of the pages, and a form that paints itself twice.
    document.objects.insert((7, 0), bomb.into());
    let own = dictionary! { "XObject" => dictionary! { "X" => Object::Reference((20, 0)) } };
    let form = dictionary! { "Subtype" => "Form", "Resources" => own.clone() };
    document.objects.insert((20, 0), Stream::new(form, b"/X Do /X Do".to_vec()).into());
    document.get_dictionary_mut((8, 0)).unwrap().set("Resources", own);
    let mut bytes = Vec::new();
    document.save_to(&mut bytes).unwrap();

    let reading = read(&bytes);

    assert!(bytes.len() < 1 << 20);
    let torn = "a part of a page cannot be read (pages 1, 2)";
    assert!(reading.losses.iter().any(|loss| loss == torn), "{:?}", reading.losses);
}

fn sample() -> Vec<u8> {
    let content = [
        page(&[("F1", 20, 72, 740, "Title"), ("F2", 10, 72, 700, "Bold")]),
        lines("F1", 72, 680, &["- one", "- two"]),
    ];
    pdf(&[content.concat(), page(&[("F3", 10, 72, 700, "code")])])
}

#[test]
fn what_is_cut_off_is_read_as_far_as_it_goes_or_refused() {
    let whole = sample();

    for end in 0..whole.len() {
        if let Ok(book) = Book::open(&whole[..end]) {
            let _ = book.read(1..=book.pages(), Duration::from_secs(1));
        }
    }
}

proptest! {
    #[test]
    fn no_bytes_of_a_file_stop_the_reader(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8)
    ) {
        let mut bytes = sample();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Ok(book) = Book::open(&bytes) {
            let _ = book.read(1..=2, Duration::from_secs(1));
        }
    }

    #[test]
    fn no_content_stops_the_reader(
        numbers in proptest::collection::vec(any::<f32>(), 6),
        word in "[a-z -]{0,12}",
        operators in proptest::collection::vec("cm|Tm|Td|TD|Tf|Tz|TL|Ts|Tc|Tw|q|Q|Tj|'|T\\*", 1..12),
    ) {
        let numbers: Vec<_> = numbers.iter().map(|it| format!("{it:.3}")).collect();
        let operators: Vec<_> = operators
            .iter()
            .map(|it| match &**it {
                "Tf" => format!("/F1 {} Tf", numbers[0]),
                "Tj" | "'" => format!("({word}) {it}"),
                _ => format!("{} {it}", numbers.join(" ")),
            })
            .collect();
        let content = format!("BT /F1 10 Tf 72 700 Td (x) Tj {} (y) Tj ET", operators.join(" "));
        let _ = read(&pdf(&[content])).pages[0].markdown();
    }
}
