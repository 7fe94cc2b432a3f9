//! What the derive writes, and what it refuses.

#![deny(warnings, unused_qualifications)]

use std::fmt::Display;

use serde::Serialize;
use serde_json::json;
use skywave::{CanBroadcast, Channel, IntoChannels, TypedChannel};

/// The names of an event's channels, its own name, and its payload as JSON.
fn seen<E: CanBroadcast>(event: &E) -> (Vec<String>, String, serde_json::Value) {
    let channels = event.broadcast_on().into_channels();
    let channels = channels
        .iter()
        .map(|channel| channel.name().to_owned())
        .collect();
    let payload = serde_json::to_value(event.broadcast_with()).expect("the events are plain data");
    (channels, event.broadcast_as().into_owned(), payload)
}

fn channels<E: CanBroadcast>(event: &E) -> Vec<String> {
    seen(event).0
}

#[test]
fn a_public_event_has_its_channel_its_own_name_and_itself_as_payload() {
    #[derive(Serialize, CanBroadcast)]
    #[broadcast(channel = "releases")]
    struct NewRelease {
        version: String,
        message: String,
    }
    let event = NewRelease {
        version: "4.0.0".into(),
        message: "out now".into(),
    };
    let payload = json!({"version": "4.0.0", "message": "out now"});
    assert_eq!(
        seen(&event),
        (vec!["releases".into()], "NewRelease".into(), payload)
    );
}

#[test]
fn a_placeholder_prints_its_field_and_a_name_replaces_the_types() {
    #[derive(Serialize, CanBroadcast)]
    #[broadcast(private = "orders.{order_id}", name = "order-shipped")]
    struct OrderShipped {
        order_id: u64,
        #[serde(skip)]
        carrier: String,
    }
    let event = OrderShipped {
        order_id: 42,
        carrier: "post".into(),
    };
    let payload = json!({"order_id": 42});
    assert_eq!(
        seen(&event),
        (
            vec!["private-orders.42".into()],
            "order-shipped".into(),
            payload
        )
    );
    assert_eq!(event.carrier, "post");
}

#[test]
fn a_condition_is_asked_of_the_event_and_without_one_it_holds() {
    #[derive(Serialize, CanBroadcast)]
    #[broadcast(private = "warehouse", when = self.left < self.least && self.is_counted(), name = "low")]
    struct StockChanged {
        left: u32,
        least: u32,
    }
    impl StockChanged {
        fn is_counted(&self) -> bool {
            self.left != 3
        }
    }
    #[derive(Serialize, CanBroadcast)]
    #[broadcast(channel = "all")]
    #[broadcast(when = matches!(self, Self::Shown { .. }))]
    enum Note {
        Shown,
        Hidden,
    }
    let stock = |left| StockChanged { left, least: 10 }.broadcast_when();
    assert_eq!([9, 10, 3].map(stock), [true, false, false]);
    assert_eq!(seen(&StockChanged { left: 1, least: 2 }).1, "low");
    assert!(Note::Shown.broadcast_when());
    assert!(!Note::Hidden.broadcast_when());

    #[derive(Serialize, CanBroadcast)]
    #[broadcast(channel = "all")]
    struct Always;
    assert!(Always.broadcast_when());
}

#[test]
fn keys_repeat_and_spread_over_attributes_and_keep_their_order() {
    #[derive(Serialize, CanBroadcast)]
    #[broadcast(channel = "all", private = "shop.{shop}")]
    #[broadcast(presence = "staff.{shop}.{shop}", private = "audit")]
    struct Opened {
        shop: u8,
    }
    assert_eq!(
        channels(&Opened { shop: 7 }),
        [
            "all",
            "private-shop.7",
            "presence-staff.7.7",
            "private-audit"
        ]
    );
}

#[test]
fn a_prefix_is_added_once() {
    #[derive(Serialize, CanBroadcast)]
    #[broadcast(private = "private-a", presence = "presence-b", channel = "private-c")]
    struct Prefixed;
    assert_eq!(
        channels(&Prefixed),
        ["private-a", "presence-b", "private-c"]
    );
}

