//! From lines to what they mean: headings by their size, paragraphs and items by their gaps and
//! indents, tables by what stands below each other.

use std::collections::BTreeMap;

use crate::layout::Line;

/// Levels of headings that differ in size; bold lines are one level more.
const LEVELS: usize = 5;
/// So much larger than most of the text is a heading.
const LARGER: f64 = 1.12;
/// Characters of a heading at most, and of one that is only bold.
const HEADING: usize = 200;
const BOLD: usize = 80;
/// Of the size: lines that are further apart are not of one block, whatever is usual.
const FURTHEST: f64 = 2.2;
/// Of the usual distance between lines: more begins another block.
const DISTANCE: f64 = 1.25;
/// Of the size: an indent.
const INDENT: f64 = 0.8;
/// Of the size: rows of a table are not further apart.
const ROW: f64 = 3.5;
/// Rows of a table that are looked at together: more do not fit on a page.
const ROWS: usize = 100;
/// Of the width of a region: a sentence that ends before that ends its paragraph.
const SHORT: f64 = 0.75;

/// A part of a page.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Block {
    Heading(usize, String),
    Paragraph(String),
    /// An item of a list: how deep it is, its mark in Markdown, its text.
    Item(usize, String, String),
    /// Rows of as many cells each.
    Table(Vec<Vec<String>>),
    /// Lines as they stand.
    Code(Vec<String>),
}

impl Block {
    /// Its words alone.
    pub(crate) fn text(&self) -> String {
        match self {
            Block::Heading(_, text) | Block::Paragraph(text) => text.clone(),
            Block::Item(_, mark, text) => format!("{mark} {text}"),
            Block::Table(rows) => {
                rows.iter().map(|row| row.join("\t")).collect::<Vec<_>>().join("\n")
            }
            Block::Code(lines) => lines.join("\n"),
        }
    }
}

/// Sizes in half points.
fn halves(size: f64) -> i64 {
    (size * 2.0).round() as i64
}

/// What most of the text looks like, and what is larger.
pub(crate) struct Scale {
    /// Sizes of headings, the largest first.
    larger: Vec<i64>,
    /// Whether most of it is bold, or of fixed width: then that means nothing.
    is_bold: bool,
    is_mono: bool,
}

