//! Deliberate bugs, so that tests can prove that they would be noticed. Nothing outside tests switches one on.

/// One deliberate bug: a single deviation at the place of its decision.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sabotage {
    /// The commit watermark runs to the last delivered offset, past unresolved ones.
    CommitPastGap,
    /// A lane reopens while a run of it is in flight.
    TwoOfOneKey,
    /// The generation of a delivery is not looked at: late facts hit the slot's next user.
    LateCompletionAccepted,
    /// Look-ups and dispatch do not wait for the inbox to catch up.
    DispatchBeforeCaughtUp,
    /// A copy in flight is not held back.
    TwinDispatched,
    /// A lane goes on behind an event that waits for its next attempt.
    RetryReopensLane,
    /// Lettered as soon as the letter is asked for.
    LetterNotAwaited,
    /// Handled as soon as the handler is done, durable or not.
    MarkNotAwaited,
    /// A lost partition is committed once more.
    CommitAfterRelease,
    /// One more attempt than the policy allows.
    AttemptsOffByOne,
    /// Room is always the whole credit, and nothing is paused.
    CreditIgnored,
    /// A partition that has nothing gets nothing while the others have twice the credit.
    NewcomerStarves,
    /// What is queued is dispatched although the partition is being given back.
    DrainDispatches,
    /// A lane reopens before the effects of its last event are committed.
    EffectsReopenLane,
    /// Another event under a known id is dropped as a copy.
    ConflictAsDuplicate,
    /// A mark that was rolled back counts as written.
    RolledBackResolved,
    /// A gap neither halts nor is told.
    GapSilently,
    /// Finished before the last commit is acknowledged.
    FinishedEarly,
    /// Events of a run that were not started count as handled.
    RunSkipsNotStarted,
    /// Copies are never resolved.
    DuplicateNotResolved,
    /// The last commit of a partition is not asked for again when it is refused.
    LastCommitOnce,
    /// The breaker counts events that the handler refused as failures.
    BreakerCountsRejections,
    /// The breaker counts attempts where it should count events.
    BreakerCountsAttempts,
    /// Attempts count while the breaker is open.
    BreakerCountsProbes,
    /// The breaker stays open however many probes succeed.
    BreakerNeverCloses,
    /// Lanes start although their breaker is open.
    BreakerLeaks,
    /// Whatever answers while the breaker is open counts as a probe.
    BreakerHearsOthers,
    /// The breaker opens as soon as enough events failed, however short the time.
    BreakerHasty,
    /// Events are given up in the time before the breaker opens.
    BreakerNeverDoubts,
    /// The members of a run share the time of one.
    TimeoutOfTheRun,
    /// Handlers are never cancelled.
    TimeoutForgotten,
    /// The lane of a stuck handler goes on.
    StuckReopensLane,
    /// Lanes start although their policy is suspended.
    SuspensionLeaks,
    /// Lanes start although their rate is used up.
    RateIgnored,
    /// The members of a batch that failed are put into a batch again.
    BatchAgain,
    /// A batch that failed is an attempt of its members.
    BatchCounts,
    /// What nobody wants is never resolved.
    IgnoredNotResolved,
    /// Suspects run beside others.
    SuspectsInCompany,
    /// Others start beside a suspect that runs alone.
    SuspectsGetCompany,
    /// Every suspect is given up.
    SuspectsConvicted,
    /// An event may kill the process once more.
    CrashLimitOffByOne,
    /// A partition runs before its ledger is read and claimed.
    DispatchBeforeFolded,
    /// The group is not asked before a claim.
    ClaimUnconfirmed,
    /// A claim counts when it is acknowledged, read back or not.
    ClaimNotAwaited,
    /// Another member's claim changes nothing.
    SupersededGoesOn,
    /// A partition that another member claimed is left to stand, whatever the group says.
    SupersededForEver,
    /// What another member claimed is not given back when the group asks for it.
    DisputeOutlivesDrain,
    /// That a letter is settled is taken out of the ledger before what says that it was open.
    CleanSettledFirst,
    /// Claims are taken out of the ledger before what they make void.
    CleanClaimsFirst,
    /// Letters whose records may land once more are taken out of the ledger.
    CleanDoubtful,
    /// A letter's record that says nothing new is taken for the one that is awaited.
    PastCounts,
    /// A letter is resolved before its state is recorded.
    RecordNotAwaited,
    /// What the ledger knows is handled when it is read again.
    KnownForgotten,
    /// Events of a held key are handled.
    FollowersHandled,
    /// A key is free when its first letter is settled.
    ReleasedAtFirst,
    /// A letter runs although one before it holds its key.
    FrontIgnored,
    /// A discard counts before it is recorded.
    DiscardNotAwaited,
    /// A letter runs before the reader has passed its offset.
    ReplayBeforePosition,
    /// Live events go on while letters of their key are handled again.
    LiveOvertakesReplay,
    /// A command is carried out again after its replay failed.
    ReplaysUncounted,
    /// Letters are replayed however often they failed.
    MaxReplaysIgnored,
    /// Letters of a command start as fast as they can.
    ReplayRateIgnored,
}

