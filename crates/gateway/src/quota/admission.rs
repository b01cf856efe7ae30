//! A call that was let in: counted against limits and quotas, at work, on the meter.

use crate::call::{Reply, Request};
use crate::clock::Timestamp;
use crate::fault::Fault;
use crate::gateway::{Gateway, Route};
use crate::quota::limits::Wanted;
use crate::quota::{Standing, Working};
use crate::usage::meter::{Meter, Tool};
use crate::usage::{self, Amount, Counter, Every, Period, What};

/// A call at work, and what it uses.
pub(crate) struct Admitted {
    working: Option<Working>,
    meter: Option<Meter>,
}

impl Gateway {
    /// Counts a call of a tool against every limit and quota that applies, or against none.
    ///
    /// # Errors
    /// When one of them is used up, with the time after which it is not.
    pub(crate) async fn admit(&self, route: &Route, request: &Request) -> Result<Admitted, Fault> {
        let Some(standing) = request.standing.as_deref() else {
            return self.count(route, request, None).await;
        };
        standing.forget();
        let counted = self.count(route, request, Some(standing)).await;
        counted.inspect_err(|fault| standing.come_back(fault.retry_after))
    }

    async fn count(
        &self,
        route: &Route,
        request: &Request,
        standing: Option<&Standing>,
    ) -> Result<Admitted, Fault> {
        let tool = request.named().unwrap_or_default();
        let wanted = Wanted {
            server: &route.name,
            own: &route.limits,
            tool: &tool,
            who: &request.who,
            standing,
        };
        let (limits, rules) = (&self.lasting.limits, &self.config.rate_limits);
        let (working, spent) = match &self.lasting.store {
            None => limits.admit(rules, wanted)?,
            Some(store) => Box::pin(limits.admit_shared(store, rules, wanted)).await?,
        };
        if !self.meters {
            return Ok(Admitted { working, meter: None });
        }
        match Box::pin(self.begin_meter(route, request, wanted)).await {
            Ok(meter) => Ok(Admitted { working, meter: Some(meter) }),
            Err(fault) => {
                // A call that is refused costs nothing.
                limits.give_back(&spent);
                if let Some(store) = &self.lasting.store {
                    Box::pin(spent.give_back_shared(store)).await;
                }
                Err(fault)
            }
        }
    }

    async fn begin_meter(
        &self,
        route: &Route,
        request: &Request,
        wanted: Wanted<'_>,
    ) -> Result<Meter, Fault> {
        let Wanted { server, tool, who, standing, .. } = wanted;
        let (now, amount) = (self.now(), Amount::call(wanted.cost()));
        let store = &self.lasting.usage;
        let claims = self.quotas.claims(server, tool, &who.caller, now);
        usage::claim(&**store, &claims, amount, now, standing).await?;
        let quotas = claims.into_iter().map(|claim| claim.counter).collect();
        let tool = Tool {
            counter: of_tool(now, server, tool, request),
            known: amount,
            is_proven: route.has_shown(tool),
        };
        let (store, metrics) = (store.clone(), self.lasting.metrics.clone());
        let bytes = request.message.bytes().len();
        Ok(Meter::begin(store, metrics, tool, quotas, bytes))
    }
}

fn of_tool(now: Timestamp, server: &str, tool: &str, request: &Request) -> Counter {
    let tenant = request.who.caller.tenant.as_deref().map(Into::into);
    let what = What::Tool { tenant, server: server.into(), tool: tool.into() };
    Counter { period: Period::of(Every::Day, now), what }
}

impl Admitted {
    /// Follows the call to its end.
    pub(crate) async fn follow(self, reply: Result<Reply, Fault>) -> Result<Reply, Fault> {
        let reply = match self.meter {
            Some(meter) => meter.follow(reply).await,
            None => reply,
        }?;
        Ok(match self.working {
            Some(working) => reply.with(working),
            None => reply,
        })
    }
}
