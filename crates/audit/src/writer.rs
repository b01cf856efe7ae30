//! The thread that writes: many records with one write, and one force to the disk.

mod missing;

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime};

use crate::chain::{self, Seal, Tip};
use crate::config::Fsync;
use crate::queue::{Job, Ticket};
use crate::record::{Outcome, Status};
use crate::refused::Refused;
use crate::shared::Shared;
use crate::sink::{Found, Sink};
use missing::Missing;

/// How often the chain tells at most of requests without a record, so that a flood of them is a
/// few lines.
const TOLD: Duration = Duration::from_secs(1);
/// How long after a failure the sink is tried again, if nothing comes before.
const AGAIN: Duration = Duration::from_millis(250);

pub(crate) struct Writer {
    shared: Arc<Shared>,
    seal: Seal,
    sink: Box<dyn Sink>,
    tip: Tip,
    fsync: Fsync,
    /// Not written yet; after a failure, what must still be.
    jobs: Vec<Job>,
    /// Intents without an outcome.
    open: BTreeSet<u64>,
    buffer: String,
    /// Since when something is written and not forced to the disk.
    unsynced: Option<Instant>,
    /// The last force failed: nothing counts as written before one succeeds.
    owing: bool,
    turned: bool,
    /// What the chain tells of requests without a record, and when it told it.
    told: (Missing, Option<Instant>),
}

impl Writer {
    pub(crate) fn new(
        shared: Arc<Shared>,
        seal: Seal,
        sink: Box<dyn Sink>,
        tip: Tip,
        jobs: Vec<Job>,
        fsync: Fsync,
    ) -> Writer {
        let open = jobs.iter().filter_map(|job| match job {
            Job::Outcome { of, .. } => Some(*of),
            _ => None,
        });
        let open = open.collect();
        let buffer = String::new();
        Writer {
            shared,
            seal,
            sink,
            tip,
            fsync,
            jobs,
            open,
            buffer,
            unsynced: None,
            owing: false,
            turned: false,
            told: (Missing::default(), None),
        }
    }

    /// Writes until the queue is closed; whether all is written then.
    pub(crate) fn run(mut self) -> bool {
        // What the start has to say does not wait for a first request.
        let mut until = Some(Instant::now());
        loop {
            let closed = self.shared.queue.take(&mut self.jobs, until);
            let is_written = self.reported(closed);
            if closed {
                return is_written || self.finish();
            }
            until = self.until();
        }
    }

    /// Tries again what failed at the end, a connection that broke unnoticed for example, as long as
    /// somebody waits for it; whether all is written then.
    fn finish(&mut self) -> bool {
        let late = Instant::now() + self.shared.patience;
        while !self.reported(true) {
            let left = late.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            std::thread::sleep(left.min(AGAIN));
        }
        true
    }

    /// A turn of which the health tells; whether it went well.
    fn reported(&mut self, last: bool) -> bool {
        self.shared.busy();
        let result = self.turn(last);
        self.shared.idle();
        self.report(result.as_ref().err());
        result.is_ok()
    }

    fn until(&self) -> Option<Instant> {
        if self.shared.trouble().is_some() {
            return Some(Instant::now() + AGAIN);
        }
        let force = match self.fsync {
            Fsync::Every(span) => self.unsynced.map(|since| since + span.duration()),
            _ => None,
        };
        let untold = self.shared.untold.load(Ordering::Relaxed);
        let tell = self.told.1.filter(|_| untold).map(|told| told + TOLD);
        [force, tell].into_iter().flatten().min()
    }

    /// Writes what there is, and forces it to the disk when it is time.
    fn turn(&mut self, last: bool) -> io::Result<()> {
        self.forget_the_gone();
        if let Err(error) = self.ready() {
            return Err(self.refuse(error));
        }
        if self.owing {
            self.sync()?;
        }
        if let Err(error) = self.write(last) {
            return Err(self.refuse(error));
        }
        if self.turned {
            self.prune()?;
        }
        let flush = self.jobs.iter().any(|job| matches!(job, Job::Flush(_)));
        let due = match self.fsync {
            Fsync::Every(span) => {
                self.unsynced.is_some_and(|since| since.elapsed() >= span.duration())
            }
            _ => false,
        };
        if (flush || due || last) && self.unsynced.is_some() {
            self.sync()?;
        }
        for job in self.jobs.drain(..) {
            if let Job::Flush(answer) = job {
                let _ = answer.send(());
            }
        }
        Ok(())
    }

    /// Waits for the sink, which may say only now where the chain ends.
    fn ready(&mut self) -> io::Result<()> {
        if let Some(found) = self.sink.ready()? {
            self.tip = found.tip;
            self.open.extend(&found.open);
            let came = std::mem::replace(&mut self.jobs, found.jobs());
            self.jobs.extend(came);
        }
        Ok(())
    }

