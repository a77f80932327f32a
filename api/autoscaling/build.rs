//! Generates this crate from `models/autoscaling.*`.

fn main() {
    api_codegen::build("autoscaling");
}
