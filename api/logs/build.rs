//! Generates this crate from `models/logs.*`.

fn main() {
    api_codegen::build("logs");
}
