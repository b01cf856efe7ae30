//! Descriptions of documents, as short as a model needs them.

/// How many bytes of a text are read for each character that is wanted of it.
const MARKUP: usize = 8;
/// How many bytes of a text are read at least.
const LEAST: usize = 1 << 10;
/// The longest tag or link, in bytes.
const LONGEST: usize = 512;

/// The first sentences of a text, of at most so many characters, without markup that only a page
/// shows, on one line.
pub(crate) fn short(text: &str, most: usize) -> String {
    let read = text.floor_char_boundary(LEAST + most * MARKUP);
    let line = plain(&text[..read]);
    if read == text.len() && line.chars().count() <= most {
        return line;
    }
    let end = line.char_indices().nth(most).map_or(line.len(), |(at, _)| at);
    let head = &line[..end];
    // Whole sentences, or else whole words.
    match head.rfind(". ").filter(|at| *at > most / 3) {
        Some(at) => head[..=at].to_owned(),
        None => format!("{}…", head[..head.rfind(' ').unwrap_or(end)].trim_end()),
    }
}

/// The first sentence of a text.
pub(crate) fn first(text: &str, most: usize) -> String {
    let line = short(text, most);
    match line.find(". ") {
        Some(at) => line[..=at].to_owned(),
        None => line,
    }
}

/// With a full stop at its end.
pub(crate) fn sentence(text: &str) -> String {
    let text = text.trim();
    match text.chars().last() {
        None | Some('.' | '!' | '?' | '…') => text.to_owned(),
        _ => format!("{text}."),
    }
}

/// Links become their texts; tags, comments, rules and line breaks go.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len().min(2000));
    let mut rest = text;
    while let Some(at) = rest.find(['<', '[', '\n', '\r', '\t', '*', '`', '#']) {
        out.push_str(&rest[..at]);
        let tail = &rest[at..];
        // In a text of nothing but beginnings each looks for its end.
        let near = &tail[..tail.floor_char_boundary(LONGEST)];
        rest = match tail.as_bytes()[0] {
            b'<' => match near.find('>') {
                Some(end) if is_tag(&tail[1..end]) => {
                    out.push(' ');
                    &tail[end + 1..]
                }
                _ => keep(&mut out, tail),
            },
            b'[' => match link(near) {
                Some((shown, length)) => {
                    out.push_str(shown);
                    &tail[length..]
                }
                None => keep(&mut out, tail),
            },
            b'*' if tail.starts_with("**") => &tail[2..],
            b'#' if out.is_empty() || out.ends_with(' ') => tail.trim_start_matches('#'),
            b'\n' | b'\r' | b'\t' => {
                out.push(' ');
                &tail[1..]
            }
            _ => keep(&mut out, tail),
        };
    }
    out.push_str(rest);
    out.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn keep<'a>(out: &mut String, tail: &'a str) -> &'a str {
    out.push_str(&tail[..1]);
    &tail[1..]
}

fn is_tag(inner: &str) -> bool {
    let name = inner.trim_start_matches('/');
    inner.starts_with("!--")
        || (name.starts_with(|c: char| c.is_ascii_alphabetic()) && !inner.contains(['\n', '<']))
}

/// What is shown of `[shown](target)`, and the length of the whole.
fn link(tail: &str) -> Option<(&str, usize)> {
    let (shown, after) = tail[1..].split_once(']')?;
    let (_, rest) = after.strip_prefix('(')?.split_once(')')?;
    (!shown.contains('[')).then_some((shown, tail.len() - rest.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_a_page_shows_is_left_out() {
        for (text, expected) in [
            (
                "<p>A <b>charge</b>.</p>\n\nSee [the docs](https://x.example/a).",
                "A charge . See the docs.",
            ),
            ("# Title\n**Note**: `a < b` and a*b", "Title Note: `a < b` and a*b"),
            ("<!-- hidden --> x [y] z", "x [y] z"),
            ("", ""),
        ] {
            assert_eq!(short(text, 100), expected);
        }
    }

    #[test]
    fn long_texts_end_with_a_sentence_or_a_word() {
        assert_eq!(short("One two. Three four. Five", 21), "One two. Three four.");
        assert_eq!(short("word ünd another one", 12), "word ünd…");
        assert_eq!(first("One. Two. Three", 100), "One.");
        assert_eq!(sentence("One"), "One.");
        let markup = format!("One two{}", "<b></b>".repeat(1000));
        assert_eq!(short(&markup, 100), "One two…");
    }
}
