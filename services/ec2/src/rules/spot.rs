//! Spot requests: what they may ask for, and what becomes of them.

use api_ec2 as api;
use kernel::Result;
use kernel::clock::Millis;
use serde::{Deserialize, Serialize};

use super::instance::State as InstanceState;
use super::instance_type::InstanceType;
use super::launch_network::Network;
use crate::errors;
use crate::state::id::SpotRequestId;
use crate::state::spot::{Behavior, Code, Kind, SpotRequest, State};
use price::Dollars;

/// From the notice to the interruption (EC2 user guide, "Spot Instance interruption notices").
pub const NOTICE_MS: Millis = 120_000;
/// Requests of one call.
const COUNT_MAX: i32 = 1_000;

/// Why an instance is taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Why {
    Price,
    Capacity,
}

/// An interruption that has been announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interruption {
    pub why: Why,
    pub at: Millis,
    /// It has happened.
    pub done: bool,
}

/// What makes an instance a spot instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spot {
    pub request: SpotRequestId,
    pub max_price: Dollars,
    pub kind: Kind,
    pub behavior: Behavior,
    /// Since when it is told to prepare.
    pub rebalance_at: Option<Millis>,
    pub interruption: Option<Interruption>,
    /// Hours that begin before this are billed to their end.
    #[serde(default)]
    pub billed_until: Option<Millis>,
}

impl Spot {
    /// The interruption that is still to come.
    pub fn coming(&self) -> Option<&Interruption> {
        self.interruption.as_ref().filter(|interruption| !interruption.done)
    }
}

/// What a launch or a request asks of the market.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// `None` is whatever it costs, up to the price on demand.
    pub max_price: Option<Dollars>,
    pub kind: Kind,
    pub behavior: Behavior,
    pub valid_until: Option<Millis>,
}

impl Wish {
    pub fn most(&self, size: &InstanceType) -> Dollars {
        self.max_price.unwrap_or(size.price)
    }
}

/// The market options of a launch; `None` is on demand.
///
/// # Errors
/// For values that are none, and combinations AWS refuses.
pub fn check_options(given: Option<api::InstanceMarketOptionsRequest>) -> Result<Option<Wish>> {
    let Some(given) = given else { return Ok(None) };
    match (given.market_type.as_deref(), &given.spot_options) {
        (None, None) => return Ok(None),
        (Some("spot"), _) => {}
        (None, Some(_)) => return Err(errors::missing("MarketType")),
        (Some("capacity-block"), _) => return Err(errors::unsupported("A capacity block")),
        (Some(other), _) => return Err(errors::invalid_value(other, "MarketType")),
    }
    let options = given.spot_options.unwrap_or_default();
    let kind = check_kind(options.spot_instance_type.as_deref())?;
    let valid_until = options.valid_until.map(|at| at.as_millis());
    if valid_until.is_some() && kind == Kind::OneTime {
        return Err(errors::combination("ValidUntil is only supported for persistent requests"));
    }
    Ok(Some(Wish {
        max_price: options.max_price.as_deref().map(check_price).transpose()?,
        kind,
        behavior: check_behavior(options.instance_interruption_behavior.as_deref(), kind)?,
        valid_until,
    }))
}

/// # Errors
/// `InvalidParameterValue`.
pub fn check_kind(given: Option<&str>) -> Result<Kind> {
    match given {
        None | Some("one-time") => Ok(Kind::OneTime),
        Some("persistent") => Ok(Kind::Persistent),
        Some(other) => Err(errors::invalid_value(other, "SpotInstanceType")),
    }
}

/// # Errors
/// `InvalidParameterValue`, for zero as well.
pub fn check_price(text: &str) -> Result<Dollars> {
    let price = Dollars::parse(text).filter(|price| *price > Dollars::default());
    price.ok_or_else(|| errors::invalid_because(text, "price", "It must be an amount greater than zero."))
}

/// # Errors
/// When a one-time request is to be stopped, or anything is to hibernate.
pub fn check_behavior(given: Option<&str>, kind: Kind) -> Result<Behavior> {
    match (given, kind) {
        (None | Some("terminate"), _) => Ok(Behavior::Terminate),
        (Some("stop"), Kind::Persistent) => Ok(Behavior::Stop),
        (Some(word @ ("stop" | "hibernate")), Kind::OneTime) => Err(errors::combination(format!(
            "The interruption behavior '{word}' is only supported for persistent Spot requests."
        ))),
        (Some("hibernate"), _) => Err(errors::unsupported("Hibernation")),
        (Some(other), _) => Err(errors::invalid_value(other, "InstanceInterruptionBehavior")),
    }
}

