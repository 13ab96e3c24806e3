//! Protocol Buffers' definition language: the method of one call, and the messages that it needs.

mod depth;
mod keep;

use std::collections::BTreeMap;

use base64::{Engine, prelude::BASE64_STANDARD as STANDARD};
use prost_reflect::{MethodDescriptor, ServiceDescriptor, prost::Message};
use protox::{
    Compiler, Error,
    file::{self, FileResolver, GoogleFileResolver},
};

use crate::Refusal;

/// Bytes of the description of one method's messages. It goes into every task that calls it.
const DESCRIPTORS_MAX: usize = 256 << 10;

/// Names that stand in a problem, at most.
const NAMES_MAX: usize = 20;

/// A proto file that was read.
#[derive(Clone, Debug)]
pub struct File(file::File);

/// What of proto files one call needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Method {
    /// An encoded `FileDescriptorSet` of the method and its messages, and nothing else.
    pub descriptors: Vec<u8>,
    /// Names of the fields of the message that it takes, in the file and in JSON.
    pub fields: Vec<String>,
}

impl Method {
    /// The descriptors as a text: base64.
    #[must_use]
    pub fn encoded(&self) -> String {
        STANDARD.encode(&self.descriptors)
    }
}

impl File {
    /// Reads the file that others import by `name`.
    ///
    /// # Errors
    ///
    /// When it is no proto file.
    pub fn read(name: &str, source: &str) -> Result<Self, Refusal> {
        if !depth::is_sane(source) {
            let message = format!("`{name}` nests its brackets too deep");
            return Err(Refusal::Invalid(message));
        }
        file::File::from_source(name, source).map(Self).map_err(|error| {
            Refusal::Invalid(format!("`{name}` is not a proto file that can be read: {error}"))
        })
    }

    /// The names of files that it imports, but for those that come with Protocol Buffers.
    #[must_use]
    pub fn imports(&self) -> Vec<&str> {
        let all = self.0.file_descriptor_proto().dependency.iter();
        all.map(String::as_str)
            .filter(|name| GoogleFileResolver::new().open_file(name).is_err())
            .collect()
    }

    /// Its package.
    #[must_use]
    pub fn package(&self) -> &str {
        self.0.file_descriptor_proto().package()
    }
}

/// Takes a method out of the file `root`, whose imports are in `files` by their names.
///
/// # Errors
///
/// When the files do not fit together, or have no such method.
pub fn method(
    root: &str,
    files: BTreeMap<String, File>,
    service: &str,
    method: &str,
) -> Result<Method, Refusal> {
    let mut compiler = Compiler::with_file_resolver(Given(files));
    compiler.include_imports(true).include_source_info(false);
    compiler.open_file(root).map_err(|error| {
        let file = error.file().unwrap_or(root);
        Refusal::Invalid(format!("the proto file `{file}` cannot be compiled: {error}"))
    })?;
    let pool = compiler.descriptor_pool();
    let found = pool.get_service_by_name(service);
    let found = found.ok_or_else(|| {
        missing(&format!("the proto file has no service `{service}`"), pool.services().map(full))
    })?;
    let found = found.methods().find(|one| one.name() == method).ok_or_else(|| {
        let message = format!("the service `{service}` has no method `{method}`");
        missing(&message, found.methods().map(|one| one.name().to_owned()))
    })?;
    let descriptors = keep::only(compiler.file_descriptor_set(), &found).encode_to_vec();
    if descriptors.len() > DESCRIPTORS_MAX {
        let what = format!("a method whose messages take {} bytes to describe", descriptors.len());
        return Err(Refusal::Unsupported(format!("{what} (more than {DESCRIPTORS_MAX})")));
    }
    Ok(Method { descriptors, fields: fields(&found) })
}

fn full(service: ServiceDescriptor) -> String {
    service.full_name().to_owned()
}

