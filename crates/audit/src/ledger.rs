//! May this request go on? Only if it is recorded.

use std::fmt;
use std::os::unix::fs::FileTypeExt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::{oneshot, watch};

use crate::chain::{Seal, Tip};
use crate::config::{FileRules, Fsync, Plan, PostgresRules, SqliteRules};
use crate::queue::{Job, Queue, Ticket};
use crate::record::{Intent, Outcome};
use crate::refused::Refused;
use crate::shared::Shared;
use crate::sink::{Files, Rows, Sink, Stream, Table};
use crate::writer::Writer;

/// Why records cannot be written at all.
#[derive(Debug, thiserror::Error)]
#[error("audit records cannot be written: {0}")]
pub struct Unusable(#[from] std::io::Error);

/// How the writing goes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Health {
    /// What is wrong; none if records are written.
    pub trouble: Option<String>,
    /// Lines written by this process.
    pub written: u64,
    /// Requests that were refused and have no record of their own; the ledger tells their number.
    pub unrecorded: u64,
    /// Requests that went on without a record because their server allows that.
    pub waived: u64,
    /// Requests that were refused and are only counted: one of a flood.
    pub counted: u64,
    /// Copies that a collector will not have: it refused them, or there was no place.
    pub lost: u64,
    /// Records that wait.
    pub waiting: usize,
}

impl Health {
    /// Whether requests can be recorded.
    pub fn is_good(&self) -> bool {
        self.trouble.is_none()
    }
}

/// Where requests are recorded. Cheap to clone; one for each process and path, across reloads.
#[derive(Clone)]
pub struct Ledger(Arc<Open>);

struct Open {
    shared: Arc<Shared>,
    ended: watch::Receiver<bool>,
}

/// The writer writes what is left and ends.
impl Drop for Open {
    fn drop(&mut self) {
        self.shared.queue.close();
    }
}

/// Wakes the writer when it is dropped.
struct Nudge<'a>(&'a Queue);

impl Drop for Nudge<'_> {
    fn drop(&mut self) {
        self.0.nudge();
    }
}

impl Ledger {
    /// Opens the files, closes what a crash left open as `unknown`, and begins to write.
    ///
    /// # Errors
    /// The files cannot be used. A pipe without a reader or a full device is no error here: that is
    /// trouble, and may pass.
    pub fn open(rules: &FileRules, plan: &Plan) -> Result<Ledger, Unusable> {
        let seal = Seal::new(plan.key.as_ref());
        let path = &rules.path;
        let is_stream = std::fs::metadata(path).is_ok_and(|it| {
            let kind = it.file_type();
            kind.is_fifo() || kind.is_char_device() || kind.is_socket()
        });
        if is_stream {
            let start = vec![Job::Start { torn: 0, lost: 0, head: "none" }];
            return Ok(Self::begin(
                plan,
                seal,
                Box::new(Stream::new(path.clone())),
                Tip::default(),
                start,
                Fsync::Never,
            )?);
        }
        let (files, found) = Files::open(rules, &seal)?;
        let jobs = found.jobs();
        Ok(Self::begin(plan, seal, Box::new(files), found.tip, jobs, rules.fsync)?)
    }

    /// Opens a database file, and begins to write.
    ///
    /// # Errors
    /// The file cannot be used.
    pub(crate) fn sqlite(rules: &SqliteRules, plan: &Plan) -> Result<Ledger, Unusable> {
        Self::of_table(Table::sqlite(rules)?, rules.fsync, plan)
    }

    /// Begins to write to a database server. That it cannot be reached is no error: that is
    /// trouble, and may pass.
    ///
    /// # Errors
    /// The system gives no thread to write on.
    pub(crate) fn postgres(rules: &PostgresRules, plan: &Plan) -> Result<Ledger, Unusable> {
        // When it forces to its disk is the business of the server.
        Self::of_table(Table::postgres(rules, true)?, Fsync::Never, plan)
    }

    fn of_table(table: Table, fsync: Fsync, plan: &Plan) -> Result<Ledger, Unusable> {
        let seal = Seal::new(plan.key.as_ref());
        let rows = Box::new(Rows::new(table, seal.clone()));
        Ok(Self::begin(plan, seal, rows, Tip::default(), Vec::new(), fsync)?)
    }

