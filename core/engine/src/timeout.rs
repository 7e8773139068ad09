//! Handlers that take too long: cancelled first, then reported as stuck. Their lanes stay closed until they end.
//!
//! All runs of one policy have the same time, so the one that started first is due first: a list in the order of starting replaces a
//! sorted set, and costs the hot path a few writes. A run is restarted in it with each of its members. What counts is the time
//! since the order to start, so the wait for a worker is part of it.

use crate::Effect;
use crate::delivery::{NIL, Stage};
use crate::effect::Alert;
use crate::engine::Engine;
use crate::ids::{PolicyId, Timestamp};
use crate::sabotage::Sabotage;

/// How long a cancelled handler may take to end before it is called stuck.
const GRACE: u64 = 1_000;

/// Lists per policy: running, and cancelled.
const LISTS: usize = 2;

/// The marks of a lane that was reported, alone or in a batch: it stands in no list.
const STUCK: u32 = NIL - 1;
const STUCK_IN_BATCH: u32 = NIL - 2;

#[derive(Clone, Copy, Debug)]
struct Link {
    prev: u32,
    next: u32,
    /// In which list, or [`STUCK`], or [`NIL`].
    list: u32,
    since: Timestamp,
    /// When the handler started.
    started: Timestamp,
}

/// Lanes with a run in flight, by the time at which something is due.
#[derive(Clone, Debug, Default)]
pub(crate) struct Timers {
    links: Vec<Link>,
    lists: Vec<(u32, u32)>,
    /// Lanes whose handler is stuck, and those of them that are in no batch.
    pub(crate) stuck: u32,
    pub(crate) stuck_alone: u32,
}

impl Timers {
    fn first(&self, list: usize) -> Option<(u32, Timestamp)> {
        let head = self.lists.get(list)?.0;
        (head != NIL).then(|| (head, self.links[head as usize].since))
    }

    fn append(&mut self, lane: u32, list: usize, since: Timestamp, started: Timestamp) {
        if self.links.len() <= lane as usize {
            let free = Link { prev: NIL, next: NIL, list: NIL, since: Timestamp(0), started: Timestamp(0) };
            self.links.resize(lane as usize + 1, free);
        }
        if self.lists.len() <= list {
            self.lists.resize(list + 1, (NIL, NIL));
        }
        self.remove(lane);
        let tail = std::mem::replace(&mut self.lists[list].1, lane);
        // Policies are numbered by 16 bits.
        self.links[lane as usize] = Link { prev: tail, next: NIL, list: list as u32, since, started };
        if tail == NIL {
            self.lists[list].0 = lane;
        } else {
            self.links[tail as usize].next = lane;
        }
    }

    /// Takes a lane out. Returns whether it was in.
    fn remove(&mut self, lane: u32) -> bool {
        let Some(link) = self.links.get(lane as usize).copied().filter(|link| link.list != NIL) else { return false };
        self.links[lane as usize].list = NIL;
        if matches!(link.list, STUCK | STUCK_IN_BATCH) {
            self.stuck -= 1;
            self.stuck_alone -= u32::from(link.list == STUCK);
            return true;
        }
        let list = &mut self.lists[link.list as usize];
        if link.prev == NIL {
            list.0 = link.next;
        } else {
            self.links[link.prev as usize].next = link.next;
        }
        if link.next == NIL {
            list.1 = link.prev;
        } else {
            self.links[link.next as usize].prev = link.prev;
        }
        true
    }
}

impl Engine {
    /// A member of a lane's run starts.
    pub(crate) fn time_run(&mut self, lane: u32, policy: PolicyId) {
        if self.policy(policy).handler_timeout.is_some() {
            self.timers.append(lane, usize::from(policy.0) * LISTS, self.now, self.now);
        }
    }

    /// A member of a lane's run ended: the next one starts, if there is one.
    pub(crate) fn time_next(&mut self, lane: u32, policy: PolicyId) {
        if self.lanes.get(lane).running == 0 {
            self.timers.remove(lane);
        } else if !self.bugs.has(Sabotage::TimeoutOfTheRun) {
            self.time_run(lane, policy);
        }
    }

    /// When the next handler has taken too long.
    pub(crate) fn next_timeout(&self) -> Option<Timestamp> {
        (0..self.timers.lists.len()).filter_map(|list| Some(self.timers.first(list)?.1.after(self.time_of(list)))).min()
    }

    fn time_of(&self, list: usize) -> u64 {
        if list.is_multiple_of(LISTS) { self.policy(policy_of(list)).handler_timeout.unwrap_or(u64::MAX) } else { GRACE }
    }

    pub(crate) fn check_timers(&mut self) {
        for list in 0..self.timers.lists.len() {
            let time = self.time_of(list);
            while let Some((lane, since)) = self.timers.first(list).filter(|first| first.1.after(time) <= self.now) {
                let started = self.timers.links[lane as usize].started;
                if list.is_multiple_of(LISTS) {
                    self.cancel(lane, list, started);
                } else {
                    self.report_stuck(lane, started.min(since));
                }
            }
        }
    }

    fn cancel(&mut self, lane: u32, list: usize, started: Timestamp) {
        self.timers.append(lane, list + 1, self.now, started);
        if let Some(slot) = self.in_hands(lane).filter(|_| !self.bugs.has(Sabotage::TimeoutForgotten)) {
            self.out.push(Effect::Cancel { delivery: self.deliveries[slot].id(slot) });
        }
    }

    fn report_stuck(&mut self, lane: u32, started: Timestamp) {
        self.timers.remove(lane);
        let batch = self.lanes.get(lane).batch;
        self.timers.links[lane as usize].list = if batch == NIL { STUCK } else { STUCK_IN_BATCH };
        self.timers.stuck += 1;
        self.timers.stuck_alone += u32::from(batch == NIL);
        let Some(slot) = self.in_hands(lane) else { return };
        // Whatever may come of it, it can't keep everybody else waiting.
        self.no_longer_alone(slot);
        if batch != NIL {
            self.batch_is_stuck(batch, self.deliveries[slot].policy);
        }
        let millis = self.now.0.saturating_sub(started.0);
        self.out.push(Effect::Alert(Alert::Stuck { delivery: self.deliveries[slot].id(slot), millis }));
        if self.bugs.has(Sabotage::StuckReopensLane) {
            self.leave_run(slot);
            self.start_over(slot);
            self.settle(lane);
        }
    }

    /// The member of a run that its handler works on: they end one after the other.
    fn in_hands(&self, lane: u32) -> Option<u32> {
        let mut slot = self.lanes.get(lane).head;
        while slot != NIL && self.deliveries[slot].stage != Stage::Running {
            slot = self.deliveries[slot].lane_next;
        }
        (slot != NIL).then_some(slot)
    }
}

fn policy_of(list: usize) -> PolicyId {
    PolicyId(u16::try_from(list / LISTS).unwrap_or(u16::MAX))
}
