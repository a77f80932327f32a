//! Patterns against tables, a naive matcher, and hostile texts.

use proptest::prelude::*;

use super::*;
use crate::context::Facts;

const LIKE: Syntax = Syntax { wildcards: true, variables: true };

fn like(pattern: &str, text: &str) -> bool {
    Pattern::new(pattern, LIKE).matches(text, &())
}

fn resource(pattern: &str, text: &str) -> bool {
    ResourcePattern::new(pattern, true).matches(text, &Pairs::of(text), &())
}

fn arn(pattern: &str, text: &str) -> bool {
    ArnPattern::new(pattern, true).matches(text, &())
}

#[test]
fn wildcards() {
    let cases = [
        ("", "", true),
        ("", "a", false),
        ("*", "", true),
        ("*", "anything", true),
        ("?", "", false),
        ("?", "é", true),
        ("??", "é", false),
        ("a*", "a", true),
        ("a*", "ba", false),
        ("*a", "bba", true),
        ("a*a", "a", false),
        ("a*a", "aa", true),
        ("a*b*c", "aXbYc", true),
        ("a*b*c", "aXcYb", false),
        ("a**c", "abc", true),
        ("*ab*ab", "abab", true),
        ("*ab*ab", "ab", false),
        ("a?c*", "abcd", true),
        ("a?*c", "ac", false),
        ("*?", "x", true),
        ("?*?", "x", false),
        ("t1.*", "t1.micro", true),
        ("t1.*", "t1xmicro", false),
        ("[a-z]+", "abc", false),
    ];
    for (pattern, text, expected) in cases {
        assert_eq!(like(pattern, text), expected, "{pattern} ~ {text}");
    }
}

/// "Using wildcards in resource ARNs".
#[test]
fn resources() {
    let cases = [
        ("*", "*", true),
        ("*", "arn:aws:q:r:1:x", true),
        ("arn:aws:s3:::bucket/*", "arn:aws:s3:::bucket/a/b/c.txt", true),
        ("arn:aws:s3:::bucket/*.txt", "arn:aws:s3:::bucket/a:b/c.txt", true),
        ("arn:aws:s3:::bucket/*/test/*", "arn:aws:s3:::bucket/1/2/test/3/x.jpg", true),
        ("arn:aws:s3:::bucket/*/test/*", "arn:aws:s3:::bucket/1-test/x.jpg", false),
        ("arn:aws:s3:::bucket/Case", "arn:aws:s3:::bucket/case", false),
        ("arn:aws:sqs:*", "arn:aws:sqs:us-east-1:111122223333:q", true),
        ("arn:aws:sqs:us-*:111122223333:q", "arn:aws:sqs:us-east-1:111122223333:q", true),
        ("arn:aws:sqs:*:*:q", "arn:aws:sqs:us-east-1:111122223333:q", true),
        ("arn:aws:sqs:us-*-1:111122223333:q", "arn:aws:sqs:us-east-1:111122223333:q", true),
        // Within a part, and not at its end, a star keeps to its part.
        ("arn:aws:sqs:us-*3:q", "arn:aws:sqs:us-east-1:111122223333:q", false),
        ("arn:aws:sqs:u*1:1*3:q", "arn:aws:sqs:us-east-1:111122223333:q", true),
        ("arn:aws:iam::*:user/${*}", "arn:aws:iam::111122223333:user/*", true),
        ("arn:aws:iam::*:user/${*}", "arn:aws:iam::111122223333:user/kim", false),
        ("arn:aws:iam::*:user/k?m", "arn:aws:iam::111122223333:user/kim", true),
        ("arn:aws:x:::${$}{aws:username}", "arn:aws:x:::${aws:username}", true),
    ];
    for (pattern, text, expected) in cases {
        assert_eq!(resource(pattern, text), expected, "{pattern} ~ {text}");
    }
}

/// "Amazon Resource Name (ARN) condition operators": each part by itself.
#[test]
fn arns_part_by_part() {
    let cases = [
        ("*", "anything", true),
        ("arn:aws:x:*:111122223333:finance/*", "arn:aws:x:us-east-2:111122223333:finance/a", true),
        (
            "arn:aws:x:*:111122223333:finance/*",
            "arn:aws:x:us-east-2:999999999999:store/abc:111122223333:finance/document.txt",
            false,
        ),
        ("arn:aws:sns:*:*:*", "arn:aws:sns:us-east-1:1:topic:sub", true),
        ("arn:aws:sns:*", "arn:aws:sns:us-east-1:1:topic", false),
        ("arn:aws:sns:*:*:a:*", "arn:aws:sns:us-east-1:1:a:sub", true),
        ("arn:aws:sns:*:*:t", "no arn", false),
        ("arn:aws:iam::1:role/Team-?", "arn:aws:iam::1:role/Team-a", true),
        ("arn:aws:iam::1:role/Team-?", "arn:aws:iam::1:role/team-a", false),
    ];
    for (pattern, text, expected) in cases {
        assert_eq!(arn(pattern, text), expected, "{pattern} ~ {text}");
    }
}

