//! What was used, as hashes: one for each counter.

use std::collections::HashMap;
use std::sync::LazyLock;

use ::redis::{Script, cmd};
use toolgate_gateway::call::Boxed;
use toolgate_gateway::clock::Timestamp;
use toolgate_gateway::store::{Away, Name};
use toolgate_gateway::usage::{Amount, Claim, Counter, Denied, Every, Most, Period, Store};

use super::{Redis, script};
use crate::counters::{MOST, amounts, bounds, claimed, kept, text};

static COUNT: LazyLock<Script> = LazyLock::new(|| script(include_str!("count.lua")));

/// Keys that are looked through at once.
const PAGE: u32 = 1000;

impl Redis {
    async fn count(
        &self,
        counted: impl Iterator<Item = (&Counter, Most, Amount)> + Send,
    ) -> Result<usize, Away> {
        let now = Timestamp::now();
        let mut script = COUNT.prepare_invoke();
        script.arg(MOST);
        for (counter, most, used) in counted {
            let crowd = counter.crowd();
            script.key(self.usage_key(counter)).key(self.usage_key(&crowd));
            for bound in bounds(most) {
                script.arg(bound.map(|bound| bound.to_string()).unwrap_or_default());
            }
            for amount in amounts(used) {
                script.arg(amount);
            }
            script.arg(kept(counter, self.keep_days, now)).arg(u8::from(counter.is_modest()));
            script.arg(text(counter)).arg(text(&crowd));
        }
        script.key(format!("{}begun:{}", self.prefix, Period::of(Every::Day, now)));
        let mut connection = self.link.session().await?;
        self.run(&script, &mut connection).await
    }

    fn usage_key(&self, counter: &Counter) -> String {
        self.key("usage", Name::of("usage", &[&text(counter)]))
    }

    /// All counters, with their keys.
    async fn counters(&self) -> Result<Vec<(String, Counter, Amount)>, Away> {
        let mut connection = self.link.session().await?;
        let pattern = format!("{}usage:*", self.prefix);
        let (mut cursor, mut found) = (0_u64, Vec::new());
        loop {
            let mut scan = cmd("SCAN");
            scan.arg(cursor).arg("MATCH").arg(&pattern).arg("COUNT").arg(PAGE);
            let scanned = scan.query_async::<(u64, Vec<String>)>(&mut connection).await;
            let (next, keys) = scanned.map_err(|error| self.failed(&error))?;
            for key in keys {
                let read = cmd("HGETALL").arg(&key).query_async(&mut connection).await;
                let fields: HashMap<String, String> = read.map_err(|error| self.failed(&error))?;
                let counter = fields.get("is").and_then(|is| serde_json::from_str(is).ok());
                found.extend(counter.map(|counter| (key, counter, amount(&fields))));
            }
            cursor = next;
            if cursor == 0 {
                return Ok(found);
            }
        }
    }
}

fn amount(fields: &HashMap<String, String>) -> Amount {
    let field = |name| fields.get(name).and_then(|it| it.parse().ok()).unwrap_or_default();
    Amount {
        calls: field("calls"),
        errors: field("errors"),
        cost: field("cost"),
        micros: field("micros"),
        bytes: field("bytes"),
    }
}

impl Store for Redis {
    fn claim<'a>(&'a self, claims: &'a [Claim], amount: Amount) -> Boxed<'a, Result<(), Denied>> {
        Box::pin(async move {
            if claims.is_empty() {
                return Ok(());
            }
            let counted = claims.iter().map(|claim| (&claim.counter, claim.most, amount));
            claimed(self.count(counted).await)
        })
    }

    fn add<'a>(&'a self, used: &'a [(Counter, Amount)]) -> Boxed<'a, Result<(), String>> {
        Box::pin(async move {
            let counted = used.iter().map(|(counter, amount)| (counter, Most::default(), *amount));
            self.count(counted).await.map(drop).map_err(|Away(error)| error)
        })
    }

    fn read<'a>(&'a self, counter: &'a Counter) -> Boxed<'a, Result<Amount, String>> {
        Box::pin(async move {
            let mut connection = self.link.session().await.map_err(|Away(error)| error)?;
            for key in [self.usage_key(counter), self.usage_key(&counter.crowd())] {
                let read = cmd("HGETALL").arg(&key).query_async(&mut connection).await;
                let fields: HashMap<String, String> =
                    read.map_err(|error| self.failed(&error).0)?;
                if !fields.is_empty() {
                    return Ok(amount(&fields));
                }
            }
            Ok(Amount::default())
        })
    }

    fn all(&self) -> Boxed<'_, Result<Vec<(Counter, Amount)>, String>> {
        Box::pin(async move {
            let found = self.counters().await.map_err(|Away(error)| error)?;
            Ok(found.into_iter().map(|(_, counter, amount)| (counter, amount)).collect())
        })
    }

    fn prune(&self, now: Timestamp, keep: u32) -> Boxed<'_, Result<(), String>> {
        Box::pin(async move {
            let found = self.counters().await.map_err(|Away(error)| error)?;
            let mut connection = self.link.session().await.map_err(|Away(error)| error)?;
            for (key, counter, _) in found {
                if counter.is_over(now, keep) {
                    let gone = cmd("DEL").arg(key).query_async::<()>(&mut connection).await;
                    gone.map_err(|error| self.failed(&error).0)?;
                }
            }
            Ok(())
        })
    }
}
