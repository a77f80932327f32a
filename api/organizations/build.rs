//! Generates this crate from `models/organizations.*`.

fn main() {
    api_codegen::build("organizations");
}