#[test]
fn variables() {
    let facts = Facts::new()
        .with("aws:username", "kim*")
        .with("aws:PrincipalTag/team", "red")
        .with("aws:tricky", "a:b")
        .with("empty", "")
        .with_all("aws:TagKeys", ["one", "two"]);
    let cases = [
        ("home/${aws:username}/x", "home/kim*/x", true),
        ("home/${aws:username}/x", "home/kimberly/x", false),
        ("home/${AWS:UserName}/*", "home/kim*/y/z", true),
        ("${aws:PrincipalTag/Team}", "red", true),
        ("${aws:nothing}", "", false),
        ("${aws:nothing}", "${aws:nothing}", false),
        ("${aws:nothing, 'anonymous'}", "anonymous", true),
        ("${aws:username, 'anonymous'}", "kim*", true),
        ("${aws:nothing, '*'}", "x", false),
        ("a*${empty}*b", "axb", true),
        ("${aws:TagKeys}", "one", false),
        ("${unclosed", "${unclosed", true),
        ("${}", "${}", true),
        ("$x${?}", "$x?", true),
        ("${${aws:username}}", "${kim*}", true),
    ];
    for (pattern, text, expected) in cases {
        assert_eq!(Pattern::new(pattern, LIKE).matches(text, &facts), expected, "{pattern} ~ {text}");
    }
    let old = Syntax { wildcards: true, variables: false };
    assert!(Pattern::new("${aws:username}", old).matches("${aws:username}", &facts));
    let arn = ArnPattern::new("arn:aws:x:::y/${aws:tricky}", true);
    assert!(arn.matches("arn:aws:x:::y/a:b", &facts));
    assert!(!ArnPattern::new("arn:aws:x:${aws:tricky}::y", true).matches("arn:aws:x:a:b::y", &facts));
}

#[test]
fn actions_in_any_case() {
    let action = ActionPattern::new("SQS:Send*");
    assert!(action.matches("sqs", "sendmessage"));
    assert!(!action.matches("sns", "sendmessage"));
    assert!(ActionPattern::new("*").matches("x", "y"));
    assert!(ActionPattern::new("*:*").matches("x", "y"));
    assert!(ActionPattern::new("iam:*AccessKey*").matches("iam", "updateaccesskeylastused"));
    assert!(!ActionPattern::new("iam:Get?ser").matches("iam", "gettuser"));
}

#[test]
fn hostile_patterns_take_linear_steps() {
    for length in [64, 640, 6_400] {
        let tokens = tokens(&format!("{}b", "?*a".repeat(length / 4)), LIKE);
        let machine = machine::Machine::new(&tokens);
        let text = "a".repeat(length);
        let (matched, steps) = machine.run(&text);
        assert!(!matched);
        let words = (length / 4 * 2 + 1) / 64 + 1;
        assert!(steps <= length * words, "{steps} steps for {length}");
    }
    // A quadratic search would not return within the patience of any test.
    let pieces = Pattern::new(&format!("{}b*", "*aaaa".repeat(800)), LIKE);
    assert!(!pieces.matches(&"a".repeat(4_000_000), &()));
    assert!(tokens(&"${".repeat(500_000), LIKE).len() == 1);
}

/// By trying everything, as slowly as it is plain.
fn naive(pattern: &[char], text: &[char]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some(('*', rest)) => (0..=text.len()).any(|skip| naive(rest, &text[skip..])),
        Some((c, rest)) => {
            text.split_first().is_some_and(|(t, text)| (*c == '?' || c == t) && naive(rest, text))
        }
    }
}

proptest! {
    #[test]
    fn agrees_with_the_naive_matcher(pattern in "[ab*?é]{0,9}", text in "[abé]{0,12}") {
        let chars = |text: &str| text.chars().collect::<Vec<_>>();
        prop_assert_eq!(like(&pattern, &text), naive(&chars(&pattern), &chars(&text)));
    }

    #[test]
    fn both_ways_to_match_agree(pattern in "[ab*]{0,9}", text in "[ab]{0,12}") {
        let tokens = tokens(&pattern, LIKE);
        prop_assert_eq!(Glob::new(&tokens).matches(&text), machine::Machine::new(&tokens).matches(&text));
    }

    #[test]
    fn what_is_known_beforehand_is_true(pattern in "[ab:*?]{0,12}", text in "[ab:]{0,16}") {
        let compiled = ResourcePattern::new(&pattern, true);
        let everything = Pairs::of("aabbab:a::b:ba");
        prop_assert_eq!(
            compiled.matches(&text, &Pairs::of(&text), &()),
            compiled.matches(&text, &everything, &())
        );
    }

    #[test]
    fn long_patterns_agree(pattern in "([ab]{3}[*?]){20,60}", seed in "[ab]{2}") {
        let fit = |c| match c {
            '*' => seed.clone(),
            '?' => "a".to_owned(),
            other => String::from(other),
        };
        let fitting: String = pattern.chars().map(fit).collect();
        let pattern = format!("{pattern}z");
        let (text, longer) = (format!("{fitting}z"), format!("{fitting}zc"));
        prop_assert!(like(&pattern, &text));
        prop_assert!(!like(&pattern, &longer));
    }

    #[test]
    fn nothing_panics(pattern in ".*", text in ".*") {
        like(&pattern, &text);
        resource(&pattern, &text);
        arn(&pattern, &text);
    }
}
