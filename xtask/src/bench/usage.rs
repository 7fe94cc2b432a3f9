//! What a process has used so far, as Linux tells it, and looking at it while it works.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};

/// Seconds that all threads of a process have spent on a processor.
pub(super) fn cpu_seconds(process: u32) -> Result<f64> {
    let folder = format!("/proc/{process}/task");
    let tasks = fs::read_dir(&folder).with_context(|| format!("could not read {folder}"))?;
    let mut nanoseconds = 0.0;
    for task in tasks {
        let path = task?.path().join("schedstat");
        let text = fs::read_to_string(&path)
            .with_context(|| format!("could not read {}", path.display()))?;
        let first = text.split(' ').next().and_then(|word| word.parse().ok());
        let spent: f64 = first.with_context(|| format!("{} says {text}", path.display()))?;
        nanoseconds += spent;
    }
    Ok(nanoseconds / 1e9)
}

/// Bytes of memory that a process occupies.
pub(super) fn resident_bytes(process: u32) -> Result<f64> {
    let path = format!("/proc/{process}/status");
    let status = fs::read_to_string(&path).with_context(|| format!("could not read {path}"))?;
    resident(&status).with_context(|| format!("{path} has no VmRSS"))
}

fn resident(status: &str) -> Option<f64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: f64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes * 1024.0)
}

/// Calls `look` again and again on another thread, until `work` is done.
pub(super) fn while_looking<T>(look: impl Fn() + Sync, work: impl FnOnce() -> T) -> T {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                look();
                thread::sleep(PAUSE);
            }
        });
        let result = work();
        done.store(true, Ordering::Relaxed);
        result
    })
}

/// Long enough to disturb nobody.
const PAUSE: Duration = Duration::from_millis(50);

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;

    use super::*;

    #[test]
    fn this_process_has_used_something() {
        let own = std::process::id();
        let before = cpu_seconds(own).expect("Linux tells it");
        let sum = (0..20_000_000_u64).fold(0, |sum: u64, number| sum.wrapping_mul(31) ^ number);
        assert!(cpu_seconds(own).expect("Linux tells it") > before, "{sum}");
        assert!(resident_bytes(own).expect("Linux tells it") > 1e5);
    }

    #[test]
    fn resident_memory_is_in_kibibytes() {
        assert_eq!(
            resident("VmPeak:\t9 kB\nVmRSS:\t    12 kB\n"),
            Some(12_288.0)
        );
        assert_eq!(resident("VmPeak:\t9 kB\n"), None);
    }

    #[test]
    fn somebody_looks_until_the_work_is_done() {
        let looks = AtomicU32::new(0);
        let look = || {
            looks.fetch_add(1, Ordering::Relaxed);
        };
        let result = while_looking(look, || {
            while looks.load(Ordering::Relaxed) < 2 {
                thread::yield_now();
            }
            7
        });
        assert_eq!(result, 7);
    }
}
