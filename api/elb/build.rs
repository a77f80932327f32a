//! Generates this crate from `models/elb.*`.

fn main() {
    api_codegen::build("elb");
}
