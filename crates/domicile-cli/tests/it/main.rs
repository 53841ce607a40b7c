//! The command as it is used: a real process on real databases in a temporary folder.

mod caught;
mod check;
mod command;
mod demo;
mod disk;
mod explain;
mod kill;
mod lease;
mod many_homes;
mod overlap;
mod passwords;
mod quarantine;
mod quickstart;
mod refused;
mod run;
mod schedule;
mod schema;
mod secrets;
mod status;
mod tables;
mod terminal;
mod values;
mod verify;