impl Sabotage {
    /// Every bug there is, but for those of ledgers.
    pub const ALL: [Self; 41] = [
        Self::CommitPastGap,
        Self::TwoOfOneKey,
        Self::LateCompletionAccepted,
        Self::DispatchBeforeCaughtUp,
        Self::TwinDispatched,
        Self::RetryReopensLane,
        Self::LetterNotAwaited,
        Self::MarkNotAwaited,
        Self::CommitAfterRelease,
        Self::AttemptsOffByOne,
        Self::CreditIgnored,
        Self::NewcomerStarves,
        Self::DrainDispatches,
        Self::EffectsReopenLane,
        Self::ConflictAsDuplicate,
        Self::RolledBackResolved,
        Self::GapSilently,
        Self::FinishedEarly,
        Self::RunSkipsNotStarted,
        Self::DuplicateNotResolved,
        Self::LastCommitOnce,
        Self::BreakerCountsRejections,
        Self::BreakerCountsAttempts,
        Self::BreakerCountsProbes,
        Self::BreakerNeverCloses,
        Self::BreakerLeaks,
        Self::BreakerHearsOthers,
        Self::BreakerHasty,
        Self::BreakerNeverDoubts,
        Self::TimeoutOfTheRun,
        Self::TimeoutForgotten,
        Self::StuckReopensLane,
        Self::SuspensionLeaks,
        Self::RateIgnored,
        Self::BatchAgain,
        Self::BatchCounts,
        Self::IgnoredNotResolved,
        Self::SuspectsInCompany,
        Self::SuspectsGetCompany,
        Self::SuspectsConvicted,
        Self::CrashLimitOffByOne,
    ];

    /// Those that concern ledgers: a simulation of their own looks for them.
    pub const LEDGER: [Self; 21] = [
        Self::DispatchBeforeFolded,
        Self::ClaimUnconfirmed,
        Self::ClaimNotAwaited,
        Self::SupersededGoesOn,
        Self::SupersededForEver,
        Self::DisputeOutlivesDrain,
        Self::CleanSettledFirst,
        Self::CleanClaimsFirst,
        Self::CleanDoubtful,
        Self::PastCounts,
        Self::RecordNotAwaited,
        Self::KnownForgotten,
        Self::FollowersHandled,
        Self::ReleasedAtFirst,
        Self::FrontIgnored,
        Self::DiscardNotAwaited,
        Self::ReplayBeforePosition,
        Self::LiveOvertakesReplay,
        Self::ReplaysUncounted,
        Self::MaxReplaysIgnored,
        Self::ReplayRateIgnored,
    ];
}

/// The bugs that are switched on: none, outside of tests.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Bugs(u64);

impl Bugs {
    pub(crate) fn add(&mut self, bug: Sabotage) {
        self.0 |= 1 << bug as u64;
    }

    #[inline]
    pub(crate) fn has(self, bug: Sabotage) -> bool {
        self.0 & (1 << bug as u64) != 0
    }
}
