//! A query read: the subset of SQL that S3 Select documents (S3 user guide, "SQL reference for Amazon S3 Select").

mod call;

use kernel::Result;

use super::lexer::{Token, tokens};
use super::query::{Aggregate, Arithmetic, Column, Columns, Compare, Expr, Function, Kind, Query, Step};
use super::value::Value;
use super::{instant, value};
use crate::errors::select as errors;

/// A query's length (user guide, "Querying data in place", requirements and limits).
const LENGTH_MAX: usize = 256 * 1_024;
/// How deep expressions go, by parentheses and by operators: what is worked out in turn lies as deep.
const DEPTH_MAX: u32 = 64;
const OPERATORS_MAX: u32 = 256;

/// # Errors
/// *ExpressionTooLong*, *Lexer…*, *Parse…*, *Unsupported…*.
pub fn parse(text: &str) -> Result<Query> {
    if text.len() > LENGTH_MAX {
        return Err(errors::expression_too_long());
    }
    let tokens = tokens(text)?;
    if tokens.is_empty() {
        return Err(errors::empty_select());
    }
    Parser {
        tokens: tokens.into_iter().peekable(),
        aggregates: Vec::new(),
        is_inside: false,
        depth: 0,
        operators: 0,
    }
    .query()
}

struct Parser {
    tokens: std::iter::Peekable<std::vec::IntoIter<Token>>,
    aggregates: Vec<Aggregate>,
    /// Within an aggregate, or where none may stand.
    is_inside: bool,
    depth: u32,
    operators: u32,
}

/// Words that end an expression, and so are no aliases.
const KEYWORDS: [&str; 8] = ["FROM", "WHERE", "LIMIT", "AS", "GROUP", "ORDER", "HAVING", "JOIN"];

impl Parser {
    fn symbol(&mut self, symbol: &'static str) -> bool {
        self.tokens.next_if(|token| *token == Token::Symbol(symbol)).is_some()
    }

    fn word(&mut self, wanted: &str) -> bool {
        let is_it = |token: &Token| matches!(token, Token::Word(word) if word.eq_ignore_ascii_case(wanted));
        self.tokens.next_if(is_it).is_some()
    }

    fn expect(&mut self, symbol: &'static str) -> Result<()> {
        if self.symbol(symbol) { Ok(()) } else { Err(errors::expected_token(symbol, self.tokens.peek())) }
    }

    fn expect_word(&mut self, word: &str) -> Result<()> {
        if self.word(word) { Ok(()) } else { Err(errors::expected_keyword(word)) }
    }

    fn query(mut self) -> Result<Query> {
        self.expect_word("SELECT")?;
        let mut columns = Vec::new();
        let mut all = self.symbol("*");
        while !all {
            let value = self.expr()?;
            if matches!(value, Expr::Path(ref steps) if steps.last() == Some(&Step::Every)) {
                all = columns.is_empty();
                if !all {
                    return Err(errors::unsupported_syntax("* beside other columns"));
                }
                break;
            }
            let name = self.alias()?.unwrap_or_else(|| name_of(&value, columns.len()));
            columns.push(Column { value, name });
            if !self.symbol(",") {
                break;
            }
        }
        if !self.word("FROM") {
            return Err(errors::missing_from());
        }
        let from = self.source()?;
        let alias = self.alias()?;
        self.is_inside = true;
        let wanted = if self.word("WHERE") { Some(self.expr()?) } else { None };
        let limit = if self.word("LIMIT") { Some(self.limit()?) } else { None };
        self.symbol(";");
        match self.tokens.peek() {
            None => {}
            Some(Token::Word(word)) if KEYWORDS.iter().any(|keyword| word.eq_ignore_ascii_case(keyword)) => {
                return Err(errors::unsupported_structure(word));
            }
            Some(token) => return Err(errors::unexpected_token(token)),
        }
        let mixed = columns.iter().any(|column| column.value.looks_at_record());
        if !self.aggregates.is_empty() && mixed {
            return Err(errors::unsupported_structure("columns beside aggregates"));
        }
        let columns = if all { Columns::All } else { Columns::Some(columns) };
        Ok(Query { columns, from, alias, wanted, limit, aggregates: self.aggregates })
    }

