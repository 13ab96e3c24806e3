//! Reading and writing inputs.
//!
//! What serde derives for an enum with a tag keeps all fields aside until it has seen the tag, which is
//! half of what a result costs to read. Everybody writes the tag first, and nearly every input is a
//! completion: where that is so it is read straight away, and else as serde would.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error, MapAccess, Visitor, value::MapAccessDeserializer},
};
use serde_json::{Map, Value};

use super::Input;
use crate::Timestamp;

const TAG: &str = "kind";

#[derive(Deserialize)]
struct Completed {
    task: u64,
    epoch: u64,
    output: Value,
    worker: String,
    #[serde(default)]
    started_at: Option<Timestamp>,
}

impl Serialize for Input {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Self::serialize(self, serializer)
    }
}

impl<'de> Deserialize<'de> for Input {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Read)
    }
}

struct Read;

impl<'de> Visitor<'de> for Read {
    type Value = Input;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an input")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Input, A::Error> {
        let mut fields = Map::new();
        if let Some(key) = map.next_key::<Cow<'de, str>>()? {
            if key == TAG {
                let kind = map.next_value::<Cow<'de, str>>()?;
                if kind == "completed" {
                    let read = Completed::deserialize(MapAccessDeserializer::new(map))?;
                    let Completed { task, epoch, output, worker, started_at } = read;
                    return Ok(Input::Completed { task, epoch, output, worker, started_at });
                }
                fields.insert(TAG.to_owned(), kind.into());
            } else {
                fields.insert(key.into_owned(), map.next_value()?);
            }
        }
        while let Some((key, value)) = map.next_entry::<String, Value>()? {
            if fields.insert(key, value).is_some() {
                return Err(A::Error::custom("a field stands twice"));
            }
        }
        Input::deserialize(Value::Object(fields)).map_err(A::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn both(text: &str) -> [Result<Input, String>; 2] {
        let said = |error: serde_json::Error| error.to_string();
        let value: Value = serde_json::from_str(text).unwrap();
        let derived = Input::deserialize(value).map_err(said);
        [serde_json::from_str::<Input>(text).map_err(said), derived]
    }

    #[test]
    fn inputs_are_read_as_they_are_written_wherever_the_tag_stands() {
        for text in [
            r#"{"kind":"completed","task":1,"epoch":2,"output":{"a":[1.5,null]},"worker":"w"}"#,
            r#"{"kind":"completed","task":1,"epoch":2,"output":null,"worker":"w\n","started_at":5}"#,
            r#"{"task":1,"kind":"completed","epoch":2,"output":null,"worker":"w","more":1}"#,
            r#"{"kind":"tick"}"#,
            r#"{"kind":"redrive","task":1,"epoch":1,"input":null}"#,
            r#"{"kind":"failed","task":1,"epoch":1,"fault":{"message":"m"},"worker":"w"}"#,
        ] {
            let [read, derived] = both(text);
            assert_eq!(read, derived, "{text}");
            let written = serde_json::to_string(&read.unwrap()).unwrap();
            assert!(written.starts_with(r#"{"kind":"#), "{written}");
            assert_eq!(serde_json::from_str::<Input>(&written).ok(), derived.ok());
        }
    }

    #[test]
    fn what_is_no_input_is_refused() {
        for bad in [
            json!({}),
            json!({ "kind": "completed", "task": 1 }),
            json!({ "kind": "unheard-of" }),
            json!({ "task": 1, "epoch": 1 }),
        ] {
            assert!(serde_json::from_str::<Input>(&bad.to_string()).is_err(), "{bad}");
        }
        for bad in ["[]", "1", r#"{"kind":1}"#, r#"{"kind":"tick","kind":"start"}"#] {
            assert!(serde_json::from_str::<Input>(bad).is_err(), "{bad}");
        }
    }
}
