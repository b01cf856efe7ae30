//! What stands at the upper or lower edge of every page: its number, the name of a chapter.

use std::collections::HashMap;

use crate::layout::Line;

/// On fewer pages nobody can tell.
const PAGES: usize = 3;
/// Lines at each edge that may be such.
const DEEP: usize = 2;

/// Takes it out. Whether there was any.
pub(crate) fn take(pages: &mut [Vec<Vec<Line>>]) -> bool {
    let mut found = false;
    for edge in [f64::max as fn(f64, f64) -> f64, f64::min] {
        for _ in 0..DEEP {
            found |= take_once(pages, edge);
        }
    }
    found
}

/// Takes out the outermost lines which at least a third of the pages have: chapters have names of their
/// own, and left pages are not as right ones.
fn take_once(pages: &mut [Vec<Vec<Line>>], edge: fn(f64, f64) -> f64) -> bool {
    let outermost = |regions: &[Vec<Line>]| {
        let y = regions.iter().flatten().map(|line| line.y).reduce(edge)?;
        let at = |lines: &Vec<Line>| lines.iter().position(|line| line.y == y);
        let (region, line) = regions.iter().enumerate().find_map(|(n, it)| Some((n, at(it)?)))?;
        Some((region, line, pattern(&regions[region][line].text())))
    };
    let mut counts = HashMap::<String, usize>::new();
    for (_, _, pattern) in pages.iter().filter_map(|regions| outermost(regions)) {
        *counts.entry(pattern).or_default() += 1;
    }
    let enough = PAGES.max(pages.len().div_ceil(3));
    let mut found = false;
    for regions in pages.iter_mut() {
        let Some((region, line, pattern)) = outermost(regions) else { continue };
        if counts.get(&pattern).is_some_and(|count| *count >= enough) {
            regions[region].remove(line);
            found = true;
        }
    }
    found
}

/// A line without its numbers.
fn pattern(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match (c.is_ascii_digit(), out.ends_with('#')) {
            (true, true) => {}
            (true, false) => out.push('#'),
            (false, _) => out.push(c),
        }
    }
    out
}
