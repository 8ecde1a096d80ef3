//! TestMetricFilter: which of some messages a pattern matches.

use std::collections::BTreeMap;

use ::wire::logs::{
    MetricFilterMatchRecord, TestMetricFilter, TestMetricFilterRequest, TestMetricFilterResponse,
};
use telemetry::pattern::Pattern;

use crate::access::Access;
use crate::context::OpCtx;
use crate::error::ServiceError;
use crate::logs::error::Error;
use crate::room::Handler;

impl Handler for TestMetricFilter {
    fn access(_: &OpCtx, _: &TestMetricFilterRequest) -> Access {
        Access::any("logs:TestMetricFilter")
    }

    async fn run(
        _: &OpCtx,
        input: TestMetricFilterRequest,
    ) -> Result<TestMetricFilterResponse, ServiceError> {
        let pattern = Pattern::parse(&input.filter_pattern).map_err(Error::from)?;
        let record = |(number, message): (i64, String)| {
            let values: BTreeMap<String, String> = pattern.extract(&message)?;
            Some(MetricFilterMatchRecord {
                event_number: Some(number),
                event_message: Some(message),
                extracted_values: Some(values),
            })
        };
        let matches = (1..).zip(input.log_event_messages).filter_map(record).collect();
        Ok(TestMetricFilterResponse { matches: Some(matches) })
    }
}