    /// `AS name`, or a name alone.
    fn alias(&mut self) -> Result<Option<String>> {
        let is_said = self.word("AS");
        let is_name = |token: &Token| match token {
            Token::Word(word) => !KEYWORDS.iter().any(|keyword| word.eq_ignore_ascii_case(keyword)),
            Token::Quoted(_) => true,
            _ => false,
        };
        match self.tokens.next_if(is_name) {
            Some(Token::Word(name) | Token::Quoted(name)) => Ok(Some(name)),
            _ if is_said => Err(errors::expected_name()),
            _ => Ok(None),
        }
    }

    fn source(&mut self) -> Result<Vec<Step>> {
        if !self.word("S3Object") {
            return Err(errors::invalid_source());
        }
        let mut steps = self.steps()?;
        // Every record is meant anyway.
        if steps.first() == Some(&Step::Every) {
            steps.remove(0);
        }
        Ok(steps)
    }

    /// `.name`, `["name"]`, `[1]`, `[*]`, `.*`
    fn steps(&mut self) -> Result<Vec<Step>> {
        let mut steps = Vec::new();
        loop {
            if self.symbol(".") {
                steps.push(match self.tokens.next() {
                    Some(Token::Word(name)) => Step::Name(name, false),
                    Some(Token::Quoted(name)) => Step::Name(name, true),
                    Some(Token::Symbol("*")) => Step::Every,
                    _ => return Err(errors::invalid_path()),
                });
            } else if self.symbol("[") {
                steps.push(match self.tokens.next() {
                    Some(Token::Symbol("*")) => Step::Every,
                    Some(Token::Text(name) | Token::Quoted(name)) => Step::Name(name, true),
                    Some(Token::Number(at)) => Step::At(at.parse().map_err(|_| errors::invalid_path())?),
                    _ => return Err(errors::invalid_path()),
                });
                self.expect("]")?;
            } else {
                return Ok(steps);
            }
        }
    }

    fn limit(&mut self) -> Result<u64> {
        match self.tokens.next() {
            Some(Token::Number(number)) => number.parse().map_err(|_| errors::invalid_literal()),
            _ => Err(errors::expected_number()),
        }
    }

