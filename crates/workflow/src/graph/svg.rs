//! The drawing as one picture that needs nothing else: steps from top to bottom, what undoes them
//! beside them.

use std::fmt::Write;

use toolgate_gateway::config::servers::workflow::WorkflowTool;

use super::{Drawn, Shape, drawn};

/// All measures are in pixels.
const WIDTH: i32 = 420;
const UNDO_WIDTH: i32 = 230;
const LEFT: i32 = 60;
const BETWEEN: i32 = 70;
const GAP: i32 = 34;
const LINE: i32 = 17;
const PADDING: i32 = 12;
/// The width of a character of 12 pixels in a font of one width, at most.
const CHARACTER: i32 = 8;
/// Lines of one text.
const MOST_LINES: usize = 3;

const STYLE: &str = "text{font:12px ui-monospace,Menlo,Consolas,monospace;fill:#1f2933}\
.id{font-weight:700}.note{fill:#52606d}.end{font-weight:700}\
rect,.box{fill:#fff;stroke:#3e4c59;stroke-width:1.5}\
.call{fill:#e8f1fb;stroke:#2b6cb0}.require{fill:#fdf6e3;stroke:#b7791f}\
.approve{fill:#eafaf1;stroke:#2f855a}.undo{fill:#fdecea;stroke:#c53030;stroke-dasharray:5 3}\
.way{fill:none;stroke:#3e4c59;stroke-width:1.5}.skip{stroke-dasharray:2 3}\
.back{fill:none;stroke:#c53030;stroke-width:1.5;stroke-dasharray:5 3}";

/// The picture of a workflow.
pub fn svg(name: &str, tool: &WorkflowTool) -> String {
    let steps = drawn(tool);
    let mut canvas = Canvas::default();
    let center = LEFT + WIDTH / 2;
    let mut y = 20;
    canvas.pill(center, y, name);
    y += 30;
    let mut undone: Vec<(i32, i32)> = Vec::new();
    for step in &steps {
        let lines = lines(step);
        let height = PADDING * 2 + LINE * (lines.len() as i32 - 1) + 12;
        let top = y + GAP;
        canvas.arrow("way", &[(center, y), (center, top)]);
        if step.when.is_some() {
            // Where two steps in a row may be skipped, one way ends above where the next begins.
            let (above, below) = (y + GAP - 14, top + height + 10);
            let side = LEFT - 26;
            let way = [(center, above), (side, above), (side, below), (center, below)];
            canvas.line("way skip", &way);
        }
        canvas.shape(step.kind, LEFT, top, WIDTH, height);
        canvas.lines(LEFT + PADDING, top + PADDING + 10, WIDTH - PADDING * 2, &lines);
        if let Some(undo) = &step.undo {
            let x = LEFT + WIDTH + BETWEEN;
            let middle = top + height / 2;
            let tall = PADDING * 2 + LINE + 12;
            canvas.rect("undo", x, middle - tall / 2, UNDO_WIDTH, tall);
            let lines = [("id", format!("undo {}", step.id)), ("", undo.clone())];
            let first = middle - tall / 2 + PADDING + 10;
            canvas.lines(x + PADDING, first, UNDO_WIDTH - PADDING * 2, &lines);
            canvas.arrow("back", &[(LEFT + WIDTH, middle), (x, middle)]);
            undone.push((middle - tall / 2, middle + tall / 2));
        }
        y = top + height;
    }
    // Undone last first: the way goes up.
    for pair in undone.windows(2) {
        let x = LEFT + WIDTH + BETWEEN + UNDO_WIDTH / 2;
        canvas.arrow("back", &[(x, pair[1].0), (x, pair[0].1)]);
    }
    canvas.arrow("way", &[(center, y), (center, y + GAP)]);
    canvas.pill(center, y + GAP, "done");
    let right = if undone.is_empty() { 40 } else { BETWEEN + UNDO_WIDTH + 40 };
    canvas.finish(name, LEFT + WIDTH + right, y + GAP + 50)
}

/// The lines of a step, each with its class.
fn lines(step: &Drawn) -> Vec<(&'static str, String)> {
    let verb = match step.kind {
        Shape::Call => "",
        Shape::Require => "requires ",
        Shape::Approve => "asks: ",
    };
    let mut lines = vec![("id", step.id.clone()), ("", format!("{verb}{}", step.main))];
    lines.extend(step.when.iter().map(|when| ("note", format!("only when {when}"))));
    lines.extend(step.notes.iter().map(|note| ("note", note.clone())));
    let most = (WIDTH - PADDING * 2) / CHARACTER;
    let wrap = |(class, text): (&'static str, String)| {
        wrapped(&text, usize::try_from(most).unwrap_or(1))
            .into_iter()
            .map(move |line| (class, line))
    };
    lines.into_iter().flat_map(wrap).collect()
}

