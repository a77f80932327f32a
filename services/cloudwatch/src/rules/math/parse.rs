//! Reads an expression into a tree.

/// Deepest nesting.
const DEPTH_MAX: usize = 64;

/// An expression.
#[derive(Clone, Debug, PartialEq)]
pub enum Expression {
    Number(f64),
    Text(String),
    /// The id of a query, or a word that a function knows.
    Name(String),
    /// A function, by its name in capitals.
    Call(String, Vec<Expression>),
    Array(Vec<Expression>),
    Negative(Box<Expression>),
    Binary(Operator, Box<Expression>, Box<Expression>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    Or,
    And,
    Equal,
    NotEqual,
    LessOrEqual,
    GreaterOrEqual,
    Less,
    Greater,
    Plus,
    Minus,
    Times,
    Divide,
    Power,
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Number(f64),
    Text(String),
    Word(String),
    Operator(Operator),
    Sign(char),
}

/// What is wrong, in words.
pub type Refusal = String;

impl Expression {
    /// # Errors
    /// What cannot be read, and where.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let tokens = tokens(text)?;
        let mut parser = Parser { tokens: &tokens, depth: 0 };
        let expression = parser.binary(0)?;
        match parser.tokens.first() {
            None => Ok(expression),
            Some(token) => Err(format!("Unexpected {}.", shown(token))),
        }
    }

    /// Calls `f` with this and every expression in it.
    pub fn visit<'e>(&'e self, f: &mut impl FnMut(&'e Self)) {
        f(self);
        match self {
            Self::Number(_) | Self::Text(_) | Self::Name(_) => {}
            Self::Call(_, parts) | Self::Array(parts) => parts.iter().for_each(|part| part.visit(f)),
            Self::Negative(part) => part.visit(f),
            Self::Binary(_, left, right) => {
                left.visit(f);
                right.visit(f);
            }
        }
    }
}

fn shown(token: &Token) -> String {
    match token {
        Token::Number(number) => format!("number {number}"),
        Token::Text(text) => format!("text '{text}'"),
        Token::Word(word) => format!("word '{word}'"),
        Token::Operator(operator) => format!("operator {operator:?}"),
        Token::Sign(sign) => format!("'{sign}'"),
    }
}

fn tokens(text: &str) -> Result<Vec<Token>, Refusal> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, length) = match first {
            '0'..='9' | '.' => number(rest)?,
            '\'' | '"' => {
                let inner = rest.get(1..).unwrap_or_default();
                let length = inner.find(first).ok_or("A quotation does not end.")?;
                (Token::Text(inner.get(..length).unwrap_or_default().to_owned()), length + 2)
            }
            'a'..='z' | 'A'..='Z' | '_' => {
                let length =
                    rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
                let token = match rest.get(..length).unwrap_or_default() {
                    "AND" => Token::Operator(Operator::And),
                    "OR" => Token::Operator(Operator::Or),
                    word => Token::Word(word.to_owned()),
                };
                (token, length)
            }
            '(' | ')' | '[' | ']' | ',' => (Token::Sign(first), 1),
            _ => operator(rest).ok_or_else(|| format!("Unexpected character '{first}'."))?,
        };
        tokens.push(token);
        rest = rest.get(length..).unwrap_or_default().trim_start();
    }
    Ok(tokens)
}

fn number(text: &str) -> Result<(Token, usize), Refusal> {
    let digits = |text: &str| text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let after = |length: usize| text.get(length..).unwrap_or_default();
    let mut length = digits(text);
    if after(length).starts_with('.') {
        length += 1 + digits(after(length + 1));
    }
    if let Some(exponent) = after(length).strip_prefix(['e', 'E']) {
        let signed = usize::from(exponent.starts_with(['+', '-']));
        let count = digits(exponent.get(signed..).unwrap_or_default());
        if count > 0 {
            length += 1 + signed + count;
        }
    }
    let written = text.get(..length).unwrap_or_default();
    let number = written.parse().map_err(|_| format!("'{written}' is no number."))?;
    Ok((Token::Number(number), length))
}

