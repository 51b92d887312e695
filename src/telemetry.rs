//! Tracing set-up; the names of all metrics and log fields, as constants.
