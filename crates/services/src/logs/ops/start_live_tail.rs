//! StartLiveTail: begins a session; its frames follow as the answer's body (see `logs::live`).

use ::wire::logs::{
    LiveTailSessionStart, StartLiveTail, StartLiveTailRequest, StartLiveTailResponse,
    StartLiveTailResponseStream,
};
use telemetry::pattern::Pattern;

use crate::access::Access;
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::logs::classes::{self, Feature};
use crate::logs::error::Error;
use crate::logs::live::Wanted;
use crate::logs::store;
use crate::logs::wire::{access_arn, identified};
use crate::room::Handler;

impl Handler for StartLiveTail {
    fn access(ctx: &OpCtx, input: &StartLiveTailRequest) -> Access {
        let groups = input.log_group_identifiers.iter();
        Access::each("logs:StartLiveTail", groups.map(|group| access_arn(&ctx.scope, None, Some(group))))
    }

    async fn run(ctx: &OpCtx, input: StartLiveTailRequest) -> Result<StartLiveTailResponse, ServiceError> {
        let wanted = wanted(ctx, &input)?;
        let start = LiveTailSessionStart {
            request_id: Some(ctx.request_id.clone()),
            session_id: Some(ctx.ids.uuid()),
            log_group_identifiers: Some(input.log_group_identifiers),
            log_stream_names: Some(input.log_stream_names.unwrap_or_default()),
            log_stream_name_prefixes: Some(input.log_stream_name_prefixes.unwrap_or_default()),
            log_event_filter_pattern: Some(input.log_event_filter_pattern.unwrap_or_default()),
        };
        let (store, tail) = (ctx.cloud.store.clone(), ctx.cloud.logs.tail());
        if !ctx.cloud.live_tails.start(store, tail, start.clone(), wanted) {
            return Err(Error::LimitExceeded(
                "The number of concurrent Live Tail sessions is at its limit of 15.".into(),
            )
            .into());
        }
        let stream = StartLiveTailResponseStream { session_start: Some(start), ..Default::default() };
        Ok(StartLiveTailResponse { response_stream: Some(stream) })
    }
}

fn wanted(ctx: &OpCtx, input: &StartLiveTailRequest) -> Result<Wanted, Error> {
    let identifiers = &input.log_group_identifiers;
    if identifiers.iter().any(|raw| !raw.starts_with("arn:") || raw.ends_with('*')) {
        return Err(Error::parameter(
            "Log groups must be specified by their ARNs, without a trailing asterisk.",
        ));
    }
    let (names, prefixes) = (&input.log_stream_names, &input.log_stream_name_prefixes);
    if names.is_some() && prefixes.is_some() {
        return Err(Error::parameter(
            "Only one of logStreamNames and logStreamNamePrefixes can be specified.",
        ));
    }
    if (names.is_some() || prefixes.is_some()) && identifiers.len() > 1 {
        return Err(Error::parameter("Log streams can be specified only with a single log group."));
    }
    let snapshot = ctx.cloud.store.snapshot();
    let group = |raw: &String| {
        let group = store::group(&snapshot, &ctx.scope, &identified(&ctx.scope, raw)?)?.0.clone();
        classes::allow(&group, Feature::LiveTail).map(|()| group)
    };
    Ok(Wanted {
        groups: identifiers.iter().map(group).collect::<Result<_, Error>>()?,
        streams: names.clone().unwrap_or_default(),
        prefixes: prefixes.clone().unwrap_or_default(),
        pattern: Pattern::parse(input.log_event_filter_pattern.as_deref().unwrap_or_default())?,
    })
}
