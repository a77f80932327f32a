//! What a call wants to do, to what: the question that policies answer.

use std::borrow::Cow;

use policy::Values;

/// Condition keys and their values.
pub type Conditions = Vec<(Cow<'static, str>, Vec<String>)>;

/// An action on resources. Built by an operation's access line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// `sqs:SendMessage`; `None` where the action is the operation's own name.
    pub action: Option<&'static str>,
    /// ARNs; `*` when the action knows no resource.
    pub resources: Vec<String>,
    /// Condition keys of the service.
    pub conditions: Conditions,
    /// Condition keys whose values are meant as a whole ([`Values::List`]).
    pub lists: Conditions,
    /// Condition keys of the service, each with the code of a denial that comes of what policies say of it.
    pub codes: Vec<(&'static str, &'static str)>,
    /// Tags the request sets: `aws:RequestTag/…`, `aws:TagKeys`.
    pub request_tags: Vec<(String, String)>,
    /// Keys of tags the request names without values, as it does to remove them: `aws:TagKeys`.
    pub tag_keys: Vec<String>,
    /// What must be allowed as well, with conditions of its own: tagging what is made, passing a role.
    pub also: Vec<Access>,
    /// The operation finds out itself who asks, and decides: see [`Access::open`].
    pub is_open: bool,
}

impl Access {
    /// On no resource in particular.
    pub fn any() -> Self {
        Self::on("*")
    }

    /// Whoever has signed may: no policy is asked.
    pub fn free() -> Self {
        Self::on_all([])
    }

    /// Whoever asks may, without a signature too: the request proves in its own way who they are, and the operation
    /// decides ([`crate::trust`]).
    pub fn open() -> Self {
        Self { is_open: true, ..Self::default() }
    }

    pub fn on(resource: impl Into<String>) -> Self {
        Self::on_all([resource.into()])
    }

    pub fn on_all(resources: impl IntoIterator<Item = String>) -> Self {
        Self { resources: resources.into_iter().collect(), ..Self::default() }
    }

    /// An action that is not named like its operation (`s3:PutObject` guards more than one).
    #[must_use]
    pub fn action(mut self, action: &'static str) -> Self {
        self.action = Some(action);
        self
    }

    #[must_use]
    pub fn condition(
        mut self,
        key: impl Into<Cow<'static, str>>,
        values: impl IntoIterator<Item = String>,
    ) -> Self {
        self.conditions.push((key.into(), values.into_iter().collect()));
        self
    }

    /// A condition key that is the whole of a list: who may have some of it need not have all.
    #[must_use]
    pub fn list(
        mut self,
        key: impl Into<Cow<'static, str>>,
        values: impl IntoIterator<Item = String>,
    ) -> Self {
        self.lists.push((key.into(), values.into_iter().collect()));
        self
    }

    /// A denial has this code where it would be none but for what policies say of the key.
    #[must_use]
    pub fn denied_as(mut self, key: &'static str, code: &'static str) -> Self {
        self.codes.push((key, code));
        self
    }

    /// The values of a condition key of the service.
    pub(crate) fn find(&self, key: &str) -> Option<Values<'_>> {
        let list = || self.lists.iter().find(|(name, _)| name.eq_ignore_ascii_case(key));
        condition(&self.conditions, key)
            .or_else(|| list().map(|(_, values)| Values::List(values.as_slice().into())))
    }

    /// With the tags the request sets. None at all leaves the keys out, as AWS does.
    #[must_use]
    pub fn request_tags<'t>(mut self, tags: impl IntoIterator<Item = (&'t str, &'t str)>) -> Self {
        self.request_tags.extend(tags.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())));
        self
    }

    /// With the keys of tags the request removes.
    #[must_use]
    pub fn tag_keys<'t>(mut self, keys: impl IntoIterator<Item = &'t String>) -> Self {
        self.tag_keys.extend(keys.into_iter().cloned());
        self
    }

    /// This must be allowed as well.
    #[must_use]
    pub fn also(mut self, other: Self) -> Self {
        self.also.push(other);
        self
    }

    /// Making something with tags takes leave to tag it as well, by `action`, on the same resources.
    #[must_use]
    pub fn also_to_tag(self, action: &'static str) -> Self {
        if self.request_tags.is_empty() {
            return self;
        }
        let tagging = Self { action: Some(action), also: Vec::new(), ..self.clone() };
        self.also(tagging)
    }

    /// This and everything that must be allowed as well.
    pub fn each(&self) -> impl Iterator<Item = &Self> {
        std::iter::once(self).chain(self.also.iter())
    }

    /// The value of a tag key (`aws:RequestTag/…` without its head), and `aws:TagKeys`.
    pub(crate) fn tag_condition(&self, key: &str) -> Option<Values<'_>> {
        if let Some(name) = after(key, "aws:RequestTag/") {
            return tag(&self.request_tags, name);
        }
        if !key.eq_ignore_ascii_case("aws:TagKeys")
            || (self.request_tags.is_empty() && self.tag_keys.is_empty())
        {
            return None;
        }
        let set = self.request_tags.iter().map(|(key, _)| key);
        Some(Values::Many(Cow::Owned(set.chain(&self.tag_keys).cloned().collect())))
    }
}

