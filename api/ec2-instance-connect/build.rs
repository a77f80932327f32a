//! Generates this crate from `models/ec2-instance-connect.*`.

fn main() {
    api_codegen::build("ec2-instance-connect");
}
