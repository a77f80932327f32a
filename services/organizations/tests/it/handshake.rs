//! Invitations: who may do what with them, and when.

use crate::*;

const DAY_MS: i64 = 86_400_000;
const GUEST: &str = "222222222222";

fn to(kind: &str, id: &str) -> InviteAccountToOrganizationRequest {
    InviteAccountToOrganizationRequest {
        target: HandshakeParty { id: id.into(), r#type: kind.into() },
        notes: Some("come".into()),
        tags: Some(vec![Tag { key: "team".into(), value: "red".into() }]),
    }
}

async fn invite(cloud: &TestCloud, account: &str) -> Result<Handshake, Error> {
    let sent = cloud.call(op::InviteAccountToOrganization, to("ACCOUNT", account)).await?;
    Ok(sent.handshake.unwrap())
}

async fn accept(cloud: &TestCloud, id: &str) -> Result<String, Error> {
    let input = AcceptHandshakeRequest { handshake_id: id.into() };
    Ok(cloud.call(op::AcceptHandshake, input).await?.handshake.unwrap().state.unwrap())
}

async fn decline(cloud: &TestCloud, id: &str) -> Result<String, Error> {
    let input = DeclineHandshakeRequest { handshake_id: id.into() };
    Ok(cloud.call(op::DeclineHandshake, input).await?.handshake.unwrap().state.unwrap())
}

async fn cancel(cloud: &TestCloud, id: &str) -> Result<String, Error> {
    let input = CancelHandshakeRequest { handshake_id: id.into() };
    Ok(cloud.call(op::CancelHandshake, input).await?.handshake.unwrap().state.unwrap())
}

async fn state(cloud: &TestCloud, id: &str) -> String {
    let input = DescribeHandshakeRequest { handshake_id: id.into() };
    cloud.call(op::DescribeHandshake, input).await.unwrap().handshake.unwrap().state.unwrap()
}

async fn received(cloud: &TestCloud) -> usize {
    let listed = cloud.call(op::ListHandshakesForAccount, ListHandshakesForAccountRequest::default()).await;
    listed.unwrap().handshakes.unwrap().len()
}

fn code<T>(outcome: Result<T, Error>) -> &'static str {
    outcome.err().unwrap().code()
}

#[tokio::test]
async fn who_accepts_is_a_member_and_limited_at_once() {
    let owner = cloud().await;
    let made = organize(&owner).await;
    let guest = owner.as_account(GUEST);
    let sent = invite(&owner, GUEST).await.unwrap();
    let id = sent.id.unwrap();
    let party = |at: usize| sent.parties.as_ref().unwrap()[at].clone();
    assert_eq!((party(0).id, party(1).id.as_str()), (made.id.unwrap(), GUEST));
    assert_eq!(received(&guest).await, 1);
    assert_eq!(accept(&guest, &id).await.unwrap(), "ACCEPTED");
    let shown = DescribeAccountRequest { account_id: GUEST.into() };
    let shown = owner.call(op::DescribeAccount, shown).await.unwrap().account.unwrap();
    assert_eq!(shown.joined_method.as_deref(), Some("INVITED"));
    let tags = ListTagsForResourceRequest { resource_id: GUEST.into(), ..Default::default() };
    let tags = owner.call(op::ListTagsForResource, tags).await.unwrap().tags.unwrap();
    assert_eq!(tags[0].value, "red");
    let deny = r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"sqs:*","Resource":"*"}}"#;
    let policy = make_policy(&owner, "no", "SERVICE_CONTROL_POLICY", deny).await.unwrap();
    let queue = || api_sqs::CreateQueueRequest { queue_name: "q".into(), ..Default::default() };
    guest.call(api_sqs::op::CreateQueue, queue()).await.unwrap();
    attach(&owner, &policy, GUEST).await.unwrap();
    assert_eq!(code(guest.call(api_sqs::op::CreateQueue, queue()).await), "AccessDenied");
    // Once is enough, and members are not invited.
    assert_eq!(code(accept(&guest, &id).await), "HandshakeAlreadyInStateException");
    assert_eq!(code(invite(&owner, GUEST).await), "HandshakeConstraintViolationException");
    guest.call(op::LeaveOrganization, ()).await.unwrap();
    guest.call(api_sqs::op::CreateQueue, queue()).await.unwrap();
}

#[tokio::test]
async fn nobody_answers_for_another() {
    let owner = cloud().await;
    organize(&owner).await;
    let (guest, stranger) = (owner.as_account(GUEST), owner.as_account("333333333333"));
    let id = invite(&owner, GUEST).await.unwrap().id.unwrap();
    for refused in [accept(&stranger, &id).await, decline(&stranger, &id).await, cancel(&stranger, &id).await]
    {
        assert_eq!(code(refused), "HandshakeNotFoundException");
    }
    for refused in [accept(&owner, &id).await, decline(&owner, &id).await, cancel(&guest, &id).await] {
        assert_eq!(code(refused), "AccessDeniedException");
    }
    assert_eq!((received(&stranger).await, received(&guest).await), (0, 1));
    assert_eq!(code(invite(&guest, "444444444444").await), "AWSOrganizationsNotInUseException");
    assert_eq!(state(&owner, &id).await, "OPEN");
    assert_eq!(decline(&guest, &id).await.unwrap(), "DECLINED");
    assert_eq!(code(accept(&guest, &id).await), "InvalidHandshakeTransitionException");
    assert_eq!(code(cancel(&owner, &id).await), "InvalidHandshakeTransitionException");
}

#[tokio::test]
async fn invitations_end_and_are_counted() {
    let owner = cloud().await;
    organize(&owner).await;
    let guest = owner.as_account(GUEST);
    let id = invite(&owner, GUEST).await.unwrap().id.unwrap();
    assert_eq!(code(invite(&owner, GUEST).await), "DuplicateHandshakeException");
    owner.advance(15 * DAY_MS);
    assert_eq!(state(&guest, &id).await, "EXPIRED");
    assert_eq!(code(accept(&guest, &id).await), "InvalidHandshakeTransitionException");
    assert_eq!(received(&guest).await, 1);
    owner.advance(30 * DAY_MS);
    assert_eq!(received(&guest).await, 0);
    // Open ones count as accounts: ten with the management account.
    for number in 1..=9 {
        invite(&owner, &format!("44444444444{number}")).await.unwrap();
    }
    assert_eq!(code(invite(&owner, GUEST).await), "HandshakeConstraintViolationException");
    let gone = DescribeHandshakeRequest { handshake_id: id };
    assert_eq!(code(owner.call(op::DescribeHandshake, gone).await), "HandshakeNotFoundException");
    let bad = owner.call(op::InviteAccountToOrganization, to("EMAIL", "kim@example.com")).await;
    assert_eq!(code(bad), "InvalidInputException");
    // Without its organization an invitation leads nowhere.
    let sent = owner.call(op::ListHandshakesForOrganization, ListHandshakesForOrganizationRequest::default());
    let open = sent.await.unwrap().handshakes.unwrap()[0].id.clone().unwrap();
    owner.call(op::DeleteOrganization, ()).await.unwrap();
    assert_eq!(state(&owner, &open).await, "CANCELED");
}
