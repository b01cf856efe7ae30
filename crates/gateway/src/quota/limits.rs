//! The limits of a configuration, applied to one call.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use smallvec::SmallVec;

use super::{Buckets, Key, Kind, Rate, Verdict};
use crate::call::Who;
use crate::config::{RateLimits, ServerLimits};
use crate::fault::{Fault, Reason};

/// What outlives a reload: the buckets, and how many calls of each caller are at work.
#[derive(Default)]
pub struct Limits {
    buckets: Buckets,
    working: Mutex<HashMap<Key, usize>>,
}

/// A call at work; dropping it counts it out.
pub struct Working {
    limits: Arc<Limits>,
    keys: SmallVec<[Key; 2]>,
}

impl Limits {
    /// Counts one call of a tool against every limit that applies, or against none.
    ///
    /// # Errors
    /// When one of them is used up, with the time after which it is not.
    pub(crate) fn admit(
        self: &Arc<Self>,
        all: &RateLimits,
        server: (&str, &ServerLimits),
        tool: &str,
        who: &Who,
    ) -> Result<Option<Working>, Fault> {
        let (name, own) = server;
        let principal = &*who.caller.principal;
        let mut working = Working { limits: self.clone(), keys: SmallVec::new() };
        let caps = [
            (all.concurrent, self.buckets.key(Kind::Caller, principal), "calls of this caller"),
            (own.concurrent, self.buckets.key(Kind::Server, name), "calls of this server"),
        ];
        for (most, key, what) in caps {
            let Some(most) = most else { continue };
            if !self.start(key, most.get()) {
                let message = format!("more than {most} {what} would be at work");
                return Err(
                    Fault::new(Reason::Overloaded, message).retry_after(Duration::from_secs(1))
                );
            }
            working.keys.push(key);
        }
        // Last: what is refused for another reason costs nothing.
        self.spend(all, name, own, tool, who)?;
        Ok((!working.keys.is_empty()).then_some(working))
    }

    /// Counts one request from an address whose caller is not known.
    ///
    /// # Errors
    /// When its limit is used up, with the time after which it is not.
    pub fn admit_address(&self, rate: Rate, address: IpAddr) -> Result<(), Fault> {
        let key = self.buckets.key(Kind::Address, address);
        match self.buckets.take(key, rate, 1, Instant::now()) {
            Verdict::Allowed { .. } => Ok(()),
            Verdict::Refused { after } => Err(refused(rate, "this address", after)),
        }
    }

    fn spend(
        &self,
        all: &RateLimits,
        name: &str,
        own: &ServerLimits,
        tool: &str,
        who: &Who,
    ) -> Result<(), Fault> {
        let caller = &who.caller;
        let principal = &*caller.principal;
        let cost = own.cost.get(tool).map_or(1, |cost| cost.get());
        let key = |kind, of: &str| self.buckets.key(kind, of);
        let buckets: [Option<(Key, Rate, &str)>; 6] = [
            all.caller.map(|rate| (key(Kind::Caller, principal), rate, "this caller")),
            all.session
                .zip(who.session.as_deref())
                .map(|(rate, session)| (key(Kind::Session, session), rate, "this session")),
            all.tenant
                .zip(caller.tenant.as_deref())
                .map(|(rate, tenant)| (key(Kind::Tenant, tenant), rate, "this organisation")),
            own.per_caller.map(|rate| {
                let key = self.buckets.key(Kind::CallerAtServer, (principal, name));
                (key, rate, "this caller at this server")
            }),
            own.tools.get(tool).map(|rate| {
                let key = self.buckets.key(Kind::CallerAtTool, (principal, name, tool));
                (key, *rate, "this caller and tool")
            }),
            own.rate().map(|rate| (key(Kind::Server, name), rate, "this server")),
        ];
        let now = Instant::now();
        let mut taken: SmallVec<[(Key, Rate); 6]> = SmallVec::new();
        for (key, rate, what) in buckets.into_iter().flatten() {
            match self.buckets.take(key, rate, cost, now) {
                Verdict::Allowed { .. } => taken.push((key, rate)),
                Verdict::Refused { after } => {
                    // A call that is refused costs nothing.
                    for (key, rate) in taken {
                        self.buckets.give_back(key, rate, cost, now);
                    }
                    return Err(refused(rate, what, after));
                }
            }
        }
        Ok(())
    }

