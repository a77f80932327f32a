//! Calls: functions, aggregates, `CAST` and `CASE`, each with its own grammar.

use kernel::Result;

use super::Parser;
use crate::errors::select as errors;
use crate::rules::select::lexer::Token;
use crate::rules::select::query::{Aggregate, Expr, Function, Kind, Part, Trim, Type};
use crate::rules::select::value::Value;

impl Parser {
    /// The arguments of a call, up to the closing parenthesis.
    pub(super) fn call(
        &mut self,
        function: Function,
        mut given: Vec<Expr>,
        counts: std::ops::RangeInclusive<usize>,
    ) -> Result<Expr> {
        given.extend(self.list()?);
        if !counts.contains(&given.len()) {
            return Err(errors::wrong_arguments());
        }
        Ok(Expr::Call(function, given))
    }

    pub(super) fn aggregate(&mut self, kind: Kind) -> Result<Expr> {
        if std::mem::replace(&mut self.is_inside, true) {
            return Err(errors::unsupported_structure("an aggregate here"));
        }
        let of = if self.symbol("*") {
            if kind != Kind::Count {
                return Err(errors::call_with_star());
            }
            None
        } else {
            Some(self.expr()?)
        };
        if !self.symbol(")") {
            return Err(errors::aggregate_arity());
        }
        self.is_inside = false;
        self.aggregates.push(Aggregate { kind, of });
        Ok(Expr::Aggregate(self.aggregates.len() - 1))
    }

    pub(super) fn cast(&mut self) -> Result<Expr> {
        let of = Box::new(self.expr()?);
        if !self.word("AS") {
            return Err(errors::cast_arity());
        }
        let Some(Token::Word(name)) = self.tokens.next() else { return Err(errors::expected_type()) };
        let kind = match name.to_ascii_uppercase().as_str() {
            "BOOL" | "BOOLEAN" => Type::Bool,
            "INT" | "INTEGER" => Type::Integer,
            "STRING" | "VARCHAR" | "CHAR" => Type::Text,
            "FLOAT" | "DECIMAL" | "NUMERIC" => Type::Float,
            "TIMESTAMP" => Type::Instant,
            _ => return Err(errors::expected_type()),
        };
        if self.symbol("(") {
            // A precision is read, and numbers are as precise as they are.
            let numbers = self.list()?;
            if numbers.iter().any(|one| !matches!(one, Expr::Value(Value::Integer(_)))) {
                return Err(errors::invalid_type_parameter());
            }
        }
        self.expect(")")?;
        Ok(Expr::Cast(of, kind))
    }

    pub(super) fn substring(&mut self) -> Result<Expr> {
        let text = self.expr()?;
        if self.symbol(",") {
            return self.call(Function::Substring, vec![text], 2..=3);
        }
        self.expect_word("FROM")?;
        let mut given = vec![text, self.expr()?];
        if self.word("FOR") {
            given.push(self.expr()?);
        }
        self.expect(")")?;
        Ok(Expr::Call(Function::Substring, given))
    }

    /// `TRIM([[LEADING | TRAILING | BOTH] [characters] FROM] text)`
    pub(super) fn trim(&mut self) -> Result<Expr> {
        let sides = [("LEADING", Trim::Leading), ("TRAILING", Trim::Trailing), ("BOTH", Trim::Both)];
        let side = sides.iter().find(|(word, _)| self.word(word)).map(|(_, side)| *side);
        let space = || Expr::Value(Value::Text(" ".to_owned()));
        let given = if side.is_some() && self.word("FROM") {
            vec![self.expr()?, space()]
        } else {
            let first = self.expr()?;
            if self.word("FROM") { vec![self.expr()?, first] } else { vec![first, space()] }
        };
        self.expect(")")?;
        Ok(Expr::Call(Function::Trim(side.unwrap_or(Trim::Both)), given))
    }

    pub(super) fn part(&mut self) -> Result<Part> {
        let parts = [
            ("YEAR", Part::Year),
            ("MONTH", Part::Month),
            ("DAY", Part::Day),
            ("HOUR", Part::Hour),
            ("MINUTE", Part::Minute),
            ("SECOND", Part::Second),
            ("TIMEZONE_HOUR", Part::TimezoneHour),
            ("TIMEZONE_MINUTE", Part::TimezoneMinute),
        ];
        let found = parts.iter().find(|(word, _)| self.word(word)).map(|(_, part)| *part);
        found.ok_or_else(errors::expected_date_part)
    }

    /// A part of a date and the comma behind it.
    pub(super) fn date_part(&mut self) -> Result<Part> {
        let part = self.part()?;
        if matches!(part, Part::TimezoneHour | Part::TimezoneMinute) {
            return Err(errors::expected_date_part());
        }
        self.expect(",")?;
        Ok(part)
    }

    /// `CASE WHEN … THEN … ELSE … END`, or `CASE of WHEN …`.
    pub(super) fn case(&mut self) -> Result<Expr> {
        if !self.word("WHEN") {
            return Err(errors::unsupported_syntax("CASE with an operand"));
        }
        let mut arms = Vec::new();
        loop {
            let when = self.expr()?;
            self.expect_word("THEN")?;
            arms.push((when, self.expr()?));
            if !self.word("WHEN") {
                break;
            }
        }
        let otherwise = if self.word("ELSE") { self.expr()? } else { Expr::Value(Value::Null) };
        self.expect_word("END")?;
        Ok(Expr::Case(arms, Box::new(otherwise)))
    }
}
