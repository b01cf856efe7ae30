//! Calls at work, as sorted sets: of each cap its leases, by when they end.

use std::sync::LazyLock;
use std::time::Duration;

use ::redis::{Script, cmd};
use toolgate_gateway::store::{Away, Cap, Name};

use super::{Redis, millis, script};

static START: LazyLock<Script> = LazyLock::new(|| script(include_str!("start.lua")));
static RENEW: LazyLock<Script> = LazyLock::new(|| script(include_str!("renew.lua")));

/// Leases that are renewed with one question: a script holds up everybody else.
const PAGE: usize = 1000;

impl Redis {
    pub(super) async fn start_work(
        &self,
        caps: &[Cap],
        lease: Name,
        lasting: Duration,
    ) -> Result<Option<usize>, Away> {
        let mut script = START.prepare_invoke();
        script.arg(self.now()).arg(millis(lasting)).arg(lease.to_string());
        for cap in caps {
            script.key(self.key("working", cap.name)).arg(cap.most);
        }
        let mut connection = self.link.session().await?;
        let full: usize = self.run(&script, &mut connection).await?;
        Ok(full.checked_sub(1))
    }

    pub(super) async fn renew_work(
        &self,
        working: &[(Name, Name)],
        lasting: Duration,
    ) -> Result<(), Away> {
        let mut connection = self.link.session().await?;
        for working in working.chunks(PAGE) {
            let mut script = RENEW.prepare_invoke();
            script.arg(self.now()).arg(millis(lasting));
            for (cap, lease) in working {
                script.key(self.key("working", *cap)).arg(lease.to_string());
            }
            self.run::<()>(&script, &mut connection).await?;
        }
        Ok(())
    }

    pub(super) async fn end_work(&self, caps: &[Name], lease: Name) -> Result<(), Away> {
        let mut connection = self.link.session().await?;
        let mut ends = ::redis::pipe();
        for cap in caps {
            ends.add_command(
                cmd("ZREM").arg(self.key("working", *cap)).arg(lease.to_string()).clone(),
            );
        }
        let ended = ends.query_async::<()>(&mut connection).await;
        ended.map_err(|error| self.failed(&error))
    }
}
