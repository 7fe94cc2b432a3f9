//! Rules as a builder is given them, and the checks that make them the rules of a broadcaster.

use std::future;

use crate::authorize::{Answer, RuleFor};
use crate::pattern::Pattern;
use crate::rule::{AsyncRule, Rule};
use crate::typed::TypedChannel;
use crate::user::BroadcastUser;

/// A rule as it was given: nothing about its pattern is checked yet.
pub(crate) struct Ruling<U> {
    pattern: String,
    job: Job,
    /// Parameters after the user.
    parameters: usize,
    rule: RuleFor<U>,
}

/// What a rule says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Job {
    /// Yes or no.
    Authorize,
    /// Who joins.
    Join,
}

impl<U: BroadcastUser> Ruling<U> {
    /// A rule that answers at once.
    pub(crate) fn at_once<P, T: 'static, R: Rule<U, P, T>>(
        pattern: String,
        job: Job,
        rule: R,
        answer: fn(T) -> Answer,
    ) -> Self {
        Self {
            pattern,
            job,
            parameters: R::PARAMETERS,
            rule: Box::new(move |user, values| {
                Box::pin(future::ready(rule.ask(user, values).map(answer)))
            }),
        }
    }

    /// A rule that has to wait.
    pub(crate) fn later<P, T: 'static, R: AsyncRule<U, P, T>>(
        pattern: String,
        job: Job,
        rule: R,
        answer: fn(T) -> Answer,
    ) -> Self {
        Self {
            pattern,
            job,
            parameters: R::PARAMETERS,
            rule: Box::new(move |user, values| match rule.ask(user.clone(), values) {
                Ok(asked) => Box::pin(async move { asked.await.map(answer) }),
                Err(error) => Box::pin(future::ready(Err(error))),
            }),
        }
    }
}

impl<U> Ruling<U> {
    /// The rule of a typed channel, whose fields are the parameters.
    pub(crate) fn of_type<C: TypedChannel>(job: Job, rule: RuleFor<U>) -> Self {
        Self {
            pattern: C::PATTERN.to_owned(),
            job,
            parameters: C::PATTERN.matches('{').count(),
            rule,
        }
    }

    /// The pattern's text.
    pub(crate) fn pattern(&self) -> &str {
        &self.pattern
    }
}

/// The rules with their patterns, each of which matches channels that no other one does. Notes
/// every mistake.
pub(crate) fn checked_rules<U>(
    given: Vec<Ruling<U>>,
    mistakes: &mut Vec<String>,
) -> Vec<(Pattern, RuleFor<U>)> {
    let mut rules: Vec<(Pattern, RuleFor<U>)> = Vec::with_capacity(given.len());
    for ruling in given {
        let pattern = match checked_pattern(&ruling) {
            Ok(pattern) => pattern,
            Err(mistake) => {
                mistakes.push(format!("pattern `{}`: {mistake}", ruling.pattern));
                continue;
            }
        };
        if let Some((other, _)) = rules.iter().find(|(other, _)| other.overlaps(&pattern)) {
            mistakes.push(format!(
                "pattern `{pattern}`: some channels match `{other}`, too; expected one rule for \
                 every channel"
            ));
        }
        rules.push((pattern, ruling.rule));
    }
    rules
}

fn checked_pattern<U>(ruling: &Ruling<U>) -> Result<Pattern, String> {
    let pattern = Pattern::parse(&ruling.pattern)?;
    let kind = pattern.kind();
    if !kind.needs_authorisation() {
        return Err(
            "channels of this name need no authorisation; expected the full name, with \
                    `private-` or `presence-`"
                .to_owned(),
        );
    }
    if (ruling.job == Job::Join) != kind.is_presence() {
        return Err(match ruling.job {
            Job::Join => "only presence channels are joined; expected `authorize`".to_owned(),
            Job::Authorize => {
                "a presence channel needs to know who joins; expected `join`".to_owned()
            }
        });
    }
    let placeholders = pattern.placeholders().count();
    if placeholders != ruling.parameters {
        return Err(format!(
            "placeholders: {placeholders}, parameters of its rule after the user: {}; expected as \
             many of both",
            ruling.parameters
        ));
    }
    Ok(pattern)
}
