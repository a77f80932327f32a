//! The fields of a browser's form, as the object they ask for (S3 API reference, "POST Object").

use std::collections::BTreeMap;

use api_s3::{PutObjectRequest, Tag, Tagging};
use kernel::Result;
use quick_xml::Reader;
use quick_xml::events::Event;

use super::tags::{OBJECT_TAGS_MAX, from_set};
use crate::errors;

/// What a form asks for besides its file.
#[derive(Debug, Default)]
pub struct Wanted {
    pub input: PutObjectRequest,
    /// Where the browser is sent afterwards.
    pub redirect: Option<String>,
    pub status: u16,
}

/// Puts the file's name where fields ask for it: its last part, since some browsers send a path.
pub fn with_file_name(fields: &mut [(String, String)], file_name: &str) {
    let name = file_name.rsplit(['/', '\\']).next().unwrap_or_default();
    for (_, value) in fields.iter_mut() {
        if value.contains("${filename}") {
            *value = value.replace("${filename}", name);
        }
    }
}

/// Reads the fields of a form for a bucket.
///
/// # Errors
/// *InvalidArgument*; *MalformedXML* for tags; *NotImplemented* for what S3 does not know in forms, or we do not.
pub fn read(bucket: &str, fields: &[(String, String)]) -> Result<Wanted> {
    let input = PutObjectRequest { bucket: bucket.to_owned(), ..PutObjectRequest::default() };
    let mut wanted = Wanted { input, redirect: None, status: 204 };
    let mut metadata = BTreeMap::new();
    for (name, value) in fields {
        if let Some(name) = name.strip_prefix("x-amz-meta-") {
            metadata.insert(name.to_owned(), value.clone());
        } else {
            wanted.set(name, value)?;
        }
    }
    if wanted.input.key.is_empty() {
        let message = "Bucket POST must contain a field named 'key'.  If it is specified, please check the order of \
                       the fields.";
        return Err(errors::invalid_argument(message));
    }
    wanted.input.metadata = (!metadata.is_empty()).then_some(metadata);
    Ok(wanted)
}

impl Wanted {
    fn set(&mut self, name: &str, value: &str) -> Result<()> {
        let input = &mut self.input;
        let text = || Some(value.to_owned());
        match name {
            "key" => value.clone_into(&mut input.key),
            "acl" => input.acl = text(),
            "cache-control" => input.cache_control = text(),
            "content-disposition" => input.content_disposition = text(),
            "content-encoding" => input.content_encoding = text(),
            "content-language" => input.content_language = text(),
            "content-type" => input.content_type = text(),
            "content-md5" => input.content_md5 = text(),
            "expires" => input.expires = text(),
            "tagging" => input.tagging = Some(tags_as_header(value)?),
            "x-amz-storage-class" => input.storage_class = text(),
            "x-amz-website-redirect-location" => input.website_redirect_location = text(),
            "x-amz-server-side-encryption" => input.server_side_encryption = text(),
            "x-amz-server-side-encryption-aws-kms-key-id" => input.ssekms_key_id = text(),
            "x-amz-server-side-encryption-context" => input.ssekms_encryption_context = text(),
            "x-amz-server-side-encryption-bucket-key-enabled" => {
                input.bucket_key_enabled = Some(value.eq_ignore_ascii_case("true"));
            }
            "x-amz-server-side-encryption-customer-algorithm" => input.sse_customer_algorithm = text(),
            "x-amz-server-side-encryption-customer-key" => input.sse_customer_key = text(),
            "x-amz-server-side-encryption-customer-key-md5" => input.sse_customer_key_md5 = text(),
            "x-amz-checksum-algorithm" | "x-amz-sdk-checksum-algorithm" => input.checksum_algorithm = text(),
            "x-amz-checksum-crc32" => input.checksum_crc32 = text(),
            "x-amz-checksum-crc32c" => input.checksum_crc32_c = text(),
            "x-amz-checksum-crc64nvme" => input.checksum_crc64_nvme = text(),
            "x-amz-checksum-sha1" => input.checksum_sha1 = text(),
            "x-amz-checksum-sha256" => input.checksum_sha256 = text(),
            "success_action_redirect" => self.redirect = text(),
            // The older name of the same.
            "redirect" => self.redirect = self.redirect.take().or_else(text),
            // Another number than these is as none.
            "success_action_status" => {
                self.status = if value == "200" {
                    200
                } else if value == "201" {
                    201
                } else {
                    204
                }
            }
            "x-amz-algorithm"
            | "x-amz-credential"
            | "x-amz-date"
            | "x-amz-signature"
            | "x-amz-security-token" => {}
            other if other.starts_with("x-amz-") => return Err(errors::form_field(other)),
            // What the page has for itself.
            _ => {}
        }
        Ok(())
    }
}

