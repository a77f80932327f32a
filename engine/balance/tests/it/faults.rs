//! Members and clients that misbehave harm nobody but themselves.

use std::io::{BufReader, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use balance::Fronts;

use crate::world::{World, eventually, member, nobody, read_head, saying};

/// What a client is told when this is the only member.
fn told(bad: SocketAddr) -> u16 {
    let world = World::new();
    world.ensure(world.spec(&[bad]));
    world.get("/").0
}

#[test]
fn a_member_that_hangs_is_a_timeout() {
    let hanging = member(|stream| {
        let mut reader = BufReader::new(stream);
        while reader.read(&mut [0; 64]).is_ok_and(|count| count > 0) {}
    });
    let begun = Instant::now();
    assert_eq!(told(hanging), 504);
    assert!(begun.elapsed() < Duration::from_secs(4));
}

#[test]
fn an_upload_lasts_as_long_as_it_goes_on() {
    const IDLE: Duration = Duration::from_secs(3);
    let patient = member(|stream| {
        let mut reader = BufReader::new(stream);
        while read_head(&mut reader).is_some() && reader.read_exact(&mut [0; 8]).is_ok() {
            let _ = reader.get_mut().write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        }
    });
    let world = World::new();
    let mut spec = world.spec(&[patient]);
    spec.manners.idle = IDLE;
    world.ensure(spec);
    let head = "POST / HTTP/1.1\r\nHost: front.test\r\nContent-Length: 8\r\n\r\n";
    // Longer than anything may be silent, and never silent for so long.
    let mut slow = world.client();
    slow.send(head);
    for piece in ["12", "34", "56", "78"] {
        std::thread::sleep(IDLE / 3);
        slow.send(piece);
    }
    assert_eq!(slow.answer().expect("an answer").0, 200);

    let mut silent = world.client();
    silent.send(head);
    silent.send("1234");
    let (status, head, _) = silent.answer().expect("an answer");
    assert_eq!(status, 408);
    assert!(head.iter().any(|line| line.eq_ignore_ascii_case("connection: close")));
    assert!(silent.answer().is_none(), "and no more comes");
}

#[test]
fn members_that_reset_or_answer_garbage_are_bad_gateways() {
    assert_eq!(told(member(drop)), 502);
    assert_eq!(told(nobody()), 502);
    let garbage = member(|mut stream| {
        let _ = stream.write_all(b"\x00\x01 this is no HTTP\r\n\r\n");
    });
    assert_eq!(told(garbage), 502);
}

#[test]
fn endless_headers_are_not_read_to_their_end() {
    let endless = member(|stream| {
        let mut reader = BufReader::new(stream);
        if read_head(&mut reader).is_none() {
            return;
        }
        let stream = reader.get_mut();
        if stream.write_all(b"HTTP/1.1 200 OK\r\n").is_err() {
            return;
        }
        let mut number = 0_u64;
        while stream.write_all(format!("x-{number}: {}\r\n", "y".repeat(200)).as_bytes()).is_ok() {
            number += 1;
        }
    });
    assert_eq!(told(endless), 502);
}

#[test]
fn a_connection_that_lived_long_enough_is_told_so_with_its_last_answer() {
    let world = World::new();
    let mut spec = world.spec(&[saying("well")]);
    spec.manners.idle = Duration::from_secs(60);
    spec.manners.client_life = Duration::from_secs(1);
    world.ensure(spec);
    let mut client = world.client();
    let mut answers = 0;
    eventually("the last answer", || {
        client.send("GET / HTTP/1.1\r\nHost: front.test\r\n\r\n");
        let (status, head, _) = client.answer().expect("an answer to every request");
        assert_eq!(status, 200);
        answers += 1;
        head.iter().any(|line| line.eq_ignore_ascii_case("connection: close")).then_some(())
    });
    assert!(answers > 1);
}

#[test]
fn one_bad_member_of_two_fails_nobody() {
    let world = World::new();
    world.ensure(world.spec(&[nobody(), saying("well")]));
    for _ in 0..20 {
        assert_eq!(world.get("/"), (200, "well".to_owned()));
    }
}

#[test]
fn a_kept_connection_that_its_member_closes_is_opened_anew() {
    // Answers once, and closes without a word.
    let once = member(|stream| {
        let mut reader = BufReader::new(stream);
        if read_head(&mut reader).is_some() {
            let _ = reader.get_mut().write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }
    });
    let world = World::new();
    world.ensure(world.spec(&[once]));
    let mut client = world.client();
    for _ in 0..200 {
        assert_eq!(client.get("/"), Some((200, "ok".to_owned())));
    }
}

#[test]
fn a_client_that_never_ends_its_head_is_let_go() {
    let world = World::new();
    world.ensure(world.spec(&[saying("one")]));
    let mut slow = world.client();
    slow.send("GET / HTTP/1.1\r\nHost: front.test\r\nx-slow: ");
    let begun = Instant::now();
    assert!(slow.answer().is_none());
    assert!(begun.elapsed() < Duration::from_secs(8));
    assert_eq!(world.get("/").0, 200);
}

#[test]
fn requests_that_two_servers_could_read_differently() {
    let world = World::new();
    world.ensure(world.spec(&[saying("one")]));
    // A body where none belongs. Two lengths never get this far: the HTTP library keeps one, or refuses.
    let odd = "GET / HTTP/1.1\r\nHost: front.test\r\nContent-Length: 3\r\n\r\nabc";
    let mut client = world.client();
    client.send(odd);
    let answer = client.answer();
    assert!(
        answer.is_none_or(|(_, head, _)| head
            .iter()
            .any(|line| line.eq_ignore_ascii_case("connection: close")))
    );
    let mut strict = world.spec(&[saying("one")]);
    strict.manners.strictness = balance::Strictness::Strictest;
    world.ensure(strict);
    let mut client = world.client();
    client.send(odd);
    assert_eq!(client.answer().map(|(status, ..)| status), Some(400));
}

#[test]
fn members_that_are_not_well_get_nothing_until_they_are() {
    use balance::{Codes, Health, Probe, ProbeBy, Upstream};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU16, Ordering};

    let status = Arc::new(AtomicU16::new(500));
    let says = status.clone();
    let moody = member(move |stream| {
        let mut reader = BufReader::new(stream);
        while let Some(head) = read_head(&mut reader) {
            let code = if head[0].contains("/well") { says.load(Ordering::Relaxed) } else { 200 };
            let answer = format!("HTTP/1.1 {code} X\r\nContent-Length: 5\r\n\r\nmoody");
            if reader.get_mut().write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
    });
    let world = World::new();
    let mut spec = world.spec(&[moody, saying("calm")]);
    spec.pools[0].probe = Some(Probe {
        by: ProbeBy::Http {
            path: "/well".to_owned(),
            tls: false,
            codes: Codes(vec![(200, 299)]),
            version: Upstream::Http1,
            agent: "probe",
        },
        port: None,
        every: Duration::from_millis(50),
        timeout: Duration::from_secs(1),
        healthy_after: 2,
        unhealthy_after: 2,
    });
    world.ensure(spec);
    let health = || world.engine.health(&"front".into(), &"pool".into()).unwrap();
    let is = |wanted: Health| health().get(&moody.to_string().as_str().into()) == Some(&wanted);
    eventually("it is not well", || is(Health::Unhealthy(balance::Ailment::Code(500))).then_some(()));
    for _ in 0..10 {
        assert_eq!(world.get("/"), (200, "calm".to_owned()));
    }
    status.store(200, Ordering::Relaxed);
    eventually("it is well", || is(Health::Healthy).then_some(()));
    eventually("it is asked", || (world.get("/").1 == "moody").then_some(()));
}

/// A member that reads what it is sent and never says a word.
fn silent() -> SocketAddr {
    member(|mut stream| while stream.read(&mut [0; 64]).is_ok_and(|count| count > 0) {})
}

fn refused(world: &World) -> u64 {
    world.engine.sample(&"front".into()).unwrap().front().own_4xx
}

#[test]
fn a_client_that_leaves_before_its_answer_is_written_down_and_counted() {
    let world = World::new();
    let mut spec = world.spec(&[silent()]);
    spec.manners.idle = Duration::from_secs(60);
    spec.journal = true;
    world.ensure(spec);
    let mut client = world.client();
    client.send("GET /left HTTP/1.1\r\nHost: front.test\r\n\r\n");
    std::thread::sleep(Duration::from_millis(300));
    drop(client);
    let entries = eventually("it is written down", || {
        Some(world.engine.journal(&"front".into())).filter(|e| !e.is_empty())
    });
    assert_eq!((entries[0].path.as_str(), entries[0].status), ("/left", 460));
    assert_eq!(refused(&world), 1);
    // In the middle of its body.
    let mut client = world.client();
    client.send("POST /half HTTP/1.1\r\nHost: front.test\r\nContent-Length: 8\r\n\r\n1234");
    std::thread::sleep(Duration::from_millis(300));
    drop(client);
    eventually("that one too", || (refused(&world) == 1).then_some(()));
}

#[test]
fn what_a_client_words_badly_is_its_own_fault() {
    let world = World::new();
    let mut spec = world.spec(&[silent()]);
    spec.manners.idle = Duration::from_secs(60);
    world.ensure(spec);
    let head = "POST / HTTP/1.1\r\nHost: front.test\r\nTransfer-Encoding: ";
    for (rest, status, counted) in [
        ("chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n", 400, 1),
        ("chunked\r\n\r\n3\r\nabcXX0\r\n\r\n", 400, 1),
        // A coding that its member would not be told of.
        ("gzip, chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", 501, 0),
        // Refused by the HTTP library.
        ("chunked\r\nX Y: 1\r\n\r\n", 400, 1),
    ] {
        let mut client = world.client();
        client.send(&format!("{head}{rest}"));
        assert_eq!(client.answer().expect(rest).0, status, "{rest}");
        eventually("it is counted", || (counted == 0 || refused(&world) == counted).then_some(()));
    }
}

#[test]
fn answers_may_have_many_header_fields() {
    let wordy = member(|stream| {
        let mut reader = BufReader::new(stream);
        while read_head(&mut reader).is_some() {
            let fields: String = (0..300).map(|number| format!("x-{number}: y\r\n")).collect();
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n{fields}\r\n");
            if reader.get_mut().write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
    });
    assert_eq!(told(wordy), 200);
}

#[test]
fn odd_names_and_doubtful_requests_are_counted() {
    let world = World::new();
    let spec = world.spec(&[saying("well")]);
    let ask = |fields: &str| {
        let mut client = world.client();
        client.send(&format!("GET / HTTP/1.1\r\nHost: front.test\r\n{fields}\r\n"));
        assert_eq!(client.answer().unwrap().0, 200);
        let front = world.engine.sample(&"front".into()).unwrap().front();
        (front.doubtful, front.odd_dropped, front.odd_forwarded)
    };
    world.ensure(spec.clone());
    assert_eq!(ask("X-Plain: 1\r\n"), (0, 0, 0));
    assert_eq!(ask("X_Odd: 1\r\n"), (0, 0, 1));
    assert_eq!(ask("Content-Length: 3\r\n\r\nabc"), (1, 0, 0));
    let mut drops = spec;
    drops.manners.drop_invalid = true;
    world.ensure(drops);
    assert_eq!(ask("X_Odd: 1\r\n"), (0, 1, 0));
}
