//! One marker type per served operation, and the table of the service.

use super::{put, table};
use crate::fix::RoutingFix;
use crate::model::{Operation, Reference, XmlNamespace};
use crate::names::{constant, type_name};
use crate::reach::Reach;
use crate::{Error, Served};

pub(super) fn write(out: &mut String, reach: &Reach<'_>) -> Result<(), Error> {
    put!(out, "/// The operations served, each as a type.\npub mod op {{");
    for op in reach.served {
        marker(out, op, reach.operation(&op.name)?);
        definition(out, reach, op)?;
    }
    put!(out, "}}");
    service(out, reach)
}

fn marker(out: &mut String, op: &Served, def: &Operation) {
    let kind = |used: &Option<Reference>| {
        used.as_ref().map_or("()".into(), |r| format!("super::{}", type_name(&r.shape)))
    };
    let name = &op.name;
    put!(out, "    #[derive(Clone, Copy, Debug)]\n    pub struct {name};");
    put!(out, "    impl ::shape::Operation for {name} {{");
    put!(out, "        type Input = {};\n        type Output = {};", kind(&def.input), kind(&def.output));
    put!(out, "        const DEF: &'static ::shape::OpDef = &{};", constant(name));
    put!(out, "        const SERVICE: &'static ::shape::ServiceDef = &super::SERVICE;\n    }}");
}

fn definition(out: &mut String, reach: &Reach<'_>, op: &Served) -> Result<(), Error> {
    let def = reach.operation(&op.name)?;
    let schema = |used: &Option<Reference>| {
        used.as_ref().map_or("::shape::UNIT".to_owned(), |r| format!("super::{}", table(&r.shape)))
    };
    // A model of another protocol does not say how its query answers were wrapped: all of them were, alike.
    let queried = protocols(reach).contains(&"query") && reach.model.metadata.protocol != "query";
    let wrapper = def.output.as_ref().and_then(|output| match &output.result_wrapper {
        None if queried => Some(format!("{}Result", op.name)),
        wrapper => wrapper.clone(),
    });
    let output_root = def.output.as_ref().and_then(|o| reach.fix.xml_names.get(&o.shape));
    let input_root = def.input.as_ref().and_then(|i| i.location_name.as_ref());
    let input_namespace = def.input.as_ref().and_then(|i| i.xml_namespace.as_ref()).map(XmlNamespace::uri);
    let errors: Vec<String> =
        def.errors.iter().map(|e| format!("&super::error::{}", constant(&e.shape))).collect();
    let checksum = reach.fix.checksums.contains(&op.name);
    put!(out, "    pub static {}: ::shape::OpDef = ::shape::OpDef {{", constant(&op.name));
    put!(out, "        name: {:?}, service: {:?},", op.name, reach.service);
    put!(out, "        method: {:?}, uri: {:?},", def.http.method, def.http.request_uri);
    put!(out, "        status: {},", def.http.response_code.unwrap_or(200));
    put!(out, "        input: &{}, output: &{},", schema(&def.input), schema(&def.output));
    put!(out, "        result_wrapper: {:?},", wrapper);
    put!(out, "        input_root: {input_root:?}, input_namespace: {input_namespace:?},");
    put!(out, "        output_root: {output_root:?},");
    put!(out, "        errors: &[{}],", errors.join(", "));
    let unsigned = def.authtype.as_deref() == Some("none");
    let gzip = def.request_compression.is_some();
    put!(out, "        unsigned: {unsigned}, checksum_required: {checksum}, gzip: {gzip},");
    put!(out, "        harmless: &{:?},", op.harmless);
    if op.refused.is_empty() {
        put!(out, "        honoured: ::shape::Honoured::All,");
    } else {
        put!(out, "        honoured: ::shape::Honoured::AllBut(&{:?}),", op.refused);
    }
    put!(out, "    }};");
    Ok(())
}

/// The protocols spoken, in botocore's names, best first.
fn protocols<'a>(reach: &Reach<'a>) -> Vec<&'a str> {
    let metadata = &reach.model.metadata;
    let fixed = &reach.fix.protocols;
    let listed = if fixed.is_empty() { &metadata.protocols } else { fixed };
    if listed.is_empty() { vec![&metadata.protocol] } else { listed.iter().map(String::as_str).collect() }
}

