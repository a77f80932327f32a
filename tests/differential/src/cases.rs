//! Random policies and requests, over few words so that many of them meet.

use fastrand::Rng;
use policy::Facts;
use serde_json::{Map, Value, json};

pub const ACCOUNT: &str = "111122223333";
pub const USER: &str = "arn:aws:iam::111122223333:user/kim";

const ACTIONS: &[&str] =
    &["s3:GetObject", "s3:PutObject", "sqs:SendMessage", "sqs:sendmessagebatch", "ec2:RunInstances"];
const ACTION_PATTERNS: &[&str] = &[
    "*",
    "s3:*",
    "s3:Get*",
    "S3:getobject",
    "s3:?etObject",
    "sqs:Send*",
    "sqs:*Message",
    "sqs:SendMessage",
    "ec2:Run*",
    "s3:*Object",
    "s3:P?tObject",
];
const RESOURCES: &[&str] = &[
    "arn:aws:s3:::photos/kim/a.png",
    "arn:aws:s3:::photos/sam/b",
    "arn:aws:s3:::photos",
    "arn:aws:sqs:us-east-1:111122223333:kim-in",
    "arn:aws:sqs:eu-west-1:111122223333:orders",
    "arn:aws:ec2:us-east-1:111122223333:instance/i-1",
];
const RESOURCE_PATTERNS: &[&str] = &[
    "*",
    "arn:aws:s3:::*",
    "arn:aws:s3:::photos/*",
    "arn:aws:s3:::photos/${aws:username}/*",
    "arn:aws:s3:::photos/?im/*",
    "arn:aws:sqs:*:111122223333:*",
    "arn:aws:sqs:us-*:*:${aws:username}-*",
    "arn:aws:sqs:eu-west-1:111122223333:orders",
    "arn:aws:ec2:*:*:instance/*",
    "arn:aws:s3:::${aws:PrincipalTag/team, 'photos'}/*",
    "arn:aws:s3:*:*:*",
    "arn:aws:s3:::*/${aws:username}/?.png",
];
const TEXTS: &[&str] = &["red", "Red", "blue", "bl*", "*", "re?", "${aws:username}", "kim", ""];
const NUMBERS: &[&str] = &["1", "5", "5.0", "-3", "12.5"];
const DATES: &[&str] =
    &["2026-01-01T00:00:00Z", "2026-06-01T12:00:00Z", "1780315200", "2027-01-01T00:00:00+02:00"];
const NETWORKS: &[&str] = &["10.0.0.0/8", "10.1.2.3", "192.0.2.0/24", "2001:db8::/32", "0.0.0.0/0"];
const ARNS: &[&str] = &[
    "arn:aws:sns:us-east-1:111122223333:news",
    "arn:aws:sns:*:111122223333:*",
    "arn:aws:s3:::photos",
    "arn:aws:sns:us-east-1:*:n?ws",
    "arn:aws:*:*:*:news",
];

/// A whole question.
#[derive(Clone, Debug)]
pub struct Case {
    pub identity: Vec<Vec<Statement>>,
    pub boundary: Option<Vec<Statement>>,
    /// One policy at one level of an organization.
    pub control: Option<Vec<Statement>>,
    pub action: String,
    pub resource: String,
    pub context: Vec<(String, Vec<String>)>,
}

#[derive(Clone, Debug)]
pub struct Statement {
    pub allow: bool,
    pub all_but_actions: bool,
    pub actions: Vec<String>,
    pub all_but_resources: bool,
    pub resources: Vec<String>,
    pub conditions: Vec<Condition>,
}

#[derive(Clone, Debug)]
pub struct Condition {
    pub operator: String,
    pub key: String,
    pub values: Vec<String>,
}

fn one<'t>(chance: &mut Rng, from: &[&'t str]) -> &'t str {
    from[chance.usize(..from.len())]
}

