//! The one minijinja environment of templates and conditions.