/// # Errors
/// `InvalidParameterValue`.
pub fn check_count(given: Option<i32>) -> Result<u32> {
    let count = given.unwrap_or(1);
    match u32::try_from(count) {
        Ok(count @ 1..) if given.unwrap_or(1) <= COUNT_MAX => Ok(count),
        Ok(1..) => Err(errors::spot_requests_too_many(COUNT_MAX)),
        _ => Err(errors::invalid_because(count, "instanceCount", "It must be greater than zero.")),
    }
}

/// # Errors
/// `InvalidParameterCombination` for several requests that name what only one instance can have, as at a launch.
pub fn check_several(count: u32, network: &Network) -> Result<()> {
    match count > 1 && network.is_fixed() {
        true => Err(errors::fixed_for_several()),
        false => Ok(()),
    }
}

/// # Errors
/// When the window has passed, or ends before it begins.
pub fn check_window(from: Option<Millis>, until: Option<Millis>, now: Millis) -> Result<()> {
    let ends_early = until.is_some_and(|until| until <= now.max(from.unwrap_or(now)));
    if ends_early {
        return Err(errors::invalid_parameter_value("The validUntil time must be after now and validFrom."));
    }
    Ok(())
}

/// Whether an open request may be filled now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Open {
    Fill,
    Wait { code: Code, until: Option<Millis> },
    Expire,
}

/// Of a request and the price now. Whether there is room is seen when it is filled.
pub fn look(request: &SpotRequest, price: Dollars, now: Millis) -> Open {
    match (request.valid_from, request.valid_until) {
        (_, Some(until)) if until <= now => Open::Expire,
        (Some(from), _) if from > now => Open::Wait { code: Code::NotScheduledYet, until: Some(from) },
        (_, until) if request.max_price < price => Open::Wait { code: Code::PriceTooLow, until },
        _ => Open::Fill,
    }
}

/// What becomes of a request when its instance is in `state`; `None` leaves it as it is.
pub fn follow(request: &SpotRequest, spot: &Spot, state: InstanceState) -> Option<(State, Code)> {
    let interrupted = spot.interruption.filter(|it| it.done).map(|it| it.why);
    // Who cancelled wants nothing more.
    let over = matches!(request.state, State::Cancelled | State::Closed | State::Failed);
    match (state, spot.coming()) {
        _ if over => None,
        (InstanceState::Running | InstanceState::Pending, Some(_)) => match spot.behavior {
            Behavior::Terminate => Some((State::Active, Code::MarkedForTermination)),
            Behavior::Stop => Some((State::Active, Code::MarkedForStop)),
        },
        (InstanceState::Running | InstanceState::Pending, None) => Some((State::Active, Code::Fulfilled)),
        (InstanceState::Stopped, _) => Some(match interrupted {
            Some(Why::Price) => (State::Disabled, Code::InstanceStoppedByPrice),
            Some(Why::Capacity) => (State::Disabled, Code::InstanceStoppedNoCapacity),
            None => (State::Disabled, Code::InstanceStoppedByUser),
        }),
        (InstanceState::Terminated, _) => {
            let code = match interrupted {
                Some(Why::Price) => Code::InstanceTerminatedByPrice,
                Some(Why::Capacity) => Code::InstanceTerminatedNoCapacity,
                None => Code::InstanceTerminatedByUser,
            };
            Some(match request.kind {
                Kind::OneTime => (State::Closed, code),
                Kind::Persistent => (State::Open, code),
            })
        }
        (InstanceState::Stopping | InstanceState::ShuttingDown, _) => None,
    }
}

