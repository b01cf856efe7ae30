//! What is asked and said of buckets, as numbers.

use std::time::Duration;

use toolgate_gateway::quota::{Rate, Verdict, interval};
use toolgate_gateway::store::{Away, Bucket};

/// Nanoseconds that an empty bucket takes to fill up.
pub(crate) fn burst(rate: Rate) -> u64 {
    interval(rate).saturating_mul(u64::from(rate.count()))
}

/// What was said of buckets, one after the other: after how many nanoseconds one is full or, of the
/// last one, negative, has enough.
pub(crate) fn verdicts(buckets: &[Bucket], said: &[i64]) -> Result<Vec<Verdict>, Away> {
    let verdict = |(bucket, said): (&Bucket, &i64)| {
        let nanos = said.unsigned_abs();
        if *said < 0 {
            return Verdict::Refused { after: Duration::from_nanos(nanos) };
        }
        let left = burst(bucket.rate).saturating_sub(nanos) / interval(bucket.rate);
        let remaining = u32::try_from(left).unwrap_or(u32::MAX);
        Verdict::Allowed { remaining, full: Duration::from_nanos(nanos) }
    };
    let is_whole = said.len() == buckets.len() || said.last().is_some_and(|said| *said < 0);
    match is_whole && said.len() <= buckets.len() {
        true => Ok(buckets.iter().zip(said).map(verdict).collect()),
        // Fail closed: what nobody answered for is not allowed.
        false => Err(Away("the store said something else".to_owned())),
    }
}
