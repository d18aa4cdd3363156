//! What may cross threads: everything the crate hands out.

use tactful::bandit::{BuildError, ParseError, RewardError, SelectError};
use tactful::snapshot::{RestoreError, Restored};
use tactful::{
    Arm, ArmId, ArmSpace, ArmStatistics, Bandit, BanditBuilder, Decision, DecisionId, Eligibility, Plan,
    SegmentId, Segments, Snapshot, Token, TokenKey,
};

fn shared<T: Send + Sync>() {}

#[test]
fn everything_is_send_and_sync() {
    shared::<Bandit>();
    shared::<BanditBuilder>();
    shared::<(ArmSpace, Segments, Eligibility, Arm<'static>, ArmId, SegmentId)>();
    shared::<(Decision, DecisionId, Token, TokenKey, Plan)>();
    shared::<(Snapshot, ArmStatistics, Restored)>();
    shared::<Box<dyn tactful::policy::Policy>>();
}

#[test]
fn errors_can_be_boxed_and_sent() {
    fn boxed<E: std::error::Error + Send + Sync + 'static>() {}
    boxed::<BuildError>();
    boxed::<SelectError>();
    boxed::<RewardError>();
    boxed::<ParseError>();
    boxed::<RestoreError>();
    boxed::<tactful::StatisticsError>();
    boxed::<tactful::arm::ArmSpaceError>();
    boxed::<tactful::arm::NameError>();
}
