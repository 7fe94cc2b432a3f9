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
