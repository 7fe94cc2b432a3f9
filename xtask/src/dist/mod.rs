//! `cargo xtask dist`: the server as something to be installed.
//!
//! Builds `skywave` as one static binary, and puts it with its licences, its units for systemd and
//! its completions into an archive, with `--deb` into a Debian package as well, in `target/dist`.
//! What is made is looked at before it is named: the binary has no interpreter and runs, the units
//! pass `systemd-analyze`, and the package holds what it should. The same binary gives the same bytes
//! every time.

mod debian;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::process;
use crate::setup::{self, Need};
use crate::workspace::Workspace;

/// Options of `cargo xtask dist`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The machine to build for [default: this one, with musl where rustup has it].
    #[arg(long, value_name = "TRIPLE")]
    target: Option<String>,
    /// Cargo's profile; anything but `release` is for trying the packaging out.
    #[arg(long, default_value = "release")]
    profile: String,
    /// Make a Debian package, too.
    #[arg(long)]
    deb: bool,
}

/// Builds everything and prints where it is.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let target = match &options.target {
        Some(target) => target.clone(),
        None => default_target()?,
    };
    let binary = build(workspace, &target, &options.profile)?;
    let version = version(&binary)?;
    let name = format!("skywave-{version}-{target}");
    let folder = workspace.target("dist");
    let stage = folder.join(&name);
    if stage.exists() {
        fs::remove_dir_all(&stage).with_context(|| format!("could not empty {name}"))?;
    }
    let made = Made {
        workspace,
        binary,
        version,
        target,
        time: commit_time(workspace)?,
    };
    made.fill(&stage)?;
    check_units(&stage)?;

    let mut files = vec![made.archive(&folder, &name)?];
    if options.deb {
        files.push(debian::package(&made, &folder)?);
    }
    for file in &mut files {
        let sum = process::output(
            Command::new("sha256sum")
                .arg(file.file_name().unwrap_or_default())
                .current_dir(&folder),
        )?;
        write(&beside(file, ".sha256"), &sum)?;
        println!("{}\n    {}", file.display(), sum.trim_end());
    }
    Ok(())
}

/// A binary that was built, and where it comes from.
struct Made<'a> {
    workspace: &'a Workspace,
    binary: PathBuf,
    version: String,
    target: String,
    /// Seconds since 1970 of the commit: the time of every file.
    time: String,
}

impl Made<'_> {
    /// Everything of the archive.
    fn fill(&self, stage: &Path) -> Result<()> {
        self.copy("README.md", &stage.join("README.md"), 0o644)?;
        for licence in LICENCES {
            self.copy(licence, &stage.join(licence), 0o644)?;
        }
        install(&self.binary, &stage.join("skywave"), 0o755)?;
        for unit in UNITS {
            self.copy(&format!("packaging/{unit}"), &stage.join(unit), 0o644)?;
        }
        let sysusers = stage.join("skywave.sysusers");
        self.copy("packaging/skywave.sysusers", &sysusers, 0o644)?;
        let example = self.says(&["config", "example"])?;
        write(&stage.join("skywave.toml"), &example)?;
        for (shell, file) in COMPLETIONS {
            let script = self.says(&["completions", shell])?;
            write(&stage.join("completions").join(file), &script)?;
        }
        Ok(())
    }

    /// What the binary prints.
    fn says(&self, arguments: &[&str]) -> Result<String> {
        process::output(Command::new(&self.binary).args(arguments))
    }

    /// A file of the repository.
    fn copy(&self, from: &str, to: &Path, mode: u32) -> Result<()> {
        install(&self.workspace.path(from), to, mode)
    }

    /// A `.tar.gz` of the folder `name`.
    fn archive(&self, folder: &Path, name: &str) -> Result<PathBuf> {
        let file = format!("{name}.tar.gz");
        let mut tar = Command::new("tar");
        tar.args(["--create", "--sort=name", "--format=ustar"])
            .args(["--owner=0", "--group=0", "--numeric-owner"])
            .arg(format!("--mtime=@{}", self.time))
            .args(["--use-compress-program=gzip --best --no-name", "--file"])
            .args([&file, name])
            .current_dir(folder);
        process::run(&mut tar)?;
        Ok(folder.join(file))
    }
}

const LICENCES: &[&str] = &["LICENSE-APACHE", "LICENSE-MIT"];
const UNITS: &[&str] = &["skywave.service", "skywave.socket"];

/// Shells, and what their scripts are called where they look for them.
const COMPLETIONS: &[(&str, &str)] = &[
    ("bash", "skywave.bash"),
    ("fish", "skywave.fish"),
    ("zsh", "_skywave"),
];

