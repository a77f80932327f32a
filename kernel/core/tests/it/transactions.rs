//! Tables, pagination tokens and idempotency tokens.

use kernel::tokens::{KEPT_MS, Once, Token, fingerprint};
use kernel::{Result, Table};

use crate::toy::{Note, cloud};

static SHELF: Table<u32> = Table::new("toy/shelf");

#[tokio::test]
async fn a_listing_pages_in_order_and_stays_in_its_scope() {
    let (cloud, _) = cloud().await;
    let ctx = cloud.ctx("toy");
    let other = cloud.in_region("eu-west-1").ctx("toy");
    ctx.write(|tx| {
        for n in 0..10u32 {
            SHELF.put(tx, ctx.scope(), ("box", u64::from(n)), &n)?;
        }
        SHELF.put(tx, other.scope(), ("box", 3u64), &99)
    })
    .await
    .unwrap();
    let mut seen = Vec::new();
    let mut after: Option<bytes::Bytes> = None;
    loop {
        let rows = ctx.read(|snap| SHELF.list(snap, ctx.scope(), "box", after.as_deref(), 4)).await.unwrap();
        let Some((last, _)) = rows.last() else { break };
        after = Some(last.clone());
        seen.extend(rows.into_iter().map(|(_, n)| n));
    }
    assert_eq!(seen, (0..10).collect::<Vec<_>>());
    let none = ctx.read(|snap| SHELF.list(snap, ctx.scope(), "bo", None, 4)).await.unwrap();
    assert!(none.is_empty(), "a key part is not found by the beginning of another");
}

#[tokio::test]
async fn all_rows_come_however_many_pages_they_fill() {
    let (cloud, _) = cloud().await;
    let ctx = cloud.ctx("toy");
    let other = cloud.in_region("eu-west-1").ctx("toy");
    ctx.write(|tx| {
        // Two full pages here, a third begun over there.
        for n in 0..2_000u32 {
            SHELF.put(tx, ctx.scope(), format!("{n:04}").as_str(), &n)?;
        }
        SHELF.put(tx, other.scope(), "9999", &9_999)
    })
    .await
    .unwrap();
    let here: Vec<u32> = (0..2_000).collect();
    let all = ctx.read(|snap| SHELF.all(snap, ctx.scope(), ())).await.unwrap();
    assert_eq!(all, here);
    let rows = ctx.read(|snap| SHELF.all_rows(snap, ctx.scope(), ())).await.unwrap();
    assert_eq!(rows.into_iter().map(|(_, n)| n).collect::<Vec<_>>(), here);
    let scopes = ctx.read(|snap| SHELF.all_scopes(snap)).await.unwrap();
    let of = |scope: &kernel::Scope| {
        scopes.iter().filter(|(s, _)| s == scope).map(|(_, n)| *n).collect::<Vec<_>>()
    };
    assert_eq!((of(ctx.scope()), of(other.scope())), (here, vec![9_999]));
    let ids = ctx.read(|snap| SHELF.all_ids(snap)).await.unwrap();
    assert_eq!(ids.len(), 2_001);
    assert!(ids.contains(&(*other.scope(), "9999".to_owned())));
    assert_eq!(ctx.read(|snap| SHELF.count_all(snap)).await.unwrap(), 2_001);
    // They are found by their keys alone, whatever the rows hold.
    static OTHERS: Table<String> = Table::new("toy/shelf");
    assert_eq!(ctx.read(|snap| OTHERS.all_ids(snap)).await.unwrap(), ids);
}

#[tokio::test]
async fn a_refused_transaction_writes_nothing() {
    let (cloud, _) = cloud().await;
    let ctx = cloud.ctx("toy");
    let outcome: Result<()> = ctx
        .write(|tx| {
            SHELF.put(tx, ctx.scope(), "x", &1)?;
            Err(kernel::Error::new(kernel::Kind::Invalid, "No", "no"))
        })
        .await;
    assert_eq!(outcome.unwrap_err().code(), "No");
    assert_eq!(ctx.read(|snap| SHELF.get(snap, ctx.scope(), "x")).await.unwrap(), None);
}

#[tokio::test]
async fn a_list_in_memory_is_cut_into_pages() {
    let (cloud, _) = cloud().await;
    let ctx = cloud.ctx("toy");
    let all: Vec<u32> = (0..5).collect();
    let (first, next) = ctx.cut_page("ListNotes", all.clone(), Some(""), 2).unwrap();
    let (second, next) = ctx.cut_page("ListNotes", all.clone(), next.as_deref(), 2).unwrap();
    let (third, end) = ctx.cut_page("ListNotes", all.clone(), next.as_deref(), 2).unwrap();
    assert_eq!((first, second, third, end), (vec![0, 1], vec![2, 3], vec![4], None));
    // Fewer than there were when the token was given.
    let (none, end) = ctx.cut_page("ListNotes", vec![0], next.as_deref(), 2).unwrap();
    assert_eq!((none, end), (vec![], None));
    assert!(ctx.cut_page("ListOthers", all, next.as_deref(), 2).is_none());
}

#[tokio::test]
async fn page_tokens_open_only_where_they_were_sealed() {
    let (cloud, _) = cloud().await;
    let ctx = cloud.ctx("toy");
    let token = ctx.seal_page("ListNotes", b"position");
    assert_eq!(ctx.open_page("ListNotes", &token).as_deref(), Some(&b"position"[..]));
    assert_eq!(ctx.open_page("ListOthers", &token), None);
    assert_eq!(cloud.as_account("111111111111").ctx("toy").open_page("ListNotes", &token), None);
    let mut altered = token.into_bytes();
    let last = altered.len() - 1;
    altered[last] ^= 1;
    assert_eq!(ctx.open_page("ListNotes", std::str::from_utf8(&altered).unwrap()), None);
    assert_eq!(ctx.open_page("ListNotes", &"A".repeat(5_000)), None);
}

#[tokio::test]
async fn a_token_is_good_for_one_request_for_a_day() {
    let (cloud, _) = cloud().await;
    let ctx = cloud.ctx("toy");
    let (one, other) = (Note::new("one"), Note::new("other"));
    assert_ne!(fingerprint(&one), fingerprint(&other));
    let same = Note { token: Some("t".into()), ..one.clone() };
    assert_eq!(fingerprint(&one), fingerprint(&same), "the token itself does not count");
    let find = async |note: &Note| {
        let print = fingerprint(note);
        ctx.write(|tx| tx.find_token("WriteNote", "t", &print)).await.unwrap()
    };
    assert_eq!(find(&one).await, Token::Fresh);
    let print = fingerprint(&one);
    ctx.write(|tx| tx.remember_token("WriteNote", "t", &print, "note-1")).await.unwrap();
    assert_eq!(find(&one).await, Token::Repeated("note-1".into()));
    assert_eq!(find(&other).await, Token::Mismatched);
    let mismatched = |_: &str| kernel::Error::new(kernel::Kind::Conflict, "Mismatched", "x");
    let token = "t".to_owned();
    let once = |note: &Note, token| {
        let once = Once::new("WriteNote", token, fingerprint(note));
        let ctx = &ctx;
        async move { ctx.write(|tx| once.find(tx, mismatched)).await }
    };
    assert_eq!(once(&one, Some(&token)).await.unwrap().as_deref(), Some("note-1"));
    assert_eq!(once(&other, Some(&token)).await.unwrap_err().code(), "Mismatched");
    assert_eq!(once(&other, None).await.unwrap(), None);
    cloud.advance(KEPT_MS + 1);
    assert_eq!(find(&other).await, Token::Fresh);
}
