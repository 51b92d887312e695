//! The config file: load, check, point at faults.
