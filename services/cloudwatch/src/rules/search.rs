//! Search expressions: which metrics SEARCH finds (CloudWatch user guide, "Search expression syntax").
//!
//! `{Namespace,Dimension,…}` names the exact dimensions. Then terms, with AND between where nothing stands, OR, NOT and
//! parentheses. A term without quotation marks fits where its words follow each other in a name or value; in
//! quotation marks it must be equal. `Name=term` looks at that dimension, `Namespace=` and `MetricName=` at these.

use super::math::parse::Refusal;
use super::metric::MetricKey;

/// A search expression.
#[derive(Debug, PartialEq)]
pub struct Search {
    /// The namespace and the names of all dimensions.
    schema: Option<(String, Vec<String>)>,
    condition: Option<Condition>,
}

#[derive(Debug, PartialEq)]
enum Condition {
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Not(Box<Condition>),
    Term { of: Option<String>, text: Text },
}

/// What a term looks for.
#[derive(Debug, PartialEq)]
enum Text {
    Exact(String),
    /// Words, and whether their case counts; and all of them as one, in lower case.
    Partial {
        words: Vec<(String, bool)>,
        whole: String,
    },
}

/// Deepest nesting.
const DEPTH_MAX: usize = 32;
const CHARACTERS_MAX: usize = 1_024;

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Word(String),
    Quoted(String),
    Sign(char),
}

impl Search {
    /// # Errors
    /// What cannot be read, in words.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        if text.chars().count() > CHARACTERS_MAX {
            return Err("The search expression is too long.".to_owned());
        }
        let all = tokens(text)?;
        let mut rest = all.as_slice();
        let schema = match rest.split_first() {
            Some((Token::Sign('{'), behind)) => {
                rest = behind;
                let schema = schema(&mut rest)?;
                if let Some((Token::Sign(','), behind @ [_, ..])) = rest.split_first() {
                    rest = behind;
                }
                Some(schema)
            }
            _ => None,
        };
        let condition = if rest.is_empty() { None } else { Some(any(&mut rest, 0)?) };
        if !rest.is_empty() {
            return Err("The search expression has a closing parenthesis too many.".to_owned());
        }
        if schema.is_none() && condition.is_none() {
            return Err("The search expression is empty.".to_owned());
        }
        Ok(Self { schema, condition })
    }

    pub fn fits(&self, metric: &MetricKey) -> bool {
        let of_schema = self.schema.as_ref().is_none_or(|(namespace, names)| {
            *namespace == metric.namespace
                && names.len() == metric.dimensions.len()
                && names.iter().all(|name| metric.dimension(name).is_some())
        });
        of_schema && self.condition.as_ref().is_none_or(|condition| condition.fits(metric))
    }
}

impl Condition {
    fn fits(&self, metric: &MetricKey) -> bool {
        match self {
            Self::All(all) => all.iter().all(|one| one.fits(metric)),
            Self::Any(any) => any.iter().any(|one| one.fits(metric)),
            Self::Not(one) => !one.fits(metric),
            Self::Term { of, text } => {
                let fits = |value: &str| text.fits(value);
                match of.as_deref() {
                    Some("Namespace") => fits(&metric.namespace),
                    Some("MetricName") => fits(&metric.name),
                    Some(name) => metric.dimension(name).is_some_and(fits),
                    None => {
                        let names = metric.dimensions.iter().flat_map(|(name, value)| [name, value]);
                        names.chain([&metric.namespace, &metric.name]).any(|value| fits(value))
                    }
                }
            }
        }
    }
}

impl Text {
    /// Words of one run of letters and digits keep their case; those that signs part do not, and neither does a word alone.
    fn partial(text: &str) -> Self {
        let mut found = Vec::new();
        for run in text.split(|c: char| !c.is_alphanumeric()) {
            let of_run = words(run);
            let counts = of_run.len() > 1;
            found.extend(of_run.into_iter().map(|word| (word.to_owned(), counts)));
        }
        Self::Partial { words: found, whole: whole(text) }
    }

    fn fits(&self, value: &str) -> bool {
        let (wanted, all) = match self {
            Self::Exact(text) => return value == text,
            Self::Partial { words, whole } => (words, whole),
        };
        let known = words(value);
        let same = |known: &str, (wanted, case_counts): &(String, bool)| {
            known == wanted || (!case_counts && known.to_lowercase() == wanted.to_lowercase())
        };
        wanted.is_empty()
            || known.windows(wanted.len()).any(|some| some.iter().zip(wanted).all(|(a, b)| same(a, b)))
            || whole(value) == *all
    }
}

