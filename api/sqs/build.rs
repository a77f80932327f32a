//! Generates this crate from `models/sqs.*`.

fn main() {
    api_codegen::build("sqs");
}
