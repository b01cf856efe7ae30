//! What the codes of a font stand for, and how wide its glyphs are (ISO 32000-1, 9.6 to 9.10).

use std::collections::HashMap;
use std::rc::Rc;

use lopdf::{Dictionary, Document, Encoding, Object, ObjectId, dictionary as dict};

use crate::STREAM;
use crate::dictionaries::dictionary;

/// Fonts that were read, by their objects: most pages share them.
#[derive(Default)]
pub(crate) struct Fonts(HashMap<ObjectId, Rc<Font>>);

impl Fonts {
    /// A font by its name in these resources.
    pub(crate) fn find(
        &mut self,
        book: &Document,
        resources: &Dictionary,
        name: &[u8],
    ) -> Option<Rc<Font>> {
        let fonts = dictionary(book, resources, b"Font")?;
        let id = fonts.get(name).and_then(Object::as_reference).ok();
        if let Some(known) = id.and_then(|id| self.0.get(&id)) {
            return Some(known.clone());
        }
        let font = Rc::new(Font::read(book, dictionary(book, fonts, name)?));
        if let Some(id) = id {
            self.0.insert(id, font.clone());
        }
        Some(font)
    }
}

/// A font.
pub(crate) struct Font {
    pub(crate) style: Style,
    codes: Codes,
}

/// How glyphs look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Style {
    pub(crate) bold: bool,
    /// All glyphs are as wide as each other.
    pub(crate) mono: bool,
}

/// One glyph.
pub(crate) struct Glyph<'a> {
    /// Nothing if nobody can tell.
    pub(crate) text: Option<&'a str>,
    /// In units of the size of the font.
    pub(crate) width: f64,
}

enum Codes {
    /// Of one byte.
    Simple { texts: Vec<Option<String>>, widths: Vec<f64> },
    /// Of two bytes.
    Composite { texts: HashMap<u16, String>, widths: Widths },
}

impl Font {
    fn read(book: &Document, font: &Dictionary) -> Font {
        let descendant = font.get_deref(b"DescendantFonts", book).and_then(Object::as_array).ok();
        let descendant = descendant
            .and_then(|fonts| book.dereference(fonts.first()?).ok()?.1.as_dict().ok())
            .filter(|_| named(font, b"Subtype") == b"Type0");
        let style = style(book, font, descendant.unwrap_or(font));
        let codes = match descendant {
            Some(descendant) => Codes::Composite {
                texts: wide_texts(book, font),
                widths: Widths::read(book, descendant),
            },
            None => {
                let texts = texts(book, font);
                let widths = widths(book, font, &texts, style);
                Codes::Simple { texts, widths }
            }
        };
        Font { style, codes }
    }

    /// Bytes of a code.
    pub(crate) fn code_length(&self) -> usize {
        match self.codes {
            Codes::Simple { .. } => 1,
            Codes::Composite { .. } => 2,
        }
    }

    /// The glyph of a code; one that lacks a byte stands for nothing.
    pub(crate) fn glyph(&self, code: &[u8]) -> Glyph<'_> {
        match (&self.codes, code) {
            (Codes::Simple { texts, widths }, [code]) => {
                let at = usize::from(*code);
                Glyph { text: texts[at].as_deref(), width: widths[at] }
            }
            (Codes::Composite { texts, widths }, [high, low]) => {
                let code = u16::from_be_bytes([*high, *low]);
                Glyph { text: texts.get(&code).map(|text| &**text), width: widths.of(code) }
            }
            _ => Glyph { text: None, width: 0.0 },
        }
    }
}

fn named<'a>(font: &'a Dictionary, key: &[u8]) -> &'a [u8] {
    font.get(key).and_then(Object::as_name).unwrap_or_default()
}

/// How its glyphs look, by its name and its descriptor (9.8).
fn style(book: &Document, font: &Dictionary, described: &Dictionary) -> Style {
    const FIXED_PITCH: i64 = 1;
    const FORCE_BOLD: i64 = 1 << 18;
    const SEMIBOLD: f32 = 600.0;
    let name = String::from_utf8_lossy(named(font, b"BaseFont")).to_ascii_lowercase();
    let is_called = |words: &[&str]| words.iter().any(|word| name.contains(word));
    let descriptor = dictionary(book, described, b"FontDescriptor");
    let told = |key: &[u8]| descriptor.and_then(|it| it.get_deref(key, book).ok());
    let flags = told(b"Flags").and_then(|it| it.as_i64().ok()).unwrap_or_default();
    let weight = told(b"FontWeight").and_then(|it| it.as_float().ok()).unwrap_or_default();
    Style {
        bold: flags & FORCE_BOLD != 0
            || weight >= SEMIBOLD
            || is_called(&["bold", "black", "heavy", "cmbx"]),
        mono: flags & FIXED_PITCH != 0 || is_called(&["courier", "mono", "consol", "cmtt"]),
    }
}

