//! Generates this crate from `models/scheduler.*`.

fn main() {
    api_codegen::build("scheduler");
}
