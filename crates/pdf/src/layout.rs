//! From runs of glyphs to lines, in the order in which a person reads them.

use crate::content::Run;
use crate::font::Style;

/// Of the size, as in [`crate::content`]: between words, and between the columns of a page or table.
const SPACE: f64 = 0.15;
const APART: f64 = 0.9;
/// Of the size: what is as far up or down as that stands on the same line, such as an exponent.
const LEVEL: f64 = 0.35;
/// Columns within columns.
const DEEPEST: usize = 4;
/// A column has so many lines at least, of so many characters, which fill so much of it: the columns of
/// a table have less.
const COLUMN: (usize, f64, f64) = (4, 15.0, 0.45);
/// Steps in which gaps between columns are looked for, and how many of them a page may have.
const STEP: f64 = 0.25;
const STEPS: f64 = 10_000.0;
/// Of the lines, so many may go across a gap, and one in any case: titles.
const ACROSS: f64 = 0.15;

/// A piece of a line that no wide gap parts.
#[derive(Debug, Clone)]
pub(crate) struct Cell {
    pub(crate) text: String,
    pub(crate) x: f64,
    pub(crate) end: f64,
    y: f64,
    size: f64,
    style: Style,
    /// Of the run whose size and style it has.
    weight: usize,
}

/// A line: its pieces from left to right.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) cells: Vec<Cell>,
    pub(crate) x: f64,
    pub(crate) end: f64,
    /// Upwards.
    pub(crate) y: f64,
    pub(crate) size: f64,
    pub(crate) style: Style,
}

impl Line {
    pub(crate) fn text(&self) -> String {
        let texts: Vec<_> = self.cells.iter().map(|cell| &*cell.text).collect();
        texts.join(" ")
    }
}

/// The regions of a page in the order in which they are read, each of lines from top to bottom.
pub(crate) fn regions(runs: Vec<Run>) -> Vec<Vec<Line>> {
    let cells = by_height(runs, |run| (run.y, run.x, run.size)).into_iter().flat_map(cells);
    let mut regions = Vec::new();
    split(cells.collect(), DEEPEST, &mut regions);
    regions
}

/// Things by the lines that they stand on, from top to bottom, each from left to right. `place` gives
/// the height, the left edge and the size of one.
fn by_height<T>(mut things: Vec<T>, place: impl Fn(&T) -> (f64, f64, f64)) -> Vec<Vec<T>> {
    things.sort_by(|one, other| place(other).0.total_cmp(&place(one).0));
    let mut rows: Vec<Vec<T>> = Vec::new();
    let (mut top, mut largest) = (f64::INFINITY, 0.0);
    for thing in things {
        let (y, _, size) = place(&thing);
        let level = LEVEL * size.max(largest);
        match rows.last_mut().filter(|_| top - y <= level) {
            Some(row) => {
                largest = size.max(largest);
                row.push(thing);
            }
            None => {
                (top, largest) = (y, size);
                rows.push(vec![thing]);
            }
        }
    }
    for row in &mut rows {
        row.sort_by(|one, other| place(one).1.total_cmp(&place(other).1));
    }
    rows
}

/// The pieces of one line.
fn cells(row: Vec<Run>) -> Vec<Cell> {
    let mut cells: Vec<Cell> = Vec::new();
    for run in row {
        let weight = run.text.chars().count();
        let gap = |cell: &Cell| run.x - cell.end;
        let Some(cell) = cells.last_mut().filter(|it| gap(it) < APART * it.size.max(run.size))
        else {
            let Run { text, x, end, y, size, style } = run;
            cells.push(Cell { text, x, end, y, size, style, weight });
            continue;
        };
        let is_apart = run.x - cell.end > SPACE * run.size.min(cell.size);
        if is_apart && !cell.text.ends_with(' ') && !run.text.starts_with(' ') {
            cell.text.push(' ');
        }
        cell.text.push_str(&run.text);
        cell.end = cell.end.max(run.end);
        // Bold and fixed only if all of it is; as large as most of it.
        cell.style.bold &= run.style.bold;
        cell.style.mono &= run.style.mono;
        if weight > cell.weight {
            (cell.size, cell.y, cell.weight) = (run.size, run.y, weight);
        }
    }
    for cell in &mut cells {
        cell.text = cell.text.split_whitespace().collect::<Vec<_>>().join(" ");
    }
    cells.retain(|cell| !cell.text.is_empty());
    cells
}

/// Columns one after the other, and what goes across them where it stands.
fn split(cells: Vec<Cell>, depth: usize, regions: &mut Vec<Vec<Line>>) {
    let middle = if depth > 0 { gutter(&cells) } else { None };
    let Some(middle) = middle else {
        push(cells, regions);
        return;
    };
    let goes_across = |cell: &Cell| cell.x < middle && cell.end > middle;
    let (mut across, beside): (Vec<_>, Vec<_>) = cells.into_iter().partition(goes_across);
    across.sort_by(|one, other| other.y.total_cmp(&one.y));
    let mut bands = vec![(Vec::new(), Vec::new()); across.len() + 1];
    for cell in beside {
        let (left, right) = &mut bands[across.partition_point(|it| it.y > cell.y)];
        if cell.end <= middle { left.push(cell) } else { right.push(cell) }
    }
    let mut waiting = Vec::new();
    let mut across = across.into_iter();
    for (left, right) in bands {
        if left.is_empty() || right.is_empty() {
            // Short lines, such as the last of a paragraph that goes across.
            waiting.extend(left.into_iter().chain(right));
        } else {
            push(std::mem::take(&mut waiting), regions);
            split(left, depth - 1, regions);
            split(right, depth - 1, regions);
        }
        waiting.extend(across.next());
    }
    push(waiting, regions);
}

