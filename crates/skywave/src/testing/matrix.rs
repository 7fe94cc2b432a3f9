//! Who may listen to what: [`Matrix`], users × channels.

use std::fmt;

use serde::Deserialize;

use crate::authorize::{AuthError, AuthReply};
use crate::channel::Channel;
use crate::error::chain;

/// A table of answers: one line per channel, one column per user.
///
/// `yes` is a channel that the user may subscribe to, `no` one that they may not. In a presence
/// channel's line the id of the member stands for `yes`. A rule that failed is an `error`.
///
/// `Display` writes it aligned, so a test can be written by printing the table, looking at it, and
/// copying it into [`assert`](Self::assert).
#[derive(Clone, Debug)]
pub struct Matrix {
    users: Vec<String>,
    lines: Vec<(String, Vec<Cell>)>,
}

#[derive(Clone, Debug)]
struct Cell {
    text: String,
    /// Why it is not a yes.
    reason: Option<String>,
}

impl Matrix {
    pub(super) fn new<'u>(users: impl Iterator<Item = &'u str>) -> Self {
        Self {
            users: users.map(str::to_owned).collect(),
            lines: Vec::new(),
        }
    }

    pub(super) fn push(
        &mut self,
        channel: &Channel,
        answers: Vec<Result<Option<AuthReply>, AuthError>>,
    ) {
        let cells = answers.into_iter().map(Cell::of).collect();
        self.lines.push((channel.name().to_owned(), cells));
    }

    /// That the table is this one. Only its words count: lines may be indented and columns as wide
    /// as they like, and empty lines are left out.
    ///
    /// # Panics
    ///
    /// When it is another one, with both tables and the reasons of the cells that differ.
    #[track_caller]
    pub fn assert(&self, expected: &str) {
        let (table, expected) = (words(&self.to_string()), words(expected));
        if table != expected {
            panic!(
                "the table of who may listen is another one\nexpected:\n{}\nis:\n{self}{}",
                expected
                    .iter()
                    .map(|line| format!("  {}\n", line.join("  ")))
                    .collect::<String>(),
                self.reasons(&expected)
            );
        }
    }

    /// Why the application does not say yes to `user` for `channel`; `None` when it does, and for a
    /// user or a channel that is not in the table.
    #[must_use]
    pub fn reason(&self, user: &str, channel: &str) -> Option<&str> {
        let column = self.users.iter().position(|known| known == user)?;
        let (_, cells) = self.lines.iter().find(|(known, _)| known == channel)?;
        cells.get(column)?.reason.as_deref()
    }

    /// The reasons of the cells that are not as expected.
    fn reasons(&self, expected: &[Vec<String>]) -> String {
        let mut text = String::new();
        for (channel, cells) in &self.lines {
            let line = expected.iter().find(|line| line.first() == Some(channel));
            for (column, (user, cell)) in self.users.iter().zip(cells).enumerate() {
                let wanted = line.and_then(|line| line.get(column + 1));
                if let (Some(reason), true) = (&cell.reason, wanted != Some(&cell.text)) {
                    text.push_str(&format!("{user}, {channel}: {reason}\n"));
                }
            }
        }
        text
    }
}

impl fmt::Display for Matrix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rows = vec![vec![String::new()]];
        rows[0].extend(self.users.iter().cloned());
        for (channel, cells) in &self.lines {
            let mut row = vec![channel.clone()];
            row.extend(cells.iter().map(|cell| cell.text.clone()));
            rows.push(row);
        }
        let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
        let widths: Vec<_> = (0..=self.users.len())
            .map(|column| width(column).unwrap_or(0))
            .collect();
        for row in &rows {
            let cells = row
                .iter()
                .zip(&widths)
                .map(|(cell, width)| format!("{cell:width$}"));
            writeln!(f, "{}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
        }
        Ok(())
    }
}

impl Cell {
    fn of(answer: Result<Option<AuthReply>, AuthError>) -> Self {
        let (text, reason) = match answer {
            Ok(reply) => {
                let member = reply
                    .as_ref()
                    .and_then(AuthReply::channel_data)
                    .map(member_id);
                (member.unwrap_or_else(|| "yes".to_owned()), None)
            }
            Err(AuthError::Denied { reason }) => ("no".to_owned(), Some(reason)),
            Err(error) => ("error".to_owned(), Some(chain(&error))),
        };
        // Cells are words, so that an expected table can be told apart into them.
        let text = text.replace(char::is_whitespace, "_");
        Self { text, reason }
    }
}

fn member_id(channel_data: &str) -> String {
    #[derive(Deserialize)]
    struct Id {
        user_id: String,
    }
    let id = serde_json::from_str::<Id>(channel_data).map(|member| member.user_id);
    id.expect("the driver signed a member that was checked")
}

fn words(table: &str) -> Vec<Vec<String>> {
    let lines = table
        .lines()
        .map(|line| line.split_whitespace().map(str::to_owned).collect());
    lines.filter(|words: &Vec<_>| !words.is_empty()).collect()
}
