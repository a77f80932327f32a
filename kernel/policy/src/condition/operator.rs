//! Names of condition operators: `ForAllValues:StringNotEqualsIfExists` and its kin.

use std::cmp::Ordering;
use std::str::FromStr;

use super::number::Number;
use super::time::Moment;

/// How the values of a key that may have several are tested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Qualifier {
    /// `ForAllValues`: each one.
    All,
    /// `ForAnyValue`: at least one.
    Any,
}

/// What a value is tested for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    StringEquals,
    StringEqualsIgnoreCase,
    StringLike,
    Numeric(Compare),
    Date(Compare),
    Bool,
    BinaryEquals,
    IpAddress,
    /// `ArnEquals` and `ArnLike`, which are the same.
    Arn,
    Null,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compare {
    Equal,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
}

impl Compare {
    pub(super) fn holds(self, order: Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::Less => order.is_lt(),
            Self::LessEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterEqual => order.is_ge(),
        }
    }

    fn read(name: &str) -> Option<Self> {
        match name {
            "Equals" => Some(Self::Equal),
            "LessThan" => Some(Self::Less),
            "LessThanEquals" => Some(Self::LessEqual),
            "GreaterThan" => Some(Self::Greater),
            "GreaterThanEquals" => Some(Self::GreaterEqual),
            _ => None,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operator {
    pub qualifier: Option<Qualifier>,
    pub relation: Relation,
    /// Holds where the relation does not.
    pub negated: bool,
    /// Holds where the key is missing.
    pub if_exists: bool,
}

impl FromStr for Operator {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        let (qualifier, name) = if let Some(rest) = name.strip_prefix("ForAllValues:") {
            (Some(Qualifier::All), rest)
        } else if let Some(rest) = name.strip_prefix("ForAnyValue:") {
            (Some(Qualifier::Any), rest)
        } else {
            (None, name)
        };
        let (name, if_exists) = name.strip_suffix("IfExists").map_or((name, false), |name| (name, true));
        let (relation, negated) = relation(name).ok_or(())?;
        // Whether the key exists is what Null asks itself.
        if relation == Relation::Null && (if_exists || qualifier.is_some()) {
            return Err(());
        }
        Ok(Self { qualifier, relation, negated, if_exists })
    }
}

fn relation(name: &str) -> Option<(Relation, bool)> {
    let plain = |relation| Some((relation, false));
    let negated = |relation| Some((relation, true));
    match name {
        "StringEquals" => plain(Relation::StringEquals),
        "StringNotEquals" => negated(Relation::StringEquals),
        "StringEqualsIgnoreCase" => plain(Relation::StringEqualsIgnoreCase),
        "StringNotEqualsIgnoreCase" => negated(Relation::StringEqualsIgnoreCase),
        "StringLike" => plain(Relation::StringLike),
        "StringNotLike" => negated(Relation::StringLike),
        "NumericNotEquals" => negated(Relation::Numeric(Compare::Equal)),
        "DateNotEquals" => negated(Relation::Date(Compare::Equal)),
        "Bool" => plain(Relation::Bool),
        "BinaryEquals" => plain(Relation::BinaryEquals),
        "IpAddress" => plain(Relation::IpAddress),
        "NotIpAddress" => negated(Relation::IpAddress),
        "ArnEquals" | "ArnLike" => plain(Relation::Arn),
        "ArnNotEquals" | "ArnNotLike" => negated(Relation::Arn),
        "Null" => plain(Relation::Null),
        _ => {
            let number = name.strip_prefix("Numeric").and_then(Compare::read).map(Relation::Numeric);
            let relation =
                number.or_else(|| name.strip_prefix("Date").and_then(Compare::read).map(Relation::Date));
            relation.and_then(plain)
        }
    }
}

impl Operator {
    /// Whether a value in a policy is of the operator's type.
    pub(crate) fn reads(self, value: &str) -> bool {
        match self.relation {
            Relation::Numeric(_) => value.parse::<Number>().is_ok(),
            Relation::Date(_) => value.parse::<Moment>().is_ok(),
            Relation::IpAddress => super::test::network(value).is_some(),
            Relation::Null => value.eq_ignore_ascii_case("true") || value.eq_ignore_ascii_case("false"),
            _ => true,
        }
    }
}
