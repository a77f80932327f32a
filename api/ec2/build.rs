//! Generates this crate from `models/ec2.*`.

fn main() {
    api_codegen::build("ec2");
}