fn push(cells: Vec<Cell>, regions: &mut Vec<Vec<Line>>) {
    let rows = by_height(cells, |cell| (cell.y, cell.x, cell.size));
    let lines: Vec<_> = rows.into_iter().map(line).collect();
    if !lines.is_empty() {
        regions.push(lines);
    }
}

fn line(cells: Vec<Cell>) -> Line {
    let (mut x, mut end, mut most) = (f64::INFINITY, f64::NEG_INFINITY, 0);
    let (mut y, mut size) = (0.0, 0.0);
    let mut style = Style { bold: true, mono: true };
    for cell in &cells {
        (x, end) = (x.min(cell.x), end.max(cell.end));
        style.bold &= cell.style.bold;
        style.mono &= cell.style.mono;
        if cell.weight > most {
            (y, size, most) = (cell.y, cell.size, cell.weight);
        }
    }
    Line { cells, x, end, y, size, style }
}

/// Where the widest gap between two columns of prose is.
fn gutter(cells: &[Cell]) -> Option<f64> {
    let mut sizes: Vec<f64> = cells.iter().map(|cell| cell.size).collect();
    sizes.sort_by(f64::total_cmp);
    let step = STEP * sizes.get(sizes.len() / 2)?;
    let from = cells.iter().map(|cell| cell.x).fold(f64::INFINITY, f64::min);
    let to = cells.iter().map(|cell| cell.end.max(cell.x)).fold(f64::NEG_INFINITY, f64::max);
    let steps = (to - from) / step;
    if !(steps > 0.0 && steps < STEPS) {
        return None;
    }
    // How many pieces there are above and below each step: one more where one begins, one less behind.
    let at = |x: f64| ((x - from) / step) as usize;
    let mut changes = vec![0_i64; at(to) + 2];
    for cell in cells {
        changes[at(cell.x)] += 1;
        changes[at(cell.end.max(cell.x)) + 1] -= 1;
    }
    let covered: Vec<i64> = changes
        .iter()
        .scan(0, |sum, change| {
            *sum += change;
            Some(*sum)
        })
        .collect();
    let few = ((covered.iter().max().copied()? as f64 * ACROSS) as i64).max(1);
    let mut gaps: Vec<(usize, usize)> = Vec::new();
    for (at, _) in covered.iter().enumerate().filter(|(_, count)| **count <= few) {
        match gaps.last_mut().filter(|(_, end)| *end == at) {
            Some((_, end)) => *end = at + 1,
            None => gaps.push((at, at + 1)),
        }
    }
    gaps.retain(|(begin, end)| *begin > 0 && *end < covered.len() - 1 && end - begin >= 2);
    gaps.sort_by_key(|(begin, end)| begin.abs_diff(*end));
    let middle = |(begin, end): (usize, usize)| from + (begin + end) as f64 / 2.0 * step;
    gaps.into_iter().rev().take(DEEPEST).map(middle).find(|middle| {
        let left: Vec<_> = cells.iter().filter(|cell| cell.end <= *middle).cloned().collect();
        let right: Vec<_> = cells.iter().filter(|cell| cell.x >= *middle).cloned().collect();
        are_columns(left, right)
    })
}

/// Whether both are columns of prose, one beside the other.
fn are_columns(left: Vec<Cell>, right: Vec<Cell>) -> bool {
    let reach = |cells: &[Cell]| {
        let ys = cells.iter().map(|cell| cell.y);
        ys.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), y| (low.min(y), high.max(y)))
    };
    let ((low, high), (other_low, other_high)) = (reach(&left), reach(&right));
    let beside = high.min(other_high) - low.max(other_low);
    beside >= (high - low).min(other_high - other_low) / 2.0 && is_column(left) && is_column(right)
}

fn is_column(cells: Vec<Cell>) -> bool {
    let (lines, characters, filled) = COLUMN;
    let rows = by_height(cells, |cell| (cell.y, cell.x, cell.size));
    let all = || rows.iter().flatten();
    let from = all().map(|cell| cell.x).fold(f64::INFINITY, f64::min);
    let to = all().map(|cell| cell.end).fold(f64::NEG_INFINITY, f64::max);
    let count = rows.len() as f64;
    let written: usize = all().map(|cell| cell.text.chars().count()).sum();
    let width: f64 = all().map(|cell| cell.end - cell.x).sum();
    rows.len() >= lines
        && written as f64 / count >= characters
        && width / (count * (to - from)) >= filled
}
