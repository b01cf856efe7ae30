//! Who ends a statement for which nobody waits any more? A server computes on when its client leaves,
//! so that another connection has to say it.

use std::sync::Arc;
use std::time::Duration;

use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection, Executor};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::trouble::{Failure, Trouble};

/// Connections besides those of the pool.
const MOST: usize = 2;
/// How long one end may take. Whoever is not reached in time runs into its own limit.
const PATIENCE: Duration = Duration::from_secs(10);

/// Ends statements.
pub(crate) struct Killer<D: sqlx::Database> {
    options: Arc<<D::Connection as Connection>::Options>,
    /// The text that ends what the connection of a number does.
    text: fn(i64) -> String,
    few: Arc<Semaphore>,
}

impl<D: sqlx::Database> Killer<D>
where
    for<'c> &'c mut D::Connection: Executor<'c, Database = D>,
{
    pub(crate) fn new(
        options: <D::Connection as Connection>::Options,
        text: fn(i64) -> String,
    ) -> Killer<D> {
        Killer { options: Arc::new(options), text, few: Arc::new(Semaphore::new(MOST)) }
    }

    /// Watches over what the connection of this number does from now on.
    pub(crate) fn watch(&self, connection: i64) -> Watch<impl Fn()> {
        Watch { end: move || self.end(connection), is_over: false }
    }

    /// The connection goes with the statement: it is used by nobody after that.
    fn end(&self, connection: i64) {
        let Ok(runtime) = Handle::try_current() else { return };
        let (options, few, text) =
            (self.options.clone(), self.few.clone(), (self.text)(connection));
        let work = async move {
            let Ok(_permit) = few.acquire().await else { return };
            let Ok(mut own) = options.connect().await else { return };
            // It may have ended by itself in the meantime.
            let _ = own.execute(AssertSqlSafe(text)).await;
            let _ = own.close().await;
        };
        runtime.spawn(timeout(PATIENCE, work));
    }
}

/// Dropped, it ends what it watches over.
pub(crate) struct Watch<F: Fn()> {
    end: F,
    is_over: bool,
}

impl<F: Fn()> Watch<F> {
    /// What the server has answered is at its end; what it has not, somebody has to end.
    pub(crate) fn over<T>(mut self, ran: Result<T, Failure>) -> Result<T, Failure> {
        self.is_over = !ran.as_ref().is_err_and(|failure| failure.trouble == Trouble::Lost);
        ran
    }
}

impl<F: Fn()> Drop for Watch<F> {
    fn drop(&mut self) {
        if !self.is_over {
            (self.end)();
        }
    }
}
