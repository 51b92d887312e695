//! The running service: loops and their order of start and stop.
