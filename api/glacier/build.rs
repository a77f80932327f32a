//! Generates this crate from `models/glacier.*`.

fn main() {
    api_codegen::build("glacier");
}
