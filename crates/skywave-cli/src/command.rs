//! What can be typed.

use clap::{Parser, Subcommand};

use crate::failure::Failure;
use crate::{auth, bench, channels, completions, config, listen, serve, trigger};

/// Skywave: event broadcasting over the Pusher protocol.
///
/// Exit codes: 0 for success; 1 for a failure; 2 for a command line or a configuration that makes
/// no sense.
#[derive(Debug, Parser)]
#[command(name = "skywave", version, arg_required_else_help = true)]
pub(crate) struct Command {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Run a server that any Pusher library can use.
    Serve(Box<serve::Options>),
    /// Check the configuration file, or print one to begin with.
    Config(config::Options),
    /// Publish an event, or many.
    Trigger(trigger::Options),
    /// Tell which channels are occupied, and who is there.
    Channels(channels::Options),
    /// Print the events of channels as they happen.
    Listen(listen::Options),
    /// Sign or verify by hand: a subscription, a user, a request, a webhook.
    Auth(auth::Options),
    /// Put load on a server, and see what it carries.
    Bench(bench::Options),
    /// Print a script with which a shell completes command lines.
    Completions(completions::Options),
}

impl Command {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        match &self.action {
            Action::Serve(options) => serve::run(options),
            Action::Config(options) => config::run(options),
            Action::Trigger(options) => trigger::run(options),
            Action::Channels(options) => channels::run(options),
            Action::Listen(options) => listen::run(options),
            Action::Auth(options) => auth::run(options),
            Action::Bench(options) => bench::run(options),
            Action::Completions(options) => completions::run(options),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::CommandFactory;

    use super::*;

    const GUIDE: &str = include_str!("../../../docs/command-line.md");

    /// Flags with their variables, of a command and of those below it.
    fn flags(command: &clap::Command) -> BTreeSet<(String, String)> {
        let own = command.get_arguments().filter_map(|argument| {
            let long = argument.get_long()?;
            let variable = argument.get_env().map(|name| name.to_string_lossy());
            Some((
                format!("--{long}"),
                variable.unwrap_or_default().into_owned(),
            ))
        });
        own.chain(command.get_subcommands().flat_map(flags))
            .collect()
    }

    #[test]
    fn the_guide_tells_every_command_flag_and_variable_and_no_other() {
        let (_, shared) = GUIDE
            .split_once("## The app and the server")
            .expect("it is told");
        let all = Command::command();
        let trigger = all.find_subcommand("trigger").expect("it is one");
        assert!(
            told(shared).is_subset(&flags(trigger)),
            "{:?}",
            told(shared)
        );
        for command in all.get_subcommands() {
            let heading = format!("## `skywave {}`\n", command.get_name());
            let (_, section) = GUIDE.split_once(&heading).expect(&heading);
            let section = section.split("\n## ").next().unwrap_or(section);
            let mut flags = flags(command);
            if flags.contains(&("--url".to_owned(), String::new())) {
                // Told once for all that have them.
                let shared = told(shared);
                flags.retain(|flag| !shared.contains(flag));
            }
            assert_eq!(told(section), flags, "{heading}");
        }
    }

    /// The flags and variables of the tables in a text.
    fn told(text: &str) -> BTreeSet<(String, String)> {
        let rows = text.lines().filter(|line| line.starts_with("| `--"));
        rows.map(|row| {
            let mut cells = row.split('|').map(|cell| cell.trim().trim_matches('`'));
            let flag = cells.nth(1).unwrap_or_default();
            let flag = flag.split(' ').next().unwrap_or_default();
            (flag.to_owned(), cells.next().unwrap_or_default().to_owned())
        })
        .collect()
    }

    #[test]
    fn the_commands_are_consistent() {
        Command::command().debug_assert();
    }
}
