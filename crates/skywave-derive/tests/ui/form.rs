use serde::Serialize;
use skywave::CanBroadcast;

const RELEASES: &str = "releases";

#[derive(Serialize, CanBroadcast)]
#[broadcast]
struct Bare;

#[derive(Serialize, CanBroadcast)]
#[broadcast = "releases"]
struct Equals;

#[derive(Serialize, CanBroadcast)]
#[broadcast("releases")]
struct NoKey;

#[derive(Serialize, CanBroadcast)]
#[broadcast(channel)]
struct NoValue;

#[derive(Serialize, CanBroadcast)]
#[broadcast(channel("releases"))]
struct Parentheses;

#[derive(Serialize, CanBroadcast)]
#[broadcast(channel = RELEASES)]
struct Constant;

#[derive(Serialize, CanBroadcast)]
#[broadcast(channel = "releases" name = "released")]
struct NoComma;

fn main() {}