/// Letters and digits alone, in lower case.
fn whole(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// `SDBFailure1` is `SDB`, `Failure` and `1`: a capital begins a word behind a small letter or before one, and so does
/// whatever is digits on one side only. Signs part words and are none.
fn words(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for run in text.split(|c: char| !c.is_alphanumeric()).filter(|run| !run.is_empty()) {
        let mut from = 0;
        let mut last = None;
        let mut all = run.char_indices().peekable();
        while let Some((at, c)) = all.next() {
            let next_is_small = all.peek().is_some_and(|(_, next)| next.is_lowercase());
            let begins = last.is_some_and(|last: char| {
                last.is_numeric() != c.is_numeric()
                    || (c.is_uppercase() && (last.is_lowercase() || (last.is_uppercase() && next_is_small)))
            });
            if begins {
                found.extend(run.get(from..at));
                from = at;
            }
            last = Some(c);
        }
        found.extend(run.get(from..));
    }
    found
}

fn tokens(text: &str) -> Result<Vec<Token>, Refusal> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '"' => {
                let (quoted, length) = quoted(rest.get(1..).unwrap_or_default())?;
                tokens.push(Token::Quoted(quoted));
                length + 2
            }
            '{' | '}' | '(' | ')' | ',' | '=' => {
                tokens.push(Token::Sign(first));
                1
            }
            _ => {
                let ends = |c: char| c.is_whitespace() || "{}(),=\"".contains(c);
                let length = rest.find(ends).unwrap_or(rest.len());
                tokens.push(Token::Word(rest.get(..length).unwrap_or_default().to_owned()));
                length
            }
        };
        rest = rest.get(length..).unwrap_or_default().trim_start();
    }
    Ok(tokens)
}

/// What stands before the closing quotation mark, and how long it is as written. A backslash makes signs ordinary.
fn quoted(text: &str) -> Result<(String, usize), Refusal> {
    let mut found = String::new();
    let mut all = text.char_indices();
    while let Some((at, c)) = all.next() {
        match c {
            '"' => return Ok((found, at)),
            '\\' => match all.clone().next() {
                Some((_, sign @ ('"' | '\\' | '(' | ')'))) => {
                    found.push(sign);
                    all.next();
                }
                _ => found.push(c),
            },
            other => found.push(other),
        }
    }
    Err("A quotation of the search expression does not end.".to_owned())
}

/// What stands in the braces.
fn schema(rest: &mut &[Token]) -> Result<(String, Vec<String>), Refusal> {
    let mut names = vec![String::new()];
    while let Some((first, behind)) = rest.split_first() {
        *rest = behind;
        match first {
            Token::Sign('}') => {
                let mut names = names.into_iter();
                let namespace = names.next().filter(|name| !name.is_empty());
                let namespace = namespace.ok_or("The search expression names no namespace in its braces.")?;
                return Ok((namespace, names.collect()));
            }
            Token::Sign(',') => names.push(String::new()),
            Token::Word(word) | Token::Quoted(word) => {
                if let Some(name) = names.last_mut() {
                    if !name.is_empty() {
                        name.push(' ');
                    }
                    name.push_str(word);
                }
            }
            Token::Sign(sign) => {
                return Err(format!("Unexpected '{sign}' in the braces of the search expression."));
            }
        }
    }
    Err("The braces of the search expression do not end.".to_owned())
}

fn is_word(token: Option<&Token>, wanted: &str) -> bool {
    matches!(token, Some(Token::Word(word)) if word == wanted)
}

fn any(rest: &mut &[Token], depth: usize) -> Result<Condition, Refusal> {
    if depth > DEPTH_MAX {
        return Err("The search expression is nested too deeply.".to_owned());
    }
    let mut parts = vec![all(rest, depth)?];
    while is_word(rest.first(), "OR") {
        *rest = rest.get(1..).unwrap_or_default();
        parts.push(all(rest, depth)?);
    }
    Ok(match parts.pop() {
        Some(only) if parts.is_empty() => only,
        last => Condition::Any(parts.into_iter().chain(last).collect()),
    })
}

fn all(rest: &mut &[Token], depth: usize) -> Result<Condition, Refusal> {
    let mut parts = vec![one(rest, depth)?];
    loop {
        if is_word(rest.first(), "AND") {
            *rest = rest.get(1..).unwrap_or_default();
        } else if matches!(rest.first(), None | Some(Token::Sign(')'))) || is_word(rest.first(), "OR") {
            break;
        }
        parts.push(one(rest, depth)?);
    }
    Ok(match parts.pop() {
        Some(only) if parts.is_empty() => only,
        last => Condition::All(parts.into_iter().chain(last).collect()),
    })
}

fn one(rest: &mut &[Token], depth: usize) -> Result<Condition, Refusal> {
    let (first, behind) = rest.split_first().ok_or("The search expression ends too early.")?;
    *rest = behind;
    match first {
        Token::Word(word) if word == "NOT" => {
            if depth > DEPTH_MAX {
                return Err("The search expression is nested too deeply.".to_owned());
            }
            Ok(Condition::Not(Box::new(one(rest, depth + 1)?)))
        }
        Token::Sign('(') => {
            let inner = any(rest, depth + 1)?;
            match rest.split_first() {
                Some((Token::Sign(')'), behind)) => *rest = behind,
                _ => return Err("A parenthesis of the search expression does not close.".to_owned()),
            }
            Ok(inner)
        }
        Token::Sign(sign) => Err(format!("Unexpected '{sign}' in the search expression.")),
        Token::Word(text) | Token::Quoted(text) if rest.first() == Some(&Token::Sign('=')) => {
            *rest = rest.get(1..).unwrap_or_default();
            let mut value = one(rest, depth + 1)?;
            value.look_at(text);
            Ok(value)
        }
        Token::Word(text) => Ok(Condition::Term { of: None, text: Text::partial(text) }),
        Token::Quoted(text) => Ok(Condition::Term { of: None, text: Text::Exact(text.clone()) }),
    }
}

