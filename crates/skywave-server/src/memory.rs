//! How much memory the process uses, and how much it may use.
//!
//! A process without memory is killed: by then it is too late to refuse anything. So there may be a
//! limit above which newcomers and events are refused, and those who are connected are served.
//!
//! **It ends** when clearly less is used ([`MARGIN`]), so that a process at its limit does not change
//! its mind every second; or when clearly fewer connections are open. The latter because an allocator
//! cannot give back a page with anything left in it: of a million connections half may go, and the
//! process uses as much as before, with room for as many to come. It then takes them until there are as
//! many as before, or until more is used than ever.
//!
//! **What counts** is what the system says of the whole process: memory that is resident or paged
//! out, whoever asked for it, an application around the server included. The kernel's own buffers for
//! sockets do not count. Between two looks a second passes: a limit has to leave room for what may
//! come within one. Inboxes and outboxes have bounds of their own.
//!
//! Only Linux is asked so far. Elsewhere a limit has no effect, which is logged at the start.

use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// The memory of this process, as of the last look.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    limited: Option<Limited>,
}

/// The memory of a process that may use so much.
#[derive(Debug)]
struct Limited {
    limit: usize,
    meter: Meter,
    used: AtomicUsize,
    over: AtomicBool,
    /// Since the limit was passed, until clearly less is used.
    passed: Mutex<Option<Passed>>,
}

/// How it was when the limit was passed last.
#[derive(Debug, Clone, Copy)]
struct Passed {
    /// The most that was used since.
    used: usize,
    connections: usize,
}

impl Memory {
    /// With a limit in bytes, or without one.
    pub(crate) fn new(limit: Option<usize>) -> Self {
        let limited = limit.and_then(|limit| match Limited::new(limit) {
            Ok(limited) => Some(limited),
            Err(error) => {
                tracing::warn!(%error, limit, "memory cannot be measured here, so it has no limit");
                None
            }
        });
        Self { limited }
    }

    /// Whether nobody new is to be let in, and nothing new to be published.
    pub(crate) fn is_over(&self) -> bool {
        let over = |limited: &Limited| limited.over.load(Ordering::Relaxed);
        self.limited.as_ref().is_some_and(over)
    }

    /// Bytes that are used and bytes that may be; `None` without a limit.
    pub(crate) fn used_of(&self) -> Option<(usize, usize)> {
        let limited = self.limited.as_ref()?;
        Some((limited.used.load(Ordering::Relaxed), limited.limit))
    }

    /// Looks again, with so many connections open. When that cannot be done, everything stays as it
    /// was.
    pub(crate) fn look(&self, connections: usize) {
        if let Some(limited) = &self.limited {
            if limited.passed().is_some() {
                nudge_allocator();
            }
            if let Ok(used) = limited.meter.used() {
                limited.note(used, connections);
            }
        }
    }
}

impl Limited {
    fn new(limit: usize) -> io::Result<Self> {
        let meter = Meter::open()?;
        let used = meter.used()?;
        let limited = Self {
            limit,
            meter,
            used: AtomicUsize::new(0),
            over: AtomicBool::new(false),
            passed: Mutex::default(),
        };
        limited.note(used, 0);
        Ok(limited)
    }

    fn note(&self, used: usize, connections: usize) {
        let margin = self.limit / MARGIN;
        let was_over = self.over.load(Ordering::Relaxed);
        let passed = match self.passed() {
            None if used <= self.limit => None,
            None => Some(Passed { used, connections }),
            Some(_) if used <= self.limit - margin => None,
            Some(passed) => Some(passed),
        };
        let (passed, over) = match passed {
            None => (None, false),
            Some(mut passed) => {
                let over = if was_over {
                    passed.used = passed.used.max(used);
                    connections >= passed.connections - passed.connections / MARGIN
                } else {
                    used >= passed.used + margin || connections >= passed.connections
                };
                if over && !was_over {
                    // The next time, fewer have to be enough.
                    let connections = passed.connections.min(connections);
                    passed = Passed { used, connections };
                }
                (Some(passed), over)
            }
        };
        *self.passed.lock().unwrap_or_else(PoisonError::into_inner) = passed;
        self.used.store(used, Ordering::Relaxed);
        self.over.store(over, Ordering::Relaxed);
    }

