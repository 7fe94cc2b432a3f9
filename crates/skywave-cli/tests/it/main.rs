//! The program `skywave`, started for real.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod auth;
mod bench;
mod commands;
mod config;
mod memory;
mod restart;
mod serve;
mod signals;
mod world;