/// A spot instance's for tests.
#[cfg(test)]
pub(crate) fn sample() -> Spot {
    use crate::state::id::Id;
    Spot {
        request: SpotRequestId::parse("sir-12345678").expect("a well-formed id"),
        max_price: Dollars::millionths(100),
        kind: Kind::OneTime,
        behavior: Behavior::Terminate,
        rebalance_at: None,
        interruption: None,
        billed_until: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::id::Id;

    fn request(kind: Kind, state: State) -> SpotRequest {
        SpotRequest {
            id: SpotRequestId::parse("sir-12345678").unwrap(),
            kind,
            behavior: Behavior::Terminate,
            max_price: Dollars::millionths(100),
            instance_type: "t3.micro".to_owned(),
            launch: serde_json::Map::new(),
            created_at: 0,
            valid_from: None,
            valid_until: None,
            state,
            code: Code::PendingEvaluation,
            fault: None,
            updated_at: 0,
            instance: None,
            zone: None,
        }
    }

    fn spot(kind: Kind, interruption: Option<(Why, bool)>) -> Spot {
        Spot {
            kind,
            behavior: if kind == Kind::Persistent { Behavior::Stop } else { Behavior::Terminate },
            interruption: interruption.map(|(why, done)| Interruption { why, at: 5, done }),
            ..sample()
        }
    }

    #[test]
    fn an_open_request_waits_for_its_time_and_its_price() {
        let price = Dollars::millionths;
        let open = request(Kind::OneTime, State::Open);
        assert_eq!(look(&open, price(100), 0), Open::Fill);
        assert_eq!(look(&open, price(101), 0), Open::Wait { code: Code::PriceTooLow, until: None });
        let later = SpotRequest { valid_from: Some(10), valid_until: Some(20), ..open };
        assert_eq!(look(&later, price(1), 9), Open::Wait { code: Code::NotScheduledYet, until: Some(10) });
        assert_eq!(look(&later, price(1), 10), Open::Fill);
        assert_eq!(look(&later, price(1), 20), Open::Expire);
    }

    #[test]
    fn a_request_follows_its_instance() {
        use InstanceState::{Running, Stopped, Stopping, Terminated};
        use Kind::{OneTime, Persistent};
        for (kind, interruption, seen, expected) in [
            (OneTime, None, Running, Some((State::Active, Code::Fulfilled))),
            (OneTime, Some((Why::Price, false)), Running, Some((State::Active, Code::MarkedForTermination))),
            (Persistent, Some((Why::Price, false)), Running, Some((State::Active, Code::MarkedForStop))),
            (
                OneTime,
                Some((Why::Price, true)),
                Terminated,
                Some((State::Closed, Code::InstanceTerminatedByPrice)),
            ),
            (OneTime, None, Terminated, Some((State::Closed, Code::InstanceTerminatedByUser))),
            (Persistent, None, Terminated, Some((State::Open, Code::InstanceTerminatedByUser))),
            (
                Persistent,
                Some((Why::Capacity, true)),
                Stopped,
                Some((State::Disabled, Code::InstanceStoppedNoCapacity)),
            ),
            (Persistent, None, Stopped, Some((State::Disabled, Code::InstanceStoppedByUser))),
            (Persistent, None, Stopping, None),
        ] {
            let found = follow(&request(kind, State::Active), &spot(kind, interruption), seen);
            assert_eq!(found, expected, "{kind:?} {interruption:?} {seen:?}");
        }
        for over in [State::Cancelled, State::Closed, State::Failed] {
            assert_eq!(follow(&request(Persistent, over), &spot(Persistent, None), Terminated), None);
        }
    }

    #[test]
    fn what_the_market_may_be_asked() {
        assert_eq!(check_behavior(Some("stop"), Kind::Persistent).unwrap(), Behavior::Stop);
        assert_eq!(
            check_behavior(Some("stop"), Kind::OneTime).unwrap_err().code(),
            "InvalidParameterCombination"
        );
        assert_eq!(
            check_behavior(Some("hibernate"), Kind::Persistent).unwrap_err().code(),
            "UnsupportedOperation"
        );
        assert_eq!(check_price("0").unwrap_err().code(), "InvalidParameterValue");
        assert!(check_count(Some(0)).is_err() && check_count(Some(1_001)).is_err());
        assert_eq!(check_count(None).unwrap(), 1);
        assert!(check_window(Some(5), Some(5), 0).is_err() && check_window(None, Some(5), 5).is_err());
        assert!(check_window(Some(5), Some(6), 0).is_ok());
        let options = |market: Option<&str>| api::InstanceMarketOptionsRequest {
            market_type: market.map(str::to_owned),
            spot_options: None,
        };
        assert_eq!(check_options(Some(options(None))).unwrap(), None);
        assert!(check_options(Some(options(Some("spot")))).unwrap().is_some());
        assert!(check_options(Some(options(Some("capacity-block")))).is_err());
    }
}