impl Condition {
    /// `Name=(a OR b)`: all terms look at that name.
    fn look_at(&mut self, name: &str) {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter_mut().for_each(|part| part.look_at(name)),
            Self::Not(part) => part.look_at(name),
            Self::Term { of, .. } => *of = Some(name.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finds(text: &str) -> bool {
        let dimensions = vec![
            ("AvailabilityZone".to_owned(), "eu-west-1a".to_owned()),
            ("LoadBalancer".to_owned(), "app/my-front/17".to_owned()),
        ];
        let metric =
            MetricKey { namespace: "AWS/ApplicationELB".into(), name: "RequestCount".into(), dimensions };
        Search::parse(text).unwrap_or_else(|e| panic!("{text}: {e}")).fits(&metric)
    }

    #[test]
    fn schemas_name_all_dimensions() {
        assert!(finds("{AWS/ApplicationELB,LoadBalancer,AvailabilityZone}"));
        assert!(finds("{\"AWS/ApplicationELB\", LoadBalancer, AvailabilityZone} RequestCount"));
        assert!(!finds("{AWS/ApplicationELB,LoadBalancer}"));
        assert!(!finds("{AWS/ELB,LoadBalancer,AvailabilityZone}"));
    }

    #[test]
    fn terms_are_words_or_exact() {
        assert!(finds("request"));
        assert!(finds("front count"));
        assert!(!finds("req"));
        assert!(finds("\"RequestCount\""));
        assert!(!finds("\"Request\""));
        assert!(finds("MetricName=\"RequestCount\""));
        assert!(finds("LoadBalancer=front NOT AvailabilityZone=eu-west-1b"));
        assert!(finds("MetricName=(\"Errors\" OR \"RequestCount\")"));
        assert!(finds("nothing OR (count AND front)"));
        assert!(!finds("nothing AND count"));
        assert!(!finds("NOT count"));
        assert!(finds("Namespace=\"AWS/ApplicationELB\""));
    }

    /// The examples of the user guide.
    #[test]
    fn names_fall_into_words() {
        assert_eq!(words("CustomCount1"), ["Custom", "Count", "1"]);
        assert_eq!(words("SDBFailure"), ["SDB", "Failure"]);
        assert_eq!(words("Project2-trial333"), ["Project", "2", "trial", "333"]);
        let fits = |text: &str, value: &str| Text::partial(text).fits(value);
        for good in ["count", "Count", "COUNT", "CustomCount", "Count1", "customcount1", "1"] {
            assert!(fits(good, "CustomCount1"), "{good}");
        }
        for bad in ["couNT", "customcount", "count1", "Custom1", "Count-Custom", "stom"] {
            assert!(!fits(bad, "CustomCount1"), "{bad}");
        }
        for good in ["network/errors", "network+errors", "network-errors", "Network_Errors", "NetworkErrors"]
        {
            assert!(fits(good, "Network-Errors-2") && fits(good, "NetworkErrors2"), "{good}");
        }
        assert!(fits("ReadOps", "EBSReadOps") && fits("micro", "t2.micro") && fits("i-123", "i-123"));
        assert!(!fits("i-123", "i-1234"));
    }

    #[test]
    fn signs_in_quotations_are_escaped_and_a_comma_may_follow_the_braces() {
        assert!(finds("{AWS/ApplicationELB,LoadBalancer,AvailabilityZone}, MetricName=\"RequestCount\""));
        let dimensions = vec![("Place".to_owned(), "Europe\\France \"a\" (b)".to_owned())];
        let metric = MetricKey { namespace: "N".into(), name: "M".into(), dimensions };
        let search = Search::parse("\"Europe\\\\France \\\"a\\\" \\(b\\)\"").unwrap();
        assert!(search.fits(&metric));
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        for bad in [
            "", "{", "{}", "{A", "(a", "a)", "\"a", "a OR", "=b", "NOT", "a=", ",", "{A,(}", "{A},",
            "{A},,a", "\"a\\\"",
        ] {
            assert!(Search::parse(bad).is_err(), "{bad}");
        }
        assert!(Search::parse(&"(".repeat(400)).is_err());
        assert!(Search::parse(&"NOT ".repeat(400)).is_err());
        assert!(Search::parse(&"a=".repeat(250)).is_err());
        assert!(Search::parse(&"a".repeat(1_024)).is_ok() && Search::parse(&"a".repeat(1_025)).is_err());
    }
}
