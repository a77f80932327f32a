//! Generates this crate from `models/sts.*`.

fn main() {
    api_codegen::build("sts");
}