    fn expr(&mut self) -> Result<Expr> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(errors::unsupported_syntax("an expression as deep as this"));
        }
        let mut left = self.conjunction()?;
        while self.word("OR") {
            self.grow()?;
            left = Expr::Or(Box::new(left), Box::new(self.conjunction()?));
        }
        self.depth -= 1;
        Ok(left)
    }

    /// Counts an operator.
    fn grow(&mut self) -> Result<()> {
        self.operators += 1;
        if self.operators > OPERATORS_MAX {
            return Err(errors::unsupported_syntax("as many operators as this"));
        }
        Ok(())
    }

    fn conjunction(&mut self) -> Result<Expr> {
        let mut left = self.negation()?;
        while self.word("AND") {
            self.grow()?;
            left = Expr::And(Box::new(left), Box::new(self.negation()?));
        }
        Ok(left)
    }

    fn negation(&mut self) -> Result<Expr> {
        let mut negated = false;
        while self.word("NOT") {
            negated = !negated;
        }
        let of = self.comparison()?;
        Ok(if negated { Expr::Not(Box::new(of)) } else { of })
    }

    fn comparison(&mut self) -> Result<Expr> {
        let left = self.sum()?;
        let operators = [
            ("=", Compare::Equal),
            ("==", Compare::Equal),
            ("<>", Compare::Unequal),
            ("!=", Compare::Unequal),
            ("<=", Compare::LessOrEqual),
            (">=", Compare::GreaterOrEqual),
            ("<", Compare::Less),
            (">", Compare::Greater),
        ];
        for (symbol, compare) in operators {
            if self.symbol(symbol) {
                return Ok(Expr::Compare(compare, Box::new(left), Box::new(self.sum()?)));
            }
        }
        let (left, negated) = (Box::new(left), self.word("NOT"));
        let found = if self.word("LIKE") {
            let pattern = Box::new(self.sum()?);
            let escape = if self.word("ESCAPE") { Some(Box::new(self.sum()?)) } else { None };
            Expr::Like(left, pattern, escape)
        } else if self.word("IN") {
            self.expect("(")?;
            Expr::In(left, self.list()?)
        } else if self.word("BETWEEN") {
            let least = Box::new(self.sum()?);
            self.expect_word("AND")?;
            Expr::Between(left, least, Box::new(self.sum()?))
        } else if negated {
            return Err(errors::expected_keyword("LIKE, IN or BETWEEN"));
        } else if self.word("IS") {
            let negated = self.word("NOT");
            let is = if self.word("NULL") { Expr::IsNull(left) } else { self.missing(left)? };
            return Ok(if negated { Expr::Not(Box::new(is)) } else { is });
        } else {
            return Ok(*left);
        };
        Ok(if negated { Expr::Not(Box::new(found)) } else { found })
    }

    fn missing(&mut self, of: Box<Expr>) -> Result<Expr> {
        self.expect_word("MISSING")?;
        Ok(Expr::IsMissing(of))
    }

    /// What stands between parentheses, up to the closing one.
    fn list(&mut self) -> Result<Vec<Expr>> {
        let mut list = Vec::new();
        if self.symbol(")") {
            return Ok(list);
        }
        loop {
            list.push(self.expr()?);
            if !self.symbol(",") {
                self.expect(")")?;
                return Ok(list);
            }
        }
    }

    fn sum(&mut self) -> Result<Expr> {
        let operators = [("+", Arithmetic::Plus), ("-", Arithmetic::Minus), ("||", Arithmetic::Concatenated)];
        let mut left = self.product()?;
        while let Some((_, operator)) = operators.iter().find(|(symbol, _)| self.symbol(symbol)) {
            self.grow()?;
            left = Expr::Arithmetic(*operator, Box::new(left), Box::new(self.product()?));
        }
        Ok(left)
    }

    fn product(&mut self) -> Result<Expr> {
        let operators = [("*", Arithmetic::Times), ("/", Arithmetic::Divided), ("%", Arithmetic::Modulo)];
        let mut left = self.sign()?;
        while let Some((_, operator)) = operators.iter().find(|(symbol, _)| self.symbol(symbol)) {
            self.grow()?;
            left = Expr::Arithmetic(*operator, Box::new(left), Box::new(self.sign()?));
        }
        Ok(left)
    }

    fn sign(&mut self) -> Result<Expr> {
        let mut negative = false;
        loop {
            if self.symbol("-") {
                negative = !negative;
            } else if !self.symbol("+") {
                break;
            }
        }
        let of = self.primary()?;
        Ok(if negative { Expr::Negative(Box::new(of)) } else { of })
    }

    fn primary(&mut self) -> Result<Expr> {
        match self.tokens.next() {
            Some(Token::Text(text)) => Ok(Expr::Value(Value::Text(text))),
            Some(Token::Number(text)) => {
                value::number(&text).map(Expr::Value).ok_or_else(errors::invalid_literal)
            }
            Some(Token::Instant(text)) => {
                let at = instant::parse(&text).ok_or_else(errors::invalid_literal)?;
                Ok(Expr::Value(Value::Instant(at)))
            }
            Some(Token::Symbol("(")) => {
                let inner = self.expr()?;
                self.expect(")")?;
                Ok(inner)
            }
            Some(Token::Quoted(name)) => self.path(Step::Name(name, true)),
            Some(Token::Word(word)) => self.named(word),
            Some(token) => Err(errors::unexpected_token(&token)),
            None => Err(errors::expected_expression()),
        }
    }

    fn path(&mut self, first: Step) -> Result<Expr> {
        let mut steps = vec![first];
        steps.extend(self.steps()?);
        Ok(Expr::Path(steps))
    }

    fn named(&mut self, word: String) -> Result<Expr> {
        let upper = word.to_ascii_uppercase();
        match upper.as_str() {
            "TRUE" => return Ok(Expr::Value(Value::Bool(true))),
            "FALSE" => return Ok(Expr::Value(Value::Bool(false))),
            "NULL" => return Ok(Expr::Value(Value::Null)),
            "MISSING" => return Ok(Expr::Value(Value::Missing)),
            "CASE" => return self.case(),
            _ if KEYWORDS.contains(&upper.as_str()) => return Err(errors::expected_expression()),
            _ => {}
        }
        if !self.symbol("(") {
            return self.path(Step::Name(word, false));
        }
        match upper.as_str() {
            "COUNT" => self.aggregate(Kind::Count),
            "SUM" => self.aggregate(Kind::Sum),
            "AVG" => self.aggregate(Kind::Average),
            "MIN" => self.aggregate(Kind::Least),
            "MAX" => self.aggregate(Kind::Greatest),
            "CAST" => self.cast(),
            "SUBSTRING" => self.substring(),
            "TRIM" => self.trim(),
            "EXTRACT" => {
                let part = self.part()?;
                self.expect_word("FROM")?;
                self.call(Function::Extract(part), Vec::new(), 1..=1)
            }
            "DATE_ADD" => {
                let part = self.date_part()?;
                self.call(Function::DateAdd(part), Vec::new(), 2..=2)
            }
            "DATE_DIFF" => {
                let part = self.date_part()?;
                self.call(Function::DateDiff(part), Vec::new(), 2..=2)
            }
            "COALESCE" => self.call(Function::Coalesce, Vec::new(), 1..=usize::MAX),
            "NULLIF" => self.call(Function::NullIf, Vec::new(), 2..=2),
            "CHAR_LENGTH" | "CHARACTER_LENGTH" => self.call(Function::Length, Vec::new(), 1..=1),
            "LOWER" => self.call(Function::Lower, Vec::new(), 1..=1),
            "UPPER" => self.call(Function::Upper, Vec::new(), 1..=1),
            "TO_STRING" => self.call(Function::ToString, Vec::new(), 2..=2),
            "TO_TIMESTAMP" => self.call(Function::ToTimestamp, Vec::new(), 1..=1),
            "UTCNOW" => self.call(Function::UtcNow, Vec::new(), 0..=0),
            _ => Err(errors::unsupported_function(&word)),
        }
    }
}