/// `<Tagging><TagSet><Tag><Key>…`, as `x-amz-tagging` has it.
fn tags_as_header(xml: &str) -> Result<String> {
    let malformed = |_| errors::malformed_xml();
    let mut reader = Reader::from_str(xml);
    let mut set = TagSet::default();
    loop {
        match reader.read_event().map_err(malformed)? {
            Event::Start(one) => set.begin(one.local_name().as_ref())?,
            Event::Empty(one) => {
                set.begin(one.local_name().as_ref())?;
                set.end()?;
            }
            Event::End(_) => set.end()?,
            Event::Text(more) => set.text(&more.xml10_content())?,
            Event::CData(more) => set.text(&more.xml10_content())?,
            Event::GeneralRef(name) => {
                let whole = format!("&{};", name.xml10_content());
                set.text(&quick_xml::escape::unescape(&whole).map_err(|_| errors::malformed_xml())?)?;
            }
            Event::DocType(_) => return Err(errors::malformed_xml()),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
            Event::Eof => break,
        }
    }
    if !set.open.is_empty() || set.sets != 1 {
        return Err(errors::malformed_xml());
    }
    let tags = from_set(Tagging { tag_set: set.tags }, OBJECT_TAGS_MAX)?;
    let mut header = form_urlencoded::Serializer::new(String::new());
    Ok(header.extend_pairs(tags).finish())
}

/// A document of tags that is read.
#[derive(Default)]
struct TagSet {
    /// The elements that are open, as a path.
    open: Vec<String>,
    text: String,
    key: Option<String>,
    value: Option<String>,
    tags: Vec<Tag>,
    sets: usize,
}

impl TagSet {
    fn begin(&mut self, name: &str) -> Result<()> {
        self.open.push(name.to_owned());
        self.text.clear();
        match self.path().as_slice() {
            ["Tagging"] if self.sets == 0 => Ok(()),
            ["Tagging", "TagSet"] => {
                self.sets += 1;
                Ok(())
            }
            ["Tagging", "TagSet", "Tag"] => Ok(()),
            ["Tagging", "TagSet", "Tag", "Key"] if self.key.is_none() => Ok(()),
            ["Tagging", "TagSet", "Tag", "Value"] if self.value.is_none() => Ok(()),
            _ => Err(errors::malformed_xml()),
        }
    }

    fn end(&mut self) -> Result<()> {
        match self.open.pop().as_deref() {
            Some("Key") => self.key = Some(std::mem::take(&mut self.text)),
            Some("Value") => self.value = Some(std::mem::take(&mut self.text)),
            Some("Tag") => {
                let both = self.key.take().zip(self.value.take());
                let (key, value) = both.ok_or_else(errors::malformed_xml)?;
                self.tags.push(Tag { key, value });
            }
            _ => {}
        }
        Ok(())
    }

    fn text(&mut self, more: &str) -> Result<()> {
        let is_member = matches!(self.path().last(), Some(&("Key" | "Value")));
        if !is_member && !more.trim().is_empty() {
            return Err(errors::malformed_xml());
        }
        self.text.push_str(more);
        Ok(())
    }

    fn path(&self) -> Vec<&str> {
        self.open.iter().map(String::as_str).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(given: &[(&str, &str)]) -> Result<Wanted> {
        let fields: Vec<_> = given.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        read("b", &fields)
    }

    #[test]
    fn fields_become_an_input() {
        let xml = "<Tagging><TagSet><Tag><Key>a</Key><Value>1 &amp; 2</Value></Tag></TagSet></Tagging>";
        assert_eq!(tags_as_header(xml).unwrap_err().code(), "InvalidTag");
        let xml = "<Tagging><TagSet><Tag><Key>a</Key><Value>1+2</Value></Tag></TagSet></Tagging>";
        let wanted = of(&[
            ("key", "k"),
            ("tagging", xml),
            ("x-amz-meta-m", "v"),
            ("content-type", "text/plain"),
            ("success_action_status", "201"),
            ("x-amz-date", "now"),
            ("button", "send"),
        ])
        .unwrap();
        assert_eq!(wanted.input.tagging.as_deref(), Some("a=1%2B2"));
        assert_eq!((wanted.input.key.as_str(), wanted.status), ("k", 201));
        assert_eq!(wanted.input.metadata.unwrap().get("m").map(String::as_str), Some("v"));
        assert_eq!(of(&[("key", "k"), ("success_action_status", "404")]).unwrap().status, 204);
        assert_eq!(of(&[]).unwrap_err().code(), "InvalidArgument");
        assert_eq!(
            of(&[("key", "k"), ("x-amz-object-lock-mode", "x")]).unwrap_err().code(),
            "NotImplemented"
        );
        let tagged = |xml: &str| of(&[("key", "k"), ("tagging", xml)]).map(|wanted| wanted.input.tagging);
        let tag = "<Tag><Key>a</Key></Tag>";
        for bad in [
            "<a",
            "a=b",
            "",
            "<Tagging/>",
            "<TagSet/>",
            "<Tagging><TagSet/><TagSet/></Tagging>",
            "<Tagging><TagSet>a=b</TagSet></Tagging>",
            "<Tagging><TagSet><Tag/></TagSet></Tagging>",
            "<Tagging><TagSet><Other/></TagSet></Tagging>",
            &format!("<Tagging><TagSet>{tag}</TagSet></Tagging>"),
        ] {
            assert_eq!(tagged(bad).unwrap_err().code(), "MalformedXML", "{bad}");
        }
        let none = "<?xml version=\"1.0\"?>\n<Tagging xmlns=\"x\">\n<TagSet/>\n</Tagging>\n";
        assert_eq!(tagged(none).unwrap().as_deref(), Some(""));
    }

    #[test]
    fn a_file_gives_its_name() {
        let mut fields = vec![("key".to_owned(), "u/${filename}".to_owned())];
        with_file_name(&mut fields, "C:\\x\\y.png");
        assert_eq!(fields[0].1, "u/y.png");
    }
}
