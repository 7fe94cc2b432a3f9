//! Running other programs: to their end, for their output, or in the background.
//!
//! Every command line is printed before it runs, so a failing step can be repeated by hand. A
//! [`Service`] never outlives this process's interest in it: dropping it kills it.

use std::env;
use std::ffi::OsStr;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

/// Runs `command` to its end with this process's output.
///
/// # Errors
/// When it cannot be started or does not end with status 0.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    println!("$ {}", line(command));
    let status = command
        .stdin(Stdio::null())
        .status()
        .with_context(|| format!("could not start `{}`", name(command)))?;
    ensure!(status.success(), "`{}` failed: {status}", line(command));
    Ok(())
}

/// Runs `command` to its end and returns what it wrote to its standard output.
///
/// # Errors
/// When it cannot be started or does not end with status 0; the message carries its error output.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("could not start `{}`", name(command)))?;
    ensure!(
        output.status.success(),
        "`{}` failed: {}\n{}",
        line(command),
        output.status,
        String::from_utf8_lossy(&output.stderr).trim_end()
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Whether `command` can be started and ends with status 0; its output is thrown away.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Whether a program of this name is on the `PATH`.
pub(crate) fn installed(program: &str) -> bool {
    env::var_os("PATH")
        .is_some_and(|path| env::split_paths(&path).any(|folder| folder.join(program).is_file()))
}

/// The command line of `command`, as one would type it.
pub(crate) fn line(command: &Command) -> String {
    let mut words = vec![name(command)];
    words.extend(command.get_args().map(quoted));
    words.join(" ")
}

fn name(command: &Command) -> String {
    quoted(command.get_program())
}

fn quoted(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=+,./:@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.into_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// A port of 127.0.0.1 that nothing listens on at the moment.
pub(crate) fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .context("127.0.0.1 has no free port to listen on")?;
    Ok(listener.local_addr()?.port())
}

/// A server running in the background; killed when dropped.
pub(crate) struct Service {
    child: Child,
    line: String,
}

impl Service {
    /// Starts `command` and waits until it accepts connections on `port` of 127.0.0.1.
    ///
    /// # Errors
    /// When it cannot be started, ends, or does not listen within ten seconds.
    pub(crate) fn start(command: &mut Command, port: u16) -> Result<Self> {
        let line = line(command);
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .with_context(|| format!("could not start `{}`", name(command)))?;
        let mut service = Self { child, line };
        service.wait_for(port)?;
        Ok(service)
    }

    /// The process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    fn wait_for(&mut self, port: u16) -> Result<()> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let deadline = Instant::now() + START_LIMIT;
        while TcpStream::connect_timeout(&address, POLL).is_err() {
            if let Some(status) = self.child.try_wait()? {
                bail!("`{}` ended at once: {status}", self.line);
            }
            ensure!(
                Instant::now() < deadline,
                "`{}` does not listen on port {port} after {} s",
                self.line,
                START_LIMIT.as_secs()
            );
            std::thread::sleep(POLL);
        }
        Ok(())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // Both fail only when the process has ended already, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How long a server may take to listen.
const START_LIMIT: Duration = Duration::from_secs(10);
/// How often it is asked.
const POLL: Duration = Duration::from_millis(20);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_printed_command_line_can_be_typed_again() {
        let mut command = Command::new("kosoku");
        command.args(["-x", "12.*", "127.0.0.1:9001", "", "it's"]);
        assert_eq!(
            line(&command),
            r"kosoku -x '12.*' 127.0.0.1:9001 '' 'it'\''s'"
        );
    }

    #[test]
    fn a_failing_program_is_named_with_what_it_said() {
        let error = output(Command::new("ls").arg("/nothing-here")).expect_err("no such folder");
        let message = format!("{error:#}");
        assert!(message.contains("ls /nothing-here"), "{message}");
        assert!(message.contains("No such file"), "{message}");
    }

    #[test]
    fn a_server_that_ends_at_once_is_an_error() {
        let port = free_port().expect("a free port");
        let error = Service::start(&mut Command::new("true"), port)
            .err()
            .expect("`true` does not listen");
        assert!(error.to_string().contains("ended at once"), "{error}");
    }
}
