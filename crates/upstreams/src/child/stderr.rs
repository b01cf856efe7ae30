//! What a server says on stderr: logged within bounds, the last lines kept to explain its end.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use memchr::memchr;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _},
    time::{Instant, sleep_until},
};
use tracing::info;

use super::{allowance::Allowance, mask::Mask};

/// Longer lines are cut.
const LONGEST: usize = 2 << 10;
/// How many last lines are kept.
const KEPT: usize = 20;
/// A server that writes more than this much in [`PACE`] is made to wait by the full pipe.
const FLOOD: usize = 1 << 20;
const PACE: Duration = Duration::from_millis(50);

/// The last lines, raw: most are never looked at.
#[derive(Debug)]
pub(super) struct Tail {
    lines: VecDeque<Line>,
    mask: Mask,
}

#[derive(Debug, Default)]
struct Line {
    bytes: Vec<u8>,
    cut: bool,
}

impl Tail {
    pub(super) fn new(mask: Mask) -> Self {
        Self { lines: VecDeque::with_capacity(KEPT), mask }
    }

    pub(super) fn quote(&self) -> Arc<[String]> {
        self.lines.iter().map(|line| self.mask.apply(&line.bytes, line.cut)).collect()
    }

    fn keep(&mut self, line: Line) {
        if self.lines.len() == KEPT {
            self.lines.pop_front();
        }
        self.lines.push_back(line);
    }
}

/// Logs `stderr` until it ends.
pub(super) async fn log(
    name: Arc<str>,
    mut stderr: impl AsyncRead + Unpin,
    tail: Arc<Mutex<Tail>>,
) {
    let mut log = Log { name, tail, line: Line::default(), allowance: Allowance::full() };
    let mut chunk = vec![0; 16 << 10];
    let (mut since, mut read) = (Instant::now(), 0);
    while let Ok(count @ 1..) = stderr.read(&mut chunk).await {
        log.take(&chunk[..count]);
        read += count;
        if read > FLOOD {
            sleep_until(since + PACE).await;
            (since, read) = (Instant::now(), 0);
        }
    }
    log.end();
}

struct Log {
    name: Arc<str>,
    tail: Arc<Mutex<Tail>>,
    /// What has arrived of the current line.
    line: Line,
    allowance: Allowance,
}

impl Log {
    fn take(&mut self, mut bytes: &[u8]) {
        while let Some(at) = memchr(b'\n', bytes) {
            self.extend(&bytes[..at]);
            self.finish();
            bytes = &bytes[at + 1..];
        }
        self.extend(bytes);
    }

    fn extend(&mut self, bytes: &[u8]) {
        let room = LONGEST - self.line.bytes.len();
        self.line.cut |= bytes.len() > room;
        self.line.bytes.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    fn finish(&mut self) {
        let line = std::mem::take(&mut self.line);
        if line.bytes.trim_ascii().is_empty() {
            return;
        }
        let mut tail = self.tail.lock().unwrap_or_else(PoisonError::into_inner);
        if self.allowance.take(Instant::now()) {
            let text = tail.mask.apply(&line.bytes, line.cut);
            report_held(&self.name, self.allowance.left_out());
            info!(server = %self.name, stream = "stderr", line = text);
        }
        tail.keep(line);
    }

    fn end(mut self) {
        self.finish();
        report_held(&self.name, self.allowance.left_out());
    }
}

fn report_held(name: &str, held: u64) {
    if held > 0 {
        info!(server = name, stream = "stderr", suppressed = held, "too many lines, left out");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn tail_of(written: &[u8]) -> Vec<String> {
        let tail = Arc::new(Mutex::new(Tail::new(Mask::of(&[]))));
        log("x".into(), written, Arc::clone(&tail)).await;
        let quote = tail.lock().unwrap().quote();
        quote.to_vec()
    }

    #[tokio::test]
    async fn the_last_twenty_lines_are_kept() {
        let written: String = (0..50).map(|n| format!("line {n}\n\n")).collect();

        let tail = tail_of(written.as_bytes()).await;

        assert_eq!(tail.len(), KEPT);
        assert_eq!((tail[0].as_str(), tail[19].as_str()), ("line 30", "line 49"));
    }

    #[tokio::test]
    async fn a_long_line_is_cut_with_a_note_and_an_unfinished_one_kept() {
        let written = format!("{}\nlast words", "x".repeat(1 << 20));

        let tail = tail_of(written.as_bytes()).await;

        assert_eq!(tail[0], format!("{} … (cut)", "x".repeat(LONGEST)));
        assert_eq!(tail[1], "last words");
    }

    /// What is logged while `stderr` is read.
    async fn logged(written: &[u8]) -> String {
        let buffer = tempfile::NamedTempFile::new().unwrap();
        let writer = buffer.reopen().unwrap();
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .without_time()
            .with_target(false)
            .with_writer(Mutex::new(writer))
            .finish();
        let guard = tracing::subscriber::set_default(subscriber);
        tail_of(written).await;
        drop(guard);
        std::fs::read_to_string(buffer.path()).unwrap()
    }

    #[tokio::test]
    async fn a_line_is_logged_with_its_server() {
        let logged = logged(b"\x1b[32mready\x1b[0m\n").await;

        assert_eq!(logged, " INFO server=x stream=\"stderr\" line=\"ready\"\n");
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_cannot_fill_the_log() {
        let logged = logged(&b"flooding\n".repeat(100_000)).await;

        assert_eq!(logged.matches("flooding").count(), 100);
        assert!(
            logged.ends_with(
                "too many lines, left out server=\"x\" stream=\"stderr\" suppressed=99900\n"
            ),
            "{}",
            logged.lines().last().unwrap()
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_is_read_no_faster_than_the_pace() {
        let start = Instant::now();

        tail_of(&b"flood\n".repeat(8 * FLOOD / 6)).await;

        assert!(start.elapsed() >= PACE * 6, "{:?}", start.elapsed());
    }
}
