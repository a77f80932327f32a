//! Which listeners there may be.

use api_elb as api;
use kernel::Result;

use super::policy::USUAL;
use crate::errors;
use crate::state::load_balancer::Listener;

pub const LISTENERS_MAX: usize = 100;

/// Whether TLS ends at listeners of this protocol, or at instances.
pub fn is_secure(protocol: &str) -> bool {
    matches!(protocol, "HTTPS" | "SSL")
}

/// Whether requests are looked at, and not only carried.
pub fn is_http(protocol: &str) -> bool {
    matches!(protocol, "HTTP" | "HTTPS")
}

fn check_protocol(given: &str) -> Result<String> {
    let upper = given.to_ascii_uppercase();
    let known = matches!(&*upper, "HTTP" | "HTTPS" | "TCP" | "SSL");
    if known { Ok(upper) } else { Err(errors::unsupported_protocol(given)) }
}

/// A listener as a request gives it.
///
/// # Errors
/// `ValidationError`, `UnsupportedProtocol`, `InvalidConfigurationRequest`; a missing certificate by
/// `CertificateNotFound`.
pub fn check(given: api::Listener) -> Result<Listener> {
    let protocol = check_protocol(&given.protocol)?;
    let instance_protocol =
        given.instance_protocol.map_or(Ok(protocol.clone()), |name| check_protocol(&name))?;
    if is_http(&protocol) != is_http(&instance_protocol) {
        return Err(errors::configuration(format!(
            "Listener protocol {protocol} and instance protocol {instance_protocol} are not of the same layer"
        )));
    }
    check_port("LoadBalancerPort", given.load_balancer_port)?;
    check_port("InstancePort", given.instance_port)?;
    match &given.ssl_certificate_id {
        None if is_secure(&protocol) => {
            return Err(errors::validation(format!(
                "An SSL certificate must be specified for {protocol} listeners"
            )));
        }
        Some(_) if !is_secure(&protocol) => {
            return Err(errors::validation(format!(
                "An SSL certificate cannot be specified for {protocol} listeners"
            )));
        }
        _ => {}
    }
    Ok(Listener {
        port: given.load_balancer_port,
        policies: is_secure(&protocol).then(|| USUAL.to_owned()).into_iter().collect(),
        protocol,
        instance_port: given.instance_port,
        instance_protocol,
        certificate: given.ssl_certificate_id,
    })
}

fn check_port(what: &str, port: i32) -> Result<()> {
    if u16::try_from(port).is_ok_and(|port| port > 0) {
        return Ok(());
    }
    Err(errors::validation(format!("{what} {port} must be between 1 and 65535")))
}

/// Adds listeners to those there are; once more is no error.
///
/// # Errors
/// `DuplicateListener`, `InvalidConfigurationRequest`.
pub fn add(to: &mut Vec<Listener>, new: &[Listener], name: &str) -> Result<()> {
    for one in new {
        let plain = |one: &Listener| Listener { policies: Vec::new(), ..one.clone() };
        match to.iter().find(|known| known.port == one.port) {
            Some(known) if plain(known) == plain(one) => {}
            Some(_) => return Err(errors::duplicate_listener(one.port, name)),
            None => to.push(one.clone()),
        }
        let secure = is_secure(&one.instance_protocol);
        let same_port = |other: &&Listener| other.instance_port == one.instance_port;
        if to.iter().filter(same_port).any(|other| is_secure(&other.instance_protocol) != secure) {
            return Err(errors::configuration(format!(
                "Instance port {} is either secure for every listener or for none",
                one.instance_port
            )));
        }
    }
    if to.len() > LISTENERS_MAX {
        return Err(errors::configuration(format!("A load balancer has at most {LISTENERS_MAX} listeners")));
    }
    to.sort_by_key(|one| one.port);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(protocol: &str, port: i32, to: Option<&str>, certificate: Option<&str>) -> api::Listener {
        api::Listener {
            protocol: protocol.into(),
            load_balancer_port: port,
            instance_protocol: to.map(str::to_owned),
            instance_port: 80,
            ssl_certificate_id: certificate.map(str::to_owned),
        }
    }

    #[test]
    fn both_sides_are_of_one_layer_and_certificates_stand_where_tls_ends() {
        assert_eq!(check(given("http", 80, None, None)).unwrap().instance_protocol, "HTTP");
        let secure = check(given("SSL", 443, Some("tcp"), Some("arn"))).unwrap();
        assert_eq!((&*secure.instance_protocol, secure.policies), ("TCP", vec![USUAL.to_owned()]));
        for (protocol, port, to, certificate) in [
            ("HTTP", 80, Some("TCP"), None),
            ("HTTPS", 443, None, None),
            ("TCP", 80, None, Some("arn")),
            ("HTTP", 0, None, None),
            ("UDP", 53, None, None),
        ] {
            assert!(check(given(protocol, port, to, certificate)).is_err(), "{protocol} {port}");
        }
    }

    #[test]
    fn a_port_has_one_listener_and_once_more_is_the_same() {
        let one = check(given("HTTP", 80, None, None)).unwrap();
        let mut all = Vec::new();
        add(&mut all, std::slice::from_ref(&one), "lb").unwrap();
        add(&mut all, std::slice::from_ref(&one), "lb").unwrap();
        assert_eq!(all.len(), 1);
        let other = Listener { instance_port: 81, ..one.clone() };
        assert_eq!(add(&mut all, &[other], "lb").unwrap_err().query_code(), "DuplicateListener");
        let secure = Listener { port: 81, instance_protocol: "HTTPS".into(), ..one };
        assert!(add(&mut all, &[secure], "lb").is_err(), "port 80 of instances speaks no TLS");
    }
}
