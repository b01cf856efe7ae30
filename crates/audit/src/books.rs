//! All places where one request is recorded. It goes on only if each of them has it.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use toolgate_screen::redact::{Compiled, Scope};
use toolgate_values::{Rate, Secret};

use crate::arguments::Arguments;
use crate::config::{OtlpRules, Plan, PostgresRules};
use crate::ledger::{Health, Ledger, Unusable};
use crate::otlp::{Exporter, Place as Reserved, Post};
use crate::queue::Ticket;
use crate::record::{Intent, Outcome, Status};
use crate::refused::Refused;

/// The open ledgers of one process.
#[derive(Clone)]
pub struct Books(Arc<Open>);

struct Open {
    ledgers: Vec<(Place, Ledger)>,
    collector: Option<(OtlpRules, Exporter)>,
    redact: Arc<Compiled>,
    refusals: Rate,
    key: Vec<u8>,
}

/// Where a ledger is, which no two share.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    File(PathBuf),
    Sqlite(PathBuf),
    Postgres { url: Secret, table: String, chain: String },
}

/// The permission to go on: each ledger has the intent. Dropped, it ends as `cancelled`.
pub struct Tickets {
    ledgers: Vec<Ticket>,
    collector: Option<Reserved>,
}

impl Books {
    /// Opens all ledgers of the plan. Those that `previous` has open already go on as they are.
    /// `post` makes the way to the collector of the plan, if it has one.
    ///
    /// # Errors
    /// One of them cannot be used.
    pub fn open(
        plan: &Plan,
        previous: Option<&Books>,
        post: impl FnOnce(&OtlpRules) -> io::Result<Arc<dyn Post>>,
    ) -> Result<Books, Unusable> {
        let kept = |place: &Place| {
            let open = previous.iter().flat_map(|previous| &previous.0.ledgers);
            open.clone().find(|(known, _)| known == place).cloned()
        };
        let mut ledgers = Vec::new();
        let mut add = |place: Place, open: &dyn Fn() -> Result<Ledger, Unusable>| {
            ledgers.push(match kept(&place) {
                Some(known) => known,
                None => (place, open()?),
            });
            Ok::<_, Unusable>(())
        };
        if let Some(rules) = &plan.file {
            add(Place::File(rules.path.clone()), &|| Ledger::open(rules, plan))?;
        }
        if let Some(rules) = &plan.sqlite {
            add(Place::Sqlite(rules.path.clone()), &|| Ledger::sqlite(rules, plan))?;
        }
        if let Some(rules) = &plan.postgres {
            let PostgresRules { url, table, chain } = rules.clone();
            let place = Place::Postgres { url, table, chain };
            add(place, &|| Ledger::postgres(rules, plan))?;
        }
        let collector = match &plan.otlp {
            None => None,
            Some(rules) => Some(match previous.and_then(|it| it.0.collector.clone()) {
                Some((known, exporter)) if known == *rules => (known, exporter),
                _ => {
                    (rules.clone(), Exporter::open(rules, plan.patience.duration(), post(rules)?)?)
                }
            }),
        };
        let key = plan.key.as_ref().map(|key| key.reveal().as_bytes().to_vec());
        Ok(Books(Arc::new(Open {
            ledgers,
            collector,
            redact: plan.redact.clone(),
            refusals: plan.refusals,
            key: key.unwrap_or_default(),
        })))
    }

    /// The arguments, a part of a scanned message, as they are recorded: without what the rules take
    /// out.
    pub fn redacted(&self, tool: &str, arguments: &Bytes) -> Arguments {
        let scope = Scope { caller: None, tool: Some(tool), key: &self.0.key, is_error: false };
        match self.0.redact.scanned(arguments, scope) {
            Ok(redacted) => Arguments::new(&redacted.bytes).without(&redacted.hits),
            // Refused by a rule: nothing of it can be vouched for.
            Err(hits) => Arguments::withheld(arguments.len()).without(&hits),
        }
    }