/// This machine with musl, which links everything into the binary, or else with the libc it has.
fn default_target() -> Result<String> {
    let rustc = process::output(Command::new("rustc").args(["--version", "--verbose"]))?;
    let host = rustc.lines().find_map(|line| line.strip_prefix("host: "));
    let host = host.context("rustc does not say what machine this is")?;
    let libraries = process::output(Command::new("rustc").args(["--print", "sysroot"]))?;
    let libraries = Path::new(libraries.trim()).join("lib/rustlib");
    let musl = host.replace("-gnu", "-musl");
    if libraries.join(&musl).exists() {
        return Ok(musl);
    }
    println!(
        "note: `rustup target add {musl}` would make a binary that is independent of the C \
         library's version; this one has the C library in it, which finds names of machines by \
         files of the system it runs on"
    );
    Ok(host.to_owned())
}

/// Builds the binary, stripped, and checks that it needs nothing around it.
fn build(workspace: &Workspace, target: &str, profile: &str) -> Result<PathBuf> {
    if target.ends_with("-musl") {
        setup::install(workspace, &[Need::Musl])?;
    }
    let strip = format!("profile.{profile}.strip='symbols'");
    let mut cargo = workspace.cargo(&["build", "--locked", "--package", "skywave-cli"]);
    cargo
        .args(["--bin", "skywave", "--profile", profile, "--target", target])
        .args(["--config", &strip])
        // Paths of this machine do not belong into what others run.
        .env("CARGO_ENCODED_RUSTFLAGS", rustflags(workspace));
    process::run(&mut cargo)?;
    let folder = if profile == "dev" { "debug" } else { profile };
    let binary = workspace.target(&format!("{target}/{folder}/skywave"));
    let bytes = fs::read(&binary).with_context(|| format!("no {}", binary.display()))?;
    ensure!(
        is_static(&bytes)?,
        "{} asks for an interpreter: it is not static",
        binary.display()
    );
    Ok(binary)
}

/// Flags separated as cargo wants them.
fn rustflags(workspace: &Workspace) -> String {
    let root = workspace.path("");
    let cargo_home = std::env::var("CARGO_HOME")
        .or_else(|_| std::env::var("HOME").map(|home| format!("{home}/.cargo")))
        .unwrap_or_default();
    [
        "-Ctarget-feature=+crt-static".to_owned(),
        format!("--remap-path-prefix={}=skywave", root.display()),
        format!("--remap-path-prefix={cargo_home}=cargo"),
    ]
    .join("\u{1f}")
}

/// Whether an ELF file of 64 bits has no program header `PT_INTERP`: no dynamic linker is asked for.
fn is_static(elf: &[u8]) -> Result<bool> {
    let number = |at: usize, length: usize| -> Option<usize> {
        let bytes = elf.get(at..at + length)?.iter().rev();
        Some(bytes.fold(0, |number, byte| number << 8 | usize::from(*byte)))
    };
    ensure!(
        elf.starts_with(b"\x7fELF\x02\x01"),
        "not an ELF file of 64 bits, lowest byte first"
    );
    let headers = (number(0x20, 8), number(0x36, 2), number(0x38, 2));
    let (Some(start), Some(size), Some(count)) = headers else {
        anyhow::bail!("the ELF header is cut off");
    };
    let kinds = (0..count).map(|index| number(start + index * size, 4));
    Ok(kinds.into_iter().all(|kind| kind != Some(PT_INTERP)))
}

const PT_INTERP: usize = 3;

fn version(binary: &Path) -> Result<String> {
    let version = process::output(Command::new(binary).arg("--version"))?;
    let version = version.trim().strip_prefix("skywave ").map(str::to_owned);
    version.context("the binary does not say its version")
}

fn commit_time(workspace: &Workspace) -> Result<String> {
    if let Ok(time) = std::env::var("SOURCE_DATE_EPOCH") {
        return Ok(time);
    }
    let mut git = workspace.command("git");
    let time = process::output(git.args(["log", "-1", "--format=%ct"]))?;
    Ok(time.trim().to_owned())
}

/// Asks systemd whether it understands the units, where there is systemd.
fn check_units(stage: &Path) -> Result<()> {
    if !process::installed("systemd-analyze") {
        println!("note: no systemd-analyze here, so the units were not checked");
        return Ok(());
    }
    // It looks whether the programs are there.
    let root = beside(stage, ".check");
    install(&stage.join("skywave"), &root.join("usr/bin/skywave"), 0o755)?;
    install(&stage.join("skywave"), &root.join("bin/kill"), 0o755)?;
    for unit in UNITS {
        let place = root.join("etc/systemd/system").join(unit);
        install(&stage.join(unit), &place, 0o644)?;
    }
    for target in [
        "basic",
        "shutdown",
        "sysinit",
        "network",
        "multi-user",
        "sockets",
    ] {
        let place = root.join(format!("etc/systemd/system/{target}.target"));
        write(&place, "[Unit]\nDefaultDependencies=no\n")?;
    }
    let mut verify = Command::new("systemd-analyze");
    verify
        .arg("verify")
        .arg(format!("--root={}", root.display()));
    let verified = process::run(verify.args(["--man=no", "skywave.service", "skywave.socket"]));
    fs::remove_dir_all(&root).context("could not remove what the units were checked with")?;
    verified
}

