//! What a page paints: its texts with their places, by following its operators (ISO 32000-1, 9.4).

use std::rc::Rc;

use lopdf::content::{Content, Operation};
use lopdf::{Dictionary, Document, Object, ObjectId};

use crate::STREAM;
use crate::dictionaries::{dictionary, resources};
use crate::font::{Font, Fonts, Style};

/// Forms within forms.
const DEEPEST: usize = 12;
/// States that are kept at the same time; more are of a page that only keeps.
const KEPT: usize = 256;
/// Of the size: a smaller gap is no space between words, a larger one ends a run.
const SPACE: f64 = 0.15;
const APART: f64 = 0.9;
/// Of the size: glyphs that are lower or higher stand on another line.
const LEVEL: f64 = 0.1;

/// Glyphs that follow each other on one line in one style and size.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Run {
    pub(crate) text: String,
    pub(crate) x: f64,
    /// Where the next glyph would stand.
    pub(crate) end: f64,
    pub(crate) y: f64,
    pub(crate) size: f64,
    pub(crate) style: Style,
}

/// What a page paints.
#[derive(Debug, Default)]
pub(crate) struct Sheet {
    /// Texts by the quarter turns of their direction, each as if it went from left to right.
    pub(crate) turns: [Vec<Run>; 4],
    pub(crate) pictures: usize,
    /// Whether some of the text is not painted.
    pub(crate) is_hidden: bool,
    /// Whether some glyphs stand for nothing that is known.
    pub(crate) is_unknown: bool,
    /// Whether not all of it could be read.
    pub(crate) is_torn: bool,
}

/// What a page paints. What cannot be read of it is left out.
pub(crate) fn sheet(book: &Document, page: ObjectId, fonts: &mut Fonts) -> Sheet {
    let nothing = Dictionary::new();
    let resources = resources(book, page).unwrap_or(&nothing);
    let mut hand = Hand {
        book,
        fonts,
        sheet: Sheet::default(),
        state: State::default(),
        kept: Vec::new(),
        text: UNMOVED,
        line: UNMOVED,
    };
    match book.get_page_content_with_limit(page, STREAM) {
        Ok(content) => hand.follow(&content, resources, DEEPEST),
        Err(_) => hand.sheet.is_torn = true,
    }
    hand.sheet
}

/// Moves a point: `x' = ax + cy + e`, `y' = bx + dy + f` (8.3.3).
type Matrix = [f64; 6];

const UNMOVED: Matrix = [1.0, 0.0, 0.0, 1.0, 0.0, 0.0];

/// First one, then the other.
fn then(one: Matrix, other: Matrix) -> Matrix {
    let [a, b, c, d, e, f] = one;
    let [g, h, i, j, k, l] = other;
    [
        a * g + b * i,
        a * h + b * j,
        c * g + d * i,
        c * h + d * j,
        e * g + f * i + k,
        e * h + f * j + l,
    ]
}

fn moved([a, b, c, d, e, f]: Matrix, x: f64, y: f64) -> (f64, f64) {
    (a * x + c * y + e, b * x + d * y + f)
}

/// The graphics state, as far as it moves text (8.4, 9.3).
#[derive(Clone)]
struct State {
    place: Matrix,
    font: Option<Rc<Font>>,
    size: f64,
    /// Between glyphs, and besides between words.
    spacing: f64,
    word_spacing: f64,
    scale: f64,
    leading: f64,
    rise: f64,
    is_hidden: bool,
}

impl Default for State {
    fn default() -> State {
        State {
            place: UNMOVED,
            font: None,
            size: 0.0,
            spacing: 0.0,
            word_spacing: 0.0,
            scale: 1.0,
            leading: 0.0,
            rise: 0.0,
            is_hidden: false,
        }
    }
}

/// What follows the operators.
struct Hand<'a> {
    book: &'a Document,
    fonts: &'a mut Fonts,
    sheet: Sheet,
    state: State,
    kept: Vec<State>,
    text: Matrix,
    line: Matrix,
}

