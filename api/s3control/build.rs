//! Generates this crate from `models/s3control.*`.

fn main() {
    api_codegen::build("s3control");
}
