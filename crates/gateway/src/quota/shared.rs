//! The same limits, counted where other replicas count too.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use super::buckets::{Kind, Verdict};
use super::leases::LASTING;
use super::limits::{Limits, Shares, Spent, Wanted, Working, buckets, caps, refused};
use crate::config::{Rate, RateLimits};
use crate::fault::{Fault, Reason};
use crate::store::{Bucket, Cap, Name, Shared};

/// What a bucket is called among those of all replicas.
fn name(kind: Kind, of: &[&str]) -> Name {
    Name::of(kind.label(), of)
}

impl Limits {
    /// Counts one call of a tool against every limit that applies, or against none.
    ///
    /// # Errors
    /// When one of them is used up, with the time after which it is not; or when nobody can tell.
    pub(crate) async fn admit_shared(
        self: &Arc<Self>,
        store: &Arc<Shared>,
        all: &RateLimits,
        wanted: Wanted<'_>,
    ) -> Result<(Option<Working>, Spent), Fault> {
        let now = Instant::now();
        // Who shares a server is what each replica sees itself; how much is left is not.
        let shares = self.shares(wanted, now);
        let working = self.start_all_shared(store, all, wanted, shares).await?;
        let wants = buckets(all, wanted, shares, name);
        let wants: Vec<_> = wants.into_iter().flatten().collect();
        if wants.is_empty() {
            return Ok((working.if_any(), Spent::default()));
        }
        let shared: Vec<_> =
            wants.iter().map(|want| Bucket { name: want.key, rate: want.rate }).collect();
        let spent = match store.take(&shared, wanted.cost()).await {
            Ok(verdicts) => {
                for (want, verdict) in wants.iter().zip(verdicts) {
                    want.heed(verdict, wanted.standing)?;
                }
                Spent { shared, cost: wanted.cost(), ..Spent::default() }
            }
            Err(_) if store.goes_alone() => self.spend(all, wanted, shares, now)?,
            // Fail closed: without the store nothing bounds the caller.
            Err(away) => return Err(store.fault(away)),
        };
        Ok((working.if_any(), spent))
    }

    /// Counts a call in under every cap that applies, or under none.
    async fn start_all_shared(
        self: &Arc<Self>,
        store: &Arc<Shared>,
        all: &RateLimits,
        wanted: Wanted<'_>,
        shares: Option<Shares>,
    ) -> Result<Working, Fault> {
        let caps: Vec<_> = caps(all, wanted, shares, name).into_iter().flatten().collect();
        if caps.is_empty() {
            return Ok(self.working(None));
        }
        let lease = Name::drawn().map_err(|error| {
            Fault::new(Reason::Internal, "no randomness").because(error.to_string())
        })?;
        let most = |most: usize| u32::try_from(most).unwrap_or(u32::MAX);
        let shared: Vec<_> =
            caps.iter().map(|cap| Cap { name: cap.key, most: most(cap.most) }).collect();
        let names = shared.iter().map(|cap| cap.name).collect();
        let held = self.leases.begin(store, lease, names);
        match store.start(&shared, lease, LASTING).await {
            Ok(None) => Ok(self.working(Some(held))),
            Ok(Some(at)) => {
                held.was_refused();
                Err(match caps.get(at) {
                    Some(cap) => cap.full(),
                    None => Fault::new(Reason::Internal, "a cap that nobody asked about"),
                })
            }
            Err(_) if store.goes_alone() => self.start_all(all, wanted, shares),
            // Fail closed: without the store nothing bounds the caller.
            Err(away) => Err(store.fault(away)),
        }
    }

    /// Counts one request from an address whose caller is not known.
    ///
    /// # Errors
    /// When its limit is used up, with the time after which it is not; or when nobody can tell.
    pub async fn admit_address_shared(
        &self,
        store: &Shared,
        rate: Rate,
        address: IpAddr,
    ) -> Result<(), Fault> {
        let bucket = Bucket { name: name(Kind::Address, &[&address.to_string()]), rate };
        match store.take(&[bucket], 1).await {
            Ok(verdicts) => match verdicts.first() {
                Some(Verdict::Refused { after }) => Err(refused(rate, "this address", *after)),
                _ => Ok(()),
            },
            Err(_) if store.goes_alone() => self.admit_address(rate, address),
            Err(away) => Err(store.fault(away)),
        }
    }
}

impl Spent {
    /// Gives back what was taken out of the buckets of all replicas.
    pub(super) async fn give_back_shared(&self, store: &Shared) {
        if !self.shared.is_empty() {
            store.give_back(&self.shared, self.cost).await;
        }
    }
}