impl<'a> Hand<'a> {
    fn follow(&mut self, content: &[u8], resources: &'a Dictionary, left: usize) {
        for operation in Content::decode_iter(content) {
            match operation {
                Ok(operation) => _ = self.operate(&operation, resources, left),
                Err(_) => {
                    self.sheet.is_torn = true;
                    return;
                }
            }
        }
    }

    /// One operator; `None` if its operands are not what it takes, and nothing is done.
    fn operate(&mut self, it: &Operation, resources: &'a Dictionary, left: usize) -> Option<()> {
        let of = &*it.operands;
        match &*it.operator {
            "q" if self.kept.len() < KEPT => self.kept.push(self.state.clone()),
            "Q" => self.state = self.kept.pop()?,
            "cm" => self.state.place = then(numbers(of)?, self.state.place),
            "BT" => self.begin(UNMOVED),
            "Tm" => self.begin(numbers(of)?),
            "Td" => self.next_line(numbers(of)?),
            "TD" => {
                let [x, y] = numbers(of)?;
                self.state.leading = -y;
                self.next_line([x, y]);
            }
            "T*" => self.next_line([0.0, -self.state.leading]),
            "Tc" => [self.state.spacing] = numbers(of)?,
            "Tw" => [self.state.word_spacing] = numbers(of)?,
            "Tz" => self.state.scale = numbers::<1>(of)?[0] / 100.0,
            "TL" => [self.state.leading] = numbers(of)?,
            "Ts" => [self.state.rise] = numbers(of)?,
            "Tr" => self.state.is_hidden = numbers::<1>(of)?[0] == 3.0,
            "Tf" => {
                [self.state.size] = numbers(of.get(1..)?)?;
                let name = of.first()?.as_name().ok()?;
                self.state.font = self.fonts.find(self.book, resources, name);
            }
            "Tj" => self.show(of.first()?.as_str().ok()?),
            "'" => {
                self.next_line([0.0, -self.state.leading]);
                self.show(of.first()?.as_str().ok()?);
            }
            "\"" => {
                [self.state.word_spacing, self.state.spacing] = numbers(of)?;
                self.next_line([0.0, -self.state.leading]);
                self.show(of.get(2)?.as_str().ok()?);
            }
            "TJ" => {
                for part in of.first()?.as_array().ok()? {
                    match part {
                        Object::String(bytes, _) => self.show(bytes),
                        number => {
                            let [by] = numbers(std::slice::from_ref(number))?;
                            self.advance(-by / 1000.0 * self.state.size * self.state.scale);
                        }
                    }
                }
            }
            "Do" => self.draw(of.first()?.as_name().ok()?, resources, left),
            "BI" => self.sheet.pictures += 1,
            _ => {}
        }
        Some(())
    }

    fn begin(&mut self, place: Matrix) {
        (self.text, self.line) = (place, place);
    }

    fn next_line(&mut self, [x, y]: [f64; 2]) {
        let [a, b, c, d, ..] = self.line;
        let (e, f) = moved(self.line, x, y);
        self.begin([a, b, c, d, e, f]);
    }

    fn advance(&mut self, by: f64) {
        let [a, b, ..] = self.text;
        self.text[4] += by * a;
        self.text[5] += by * b;
    }

