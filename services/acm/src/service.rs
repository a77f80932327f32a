//! The contents page: everything Certificate Manager does.

use api_acm::{SERVICE, Tag, op};
use kernel::{Access, Plugs, Result, Scope, Service, ServiceBuilder};

use crate::events;
use crate::ops::certificate::{self, Authority};
use crate::ops::{certificate_view, tags};
use crate::state::seal::Seal;

/// The service, ready for a house. It seals keys with the plugged sealer, and issues by the plugged authority.
pub fn service(plugs: &Plugs) -> Service {
    let mut s = ServiceBuilder::new(&SERVICE);
    s.own(Seal(plugs.get()));
    s.own(Authority(plugs.get()));
    s.keeps_certificates(certificate::keyed);
    s.resource_facts(tags::facts_of);

    s.op(op::ImportCertificate, certificate::import_certificate).access(|scope, i| {
        let arn = i.certificate_arn.clone().unwrap_or_else(|| any(scope));
        with_tags(arn, &i.tags)
    });
    s.op(op::RequestCertificate, certificate::request_certificate)
        .access(|scope, i| with_tags(any(scope), &i.tags));
    s.op(op::DescribeCertificate, certificate_view::describe_certificate)
        .access(|_, i| Ok(Access::on(&i.certificate_arn)));
    s.op(op::GetCertificate, certificate_view::get_certificate)
        .access(|_, i| Ok(Access::on(&i.certificate_arn)));
    s.op(op::ListCertificates, certificate_view::list_certificates).access(|_, _| Ok(Access::any()));
    s.op(op::DeleteCertificate, certificate::delete_certificate)
        .access(|_, i| Ok(Access::on(&i.certificate_arn)));
    s.op(op::AddTagsToCertificate, tags::add_tags_to_certificate)
        .access(|_, i| Ok(Access::on(&i.certificate_arn).request_tags(i.tags.iter().map(pair))));
    s.op(op::RemoveTagsFromCertificate, tags::remove_tags_from_certificate)
        .access(|_, i| Ok(Access::on(&i.certificate_arn).tag_keys(i.tags.iter().map(|tag| &tag.key))));
    s.op(op::ListTagsForCertificate, tags::list_tags_for_certificate)
        .access(|_, i| Ok(Access::on(&i.certificate_arn)));
    s.subscribe("acm/in-use", Some(events::SOURCE), Some(events::CERTIFICATES), events::used);
    s.build()
}

fn any(scope: &Scope) -> String {
    scope.arn("acm", "certificate/*")
}

fn pair(tag: &Tag) -> (&str, &str) {
    (&tag.key, tag.value.as_deref().unwrap_or_default())
}

fn with_tags(arn: String, tags: &Option<Vec<Tag>>) -> Result<Access> {
    let access = Access::on(arn).request_tags(tags.iter().flatten().map(pair));
    Ok(access.also_to_tag("acm:AddTagsToCertificate"))
}
