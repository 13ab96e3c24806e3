//! Messages whose types are known since a moment ago, and JSON.

use kintsugi_worker::Failure;
use prost_reflect::{DynamicMessage, MessageDescriptor, SerializeOptions, prost::Message as _};
use serde_json::Value;
use tonic::{
    Status,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
};

use crate::http::invalid;

/// JSON as a message (Protocol Buffers, "JSON mapping").
pub(super) fn from_json(
    descriptor: MessageDescriptor,
    value: &Value,
) -> Result<DynamicMessage, Failure> {
    if value.is_null() {
        return Ok(DynamicMessage::new(descriptor));
    }
    let name = descriptor.full_name().to_owned();
    DynamicMessage::deserialize(descriptor, value)
        .map_err(|error| invalid(format!("the arguments do not fit `{name}`: {error}")))
}

/// A message as JSON. Fields that are not set have their defaults, so that expressions find them,
/// and integers of 64 bits are numbers, which are exact here.
pub(super) fn to_json(message: &DynamicMessage) -> Result<Value, Failure> {
    let options =
        SerializeOptions::new().skip_default_fields(false).stringify_64_bit_integers(false);
    message
        .serialize_with_options(serde_json::value::Serializer, &options)
        .map_err(|error| Failure::fatal(format!("the answer cannot be written as JSON: {error}")))
}

/// Reads and writes messages.
#[derive(Clone)]
pub(super) struct Dynamic(pub(super) MessageDescriptor);

impl Codec for Dynamic {
    type Encode = DynamicMessage;
    type Decode = DynamicMessage;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        self.clone()
    }

    fn decoder(&mut self) -> Self {
        self.clone()
    }
}

impl Encoder for Dynamic {
    type Item = DynamicMessage;
    type Error = Status;

    fn encode(&mut self, item: Self::Item, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        item.encode(buffer).map_err(|error| Status::internal(error.to_string()))
    }
}

impl Decoder for Dynamic {
    type Item = DynamicMessage;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Self::Item>, Status> {
        let message = DynamicMessage::decode(self.0.clone(), buffer);
        message.map(Some).map_err(|error| Status::internal(error.to_string()))
    }
}
