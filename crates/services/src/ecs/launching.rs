//! Making tasks: places them, leases their addresses, and gathers all writes in one transaction.
//!
//! RunTask and the service scheduler both make tasks here. Whoever calls holds `Cloud::placing`, so
//! that placements wait for each other instead of meeting in conflicts.

use std::collections::{BTreeMap, BTreeSet};

use model::Timestamp;
use model::ec2::NetworkInterface;
use model::ecs::container_definition::KeyValuePair;
use model::ecs::task::{Attachment, AttachmentStatus};
use model::ecs::task_definition::TaskDefinition;
use model::ecs::{Cluster, DesiredStatus, Task};
use store::{Snapshot, Txn};

use super::error::Error;
use super::placement::{Placement, Unplaced};
use super::roles;
use super::rules::launch::{self, Capacity, Launch};
use super::store::{TaskRow, service, tasks_of_service};
use crate::context::Ids;
use crate::ec2;
use crate::ec2::interfaces::{Lease, LeaseRequest};

/// What tasks are made from and in.
#[derive(Debug)]
pub(crate) struct Maker<'a> {
    /// What is there.
    pub snapshot: &'a Snapshot,
    /// The cluster that the tasks join.
    pub cluster: &'a Cluster,
    /// The time.
    pub now: Timestamp,
    /// Where ids come from.
    pub ids: Ids,
}

/// The writes, the tasks in them, and why the others found no place.
#[derive(Debug)]
pub(crate) struct Made {
    /// To be committed by the caller.
    pub txn: Txn,
    /// The tasks, placed and with their interfaces.
    pub tasks: Vec<Task>,
    /// One for each task without a place.
    pub unplaced: Vec<Unplaced>,
}

