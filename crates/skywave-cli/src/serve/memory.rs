//! How much memory the process may use, where nobody says it: a part of what the machine has, or of
//! what the control group of a container or a service allows.
//!
//! Only a part, because the kernel's buffers for sockets count as well where memory is limited, and
//! do not show in what the process uses.

use std::fs;
use std::path::Path;

/// Four fifths of what there is; `None` where the system does not tell.
pub(super) fn share() -> Option<usize> {
    let all = there_is(Path::new("/"))?;
    usize::try_from(all / 5 * 4).ok()
}

/// Bytes of memory, as the files below `root` tell.
fn there_is(root: &Path) -> Option<u64> {
    let read = |path: &str| fs::read_to_string(root.join(path)).ok();
    let machine = read("proc/meminfo").and_then(|text| {
        let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"));
        let kilobytes = line?.trim().strip_suffix("kB")?.trim().parse::<u64>();
        Some(kilobytes.ok()? * 1024)
    });
    let groups = read("proc/self/cgroup").unwrap_or_default();
    let allowed = groups.lines().filter_map(|group| allowed(root, group));
    machine.into_iter().chain(allowed).min()
}

/// What a line of `/proc/self/cgroup` allows: `0::PATH` (version 2), `N:memory:PATH` (version 1). The
/// groups around it count as well; the outermost of a container stands at the top, whatever the path.
fn allowed(root: &Path, group: &str) -> Option<u64> {
    let mut fields = group.splitn(3, ':').skip(1);
    let (folder, file) = match fields.next()? {
        "" => ("sys/fs/cgroup", "memory.max"),
        kinds if kinds.split(',').any(|kind| kind == "memory") => {
            ("sys/fs/cgroup/memory", "memory.limit_in_bytes")
        }
        _ => return None,
    };
    let path = Path::new(fields.next()?.trim_start_matches('/'));
    let limit = |group: &Path| {
        let text = fs::read_to_string(root.join(folder).join(group).join(file)).ok()?;
        // `max`, where there is none.
        text.trim().parse().ok()
    };
    path.ancestors().filter_map(limit).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MACHINE: (&str, &str) = (
        "proc/meminfo",
        "MemTotal:        2000 kB\nMemFree:  1000 kB\n",
    );

    /// What is told by these files.
    fn told(name: &str, files: &[(&str, &str)]) -> Option<u64> {
        let root = std::env::temp_dir().join(format!("skywave-{name}-{}", std::process::id()));
        for (path, text) in files {
            let path = root.join(path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("it can be made");
            fs::write(path, text).expect("it can be written");
        }
        let told = there_is(&root);
        let _ = fs::remove_dir_all(&root);
        told
    }

    #[test]
    fn a_machine_without_groups_has_what_it_has() {
        assert_eq!(told("machine", &[MACHINE]), Some(2_048_000));
        assert_eq!(told("nothing", &[]), None);
        let nonsense = [("proc/meminfo", "MemTotal: much\n")];
        assert_eq!(told("nonsense", &nonsense), None);
    }

    #[test]
    fn the_smallest_of_a_group_and_those_around_it_counts() {
        let own = "0::/system.slice/skywave.service\n";
        let files = [
            MACHINE,
            ("proc/self/cgroup", own),
            (
                "sys/fs/cgroup/system.slice/skywave.service/memory.max",
                "max\n",
            ),
            ("sys/fs/cgroup/system.slice/memory.max", "700000\n"),
            ("sys/fs/cgroup/other.slice/memory.max", "1\n"),
        ];
        assert_eq!(told("slice", &files), Some(700_000));
    }

    #[test]
    fn a_container_is_limited_at_the_top() {
        let files = [
            MACHINE,
            ("proc/self/cgroup", "0::/docker/0123abcd\n"),
            ("sys/fs/cgroup/memory.max", "500000\n"),
        ];
        assert_eq!(told("container", &files), Some(500_000));
    }

    #[test]
    fn version_1_has_a_folder_for_memory() {
        let files = [
            MACHINE,
            (
                "proc/self/cgroup",
                "5:cpu,cpuacct:/a\n4:memory:/a\n1:name=systemd:/a\n",
            ),
            (
                "sys/fs/cgroup/memory/memory.limit_in_bytes",
                "9223372036854771712\n",
            ),
            ("sys/fs/cgroup/memory/a/memory.limit_in_bytes", "600000\n"),
        ];
        assert_eq!(told("version-1", &files), Some(600_000));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_machine_tells() {
        let share = share().expect("a machine of Linux");
        assert!(share > 100 * 1024 * 1024, "{share}");
    }
}