fn some(chance: &mut Rng, from: &[&str], at_most: usize) -> Vec<String> {
    let mut chosen: Vec<String> =
        (0..chance.usize(1..=at_most)).map(|_| one(chance, from).to_owned()).collect();
    chosen.sort_unstable();
    chosen.dedup();
    chosen
}

impl Case {
    pub fn random(chance: &mut Rng) -> Self {
        let policy = |chance: &mut Rng| (0..chance.usize(1..=3)).map(|_| Statement::random(chance)).collect();
        let wide = |chance: &mut Rng| {
            let mut statements: Vec<Statement> = policy(chance);
            statements.push(Statement::everything(chance.u8(..4) > 0));
            statements
        };
        Self {
            identity: (0..chance.usize(1..=2)).map(|_| policy(chance)).collect(),
            boundary: (chance.u8(..4) == 0).then(|| wide(chance)),
            control: (chance.u8(..4) == 0).then(|| wide(chance)),
            action: one(chance, ACTIONS).to_owned(),
            resource: one(chance, RESOURCES).to_owned(),
            context: context(chance),
        }
    }

    pub fn texts(&self, policies: &[Vec<Statement>]) -> Vec<String> {
        let text = |statements: &Vec<Statement>| {
            let statements: Vec<Value> = statements.iter().map(Statement::json).collect();
            json!({ "Version": "2012-10-17", "Statement": statements }).to_string()
        };
        policies.iter().map(text).collect()
    }

    /// For people.
    pub fn shown(&self) -> String {
        let Self { action, resource, context, .. } = self;
        let mut text = format!("{action} on {resource} with {context:?}");
        let limits = [("boundary", &self.boundary), ("control", &self.control)];
        let limits = limits.into_iter().flat_map(|(kind, policy)| policy.iter().map(move |one| (kind, one)));
        for (kind, policy) in self.identity.iter().map(|one| ("identity", one)).chain(limits) {
            policy.iter().for_each(|statement| text += &format!("\n  {kind}: {}", statement.json()));
        }
        text
    }

    pub fn facts(&self) -> Facts {
        let add = |facts: Facts, (key, values): &(String, Vec<String>)| {
            facts.with_all(key, values.iter().map(String::as_str))
        };
        self.context.iter().fold(Facts::new(), add)
    }

    /// Every statement.
    pub fn statements_mut(&mut self) -> impl Iterator<Item = &mut Statement> {
        let limits = self.boundary.iter_mut().chain(&mut self.control);
        self.identity.iter_mut().chain(limits).flatten()
    }
}

/// Each key is there or not.
fn context(chance: &mut Rng) -> Vec<(String, Vec<String>)> {
    let mut all = vec![
        ("aws:username".to_owned(), vec!["kim".to_owned()]),
        ("aws:PrincipalTag/team".to_owned(), vec![one(chance, &["red", "photos"]).to_owned()]),
        ("aws:TagKeys".to_owned(), some(chance, &["red", "blue", "kim", "green"], 3)),
        ("aws:MultiFactorAuthAge".to_owned(), vec![one(chance, NUMBERS).to_owned()]),
        ("aws:CurrentTime".to_owned(), vec![one(chance, DATES).to_owned()]),
        ("aws:SourceIp".to_owned(), vec![one(chance, &["10.1.2.3", "192.0.2.9", "2001:db8::1"]).to_owned()]),
        ("aws:SourceArn".to_owned(), vec![one(chance, &[ARNS[0], ARNS[2]]).to_owned()]),
        ("aws:SecureTransport".to_owned(), vec![chance.bool().to_string()]),
    ];
    all.retain(|(key, _)| key == "aws:username" || chance.u8(..4) > 0);
    all
}

impl Statement {
    fn random(chance: &mut Rng) -> Self {
        Self {
            allow: chance.u8(..5) > 0,
            all_but_actions: chance.u8(..5) == 0,
            actions: some(chance, ACTION_PATTERNS, 3),
            all_but_resources: chance.u8(..5) == 0,
            resources: some(chance, RESOURCE_PATTERNS, 3),
            conditions: (0..chance.usize(..3)).map(|_| Condition::random(chance)).collect(),
        }
    }

