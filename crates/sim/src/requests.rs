//! Requests of the world's callers, good and bad, and what their answers must be.

use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use model::ecs::DesiredStatus;
use services::error::Fault;
use services::{OpCtx, Room, ServiceError, ec2, ecs, runner};
use wire::ecs as shape;
use wire::{Operation, Shape};

use crate::dice::Dice;
use crate::ledger::Ledger;
use crate::serving::Serve;
use crate::trace::short;

/// A request.
#[derive(Clone, Debug)]
pub enum Request {
    /// RunTask, and whether it is well formed.
    Run(Box<shape::RunTaskRequest>, bool),
    /// StopTask of a task that is known.
    Stop(String),
    /// StopTask of a task that never was.
    StopUnknown,
    /// DescribeTasks.
    Describe(Vec<String>),
    /// CreateService, UpdateService or DeleteService.
    Serve(Box<Serve>),
}

/// What the caller reads.
#[derive(Clone, Debug)]
pub enum Answer {
    /// Tasks by ARN, and failures with reason and detail.
    Ran(Vec<String>, Vec<(String, String)>),
    /// The task as it is.
    Stopped(Box<shape::Task>),
    /// The tasks as they are.
    Described(Vec<shape::Task>),
    /// The service is as it is to be.
    Served,
}

/// Where containers named `app` listen, and the balancer reaches them.
pub(crate) const PORT: i32 = 80;
/// The families that are registered, each with CPU units and MiB.
const FAMILIES: [(&str, &str, &str); 8] = [
    ("web", "256", "512"),
    ("job", "256", "512"),
    ("stubborn", "512", "1024"),
    ("missing", "256", "512"),
    ("slow", "256", "1024"),
    ("flaky", "512", "1024"),
    ("chain", "256", "512"),
    ("big", "2048", "4096"),
];

impl Request {
    /// A RunTask that ought to be accepted, or to fail for want of capacity only.
    pub fn run(dice: &mut Dice, subnets: &[String], token: Option<String>) -> Request {
        let (family, ..) = dice.pick(&FAMILIES).copied().unwrap_or(("web", "", ""));
        let count = if dice.chance(15) { dice.between(4, 11) } else { dice.between(1, 4) };
        let input = shape::RunTaskRequest {
            task_definition: family.to_owned(),
            count: i32::try_from(count).ok(),
            launch_type: Some("FARGATE".into()),
            network_configuration: Some(network(subnets.to_vec())),
            client_token: token,
            ..shape::RunTaskRequest::default()
        };
        Request::Run(Box::new(input), true)
    }

    /// A RunTask that must be refused.
    pub fn bad(dice: &mut Dice, subnets: &[String]) -> Request {
        let Request::Run(good, _) = Request::run(dice, subnets, None) else { return Request::StopUnknown };
        let good = *good;
        let bad = match dice.below(5) {
            0 => shape::RunTaskRequest { count: Some(11), ..good },
            1 => shape::RunTaskRequest { task_definition: "nobody".into(), ..good },
            2 => shape::RunTaskRequest { cluster: Some("nowhere".into()), ..good },
            3 => shape::RunTaskRequest { network_configuration: None, ..good },
            _ => {
                let elsewhere = Some(network(vec!["subnet-00000000000000000".into()]));
                shape::RunTaskRequest { network_configuration: elsewhere, ..good }
            }
        };
        Request::Run(Box::new(bad), false)
    }

