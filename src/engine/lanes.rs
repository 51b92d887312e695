//! The loop of one channel: turns its lane, sleeps until the time a turn names, wakes when something changed.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio_util::sync::CancellationToken;

use super::{Setup, rest};
use crate::publish::Channel;
use crate::publish::lane::{Lane, Turn};

/// The longest sleep: clock jumps and suspends are noticed within it. Source: dependencies.md, "scheduler".
const LONGEST: Duration = Duration::from_secs(30);

/// Runs until stopped; then stores what is kept back.
pub async fn drive(setup: Arc<Setup>, channel: Channel, stop: CancellationToken) {
    let mut changed = setup.changed.subscribe();
    let mut lane = Lane::new(setup.house.clone(), channel.clone());
    let mut failures = 0u32;
    while !stop.is_cancelled() {
        changed.mark_unchanged();
        setup.ticked();
        let turn = match AssertUnwindSafe(lane.turn()).catch_unwind().await {
            Ok(turn) => turn,
            Err(_) => {
                // A bug. What was in flight is found by the sweep; the lane starts anew.
                tracing::error!(channel.id = %channel.name, "the channel's worker panicked; it starts anew");
                lane = Lane::new(setup.house.clone(), channel.clone());
                Ok(Turn::Idle(Some(setup.house.clock.now() + jiff::SignedDuration::from_secs(5))))
            }
        };
        match turn {
            Ok(Turn::Again) => failures = 0,
            Ok(Turn::Idle(until)) => {
                failures = 0;
                let time = until.map_or(LONGEST, |until| {
                    let left = until.duration_since(setup.house.clock.now());
                    Duration::try_from(left).unwrap_or(Duration::ZERO).clamp(Duration::from_millis(1), LONGEST)
                });
                tokio::select! {
                    () = stop.cancelled() => {}
                    _ = changed.changed() => {}
                    () = tokio::time::sleep(time) => {}
                }
            }
            Err(error) => {
                failures += 1;
                if failures.is_power_of_two() {
                    tracing::warn!(channel.id = %channel.name, %error, failures, "the store failed; tried again");
                }
                rest(Duration::from_millis(100) * failures.min(100), &stop).await;
            }
        }
    }
    for _ in 0..20 {
        match lane.flush().await {
            Ok(()) => return,
            Err(error) => {
                tracing::warn!(channel.id = %channel.name, %error, "the last outcome could not be stored yet");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}
