//! Publishing: claim, send, record, reconcile.