/// The encoding of a font that has these entries.
fn encoding<'a>(font: &'a Dictionary, book: &'a Document) -> Option<Encoding<'a>> {
    font.get_font_encoding_with_limit(book, STREAM).ok()
}

/// What the map of a font to Unicode says (9.10.3): the texts of codes of this length in bytes.
fn mapped(book: &Document, font: &Dictionary, codes: u32, length: u8) -> HashMap<u16, String> {
    let Ok(map) = font.get(b"ToUnicode") else { return HashMap::new() };
    let alone = dict! { "Type" => Object::Name(b"Font".to_vec()), "ToUnicode" => map.clone() };
    let Some(Encoding::UnicodeMapEncoding(map)) = encoding(&alone, book) else {
        return HashMap::new();
    };
    let text = |code: u32| {
        let units = map.get(code, length)?;
        Some((u16::try_from(code).ok()?, readable(&String::from_utf16_lossy(&units))?))
    };
    (0..codes).filter_map(text).collect()
}

/// What codes of two bytes stand for.
fn wide_texts(book: &Document, font: &Dictionary) -> HashMap<u16, String> {
    let mut texts = mapped(book, font, 1 << 16, 2);
    let name = String::from_utf8_lossy(named(font, b"Encoding"));
    // Predefined character maps of which the codes are Unicode (9.7.5.2).
    if texts.is_empty() && (name.contains("UCS2") || name.contains("UTF16")) {
        let text = |code: u16| Some((code, readable(&String::from_utf16(&[code]).ok()?)?));
        texts = (0..=u16::MAX).filter_map(text).collect();
    }
    texts
}

/// What codes of one byte stand for: by the map to Unicode, or else by the names of their glyphs.
fn texts(book: &Document, font: &Dictionary) -> Vec<Option<String>> {
    let mut mapped = match mapped(book, font, 1 << 8, 1) {
        // Some writers give codes of one byte as if they had two.
        none if none.is_empty() => self::mapped(book, font, 1 << 8, 2),
        some => some,
    };
    let declared = font.get_deref(b"Encoding", book).ok();
    let (base, differences) = match declared {
        Some(Object::Name(name)) => (Some(&**name), None),
        Some(Object::Dictionary(encoding)) => (
            encoding.get(b"BaseEncoding").and_then(Object::as_name).ok(),
            encoding.get_deref(b"Differences", book).and_then(Object::as_array).ok(),
        ),
        _ => (None, None),
    };
    let implied: &[u8] = match named(font, b"Subtype") {
        b"TrueType" => b"WinAnsiEncoding",
        _ => b"StandardEncoding",
    };
    let base = simple(Object::Name(base.unwrap_or(implied).to_vec()));
    let base = encoding(&base, book);
    let of_base = |code: u8| readable(&base.as_ref()?.bytes_to_string(&[code]).ok()?);
    let mut texts: Vec<_> = (0..=255).map(of_base).collect();
    let mut at = 0;
    for entry in differences.into_iter().flatten() {
        match entry {
            Object::Integer(code) => at = usize::try_from(*code).unwrap_or(usize::MAX),
            Object::Name(name) => {
                if let Some(text) = texts.get_mut(at) {
                    *text = called(book, name);
                }
                at = at.saturating_add(1);
            }
            _ => {}
        }
    }
    if is_of_marks(named(font, b"BaseFont")) {
        texts = vec![Some("•".to_owned()); 256];
    }
    for (text, code) in texts.iter_mut().zip(0..) {
        if let Some(known) = mapped.remove(&code) {
            *text = Some(known);
        }
    }
    texts
}

/// A font with this encoding alone.
fn simple(encoding: Object) -> Dictionary {
    dict! { "Type" => Object::Name(b"Font".to_vec()), "Encoding" => encoding }
}

/// What a glyph of this name stands for. At the code 0 no encoding has a glyph of its own.
fn called(book: &Document, name: &[u8]) -> Option<String> {
    let differences = vec![Object::Integer(0), Object::Name(name.to_vec())];
    let alone = simple(Object::Dictionary(dict! { "Differences" => differences }));
    if let Some(text) = readable(&encoding(&alone, book)?.bytes_to_string(&[0]).ok()?) {
        return Some(text);
    }
    // Names that say their own code (Adobe Glyph List Specification, 2).
    let name = std::str::from_utf8(name).ok()?.split('.').next()?;
    let digits = match name.strip_prefix("uni") {
        Some(digits) => digits.get(..4)?,
        None => name.strip_prefix('u').filter(|digits| (4..=6).contains(&digits.len()))?,
    };
    let code = u32::from_str_radix(digits, 16).ok()?;
    readable(&char::from_u32(code)?.to_string())
}

/// Whether a font has marks where others have letters: before a line they are bullets.
fn is_of_marks(name: &[u8]) -> bool {
    let name = String::from_utf8_lossy(name).to_ascii_lowercase();
    name.contains("dingbats") || name.contains("wingdings")
}

