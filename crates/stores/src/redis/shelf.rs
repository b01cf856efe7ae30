//! Texts with versions, as hashes; of each shelf a sorted set of their names, by when they end.

use std::sync::LazyLock;

use ::redis::Script;
use toolgate_gateway::store::{Away, Item, Kept, Name, Placed, Room};

use super::{Redis, millis, script};

static PUT: LazyLock<Script> =
    LazyLock::new(|| script(&[include_str!("keep.lua"), include_str!("put.lua")].concat()));
static PLACE: LazyLock<Script> =
    LazyLock::new(|| script(&[include_str!("keep.lua"), include_str!("place.lua")].concat()));
static FIND: LazyLock<Script> = LazyLock::new(|| script(include_str!("find.lua")));
static REMOVE: LazyLock<Script> = LazyLock::new(|| script(include_str!("remove.lua")));
static LIST: LazyLock<Script> = LazyLock::new(|| script(include_str!("list.lua")));

impl Redis {
    fn shelf(&self, shelf: &str) -> String {
        format!("{}shelf:{shelf}", self.prefix)
    }

    fn place(&self, shelf: &str, name: Name) -> String {
        format!("{}:{name}", self.shelf(shelf))
    }

    pub(super) async fn keep(&self, shelf: &str, item: &Item<'_>) -> Result<bool, Away> {
        let mut script = PUT.prepare_invoke();
        script.key(self.shelf(shelf)).key(self.place(shelf, item.name));
        script
            .arg(item.name.to_string())
            .arg(item.version)
            .arg(item.text)
            .arg(millis(item.lasting));
        let mut connection = self.link.session().await?;
        self.run(&script, &mut connection).await
    }

    pub(super) async fn find_kept(&self, shelf: &str, name: Name) -> Result<Option<Kept>, Away> {
        let mut script = FIND.prepare_invoke();
        script.key(self.place(shelf, name));
        let mut connection = self.link.session().await?;
        let said: Vec<String> = self.run(&script, &mut connection).await?;
        let [version, text] = said.as_slice() else { return Ok(None) };
        let version = version.parse().map_err(|_| Away("a version that is none".to_owned()))?;
        Ok(Some(Kept { name, version, text: text.clone() }))
    }

    pub(super) async fn keep_within(
        &self,
        shelf: &str,
        item: &Item<'_>,
        room: Room,
    ) -> Result<Placed, Away> {
        let mut script = PLACE.prepare_invoke();
        script.key(self.shelf(shelf)).key(self.place(shelf, item.name));
        script.arg(item.name.to_string()).arg(item.version).arg(item.text);
        script.arg(millis(item.lasting)).arg(room.count).arg(room.bytes);
        let mut connection = self.link.session().await?;
        match self.run::<u8>(&script, &mut connection).await? {
            0 => Ok(Placed::Changed),
            1 => Ok(Placed::Kept),
            _ => Ok(Placed::Full),
        }
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