#[test]
fn tuple_structs_number_their_fields() {
    #[derive(Serialize, CanBroadcast)]
    #[broadcast(channel = "{1}.{0}")]
    struct Pair(&'static str, u8);
    assert_eq!(channels(&Pair("a", 1)), ["1.a"]);
}

#[test]
fn every_variant_of_an_enum_fills_the_placeholder() {
    #[derive(Serialize, CanBroadcast)]
    #[broadcast(private = "orders.{order}")]
    enum Order {
        Shipped { order: u64, carrier: String },
        Cancelled { order: &'static str },
    }
    let shipped = Order::Shipped {
        order: 1,
        carrier: "post".into(),
    };
    assert_eq!(channels(&shipped), ["private-orders.1"]);
    assert_eq!(
        channels(&Order::Cancelled { order: "two" }),
        ["private-orders.two"]
    );
    assert_eq!(seen(&shipped).1, "Order");
}

#[test]
fn an_enum_needs_no_fields_when_there_is_no_placeholder() {
    #[derive(Serialize, CanBroadcast)]
    #[broadcast(channel = "lamp")]
    enum Lamp {
        On,
        Dimmed(u8),
    }
    assert_eq!(
        seen(&Lamp::On),
        (vec!["lamp".into()], "Lamp".into(), json!("On"))
    );
    assert_eq!(seen(&Lamp::Dimmed(3)).2, json!({"Dimmed": 3}));
}

#[test]
fn generic_types_ask_for_what_they_use() {
    #[derive(Serialize, CanBroadcast)]
    #[broadcast(channel = "models.{id}")]
    struct Saved<'a, Id: Serialize, Model: Clone, const VERSION: usize>
    where
        Model: Serialize,
    {
        id: Id,
        by: &'a str,
        model: Model,
        #[serde(skip)]
        versions: [u8; VERSION],
    }

    #[derive(Serialize, CanBroadcast)]
    #[broadcast(channel = "boxes")]
    struct Boxed<T: Serialize>(T);
    assert_eq!(
        seen(&Boxed(vec![1])),
        (vec!["boxes".into()], "Boxed".into(), json!([1]))
    );

    let event = Saved {
        id: 9,
        by: "ann",
        model: "m",
        versions: [0; 2],
    };
    let payload = json!({"id": 9, "by": "ann", "model": "m"});
    assert_eq!(
        seen(&event),
        (vec!["models.9".into()], "Saved".into(), payload)
    );
    assert_eq!(event.versions.len(), 2);

    fn emit<Id: Display + Serialize>(id: Id) -> Vec<String> {
        channels(&Saved {
            id,
            by: "",
            model: 1,
            versions: [],
        })
    }
    assert_eq!(emit("x"), ["models.x"]);
}

#[test]
fn raw_identifiers_lose_their_prefix() {
    #[derive(Serialize, CanBroadcast)]
    #[broadcast(channel = "{type}")]
    struct r#Type {
        r#type: u8,
    }
    assert_eq!(
        seen(&Type { r#type: 1 }),
        (vec!["1".into()], "Type".into(), json!({"type": 1}))
    );
}

#[test]
fn nothing_in_the_users_scope_can_change_what_is_written() {
    mod hostile {
        #![expect(dead_code, unused_macros, reason = "only here to be in the way")]
        use super::{CanBroadcast, Serialize};

        pub(super) struct Channel;
        pub(super) struct Cow;
        pub(super) struct String;
        mod std {}
        mod skywave {}
        macro_rules! format {
            () => {};
        }

        #[derive(Serialize, CanBroadcast)]
        #[broadcast(channel = "a.{field_0}.{name}")]
        pub(super) struct Event {
            pub(super) name: u8,
            pub(super) field_0: u8,
        }
    }
    assert_eq!(
        channels(&hostile::Event {
            name: 1,
            field_0: 2
        }),
        ["a.2.1"]
    );
}

#[test]
fn nothing_in_the_users_scope_can_change_what_a_channel_type_gets() {
    mod hostile {
        #![expect(dead_code, unused_macros, reason = "only here to be in the way")]
        pub(super) struct TypedChannel;
        pub(super) struct IntoChannels;
        pub(super) struct Vec;
        pub(super) struct Result;
        mod std {}
        mod skywave {}
        macro_rules! vec {
            () => {};
        }

        #[derive(::skywave::Channel)]
        #[channel(presence = "{values}.{r}.x-{type}")]
        pub(super) struct Hostile {
            pub(super) r: u8,
            pub(super) r#type: ::std::string::String,
            pub(super) values: u8,
        }
    }
    let channel = hostile::Hostile {
        r: 2,
        r#type: "y".into(),
        values: 1,
    };
    assert_eq!(hostile::Hostile::PATTERN, "presence-{values}.{r}.x-{type}");
    assert_eq!((&channel).into_channels(), ["presence-1.2.x-y"]);
    let read = hostile::Hostile::from_name("presence-1.2.x-y").expect("its own name");
    assert_eq!((read.values, read.r, read.r#type), (1, 2, "y".into()));
    assert_eq!(channel.into_channels(), [Channel::presence("1.2.x-y")]);
}

#[test]
fn a_value_is_printed_as_it_is_even_with_braces_in_it() {
    #[derive(Serialize, CanBroadcast)]
    #[broadcast(channel = "a.{0}")]
    struct Braces(&'static str);
    assert_eq!(channels(&Braces("{}")), ["a.{}"]);
}

#[test]
fn mistakes_are_explained() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
