//! Texts with versions, as rows.

use toolgate_gateway::store::{Away, Item, Kept, Name, Placed, Room};

use super::{Postgres, nanos};

const LIST: &str = "SELECT name, version, text FROM toolgate_shelf
    WHERE deployment = $1 AND shelf = $2 AND until > toolgate_now_1($3) LIMIT $4";
const PLACE: &str = "SELECT toolgate_place_1($1, $2, $3, $4, $5, $6, $7, $8, $9)";
const FIND: &str = "SELECT version, text FROM toolgate_shelf
    WHERE deployment = $1 AND shelf = $2 AND name = $3 AND until > toolgate_now_1($4)";
const REMOVE: &str = "DELETE FROM toolgate_shelf
    WHERE deployment = $1 AND shelf = $2 AND name = $3 AND version = $4
    AND until > toolgate_now_1($5)";

impl Postgres {
    pub(super) async fn keep(&self, shelf: &str, item: &Item<'_>) -> Result<bool, Away> {
        let pool = self.link.session().await?;
        let kept = sqlx::query_scalar("SELECT toolgate_put_1($1, $2, $3, $4, $5, $6, $7)")
            .bind(&self.deployment)
            .bind(shelf)
            .bind(item.name.bytes())
            .bind(item.version.cast_signed())
            .bind(item.text)
            .bind(nanos(item.lasting))
            .bind(self.now());
        kept.fetch_one(&pool).await.map_err(|error| self.failed(&error))
    }

    pub(super) async fn find_kept(&self, shelf: &str, name: Name) -> Result<Option<Kept>, Away> {
        let pool = self.link.session().await?;
        let found = sqlx::query_as::<_, (i64, String)>(FIND)
            .bind(&self.deployment)
            .bind(shelf)
            .bind(name.bytes())
            .bind(self.now());
        let row = found.fetch_optional(&pool).await.map_err(|error| self.failed(&error))?;
        Ok(row.map(|(version, text)| Kept { name, version: version.cast_unsigned(), text }))
    }

    pub(super) async fn keep_within(
        &self,
        shelf: &str,
        item: &Item<'_>,
        room: Room,
    ) -> Result<Placed, Away> {
        let pool = self.link.session().await?;
        let most = |bound: usize| i64::try_from(bound).unwrap_or(i64::MAX);
        let placed = sqlx::query_scalar::<_, i32>(PLACE)
            .bind(&self.deployment)
            .bind(shelf)
            .bind(item.name.bytes())
            .bind(item.version.cast_signed())
            .bind(item.text)
            .bind(nanos(item.lasting))
            .bind(most(room.count))
            .bind(most(room.bytes))
            .bind(self.now());
        match placed.fetch_one(&pool).await.map_err(|error| self.failed(&error))? {
            0 => Ok(Placed::Changed),
            1 => Ok(Placed::Kept),
            _ => Ok(Placed::Full),
        }
    }

    pub(super) async fn let_go(&self, shelf: &str, name: Name, version: u64) -> Result<bool, Away> {
        let pool = self.link.session().await?;
        let removed = sqlx::query(REMOVE)
            .bind(&self.deployment)
            .bind(shelf)
            .bind(name.bytes())
            .bind(version.cast_signed())
            .bind(self.now());
        let removed = removed.execute(&pool).await.map_err(|error| self.failed(&error))?;
        Ok(removed.rows_affected() > 0)
    }

    pub(super) async fn list_kept(&self, shelf: &str, most: usize) -> Result<Vec<Kept>, Away> {
        let pool = self.link.session().await?;
        let list = sqlx::query_as::<_, (Vec<u8>, i64, String)>(LIST)
            .bind(&self.deployment)
            .bind(shelf)
            .bind(self.now())
            .bind(i64::try_from(most).unwrap_or(i64::MAX));
        let rows = list.fetch_all(&pool).await.map_err(|error| self.failed(&error))?;
        let kept = |(name, version, text): (Vec<u8>, i64, String)| {
            let version = version.cast_unsigned();
            Some(Kept { name: Name::of_bytes(&name)?, version, text })
        };
        Ok(rows.into_iter().filter_map(kept).collect())
    }
}
