//! What is right: checks, defaults and plans, pure, one file per resource.