fn operator(text: &str) -> Option<(Token, usize)> {
    const OPERATORS: [(&str, Operator); 13] = [
        ("||", Operator::Or),
        ("&&", Operator::And),
        ("==", Operator::Equal),
        ("!=", Operator::NotEqual),
        ("<=", Operator::LessOrEqual),
        (">=", Operator::GreaterOrEqual),
        ("<", Operator::Less),
        (">", Operator::Greater),
        ("+", Operator::Plus),
        ("-", Operator::Minus),
        ("*", Operator::Times),
        ("/", Operator::Divide),
        ("^", Operator::Power),
    ];
    let (sign, operator) = OPERATORS.into_iter().find(|(sign, _)| text.starts_with(sign))?;
    Some((Token::Operator(operator), sign.len()))
}

impl Operator {
    /// How tightly it binds.
    fn strength(self) -> usize {
        match self {
            Self::Or => 1,
            Self::And => 2,
            Self::Equal | Self::NotEqual => 3,
            Self::LessOrEqual | Self::GreaterOrEqual | Self::Less | Self::Greater => 4,
            Self::Plus | Self::Minus => 5,
            Self::Times | Self::Divide => 6,
            Self::Power => 8,
        }
    }
}

/// How tightly a sign binds: less than a power, more than a product.
const SIGN_STRENGTH: usize = 7;

struct Parser<'t> {
    tokens: &'t [Token],
    depth: usize,
}

impl<'t> Parser<'t> {
    fn next(&mut self) -> Option<&'t Token> {
        let (first, rest) = self.tokens.split_first()?;
        self.tokens = rest;
        Some(first)
    }

    fn expect(&mut self, sign: char) -> Result<(), Refusal> {
        match self.next() {
            Some(Token::Sign(found)) if *found == sign => Ok(()),
            Some(token) => Err(format!("Expected '{sign}', found {}.", shown(token))),
            None => Err(format!("Expected '{sign}' at the end.")),
        }
    }

    /// An expression whose operators all bind tighter than `strength`.
    fn binary(&mut self, strength: usize) -> Result<Expression, Refusal> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err("The expression is nested too deeply.".to_owned());
        }
        let mut left = self.operand()?;
        while let Some(Token::Operator(operator)) = self.tokens.first()
            && operator.strength() > strength
        {
            self.next();
            // Powers group from the right.
            let own = operator.strength() - usize::from(*operator == Operator::Power);
            let right = self.binary(own)?;
            left = Expression::Binary(*operator, Box::new(left), Box::new(right));
        }
        self.depth -= 1;
        Ok(left)
    }

    fn operand(&mut self) -> Result<Expression, Refusal> {
        match self.next() {
            None => Err("The expression ends too early.".to_owned()),
            Some(Token::Number(number)) => Ok(Expression::Number(*number)),
            Some(Token::Text(text)) => Ok(Expression::Text(text.clone())),
            Some(Token::Operator(Operator::Minus)) => {
                Ok(Expression::Negative(Box::new(self.binary(SIGN_STRENGTH)?)))
            }
            Some(Token::Operator(Operator::Plus)) => self.binary(SIGN_STRENGTH),
            Some(Token::Sign('(')) => {
                let inner = self.binary(0)?;
                self.expect(')')?;
                Ok(inner)
            }
            Some(Token::Sign('[')) => Ok(Expression::Array(self.list(']')?)),
            Some(Token::Word(word)) if self.tokens.first() == Some(&Token::Sign('(')) => {
                self.next();
                Ok(Expression::Call(word.to_ascii_uppercase(), self.list(')')?))
            }
            Some(Token::Word(word)) => Ok(Expression::Name(word.clone())),
            Some(token) => Err(format!("Unexpected {}.", shown(token))),
        }
    }

    /// Expressions with commas between, up to `end`.
    fn list(&mut self, end: char) -> Result<Vec<Expression>, Refusal> {
        let mut parts = Vec::new();
        if self.tokens.first() == Some(&Token::Sign(end)) {
            self.next();
            return Ok(parts);
        }
        loop {
            parts.push(self.binary(0)?);
            match self.next() {
                Some(Token::Sign(',')) => {}
                Some(Token::Sign(found)) if *found == end => return Ok(parts),
                Some(token) => return Err(format!("Expected ',' or '{end}', found {}.", shown(token))),
                None => return Err(format!("Expected '{end}' at the end.")),
            }
        }
    }
}
