//! Generates this crate from `models/cloudwatch.*`.

fn main() {
    api_codegen::build("cloudwatch");
}
