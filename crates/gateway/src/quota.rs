//! How often may something happen? Rates as buckets, calls at work as counts, here or where all
//! replicas count.

mod admission;
pub(crate) mod buckets;
mod fair;
mod leases;
pub(crate) mod limits;
mod shared;
pub(crate) mod standing;

pub use crate::config::Rate;
pub use buckets::{Buckets, Key, Kind, Verdict, interval};
pub use limits::{Limits, Working};
pub use standing::{Standing, Told};