    pub(crate) fn begin(
        plan: &Plan,
        seal: Seal,
        sink: Box<dyn Sink>,
        tip: Tip,
        jobs: Vec<Job>,
        fsync: Fsync,
    ) -> std::io::Result<Ledger> {
        let shared = Arc::new(Shared::new(plan));
        let (end, ended) = watch::channel(false);
        let writer = Writer::new(shared.clone(), seal, sink, tip, jobs, fsync);
        std::thread::Builder::new().name("audit".to_owned()).spawn(move || {
            let is_whole = writer.run();
            let _ = end.send(is_whole);
        })?;
        Ok(Ledger(Arc::new(Open { shared, ended })))
    }

    /// Records an intent. When this returns a ticket, the record is written, and on the disk if
    /// `fsync` is `always`: the call may go on.
    ///
    /// # Errors
    /// There is no record within the configured patience: the call must be refused.
    pub async fn reserve(&self, intent: Intent) -> Result<Ticket, Refused> {
        let shared = &self.0.shared;
        let (answer, receipt) = oneshot::channel();
        let job = Job::Intent { intent: Box::new(intent), answer };
        self.admit(job, Queue::leave)?;
        // Dropped here, it wakes the writer too, which then finds that nobody waits.
        let nudge = Nudge(&shared.queue);
        // Who else is ready adds theirs first.
        tokio::task::yield_now().await;
        drop(nudge);
        match tokio::time::timeout(shared.patience, receipt).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(Refused::Closed),
            // The writer sees that nobody waits; if it is too late for that, the ticket that nobody
            // takes closes the record.
            Err(_) => Err(Refused::Late),
        }
    }

    /// Records what was refused before it was a call: malformed, without credentials, denied early.
    /// It does not wait.
    ///
    /// # Errors
    /// It has no record; the ledger will tell how many have none.
    pub fn record(&self, intent: Intent, outcome: Outcome) -> Result<(), Refused> {
        let job = Job::Event { intent: Box::new(intent), outcome: Box::new(outcome) };
        self.admit(job, Queue::push)
    }

    /// Counts a call that goes on without a record because its server allows that.
    pub fn waive(&self) {
        self.0.shared.waived.fetch_add(1, Ordering::Relaxed);
        self.0.shared.has_news();
    }

    /// Counts a request that is refused as it cannot be recorded elsewhere.
    pub(crate) fn miss(&self) {
        self.0.shared.unrecorded.fetch_add(1, Ordering::Relaxed);
        self.0.shared.has_news();
    }

    /// Counts a refused request that is one of too many to have a record of its own.
    pub fn count(&self, reason: &'static str) {
        let shared = &self.0.shared;
        *shared.counted().entry(reason).or_default() += 1;
        shared.has_news();
    }

    fn admit(&self, job: Job, add: fn(&Queue, Job) -> bool) -> Result<(), Refused> {
        let shared = &self.0.shared;
        let refused = |reason| {
            shared.unrecorded.fetch_add(1, Ordering::Relaxed);
            shared.has_news();
            Err(reason)
        };
        if shared.is_stalled() {
            return refused(Refused::Late);
        }
        if !shared.queue.hold(&job) {
            return refused(Refused::Full);
        }
        if !add(&shared.queue, job) {
            shared.queue.release(1);
            return refused(Refused::Closed);
        }
        Ok(())
    }

    /// How the writing goes.
    pub fn health(&self) -> Health {
        let shared = &self.0.shared;
        let trouble = match shared.is_stalled() {
            true => Some("the sink does not answer".to_owned()),
            false => shared.trouble().clone(),
        };
        Health {
            trouble,
            written: shared.written.load(Ordering::Relaxed),
            unrecorded: shared.unrecorded.load(Ordering::Relaxed),
            waived: shared.waived.load(Ordering::Relaxed),
            counted: shared.counted().values().sum(),
            lost: 0,
            waiting: shared.queue.held(),
        }
    }

    /// Waits until everything so far is on the disk; false if that does not happen within the
    /// configured patience.
    pub async fn flush(&self) -> bool {
        let (answer, receipt) = oneshot::channel();
        let shared = &self.0.shared;
        shared.queue.push(Job::Flush(answer))
            && matches!(tokio::time::timeout(shared.patience, receipt).await, Ok(Ok(())))
    }

    /// Writes what is left, and stops; false if that does not succeed within the configured
    /// patience. Tickets that are still open become `unknown` at the next start.
    pub async fn close(&self) -> bool {
        self.0.shared.queue.close();
        let mut ended = self.0.ended.clone();
        let ended = ended.wait_for(|ended| *ended);
        matches!(tokio::time::timeout(self.0.shared.patience, ended).await, Ok(Ok(_)))
    }
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Ledger").field(&self.health()).finish()
    }
}