    fn start(&self, key: Key, most: usize) -> bool {
        let mut working = self.working.lock().unwrap_or_else(PoisonError::into_inner);
        let count = working.entry(key).or_insert(0);
        if *count >= most {
            return false;
        }
        *count += 1;
        true
    }
}

fn refused(rate: Rate, what: &str, after: Duration) -> Fault {
    // Rounded up: a client that waits as told is not refused again.
    let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
    let message = format!("the limit of {what} is {rate}; try again in {seconds} s");
    Fault::new(Reason::RateLimited, message).retry_after(Duration::from_secs(seconds))
}

impl Drop for Working {
    fn drop(&mut self) {
        let mut working = self.limits.working.lock().unwrap_or_else(PoisonError::into_inner);
        for key in &self.keys {
            if let Some(count) = working.get_mut(key) {
                *count -= 1;
                if *count == 0 {
                    working.remove(key);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use toolgate_protocol::version::Version;

    use super::*;
    use crate::call::Reply;
    use crate::gateway::Gateway;
    use crate::testing::{Fake, Said, caller, client, gateway, request};

    const LIMITS: &str = "
rate_limits: { caller: 3/h, concurrent: 2 }
";

    fn served(more: &str) -> (Arc<Fake>, Arc<Gateway>) {
        let fake = Fake::new(Version::V2026_07_28, &json!({ "tools": {} }))
            .on("tools/call", |_| Said::Result(json!({ "content": [] })));
        let fake = Arc::new(fake);
        let gateway = gateway(&[("crm", fake.clone())], more);
        (fake, gateway)
    }

    async fn call(gateway: &Arc<Gateway>, who: &str, tool: &str) -> Result<Reply, Fault> {
        let client = client(Version::V2026_07_28, &json!({}));
        let mut request = request(&client, "tools/call", json!({ "name": tool }));
        request.who.caller = caller(who);
        gateway.call(request).await
    }

    #[tokio::test]
    async fn a_caller_that_has_used_up_its_limit_is_told_when_to_come_back() {
        let (fake, gateway) = served(LIMITS);
        for _ in 0..3 {
            call(&gateway, "ada", "find").await.unwrap();
        }

        let refused = call(&gateway, "ada", "find").await.err().unwrap();

        assert_eq!(refused.reason, Reason::RateLimited);
        let wait = refused.retry_after.unwrap();
        assert!(wait > Duration::from_secs(1190) && wait <= Duration::from_secs(1200), "{wait:?}");
        assert!(refused.message.contains("3/h"), "{}", refused.message);
        assert_eq!(fake.heard().len(), 3, "a refused call reached the server");
        call(&gateway, "bob", "find").await.unwrap();
    }

    #[tokio::test]
    async fn calls_at_work_are_capped_and_leave_when_their_answer_has_been_read() {
        let fake =
            Fake::new(Version::V2026_07_28, &json!({ "tools": {} })).on("tools/call", |_| {
                let (_, frames) = tokio::sync::mpsc::channel(1);
                Said::Frames(frames)
            });
        let gateway = gateway(&[("crm", Arc::new(fake))], LIMITS);
        let first = call(&gateway, "ada", "find").await.unwrap();
        let _second = call(&gateway, "ada", "find").await.unwrap();
        let third = call(&gateway, "ada", "find").await.err().unwrap();
        assert_eq!(third.reason, Reason::Overloaded);

        drop(first);

        call(&gateway, "ada", "find").await.unwrap();
    }
}
