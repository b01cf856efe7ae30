//! Calls at work, as rows: one for each cap and lease.

use std::time::Duration;

use toolgate_gateway::store::{Away, Cap, Name};

use super::{Postgres, nanos};

const RENEW: &str = "INSERT INTO toolgate_working AS w
    SELECT cap, lease, toolgate_now_1($4) + $3 FROM unnest($1::bytea[], $2::bytea[]) AS t (cap, lease)
    ORDER BY cap, lease ON CONFLICT (cap, lease) DO UPDATE SET until = excluded.until";
const END: &str = "DELETE FROM toolgate_working WHERE cap = ANY ($1) AND lease = $2";

impl Postgres {
    pub(super) async fn start_work(
        &self,
        caps: &[Cap],
        lease: Name,
        lasting: Duration,
    ) -> Result<Option<usize>, Away> {
        let pool = self.link.session().await?;
        let names: Vec<_> = caps.iter().map(|cap| self.name(cap.name)).collect();
        let most: Vec<_> = caps.iter().map(|cap| i64::from(cap.most)).collect();
        let started = sqlx::query_scalar::<_, i32>("SELECT toolgate_start_1($1, $2, $3, $4, $5)")
            .bind(names)
            .bind(most)
            .bind(lease.bytes())
            .bind(nanos(lasting))
            .bind(self.now());
        let full = started.fetch_one(&pool).await.map_err(|error| self.failed(&error))?;
        Ok(usize::try_from(full).unwrap_or_default().checked_sub(1))
    }

    pub(super) async fn renew_work(
        &self,
        working: &[(Name, Name)],
        lasting: Duration,
    ) -> Result<(), Away> {
        let pool = self.link.session().await?;
        let caps: Vec<_> = working.iter().map(|(cap, _)| self.name(*cap)).collect();
        let leases: Vec<_> = working.iter().map(|(_, lease)| lease.bytes().to_vec()).collect();
        let renewed =
            sqlx::query(RENEW).bind(caps).bind(leases).bind(nanos(lasting)).bind(self.now());
        renewed.execute(&pool).await.map(drop).map_err(|error| self.failed(&error))
    }

    pub(super) async fn end_work(&self, caps: &[Name], lease: Name) -> Result<(), Away> {
        let pool = self.link.session().await?;
        let caps: Vec<_> = caps.iter().map(|cap| self.name(*cap)).collect();
        let ended = sqlx::query(END).bind(caps).bind(lease.bytes());
        ended.execute(&pool).await.map(drop).map_err(|error| self.failed(&error))
    }
}
