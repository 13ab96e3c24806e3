//! Starts on their way from a gateway to the owner of the runs' partition, who accepts them and takes
//! their first step in one commit.
//!
//! Nobody stores them: a gateway that gets no answer accepts the runs itself.

use async_nats::Message;
use futures::{Stream, StreamExt, stream::SelectAll};
use kintsugi_nats_signs::{START_PATIENCE, Start, encode_starts};

use crate::{Bus, Error, message::decode, names};

/// Starts that want to be accepted, all of them or none.
#[derive(Debug)]
pub struct StartDelivery {
    /// The partition of all of them.
    pub partition: u16,
    /// The runs.
    pub starts: Vec<Start>,
    client: async_nats::Client,
    reply: Option<async_nats::Subject>,
}

impl StartDelivery {
    /// Says whether they are accepted: committed, with their first step.
    pub async fn answer(self, accepted: bool) {
        let Some(reply) = self.reply else { return };
        let said = if accepted { "true" } else { "false" };
        if let Err(error) = self.client.publish(reply, said.into()).await {
            // Who asked accepts them itself, and finds that they are there.
            tracing::debug!(error = &error as &dyn std::error::Error, "starts not answered");
        }
    }
}

impl Bus {
    /// Asks the owner of a partition to accept starts, all of them or none: whether it has.
    ///
    /// # Errors
    ///
    /// [`Error::NoResponders`] at once when the partition has no owner; when there is no answer within
    /// [`START_PATIENCE`], and then nobody knows.
    pub async fn hand_over(&self, partition: u16, starts: &[Start<&[u8]>]) -> Result<bool, Error> {
        let subject = format!("{}{partition}", names::STARTS_PREFIX);
        let body =
            encode_starts(starts).map_err(|error| Error::refused("write a message", error))?;
        Ok(self.request(&subject, body, START_PATIENCE).await? == b"true")
    }

    /// Starts for the owner of these partitions. What cannot be read is answered with no.
    ///
    /// # Errors
    ///
    /// When there is no connection.
    pub async fn handed_over(
        &self,
        partitions: &[u16],
    ) -> Result<impl Stream<Item = StartDelivery> + Send + Unpin + use<>, Error> {
        let mut all = SelectAll::new();
        for partition in partitions.iter().copied() {
            let subject = format!("{}{partition}", names::STARTS_PREFIX);
            let messages = self.client.subscribe(subject).await;
            let messages =
                messages.map_err(|error| Error::unavailable("listen for starts", error))?;
            let client = self.client.clone();
            all.push(messages.map(move |message| delivery(&client, partition, message)));
        }
        Ok(all)
    }
}

fn delivery(client: &async_nats::Client, partition: u16, message: Message) -> StartDelivery {
    let starts = decode(&message.payload).unwrap_or_default();
    StartDelivery { partition, starts, client: client.clone(), reply: message.reply }
}