    /// Asks the rooms, as the front door does.
    ///
    /// # Errors
    /// The service's own.
    pub async fn ask(&self, ctx: OpCtx) -> Result<Answer, ServiceError> {
        match self {
            Request::Run(input, _) => {
                let output = call::<shape::RunTask>(&ecs::ROOM, ctx, (**input).clone()).await?;
                let tasks = output.tasks.into_iter().flatten().filter_map(|task| task.task_arn);
                let failures = output.failures.into_iter().flatten();
                let failures = failures
                    .map(|failure| (failure.reason.unwrap_or_default(), failure.detail.unwrap_or_default()));
                Ok(Answer::Ran(tasks.collect(), failures.collect()))
            }
            Request::Stop(_) | Request::StopUnknown => {
                let task = match self {
                    Request::Stop(arn) => arn.clone(),
                    _ => "0".repeat(32),
                };
                let input = shape::StopTaskRequest { task, ..shape::StopTaskRequest::default() };
                let output = call::<shape::StopTask>(&ecs::ROOM, ctx, input).await?;
                Ok(Answer::Stopped(Box::new(output.task.unwrap_or_default())))
            }
            Request::Describe(tasks) => {
                let input = shape::DescribeTasksRequest { tasks: tasks.clone(), ..Default::default() };
                let output = call::<shape::DescribeTasks>(&ecs::ROOM, ctx, input).await?;
                Ok(Answer::Described(output.tasks.unwrap_or_default()))
            }
            Request::Serve(serve) => serve.ask(ctx).await.map(|()| Answer::Served),
        }
    }

    /// What is wrong with an answer, given what is committed.
    pub fn judge(&self, answer: &Result<Answer, ServiceError>, ledger: &Ledger) -> Option<String> {
        let wrong = |text: &str| Some(format!("{self}: {text}"));
        match (self, answer) {
            (Request::Run(_, false) | Request::StopUnknown, Ok(_)) => wrong("accepted what is wrong"),
            (Request::Run(_, false) | Request::StopUnknown, Err(error)) if error.fault == Fault::Receiver => {
                wrong("the caller's mistake was answered as ours")
            }
            (Request::Run(_, false) | Request::StopUnknown, Err(_)) => None,
            // Services come, drain and go while requests for them are under way.
            (Request::Serve(_), _) => None,
            (_, Err(error)) if error.fault == Fault::Sender => {
                wrong(&format!("refused what is right: {error}"))
            }
            (_, Err(_)) => None,
            (Request::Run(input, true), Ok(Answer::Ran(tasks, failures))) => {
                if tasks.iter().any(|arn| ledger.task(arn).is_none()) {
                    return wrong("answered with a task that is not committed");
                }
                if failures.iter().any(|(reason, detail)| reason.is_empty() || detail.is_empty()) {
                    return wrong("a task was not placed, and nobody says why");
                }
                let count = usize::try_from(input.count.unwrap_or(1)).unwrap_or(1);
                let all = tasks.len() + failures.len() == count;
                // A repeated token answers with the tasks of the first request only.
                let fits = all || (input.client_token.is_some() && tasks.len() <= count);
                if fits { None } else { wrong("tasks and failures are not as many as asked for") }
            }
            (Request::Stop(arn), Ok(Answer::Stopped(_))) => {
                let task = ledger.task(arn);
                let stops = task.is_some_and(|task| task.desired_status == DesiredStatus::Stopped);
                if stops { None } else { wrong("acknowledged, and yet not wanted STOPPED") }
            }
            (Request::Describe(arns), Ok(Answer::Described(tasks))) => {
                if tasks.len() == arns.len() {
                    None
                } else {
                    wrong("a known task was not described")
                }
            }
            (_, Ok(_)) => wrong("an answer to another question"),
        }
    }

    /// The request to repeat when its outcome is unknown: only one with a token may be.
    pub fn repeatable(&self) -> Option<(Request, Duration)> {
        match self {
            Request::Run(input, true) if input.client_token.is_some() => {
                Some((self.clone(), Duration::from_secs(1)))
            }
            Request::Run(..)
            | Request::Stop(_)
            | Request::StopUnknown
            | Request::Describe(_)
            | Request::Serve(_) => None,
        }
    }
}

