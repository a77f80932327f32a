//! Generates this crate from `models/ebs.*`.

fn main() {
    api_codegen::build("ebs");
}
