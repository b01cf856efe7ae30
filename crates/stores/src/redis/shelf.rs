//! Texts with versions, as hashes; of each shelf a sorted set of their names, by when they end.

use std::sync::LazyLock;
use std::time::Duration;

use ::redis::Script;
use toolgate_gateway::store::{Away, Kept, Name};

use super::{Redis, script};

static PUT: LazyLock<Script> = LazyLock::new(|| script(include_str!("put.lua")));
static REMOVE: LazyLock<Script> = LazyLock::new(|| script(include_str!("remove.lua")));
static LIST: LazyLock<Script> = LazyLock::new(|| script(include_str!("list.lua")));

impl Redis {
    fn shelf(&self, shelf: &str) -> String {
        format!("{}shelf:{shelf}", self.prefix)
    }

    fn place(&self, shelf: &str, name: Name) -> String {
        format!("{}:{name}", self.shelf(shelf))
    }

    pub(super) async fn keep(
        &self,
        shelf: &str,
        name: Name,
        version: u64,
        text: &str,
        lasting: Duration,
    ) -> Result<bool, Away> {
        let millis = u64::try_from(lasting.as_millis()).unwrap_or(u64::MAX).max(1);
        let mut script = PUT.prepare_invoke();
        script.key(self.shelf(shelf)).key(self.place(shelf, name));
        script.arg(name.to_string()).arg(version).arg(text).arg(millis);
        let mut connection = self.link.session().await?;
        self.run(&script, &mut connection).await
    }

    pub(super) async fn let_go(&self, shelf: &str, name: Name, version: u64) -> Result<bool, Away> {
        let mut script = REMOVE.prepare_invoke();
        script.key(self.shelf(shelf)).key(self.place(shelf, name));
        script.arg(name.to_string()).arg(version);
        let mut connection = self.link.session().await?;
        self.run(&script, &mut connection).await
    }

    pub(super) async fn list_kept(&self, shelf: &str, most: usize) -> Result<Vec<Kept>, Away> {
        let mut script = LIST.prepare_invoke();
        script.key(self.shelf(shelf)).arg(most);
        let mut connection = self.link.session().await?;
        let said: Vec<(String, u64, String)> = self.run(&script, &mut connection).await?;
        let kept = |(name, version, text): (String, u64, String)| {
            Some(Kept { name: Name::of_text(&name)?, version, text })
        };
        Ok(said.into_iter().filter_map(kept).collect())
    }
}