fn fields(method: &MethodDescriptor) -> Vec<String> {
    let names = |field: prost_reflect::FieldDescriptor| {
        [field.name().to_owned(), field.json_name().to_owned()]
    };
    let mut all: Vec<String> = method.input().fields().flat_map(names).collect();
    all.sort();
    all.dedup();
    all
}

fn missing(message: &str, names: impl Iterator<Item = String>) -> Refusal {
    let names: Vec<_> = names.take(NAMES_MAX).collect();
    let has = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    Refusal::Invalid(format!("{message}; it has {has}"))
}

/// Files that are at hand, and those that come with Protocol Buffers.
struct Given(BTreeMap<String, File>);

impl FileResolver for Given {
    fn open_file(&self, name: &str) -> Result<file::File, Error> {
        match self.0.get(name) {
            Some(File(file)) => Ok(file.clone()),
            None => GoogleFileResolver::new().open_file(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use prost_reflect::DescriptorPool;

    use super::*;

    const MAIN: &str = r#"syntax = "proto3";
        package shop.v1;
        import "shop/v1/item.proto";
        import "google/protobuf/timestamp.proto";
        message Ask { string item_id = 1; google.protobuf.Timestamp at = 2; }
        message Unused { Far far = 1; }
        message Far {}
        service Shop { rpc Find(Ask) returns (Item); rpc All(Unused) returns (stream Far); }
        service Other { rpc Nothing(Far) returns (Far); }"#;
    const ITEM: &str = r#"syntax = "proto3"; package shop.v1;
        message Item { Kind kind = 1; map<string, Item> parts = 2; message Spare {} }
        enum Kind { NONE = 0; } enum Else { NO = 0; }"#;

    fn files() -> BTreeMap<String, File> {
        [("shop/v1/main.proto", MAIN), ("shop/v1/item.proto", ITEM)]
            .map(|(name, text)| (name.to_owned(), File::read(name, text).unwrap()))
            .into()
    }

    #[test]
    fn a_method_is_taken_with_its_messages_and_without_the_rest() {
        let main = File::read("shop/v1/main.proto", MAIN).unwrap();
        assert_eq!(main.imports(), ["shop/v1/item.proto"]);
        assert_eq!(main.package(), "shop.v1");
        let found = method("shop/v1/main.proto", files(), "shop.v1.Shop", "Find").unwrap();
        assert_eq!(found.fields, ["at", "itemId", "item_id"]);
        let pool = DescriptorPool::decode(&found.descriptors[..]).unwrap();
        let service = pool.get_service_by_name("shop.v1.Shop").unwrap();
        assert_eq!(service.methods().count(), 1);
        for there in ["shop.v1.Ask", "shop.v1.Item", "google.protobuf.Timestamp"] {
            assert!(pool.get_message_by_name(there).is_some(), "{there}");
        }
        for gone in ["shop.v1.Unused", "shop.v1.Far"] {
            assert!(pool.get_message_by_name(gone).is_none(), "{gone}");
        }
        assert!(pool.get_enum_by_name("shop.v1.Kind").is_some());
        assert!(pool.get_enum_by_name("shop.v1.Else").is_none());
        assert!(pool.get_service_by_name("shop.v1.Other").is_none());
    }

    #[test]
    fn what_is_not_there_is_said_with_what_is() {
        let refused = |service: &str, name: &str| {
            method("shop/v1/main.proto", files(), service, name).unwrap_err().to_string()
        };
        assert!(refused("Shop", "Find").ends_with("it has shop.v1.Shop, shop.v1.Other"));
        assert!(refused("shop.v1.Shop", "find").ends_with("it has Find, All"));
        let alone: BTreeMap<_, _> =
            files().into_iter().filter(|(name, _)| name.contains("main")).collect();
        let lost = method("shop/v1/main.proto", alone, "shop.v1.Shop", "Find").unwrap_err();
        assert!(lost.to_string().contains("item.proto"), "{lost}");
        assert!(File::read("x.proto", "syntax = 'proto3'; message {").is_err());
        assert!(File::read("x.proto", &"message A{".repeat(200_000)).is_err());
    }
}