/// What policies may ask about a resource that exists. Its service finds it when one does
/// ([`crate::ServiceBuilder::resource_facts`]).
#[derive(Clone, Debug, Default)]
pub struct ResourceFacts {
    /// `aws:ResourceTag/…`
    pub tags: Vec<(String, String)>,
    /// `<service>:ResourceTag/…` means them too.
    pub has_own_tag_key: bool,
    /// Further condition keys of the service.
    pub conditions: Conditions,
}

impl ResourceFacts {
    /// Of a service that has no tag key of its own.
    pub fn tagged<'t>(tags: impl IntoIterator<Item = (&'t String, &'t String)>) -> Self {
        let tags = tags.into_iter().map(|(key, value)| (key.clone(), value.clone())).collect();
        Self { tags, ..Self::default() }
    }

    /// The values of a condition key, of a resource of `service` (as ARNs name it).
    pub(crate) fn find(&self, service: &str, key: &str) -> Option<Values<'_>> {
        let own = || after(key, service).and_then(|rest| after(rest, ":ResourceTag/"));
        let own = || self.has_own_tag_key.then(own).flatten();
        match after(key, "aws:ResourceTag/").or_else(own) {
            Some(name) => tag(&self.tags, name),
            None => condition(&self.conditions, key),
        }
    }
}

/// What follows `head` in a key; keys are alike in any case.
pub(crate) fn after<'k>(key: &'k str, head: &str) -> Option<&'k str> {
    let (start, rest) = key.split_at_checked(head.len())?;
    start.eq_ignore_ascii_case(head).then_some(rest)
}

/// The tag a condition key names: the very one, else one that differs in case, since such keys know no case.
pub(crate) fn tag<'t>(tags: &'t [(String, String)], name: &str) -> Option<Values<'t>> {
    let same = tags.iter().find(|(key, _)| key == name);
    let found = same.or_else(|| tags.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)));
    found.map(|(_, value)| Values::from(value.as_str()))
}

/// The values of a condition key.
pub(crate) fn condition<'c>(conditions: &'c Conditions, key: &str) -> Option<Values<'c>> {
    let (_, values) = conditions.iter().find(|(name, _)| name.eq_ignore_ascii_case(key))?;
    Some(match values.as_slice() {
        [value] => Values::from(value.as_str()),
        several => Values::from(several),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(values: Option<Values<'_>>) -> Option<String> {
        values.map(|values| values.iter().collect::<Vec<_>>().join(","))
    }

    #[test]
    fn tags_of_a_request_answer_their_keys_and_nothing_else() {
        let access = Access::on("r").request_tags([("Team", "red"), ("b", "")]).tag_keys(&["c".to_owned()]);
        let found = |key: &str| text(access.tag_condition(key));
        assert_eq!(found("aws:RequestTag/Team").as_deref(), Some("red"));
        assert_eq!(found("AWS:requesttag/team").as_deref(), Some("red"));
        assert_eq!(found("aws:RequestTag/b").as_deref(), Some(""));
        assert_eq!(found("aws:RequestTag/c"), None);
        assert_eq!(found("aws:tagkeys").as_deref(), Some("Team,b,c"));
        assert_eq!(text(Access::on("r").tag_condition("aws:TagKeys")), None);
    }

    #[test]
    fn tags_of_a_resource_answer_the_services_key_where_it_has_one() {
        let plain = ResourceFacts::tagged([(&"k".to_owned(), &"v".to_owned())]);
        let own = ResourceFacts { has_own_tag_key: true, ..plain.clone() };
        assert_eq!(text(plain.find("toy", "aws:ResourceTag/k")).as_deref(), Some("v"));
        assert_eq!(text(plain.find("toy", "toy:ResourceTag/k")), None);
        assert_eq!(text(own.find("toy", "Toy:resourceTag/k")).as_deref(), Some("v"));
        assert_eq!(text(own.find("toy", "other:ResourceTag/k")), None);
    }

    #[test]
    fn who_makes_something_with_tags_must_be_allowed_to_tag() {
        assert!(Access::on("r").also_to_tag("toy:Tag").also.is_empty());
        let tagged = Access::on("r").request_tags([("a", "b")]).also_to_tag("toy:Tag");
        let actions: Vec<_> = tagged.each().map(|access| access.action).collect();
        assert_eq!(actions, [None, Some("toy:Tag")]);
    }
}
