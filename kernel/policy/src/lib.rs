//! AWS's policy language and its evaluation: pure, without input or output, without a clock.
//!
//! ```
//! use policy::{Document, Facts, Kind, Policies, Policy, Request, Who, decide, denial_message};
//!
//! let text = r#"{"Version": "2012-10-17", "Statement":
//!     {"Effect": "Allow", "Action": "queue:Send*", "Resource": "arn:aws:queue:*:*:${aws:username}-*"}}"#;
//! let document = Document::parse(Kind::Identity, text, &[])?;
//! let attached = [Policy::compile("mine", &document).into()];
//!
//! let arn = "arn:aws:iam::111122223333:user/kim";
//! let facts = Facts::new().with("aws:username", "kim");
//! let request = |resource| Request {
//!     who: Who::User { account: "111122223333", arn, id: "AIDAEXAMPLEOFANID" },
//!     action: "queue:SendMessage",
//!     resource,
//!     owner: None,
//!     context: &facts,
//! };
//! let policies = Policies { identity: &attached, ..Policies::default() };
//! assert!(decide(&request("arn:aws:queue:eu-west-1:111122223333:kim-1"), &policies).is_allowed());
//!
//! let other = "arn:aws:queue:eu-west-1:111122223333:sam-1";
//! let decision = decide(&request(other), &policies);
//! assert_eq!(
//!     denial_message(arn, "queue:SendMessage", other, &decision),
//!     "User: arn:aws:iam::111122223333:user/kim is not authorized to perform: queue:SendMessage on resource: \
//!      arn:aws:queue:eu-west-1:111122223333:sam-1 because no identity-based policy allows the \
//!      queue:SendMessage action"
//! );
//! # Ok::<(), policy::Malformed>(())
//! ```

mod condition;
mod context;
mod decision;
mod document;
mod evaluate;
mod json;
mod lower;
mod named;
mod pattern;
mod policy;
mod who;

pub use condition::{Compare, Operator, Qualifier, Relation};
pub use context::{Context, Facts, Values};
pub use decision::{Decision, Layer, Match, Outcome, denial_message};
pub use document::{
    Condition, Document, ENTRY_LENGTH_MAX, Effect, Element, Kind, Malformed, PrincipalEntry, PrincipalType,
    Regions, STATEMENTS_MAX, Statement, TEXT_LENGTH_MAX, VendorRule, Version, size,
};
pub use evaluate::{Policies, Request, Weight, decide, explain};
pub use named::{named, rename};
pub use policy::{Policy, Statement as CompiledStatement};
pub use who::{Parent, Who};
