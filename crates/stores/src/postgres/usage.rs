//! What was used, as rows: one for each counter.

use sqlx::postgres::PgRow;
use sqlx::{PgPool, Row as _};
use toolgate_gateway::call::Boxed;
use toolgate_gateway::clock::Timestamp;
use toolgate_gateway::store::Away;
use toolgate_gateway::usage::{Amount, Claim, Counter, Denied, Most, Store};

use super::Postgres;
use crate::counters::{MOST, amounts, bounds, claimed, kept, text};

const READ: &str = "SELECT counter, calls, errors, cost, micros, bytes FROM toolgate_usage
    WHERE deployment = $1 AND calls + errors + cost + micros + bytes > 0";
const READ_ONE: &str = "SELECT counter, calls, errors, cost, micros, bytes FROM toolgate_usage
    WHERE deployment = $1 AND counter = $2";
const FORGET: &str = "DELETE FROM toolgate_usage WHERE deployment = $1 AND counter = ANY ($2)";

fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

impl Postgres {
    async fn count(
        &self,
        counted: impl Iterator<Item = (&Counter, Most, Amount)> + Send,
    ) -> Result<usize, Away> {
        let now = Timestamp::now();
        let (mut own, mut crowd, mut modest, mut keep) = (vec![], vec![], vec![], vec![]);
        let (mut most_of_each, mut used_of_each) = (Vec::<Option<i64>>::new(), Vec::<i64>::new());
        for (counter, most, used) in counted {
            own.push(text(counter));
            crowd.push(text(&counter.crowd()));
            modest.push(counter.is_modest());
            keep.push(number(kept(counter, self.keep_days, now)));
            most_of_each.extend(bounds(most).map(|it| it.map(number)));
            used_of_each.extend(amounts(used).map(number));
        }
        if own.is_empty() {
            return Ok(0);
        }
        let pool = self.link.session().await?;
        let sql = "SELECT toolgate_count_1($1, $2, $3, $4, $5, $6, $7, $8)";
        let counted = sqlx::query_scalar::<_, i32>(sql)
            .bind(&self.deployment)
            .bind(own)
            .bind(crowd)
            .bind(modest)
            .bind(keep)
            .bind(most_of_each)
            .bind(used_of_each)
            .bind(i32::try_from(MOST).unwrap_or(i32::MAX));
        let refused = counted.fetch_one(&pool).await.map_err(|error| self.failed(&error))?;
        // Fail closed: what is no place is the first.
        Ok(usize::try_from(refused).unwrap_or(1))
    }

    async fn counters(&self, pool: &PgPool) -> Result<Vec<(String, Counter, Amount)>, Away> {
        let rows = sqlx::query(READ).bind(&self.deployment).fetch_all(pool).await;
        let rows = rows.map_err(|error| self.failed(&error))?;
        let read = |row: &PgRow| {
            let text: String = row.try_get(0).ok()?;
            let counter = serde_json::from_str(&text).ok()?;
            Some((text, counter, amount(row)))
        };
        Ok(rows.iter().filter_map(read).collect())
    }
}

fn amount(row: &PgRow) -> Amount {
    let field = |at: usize| row.try_get::<i64, _>(at).unwrap_or_default().unsigned_abs();
    Amount { calls: field(1), errors: field(2), cost: field(3), micros: field(4), bytes: field(5) }
}

impl Store for Postgres {
    fn claim<'a>(&'a self, claims: &'a [Claim], amount: Amount) -> Boxed<'a, Result<(), Denied>> {
        Box::pin(async move {
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
            let pool = self.link.session().await.map_err(|Away(error)| error)?;
            for counter in [text(counter), text(&counter.crowd())] {
                let read = sqlx::query(READ_ONE).bind(&self.deployment).bind(counter);
                let row = read.fetch_optional(&pool).await;
                if let Some(row) = row.map_err(|error| self.failed(&error).0)? {
                    return Ok(amount(&row));
                }
            }
            Ok(Amount::default())
        })
    }

    fn all(&self) -> Boxed<'_, Result<Vec<(Counter, Amount)>, String>> {
        Box::pin(async move {
            let pool = self.link.session().await.map_err(|Away(error)| error)?;
            let found = self.counters(&pool).await.map_err(|Away(error)| error)?;
            Ok(found.into_iter().map(|(_, counter, amount)| (counter, amount)).collect())
        })
    }

    fn prune(&self, now: Timestamp, keep: u32) -> Boxed<'_, Result<(), String>> {
        Box::pin(async move {
            let pool = self.link.session().await.map_err(|Away(error)| error)?;
            let found = self.counters(&pool).await.map_err(|Away(error)| error)?;
            let over = found.into_iter().filter(|(_, counter, _)| counter.is_over(now, keep));
            let over: Vec<String> = over.map(|(text, ..)| text).collect();
            let gone = sqlx::query(FORGET).bind(&self.deployment).bind(over).execute(&pool).await;
            gone.map(drop).map_err(|error| self.failed(&error).0)
        })
    }
}
