//! Generates this crate from `models/elbv2.*`.

fn main() {
    api_codegen::build("elbv2");
}
