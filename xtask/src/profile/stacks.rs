//! Where a program was found, merged into a tree: [`Stacks`].

use std::cmp::Reverse;
use std::collections::BTreeMap;

/// A tree of calls. What every sample has in common at its outer end is left out.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Stacks {
    root: Call,
}

/// A function, called by the one around it in the tree.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Call {
    /// Samples in it or in what it called.
    pub(super) samples: usize,
    pub(super) origin: Origin,
    /// What it called, by name.
    pub(super) calls: BTreeMap<String, Call>,
}

/// Whose code it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Origin {
    Skywave,
    #[default]
    Library,
    Kernel,
}

impl Stacks {
    /// Reads what `perf script --fields comm,ip,sym,dso` prints: for every sample the thread's name
    /// and the functions, the innermost first, and an empty line.
    pub(super) fn parse(script: &str) -> Self {
        let mut root = Call::default();
        for sample in script.split("\n\n").map(str::trim_end) {
            let mut functions: Vec<_> = sample.lines().filter_map(function).collect();
            functions.reverse();
            if !functions.is_empty() {
                root.add(&functions);
            }
        }
        while let Some(only) = root.only_call() {
            root = only;
        }
        Self { root }
    }

    /// How often the program was looked at.
    pub(super) fn samples(&self) -> usize {
        self.root.samples
    }

    /// The part of the samples that were in this code itself, and not in what it called.
    pub(super) fn share(&self, origin: Origin) -> f64 {
        let mut inside = 0;
        self.root.each("", &mut |_, call| {
            if call.origin == origin {
                inside += call.alone();
            }
        });
        inside as f64 / self.samples().max(1) as f64
    }

    /// The functions in which most samples were, without what they called, and how many these are.
    pub(super) fn busiest(&self, number: usize) -> Vec<(&str, usize)> {
        let mut functions = BTreeMap::new();
        self.root.each("", &mut |name, call| {
            *functions.entry(name).or_insert(0) += call.alone();
        });
        let mut functions: Vec<_> = functions.into_iter().collect();
        functions.sort_by_key(|(_, samples)| Reverse(*samples));
        functions.truncate(number);
        functions
    }

    /// What is around everything.
    pub(super) fn root(&self) -> &Call {
        &self.root
    }
}

impl Call {
    /// Adds a sample: the functions, the outermost first.
    fn add(&mut self, functions: &[(&str, Origin)]) {
        self.samples += 1;
        if let Some(((name, origin), inner)) = functions.split_first() {
            let call = self.calls.entry((*name).to_owned()).or_default();
            call.origin = *origin;
            call.add(inner);
        }
    }

    /// Samples in it that were in none of its calls.
    fn alone(&self) -> usize {
        let inner: usize = self.calls.values().map(|call| call.samples).sum();
        self.samples - inner
    }

    /// Shows this call and all inside it, each with its name.
    fn each<'a>(&'a self, name: &'a str, visit: &mut impl FnMut(&'a str, &'a Self)) {
        visit(name, self);
        for (name, inner) in &self.calls {
            inner.each(name, visit);
        }
    }

    /// The one call in which all of the samples are.
    fn only_call(&mut self) -> Option<Self> {
        let is_only = self.calls.len() == 1
            && self
                .calls
                .values()
                .all(|call| call.samples == self.samples && !call.calls.is_empty());
        is_only.then(|| self.calls.pop_first().map(|(_, call)| call))?
    }
}

