//! Targets of `skywave_fuzz` under libFuzzer. `cargo xtask fuzz` builds and runs this.
//!
//! The variable `SKYWAVE_FUZZ` names the target, and `SKYWAVE_FUZZ_SEEDS` a folder to put its seeds
//! in; without a name, the targets are listed with the length of their longest inputs.

#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;
use std::{env, fs, process};

use libfuzzer_sys::fuzz_target;
use skywave_fuzz::{TARGETS, Target};

static TARGET: LazyLock<&'static Target> = LazyLock::new(|| {
    let Some(name) = env::var("SKYWAVE_FUZZ").ok() else {
        for target in TARGETS {
            println!("{} {}", target.name, target.longest);
        }
        process::exit(0);
    };
    Target::named(&name).unwrap_or_else(|| panic!("SKYWAVE_FUZZ names no target: {name:?}"))
});

fn prepare() {
    let seeds = (TARGET.seeds)();
    let Some(folder) = env::var_os("SKYWAVE_FUZZ_SEEDS").map(PathBuf::from) else {
        return;
    };
    for (number, seed) in seeds.iter().enumerate() {
        let path = folder.join(format!("seed-{number}"));
        fs::write(path, seed).expect("a folder to put seeds in");
    }
}

fuzz_target!(init: prepare(), |data: &[u8]| (TARGET.run)(data));
