//! Log groups and log streams: their names, ids, rules and stored forms.
//!
//! A group or stream has an id of its own besides its name, so that one deleted and
//! created again under the same name never shows the events of its predecessor.

mod export;
pub mod filter;
mod group;
mod id;
mod name;
mod policy;
mod stream;

pub use export::{ExportStatus, ExportTask};
pub use filter::{
    Destination, MetricFilter, MetricTransformation, MetricValue, Progress, SubscriptionFilter, Window,
};
pub use group::{LogGroup, LogGroupClass, RETENTION_DAYS, RetentionDays};
pub use id::{LogGroupId, LogIdError, LogStreamId};
pub use name::{FilterName, LogGroupName, LogNameError, LogStreamName};
pub use policy::ResourcePolicy;
pub use stream::LogStream;