    /// Intents whose request was refused meanwhile.
    fn forget_the_gone(&mut self) {
        let before = self.jobs.len();
        self.jobs.retain(|job| !matches!(job, Job::Intent { answer, .. } if answer.is_closed()));
        let gone = before - self.jobs.len();
        self.shared.queue.release(gone);
        self.shared.unrecorded.fetch_add(gone as u64, Ordering::Relaxed);
        if gone > 0 {
            self.shared.untold.store(true, Ordering::Relaxed);
        }
    }

    fn write(&mut self, last: bool) -> io::Result<()> {
        if let Some(next) = self.sink.due(SystemTime::now()) {
            self.end_file(&next)?;
        }
        self.buffer.clear();
        let mut tip = self.tip;
        let missing = self.missing(last);
        if missing.is_some() || self.jobs.iter().any(|job| !matches!(job, Job::Flush(_))) {
            self.header(&mut tip);
        }
        if let Some(missing) = &missing {
            let kind = ("missing", SystemTime::now());
            let news = missing.since(&self.told.0);
            chain::seal(&mut self.buffer, &self.seal, &mut tip, kind, |line| news.write(line));
        }
        let seqs = self.lines(&mut tip);
        if tip == self.tip {
            return Ok(());
        }
        let put = self.put(tip);
        let is_added = self.tip == tip;
        if let Some(missing) = missing.filter(|_| is_added) {
            self.told = (missing, Some(Instant::now()));
        }
        match put {
            Ok(()) => {
                // Whoever is answered finds the health that the answer tells of.
                self.report(None);
                self.acknowledge(&seqs);
            }
            Err(error) => {
                if is_added {
                    self.report(Some(&error));
                    self.disown(&seqs);
                }
                return Err(error);
            }
        }
        Ok(())
    }

    /// Requests without a record of which the chain does not tell yet, if it is time to.
    fn missing(&self, last: bool) -> Option<Missing> {
        let early = self.told.1.is_some_and(|told| told.elapsed() < TOLD);
        if (early && !last) || !self.shared.untold.swap(false, Ordering::Relaxed) {
            return None;
        }
        let missing = Missing::of(&self.shared);
        (missing != self.told.0).then_some(missing)
    }

    /// The first line of a file.
    fn header(&mut self, tip: &mut Tip) {
        let Some(number) = self.sink.fresh() else { return };
        let open: Vec<_> = self.open.iter().map(u64::to_string).collect();
        chain::seal(&mut self.buffer, &self.seal, tip, ("file", SystemTime::now()), |line| {
            line.number("format", 1);
            line.number("number", number);
            if let Some(chain) = self.sink.chain() {
                line.text("chain", chain);
            }
            line.text("method", self.seal.method());
            if let Some(key) = self.seal.key() {
                line.text("key", key);
            }
            line.json("open", &format!("[{}]", open.join(",")));
        });
    }

    /// A line for each job; returns their numbers, 0 for those without one.
    fn lines(&mut self, tip: &mut Tip) -> Vec<u64> {
        let (out, seal) = (&mut self.buffer, &self.seal);
        let mut seqs = Vec::with_capacity(self.jobs.len());
        for job in &self.jobs {
            match job {
                Job::Intent { intent, .. } => {
                    chain::seal(out, seal, tip, ("intent", intent.time), |line| intent.write(line));
                }
                Job::Outcome { of, time, outcome } => {
                    chain::seal(out, seal, tip, ("outcome", *time), |line| {
                        line.number("of", *of);
                        outcome.write(line);
                    });
                }
                Job::Event { intent, outcome } => {
                    chain::seal(out, seal, tip, ("event", intent.time), |line| {
                        intent.write(line);
                        outcome.write(line);
                    });
                }
                Job::Start { torn, lost, head } => {
                    chain::seal(out, seal, tip, ("start", SystemTime::now()), |line| {
                        line.text("version", env!("CARGO_PKG_VERSION"));
                        line.text("head", head);
                        line.number("torn", *torn);
                        line.number("lost", *lost);
                    });
                }
                Job::Flush(_) => {
                    seqs.push(0);
                    continue;
                }
            }
            seqs.push(tip.seq);
        }
        seqs
    }

    /// Appends the buffer, whole or not at all; after an error the tip says which.
    fn put(&mut self, tip: Tip) -> io::Result<()> {
        self.sink.append(self.buffer.as_bytes())?;
        let forced = match self.fsync {
            Fsync::Always => self.sink.sync(),
            _ => Ok(()),
        };
        if let Err(error) = forced.and_then(|()| self.sink.settle(&tip)) {
            if !self.sink.undo() {
                self.tip = tip;
            }
            return Err(error);
        }
        if matches!(self.fsync, Fsync::Every(_)) {
            self.unsynced.get_or_insert_with(Instant::now);
        }
        self.shared.written.fetch_add(tip.seq - self.tip.seq, Ordering::Relaxed);
        self.tip = tip;
        Ok(())
    }

