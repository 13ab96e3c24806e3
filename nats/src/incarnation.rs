//! Since when the broker has kept what it says about deliveries.
//!
//! It writes the state of its consumers to disk a little later than it delivers, so one that was
//! killed may hand out anew what somebody is executing already, and say that it is the first time
//! (seen with nats-server 2.15). A stream in its memory is gone with it: whatever is older than that
//! stream may have been delivered before, whatever the count says.

use std::sync::{Arc, PoisonError};

use kintsugi_core::Timestamp;
use serde_json::json;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::{
    Bus, Error,
    names::{self, stream},
    streams::Info,
};

const ACTION: &str = "look since when the broker runs";

/// One connection: the broker's id and the number that it gave us.
pub(crate) type Connection = (String, u64);

impl Bus {
    /// When the broker began, or somewhat later: whoever connects to it first makes the stream.
    /// Asked once for each connection.
    pub(crate) async fn broker_began(&self) -> Result<Timestamp, Error> {
        let connection = self.connection();
        {
            let known = self.began.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((of, at)) = known.as_ref()
                && *of == connection
            {
                return Ok(*at);
            }
        }
        let wanted = json!({
            "name": stream::BROKER,
            "description": "its age is the broker's: messages that are older may have been delivered before",
            "subjects": [names::BROKER],
            "storage": "memory",
            "max_msgs": 1,
        });
        let subject = format!("STREAM.CREATE.{}", stream::BROKER);
        let made: Info = self.api(ACTION, stream::BROKER, subject, &wanted).await?;
        let at = made.created_at().ok_or_else(|| Error::unavailable(ACTION, "no time"))?;
        self.note_began(connection, at);
        Ok(at)
    }

    /// Looks at once after each new connection, so that as little as possible is older.
    pub(crate) fn look_at_each_connection(self) -> Self {
        let unused = CancellationToken::new();
        let used = Some(Arc::new(unused.clone().drop_guard()));
        let bus = self.clone();
        tokio::spawn(unused.run_until_cancelled_owned(async move {
            let mut connections = bus.connections.clone();
            loop {
                if let Err(error) = bus.broker_began().await {
                    debug!(error = &error as &dyn std::error::Error, "asked again when it matters");
                }
                if connections.changed().await.is_err() {
                    return;
                }
            }
        }));
        Self { _used: used, ..self }
    }

    /// The same, where a broker that cannot say is believed: then what it counts has to be enough.
    pub(crate) async fn broker_began_or_ever(&self) -> Timestamp {
        let error = match self.broker_began().await {
            Ok(began) => return began,
            Err(error) => error,
        };
        warn!(
            error = &error as &dyn std::error::Error,
            "a broker that was killed may deliver a task twice as the first time"
        );
        if !error.is_transient() {
            // It will say the same as long as this connection lasts.
            self.note_began(self.connection(), Timestamp::default());
        }
        Timestamp::default()
    }

    fn connection(&self) -> Connection {
        let info = self.client.server_info();
        (info.server_id, info.client_id)
    }

    fn note_began(&self, connection: Connection, at: Timestamp) {
        *self.began.lock().unwrap_or_else(PoisonError::into_inner) = Some((connection, at));
    }
}
