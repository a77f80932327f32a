//! Generates this crate from `models/application-autoscaling.*`.

fn main() {
    api_codegen::build("application-autoscaling");
}
