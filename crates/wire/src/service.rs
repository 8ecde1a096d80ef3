//! What a service offers: its operations and errors, as its model lists them.
//!
//! Every modelled operation is here, served or not: a room answers the ones without a
//! handler with the service's own refusal.

use crate::schema::Schema;
use crate::shape::Shape;

/// A service, as its model describes it.
#[derive(Debug)]
pub struct ServiceModel {
    /// The SDKs' name: `ECS`, `CloudWatch Logs`.
    pub id: &'static str,
    /// The name in a SigV4 scope and in IAM actions' prefix where they agree.
    pub signing_name: &'static str,
    /// The host name's first part: `ecs`, `api.ecr`.
    pub endpoint_prefix: &'static str,
    /// What precedes the operation in `x-amz-target`.
    pub target_prefix: Option<&'static str>,
    /// `1.0` or `1.1`, where AWS JSON is spoken.
    pub json_version: Option<&'static str>,
    /// The date that names the API's version.
    pub api_version: &'static str,
    /// The namespace of XML answers.
    pub xml_namespace: Option<&'static str>,
    /// The protocols spoken, the preferred one first.
    pub protocols: &'static [Protocol],
    /// Whether error answers carry `x-amzn-query-error`.
    pub query_compatible: bool,
    /// Every operation of the model, by name.
    pub operations: &'static [OperationModel],
    /// Every error of the model, by shape name.
    pub errors: &'static [ErrorModel],
}

/// A protocol of AWS services.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Protocol {
    /// AWS JSON 1.0 and 1.1.
    Json,
    /// Query: form in, XML out.
    Query,
    /// EC2's dialect of Query.
    Ec2,
    /// Smithy RPC v2 CBOR.
    Cbor,
    /// REST with JSON.
    RestJson,
    /// REST with XML.
    RestXml,
}

/// An operation, as its model describes it.
#[derive(Debug)]
pub struct OperationModel {
    /// Its name: `RunTask`.
    pub name: &'static str,
    /// The HTTP method.
    pub method: &'static str,
    /// The request URI, with labels where the protocol has them.
    pub uri: &'static str,
    /// The input's schema; none when the operation is not served or takes nothing.
    pub input: Option<&'static Schema>,
    /// The output's schema; none when the operation is not served or answers nothing.
    pub output: Option<&'static Schema>,
    /// The element around a Query answer's members.
    pub result_wrapper: Option<&'static str>,
    /// The shape names of the errors that the operation documents.
    pub errors: &'static [&'static str],
}

/// An error, as its service's model describes it.
#[derive(Debug)]
pub struct ErrorModel {
    /// The shape's name; the code in JSON and CBOR.
    pub shape: &'static str,
    /// The code in Query answers.
    pub code: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// Whether the caller is at fault.
    pub sender: bool,
    /// The error's members.
    pub schema: &'static Schema,
}

/// An operation as a type: names its input, its output and its model.
pub trait Operation: Send + Sync + 'static {
    /// What a request carries.
    type Input: Shape;
    /// What an answer carries.
    type Output: Shape;
    /// The operation's entry in its service's model.
    const MODEL: &'static OperationModel;
    /// The service that the operation belongs to.
    const SERVICE: &'static ServiceModel;
}

impl ServiceModel {
    /// The operation called `name`.
    pub fn operation(&self, name: &str) -> Option<&'static OperationModel> {
        let at = self.operations.binary_search_by(|operation| operation.name.cmp(name)).ok()?;
        Some(&self.operations[at])
    }

    /// The error whose shape name or Query code is `code`.
    pub fn error(&self, code: &str) -> Option<&'static ErrorModel> {
        self.errors.iter().find(|error| error.shape == code || error.code == code)
    }

    /// Whether the service speaks `protocol`.
    pub fn speaks(&self, protocol: Protocol) -> bool {
        self.protocols.contains(&protocol)
    }
}

impl OperationModel {
    /// An operation whose shapes are not generated.
    pub const fn named(name: &'static str, method: &'static str, uri: &'static str) -> Self {
        Self { name, method, uri, input: None, output: None, result_wrapper: None, errors: &[] }
    }
}
