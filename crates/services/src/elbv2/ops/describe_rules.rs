//! DescribeRules: those of a listener by priority, the default one last; or those named.

use store::key;
use wire::elbv2 as shapes;

use crate::access::Access;
use crate::context::OpCtx;
use crate::elbv2::error::Error;
use crate::elbv2::find::FoundRule;
use crate::elbv2::store::rules;
use crate::elbv2::wire::listener::{write_default_rule, write_rule};
use crate::elbv2::{find, page};
use crate::error::ServiceError;
use crate::room::Handler;

impl Handler for shapes::DescribeRules {
    fn access(_: &OpCtx, _: &Self::Input) -> Access {
        Access::any("elasticloadbalancing:DescribeRules")
    }

    async fn run(ctx: &OpCtx, input: Self::Input) -> Result<Self::Output, ServiceError> {
        let snapshot = ctx.cloud.store.snapshot();
        let arns = input.rule_arns.unwrap_or_default();
        let mut shown: Vec<shapes::Rule> = Vec::new();
        match (&input.listener_arn, &arns[..]) {
            (None, []) => {
                let message = "You must specify either listener rule ARNs or a listener ARN";
                return Err(Error::validation(message).into());
            }
            (Some(_), [_, ..]) => {
                let message = "You can't specify both a listener ARN and listener rule ARNs";
                return Err(Error::validation(message).into());
            }
            (Some(arn), []) => {
                let listener = find::listener(&snapshot, &ctx.scope, arn)?;
                let rules = rules(&snapshot, &ctx.scope, &listener.id);
                shown.extend(rules.iter().map(|rule| write_rule(rule)));
                shown.push(write_default_rule(&listener));
            }
            (None, arns) => {
                for arn in arns {
                    shown.push(match find::rule(&snapshot, &ctx.scope, arn)? {
                        FoundRule::Rule(rule) => write_rule(&rule),
                        FoundRule::Default(listener) => write_default_rule(&listener),
                    });
                }
            }
        }
        let keyed = shown.into_iter().zip(0u32..).map(|(rule, at)| (key![at], rule));
        let (rules, next_marker) = page::cut_by(keyed, input.marker.as_deref(), input.page_size)?;
        Ok(Self::Output { rules: Some(rules), next_marker })
    }
}
