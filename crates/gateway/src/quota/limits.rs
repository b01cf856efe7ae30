//! The limits of a configuration, applied to one call.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use smallvec::SmallVec;

use super::buckets::{Buckets, Key, Kind, Verdict};
use super::fair::Sharers;
use super::leases::{AGAIN, Lease, Leases};
use super::standing::{Standing, seconds};
use crate::config::{Rate, RateLimits, ServerLimits};
use crate::fault::{Fault, Reason};
use crate::store;
use crate::who::Who;

/// How long somebody who called counts among those who share a server.
const LATELY: Duration = Duration::from_secs(60);

/// What outlives a reload: the buckets, and how many calls of each caller are at work.
#[derive(Default)]
pub struct Limits {
    buckets: Buckets,
    sharers: Sharers,
    working: Mutex<HashMap<Key, usize>>,
    pub(super) leases: Leases,
}

/// A call at work; dropping it counts it out.
pub struct Working {
    limits: Arc<Limits>,
    keys: SmallVec<[Key; 4]>,
    /// Where other replicas count it too.
    lease: Option<Lease>,
}

/// What a call took out of buckets.
#[derive(Default)]
pub(crate) struct Spent {
    /// Out of those of this process.
    pub(super) taken: SmallVec<[(Key, Rate); 8]>,
    /// Out of those of all replicas.
    pub(super) shared: Vec<store::Bucket>,
    pub(super) cost: u32,
}

/// A call, as limits look at it.
#[derive(Clone, Copy)]
pub(crate) struct Wanted<'a> {
    pub server: &'a str,
    pub own: &'a ServerLimits,
    pub tool: &'a str,
    pub who: &'a Who,
    pub standing: Option<&'a Standing>,
}

impl Wanted<'_> {
    /// What the call weighs.
    pub(crate) fn cost(&self) -> u32 {
        self.own.cost.get(self.tool).map_or(1, |cost| cost.get())
    }
}

/// How many share a server with a caller.
#[derive(Clone, Copy)]
pub(super) struct Shares {
    /// Tenants, and callers without one.
    tenants: u32,
    /// Of a caller with a tenant: the callers of that.
    callers: Option<u32>,
}

/// A bucket that a call is taken out of.
pub(super) struct Bucket<K> {
    /// Which.
    pub key: K,
    pub rate: Rate,
    /// What refusals call it.
    what: &'static str,
    /// What headers call it, where it is the caller's own.
    name: Option<&'static Name>,
}

type Name = LazyLock<Arc<str>>;

static CALLER: Name = LazyLock::new(|| "caller".into());
static SESSION: Name = LazyLock::new(|| "session".into());
static TENANT: Name = LazyLock::new(|| "tenant".into());
static SERVER: Name = LazyLock::new(|| "server".into());
static TOOL: Name = LazyLock::new(|| "tool".into());

