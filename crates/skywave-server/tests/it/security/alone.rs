//! Tests in a process of their own, where the memory that the server takes can be measured, or where
//! what is logged is its own.

use std::env;
use std::fs;
use std::process::Command;

/// Runs the body of the test of this name, of the suite, in a process in which nothing else runs and
/// nothing that is logged is kept.
#[track_caller]
pub(super) fn alone(test: &str, body: impl FnOnce()) {
    run_apart(&format!("security::{test}"), ALONE, body);
}

/// The same for any test by its whole name; what is logged is kept, and is that of the test.
#[track_caller]
pub(crate) fn apart(test: &str, body: impl FnOnce()) {
    run_apart(test, APART, body);
}

#[track_caller]
fn run_apart(name: &str, role: &str, body: impl FnOnce()) {
    if env::var_os(role).is_some() {
        return body();
    }
    let program = env::current_exe().expect("a test is a program");
    let output = Command::new(program)
        .args(["--exact", name, "--nocapture"])
        .env(role, "1")
        .output()
        .expect("it starts");
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && told.contains(" 1 passed"),
        "{told}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Whether this is such a process. Then nothing that is logged is kept: it would be memory, too.
pub(crate) fn is_alone() -> bool {
    env::var_os(ALONE).is_some()
}

/// Runs `body` and returns by how much the process grew at its largest, in bytes.
pub(super) fn growth(body: impl FnOnce()) -> u64 {
    // Linux: the largest size so far is forgotten.
    fs::write("/proc/self/clear_refs", "5").expect("a process of Linux");
    let before = status("VmRSS:");
    body();
    status("VmHWM:").saturating_sub(before)
}

/// A size of this process, in bytes.
pub(crate) fn status(name: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("a process of Linux");
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
    let kilobytes = kilobytes.and_then(|number| number.parse::<u64>().ok());
    kilobytes.expect("a number of kilobytes") * 1024
}

const ALONE: &str = "SKYWAVE_IT_ALONE";
const APART: &str = "SKYWAVE_IT_APART";
