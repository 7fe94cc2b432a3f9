//! A server that runs out of descriptors, in a process of its own.

use std::env;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use rlimit::{Resource, getrlimit, setrlimit};

use crate::log;
use crate::node::{Node, until};
use crate::wire::{PING, PONG, Wire, app_target, frame, handshake};

/// Set in the process that is the server.
const ROLE: &str = "SKYWAVE_IT_FEW_DESCRIPTORS";

#[test]
fn without_descriptors_newcomers_are_refused_and_the_others_go_on() {
    if env::var_os(ROLE).is_some() {
        return serve();
    }
    let server = Process::start();
    let mut welcome = Vec::new();
    while let Some(wire) = connection(server.address) {
        welcome.push(wire);
        assert!(welcome.len() < 200, "the limit has no effect");
    }
    assert!(welcome.len() > 10, "{} connections", welcome.len());
    // Refused at once, rather than left to wait for their turn.
    for _ in 0..50 {
        assert!(connection(server.address).is_none());
    }
    welcome.iter_mut().for_each(is_answered);
    let half = welcome.len() / 2;
    welcome.truncate(half);
    until("there is room again", || {
        connection(server.address)
            .as_mut()
            .map(is_answered)
            .is_some()
    });
    welcome.iter_mut().for_each(is_answered);
    let complaints = server.stop();
    assert!((1..=3).contains(&complaints), "told {complaints} times");
}

/// Connects; `None` when the server closes the connection before it answers.
fn connection(address: SocketAddr) -> Option<Wire> {
    let mut wire = Wire::tcp(TcpStream::connect(address).ok()?);
    wire.try_send(handshake(&app_target(), &[])).ok()?;
    if !wire.hears_something() {
        return None;
    }
    assert_eq!(wire.reply().status, 101);
    wire.greeting();
    Some(wire)
}

fn is_answered(wire: &mut Wire) {
    wire.send(frame(PING, "x"));
    assert_eq!(wire.frame().opcode, PONG);
}

/// The process under test.
struct Process {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    address: SocketAddr,
}

impl Process {
    fn start() -> Self {
        let program = env::current_exe().expect("a test is a program");
        let name = concat!(
            "descriptors::",
            "without_descriptors_newcomers_are_refused_and_the_others_go_on"
        );
        let mut child = Command::new(program)
            .args(["--exact", name, "--nocapture"])
            .env(ROLE, "server")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let stdin = child.stdin.take().expect("it is piped");
        let mut stdout = BufReader::new(child.stdout.take().expect("it is piped"));
        let address = told(&mut stdout, "listening at ");
        let address = address.parse().expect("an address");
        Self {
            child,
            stdin,
            stdout,
            address,
        }
    }

    /// Ends the process; how often it told of its lack of descriptors.
    fn stop(mut self) -> usize {
        drop(self.stdin);
        let complaints = told(&mut self.stdout, "complaints ");
        assert!(self.child.wait().expect("it ends").success());
        complaints.parse().expect("a number")
    }
}

/// What stands behind `what` in the next line that has it.
fn told(lines: &mut impl BufRead, what: &str) -> String {
    lines
        .lines()
        .map(|line| line.expect("it is text"))
        .find_map(|line| line.split_once(what).map(|(_, rest)| rest.to_owned()))
        .expect("the process tells")
}

/// The server, until its standard input ends.
fn serve() {
    // Several would now and then take each other's last descriptor.
    let node = Node::with(|config| config.workers = Some(1));
    let (_, most) = getrlimit(Resource::NOFILE).expect("there is a limit");
    setrlimit(Resource::NOFILE, 64, most).expect("a limit can be lowered");
    println!("listening at {}", node.address);
    std::io::stdout().flush().expect("somebody reads");
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
    let log = log::written();
    let complaints = log.matches("connections cannot be accepted").count();
    println!("complaints {complaints}");
}
