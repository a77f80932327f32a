//! Keys whose bytes sort as their parts do.

/// Bytes of a key of a table, in a scope, that ends in two ids. Keys are built with every read: they grow seldom.
const LENGTH_USUAL: usize = 112;

/// A part of a key, or several. Written so that no key is the beginning of another of the same type.
pub trait Key {
    fn write_to(&self, out: &mut Vec<u8>);

    fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(LENGTH_USUAL);
        self.write_to(&mut out);
        out
    }
}

/// Text ends in 00; a 00 inside becomes 00 FF, which sorts after every end.
impl Key for str {
    fn write_to(&self, out: &mut Vec<u8>) {
        for (at, piece) in self.as_bytes().split(|byte| *byte == 0).enumerate() {
            if at > 0 {
                out.extend_from_slice(&[0, 0xff]);
            }
            out.extend_from_slice(piece);
        }
        out.push(0);
    }
}

impl Key for String {
    fn write_to(&self, out: &mut Vec<u8>) {
        self.as_str().write_to(out);
    }
}

impl Key for u64 {
    fn write_to(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_be_bytes());
    }
}

/// Negative numbers sort before positive ones.
impl Key for i64 {
    fn write_to(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&(self.cast_unsigned() ^ (1 << 63)).to_be_bytes());
    }
}

impl<K: Key + ?Sized> Key for &K {
    fn write_to(&self, out: &mut Vec<u8>) {
        (**self).write_to(out);
    }
}

impl Key for () {
    fn write_to(&self, _: &mut Vec<u8>) {}
}

impl<A: Key, B: Key> Key for (A, B) {
    fn write_to(&self, out: &mut Vec<u8>) {
        self.0.write_to(out);
        self.1.write_to(out);
    }
}

impl<A: Key, B: Key, C: Key> Key for (A, B, C) {
    fn write_to(&self, out: &mut Vec<u8>) {
        self.0.write_to(out);
        self.1.write_to(out);
        self.2.write_to(out);
    }
}

impl Key for crate::arn::AccountId {
    fn write_to(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.digits());
        out.push(0);
    }
}

impl Key for crate::arn::Region {
    fn write_to(&self, out: &mut Vec<u8>) {
        self.as_str().write_to(out);
    }
}

impl Key for crate::scope::Scope {
    fn write_to(&self, out: &mut Vec<u8>) {
        self.account.write_to(out);
        self.region.write_to(out);
    }
}

/// Reads the parts of a key back, in order.
#[derive(Debug)]
pub struct KeyReader<'a>(pub &'a [u8]);

impl KeyReader<'_> {
    pub fn text(&mut self) -> Option<String> {
        let mut out = Vec::new();
        let mut rest = self.0.iter().copied().enumerate().peekable();
        while let Some((at, byte)) = rest.next() {
            if byte != 0 {
                out.push(byte);
            } else if rest.peek().is_some_and(|(_, next)| *next == 0xff) {
                rest.next();
                out.push(0);
            } else {
                self.0 = self.0.get(at + 1..)?;
                return String::from_utf8(out).ok();
            }
        }
        None
    }

    pub fn number(&mut self) -> Option<u64> {
        let (head, tail) = self.0.split_first_chunk::<8>()?;
        self.0 = tail;
        Some(u64::from_be_bytes(*head))
    }

    pub fn signed(&mut self) -> Option<i64> {
        self.number().map(|n| (n ^ (1 << 63)).cast_signed())
    }

    pub fn scope(&mut self) -> Option<crate::scope::Scope> {
        Some(crate::scope::Scope { account: self.text()?.parse().ok()?, region: self.text()?.parse().ok()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_sort_as_their_parts_and_read_back() {
        let mut texts = vec!["", "a", "a\0", "a\0b", "ab", "b", "a!"];
        let mut bytes: Vec<_> = texts.iter().map(|t| t.to_bytes()).collect();
        texts.sort_unstable();
        bytes.sort();
        let read: Vec<_> = bytes.iter().map(|b| KeyReader(b).text().unwrap()).collect();
        assert_eq!(read, texts);
        assert!((-1i64).to_bytes() < 0i64.to_bytes());
        assert_eq!(KeyReader(&(-5i64).to_bytes()).signed(), Some(-5));
        assert!(("a", 2u64).to_bytes() < ("a", 10u64).to_bytes());
    }
}
