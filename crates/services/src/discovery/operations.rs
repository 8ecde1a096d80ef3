//! Operations: what Cloud Map answers instead of the thing that was made. Here all of them are done at once.

use model::discovery::{Operation, OperationTargets};

use crate::context::OpCtx;

/// An operation on a namespace.
pub(super) fn namespace(ctx: &OpCtx, kind: &str, id: &str) -> Operation {
    operation(ctx, kind, [("NAMESPACE", id)])
}

/// An operation on a service.
pub(super) fn service(ctx: &OpCtx, kind: &str, id: &str) -> Operation {
    operation(ctx, kind, [("SERVICE", id)])
}

/// An operation on an instance of a service.
pub(super) fn instance(ctx: &OpCtx, kind: &str, service: &str, id: &str) -> Operation {
    operation(ctx, kind, [("INSTANCE", id), ("SERVICE", service)])
}

fn operation<const N: usize>(ctx: &OpCtx, kind: &str, targets: [(&str, &str); N]) -> Operation {
    let targets: OperationTargets = targets.map(|(kind, id)| (kind.to_owned(), id.to_owned())).into();
    let (long, short) = ctx.ids.with(|ids| (ids.base32(32), ids.base32(8)));
    Operation {
        scope: ctx.scope.clone(),
        id: format!("{long}-{short}").to_ascii_lowercase(),
        kind: kind.to_owned(),
        targets,
        at: ctx.now,
    }
}
