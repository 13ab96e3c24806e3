//! Files with only what one method needs left in them.

use std::collections::BTreeSet;

use prost_reflect::{
    Kind, MessageDescriptor, MethodDescriptor,
    prost_types::{FileDescriptorProto, FileDescriptorSet},
};

/// Keeps the method, its messages, and what they are made of: whole types of the top level.
pub(super) fn only(mut set: FileDescriptorSet, method: &MethodDescriptor) -> FileDescriptorSet {
    let types = needed(method);
    let service = method.parent_service();
    for file in &mut set.file {
        let package = file.package().to_owned();
        let full = |name: &str| match package.as_str() {
            "" => name.to_owned(),
            package => format!("{package}.{name}"),
        };
        file.message_type.retain(|one| types.contains(&full(one.name())));
        file.enum_type.retain(|one| types.contains(&full(one.name())));
        file.service.retain(|one| full(one.name()) == service.full_name());
        for one in &mut file.service {
            one.method.retain(|one| one.name() == method.name());
        }
        strip(file);
    }
    set
}

/// Extensions may be of types that are gone, and nobody here reads them.
fn strip(file: &mut FileDescriptorProto) {
    file.extension.clear();
    let mut open: Vec<_> = file.message_type.iter_mut().collect();
    while let Some(message) = open.pop() {
        message.extension.clear();
        open.extend(message.nested_type.iter_mut());
    }
}

/// The types of the top level that the method's messages need, by full name.
fn needed(method: &MethodDescriptor) -> BTreeSet<String> {
    let (mut names, mut open) = (BTreeSet::new(), vec![method.input(), method.output()]);
    while let Some(message) = open.pop() {
        let top = outermost(message);
        if names.insert(top.full_name().to_owned()) {
            within(&top, &mut names, &mut open);
        }
    }
    names
}

/// What the fields of a message, and of those inside it, are made of.
fn within(
    top: &MessageDescriptor,
    names: &mut BTreeSet<String>,
    open: &mut Vec<MessageDescriptor>,
) {
    let mut inside = vec![top.clone()];
    while let Some(message) = inside.pop() {
        for field in message.fields() {
            match field.kind() {
                Kind::Message(of) => open.push(of),
                Kind::Enum(of) => match of.parent_message() {
                    Some(parent) => open.push(parent),
                    None => {
                        names.insert(of.full_name().to_owned());
                    }
                },
                _ => {}
            }
        }
        inside.extend(message.child_messages());
    }
}

fn outermost(message: MessageDescriptor) -> MessageDescriptor {
    let mut top = message;
    while let Some(parent) = top.parent_message() {
        top = parent;
    }
    top
}