impl Scale {
    pub(crate) fn of<'a>(lines: impl Iterator<Item = &'a Line>) -> Scale {
        let mut sizes = BTreeMap::<i64, usize>::new();
        let (mut all, mut bold, mut mono) = (0, 0, 0);
        let mut short = Vec::new();
        for line in lines {
            let text = line.text();
            let count = text.chars().count();
            *sizes.entry(halves(line.size)).or_default() += count;
            all += count;
            bold += if line.style.bold { count } else { 0 };
            mono += if line.style.mono { count } else { 0 };
            if count <= HEADING && is_worded(&text) {
                short.push(halves(line.size));
            }
        }
        let usual = sizes.iter().max_by_key(|(_, count)| **count).map_or(0, |(size, _)| *size);
        let mut larger: Vec<_> =
            short.into_iter().filter(|size| *size as f64 >= usual as f64 * LARGER).collect();
        larger.sort_unstable_by_key(|size| std::cmp::Reverse(*size));
        larger.dedup();
        Scale { larger, is_bold: bold * 2 > all, is_mono: mono * 2 > all }
    }

    /// Which level of heading a line is, if it is one.
    fn level(&self, line: &Line) -> Option<usize> {
        let text = line.text();
        let count = text.chars().count();
        if !is_worded(&text) {
            return None;
        }
        let place = self.larger.iter().position(|size| *size == halves(line.size));
        if let Some(place) = place.filter(|_| count <= HEADING) {
            return Some(place.min(LEVELS - 1) + 1);
        }
        let is_bold = line.style.bold && !self.is_bold && count <= BOLD;
        let is_sentence = text.ends_with(['.', ',', ';', ':']);
        (is_bold && !is_sentence).then_some(self.larger.len().min(LEVELS) + 1)
    }

    /// The blocks of a region.
    pub(crate) fn blocks(&self, lines: &[Line]) -> Vec<Block> {
        let region = Region::of(lines);
        let (mut blocks, mut rest, mut indents) = (Vec::new(), lines, Vec::new());
        while !rest.is_empty() {
            let (block, used) = self.block(&region, rest, &mut indents);
            if !matches!(block, Block::Item(..)) {
                indents.clear();
            }
            blocks.push(block);
            rest = &rest[used..];
        }
        blocks
    }

    /// The block at the beginning of these lines, of which there is one, and how many it takes.
    /// `indents`: where the items stand of which the next could be a part.
    fn block(&self, region: &Region, rest: &[Line], indents: &mut Vec<f64>) -> (Block, usize) {
        let first = &rest[0];
        if let Some((rows, used)) = table(rest) {
            return (Block::Table(rows), used);
        }
        if let Some(level) = self.level(first) {
            let used = reach(rest, |line, next| {
                self.level(next) == Some(level) && line.y - next.y <= FURTHEST * line.size
            });
            return (Block::Heading(level, joined(&rest[..used])), used);
        }
        if self.is_code(first) {
            let used = reach(rest, |_, next| self.is_code(next));
            return (Block::Code(as_they_stand(&rest[..used])), used);
        }
        if let Some((mark, text)) = mark(&first.text()) {
            let indent = INDENT / 2.0 * first.size;
            indents.retain(|above| *above < first.x - indent);
            let depth = indents.len();
            indents.push(first.x);
            let used = reach(rest, |line, next| {
                next.x > first.x + indent && region.goes_on(line, next) && self.is_prose(next)
            });
            let mut text = text.to_owned();
            rest[1..used].iter().for_each(|line| append(&mut text, &line.text()));
            return (Block::Item(depth, mark, text), used);
        }
        let used = reach(rest, |line, next| {
            region.goes_on(line, next) && self.is_prose(next) && !region.begins(line, next)
        });
        (Block::Paragraph(joined(&rest[..used])), used)
    }

    fn is_code(&self, line: &Line) -> bool {
        line.style.mono && !self.is_mono
    }

    /// Whether a line is neither a heading, code, nor an item.
    fn is_prose(&self, line: &Line) -> bool {
        !self.is_code(line) && self.level(line).is_none() && mark(&line.text()).is_none()
    }
}

/// How many of these lines are one block: the first, and those after it of which each goes on with the
/// one before.
fn reach(lines: &[Line], goes_on: impl Fn(&Line, &Line) -> bool) -> usize {
    1 + lines.windows(2).take_while(|pair| goes_on(&pair[0], &pair[1])).count()
}

/// Whether there is a word in it.
fn is_worded(text: &str) -> bool {
    text.chars().filter(|c| c.is_alphabetic()).count() >= 2
}

/// What is usual among the lines of a region.
struct Region {
    left: f64,
    width: f64,
    /// Between lines.
    distance: Option<f64>,
}

impl Region {
    fn of(lines: &[Line]) -> Region {
        let left = lines.iter().map(|line| line.x).fold(f64::INFINITY, f64::min);
        let right = lines.iter().map(|line| line.end).fold(f64::NEG_INFINITY, f64::max);
        let mut distances: Vec<f64> = lines
            .windows(2)
            .filter(|pair| halves(pair[0].size) == halves(pair[1].size))
            .map(|pair| pair[0].y - pair[1].y)
            .collect();
        distances.sort_by(f64::total_cmp);
        // The lower quarter: between short paragraphs there are as many wide gaps as others.
        let distance = distances.get(distances.len() / 4).copied();
        Region { left, width: right - left, distance }
    }

    /// Whether one line is as near below the other as lines of a paragraph are.
    fn goes_on(&self, line: &Line, next: &Line) -> bool {
        let gap = line.y - next.y;
        let usual = self.distance.unwrap_or(line.size).max(line.size);
        (line.size - next.size).abs() <= 0.1 * line.size
            && gap <= DISTANCE * usual
            && gap <= FURTHEST * line.size
    }

    /// Whether a line begins a paragraph by its indent, or because the one before it ended one.
    fn begins(&self, line: &Line, next: &Line) -> bool {
        let indent =
            next.x - line.x > INDENT * next.size && line.x - self.left < INDENT * line.size;
        let ended = line.text().ends_with(['.', '!', '?', ':', '”', '"']);
        let is_short = line.end - self.left < SHORT * self.width;
        let is_new = next.text().starts_with(|c: char| c.is_uppercase() || c.is_ascii_digit());
        indent || (ended && is_short && is_new)
    }
}

