//! Clients that connect under a path of the operator's choice.

use crate::host::Host;
use crate::node::{EVENTS, Node, connect, signed};
use crate::peer::Peer;
use crate::wire::{Wire, app_target, handshake};

const BODY: &str = r#"{"name":"e","channels":["news"],"data":"{}"}"#;

#[test]
fn clients_connect_under_the_prefix_and_publishers_wherever_they_are_told() {
    let node = Node::with(|config| config.path_prefix = "/realtime/ws".into());
    let host = Host::start();
    for address in [node.address, host.axum(&node.server)] {
        let target = format!("/realtime/ws{}", app_target());
        let mut peer = Peer::over_at(connect(address), &target);
        peer.subscribe("news");
        let prefixed = format!("/realtime/ws{EVENTS}");
        for target in [
            signed("POST", EVENTS, BODY.as_bytes()),
            // A library may be told the prefix and not sign it.
            format!("/realtime/ws{}", signed("POST", EVENTS, BODY.as_bytes())),
            signed("POST", &prefixed, BODY.as_bytes()),
        ] {
            let reply = Wire::tcp(connect(address)).request("POST", &target, BODY.as_bytes());
            assert_eq!(reply.json(), serde_json::json!({}));
            peer.hears("news", "e", "{}");
        }
        let stranger = signed("POST", &format!("/other{EVENTS}"), BODY.as_bytes());
        let stranger = stranger.replace("/other", "/realtime/ws");
        let reply = Wire::tcp(connect(address)).request("POST", &stranger, BODY.as_bytes());
        assert_eq!(reply.status, 401);
        for target in ["", "/realtime", "/realtime/wss", "/ws"] {
            let mut wire = Wire::tcp(connect(address));
            wire.send(handshake(&format!("{target}{}", app_target()), &[]));
            assert_eq!(wire.reply().status, 404, "{target}");
        }
    }
}
