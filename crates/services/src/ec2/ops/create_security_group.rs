//! CreateSecurityGroup: a group that lets nothing in and everything out.

use model::ec2::SecurityGroup;
use store::Txn;
use wire::ec2 as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::ec2::error::Error;
use crate::ec2::store::{self as tables, SecurityGroupRow, VpcRow};
use crate::ec2::{dry_run, groups, tags, wire as render};
use crate::error::ServiceError;
use crate::room::Handler;

/// What names and descriptions may hold beside letters and digits.
const PUNCTUATION: &str = " ._-:/()#,@[]+=&;{}!$*";

impl Handler for shapes::CreateSecurityGroup {
    fn access(ctx: &OpCtx, input: &Self::Input) -> Access {
        let access = Access::new("ec2:CreateSecurityGroup", ctx.arn("ec2", "security-group/*"));
        let vpc = input.vpc_id.iter();
        vpc.fold(access, |access, id| access.and_on(ctx.arn("ec2", format!("vpc/{id}"))))
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        dry_run(input.dry_run)?;
        super::ensure_default_vpc(ctx).await?;
        check("groupName", &input.group_name)?;
        check("groupDescription", &input.description)?;
        if input.group_name.starts_with("sg-") || input.group_name == groups::DEFAULT {
            let text = format!("invalid value '{}' for groupName. It is reserved.", input.group_name);
            return Err(Error::Parameter(text).into());
        }
        let tags = tags::specified(input.tag_specifications.as_deref(), "security-group")?;
        let snapshot = ctx.cloud.store.snapshot();
        let vpc = match &input.vpc_id {
            Some(id) => tables::find::<VpcRow>(&snapshot, &ctx.scope, id)
                .ok_or_else(|| Error::VpcNotFound(id.clone()))?,
            None => tables::default_vpc(&snapshot, &ctx.scope).ok_or(Error::NoDefaultVpc)?,
        };
        if groups::by_name(&snapshot, &ctx.scope, &vpc.id, &input.group_name).is_some() {
            return Err(Error::DuplicateGroup { name: input.group_name, vpc_id: vpc.id.clone() }.into());
        }
        let mut ids = ctx.ids.clone();
        let group = SecurityGroup {
            scope: ctx.scope.clone(),
            id: format!("sg-{}", ctx.ids.hex(17)),
            vpc_id: vpc.id.clone(),
            name: input.group_name,
            description: input.description,
            rules: vec![groups::all_egress(&mut ids)],
            tags,
        };
        // The VPC's record is written anew, so that two groups of one name or a deletion cannot pass each other.
        let same = vpc.row.as_ref().clone();
        let txn = Txn::new().update(&vpc, &same).insert(&SecurityGroupRow(group.clone()));
        ctx.cloud.store.commit(txn).await.map_err(Error::Store)?;
        Ok(Self::Output {
            group_id: Some(group.id.clone()),
            tags: Some(render::tags(&group.tags)),
            security_group_arn: Some(render::group_arn(&group)),
        })
    }
}

fn check(parameter: &str, text: &str) -> Result<(), Error> {
    let fits = |c: char| c.is_ascii_alphanumeric() || PUNCTUATION.contains(c);
    if text.is_empty() || text.len() > 255 || !text.chars().all(fits) {
        return Err(Error::Parameter(format!(
            "Value ({text}) for parameter {parameter} is invalid. Character sets beyond ASCII are not supported."
        )));
    }
    Ok(())
}
