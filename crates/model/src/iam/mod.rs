//! Identity and access: what belongs to an account as a whole, in no region.

mod access_key;
mod account;
mod group;
mod holder;
mod instance_profile;
mod name;
mod policy;
mod role;
mod server_certificate;
mod user;

pub use access_key::{KeyStatus, LastUse, UserKey};
pub use account::AccountFacts;
pub use group::Group;
pub use holder::{Identity, Permissions};
pub use instance_profile::InstanceProfile;
pub use name::{EntityName, EntityPath};
pub use policy::{ManagedPolicy, PolicyVersion};
pub use role::Role;
pub use server_certificate::{CertificateName, CertificatePath, CertificateUse, ServerCertificate};
pub use user::User;
