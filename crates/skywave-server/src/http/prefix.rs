//! The path under which clients connect: pusher-js' `wsPath`, for a server that shares its host
//! with others.

use http::uri::PathAndQuery;
use http::{Request, Uri};

/// What stands before every path of a client; empty for nothing, otherwise `/..` without a slash
/// at its end.
#[derive(Debug)]
pub(crate) struct Prefix(String);

impl Prefix {
    pub(crate) fn new(path: &str) -> Self {
        match path.trim_matches('/') {
            "" => Self(String::new()),
            path => Self(format!("/{path}")),
        }
    }

    /// What follows the prefix in a target that begins with it.
    pub(super) fn strip<'a>(&self, target: &'a str) -> Option<&'a str> {
        let rest = target.strip_prefix(&self.0)?;
        rest.starts_with('/').then_some(rest)
    }

    /// Takes the prefix off a request's path, as if it had never been there. False when the path
    /// does not begin with it, and is left as it is.
    pub(super) fn take_off<B>(&self, request: &mut Request<B>) -> bool {
        if self.0.is_empty() {
            return true;
        }
        let target = request.uri().path_and_query().map(PathAndQuery::as_str);
        let rest = target.and_then(|target| self.strip(target));
        let Some(Ok(uri)) = rest.map(str::parse::<Uri>) else {
            return false;
        };
        let whole = std::mem::replace(request.uri_mut(), uri);
        request.extensions_mut().insert(Prefixed(whole));
        true
    }
}

/// What a request's target was before the prefix was taken off.
#[derive(Debug, Clone)]
pub(super) struct Prefixed(Uri);

impl Prefixed {
    pub(super) fn target(&self) -> &str {
        self.0.path_and_query().map_or("/", PathAndQuery::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_taken_off_once_and_only_whole() {
        for (prefix, target, rest) in [
            ("", "/app/k?protocol=7", Some("/app/k?protocol=7")),
            ("/", "/app/k", Some("/app/k")),
            ("/ws", "/ws/app/k?protocol=7", Some("/app/k?protocol=7")),
            ("ws/", "/ws/app/k", Some("/app/k")),
            ("/a/b", "/a/b/app/k", Some("/app/k")),
            ("/ws", "/ws/ws/app/k", Some("/ws/app/k")),
            ("/ws", "/ws/", Some("/")),
            ("/ws", "/ws", None),
            ("/ws", "/wsx/app/k", None),
            ("/ws", "/WS/app/k", None),
            ("/ws", "/app/k", None),
            ("/ws", "/ws?x=/app/k", None),
        ] {
            let mut request = Request::get(target).body(()).unwrap();
            let taken = Prefix::new(prefix).take_off(&mut request);
            assert_eq!(taken, rest.is_some(), "{prefix} {target}");
            assert_eq!(request.uri(), rest.unwrap_or(target), "{prefix}");
        }
    }
}
