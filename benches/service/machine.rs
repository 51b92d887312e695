//! What is asked of the machine: a process on a core of its own, its processor time, its memory, the time.

use std::path::Path;
use std::process::{Child, Command};

use crate::Res;

/// A program on that core.
pub fn pinned(core: usize, program: &Path) -> Command {
    let mut command = Command::new("taskset");
    command.arg("-c").arg(core.to_string()).arg(program);
    command
}

/// Ends a process softly.
pub fn stop(child: &mut Child) -> Res<()> {
    Command::new("kill").arg(child.id().to_string()).status()?;
    child.wait()?;
    Ok(())
}

/// Milliseconds since 1970.
pub fn epoch_ms() -> f64 {
    let now = std::time::SystemTime::now();
    now.duration_since(std::time::UNIX_EPOCH).map_or(0.0, |d| d.as_secs_f64() * 1000.0)
}

/// Seconds that all threads of a process have been on a core, those that ended included where they are in the coarser
/// count. Source: proc(5): /proc/PID/task/TID/schedstat in nanoseconds; /proc/PID/stat, fields 14 and 15, in hundredths.
pub fn cpu_seconds(pid: u32) -> Res<f64> {
    let mut nanos = 0.0;
    for task in std::fs::read_dir(format!("/proc/{pid}/task"))? {
        // A thread may end while it is asked.
        let text = std::fs::read_to_string(task?.path().join("schedstat")).unwrap_or_default();
        nanos += text.split_whitespace().next().unwrap_or("0").parse::<f64>()?;
    }
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let rest = text.rsplit(')').next().ok_or("stat has a name in brackets")?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let ticks: f64 = fields[11].parse::<f64>()? + fields[12].parse::<f64>()?;
    Ok((nanos / 1e9).max(ticks / 100.0 - 0.01))
}

/// A line of /proc/PID/status, in MB.
pub fn memory_mb(pid: u32, key: &str) -> Res<f64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = text.lines().find(|line| line.starts_with(key)).ok_or("status names its memory")?;
    let kb: f64 = line.split_whitespace().nth(1).ok_or("a number of kB")?.parse()?;
    Ok(kb / 1024.0)
}

/// The value at that share of a list that is not empty.
pub fn quantile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let last = values.len().saturating_sub(1);
    values.get((last as f64 * share).round() as usize).copied().unwrap_or(f64::NAN)
}
