//! Who ends a statement for which nobody waits any more? MySQL computes on when a client leaves, so
//! that another connection has to say it.

use std::sync::Arc;
use std::time::Duration;

use sqlx::mysql::MySqlConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// Connections besides those of the pool.
const MOST: usize = 2;
/// How long one end may take. Whoever is not reached in time runs into its own limit.
const PATIENCE: Duration = Duration::from_secs(10);

/// Ends statements.
pub(super) struct Killer {
    options: Arc<MySqlConnectOptions>,
    few: Arc<Semaphore>,
}

impl Killer {
    pub(super) fn new(options: MySqlConnectOptions) -> Killer {
        Killer { options: Arc::new(options), few: Arc::new(Semaphore::new(MOST)) }
    }

    /// Watches over what the connection of this number does from now on.
    pub(super) fn watch(&self, connection: u64) -> Watch<'_> {
        Watch { killer: self, connection: Some(connection) }
    }

    /// The connection goes with the statement: it is used by nobody after that.
    fn end(&self, connection: u64) {
        let Ok(runtime) = Handle::try_current() else { return };
        let (options, few) = (self.options.clone(), self.few.clone());
        let work = async move {
            let Ok(_permit) = few.acquire().await else { return };
            let Ok(mut own) = options.connect().await else { return };
            // It may have ended by itself in the meantime.
            let _ = own.execute(AssertSqlSafe(format!("KILL {connection}"))).await;
            let _ = own.close().await;
        };
        runtime.spawn(timeout(PATIENCE, work));
    }
}

/// Dropped, it ends what it watches over.
pub(super) struct Watch<'a> {
    killer: &'a Killer,
    connection: Option<u64>,
}

impl Watch<'_> {
    /// There is nothing left to end.
    pub(super) fn ended(mut self) {
        self.connection = None;
    }
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        if let Some(connection) = self.connection {
            self.killer.end(connection);
        }
    }
}
