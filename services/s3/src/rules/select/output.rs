//! Rows written as they were asked for.

use super::value::{Value, write_members};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Output {
    Csv { always: bool, quote: String, escape: String, field: String, record: String },
    Json { record: String },
}

impl Output {
    /// Adds a row: names and values.
    pub(super) fn write(&self, out: &mut String, row: &[(String, Value)]) {
        match self {
            Self::Json { record } => {
                write_members(out, row.iter().map(|(name, value)| (name.as_str(), value)));
                out.push_str(record);
            }
            Self::Csv { always, quote, escape, field, record } => {
                for (at, (_, value)) in row.iter().enumerate() {
                    out.push_str(if at == 0 { "" } else { field });
                    let text = value.to_field();
                    let needs = !quote.is_empty()
                        && [field, record, quote].iter().any(|mark| text.contains(mark.as_str()));
                    if *always || needs || text.contains('\n') {
                        let inner = if quote.is_empty() {
                            text
                        } else {
                            text.replace(quote, &format!("{escape}{quote}"))
                        };
                        out.extend([quote, inner.as_str(), quote]);
                    } else {
                        out.push_str(&text);
                    }
                }
                out.push_str(record);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_quoted_where_they_must_be() {
        let csv = |always| Output::Csv {
            always,
            quote: "\"".to_owned(),
            escape: "\"".to_owned(),
            field: ",".to_owned(),
            record: "\n".to_owned(),
        };
        let text = |text: &str| Value::Text(text.to_owned());
        let row = [("a", text("x,y")), ("b", Value::Missing), ("c", text("z\"")), ("d", Value::Integer(1))];
        let row = row.map(|(name, value)| (name.to_owned(), value));
        let written = |output: Output| {
            let mut out = String::new();
            output.write(&mut out, &row);
            out
        };
        assert_eq!(written(csv(false)), "\"x,y\",,\"z\"\"\",1\n");
        assert_eq!(written(csv(true)), "\"x,y\",\"\",\"z\"\"\",\"1\"\n");
        let json = Output::Json { record: ";".to_owned() };
        assert_eq!(written(json), "{\"a\":\"x,y\",\"c\":\"z\\\"\",\"d\":1};");
    }
}
