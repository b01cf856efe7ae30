//! How Redis is connected to: one connection, on which the questions of all calls follow each other.

use ::redis::aio::MultiplexedConnection;
use ::redis::io::tcp::TcpSettings;
use ::redis::{AsyncConnectionConfig, Client, IntoConnectionInfo, ProtocolVersion, cmd};
use toolgate_gateway::store::Away;

use super::away;
use crate::Place;
use crate::link::{self, SILENCE};

/// Questions that wait to be written.
const WAITING: usize = 1024;

pub(super) struct Redis {
    client: Client,
    config: AsyncConnectionConfig,
}

impl Redis {
    pub(super) fn of(place: &Place) -> Result<Redis, String> {
        // Of the two that rustls may have, the one that all of this program uses.
        let _ = rustls::crypto::ring::default_provider().install_default();
        // The reason would repeat the address, which holds the password.
        let misfit = |_| "expected redis://USER:PASSWORD@HOST:PORT or rediss://…".to_owned();
        let info = place.url.reveal().into_connection_info().map_err(misfit)?;
        let redis = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
        let tcp = TcpSettings::default().set_nodelay(true).set_user_timeout(SILENCE);
        let info = info.set_redis_settings(redis).set_tcp_settings(tcp);
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(place.connect))
            .set_response_timeout(Some(SILENCE))
            .set_pipeline_buffer_size(WAITING);
        Ok(Redis { client: Client::open(info).map_err(misfit)?, config })
    }
}

impl link::Wire for Redis {
    type Session = MultiplexedConnection;

    async fn connect(&self) -> Result<MultiplexedConnection, Away> {
        let connected = self.client.get_multiplexed_async_connection_with_config(&self.config);
        connected.await.map_err(|error| away(&error))
    }

    async fn look(&self, connection: &MultiplexedConnection) -> Result<(), Away> {
        let mut connection = connection.clone();
        let asked = cmd("PING").query_async::<()>(&mut connection).await;
        asked.map_err(|error| away(&error))
    }
}