    /// Says to each who waits that its record is written.
    fn acknowledge(&mut self, seqs: &[u64]) {
        let mut flushes = Vec::new();
        for (job, seq) in self.jobs.drain(..).zip(seqs) {
            match job {
                Job::Intent { answer, .. } => {
                    self.shared.queue.release(1);
                    self.open.insert(*seq);
                    let ticket = Ticket::new(*seq, self.shared.queue.clone());
                    self.shared.answers.give(answer, Ok(ticket));
                }
                Job::Outcome { of, .. } => {
                    self.open.remove(&of);
                }
                Job::Event { .. } => self.shared.queue.release(1),
                Job::Start { .. } => {}
                Job::Flush(answer) => flushes.push(Job::Flush(answer)),
            }
        }
        self.jobs = flushes;
    }

    /// Fail closed: whoever waits for lines that will be written, nobody knows when, is refused, and
    /// their records say that.
    fn disown(&mut self, seqs: &[u64]) {
        let mut next = Vec::new();
        for (job, seq) in self.jobs.drain(..).zip(seqs) {
            match job {
                Job::Intent { answer, .. } => {
                    self.shared.queue.release(1);
                    self.open.insert(*seq);
                    let outcome = Outcome::new(Status::Refused).because("unrecorded");
                    next.push(Job::outcome(*seq, outcome));
                    self.shared.answers.give(answer, Err(Refused::Failing));
                }
                Job::Outcome { of, .. } => {
                    self.open.remove(&of);
                }
                Job::Event { .. } => self.shared.queue.release(1),
                Job::Start { .. } => {}
                Job::Flush(answer) => next.push(Job::Flush(answer)),
            }
        }
        self.jobs = next;
    }

    /// Fail closed: whoever waits is refused. Everything else is still to be written.
    fn refuse(&mut self, error: io::Error) -> io::Error {
        self.report(Some(&error));
        self.shared.untold.store(true, Ordering::Relaxed);
        let jobs = std::mem::take(&mut self.jobs);
        for job in jobs {
            match job {
                Job::Intent { answer, .. } => {
                    self.shared.queue.release(1);
                    self.shared.unrecorded.fetch_add(1, Ordering::Relaxed);
                    self.shared.answers.give(answer, Err(Refused::Failing));
                }
                Job::Flush(_) => {}
                kept => self.jobs.push(kept),
            }
        }
        error
    }

    fn end_file(&mut self, next: &str) -> io::Result<()> {
        self.buffer.clear();
        let mut tip = self.tip;
        let kind = ("next", SystemTime::now());
        chain::seal(&mut self.buffer, &self.seal, &mut tip, kind, |line| line.text("next", next));
        self.put(tip)?;
        if self.unsynced.is_some() {
            self.sync()?;
        }
        self.sink.turn();
        self.turned = true;
        Ok(())
    }

    /// Deletes files beyond those that are kept, after the chain says so.
    fn prune(&mut self) -> io::Result<()> {
        self.turned = false;
        while let Some((name, last)) = self.sink.surplus() {
            self.buffer.clear();
            let mut tip = self.tip;
            let kind = ("removed", SystemTime::now());
            chain::seal(&mut self.buffer, &self.seal, &mut tip, kind, |line| {
                line.text("file", &name);
                line.hash("last", &last.hash);
            });
            self.put(tip)?;
            self.sink.remove()?;
        }
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        self.owing = true;
        self.sink.sync()?;
        self.owing = false;
        self.unsynced = None;
        Ok(())
    }

    /// Trouble is logged when it comes and when it goes.
    fn report(&self, error: Option<&io::Error>) {
        let now = error.map(ToString::to_string);
        let before = std::mem::replace(&mut *self.shared.trouble(), now);
        match (before, error) {
            (None, Some(error)) => {
                tracing::error!(%error, "audit records cannot be written: calls are refused");
            }
            (Some(_), None) => tracing::info!("audit records are written again"),
            _ => {}
        }
    }
}

impl Found {
    /// What is written first: that the process began, and that nobody knows what became of calls
    /// that it finds open.
    pub(crate) fn jobs(&self) -> Vec<Job> {
        let outcome = Outcome::new(Status::Unknown).because("crash");
        let ended = self.open.iter().map(|of| Job::outcome(*of, outcome.clone()));
        let start = Job::Start { torn: self.torn, lost: self.lost, head: self.head };
        [start].into_iter().chain(ended).collect()
    }
}