/// The function of a line such as `  4c3c72 sha2::compress (/usr/bin/skywave)`; the line with the
/// thread's name has none.
fn function(line: &str) -> Option<(&str, Origin)> {
    let line = line.strip_prefix(['\t', ' '])?.trim();
    let (_address, function) = line.split_once(' ')?;
    let (name, object) = function.rsplit_once(" (")?;
    let is_ours = name.trim_start_matches(['<', '&']).starts_with("skywave");
    let origin = match object {
        _ if is_ours => Origin::Skywave,
        _ if object.starts_with("[kernel") => Origin::Kernel,
        _ => Origin::Library,
    };
    Some((name, origin))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two samples of one thread, in the kernel and out of it.
    const SCRIPT: &str = "\
skywave-worker-
\tffffffff8200ec5b tcp_sendmsg ([kernel.kallsyms])
\t           fde9d __GI___writev (/usr/lib/libc.so.6)
\t          56f19d skywave_server::guest::welcome::{{closure}} (/target/skywave)
\t           891f5 start_thread (/usr/lib/libc.so.6)

skywave-worker-
\t          56f19d skywave_server::guest::welcome::{{closure}} (/target/skywave)
\t           891f5 start_thread (/usr/lib/libc.so.6)

";

    #[test]
    fn samples_are_merged_from_the_outside_and_the_same_for_all_is_left_out() {
        let stacks = Stacks::parse(SCRIPT);
        assert_eq!(stacks.samples(), 2);
        // `start_thread` is around all of them, and so is `welcome`.
        let (name, write) = stacks.root().calls.first_key_value().expect("a call");
        assert_eq!((name.as_str(), write.samples), ("__GI___writev", 1));
        assert_eq!(write.origin, Origin::Library);
        let (name, send) = write.calls.first_key_value().expect("a call");
        assert_eq!((name.as_str(), send.samples), ("tcp_sendmsg", 1));
        assert_eq!(send.origin, Origin::Kernel);
    }

    #[test]
    fn a_sample_counts_where_it_was_and_not_for_the_callers() {
        let script = "t\n\t1 copy ([kernel.kallsyms])\n\t2 skywave::a (/s)\n\t3 main (/s)\n\n\
                      t\n\t1 copy ([kernel.kallsyms])\n\t2 b (/s)\n\t3 main (/s)\n\n\
                      t\n\t2 skywave::a (/s)\n\t3 main (/s)\n\n\
                      t\n\t1 copy ([kernel.kallsyms])\n\t3 main (/s)\n\n";
        let stacks = Stacks::parse(script);
        assert_eq!(stacks.busiest(2), [("copy", 3), ("skywave::a", 1)]);
        assert!((stacks.share(Origin::Kernel) - 0.75).abs() < 1e-9);
        assert!((stacks.share(Origin::Skywave) - 0.25).abs() < 1e-9);
        assert!(stacks.share(Origin::Library).abs() < 1e-9);
    }

    #[test]
    fn the_same_function_from_different_callers_stays_apart() {
        let script = "t\n\t1 f (/a)\n\t2 g (/a)\n\nt\n\t1 f (/a)\n\t3 h (/a)\n\n";
        let stacks = Stacks::parse(script);
        let callers: Vec<_> = stacks.root().calls.keys().collect();
        assert_eq!(callers, ["g", "h"]);
        assert!(
            stacks
                .root()
                .calls
                .values()
                .all(|call| call.calls["f"].samples == 1)
        );
    }

    #[test]
    fn code_is_told_apart_by_its_names() {
        for (line, name, origin) in [
            ("\t1 tcp_ack ([kernel.kallsyms])", "tcp_ack", Origin::Kernel),
            (
                "\t1 <skywave_server::socket::Socket as a::B>::c (/s)",
                "<skywave_server::socket::Socket as a::B>::c",
                Origin::Skywave,
            ),
            (
                "\t1 hyper::Buffered<T,B>::x (/s)",
                "hyper::Buffered<T,B>::x",
                Origin::Library,
            ),
            ("\t1 [unknown] ([unknown])", "[unknown]", Origin::Library),
        ] {
            assert_eq!(function(line), Some((name, origin)), "{line}");
        }
        assert_eq!(function("skywave-worker- "), None);
    }

    #[test]
    fn nothing_is_no_sample() {
        assert_eq!(Stacks::parse("").samples(), 0);
        assert_eq!(Stacks::parse("\n\n\n"), Stacks::default());
    }
}