impl Limits {
    /// Counts one call of a tool against every limit that applies, or against none.
    ///
    /// # Errors
    /// When one of them is used up, with the time after which it is not.
    pub(crate) fn admit(
        self: &Arc<Self>,
        all: &RateLimits,
        wanted: Wanted<'_>,
    ) -> Result<(Option<Working>, Spent), Fault> {
        let now = Instant::now();
        let shares = self.shares(wanted, now);
        let working = self.start_all(all, wanted, shares)?;
        // Last: what is refused for another reason costs nothing.
        let spent = self.spend(all, wanted, shares, now)?;
        Ok((working.if_any(), spent))
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

    /// Gives back what was taken for a call that is not made in the end.
    pub(crate) fn give_back(&self, spent: &Spent) {
        let now = Instant::now();
        for (key, rate) in &spent.taken {
            self.buckets.give_back(*key, *rate, spent.cost, now);
        }
    }

    /// Renews the leases of calls at work, for as long as there are limits.
    pub async fn renew_leases(limits: Weak<Limits>, store: Arc<store::Shared>) {
        loop {
            tokio::time::sleep(AGAIN).await;
            let Some(leases) = limits.upgrade().map(|limits| limits.leases.clone()) else { return };
            leases.renew(&store).await;
        }
    }

    /// Who shares the server, where sharing matters.
    pub(super) fn shares(&self, wanted: Wanted<'_>, now: Instant) -> Option<Shares> {
        let Wanted { server, own, who, .. } = wanted;
        let shared = own.requests_per_minute.is_some() || own.concurrent.is_some();
        if !shared || who.caller.is_anonymous() {
            return None;
        }
        let principal = &*who.caller.principal;
        let tenant = who.caller.tenant.as_deref();
        let whole = self.buckets.key(Kind::Server, [server]);
        let group = self.buckets.key(Kind::TenantsShare, [tenant.unwrap_or(principal), server]);
        let tenants = self.sharers.count(whole, group, LATELY, now);
        let callers = tenant.map(|_| {
            let own = self.buckets.key(Kind::CallersShare, [principal, server]);
            self.sharers.count(group, own, LATELY, now)
        });
        Some(Shares { tenants, callers })
    }

    pub(super) fn start_all(
        self: &Arc<Self>,
        all: &RateLimits,
        wanted: Wanted<'_>,
        shares: Option<Shares>,
    ) -> Result<Working, Fault> {
        let mut working = self.working(None);
        let caps = caps(all, wanted, shares, |kind, of| self.buckets.key(kind, of));
        for cap in caps.into_iter().flatten() {
            if !self.start(cap.key, cap.most) {
                return Err(cap.full());
            }
            working.keys.push(cap.key);
        }
        Ok(working)
    }

    /// Whether one more refusal of somebody has a record of its own.
    pub(crate) fn may_note(&self, rate: Rate, who: &str) -> bool {
        /// Callers and addresses that may fill their buckets at the same time.
        const MANY: u32 = 10;
        let now = Instant::now();
        let own = self.buckets.key(Kind::Refused, (1, who));
        let all = self.buckets.key(Kind::Refused, (0, ""));
        [(own, rate), (all, rate.times(rate.count().saturating_mul(MANY)))].into_iter().all(
            |(key, rate)| matches!(self.buckets.take(key, rate, 1, now), Verdict::Allowed { .. }),
        )
    }

    pub(super) fn spend(
        &self,
        all: &RateLimits,
        wanted: Wanted<'_>,
        shares: Option<Shares>,
        now: Instant,
    ) -> Result<Spent, Fault> {
        let buckets = buckets(all, wanted, shares, |kind, of| self.buckets.key(kind, of));
        let mut spent = Spent { cost: wanted.cost(), ..Spent::default() };
        for bucket in buckets.into_iter().flatten() {
            let verdict = self.buckets.take(bucket.key, bucket.rate, spent.cost, now);
            // A call that is refused costs nothing.
            bucket.heed(verdict, wanted.standing).inspect_err(|_| self.give_back(&spent))?;
            spent.taken.push((bucket.key, bucket.rate));
        }
        Ok(spent)
    }

    /// A call that is counted in nowhere yet, but for a lease.
    pub(super) fn working(self: &Arc<Self>, lease: Option<Lease>) -> Working {
        Working { limits: self.clone(), keys: SmallVec::new(), lease }
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

/// The buckets that a call is taken out of.
pub(super) fn buckets<K>(
    all: &RateLimits,
    wanted: Wanted<'_>,
    shares: Option<Shares>,
    key: impl Fn(Kind, &[&str]) -> K,
) -> [Option<Bucket<K>>; 9] {
    let Wanted { server, own, tool, who, .. } = wanted;
    let principal = &*who.caller.principal;
    let (session, tenant) = (who.session.as_deref(), who.caller.tenant.as_deref());
    let of = |kind, of: &[&str], rate, what, name| Bucket { key: key(kind, of), rate, what, name };
    let rate = own.rate();
    let tenants = rate.zip(shares).filter(|(_, shares)| shares.tenants > 1);
    let callers = rate.zip(shares).and_then(|(rate, shares)| {
        Some(divided(rate, shares.tenants.saturating_mul(shares.callers?)))
    });
    let share = "this caller's share";
    [
        all.caller.map(|rate| of(Kind::Caller, &[principal], rate, "this caller", Some(&CALLER))),
        all.session.zip(session).map(|(rate, session)| {
            of(Kind::Session, &[session], rate, "this session", Some(&SESSION))
        }),
        all.tenant.zip(tenant).map(|(rate, tenant)| {
            of(Kind::Tenant, &[tenant], rate, "this organisation", Some(&TENANT))
        }),
        own.per_caller.map(|rate| {
            let (of_whom, what) = ([principal, server], "this caller at this server");
            of(Kind::CallerAtServer, &of_whom, rate, what, Some(&SERVER))
        }),
        own.tools.get(tool).map(|rate| {
            let (of_whom, what) = ([principal, server, tool], "this caller and tool");
            of(Kind::CallerAtTool, &of_whom, *rate, what, Some(&TOOL))
        }),
        own.session_tools.get(tool).map(|rate| {
            let of_whom = [session.unwrap_or(principal), server, tool];
            of(Kind::SessionAtTool, &of_whom, *rate, "this session and tool", Some(&TOOL))
        }),
        tenants.map(|(rate, shares)| {
            let of_whom = [tenant.unwrap_or(principal), server];
            of(Kind::TenantsShare, &of_whom, divided(rate, shares.tenants), share, None)
        }),
        callers.map(|rate| of(Kind::CallersShare, &[principal, server], rate, share, None)),
        rate.map(|rate| of(Kind::Server, &[server], rate, "this server", None)),
    ]
}

impl<K> Bucket<K> {
    /// Tells what is left in it.
    ///
    /// # Errors
    /// When it did not let the call pass, with the time after which it does.
    pub(super) fn heed(&self, verdict: Verdict, standing: Option<&Standing>) -> Result<(), Fault> {
        let (shown, rate) = (standing.zip(self.name), self.rate);
        match verdict {
            Verdict::Allowed { remaining, full } => {
                if let Some((standing, name)) = shown {
                    let (count, left) = (rate.count().into(), remaining.into());
                    standing.allowed(name, count, rate.per(), left, full);
                }
                Ok(())
            }
            Verdict::Refused { after } => {
                if let Some((standing, name)) = shown {
                    standing.refused(name, rate.count().into(), rate.per(), after);
                }
                Err(refused(rate, self.what, after))
            }
        }
    }
}

/// How many calls of one kind may be at work.
pub(super) struct Cap<K> {
    /// Which.
    pub key: K,
    pub most: usize,
    /// What refusals call them.
    what: &'static str,
}

/// The caps that a call counts against.
pub(super) fn caps<K>(
    all: &RateLimits,
    wanted: Wanted<'_>,
    shares: Option<Shares>,
    key: impl Fn(Kind, &[&str]) -> K,
) -> [Option<Cap<K>>; 4] {
    let Wanted { server, own, who, .. } = wanted;
    let principal = &*who.caller.principal;
    let part = |most: usize, of: u32| most.div_ceil(of.max(1) as usize);
    let cap = |kind, of: &[&str], most, what| Cap { key: key(kind, of), most, what };
    let own = own.concurrent.map(|most| most.get());
    let fair = own.zip(shares).map(|(most, shares)| (part(most, shares.tenants), shares));
    let share = "calls, its share of this server,";
    [
        fair.map(|(tenants, _)| {
            let tenant = who.caller.tenant.as_deref().unwrap_or(principal);
            cap(Kind::TenantsShare, &[tenant, server], tenants, share)
        }),
        fair.and_then(|(tenants, shares)| {
            let most = part(tenants, shares.callers?);
            Some(cap(Kind::CallersShare, &[principal, server], most, share))
        }),
        all.concurrent
            .map(|most| cap(Kind::Caller, &[principal], most.get(), "calls of this caller")),
        own.map(|most| cap(Kind::Server, &[server], most, "calls of this server")),
    ]
}

impl<K> Cap<K> {
    /// What whoever finds it reached is told.
    pub(super) fn full(&self) -> Fault {
        let message = format!("more than {} {} would be at work", self.most, self.what);
        Fault::new(Reason::Overloaded, message).retry_after(Duration::from_secs(1))
    }
}

impl Working {
    /// Nothing where no cap applies.
    pub(super) fn if_any(self) -> Option<Working> {
        (!self.keys.is_empty() || self.lease.is_some()).then_some(self)
    }
}

/// An equal part of a rate; at least one.
fn divided(rate: Rate, among: u32) -> Rate {
    rate.times((rate.count() / among.max(1)).max(1))
}

pub(super) fn refused(rate: Rate, what: &str, after: Duration) -> Fault {
    let seconds = seconds(after);
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
    use std::num::{NonZeroU32, NonZeroUsize};

    use serde_json::json;
    use toolgate_protocol::caller::{Identity, Proof};
    use toolgate_protocol::version::Version;

    use super::*;
    use crate::call::{Caller, Reply};
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

    /// A caller of a tenant.
    fn member(name: &str, tenant: &str) -> Caller {
        Caller::from(Identity {
            principal: name.into(),
            subject: name.into(),
            tenant: Some(tenant.into()),
            proof: Proof::ApiKey,
            ..Identity::default()
        })
    }

    /// Whether a call of this caller is let in at this time.
    fn enters(limits: &Arc<Limits>, own: &ServerLimits, caller: &Caller, now: Instant) -> bool {
        let who = Who::of(caller.clone());
        let wanted = Wanted { server: "crm", own, tool: "find", who: &who, standing: None };
        let shares = limits.shares(wanted, now);
        limits.spend(&RateLimits::default(), wanted, shares, now).is_ok()
    }

    fn per_minute(count: u32) -> ServerLimits {
        ServerLimits { requests_per_minute: NonZeroU32::new(count), ..ServerLimits::default() }
    }

    #[test]
    fn a_caller_that_is_alone_may_use_all_that_a_server_can_bear() {
        let (limits, ada) = (Arc::<Limits>::default(), member("ada", "acme"));
        let now = Instant::now();

        let allowed = (0..100).filter(|_| enters(&limits, &per_minute(60), &ada, now)).count();

        assert_eq!(allowed, 60);
    }

    /// Case Q3: what a server can bear is not spent by whoever calls the most.
    #[test]
    fn tenants_share_a_server_evenly_however_much_one_of_them_calls() {
        let limits = Arc::<Limits>::default();
        let noisy: Vec<_> = (0..10).map(|n| member(&format!("noisy-{n}"), "acme")).collect();
        let quiet = member("quiet", "other");
        let start = Instant::now();
        let (mut loud, mut calm, mut asked) = (0, 0, 0);
        for second in 0..600_u64 {
            let now = start + Duration::from_secs(second);
            // Ten callers of one tenant ask ten times as often as the server can bear.
            loud += noisy.iter().filter(|who| enters(&limits, &per_minute(60), who, now)).count();
            if second > 0 && second % 3 == 0 {
                asked += 1;
                calm += usize::from(enters(&limits, &per_minute(60), &quiet, now));
            }
        }

        // It asked for less than its half, and was given nearly all of it.
        assert!(calm * 10 >= asked * 9, "{calm} of {asked}");
        assert!(loud >= 250, "what the quiet one leaves is used: {loud}");
    }

    #[test]
    fn callers_of_one_tenant_share_what_it_has() {
        let limits = Arc::<Limits>::default();
        let (greedy, modest) = (member("greedy", "acme"), member("modest", "acme"));
        let start = Instant::now();
        let (mut given, mut asked) = (0, 0);
        for second in 0..600_u64 {
            let now = start + Duration::from_secs(second);
            for _ in 0..10 {
                enters(&limits, &per_minute(60), &greedy, now);
            }
            if second % 3 == 2 {
                asked += 1;
                given += usize::from(enters(&limits, &per_minute(60), &modest, now));
            }
        }

        assert!(given * 10 >= asked * 9, "{given} of {asked}");
    }

    /// Case Q3: a tenant that asks for ten times as much does not make another wait for longer.
    #[tokio::test(start_paused = true)]
    async fn a_noisy_tenant_does_not_double_the_time_of_another() {
        let alone = slowest(0).await;
        let beside = slowest(80).await;

        assert!(beside <= alone * 2, "{beside:?} beside the noise, {alone:?} alone");
    }

    /// The 99th of 100 times of a quiet caller at a server that does eight things at a time, while
    /// so many calls of another tenant are tried again and again.
    async fn slowest(noise: usize) -> Duration {
        use tokio::time::{Instant, sleep};

        let limits = Arc::<Limits>::default();
        let own = ServerLimits { concurrent: NonZeroUsize::new(8), ..ServerLimits::default() };
        let call = move |caller: Caller| {
            let (limits, own) = (limits.clone(), own.clone());
            async move {
                let who = Who::of(caller);
                loop {
                    let wanted =
                        Wanted { server: "crm", own: &own, tool: "t", who: &who, standing: None };
                    if let Ok((working, _)) = limits.admit(&RateLimits::default(), wanted) {
                        sleep(Duration::from_millis(100)).await;
                        return drop(working);
                    }
                    sleep(Duration::from_millis(7)).await;
                }
            }
        };
        let noisy = move |n: usize| member(&format!("noisy-{n}"), "acme");
        // Both are known to be there.
        call(member("quiet", "other")).await;
        let noise: Vec<_> = (0..noise)
            .map(|n| {
                let call = call.clone();
                tokio::spawn(async move {
                    loop {
                        call(noisy(n)).await;
                    }
                })
            })
            .collect();
        let mut times = Vec::new();
        for _ in 0..100 {
            // Long enough for others to take the place that it had.
            sleep(Duration::from_millis(31)).await;
            let start = Instant::now();
            // Who never gets in fails here, rather than waiting on.
            let _ =
                tokio::time::timeout(Duration::from_secs(10), call(member("quiet", "other"))).await;
            times.push(start.elapsed());
        }
        noise.iter().for_each(tokio::task::JoinHandle::abort);
        times.sort();
        times[98]
    }

    /// Case Q5: with all ten thousand at once; through the binary: `it/http_leaving.rs`.
    #[tokio::test]
    async fn ten_thousand_clients_that_vanish_hold_nothing() {
        const MANY: usize = 10_000;
        let (opened, mut at_server) = tokio::sync::mpsc::unbounded_channel();
        let fake =
            Fake::new(Version::V2026_07_28, &json!({ "tools": {} })).on("tools/call", move |_| {
                let (server, frames) = tokio::sync::mpsc::channel::<crate::call::Frame>(1);
                let _ = opened.send(server);
                Said::Frames(frames)
            });
        let more = format!("rate_limits: {{ concurrent: {MANY} }}");
        let gateway = gateway(&[("crm", Arc::new(fake))], &more);
        let mut replies = Vec::new();
        for _ in 0..MANY {
            replies.push(call(&gateway, "ada", "hang").await.unwrap());
        }
        let full = call(&gateway, "ada", "hang").await.err().unwrap();
        assert_eq!(full.reason, Reason::Overloaded);

        drop(replies);

        // The server notices each of them.
        for _ in 0..MANY {
            at_server.recv().await.unwrap().closed().await;
        }
        assert!(gateway.lasting.limits.working.lock().unwrap().is_empty());
        call(&gateway, "ada", "hang").await.unwrap();
    }

    #[tokio::test]
    async fn a_refused_call_tells_what_its_caller_may_know_and_no_more() {
        let (_, gateway) = served("rate_limits: { caller: 3/h }");
        let standing = Arc::new(Standing::default());
        let client = client(Version::V2026_07_28, &json!({}));
        let mut told = Vec::new();
        for _ in 0..4 {
            let mut request = request(&client, "tools/call", json!({ "name": "find" }));
            request.standing = Some(standing.clone());
            let _ = gateway.call(request).await;
            told.push((standing.told().unwrap().state(), standing.wait()));
        }

        assert_eq!(told[0], (r#""caller";r=2;t=1200"#.to_owned(), None));
        assert_eq!(told[3], (r#""caller";r=0;t=1200"#.to_owned(), Some(1200)));
    }

    #[tokio::test]
    async fn a_call_that_a_quota_refuses_costs_no_token() {
        let more = "rate_limits: { caller: 2/h }
quotas: [{ name: daily, per: caller, every: day, server: crm, tools: [export], calls: 1 }]";
        let (fake, gateway) = served(more);
        call(&gateway, "ada", "export").await.unwrap();

        let refused = call(&gateway, "ada", "export").await.err().unwrap();

        assert_eq!(refused.reason, Reason::QuotaExceeded);
        assert!(refused.retry_after.unwrap() <= Duration::from_secs(86_400));
        assert!(refused.message.contains("\"daily\" of 1 calls a day"), "{}", refused.message);
        call(&gateway, "ada", "find").await.unwrap();
        assert_eq!(fake.heard().len(), 2);
    }
}
