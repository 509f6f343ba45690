//! An event of `tracing` for each attempt of a call to AWS.

use std::time::Instant;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeTransmitInterceptorContextRef, FinalizerInterceptorContextRef,
};
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::{ConfigBag, Storable, StoreReplace};

/// Emits the events; it changes nothing of the call.
#[derive(Debug)]
pub(super) struct CallTrace;

/// The start of an attempt.
#[derive(Debug)]
struct Started(Instant);

impl Storable for Started {
    type Storer = StoreReplace<Self>;
}

impl Intercept for CallTrace {
    fn name(&self) -> &'static str {
        "CallTrace"
    }

    fn read_before_attempt(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        config
            .interceptor_state()
            .store_put(Started(Instant::now()));
        Ok(())
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let operation = config.load::<Metadata>().map_or("unknown", Metadata::name);
        let took = config
            .load::<Started>()
            .map(|Started(since)| since.elapsed());
        let response = context.response();
        let status = response.map(|response| response.status().as_u16());
        let request = response.and_then(|response| response.headers().get("x-amzn-requestid"));
        tracing::debug!(operation, ?status, request, ?took, "AWS answered");
        Ok(())
    }
}
