//! One path or several: [`IntoPaths`].

/// What [`Broadcaster::routes_at`](crate::Broadcaster::routes_at) takes: a path, or several.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a path",
    label = "expected a path such as \"/pusher/user-auth\", or an array or vector of paths"
)]
pub trait IntoPaths {
    /// The paths, in the order given.
    fn into_paths(self) -> Vec<String>;
}

/// What is wrong with paths for authorisation: each with its mistake.
pub(crate) fn check_paths(paths: &[String]) -> Vec<(&str, &'static str)> {
    let mut mistakes = Vec::new();
    if paths.is_empty() {
        mistakes.push(("", "there is none; expected at least one"));
    }
    for (index, path) in paths.iter().enumerate() {
        if !path.starts_with('/') {
            mistakes.push((path, "expected a path that starts with `/`"));
        } else if paths[..index].contains(path) {
            mistakes.push((path, "there are two; expected different paths"));
        }
    }
    mistakes
}

impl IntoPaths for &str {
    fn into_paths(self) -> Vec<String> {
        vec![self.to_owned()]
    }
}

impl IntoPaths for String {
    fn into_paths(self) -> Vec<String> {
        vec![self]
    }
}

impl<P: Into<String>, const N: usize> IntoPaths for [P; N] {
    fn into_paths(self) -> Vec<String> {
        self.into_iter().map(P::into).collect()
    }
}

impl<P: Into<String>> IntoPaths for Vec<P> {
    fn into_paths(self) -> Vec<String> {
        self.into_iter().map(P::into).collect()
    }
}
