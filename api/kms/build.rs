//! Generates this crate from `models/kms.*`.

fn main() {
    api_codegen::build("kms");
}
