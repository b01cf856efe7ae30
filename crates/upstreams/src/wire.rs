//! The way to HTTP APIs: the same connections, proxies and bounds as to MCP servers.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::{Request, Response, Uri};
use toolgate_api::{Lost, Transport};
use toolgate_gateway::call::Boxed;

use crate::http::{HttpError, Origin, Pool, Proxies, Target};

/// Connections to the origins that the operator named: that of an API, and that of its document.
pub(crate) struct Wire {
    proxies: Proxies,
    /// The largest answer, in bytes.
    largest: usize,
    pools: Mutex<HashMap<String, Arc<Pool>>>,
}

impl Wire {
    pub fn new(proxies: &Proxies, largest: usize) -> Wire {
        Wire { proxies: proxies.clone(), largest, pools: Mutex::default() }
    }

    fn pool(&self, uri: &Uri) -> Result<Arc<Pool>, Lost> {
        let scheme = uri.scheme_str().unwrap_or_default();
        let authority = uri.authority().map_or("", http::uri::Authority::as_str);
        let origin = format!("{scheme}://{authority}");
        let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pool) = pools.get(&origin) {
            return Ok(pool.clone());
        }
        let target =
            Target::of(uri, Origin::Configured, &self.proxies).map_err(Lost::Unreachable)?;
        let pool = Pool::new(target);
        pools.insert(origin, pool.clone());
        Ok(pool)
    }

    async fn exchange(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Lost> {
        let pool = self.pool(request.uri())?;
        pool.fetch(request, self.largest).await.map_err(lost)
    }
}

impl Transport for Wire {
    fn send(&self, request: Request<Bytes>) -> Boxed<'_, Result<Response<Bytes>, Lost>> {
        Box::pin(self.exchange(request))
    }
}

fn lost(error: HttpError) -> Lost {
    match error {
        HttpError::Connect { .. } => Lost::Unreachable(error.to_string()),
        HttpError::Broken(_) => Lost::Broken(error.to_string()),
        HttpError::TooLarge(limit) => Lost::TooLarge(limit),
    }
}
