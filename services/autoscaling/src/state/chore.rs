//! Alarms that are still to be made or deleted.

use scaling::chore::Chores;

pub static ALARMS: Chores = Chores::new("autoscaling/chore");