    /// How many refusals of one caller have a record of their own.
    pub fn refusals(&self) -> Rate {
        self.0.refusals
    }

    /// Records an intent everywhere. When this returns, the call may go on.
    ///
    /// # Errors
    /// One ledger does not have it. In those that do it ends as refused.
    pub async fn reserve(&self, intent: Intent) -> Result<Tickets, Refused> {
        // First, as it takes no time.
        let collector = match &self.0.collector {
            Some((_, exporter)) => Some(exporter.reserve(&intent).inspect_err(|_| {
                self.0.ledgers.iter().for_each(|(_, ledger)| ledger.miss());
            })?),
            None => None,
        };
        let ledgers = Vec::with_capacity(self.0.ledgers.len());
        let mut tickets = Tickets { ledgers, collector };
        let mut intent = Some(intent);
        let last = self.0.ledgers.len().saturating_sub(1);
        for (at, (_, ledger)) in self.0.ledgers.iter().enumerate() {
            let next = if at == last { intent.take() } else { intent.clone() };
            let Some(next) = next else { break };
            match ledger.reserve(next).await {
                Ok(ticket) => tickets.ledgers.push(ticket),
                Err(refused) => {
                    tickets.finish(Outcome::new(Status::Refused).because("unrecorded"));
                    return Err(refused);
                }
            }
        }
        Ok(tickets)
    }

    /// Records what never became a call. It does not wait.
    pub fn record(&self, intent: &Intent, outcome: &Outcome) {
        for (_, ledger) in &self.0.ledgers {
            // The ledger counts what it could not take.
            let _ = ledger.record(intent.clone(), outcome.clone());
        }
        if let Some((_, exporter)) = &self.0.collector {
            exporter.record(intent, outcome);
        }
    }

    /// Counts a refusal that is one of too many.
    pub fn count(&self, reason: &'static str) {
        self.0.ledgers.iter().for_each(|(_, ledger)| ledger.count(reason));
    }

    /// Counts a call that goes on without a record because its server allows that.
    pub fn waive(&self) {
        self.0.ledgers.iter().for_each(|(_, ledger)| ledger.waive());
    }

    /// How the writing goes, all together: the first trouble, and sums.
    pub fn health(&self) -> Health {
        let mut all = Health::default();
        for (_, ledger) in &self.0.ledgers {
            let one = ledger.health();
            all.trouble = all.trouble.or(one.trouble);
            all.written += one.written;
            all.unrecorded = all.unrecorded.max(one.unrecorded);
            all.waived = all.waived.max(one.waived);
            all.counted = all.counted.max(one.counted);
            all.waiting = all.waiting.max(one.waiting);
        }
        if let Some((_, exporter)) = &self.0.collector {
            all.trouble = all.trouble.or(exporter.trouble());
            all.lost = exporter.lost();
        }
        all
    }

    /// Writes what is left, and stops; false if one does not within its patience.
    pub async fn close(&self) -> bool {
        let mut closed = true;
        for (_, ledger) in &self.0.ledgers {
            closed &= ledger.close().await;
        }
        if let Some((_, exporter)) = &self.0.collector {
            closed &= exporter.close().await;
        }
        closed
    }
}

impl Tickets {
    /// Says on the way what is known already, so that a call that is dropped tells it too.
    pub fn note(&mut self, outcome: &Outcome) {
        for ticket in &mut self.ledgers {
            ticket.note(|draft| *draft = outcome.clone());
        }
        if let Some(collector) = &mut self.collector {
            collector.note(outcome);
        }
    }

    /// Records the outcome. Does not wait: nothing depends on it any more.
    pub fn finish(self, outcome: Outcome) {
        if let Some(collector) = self.collector {
            collector.finish(outcome.clone());
        }
        let mut tickets = self.ledgers.into_iter();
        let Some(first) = tickets.next() else { return };
        tickets.for_each(|ticket| ticket.finish(outcome.clone()));
        first.finish(outcome);
    }
}
