//! Schedules: cron expressions and intervals on the newsroom's wall clock.