/// Lines as one text.
fn joined(lines: &[Line]) -> String {
    let mut text = String::new();
    lines.iter().for_each(|line| append(&mut text, &line.text()));
    text
}

/// A line behind what is there: a word that was divided is one again.
fn append(text: &mut String, line: &str) {
    const HYPHENS: [char; 3] = ['-', '\u{2010}', '\u{ad}'];
    let before = text.trim_end_matches(HYPHENS);
    let ends_so = before.len() < text.len() && before.ends_with(char::is_alphabetic);
    let is_one = ends_so && line.starts_with(char::is_alphanumeric);
    if is_one && line.starts_with(char::is_lowercase) {
        text.truncate(before.len());
    } else if !text.is_empty() && !is_one {
        text.push(' ');
    }
    text.push_str(line);
}

/// The mark of an item in Markdown, and what follows it.
fn mark(text: &str) -> Option<(String, &str)> {
    let (word, rest) = text.split_once(' ')?;
    if ["•", "◦", "▪", "‣", "·", "●", "○", "■", "□", "–", "-", "*", "►", "➢", "✓"].contains(&word)
    {
        return Some(("-".to_owned(), rest));
    }
    let number = word.strip_suffix('.').or_else(|| word.strip_suffix(')'))?;
    let is_number = (1..=3).contains(&number.len()) && number.bytes().all(|it| it.is_ascii_digit());
    is_number.then(|| (format!("{number}."), rest))
}

/// Lines of fixed width, with their indents.
fn as_they_stand(lines: &[Line]) -> Vec<String> {
    let left = lines.iter().map(|line| line.x).fold(f64::INFINITY, f64::min);
    let column = |x: f64, line: &Line| ((x - left) / (0.6 * line.size)).round().clamp(0.0, 200.0);
    let written = |line: &Line| {
        let mut text = String::new();
        for cell in &line.cells {
            let missing = column(cell.x, line) as usize;
            let missing = missing.saturating_sub(text.chars().count());
            text.push_str(&" ".repeat(missing.max(usize::from(!text.is_empty()))));
            text.push_str(&cell.text);
        }
        text
    };
    lines.iter().map(written).collect()
}

/// A table at the beginning of these lines, and how many of them it takes: at least two lines of several
/// cells, each of which stands below one of the same column.
fn table(lines: &[Line]) -> Option<(Vec<Vec<String>>, usize)> {
    let is_row = |line: &Line| line.cells.len() > 1 && mark(&line.text()).is_none();
    let near = |(line, next): &(&Line, &Line)| line.y - next.y <= ROW * line.size;
    if !is_row(lines.first()?) {
        return None;
    }
    let pairs = lines.iter().zip(&lines[1..]).take(ROWS);
    let after = pairs.take_while(|pair| near(pair) && is_row(pair.1)).count();
    // Lines at the end may be of something else.
    (2..=1 + after).rev().find_map(|used| Some((rows(&lines[..used])?, used)))
}

/// Lines as rows, if their cells stand in columns: what overlaps from left to right is one column, and
/// has one cell of each line.
fn rows(lines: &[Line]) -> Option<Vec<Vec<String>>> {
    let mut spans: Vec<(f64, f64)> =
        lines.iter().flat_map(|line| &line.cells).map(|cell| (cell.x, cell.end)).collect();
    spans.sort_by(|one, other| one.0.total_cmp(&other.0));
    let mut columns: Vec<(f64, f64)> = Vec::new();
    for (x, end) in spans {
        match columns.last_mut().filter(|(_, last)| x <= *last) {
            Some((_, last)) => *last = last.max(end),
            None => columns.push((x, end)),
        }
    }
    let most = lines.iter().map(|line| line.cells.len()).max()?;
    if columns.len() < 2 || columns.len() > most {
        return None;
    }
    let mut rows = Vec::with_capacity(lines.len());
    for line in lines {
        let mut row = vec![String::new(); columns.len()];
        for cell in &line.cells {
            let at = columns.partition_point(|(x, _)| *x <= cell.x).checked_sub(1)?;
            if !row[at].is_empty() {
                return None;
            }
            row[at].clone_from(&cell.text);
        }
        rows.push(row);
    }
    Some(rows)
}
