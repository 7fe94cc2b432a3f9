//! Who is here.

use serde_json::{Value, json};
use skywave_engine::{AppSettings, Occupancy};
use skywave_protocol::Limits;

use crate::world::{World, channel, credentials, data};

const ROOM: &str = "presence-room";

#[test]
fn a_member_is_shown_once_however_many_connections_it_has() {
    let world = World::new(2);
    let (ann, bob, bob_again) = (
        world.browser(0, 1),
        world.browser(1, 2),
        world.browser(0, 3),
    );
    ann.join(ROOM, "ann");
    bob.join(ROOM, "bob");
    bob_again.join(ROOM, "bob");
    world.tick();

    let heard = ann.heard();
    assert_eq!(
        data(&heard[1]),
        json!({"user_id": "bob"}),
        "told once: {heard:?}"
    );
    assert_eq!(heard.len(), 2);
    let presence = &data(&bob_again.heard()[0])["presence"];
    let expected = json!({"count": 2, "ids": ["ann", "bob"], "hash": {"ann": null, "bob": null}});
    assert_eq!(*presence, expected);
    let occupancy = world.engine.occupancy(&world.app(), &channel(ROOM));
    assert_eq!(
        occupancy,
        Occupancy {
            subscriptions: 3,
            users: Some(2)
        }
    );
}

#[test]
fn a_member_is_removed_when_its_last_connection_leaves() {
    let world = World::new(2);
    let (ann, bob, bob_again) = (
        world.browser(0, 1),
        world.browser(1, 2),
        world.browser(0, 3),
    );
    ann.join(ROOM, "ann");
    bob.join(ROOM, "bob");
    bob_again.join(ROOM, "bob");
    world.tick();
    ann.heard();

    bob.close();
    world.tick();
    assert_eq!(ann.events(), [] as [&str; 0]);
    bob_again.unsubscribe(ROOM);
    world.tick();
    let heard = ann.heard();
    assert_eq!(heard[0]["event"], "pusher_internal:member_removed");
    assert_eq!(data(&heard[0]), json!({"user_id": "bob"}));
}

#[test]
fn the_newcomer_is_not_told_of_itself_and_is_in_its_own_list() {
    let world = World::new(1);
    let ann = world.browser(0, 1);
    ann.subscribe_signed(
        ROOM,
        Some(&json!({"user_id": 10, "user_info": {"name": "Ann"}})),
    );
    world.tick();
    let heard = ann.heard();
    assert_eq!(heard.len(), 1);
    let expected = json!({"count": 1, "ids": ["10"], "hash": {"10": {"name": "Ann"}}});
    assert_eq!(
        data(&heard[0])["presence"],
        expected,
        "a numeric id becomes text"
    );
}

#[test]
fn the_list_and_the_member_events_that_follow_fit_together() {
    let world = World::new(1);
    let (ann, bob, cat) = (
        world.browser(0, 1),
        world.browser(0, 2),
        world.browser(0, 3),
    );
    ann.join(ROOM, "ann");
    bob.join(ROOM, "bob");
    bob.close();
    cat.join(ROOM, "cat");
    world.tick();
    // Bob came and went before cat's list was made: cat never hears of him, ann hears both.
    let heard = cat.heard();
    assert_eq!(heard.len(), 1);
    assert_eq!(data(&heard[0])["presence"]["ids"], json!(["ann", "cat"]));
    let events = ann.events();
    let short: Vec<_> = events
        .iter()
        .filter_map(|e| e.strip_prefix("pusher_internal:"))
        .collect();
    assert_eq!(
        short,
        [
            "subscription_succeeded",
            "member_added",
            "member_removed",
            "member_added"
        ]
    );
}

#[test]
fn a_full_channel_refuses_new_members_but_not_new_connections_of_members() {
    let limits = Limits {
        members_per_channel: 1,
        ..Limits::default()
    };
    let settings = AppSettings {
        limits,
        ..AppSettings::new(credentials())
    };
    let world = World::of(1, settings);
    let (ann, ann_again, bob) = (
        world.browser(0, 1),
        world.browser(0, 2),
        world.browser(0, 3),
    );
    ann.join(ROOM, "ann");
    ann_again.join(ROOM, "ann");
    bob.join(ROOM, "bob");
    assert_eq!(
        ann_again.events(),
        ["pusher_internal:subscription_succeeded"]
    );
    let heard = bob.heard();
    assert_eq!(heard[0]["event"], "pusher:subscription_error");
    assert_eq!(
        world
            .engine
            .occupancy(&world.app(), &channel(ROOM))
            .subscriptions,
        2
    );
}

#[test]
fn a_channel_that_refuses_its_first_member_is_not_occupied() {
    let limits = Limits {
        members_per_channel: 0,
        ..Limits::default()
    };
    let settings = AppSettings {
        limits,
        ..AppSettings::new(credentials())
    };
    let world = World::of(1, settings);
    let ann = world.browser(0, 1);
    ann.join(ROOM, "ann");
    assert_eq!(
        world
            .engine
            .occupancy(&world.app(), &channel(ROOM))
            .subscriptions,
        0
    );
}

#[test]
fn a_signed_in_user_joins_without_channel_data_and_nobody_else_does() {
    let world = World::new(1);
    let (ann, stranger) = (world.browser(0, 1), world.browser(0, 2));
    ann.sign_in(&json!({"id": "ann", "user_info": {"name": "Ann"}}));
    ann.heard();
    ann.subscribe_signed(ROOM, None);
    stranger.subscribe_signed(ROOM, None);
    let heard = ann.heard();
    assert_eq!(
        data(&heard[0])["presence"]["hash"],
        json!({"ann": {"name": "Ann"}})
    );
    let refused: Vec<Value> = stranger.heard();
    assert_eq!(
        refused[1]["data"]["message"],
        "Missing parameter: data.channel_data"
    );
}