/// What was drawn so far.
#[derive(Default)]
struct Canvas(String);

impl Canvas {
    // Writing to a string cannot fail.
    fn put(&mut self, element: std::fmt::Arguments<'_>) {
        let _ = self.0.write_fmt(element);
        self.0.push('\n');
    }

    fn shape(&mut self, kind: Shape, x: i32, y: i32, width: i32, height: i32) {
        match kind {
            Shape::Call => self.rect("call", x, y, width, height),
            Shape::Approve => self.rect("approve", x, y, width, height),
            Shape::Require => {
                let (right, bottom, middle) = (x + width, y + height, y + height / 2);
                self.put(format_args!(
                    r#"<path class="box require" d="M{x} {y}H{right}L{} {middle}L{right} {bottom}H{x}L{} {middle}Z"/>"#,
                    right + 14,
                    x - 14,
                ));
            }
        }
    }

    fn rect(&mut self, class: &str, x: i32, y: i32, width: i32, height: i32) {
        self.put(format_args!(
            r#"<rect class="{class}" x="{x}" y="{y}" width="{width}" height="{height}" rx="6"/>"#
        ));
    }

    fn pill(&mut self, center: i32, y: i32, text: &str) {
        let width = (text.chars().count() as i32 * CHARACTER + 36).clamp(80, WIDTH);
        let x = center - width / 2;
        self.put(format_args!(r#"<rect x="{x}" y="{y}" width="{width}" height="30" rx="15"/>"#));
        let shown = escaped(&cut(text, width - 20));
        self.put(format_args!(
            r#"<text class="end" x="{center}" y="{}" text-anchor="middle">{shown}</text>"#,
            y + 19
        ));
    }

    /// Lines of text; what is too long is cut.
    fn lines(&mut self, x: i32, y: i32, width: i32, lines: &[(&str, String)]) {
        for (index, (class, text)) in lines.iter().enumerate() {
            let y = y + LINE * index as i32;
            let shown = escaped(&cut(text, width));
            self.put(format_args!(r#"<text class="{class}" x="{x}" y="{y}">{shown}</text>"#));
        }
    }

    fn line(&mut self, class: &str, points: &[(i32, i32)]) {
        let points: Vec<_> = points.iter().map(|(x, y)| format!("{x},{y}")).collect();
        self.put(format_args!(r#"<polyline class="{class}" points="{}"/>"#, points.join(" ")));
    }

    fn arrow(&mut self, class: &str, points: &[(i32, i32)]) {
        let points: Vec<_> = points.iter().map(|(x, y)| format!("{x},{y}")).collect();
        self.put(format_args!(
            r#"<polyline class="{class}" points="{}" marker-end="url(#{class}-tip)"/>"#,
            points.join(" ")
        ));
    }

    fn finish(self, name: &str, width: i32, height: i32) -> String {
        let tip = |class: &str, colour: &str| {
            format!(
                r#"<marker id="{class}-tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto"><path d="M0 0L8 4L0 8Z" fill="{colour}"/></marker>"#
            )
        };
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
             viewBox=\"0 0 {width} {height}\" role=\"img\">\n<title>{}</title>\n\
             <style>{STYLE}</style>\n<defs>{}{}</defs>\n\
             <rect x=\"0\" y=\"0\" width=\"{width}\" height=\"{height}\" style=\"fill:#fff;stroke:none\"/>\n{}</svg>",
            escaped(name),
            tip("way", "#3e4c59"),
            tip("back", "#c53030"),
            self.0,
        )
    }
}

/// A text in lines of at most so many characters, broken between words where that can be.
fn wrapped(text: &str, most: usize) -> Vec<String> {
    let (mut lines, mut line) = (Vec::new(), String::new());
    for word in text.split(' ') {
        let length = line.chars().count() + 1 + word.chars().count();
        if !line.is_empty() && length > most {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
        while line.chars().count() > most {
            let rest = line.chars().skip(most).collect();
            lines.push(line.chars().take(most).collect());
            line = rest;
        }
    }
    lines.push(line);
    if lines.len() > MOST_LINES {
        lines.truncate(MOST_LINES);
        if let Some(last) = lines.last_mut() {
            last.push('…');
        }
    }
    lines
}

/// As much of a text as fits.
fn cut(text: &str, width: i32) -> String {
    let most = usize::try_from(width / CHARACTER).unwrap_or(0);
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_broken_between_words_and_ends_after_three_lines() {
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("abcdefghij k", 4), ["abcd", "efgh", "ij k"]);
        assert_eq!(wrapped("a b c d e", 1), ["a", "b", "c…"]);
    }

    #[test]
    fn what_a_text_says_is_never_markup() {
        assert_eq!(escaped("<script>\"&\n"), "&lt;script&gt;&quot;&amp; ");
    }
}
