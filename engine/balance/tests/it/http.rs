//! What passes unharmed, and what is added.

use std::io::{BufReader, Read, Write};

use balance::{Action, Condition, Fronts, Pattern, Redirect, RuleSpec, Sticky};

use crate::world::{World, eventually, member, read_head, saying};

/// A member that answers with the head it was sent.
fn echoing() -> std::net::SocketAddr {
    member(|stream| {
        let mut reader = BufReader::new(stream);
        while let Some(head) = read_head(&mut reader) {
            let body = head.join("\n");
            let answer = format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: x-hop\r\nX-Hop: 1\r\n\r\n{body}",
                body.len()
            );
            if reader.get_mut().write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
    })
}

#[test]
fn members_are_told_who_asks_and_nothing_of_the_connection() {
    let world = World::new();
    world.ensure(world.spec(&[echoing()]));
    let mut client = world.client();
    client.send("GET /a?b HTTP/1.1\r\nHost: Front.Test\r\nConnection: keep-alive, x-mine\r\nX-Mine: 1\r\nX-Forwarded-For: 9.9.9.9\r\n\r\n");
    let (status, head, seen) = client.answer().unwrap();
    assert_eq!(status, 200);
    assert!(!head.iter().any(|line| line.to_ascii_lowercase().starts_with("x-hop")), "{head:?}");
    let lines: Vec<&str> = seen.lines().collect();
    assert_eq!(lines[0], "GET /a?b HTTP/1.1");
    assert!(lines.contains(&"x-forwarded-for: 9.9.9.9, 127.0.0.1"), "{seen}");
    assert!(lines.contains(&"x-forwarded-proto: http") && lines.contains(&"host: Front.Test"), "{seen}");
    assert!(!seen.contains("x-mine"), "{seen}");
    let sample = world.engine.sample(&"front".into()).unwrap();
    let front = sample.front();
    assert_eq!((front.requests, front.member_2xx, front.connections, front.times.len()), (1, 1, 1, 1));
    let of_pool: Vec<_> = sample.pools.values().flat_map(|zones| zones.values()).collect();
    assert_eq!(of_pool.iter().map(|pool| pool.requests).sum::<u64>(), 1);
    assert_eq!(sample.active_connections, 1);
}

#[test]
fn requests_are_written_down_where_that_is_asked_for() {
    let world = World::new();
    let mut spec = world.spec(&[saying("member")]);
    world.ensure(spec.clone());
    assert!(world.client().get("/before").is_some());
    spec.journal = true;
    world.ensure(spec);
    let mut client = world.client();
    client.send(
        "POST /a?b HTTP/1.1\r\nHost: front.test:81\r\nUser-Agent: me\r\nContent-Length: 5\r\n\r\n12345",
    );
    assert_eq!(client.answer().unwrap().0, 200);
    let written = || Some(world.engine.journal(&"front".into())).filter(|entries| !entries.is_empty());
    let entries = eventually("it is written down", written);
    let [entry] = entries.as_slice() else { panic!("{entries:?}") };
    assert_eq!((entry.method.as_str(), entry.path.as_str(), entry.status), ("POST", "/a?b", 200));
    assert_eq!((entry.domain(), entry.agent.as_str(), entry.version), ("front.test", "me", "HTTP/1.1"));
    assert_eq!(
        (entry.outcome.member_status, &entry.outcome.action),
        (Some(200), &Some(balance::Did::Forward))
    );
    assert!(entry.outcome.member.is_some() && entry.outcome.took.is_some() && !entry.trace.is_empty());
    assert!(entry.received_bytes > 5 + 60 && entry.sent_bytes > 6, "{entry:?}");
    assert!(world.engine.journal(&"front".into()).is_empty());
}

#[test]
fn bodies_pass_whole_in_both_directions() {
    let world = World::new();
    let length = 3_000_000;
    let reversing = member(move |stream| {
        let mut reader = BufReader::new(stream);
        if read_head(&mut reader).is_none() {
            return;
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        body.reverse();
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
        reader.get_mut().write_all(&[head.as_bytes(), &body].concat()).unwrap();
    });
    world.ensure(world.spec(&[reversing]));
    let body: String = (0..length).map(|at| char::from(b'a' + u8::try_from(at % 23).unwrap())).collect();
    let mut client = world.client();
    client.send(&format!("PUT / HTTP/1.1\r\nHost: front.test\r\nContent-Length: {length}\r\n\r\n{body}"));
    let (status, _, back) = client.answer().unwrap();
    assert_eq!(status, 200);
    assert!(back.bytes().eq(body.bytes().rev()));
}

#[test]
fn rules_redirects_and_answers_of_its_own() {
    let world = World::new();
    let mut spec = world.spec(&[saying("member")]);
    let answer = |text: &str| Action::Answer {
        status: http::StatusCode::IM_A_TEAPOT,
        content_type: "text/plain".to_owned(),
        body: text.to_owned(),
    };
    let rule = |condition, action| RuleSpec { conditions: vec![condition], action };
    spec.doors[0].rules = vec![
        rule(Condition::Path(vec![Pattern::new("/tea/*")]), answer("tea")),
        rule(
            Condition::Path(vec![Pattern::new("/old")]),
            Action::Redirect(Redirect {
                permanent: true,
                protocol: "HTTPS".to_owned(),
                host: "#{host}".to_owned(),
                port: "443".to_owned(),
                path: "/new#{path}".to_owned(),
                query: "#{query}".to_owned(),
            }),
        ),
        rule(Condition::Source(vec!["10.0.0.0/8".parse().unwrap()]), answer("far")),
    ];
    world.ensure(spec);
    assert_eq!(world.get("/tea/x"), (418, "tea".to_owned()));
    assert_eq!(world.get("/other"), (200, "member".to_owned()));
    let mut client = world.client();
    client.send("GET /old?a=b HTTP/1.1\r\nHost: front.test\r\n\r\n");
    let (status, head, _) = client.answer().unwrap();
    assert_eq!(status, 301);
    assert!(head.contains(&"location: https://front.test:443/newold?a=b".to_owned()), "{head:?}");
}

#[test]
fn a_cookie_brings_the_client_back() {
    let world = World::new();
    let mut spec = world.spec(&[saying("one"), saying("two")]);
    spec.pools[0].sticky =
        Some(Sticky::Ours { cookie: "AWSALB", life: Some(std::time::Duration::from_secs(60)) });
    world.ensure(spec);
    let mut client = world.client();
    client.send("GET / HTTP/1.1\r\nHost: front.test\r\n\r\n");
    let (_, head, first) = client.answer().unwrap();
    let cookie = head.iter().find_map(|line| line.strip_prefix("set-cookie: AWSALB=")).unwrap();
    let cookie = cookie.split(';').next().unwrap();
    for _ in 0..6 {
        client.send(&format!("GET / HTTP/1.1\r\nHost: front.test\r\nCookie: a=b; AWSALB={cookie}\r\n\r\n"));
        assert_eq!(client.answer().unwrap().2, first);
    }
}
