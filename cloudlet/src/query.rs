//! A request in the query protocols, and what is read from its XML answer.

use bytes::Bytes;
use http::Method;
use quick_xml::Reader;
use quick_xml::events::Event;

use crate::cli::{Outcome, Problem};
use crate::client::Client;

/// An action and its parameters.
pub(crate) struct Query {
    action: &'static str,
    params: Vec<(String, String)>,
}

impl Query {
    pub(crate) fn new(action: &'static str) -> Self {
        Self { action, params: Vec::new() }
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.params.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sends it, signed as `test`.
    ///
    /// A refusal is a problem with the service's code and words.
    pub(crate) async fn send(&self, client: &Client, service: &str, version: &str) -> Outcome<Answer> {
        let mut form = format!("Action={}&Version={version}", self.action);
        for (name, value) in &self.params {
            form.push_str(&format!("&{}={}", escaped(name), escaped(value)));
        }
        let body = Bytes::from(form);
        let headers = client.signed_headers(service, &body)?;
        let (status, xml) = client.send(Method::POST, "/", &headers, body).await?;
        let answer = Answer(String::from_utf8_lossy(&xml).into_owned());
        if status.is_success() {
            return Ok(answer);
        }
        let part = |name| answer.first(name).unwrap_or_default();
        Err(Problem(format!("{} was refused ({status}): {} {}", self.action, part("Code"), part("Message"))))
    }
}

/// An answer in XML.
pub(crate) struct Answer(String);

impl Answer {
    /// The text of the first element of this name.
    pub(crate) fn first(&self, name: &str) -> Option<String> {
        let mut reader = Reader::from_str(&self.0);
        let mut inside = false;
        let mut text = String::new();
        loop {
            match reader.read_event().ok()? {
                Event::Start(start) => inside = start.local_name().as_ref() == name,
                Event::Text(more) if inside => text.push_str(&more.xml10_content()),
                Event::GeneralRef(entity) if inside => {
                    let written = format!("&{};", entity.xml10_content());
                    text.push_str(&quick_xml::escape::unescape(&written).ok()?);
                }
                Event::End(_) if inside => return Some(text),
                Event::Eof => return None,
                _ => {}
            }
        }
    }

    pub(crate) fn need(&self, name: &str) -> Outcome<String> {
        self.first(name).ok_or_else(|| Problem(format!("the answer lacks {name}: {}", self.0)))
    }
}

/// Percent-encodes all but unreserved characters (RFC 3986, section 2.3).
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_text_of_a_name_is_found_and_unescaped() {
        let answer = Answer("<r><a><b>x &amp;&#10;y</b></a><b>2</b></r>".to_owned());
        assert_eq!(answer.first("b").as_deref(), Some("x &\ny"));
        assert_eq!(answer.first("c"), None);
    }
}