    fn passed(&self) -> Option<Passed> {
        *self.passed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Has the allocator give back what is free.
///
/// mimalloc, which the command `skywave` has where the C library is musl, does that a second later, but
/// only when somebody frees a page. In a server that refuses everything nobody would, and it would stay over
/// its limit for ever. A block so large has pages of its own; nothing is written to it.
fn nudge_allocator() {
    drop(std::hint::black_box(Vec::<u8>::with_capacity(NUDGE_BYTES)));
}

const NUDGE_BYTES: usize = 4 * 1024 * 1024;

/// One part in so many has to be free again, or so many connections gone, before anybody is let in.
const MARGIN: usize = 20;

/// Where the system tells of this process. The file stays open, since a process without descriptors
/// could not open it any more.
#[derive(Debug)]
struct Meter(File);

impl Meter {
    fn open() -> io::Result<Self> {
        if cfg!(target_os = "linux") {
            File::open(STATUS).map(Self)
        } else {
            Err(io::ErrorKind::Unsupported.into())
        }
    }

    /// Bytes of memory that the process uses.
    fn used(&self) -> io::Result<usize> {
        let status = self.read()?;
        let resident = bytes_of(&status, "VmRSS:").ok_or(io::ErrorKind::InvalidData)?;
        Ok(resident + bytes_of(&status, "VmSwap:").unwrap_or(0))
    }

    #[cfg(unix)]
    fn read(&self) -> io::Result<String> {
        use std::os::unix::fs::FileExt;

        let mut text = vec![0; STATUS_BYTES];
        let mut length = 0;
        loop {
            match self.0.read_at(&mut text[length..], length as u64)? {
                0 => break,
                read => length += read,
            }
        }
        text.truncate(length);
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    #[cfg(not(unix))]
    fn read(&self) -> io::Result<String> {
        io::read_to_string(&self.0)
    }
}

/// Bytes of the process that are resident, where the system tells.
pub(crate) fn resident() -> Option<usize> {
    bytes_of(&std::fs::read_to_string(STATUS).ok()?, "VmRSS:")
}

/// What a line of the file says, in bytes.
fn bytes_of(status: &str, name: &str) -> Option<usize> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    let kilobytes: usize = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

const STATUS: &str = "/proc/self/status";

/// More than the file has: about 60 lines, and one of them grows with the number of processors.
const STATUS_BYTES: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_the_system_is_read() {
        let status = "Name:\tskywave\nVmPeak:\t   30000 kB\nVmRSS:\t   12345 kB\nVmSwap:\t 1 kB\n";
        assert_eq!(bytes_of(status, "VmRSS:"), Some(12345 * 1024));
        assert_eq!(bytes_of(status, "VmSwap:"), Some(1024));
        assert_eq!(bytes_of("VmRSS:\tmuch kB\n", "VmRSS:"), None);
        assert_eq!(bytes_of("", "VmRSS:"), None);
    }

    #[test]
    fn without_a_limit_nothing_is_ever_over() {
        let memory = Memory::new(None);
        memory.look(0);
        assert!(!memory.is_over());
        assert_eq!(memory.used_of(), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_process_is_measured_again_and_again() {
        let memory = Memory::new(Some(usize::MAX));
        let used = || memory.used_of().expect("there is a limit").0;
        assert!(used() > 100_000, "{}", used());
        let (before, ballast) = (used(), vec![1_u8; 64 * 1024 * 1024]);
        memory.look(0);
        assert!(used() > before + ballast.len() / 2);
        assert!(Memory::new(Some(1)).is_over());
    }

    /// Whether it is over after each of these looks: what is used, and how many connections are open.
    #[cfg(target_os = "linux")]
    fn over_at(looks: &[(usize, usize)]) -> Vec<bool> {
        let limited = Limited::new(1_000).expect("a process of Linux");
        limited.note(0, 0);
        let over = |&(used, connections)| {
            limited.note(used, connections);
            limited.over.load(Ordering::Relaxed)
        };
        looks.iter().map(over).collect()
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn it_is_over_above_the_limit_until_clearly_less_is_used() {
        let used = [900, 1_000, 1_001, 1_000, 951, 950, 1_000, 2_000];
        let over = over_at(&used.map(|used| (used, 100)));
        assert_eq!(over, [false, false, true, true, true, false, false, true]);
        // Without connections none can go.
        assert_eq!(over_at(&[(1_001, 0), (1_001, 0)]), [true, true]);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn it_is_over_until_clearly_fewer_are_connected_although_nothing_was_given_back() {
        let looks = [
            (1_100, 100, true),
            (1_200, 97, true),
            (1_190, 95, true),
            (1_190, 94, false),
            // They find room where the others were.
            (1_200, 99, false),
            (1_200, 100, true),
            (1_200, 94, false),
            // They do not: the next time, fewer than these have to be left.
            (1_250, 96, true),
            (1_250, 93, true),
            (1_250, 91, false),
            (950, 91, false),
            (1_000, 500, false),
        ];
        let over = over_at(&looks.map(|(used, connections, _)| (used, connections)));
        assert_eq!(over, looks.map(|(.., over)| over));
    }
}
