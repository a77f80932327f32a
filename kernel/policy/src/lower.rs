//! Short texts in lower case, without the heap.

const LENGTH_MAX: usize = 128;

pub(crate) enum Lower {
    Short { bytes: [u8; LENGTH_MAX], length: usize },
    Long(String),
}

impl Lower {
    pub(crate) fn new(text: &str) -> Self {
        let mut bytes = [0; LENGTH_MAX];
        match bytes.get_mut(..text.len()) {
            Some(head) => {
                head.copy_from_slice(text.as_bytes());
                head.make_ascii_lowercase();
                Self::Short { bytes, length: text.len() }
            }
            None => Self::Long(text.to_ascii_lowercase()),
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::Short { bytes, length } => {
                bytes.get(..*length).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default()
            }
            Self::Long(text) => text,
        }
    }
}
