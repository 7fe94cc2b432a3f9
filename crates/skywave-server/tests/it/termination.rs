//! Ending the connections of a user, wherever they are. Protocol §1.13.

use crate::host::Host;
use crate::node::{Node, credentials, signed};
use crate::peer::Peer;

#[test]
fn every_connection_that_signed_in_as_the_user_is_closed_with_4009_and_no_other() {
    let node = Node::with(|config| config.workers = Some(4));
    let host = Host::start();
    for path in [
        "/apps/7/users/ann/terminate_connections",
        // Trap 9: the Python library leaves the app out.
        "/users/ann/terminate_connections",
    ] {
        let mut anns: Vec<Peer> = (0..8).map(|_| node.connect()).collect();
        anns.push(Peer::over(host.foreign(&node.server, |stream| stream)));
        for ann in &mut anns {
            ann.sign_in("ann");
        }
        let mut bob = node.connect();
        bob.sign_in("bob");
        // In a channel as a member is not signed in.
        let mut member = node.connect();
        member.join("presence-room", "ann");

        let target = signed("POST", path, b"{}");
        let reply = node.wire().request("POST", &target, b"{}");
        assert_eq!((reply.status, reply.text()), (200, "{}".into()), "{path}");
        for ann in &mut anns {
            let error = ann.next();
            assert_eq!(error["event"], "pusher:error");
            assert_eq!(error["data"]["code"], 4009);
            ann.is_closed_with(4009);
        }
        bob.is_answered();
        member.is_answered();
    }
}

#[test]
fn nobody_is_closed_by_a_request_that_is_not_signed() {
    let node = Node::start();
    let mut ann = node.connect();
    ann.sign_in("ann");
    for path in [
        "/apps/7/users/ann/terminate_connections",
        "/apps/8/users/ann/terminate_connections",
        "/users/ann/terminate_connections",
    ] {
        let query = credentials().sign_request("POST", "/elsewhere", &[], b"{}", 0);
        for target in [path.to_owned(), format!("{path}?{query}")] {
            let reply = node.wire().request("POST", &target, b"{}");
            assert_eq!(reply.status, 401, "{target}");
        }
    }
    ann.is_answered();
}
