use super::*;
use crate::state::queue::Settings;

fn queue(fifo: bool) -> Queue {
    Queue {
        id: 1,
        name: "q".into(),
        fifo,
        created_at: 0,
        modified_at: 0,
        settings: Settings::default(),
        tags: BTreeMap::new(),
        floor: 0,
        purged_at: None,
    }
}

fn draft(body: &str) -> Draft {
    Draft { body: body.into(), ..Draft::default() }
}

fn fifo_draft(group: Option<&str>, id: Option<&str>) -> Draft {
    let own = |text: Option<&str>| text.map(str::to_owned);
    Draft { group: own(group), deduplication_id: own(id), ..draft("x") }
}

#[test]
fn bodies_are_digested_and_bounded() {
    let checked = check(draft("test"), &queue(false)).unwrap();
    assert_eq!(hex(checked.message.body_md5), "098f6bcd4621d373cade4e832627b4f6");
    let mut small = queue(false);
    small.settings.message_bytes_max = 1_024;
    assert!(check(draft(&"x".repeat(1_024)), &small).is_ok());
    let error = check(draft(&"x".repeat(1_025)), &small).unwrap_err();
    assert_eq!(
        error.message(),
        "One or more parameters are invalid. Reason: Message must be shorter than 1024 bytes."
    );
}

#[test]
fn bad_messages_are_refused() {
    let longest = "x".repeat(129);
    for (fifo, draft, code, part) in [
        (false, draft(""), "MissingParameter", "MessageBody"),
        (false, draft("\u{8}"), "InvalidMessageContents", "#x9 | #xA"),
        (false, draft("\u{fffe}"), "InvalidMessageContents", "#x9 | #xA"),
        (false, Draft { delay_seconds: Some(901), ..draft("x") }, "InvalidParameterValue", "<= 900"),
        (false, Draft { delay_seconds: Some(-1), ..draft("x") }, "InvalidParameterValue", ">= 0"),
        (false, fifo_draft(None, Some("d")), "InvalidParameterValue", "not valid for this queue type"),
        (false, fifo_draft(Some("ü"), None), "InvalidParameterValue", "MessageGroupId can only include"),
        (true, fifo_draft(None, Some("d")), "MissingParameter", "MessageGroupId"),
        (true, fifo_draft(Some("g"), None), "InvalidParameterValue", "ContentBasedDeduplication enabled"),
        (true, fifo_draft(Some("g"), Some(&longest)), "InvalidParameterValue", "1 to 128"),
        (
            true,
            Draft { delay_seconds: Some(2), ..fifo_draft(Some("g"), Some("d")) },
            "InvalidParameterValue",
            "Value 2 for parameter DelaySeconds is invalid. Reason: The request include parameter",
        ),
    ] {
        let error = check(draft, &queue(fifo)).unwrap_err();
        assert_eq!(error.query_code(), code, "{error}");
        assert!(error.message().contains(part), "{error}");
    }
    assert!(
        check(Draft { delay_seconds: Some(0), ..fifo_draft(Some("g"), Some("d")) }, &queue(true)).is_ok()
    );
    assert!(check(fifo_draft(Some("tenant"), None), &queue(false)).is_ok(), "fair queues");
}

#[test]
fn content_stands_for_the_deduplication_id() {
    let mut queue = queue(true);
    queue.settings.content_based_deduplication = true;
    let checked = check(Draft { group: Some("g".into()), ..draft("test") }, &queue).unwrap();
    let sha = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    assert_eq!(checked.message.deduplication_id.as_deref(), Some(sha));
}

#[test]
fn sequence_numbers_have_twenty_digits_and_rise() {
    let (least, most) = (print_sequence(0), print_sequence(Sequence::MAX));
    assert_eq!((least.len(), most.len()), (20, 20));
    assert!(print_sequence(9) < print_sequence(10));
}

#[test]
fn a_receiver_sees_what_it_asked_for() {
    let mut message = check(draft("x"), &queue(false)).unwrap().message;
    (message.sender, message.sent_at) = ("me".into(), 5);
    let lease = Lease { receives: 2, first_received_at: 7, ..Lease::default() };
    let see = |system: &[&str]| {
        let system = system.iter().map(|s| (*s).to_owned()).collect();
        let wanted = Wanted { system, message: Vec::new() };
        show(message.clone(), 1, lease, false, &wanted, String::new()).attributes
    };
    assert_eq!(see(&[]), None);
    assert_eq!(see(&["SenderId"]).unwrap(), BTreeMap::from([("SenderId".to_owned(), "me".to_owned())]));
    let all = see(&["All"]).unwrap();
    assert_eq!(all.get("ApproximateReceiveCount").unwrap(), "2");
    assert_eq!(all.get("ApproximateFirstReceiveTimestamp").unwrap(), "7");
    assert_eq!(all.len(), 4);
}

#[test]
fn whole_texts_are_judged_as_their_characters_are() {
    let odd = ['\0', '\t', '\n', '\r', '\u{1f}', ' ', '~', '\u{7f}', '\u{80}', 'é', '\u{fffe}', '\u{10000}'];
    // At every place of the eight that are seen together, and behind them.
    for (at, odd) in (0..20).flat_map(|at| odd.map(|odd| (at, odd))) {
        let mut text = "x".repeat(20);
        text.replace_range(at..=at, odd.encode_utf8(&mut [0; 4]));
        assert_eq!(is_all_allowed(&text), is_allowed(odd), "{odd:?} at {at}");
    }
    assert!(is_all_allowed(""));
}
