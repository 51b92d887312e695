//! The service's port: health, metrics and read-only pages.
