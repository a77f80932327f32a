//! Generates this crate from `models/savingsplans.*`.

fn main() {
    api_codegen::build("savingsplans");
}
