//! The shape of a room: a table of operations, and how the room says no.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use auth::rejection::Family;
use wire::{DecodeError, Operation, OperationModel, Protocol, ServiceModel, Shape, Value, Violation};

use crate::access::Access;
use crate::context::OpCtx;
use crate::error::ServiceError;

/// One operation of a room. Implemented for the operation's marker type: `impl Handler for wire::ecs::RunTask`.
pub trait Handler: Operation {
    /// What the caller must be allowed to do.
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access;

    /// Parse, load, decide, commit, render. Run again from the start when the store reports a
    /// conflict, so nothing but the commit may have an effect.
    fn run(
        ctx: &OpCtx,
        input: Self::Input,
    ) -> impl Future<Output = Result<Self::Output, ServiceError>> + Send;
}

/// A boxed answer.
pub type Answer = Pin<Box<dyn Future<Output = Result<Value, ServiceError>> + Send>>;

/// An entry of a room's table: a handler whose types have been erased.
#[derive(Clone, Copy)]
pub struct Entry {
    /// The operation's model.
    pub model: &'static OperationModel,
    /// Decodes the input and names the access that it needs.
    pub access: fn(&OpCtx, Value) -> Result<Access, DecodeError>,
    /// Decodes the input, runs the handler and encodes the output.
    pub run: fn(Arc<OpCtx>, Value) -> Answer,
}

/// The entry of the operation `T`.
pub const fn op<T: Handler>() -> Entry {
    Entry { model: T::MODEL, access: access::<T>, run: run::<T> }
}

fn access<T: Handler>(ctx: &OpCtx, input: Value) -> Result<Access, DecodeError> {
    T::Input::from_value(input).map(|input| T::access(ctx, &input))
}

fn run<T: Handler>(ctx: Arc<OpCtx>, input: Value) -> Answer {
    Box::pin(async move {
        // `access` has decoded the same value before.
        let input = T::Input::from_value(input)
            .map_err(|error| ServiceError::client("SerializationException", error.to_string()))?;
        T::run(&ctx, input).await.map(Shape::into_value)
    })
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.model.name)
    }
}

/// A service as Longshore serves it.
#[derive(Clone, Copy)]
pub struct Room {
    /// The service's model.
    pub service: &'static ServiceModel,
    /// The operations that are served.
    pub operations: &'static [Entry],
    /// How the service answers input that breaks its model's constraints. `None` accepts it:
    /// not every service checks everything that its model says.
    pub violation: fn(&OperationModel, &[Violation]) -> Option<ServiceError>,
    /// How the service answers a modelled operation that is not served.
    pub unsupported: fn(&str) -> ServiceError,
}

impl Room {
    /// The served operation called `name`.
    pub fn entry(&self, name: &str) -> Option<&'static Entry> {
        self.operations.iter().find(|entry| entry.model.name == name)
    }
}

/// How a service names the errors that all services have.
pub fn family(service: &ServiceModel) -> Family {
    match service.protocols.first() {
        Some(Protocol::Ec2) => Family::Ec2,
        Some(Protocol::Query | Protocol::RestXml) => Family::Query,
        Some(Protocol::Json | Protocol::Cbor | Protocol::RestJson) | None => Family::Json,
    }
}

impl fmt::Debug for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Room({}, {:?})", self.service.id, self.operations)
    }
}

/// Most services' answer to broken constraints: `N validation errors detected: Value …; Value …`.
pub fn validation_text(violations: &[Violation]) -> String {
    let all: Vec<_> = violations.iter().map(ToString::to_string).collect();
    let count = all.len();
    let errors = if count == 1 { "error" } else { "errors" };
    format!("{count} validation {errors} detected: {}", all.join("; "))
}

/// A path as the services of the Query family write it: `Tags[0].Key` is `tags[0].key`.
pub fn lower_camel(path: &str) -> String {
    let lower = |step: &str| {
        let mut letters = step.chars();
        let first = letters.next().map(|letter| letter.to_ascii_lowercase());
        first.into_iter().chain(letters).collect::<String>()
    };
    path.split('.').map(lower).collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_written_in_lower_camel_case() {
        assert_eq!(lower_camel("Tags[0].Key"), "tags[0].key");
        assert_eq!(lower_camel("DurationSeconds"), "durationSeconds");
    }
}
