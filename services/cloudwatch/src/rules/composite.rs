//! Rules of composite alarms: `ALARM("a") AND NOT (OK(b) OR FALSE)`.

use super::evaluation::State;

/// A rule.
#[derive(Debug, PartialEq)]
pub enum Rule {
    Is(State, String),
    Always(bool),
    Not(Box<Rule>),
    All(Vec<Rule>),
    Any(Vec<Rule>),
}

/// Deepest nesting.
const DEPTH_MAX: usize = 32;
/// Alarms that one rule names.
pub const CHILDREN_MAX: usize = 100;

struct Reader<'t> {
    rest: &'t str,
    depth: usize,
}

impl Rule {
    /// # Errors
    /// What cannot be read, in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut reader = Reader { rest: text.trim_start(), depth: 0 };
        let rule = reader.any()?;
        match reader.rest.is_empty() {
            true => Ok(rule),
            false => Err(format!("Unexpected '{}'.", reader.rest.chars().take(20).collect::<String>())),
        }
    }

    /// `state` gives that of an alarm by its name or ARN; one that is not there is in none.
    pub fn holds(&self, state: &impl Fn(&str) -> Option<State>) -> bool {
        match self {
            Self::Is(wanted, alarm) => state(alarm) == Some(*wanted),
            Self::Always(holds) => *holds,
            Self::Not(rule) => !rule.holds(state),
            Self::All(rules) => rules.iter().all(|rule| rule.holds(state)),
            Self::Any(rules) => rules.iter().any(|rule| rule.holds(state)),
        }
    }

    /// The alarms it names, by name or ARN.
    pub fn alarms<'r>(&'r self, out: &mut Vec<&'r str>) {
        match self {
            Self::Is(_, alarm) => out.push(alarm),
            Self::Always(_) => {}
            Self::Not(rule) => rule.alarms(out),
            Self::All(rules) | Self::Any(rules) => rules.iter().for_each(|rule| rule.alarms(out)),
        }
    }
}

impl<'t> Reader<'t> {
    /// The next word of letters, in capitals.
    fn word(&mut self) -> &'t str {
        let ends = |c: char| !c.is_ascii_alphabetic() && c != '_';
        let length = self.rest.find(ends).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(length);
        self.rest = rest.trim_start();
        word
    }

    fn takes_word(&mut self, wanted: &str) -> bool {
        let before = self.rest;
        let found = self.word().eq_ignore_ascii_case(wanted);
        if !found {
            self.rest = before;
        }
        found
    }

    fn sign(&mut self, sign: char) -> Result<(), String> {
        let rest = self.rest.strip_prefix(sign).ok_or_else(|| format!("Expected '{sign}'."))?;
        self.rest = rest.trim_start();
        Ok(())
    }

    fn any(&mut self) -> Result<Rule, String> {
        let mut rules = vec![self.all()?];
        while self.takes_word("OR") {
            rules.push(self.all()?);
        }
        Ok(if rules.len() > 1 { Rule::Any(rules) } else { rules.remove(0) })
    }

    fn all(&mut self) -> Result<Rule, String> {
        let mut rules = vec![self.one()?];
        while self.takes_word("AND") {
            rules.push(self.one()?);
        }
        Ok(if rules.len() > 1 { Rule::All(rules) } else { rules.remove(0) })
    }

    fn one(&mut self) -> Result<Rule, String> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err("The rule is nested too deeply.".to_owned());
        }
        let rule = self.term();
        self.depth -= 1;
        rule
    }

    fn term(&mut self) -> Result<Rule, String> {
        if self.rest.starts_with('(') {
            self.sign('(')?;
            let inner = self.any()?;
            self.sign(')')?;
            return Ok(inner);
        }
        let word = self.word();
        let state = match word.to_ascii_uppercase().as_str() {
            "TRUE" => return Ok(Rule::Always(true)),
            "FALSE" => return Ok(Rule::Always(false)),
            "NOT" => return Ok(Rule::Not(Box::new(self.one()?))),
            "ALARM" => State::Alarm,
            "OK" => State::Ok,
            "INSUFFICIENT_DATA" => State::InsufficientData,
            _ => return Err(format!("Unexpected '{word}'.")),
        };
        self.sign('(')?;
        let name = self.name()?;
        self.sign(')')?;
        Ok(Rule::Is(state, name))
    }

    /// An alarm's name or ARN, in quotation marks where it has spaces or parentheses.
    fn name(&mut self) -> Result<String, String> {
        if let Some(quoted) = self.rest.strip_prefix(['"', '\'']) {
            let mark = self.rest.chars().next().unwrap_or('"');
            let (name, rest) = quoted.split_once(mark).ok_or("A quotation does not end.")?;
            self.rest = rest.trim_start();
            return Ok(name.to_owned());
        }
        let length = self.rest.find([')', '(']).unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(length);
        self.rest = rest;
        match name.trim() {
            "" => Err("An alarm's name is missing.".to_owned()),
            name => Ok(name.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(text: &str) -> bool {
        let state = |name: &str| match name {
            "red" | "arn:red" => Some(State::Alarm),
            "green" | "a b" => Some(State::Ok),
            "grey" => Some(State::InsufficientData),
            _ => None,
        };
        Rule::parse(text).unwrap_or_else(|e| panic!("{text}: {e}")).holds(&state)
    }

    #[test]
    fn rules_combine_states() {
        for yes in [
            "ALARM(red)",
            "ALARM(\"arn:red\")",
            "OK('a b')",
            "INSUFFICIENT_DATA(grey)",
            "TRUE",
            "NOT FALSE",
            "ALARM(red) AND OK(green)",
            "ALARM(green) OR ALARM(red)",
            "not (ALARM(green) or ALARM(none))",
            "FALSE AND TRUE OR TRUE",
            "NOT ALARM(green) AND TRUE",
            " ( ( TRUE ) ) ",
        ] {
            assert!(holds(yes), "{yes}");
        }
        for no in ["ALARM(green)", "OK(none)", "NOT TRUE", "TRUE AND (FALSE OR ALARM(green))"] {
            assert!(!holds(no), "{no}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        for bad in [
            "",
            "ALARM",
            "ALARM(",
            "ALARM()",
            "ALARM(a",
            "RED(a)",
            "TRUE FALSE",
            "TRUE AND",
            "(TRUE",
            "ALARM(\"a)",
            "NOT",
        ] {
            assert!(Rule::parse(bad).is_err(), "{bad}");
        }
        assert!(Rule::parse(&"NOT ".repeat(10_000)).is_err());
        assert!(Rule::parse(&"(".repeat(10_000)).is_err());
    }

    #[test]
    fn the_alarms_it_names_are_told() {
        let rule = Rule::parse("ALARM(a) OR (OK(b) AND NOT OK(c))").unwrap();
        let mut names = Vec::new();
        rule.alarms(&mut names);
        assert_eq!(names, ["a", "b", "c"]);
    }
}