fn service(out: &mut String, reach: &Reach<'_>) -> Result<(), Error> {
    let Reach { model, fix, .. } = reach;
    let metadata = &model.metadata;
    let mut spoken = String::new();
    for name in protocols(reach) {
        spoken.push_str("::shape::Protocol::");
        spoken.push_str(match name {
            "json" if metadata.json_version.as_deref() == Some("1.1") => "Json11, ",
            "json" => "Json10, ",
            "query" => "Query, ",
            "ec2" => "Ec2, ",
            "rest-json" => "RestJson, ",
            "rest-xml" => "RestXml, ",
            "smithy-rpc-v2-cbor" => "Cbor, ",
            other => return Err(Error::Model(format!("unknown protocol {other}"))),
        });
    }
    let served: Vec<String> = reach.served.iter().map(|op| format!("&op::{}", constant(&op.name))).collect();
    let is_served = |name: &str| reach.served.iter().any(|op| op.name == name);
    let mut others: Vec<_> = model.operations.iter().filter(|(name, _)| !is_served(name)).collect();
    others.sort_unstable_by_key(|(name, _)| *name);
    let unserved = others.into_iter().map(|(name, def)| unserved(reach, name, def));
    let unserved = unserved.collect::<Result<String, Error>>()?;
    let namespace = fix.xml_namespace.as_deref().or(metadata.xml_namespace.as_ref().map(XmlNamespace::uri));
    let checks = match fix.checks.as_deref() {
        None | Some("standard") => "Standard",
        Some("parameter") => "Parameter",
        Some("required") => "Required",
        Some(other) => return Err(Error::Model(format!("unknown checks {other}"))),
    };
    put!(out, "/// The service.\npub static SERVICE: ::shape::ServiceDef = ::shape::ServiceDef {{");
    put!(out, "    name: {:?}, id: {:?},", reach.service, metadata.service_id);
    let signing = metadata.signing_name.as_ref().unwrap_or(&metadata.endpoint_prefix);
    put!(out, "    action_prefix: {:?},", fix.action_prefix.as_ref().unwrap_or(signing));
    put!(out, "    signing_name: {signing:?}, endpoint_prefix: {:?},", metadata.endpoint_prefix);
    put!(out, "    target_prefix: {:?},", metadata.target_prefix.as_deref().unwrap_or_default());
    put!(out, "    version: {:?}, protocols: &[{spoken}],", metadata.api_version);
    put!(out, "    xml_namespace: {:?},", namespace.unwrap_or_default());
    put!(out, "    error_namespace: {:?},", fix.error_namespace);
    put!(out, "    query_compatible: {},", metadata.aws_query_compatible.is_some());
    put!(out, "    checks: ::shape::Checks::{checks},");
    put!(out, "    routing: {},", routing(&fix.routing));
    put!(
        out,
        "    ops: &[{}],\n    unserved: &[{unserved}],\n    errors: error::ALL,\n}};",
        served.join(", ")
    );
    Ok(())
}

/// What tells a request for an operation that is not served: its name, or in REST protocols what a request for it
/// must have.
fn unserved(reach: &Reach<'_>, name: &str, def: &Operation) -> Result<String, Error> {
    if !protocols(reach).iter().any(|protocol| protocol.starts_with("rest-")) {
        return Ok(format!("\n        ::shape::Unserved::named({name:?}),"));
    }
    let (mut uri, mut headers) = (def.http.request_uri.clone(), Vec::new());
    if let Some(input) = &def.input {
        let (_, shape) = reach.any_shape(&input.shape)?;
        for (member, used) in
            shape.members.iter().filter(|(member, _)| shape.required.iter().any(|r| r == member))
        {
            let wire = used.location_name.as_deref().unwrap_or(member);
            match used.location.as_deref() {
                Some("querystring") => {
                    uri.push(if uri.contains('?') { '&' } else { '?' });
                    uri.push_str(wire);
                }
                Some("header") => headers.push(wire),
                _ => {}
            }
        }
    }
    let method = &def.http.method;
    Ok(format!(
        "\n        ::shape::Unserved {{ name: {name:?}, method: {method:?}, uri: {uri:?}, headers: &{headers:?} }},"
    ))
}

/// The routing facts as an expression.
fn routing(fix: &RoutingFix) -> String {
    let RoutingFix { scopes, hosts, paths, marker, account_hosts, .. } = fix;
    let RoutingFix { virtual_hosts, object_store, fallback, anonymous, body_bytes_max, .. } = fix;
    let paths: String = paths
        .iter()
        .map(|(pattern, param)| format!("::shape::PathHint {{ pattern: {pattern:?}, param: {param:?} }}, "))
        .collect();
    let account_hosts: String = account_hosts
        .iter()
        .map(|(label, kind)| format!("::shape::AccountHost {{ label: {label:?}, kind: {kind:?} }}, "))
        .collect();
    let bound = body_bytes_max.map_or_else(String::new, |bytes| format!("body_bytes_max: {bytes}, "));
    format!(
        "::shape::Routing {{ scopes: &{scopes:?}, hosts: &{hosts:?}, paths: &[{paths}], \
         marker: {marker:?}, account_hosts: &[{account_hosts}], \
         virtual_hosts: {virtual_hosts}, object_store: {object_store}, fallback: {fallback}, \
         anonymous: {anonymous}, {bound}..::shape::Routing::PLAIN }}"
    )
}