impl std::fmt::Display for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Request::Run(input, good) => {
                let (count, family) = (input.count.unwrap_or(1), &input.task_definition);
                let mark = if *good { "" } else { " (bad)" };
                write!(f, "RunTask {count} x {family}{mark}")
            }
            Request::Stop(arn) => write!(f, "StopTask {}", short(arn)),
            Request::StopUnknown => f.write_str("StopTask of nothing"),
            Request::Describe(arns) => write!(f, "DescribeTasks, {} of them", arns.len()),
            Request::Serve(serve) => write!(f, "{serve}"),
        }
    }
}

pub(crate) fn network(subnets: Vec<String>) -> shape::NetworkConfiguration {
    let awsvpc = shape::AwsVpcConfiguration { subnets, ..shape::AwsVpcConfiguration::default() };
    shape::NetworkConfiguration { awsvpc_configuration: Some(awsvpc) }
}

pub(crate) async fn call<T: Operation>(
    room: &Room,
    ctx: OpCtx,
    input: T::Input,
) -> Result<T::Output, ServiceError> {
    let output = runner::run(room, T::MODEL, ctx, input.into_value()).await?;
    T::Output::from_value(output)
        .map_err(|error| ServiceError::client("SerializationException", error.to_string()))
}

/// Makes the cluster and the task definitions; answers with the subnets.
///
/// # Errors
/// When one of the requests is refused.
pub async fn prepare(ctx: &OpCtx) -> Result<Vec<String>> {
    let refused = |error: ServiceError| anyhow!("{error}");
    let cluster = shape::CreateClusterRequest::default();
    call::<shape::CreateCluster>(&ecs::ROOM, ctx.clone(), cluster).await.map_err(refused)?;
    for (family, cpu, memory) in FAMILIES {
        let input = shape::RegisterTaskDefinitionRequest {
            family: family.into(),
            container_definitions: containers(family),
            requires_compatibilities: Some(vec!["FARGATE".into()]),
            network_mode: Some("awsvpc".into()),
            cpu: Some(cpu.into()),
            memory: Some(memory.into()),
            ..shape::RegisterTaskDefinitionRequest::default()
        };
        let answer = call::<shape::RegisterTaskDefinition>(&ecs::ROOM, ctx.clone(), input).await;
        answer.map_err(refused).context(family)?;
    }
    let input = wire::ec2::DescribeSubnetsRequest::default();
    let found = call::<wire::ec2::DescribeSubnets>(&ec2::ROOM, ctx.clone(), input).await.map_err(refused)?;
    Ok(found.subnets.into_iter().flatten().filter_map(|subnet| subnet.subnet_id).collect())
}

fn containers(family: &str) -> Vec<shape::ContainerDefinition> {
    let container = |name: &str, image: &str, essential: bool| shape::ContainerDefinition {
        name: Some(name.into()),
        image: Some(format!("{image}:1")),
        essential: Some(essential),
        stop_timeout: Some(5),
        ..shape::ContainerDefinition::default()
    };
    let depends = |name: &str, condition: &str| {
        Some(vec![shape::ContainerDependency { container_name: name.into(), condition: condition.into() }])
    };
    match family {
        "chain" => vec![
            container("prepare", "job", false),
            shape::ContainerDefinition {
                depends_on: depends("prepare", "SUCCESS"),
                ..container("app", "web", true)
            },
            shape::ContainerDefinition {
                depends_on: depends("app", "START"),
                restart_policy: Some(shape::ContainerRestartPolicy {
                    enabled: true,
                    restart_attempt_period: Some(60),
                    ..shape::ContainerRestartPolicy::default()
                }),
                ..container("sidecar", "flaky", false)
            },
        ],
        "big" => vec![container("app", "web", true)],
        other => {
            let port = shape::PortMapping { container_port: Some(PORT), ..Default::default() };
            vec![shape::ContainerDefinition {
                port_mappings: Some(vec![port]),
                ..container("app", other, true)
            }]
        }
    }
}
