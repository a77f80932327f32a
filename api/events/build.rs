//! Generates this crate from `models/events.*`.

fn main() {
    api_codegen::build("events");
}