/// The path with something behind its name.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(ending);
    path.into()
}

/// Copies a file, and gives it a mode.
fn install(from: &Path, to: &Path, mode: u32) -> Result<()> {
    let what = || format!("could not copy {} to {}", from.display(), to.display());
    fs::create_dir_all(to.parent().unwrap_or(to)).with_context(what)?;
    fs::copy(from, to).with_context(what)?;
    fs::set_permissions(to, fs::Permissions::from_mode(mode)).with_context(what)
}

/// Writes a file that everyone may read.
fn write(path: &Path, text: &str) -> Result<()> {
    let what = || format!("could not write {}", path.display());
    fs::create_dir_all(path.parent().unwrap_or(path)).with_context(what)?;
    fs::write(path, text).with_context(what)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o644)).with_context(what)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A header that says where one program header of this kind is.
    fn elf(kind: u8) -> Vec<u8> {
        let mut elf = vec![0; 0x78];
        elf[..6].copy_from_slice(b"\x7fELF\x02\x01");
        (elf[0x20], elf[0x36], elf[0x38]) = (0x40, 0x38, 1);
        elf[0x40] = kind;
        elf
    }

    #[test]
    fn a_binary_that_asks_for_an_interpreter_is_not_static() {
        assert!(is_static(&elf(1)).unwrap_or_default());
        assert!(!is_static(&elf(3)).unwrap_or(true));
        assert!(is_static(b"#!/bin/sh").is_err());
        assert!(is_static(&elf(1)[..0x30]).is_err());
        let own = std::env::current_exe().and_then(fs::read);
        let own = own.expect("the test can read itself");
        assert!(
            !is_static(&own).unwrap_or(true),
            "tests are linked as usual"
        );
    }

    fn containerfile() -> (Workspace, String) {
        let workspace = Workspace::locate().expect("there is a workspace");
        let text = fs::read_to_string(workspace.path("packaging/Containerfile"));
        (workspace, text.expect("there is a Containerfile"))
    }

    #[test]
    fn what_the_containerfile_copies_is_there_and_let_in() {
        let (workspace, text) = containerfile();
        let ignored = workspace.path("packaging/Containerfile.dockerignore");
        let ignored = fs::read_to_string(ignored).expect("there is one");
        let copies: Vec<_> = text
            .lines()
            .filter_map(|line| line.strip_prefix("COPY "))
            .filter(|copy| !copy.starts_with("--from"))
            .collect();
        assert_eq!(copies.len(), 6);
        for copy in copies {
            let (sources, _) = copy.rsplit_once(' ').expect("from and to");
            for source in sources.split(' ') {
                assert!(workspace.path(source).exists(), "{source}");
                let let_in = ignored.lines().any(|line| line == format!("!{source}"));
                assert!(let_in, "{source}");
            }
        }
    }

    #[test]
    fn the_image_has_every_folder_of_the_workspace_and_runs_as_nobody() {
        let (workspace, text) = containerfile();
        let manifest = fs::read_to_string(workspace.path("Cargo.toml")).expect("a manifest");
        let members = manifest.lines().find(|line| line.starts_with("members"));
        for member in members
            .expect("it has members")
            .split('"')
            .skip(1)
            .step_by(2)
        {
            let folder = member.trim_end_matches("/*");
            assert!(
                text.contains(&format!("COPY {folder} {folder}\n")),
                "{folder}"
            );
        }
        let (_, last) = text.rsplit_once("FROM ").expect("it has stages");
        assert!(last.starts_with("scratch\n"), "{last}");
        assert!(last.contains("\nUSER 65532:65532\n"), "{last}");
    }

    #[test]
    fn the_packages_scripts_are_shell() {
        let (workspace, _) = containerfile();
        for script in ["postinst", "prerm", "postrm"] {
            let script = workspace.path(&format!("packaging/debian/{script}"));
            let mut shell = Command::new("sh");
            assert!(process::succeeds(shell.arg("-n").arg(&script)));
        }
    }

    #[test]
    fn the_units_run_what_the_package_installs() {
        let (workspace, _) = containerfile();
        let read = |file: &str| fs::read_to_string(workspace.path(file)).expect(file);
        let service = read("packaging/skywave.service");
        let exec = "\nExecStart=/usr/bin/skywave serve --config /etc/skywave/skywave.toml\n";
        assert!(service.contains(exec));
        assert!(service.contains("\nUser=skywave\n"));
        assert!(read("packaging/skywave.sysusers").contains("\nu skywave "));
        assert_eq!(
            read("packaging/debian/conffiles"),
            "/etc/skywave/skywave.toml\n"
        );
    }
}
