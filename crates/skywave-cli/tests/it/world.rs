//! The program, folders to run it in, and what it says.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How long anything may take.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);

/// The program, in a folder of its own and without the variables of whoever runs the tests.
pub(crate) fn skywave(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_skywave"));
    for (name, _) in std::env::vars() {
        let ours = ["SKYWAVE_", "PUSHER_", "LISTEN_", "NOTIFY_", "RUST_LOG"];
        if ours.iter().any(|prefix| name.starts_with(prefix)) {
            command.env_remove(name);
        }
    }
    command.current_dir(folder).stdin(Stdio::null());
    command
}

/// An empty folder.
pub(crate) fn folder() -> PathBuf {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let folder =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-{number}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// A folder with a `skywave.toml`.
pub(crate) fn folder_with(text: &str) -> PathBuf {
    let folder = folder();
    fs::write(folder.join("skywave.toml"), text).unwrap();
    folder
}

/// Runs the program to its end: exit code, standard output, error output.
pub(crate) fn run(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    ended(skywave(folder).args(arguments))
}

pub(crate) fn ended(command: &mut Command) -> (i32, String, String) {
    ended_with(command.stdin(Stdio::null()), "")
}

/// Runs the program to its end with this on its standard input.
pub(crate) fn ended_with(command: &mut Command, input: &str) -> (i32, String, String) {
    if !input.is_empty() {
        command.stdin(Stdio::piped());
    }
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    if let Some(mut stdin) = child.stdin.take() {
        // It may end without having read all of it.
        let _ = stdin.write_all(input.as_bytes());
    }
    let out = text_of(child.stdout.take().unwrap());
    let errors = text_of(child.stderr.take().unwrap());
    let status = end_of(&mut child);
    let (out, errors) = (out.join().unwrap(), errors.join().unwrap());
    let code = status.and_then(|status| status.code());
    let code = code.unwrap_or_else(|| panic!("{command:?} does not end by itself: {out}{errors}"));
    (code, out, errors)
}

fn text_of(mut output: impl Read + Send + 'static) -> JoinHandle<String> {
    thread::spawn(move || {
        let mut text = String::new();
        output.read_to_string(&mut text).unwrap();
        text
    })
}

/// Waits for a program's end; without one in time it is ended.
fn end_of(child: &mut Child) -> Option<ExitStatus> {
    let deadline = Instant::now() + LIMIT;
    while Instant::now() < deadline {
        if let Some(status) = child.try_wait().unwrap() {
            return Some(status);
        }
        thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    None
}

/// A program that runs, until it is dropped.
pub(crate) struct Running {
    child: Child,
    stdout: Receiver<String>,
    stderr: Receiver<String>,
    /// `host:port` of the first address that it printed.
    pub(crate) address: String,
    /// All lines of the error output that have been waited for or looked at.
    pub(crate) log: Vec<String>,
}

/// Starts `skywave serve --port 0 ARGUMENTS` and waits until it accepts connections.
pub(crate) fn serve(folder: &Path, arguments: &[&str]) -> Running {
    let mut command = skywave(folder);
    command.arg("serve").args(["--port", "0"]).args(arguments);
    Running::start(&mut command)
}

impl Running {
    /// Starts a server and waits for its first address.
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut running = Self::spawn(command);
        loop {
            let line = running.line();
            if let Some(address) = line.strip_prefix("Skywave server: ") {
                address
                    .trim_start_matches("http://")
                    .trim_start_matches("https://")
                    .clone_into(&mut running.address);
                return running;
            }
        }
    }

    pub(crate) fn spawn(command: &mut Command) -> Self {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let stdout = lines_of(child.stdout.take().unwrap());
        let stderr = lines_of(child.stderr.take().unwrap());
        Self {
            child,
            stdout,
            stderr,
            address: String::new(),
            log: Vec::new(),
        }
    }

    /// The next line of standard output.
    pub(crate) fn line(&mut self) -> String {
        match self.stdout.recv_timeout(LIMIT) {
            Ok(line) => line,
            Err(error) => {
                self.logged_so_far();
                panic!("no line of output: {error}: {:#?}", self.log);
            }
        }
    }

    /// The rest of standard output, to its end.
    pub(crate) fn rest(&mut self) -> String {
        self.stdout.iter().collect()
    }

    /// Waits for a line with `text` in the error output.
    pub(crate) fn logs(&mut self, text: &str) -> String {
        let deadline = Instant::now() + LIMIT;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(line) = self.stderr.recv_timeout(left) else {
                panic!("{text:?} was not logged, but {:#?}", self.log);
            };
            self.log.push(line.clone());
            if line.contains(text) {
                return line;
            }
        }
    }

    fn logged_so_far(&mut self) {
        while let Ok(line) = self.stderr.recv_timeout(Duration::from_millis(200)) {
            self.log.push(line);
        }
    }

    /// What the system says of it in `/proc/ID/status`.
    pub(crate) fn status(&self) -> String {
        fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap()
    }

    /// Sends a signal, such as `TERM`, to this one process.
    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .args(["-s", name, &self.child.id().to_string()])
            .status()
            .unwrap();
        assert!(status.success());
    }

    /// Waits for its end.
    pub(crate) fn end(&mut self) -> ExitStatus {
        let status = end_of(&mut self.child);
        self.logged_so_far();
        status.unwrap_or_else(|| panic!("it does not end: {:#?}", self.log))
    }
}

/// The lines of an output, as they come.
fn lines_of(output: impl Read + Send + 'static) -> Receiver<String> {
    let lines = BufReader::new(output).lines();
    let (tell, told) = channel();
    thread::spawn(move || {
        lines
            .map_while(Result::ok)
            .try_for_each(|line| tell.send(line))
    });
    told
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a request over any stream and reads the whole answer.
pub(crate) fn answer(mut stream: impl Read + Write, path: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// A connection of a browser.
pub(crate) type Browser = tungstenite::WebSocket<TcpStream>;

/// Connects to the app with this key; the first message is the server's.
pub(crate) fn connect(address: &str, key: &str) -> (Browser, String) {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    let url = format!("ws://{address}/app/{key}?protocol=7");
    let (mut browser, _) = tungstenite::client(url, stream).unwrap();
    let first = hears(&mut browser);
    (browser, first)
}

/// The next message.
pub(crate) fn hears(browser: &mut Browser) -> String {
    loop {
        match browser.read().unwrap() {
            tungstenite::Message::Text(text) => return text.to_string(),
            tungstenite::Message::Close(frame) => return format!("closed: {frame:?}"),
            _ => {}
        }
    }
}
