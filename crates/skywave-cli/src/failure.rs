//! How a command ends: [`Failure`], exit codes, and what stands on the terminal.

use std::io;
use std::process::ExitCode;

/// Why a command did not do what it was asked to.
#[derive(Debug)]
pub(crate) enum Failure {
    /// What was typed or configured makes no sense: every mistake, one a line. Exit code 2, as for
    /// a command line that cannot be read.
    Wrong(Vec<String>),
    /// Something did not work. Exit code 1.
    Failed(anyhow::Error),
    /// Something is not as it should be, and the output says what. Exit code 1.
    Told,
}

impl Failure {
    /// One mistake in what was typed.
    pub(crate) fn wrong(mistake: impl Into<String>) -> Self {
        Self::Wrong(vec![mistake.into()])
    }
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// Tells of a failure, and gives the process's exit code.
pub(crate) fn exit(outcome: Result<(), Failure>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Wrong(mistakes)) => {
            for mistake in mistakes {
                eprintln!("skywave: {mistake}");
            }
            ExitCode::from(2)
        }
        // Whoever read the output has had enough of it: `skywave listen | head -1`.
        Err(Failure::Failed(error)) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(Failure::Failed(error)) => {
            eprintln!("skywave: {error:#}");
            ExitCode::FAILURE
        }
        Err(Failure::Told) => ExitCode::FAILURE,
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<io::Error>()
        .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
