//! Generates this crate from `models/acm.*`.

fn main() {
    api_codegen::build("acm");
}
