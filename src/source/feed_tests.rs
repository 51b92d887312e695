//! Tests
use super::*;
