//! The Debian package: where everything of it goes, and whether it got there.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use super::{COMPLETIONS, LICENCES, Made, UNITS, install, write};
use crate::process;

/// Makes `skywave_VERSION_ARCHITECTURE.deb` in `folder`.
pub(super) fn package(made: &Made<'_>, folder: &Path) -> Result<PathBuf> {
    ensure!(
        process::installed("dpkg-deb"),
        "dpkg-deb is missing: a Debian package is made on Debian"
    );
    let architecture = architecture(&made.target)?;
    let name = format!("skywave_{}_{architecture}", made.version);
    let root = folder.join(&name);
    if root.exists() {
        fs::remove_dir_all(&root).with_context(|| format!("could not empty {name}"))?;
    }
    fill(made, &root)?;
    control(made, architecture, &root)?;
    let file = folder.join(format!("{name}.deb"));
    process::run(
        Command::new("dpkg-deb")
            .args(["--root-owner-group", "-Zxz", "--build"])
            .args([&root, &file])
            .env("SOURCE_DATE_EPOCH", &made.time),
    )?;
    check(&file)?;
    fs::remove_dir_all(&root).with_context(|| format!("could not remove {name}"))?;
    Ok(file)
}

/// What is installed.
fn fill(made: &Made<'_>, root: &Path) -> Result<()> {
    install(&made.binary, &root.join("usr/bin/skywave"), 0o755)?;
    for unit in UNITS {
        let place = root.join("usr/lib/systemd/system").join(unit);
        made.copy(&format!("packaging/{unit}"), &place, 0o644)?;
    }
    let users = root.join("usr/lib/sysusers.d/skywave.conf");
    made.copy("packaging/skywave.sysusers", &users, 0o644)?;
    let configuration = root.join("etc/skywave/skywave.toml");
    made.copy("packaging/skywave.toml", &configuration, 0o644)?;

    let documents = root.join("usr/share/doc/skywave");
    made.copy("README.md", &documents.join("README.md"), 0o644)?;
    let mut copyright = format!("Upstream: {}\nLicence: MIT OR Apache-2.0\n", homepage());
    for licence in LICENCES {
        let text = fs::read_to_string(made.workspace.path(licence))
            .with_context(|| format!("could not read {licence}"))?;
        copyright += &format!("\n{}\n\n{text}", "-".repeat(79));
    }
    write(&documents.join("copyright"), &copyright)?;

    for (shell, file) in COMPLETIONS {
        let place = match *shell {
            "bash" => "usr/share/bash-completion/completions/skywave".to_owned(),
            "fish" => format!("usr/share/fish/vendor_completions.d/{file}"),
            _ => format!("usr/share/zsh/vendor-completions/{file}"),
        };
        write(&root.join(place), &made.says(&["completions", shell])?)?;
    }
    Ok(())
}

/// What `dpkg` reads.
fn control(made: &Made<'_>, architecture: &str, root: &Path) -> Result<()> {
    let size = process::output(Command::new("du").args(["--summarize", "-k"]).arg(root))?;
    let size = size.split_whitespace().next().unwrap_or_default();
    let template = made.workspace.path("packaging/debian/control");
    let template = fs::read_to_string(template).context("could not read the control file")?;
    let control = template
        .replace("@VERSION@", &made.version)
        .replace("@ARCHITECTURE@", architecture)
        .replace("@SIZE@", size)
        .replace("@HOMEPAGE@", homepage());
    write(&root.join("DEBIAN/control"), &control)?;
    let place = |file: &str| root.join("DEBIAN").join(file);
    made.copy("packaging/debian/conffiles", &place("conffiles"), 0o644)?;
    for script in ["postinst", "prerm", "postrm"] {
        made.copy(&format!("packaging/debian/{script}"), &place(script), 0o755)?;
    }
    Ok(())
}

/// Reads the package back.
fn check(file: &Path) -> Result<()> {
    let contents = process::output(Command::new("dpkg-deb").arg("--contents").arg(file))?;
    for (mode, path) in [
        ("-rwxr-xr-x root/root", "./usr/bin/skywave"),
        ("-rw-r--r-- root/root", "./etc/skywave/skywave.toml"),
        (
            "-rw-r--r-- root/root",
            "./usr/lib/systemd/system/skywave.service",
        ),
        (
            "-rw-r--r-- root/root",
            "./usr/lib/systemd/system/skywave.socket",
        ),
        ("-rw-r--r-- root/root", "./usr/lib/sysusers.d/skywave.conf"),
        ("-rw-r--r-- root/root", "./usr/share/doc/skywave/copyright"),
    ] {
        let mut lines = contents.lines();
        let is_it = |line: &str| line.starts_with(mode) && line.ends_with(&format!(" {path}"));
        ensure!(
            lines.any(is_it),
            "the package has no {path} of mode {mode}:\n{contents}"
        );
    }
    Ok(())
}

/// What Debian calls the machine.
fn architecture(target: &str) -> Result<&'static str> {
    Ok(match target.split('-').next() {
        Some("x86_64") => "amd64",
        Some("aarch64") => "arm64",
        _ => bail!("no Debian architecture is known for {target}"),
    })
}

fn homepage() -> &'static str {
    env!("CARGO_PKG_REPOSITORY")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machines_have_debians_names() {
        for (target, expected) in [
            ("x86_64-unknown-linux-musl", Some("amd64")),
            ("aarch64-unknown-linux-gnu", Some("arm64")),
            ("riscv64gc-unknown-linux-gnu", None),
        ] {
            assert_eq!(architecture(target).ok(), expected, "{target}");
        }
    }
}