    /// A picture, or a form that paints for itself (8.10).
    fn draw(&mut self, name: &[u8], resources: &'a Dictionary, left: usize) {
        let forms = dictionary(self.book, resources, b"XObject");
        let found = forms.and_then(|forms| forms.get_deref(name, self.book).ok());
        let Some(Ok(stream)) = found.map(Object::as_stream) else { return };
        if stream.dict.get(b"Subtype").and_then(Object::as_name).ok() == Some(b"Image") {
            self.sheet.pictures += 1;
            return;
        }
        let content = stream.get_plain_content_with_limit(STREAM);
        let (Ok(content), 1..) = (content, left) else {
            self.sheet.is_torn = true;
            return;
        };
        let matrix = stream.dict.get_deref(b"Matrix", self.book).and_then(Object::as_array);
        let matrix = matrix.ok().and_then(|array| numbers(array)).unwrap_or(UNMOVED);
        let (state, kept) = (self.state.clone(), std::mem::take(&mut self.kept));
        self.state.place = then(matrix, state.place);
        let own = dictionary(self.book, &stream.dict, b"Resources").unwrap_or(resources);
        self.follow(&content, own, left - 1);
        (self.state, self.kept) = (state, kept);
    }

    fn show(&mut self, bytes: &[u8]) {
        let Some(font) = self.state.font.clone() else {
            self.sheet.is_unknown |= !bytes.is_empty();
            return;
        };
        self.sheet.is_hidden |= self.state.is_hidden && !bytes.is_empty();
        for code in bytes.chunks(font.code_length()) {
            let glyph = font.glyph(code);
            let space = if code == b" " { self.state.word_spacing } else { 0.0 };
            let width = glyph.width * self.state.size + self.state.spacing + space;
            let begin = then(self.text, self.state.place);
            self.advance(width * self.state.scale);
            let end = then(self.text, self.state.place);
            self.sheet.is_unknown |= glyph.text.is_none();
            self.note(glyph.text.unwrap_or("\u{fffd}"), begin, end, font.style);
        }
    }

    /// Notes a glyph, with the places at which it begins and ends.
    fn note(&mut self, text: &str, begin: Matrix, end: Matrix, style: Style) {
        let [a, b, c, d, ..] = begin;
        let size = self.state.size.abs() * c.hypot(d);
        let (x, y) = moved(begin, 0.0, self.state.rise);
        let (end_x, end_y) = moved(end, 0.0, self.state.rise);
        if ![size, x, y, end_x, end_y].iter().all(|it| it.is_finite()) || size <= 0.0 {
            return;
        }
        // The direction decides; what is askew goes to the nearest quarter.
        let (quarter, (x, y), end) = match (a.abs() >= b.abs(), a >= 0.0, b >= 0.0) {
            (true, true, _) => (0, (x, y), end_x),
            (true, false, _) => (2, (-x, -y), -end_x),
            (false, _, true) => (1, (y, -x), end_y),
            (false, _, false) => (3, (-y, x), -end_y),
        };
        let glyph = Run { text: text.to_owned(), x, end, y, size, style };
        add(&mut self.sheet.turns[quarter], glyph);
    }
}

/// Adds a glyph to the run that it goes on with, or as the first of another.
fn add(runs: &mut Vec<Run>, glyph: Run) {
    let Some(last) = runs.last_mut().filter(|last| goes_on(last, &glyph)) else {
        if !glyph.text.trim().is_empty() {
            runs.push(glyph);
        }
        return;
    };
    let is_apart = glyph.x - last.end > SPACE * last.size;
    if is_apart && !last.text.ends_with(' ') && !glyph.text.starts_with(' ') {
        last.text.push(' ');
    }
    last.text.push_str(&glyph.text);
    last.end = glyph.end;
}

fn goes_on(last: &Run, glyph: &Run) -> bool {
    let gap = glyph.x - last.end;
    last.style == glyph.style
        && (last.size - glyph.size).abs() <= 0.02 * last.size
        && (last.y - glyph.y).abs() <= LEVEL * last.size
        && gap > -SPACE * 2.0 * last.size
        && gap < APART * last.size
}

/// The first operands, if they are that many finite numbers.
fn numbers<const N: usize>(operands: &[Object]) -> Option<[f64; N]> {
    let mut found = [0.0; N];
    for (at, number) in found.iter_mut().enumerate() {
        *number = f64::from(operands.get(at)?.as_float().ok()?);
    }
    found.iter().all(|number| number.is_finite()).then_some(found)
}
