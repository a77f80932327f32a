//! Generates this crate from `models/iam.*`.

fn main() {
    api_codegen::build("iam");
}
