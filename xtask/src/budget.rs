//! The budget of crates: how many an application or the server compiles.
//!
//! Every dependency is code that a user builds and trusts, so the number has a ceiling that can only
//! be raised in a reviewed change of this file.

use std::collections::BTreeSet;

use anyhow::{Result, bail};

use crate::process;
use crate::workspace::Workspace;

/// Prints how many crates each product needs.
///
/// # Errors
/// Names every product that is over its ceiling.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    let mut over = Vec::new();
    for budget in BUDGETS {
        let mut command = workspace.cargo(&["tree", "--prefix", "none", "--edges", "normal,build"]);
        let tree = process::output(command.args(budget.selection))?;
        let count = crates(&tree).len();
        println!(
            "{}: {count} crates of {} allowed",
            budget.what, budget.ceiling
        );
        if count > budget.ceiling {
            over.push(format!("{} {count} > {}", budget.what, budget.ceiling));
        }
    }
    if !over.is_empty() {
        bail!("over the budget of crates: {}", over.join(", "));
    }
    Ok(())
}

struct Budget {
    what: &'static str,
    selection: &'static [&'static str],
    ceiling: usize,
}

const BUDGETS: &[Budget] = &[
    Budget {
        what: "library without the server",
        selection: &["--package", "skywave", "--no-default-features"],
        ceiling: 60,
    },
    Budget {
        what: "server",
        selection: &["--package", "skywave-cli"],
        ceiling: 180,
    },
];

/// The distinct `name version` pairs of a printed tree, the root among them.
fn crates(tree: &str) -> BTreeSet<(&str, &str)> {
    tree.lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            Some((words.next()?, words.next()?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crate_counts_once_per_version() {
        let tree = "skywave v0.1.0 (/src/skywave)\nserde v1.0.2\nserde_derive v1.0.2 (proc-macro)\n\
                    \nserde v1.0.2 (*)\nserde v0.9.0\n";
        assert_eq!(crates(tree).len(), 4);
    }
}