    /// Allows everything, or nothing.
    fn everything(allow: bool) -> Self {
        let actions = vec![if allow { "*" } else { "none:none" }.to_owned()];
        let resources = vec!["*".to_owned()];
        Self {
            allow: true,
            all_but_actions: false,
            actions,
            all_but_resources: false,
            resources,
            conditions: vec![],
        }
    }

    fn json(&self) -> Value {
        let mut members = Map::new();
        members.insert("Effect".into(), if self.allow { "Allow" } else { "Deny" }.into());
        members.insert(if self.all_but_actions { "NotAction" } else { "Action" }.into(), json!(self.actions));
        members.insert(
            if self.all_but_resources { "NotResource" } else { "Resource" }.into(),
            json!(self.resources),
        );
        let mut conditions: Map<String, Value> = Map::new();
        for one in &self.conditions {
            let of_operator = conditions.entry(&one.operator).or_insert_with(|| json!({}));
            of_operator[&one.key] = match one.operator.as_str() {
                "Bool" | "BoolIfExists" | "Null" => json!(one.values[0] == "true"),
                _ => json!(one.values),
            };
        }
        if !conditions.is_empty() {
            members.insert("Condition".into(), Value::Object(conditions));
        }
        Value::Object(members)
    }
}

impl Condition {
    fn random(chance: &mut Rng) -> Self {
        let sorts: &[(&str, &[&str], &[&str])] = &[
            (
                "aws:PrincipalTag/team",
                TEXTS,
                &[
                    "StringEquals",
                    "StringNotEquals",
                    "StringLike",
                    "StringNotLike",
                    "StringEqualsIgnoreCase",
                    "StringNotEqualsIgnoreCase",
                ],
            ),
            ("AWS:username", TEXTS, &["StringEquals", "StringNotEquals", "StringLike", "StringNotLike"]),
            (
                "aws:TagKeys",
                TEXTS,
                &[
                    "ForAllValues:StringEquals",
                    "ForAnyValue:StringEquals",
                    "ForAllValues:StringLike",
                    "ForAnyValue:StringLike",
                    "ForAllValues:StringNotEquals",
                    "ForAnyValue:StringNotEquals",
                    "ForAnyValue:StringNotLike",
                    "ForAllValues:StringNotLike",
                ],
            ),
            (
                "aws:MultiFactorAuthAge",
                NUMBERS,
                &[
                    "NumericEquals",
                    "NumericNotEquals",
                    "NumericLessThan",
                    "NumericLessThanEquals",
                    "NumericGreaterThan",
                    "NumericGreaterThanEquals",
                ],
            ),
            (
                "aws:CurrentTime",
                DATES,
                &[
                    "DateEquals",
                    "DateNotEquals",
                    "DateLessThan",
                    "DateLessThanEquals",
                    "DateGreaterThan",
                    "DateGreaterThanEquals",
                ],
            ),
            ("aws:SourceIp", NETWORKS, &["IpAddress", "NotIpAddress"]),
            ("aws:SourceArn", ARNS, &["ArnEquals", "ArnLike", "ArnNotEquals", "ArnNotLike"]),
            ("aws:SecureTransport", &["true", "false"], &["Bool"]),
            ("aws:PrincipalTag/team", &["true", "false"], &["Null"]),
            ("aws:TagKeys", &["true", "false"], &["Null"]),
        ];
        let (key, values, operators) = sorts[chance.usize(..sorts.len())];
        let operator = one(chance, operators);
        let if_exists = operator != "Null" && !operator.starts_with("For") && chance.u8(..4) == 0;
        Self {
            operator: format!("{operator}{}", if if_exists { "IfExists" } else { "" }),
            key: key.to_owned(),
            values: some(chance, values, 3),
        }
    }
}