impl Maker<'_> {
    /// Makes one task for each of `capacities`.
    pub(crate) fn make(
        &self,
        launch: &Launch,
        definition: &TaskDefinition,
        capacities: &[Capacity],
    ) -> Result<Made, Error> {
        self.check(launch, definition, capacities)?;
        self.check_roles(launch, definition)?;
        let mut placement = Placement::new(self.snapshot, self.cluster);
        let (mut txn, mut tasks, mut unplaced) = (Txn::new(), Vec::new(), Vec::new());
        let mut taken: Vec<NetworkInterface> = Vec::new();
        let mut crowd = self.crowd(launch);
        for capacity in capacities {
            let mut task =
                self.ids.with(|ids| launch::task(launch, self.cluster, definition, capacity, self.now, ids));
            let placed = match &capacity.instance {
                Some(instance) => placement.place_on(&mut task, definition, instance)?,
                None => placement.place(&mut task, definition, &launch.wishes, &mut self.ids.clone())?,
            };
            if let Err(why) = placed {
                unplaced.push(why);
                continue;
            }
            if task.spec.network.is_some() {
                let (next, lease) = self.lease(txn, &task, (&taken, &crowd))?;
                attach(&mut task, &lease);
                *crowd.entry(lease.interface.availability_zone.clone()).or_default() += 1;
                taken.push(lease.interface);
                txn = next;
            }
            txn = txn.insert(&TaskRow(task.clone()));
            tasks.push(task);
        }
        Ok(Made { txn: placement.commit(txn), tasks, unplaced })
    }

    /// How many live tasks of the same deployment each zone has: services spread over zones, single tasks do not ask.
    fn crowd(&self, launch: &Launch) -> BTreeMap<String, usize> {
        let mut crowd = BTreeMap::new();
        let owner = launch.service.as_ref();
        let owner =
            owner.and_then(|name| service(self.snapshot, &self.cluster.scope, &self.cluster.name, name));
        let tasks = owner.map(|owner| tasks_of_service(self.snapshot, &owner)).unwrap_or_default();
        let is_live = |task: &&store::Versioned<TaskRow>| {
            task.desired_status == DesiredStatus::Running && task.spec.started_by == launch.started_by
        };
        for zone in tasks.iter().filter(is_live).filter_map(|task| task.seen.availability_zone.clone()) {
            *crowd.entry(zone).or_default() += 1;
        }
        crowd
    }

    /// Whether the definition can run in the network and on the capacity that it is asked to.
    pub(crate) fn check(
        &self,
        launch: &Launch,
        definition: &TaskDefinition,
        capacities: &[Capacity],
    ) -> Result<(), Error> {
        for launch_type in capacities.iter().map(|it| it.launch_type).collect::<BTreeSet<_>>() {
            launch::check(launch, definition, launch_type)?;
        }
        let Some(network) = &launch.network else { return Ok(()) };
        ec2::interfaces::check(self.snapshot, &self.cluster.scope, &network.subnets, &network.security_groups)
            .map_err(network_error)
    }

    /// Whether ECS can take the roles of the tasks. A service is made without them, and says so in its events.
    fn check_roles(&self, launch: &Launch, definition: &TaskDefinition) -> Result<(), Error> {
        let (changes, spec) = (&launch.overrides, &definition.spec);
        let named = [
            changes.task_role_arn.as_ref().or(spec.task_role_arn.as_ref()),
            changes.execution_role_arn.as_ref().or(spec.execution_role_arn.as_ref()),
        ];
        roles::check(self.snapshot, &self.cluster.scope, named, &self.cluster.arn().to_string())
    }

    fn lease(
        &self,
        txn: Txn,
        task: &Task,
        (taken, crowd): (&[NetworkInterface], &BTreeMap<String, usize>),
    ) -> Result<(Txn, AttachedLease), Error> {
        let network = task.spec.network.clone().unwrap_or_default();
        let id = self.ids.uuid();
        let attachment =
            model::Arn::new("ecs", &task.scope, format!("attachment/{}/{id}", task.cluster)).to_string();
        let request = LeaseRequest {
            scope: &task.scope,
            subnets: &network.subnets,
            security_groups: &network.security_groups,
            task_arn: &task.arn().to_string(),
            attachment_arn: &attachment,
            crowd,
            taken,
            now: self.now,
        };
        let mut ids = self.ids.clone();
        let (txn, Lease { interface, .. }) =
            ec2::interfaces::lease(self.snapshot, txn, &request, &mut ids).map_err(network_error)?;
        Ok((txn, AttachedLease { id, interface }))
    }
}

/// A leased interface and the id of the attachment that it becomes.
struct AttachedLease {
    id: String,
    interface: NetworkInterface,
}

fn attach(task: &mut Task, lease: &AttachedLease) {
    let interface = &lease.interface;
    let details = [
        ("subnetId", interface.subnet_id.clone()),
        ("networkInterfaceId", interface.id.clone()),
        ("macAddress", interface.mac.to_string()),
        ("privateDnsName", ec2::wire::private_dns_name(interface)),
        ("privateIPv4Address", interface.address.to_string()),
    ];
    task.seen.availability_zone = Some(interface.availability_zone.clone());
    task.attachments.push(Attachment {
        id: lease.id.clone(),
        kind: "ElasticNetworkInterface".into(),
        status: AttachmentStatus::Precreated,
        details: details.map(|(name, value)| KeyValuePair { name: name.into(), value }).to_vec(),
    });
}

/// EC2's refusals in the words in which ECS passes them on.
fn network_error(error: ec2::error::Error) -> Error {
    let code = error.code();
    match error {
        ec2::error::Error::Store(source) => Error::Store(source),
        ec2::error::Error::SubnetNotFound(ref id) => Error::InvalidParameter(format!(
            "Error retrieving subnet information for [{id}]: {error} (ErrorCode: {code})"
        )),
        ec2::error::Error::GroupNotFound(ref id) => Error::InvalidParameter(format!(
            "Error retrieving security group information for [{id}]: {error} (ErrorCode: {code})"
        )),
        other => Error::InvalidParameter(format!("{other} (ErrorCode: {code})")),
    }
}