/// The name of a column that was given none.
fn name_of(value: &Expr, at: usize) -> String {
    match value {
        Expr::Path(steps) => match steps.last() {
            Some(Step::Name(name, _)) => name.clone(),
            _ => format!("_{}", at + 1),
        },
        _ => format!("_{}", at + 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_query_is_refused_by_its_code() {
        for (text, code) in [
            ("", "ParseEmptySelect"),
            ("DELETE FROM S3Object", "ParseExpectedKeyword"),
            ("SELECT * S3Object", "ParseSelectMissingFrom"),
            ("SELECT * FROM other", "InvalidDataSource"),
            ("SELECT a FROM S3Object GROUP BY a", "UnsupportedSqlStructure"),
            ("SELECT a, COUNT(*) FROM S3Object", "UnsupportedSqlStructure"),
            ("SELECT COUNT(SUM(a)) FROM S3Object", "UnsupportedSqlStructure"),
            ("SELECT * FROM S3Object WHERE COUNT(*) > 1", "UnsupportedSqlStructure"),
            ("SELECT SUM(*) FROM S3Object", "ParseUnsupportedCallWithStar"),
            ("SELECT CAST(a AS WORD) FROM S3Object", "ParseExpectedTypeName"),
            ("SELECT FLY(a) FROM S3Object", "UnsupportedFunction"),
            ("SELECT a FROM S3Object WHERE", "ParseExpectedExpression"),
            ("SELECT a FROM S3Object LIMIT x", "ParseExpectedNumber"),
            ("SELECT (a FROM S3Object", "ParseExpectedTokenType"),
            ("SELECT EXTRACT(week FROM a) FROM S3Object", "ParseExpectedDatePart"),
            ("SELECT NULLIF(1) FROM S3Object", "EvaluatorInvalidArguments"),
        ] {
            assert_eq!(parse(text).unwrap_err().code(), code, "{text}");
        }
        let deep = format!("SELECT {}1{} FROM S3Object", "(".repeat(500), ")".repeat(500));
        assert_eq!(parse(&deep).unwrap_err().code(), "ParseUnsupportedSyntax");
        let many = format!("SELECT 1{} FROM S3Object", "+1".repeat(100_000));
        assert_eq!(parse(&many).unwrap_err().code(), "ParseUnsupportedSyntax");
        assert_eq!(parse(&"x".repeat(LENGTH_MAX + 1)).unwrap_err().code(), "ExpressionTooLong");
    }

    #[test]
    fn queries_are_understood() {
        let query =
            parse("select s.a as b, 1+2 from S3Object[*].rows[*] as s where a like 'x%' limit 5;").unwrap();
        let steps = [Step::Name("rows".to_owned(), false), Step::Every];
        assert_eq!(
            (query.from.as_slice(), query.alias.as_deref(), query.limit),
            (&steps[..], Some("s"), Some(5))
        );
        let Columns::Some(columns) = query.columns else { panic!("columns") };
        assert_eq!(columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>(), ["b", "_2"]);
        assert!(matches!(parse("SELECT s.* FROM S3Object s").unwrap().columns, Columns::All));
        assert!(parse("SELECT COUNT(*), AVG(CAST(_1 AS DECIMAL(10, 2))) FROM s3object").is_ok());
    }
}
