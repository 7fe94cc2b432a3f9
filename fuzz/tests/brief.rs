//! Every target for a few seconds, and on every input that once showed a mistake.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use skywave_fuzz::vary::Varying;
use skywave_fuzz::{TARGETS, Target};

const SECONDS: u64 = 2;

fn run(name: &str) {
    let target = Target::named(name).expect("a target of this name");
    let mut known = (target.seeds)();
    known.extend(regressions(target));
    for input in &known {
        (target.run)(input);
    }

    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH);
    let seed = since_1970.expect("it is after 1970").as_nanos() as u64;
    let mut varying = Varying::new(seed, known);
    let end = Instant::now() + Duration::from_secs(SECONDS);
    let mut inputs = 0;
    while Instant::now() < end {
        for _ in 0..50 {
            let input = varying.next(target.longest);
            if catch_unwind(AssertUnwindSafe(|| (target.run)(&input))).is_err() {
                let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{seed}"));
                fs::write(&path, &input).expect("a folder for it");
                panic!(
                    "{name}: {:?} shows a mistake; keep {} in fuzz/regressions/{name}/",
                    String::from_utf8_lossy(&input),
                    path.display()
                );
            }
            inputs += 1;
        }
    }
    println!("{name}: {inputs} inputs in {SECONDS} s");
    assert!(inputs > 100, "too few to mean anything");
}

fn regressions(target: &Target) -> Vec<Vec<u8>> {
    let folder = folder().join(target.name);
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    entries
        .map(|entry| fs::read(entry.expect("an entry").path()).expect("a file"))
        .collect()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("regressions")
}

macro_rules! targets {
    ($($name:ident),*) => {
        $(
            #[test]
            fn $name() {
                run(stringify!($name));
            }
        )*

        #[test]
        fn every_target_is_run() {
            let run = [$(stringify!($name)),*];
            let all: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
            assert_eq!(run[..], all[..]);
            for entry in fs::read_dir(folder()).expect("the folder of regressions") {
                let name = entry.expect("an entry").file_name();
                let name = name.to_string_lossy();
                assert!(name == "README.md" || run.contains(&&*name), "{name} is no target");
            }
        }
    };
}

targets!(
    frames,
    messages,
    xhr,
    names,
    origins,
    requests,
    events,
    members,
    handshakes,
    server,
    connections,
    settings
);