/// A text as it is read: ligatures as letters, one kind of space, bullets of symbol fonts as such;
/// nothing without a printable character.
fn readable(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\u{fb00}' => out.push_str("ff"),
            '\u{fb01}' => out.push_str("fi"),
            '\u{fb02}' => out.push_str("fl"),
            '\u{fb03}' => out.push_str("ffi"),
            '\u{fb04}' => out.push_str("ffl"),
            '\u{fb05}' | '\u{fb06}' => out.push_str("st"),
            // Symbol fonts lie in the private area at their own codes.
            '\u{f06c}' | '\u{f06e}' | '\u{f0a7}' | '\u{f0b7}' | '\u{f0d8}' => out.push('•'),
            c if c.is_whitespace() => out.push(' '),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    (!out.is_empty()).then_some(out)
}

/// Widths of the glyphs of a simple font (9.6.2).
fn widths(book: &Document, font: &Dictionary, texts: &[Option<String>], style: Style) -> Vec<f64> {
    let number =
        |object: &Object| Some(f64::from(book.dereference(object).ok()?.1.as_float().ok()?));
    let listed = font.get_deref(b"Widths", book).and_then(Object::as_array).ok();
    let Some(listed) = listed else {
        // One of the standard fonts, whose widths every reader knows.
        return texts.iter().map(|text| usual(text.as_deref(), style)).collect();
    };
    // Glyphs of Type 3 have units of their own.
    let unit = font.get_deref(b"FontMatrix", book).and_then(Object::as_array).ok();
    let unit = unit.and_then(|matrix| number(matrix.first()?)).unwrap_or(0.001);
    let first = font.get(b"FirstChar").and_then(Object::as_i64).unwrap_or_default();
    let descriptor = dictionary(book, font, b"FontDescriptor");
    let missing =
        descriptor.and_then(|it| number(it.get(b"MissingWidth").ok()?)).unwrap_or_default();
    let width = |code: i64| {
        let at = usize::try_from(code - first.clamp(0, 255)).ok()?;
        number(listed.get(at)?)
    };
    (0..256).map(|code| width(code).unwrap_or(missing) * unit).collect()
}

/// About how wide a glyph is where a font does not say: that of Helvetica.
fn usual(text: Option<&str>, style: Style) -> f64 {
    if style.mono {
        return 0.6;
    }
    match text.and_then(|text| text.chars().next()).unwrap_or('n') {
        'i' | 'j' | 'l' | '\'' => 0.22,
        ' ' | 'f' | 't' | 'I' | '.' | ',' | ':' | ';' | '!' | '/' | '\\' | '[' | ']' | '|' => 0.28,
        'r' | '-' | '(' | ')' | '`' | '"' | '{' | '}' | '*' | '•' => 0.35,
        'c' | 'k' | 's' | 'v' | 'x' | 'y' | 'z' | 'J' => 0.5,
        'm' | 'M' => 0.83,
        'w' | 'C' | 'D' | 'H' | 'N' | 'R' | 'U' => 0.72,
        'W' => 0.94,
        'G' | 'O' | 'Q' => 0.78,
        '%' | '—' => 0.95,
        c if c.is_uppercase() => 0.65,
        _ => 0.556,
    }
}

/// Widths of the glyphs of a composite font (9.7.4.3): from, to, width.
struct Widths {
    ranges: Vec<(u16, u16, f64)>,
    default: f64,
}

impl Widths {
    fn read(book: &Document, descendant: &Dictionary) -> Widths {
        let number =
            |object: &Object| book.dereference(object).ok()?.1.as_float().ok().map(f64::from);
        let default = descendant.get(b"DW").ok().and_then(number).unwrap_or(1000.0) / 1000.0;
        let listed = descendant.get_deref(b"W", book).and_then(Object::as_array).ok();
        let mut rest = listed.map(|listed| &**listed).unwrap_or_default();
        let mut ranges = Vec::new();
        while let [first, second, after @ ..] = rest {
            let Some(first) = number(first).map(|it| it as u16) else { break };
            match book.dereference(second).map(|(_, object)| object) {
                Ok(Object::Array(widths)) => {
                    let codes = first..=u16::MAX;
                    let each = codes.zip(widths).filter_map(|(code, it)| Some((code, number(it)?)));
                    ranges.extend(each.map(|(code, width)| (code, code, width / 1000.0)));
                    rest = after;
                }
                Ok(last) => {
                    let (Some(last), [width, after @ ..]) = (number(last), after) else { break };
                    let Some(width) = number(width) else { break };
                    ranges.push((first, last as u16, width / 1000.0));
                    rest = after;
                }
                Err(_) => break,
            }
        }
        ranges.sort_by_key(|(first, ..)| *first);
        Widths { ranges, default }
    }

    fn of(&self, code: u16) -> f64 {
        let after = self.ranges.partition_point(|(first, ..)| *first <= code);
        let range = after.checked_sub(1).and_then(|at| self.ranges.get(at));
        range.filter(|(_, last, _)| code <= *last).map_or(self.default, |(.., width)| *width)
    }
}
