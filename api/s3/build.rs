//! Generates this crate from `models/s3.*`.

fn main() {
    api_codegen::build("s3");
}
