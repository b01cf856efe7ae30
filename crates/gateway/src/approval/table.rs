//! Calls that wait for somebody other than their caller, and what was decided.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::call::Caller;
use crate::clock::Timestamp;
use crate::config::approvals::Approvals as Rules;
use crate::fault::{Fault, Reason};

/// All of them, by id.
#[derive(Default)]
pub(super) struct Entries(pub(super) HashMap<Box<str>, Entry>);

/// A call that needs consent.
#[derive(Clone)]
pub(super) struct Wish {
    pub caller: Caller,
    pub server: Arc<str>,
    pub tool: Arc<str>,
    pub arguments: String,
    pub digest: String,
    pub version: Arc<str>,
    pub questions: Vec<Arc<str>>,
}

pub(super) struct Entry {
    pub wish: Wish,
    pub state: State,
    pub asked: u64,
    pub ends: u64,
}

pub(super) enum State {
    Pending,
    Granted(Arc<str>),
    Refused,
}

/// What ended without being decided on, or without being used.
pub(super) struct Ended {
    pub id: Box<str>,
    pub wish: Wish,
    /// The principal of whoever agreed.
    pub granted_by: Option<Arc<str>>,
}

/// Consent to a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Granted {
    /// The id of the approval.
    pub id: Box<str>,
    /// The principal of whoever agreed.
    pub by: Arc<str>,
    /// When it ends, in seconds since the epoch.
    pub ends: u64,
}

/// How it stands with a call that nobody agreed to.
#[derive(Debug, PartialEq, Eq)]
pub enum Standing {
    /// Somebody did not.
    Refused {
        /// Of which approval.
        id: Box<str>,
    },
    /// Nobody has decided yet.
    Waiting {
        /// The id to decide by.
        id: Box<str>,
        /// Whether it was asked just now.
        new: bool,
    },
}

/// A call that waits, as whoever may decide sees it.
#[derive(Debug, Clone)]
pub struct Pending {
    /// Its id.
    pub id: Box<str>,
    /// `pending`, `granted` or `refused`.
    pub state: &'static str,
    /// Who called.
    pub subject: Arc<str>,
    /// Of which tenant.
    pub tenant: Option<Arc<str>>,
    /// Which server.
    pub server: Arc<str>,
    /// Which tool, by its published name.
    pub tool: Arc<str>,
    /// With what.
    pub arguments: String,
    /// Why a person is asked.
    pub questions: Vec<Arc<str>>,
    /// When it was asked, in seconds since the epoch.
    pub asked: u64,
    /// When it ends.
    pub ends: u64,
}

/// What came of a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decided {
    /// It holds.
    Done,
    /// There is no such call that waits, for this person.
    Unknown,
    /// It is the person's own call.
    Own,
}

impl Entries {
    /// Takes the consent that was given to this very call. It is used up by that.
    pub(super) fn take(&mut self, wish: &Wish, now: Timestamp) -> Option<Granted> {
        let all = &mut self.0;
        let granted = all.iter().find_map(|(id, entry)| match &entry.state {
            State::Granted(by) if entry.is_for(wish) && entry.ends > now.seconds() => {
                Some(Granted { id: id.clone(), by: by.clone(), ends: entry.ends })
            }
            _ => None,
        })?;
        all.remove(&granted.id);
        Some(granted)
    }

    /// Keeps consent that was taken and not used, for the same call. False if there is no room: then
    /// it is gone, and the call is asked about again.
    pub(super) fn keep(
        &mut self,
        granted: &Granted,
        wish: &Wish,
        rules: &Rules,
        now: Timestamp,
    ) -> bool {
        let Granted { id, by, ends } = granted.clone();
        let all = &mut self.0;
        if ends <= now.seconds() || room(all, wish, rules).is_err() {
            return false;
        }
        let state = State::Granted(by);
        all.insert(id, Entry { wish: wish.clone(), state, asked: now.seconds(), ends });
        true
    }

    /// Looks how it stands with this very call; if nobody was asked, asks.
    pub(super) fn claim(
        &mut self,
        wish: Wish,
        rules: &Rules,
        now: Timestamp,
    ) -> Result<Standing, Fault> {
        let all = &mut self.0;
        let found = all.iter().find(|(_, entry)| entry.is_for(&wish) && entry.ends > now.seconds());
        if let Some((id, entry)) = found {
            return Ok(match entry.state {
                State::Refused => Standing::Refused { id: id.clone() },
                // Granted this very moment, it can be taken when the call comes again.
                State::Pending | State::Granted(_) => {
                    Standing::Waiting { id: id.clone(), new: false }
                }
            });
        }
        room(all, &wish, rules)?;
        let id = new_id()?;
        let ends = ends(now, rules.ttl.duration());
        let entry = Entry { wish, state: State::Pending, asked: now.seconds(), ends };
        all.insert(id.clone(), entry);
        Ok(Standing::Waiting { id, new: true })
    }

    /// Forgets what has ended; returns what ended undecided or unused.
    pub(super) fn take_ended(&mut self, now: Timestamp) -> Vec<Ended> {
        let all = &mut self.0;
        let ended = all.extract_if(|_, entry| entry.ends <= now.seconds());
        ended.filter_map(|(id, entry)| entry.ended(id)).collect()
    }

    /// The call of this id, if it waits and this person sees it.
    pub(super) fn open(&self, id: &str, person: &Caller, now: Timestamp) -> Option<Wish> {
        let all = &self.0;
        let entry = all.get(id).filter(|entry| entry.is_seen_by(person))?;
        entry.is_open(now).then(|| entry.wish.clone())
    }

    /// The calls that this person may decide on: those of the same tenant.
    pub(super) fn list(&self, person: &Caller, now: Timestamp) -> Vec<Pending> {
        let all = &self.0;
        let mut list: Vec<_> = all
            .iter()
            .filter(|(_, entry)| entry.is_seen_by(person) && entry.ends > now.seconds())
            .map(|(id, entry)| entry.shown(id))
            .collect();
        list.sort_by(|a, b| (a.asked, &a.id).cmp(&(b.asked, &b.id)));
        list
    }

    /// Decides on a call that waits, never on one's own.
    pub(super) fn decide(
        &mut self,
        id: &str,
        person: &Caller,
        agrees: bool,
        rules: &Rules,
        now: Timestamp,
    ) -> Decided {
        let all = &mut self.0;
        let Some(entry) = all.get_mut(id).filter(|entry| entry.is_seen_by(person)) else {
            return Decided::Unknown;
        };
        if !entry.is_open(now) {
            return Decided::Unknown;
        }
        if entry.is_by(person) {
            return Decided::Own;
        }
        let by = person.principal.clone();
        entry.state = if agrees { State::Granted(by) } else { State::Refused };
        entry.ends = ends(now, rules.ttl.duration());
        Decided::Done
    }
}

/// # Errors
/// When no other call can wait.
fn room(all: &HashMap<Box<str>, Entry>, wish: &Wish, rules: &Rules) -> Result<(), Fault> {
    let own = all.values().filter(|entry| entry.wish.caller == wish.caller).count();
    if all.len() >= rules.max || own >= rules.max_per_caller {
        let text = "too many calls wait for consent; see to those first";
        return Err(Fault::new(Reason::Overloaded, text));
    }
    Ok(())
}

impl Entry {
    /// Whether it is about exactly this call.
    fn is_for(&self, wish: &Wish) -> bool {
        self.wish.caller == wish.caller
            && self.wish.server == wish.server
            && self.wish.digest == wish.digest
            && self.wish.version == wish.version
    }

    fn is_open(&self, now: Timestamp) -> bool {
        matches!(self.state, State::Pending) && self.ends > now.seconds()
    }

    fn ended(self, id: Box<str>) -> Option<Ended> {
        let granted_by = match self.state {
            State::Pending => None,
            State::Granted(by) => Some(by),
            State::Refused => return None,
        };
        Some(Ended { id, wish: self.wish, granted_by })
    }

    fn is_seen_by(&self, person: &Caller) -> bool {
        self.wish.caller.tenant == person.tenant
    }

    /// Whether the person is the one who called, or somebody acts for both: also by another proof,
    /// as a key and a token of the same subject are of one person.
    fn is_by(&self, person: &Caller) -> bool {
        let caller = &self.wish.caller;
        let names = |who: &Caller| [Some(who.subject.clone()), who.actor.clone()];
        *caller == *person
            || names(caller)
                .iter()
                .flatten()
                .any(|name| names(person).iter().flatten().any(|other| name == other))
    }

    fn shown(&self, id: &str) -> Pending {
        let Wish { caller, server, tool, arguments, questions, .. } = &self.wish;
        Pending {
            id: id.into(),
            state: match self.state {
                State::Pending => "pending",
                State::Granted(_) => "granted",
                State::Refused => "refused",
            },
            subject: caller.subject.clone(),
            tenant: caller.tenant.clone(),
            server: server.clone(),
            tool: tool.clone(),
            arguments: arguments.clone(),
            questions: questions.clone(),
            asked: self.asked,
            ends: self.ends,
        }
    }
}

fn new_id() -> Result<Box<str>, Fault> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(|error| {
        Fault::new(Reason::Internal, "no randomness").because(error.to_string())
    })?;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(hex.into())
}

/// When something ends, as people read it.
pub(super) fn ends(now: Timestamp, ttl: Duration) -> u64 {
    now.seconds().saturating_add(ttl.as_secs())
}

#[cfg(test)]
mod tests {
    use toolgate_protocol::caller::{Identity, Proof};

    use super::*;
    use crate::testing::caller;

    fn wish(who: &Caller, digest: &str, version: &str) -> Wish {
        Wish {
            caller: who.clone(),
            server: "crm".into(),
            tool: "delete".into(),
            arguments: "{}".to_owned(),
            digest: digest.to_owned(),
            version: version.into(),
            questions: vec!["sure?".into()],
        }
    }

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    fn waiting(table: &mut Entries, wish: Wish) -> Box<str> {
        match table.claim(wish, &Rules::default(), at(0)).unwrap() {
            Standing::Waiting { id, .. } => id,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn consent_is_for_one_call_exactly_and_used_once() {
        let (mut table, rules) = (Entries::default(), Rules::default());
        let (ada, bob) = (caller("ada"), caller("bob"));
        let id = waiting(&mut table, wish(&ada, "d1", "v1"));
        assert_eq!(table.decide(&id, &bob, true, &rules, at(1)), Decided::Done);

        for other in [wish(&bob, "d1", "v1"), wish(&ada, "d2", "v1"), wish(&ada, "d1", "v2")] {
            assert_eq!(table.take(&other, at(2)), None);
        }
        let first = table.take(&wish(&ada, "d1", "v1"), at(3));
        assert_eq!(first, Some(Granted { id, by: "bob".into(), ends: 601 }));
        assert_eq!(table.take(&wish(&ada, "d1", "v1"), at(3)), None);
        let again = table.claim(wish(&ada, "d1", "v1"), &rules, at(4)).unwrap();
        assert!(matches!(again, Standing::Waiting { new: true, .. }), "{again:?}");
    }

    #[test]
    fn consent_that_was_not_used_is_kept_for_the_same_call_until_it_ends() {
        let (mut table, rules) =
            (Entries::default(), Rules { max_per_caller: 2, ..Rules::default() });
        let ada = caller("ada");
        let granted = Granted { id: "a".into(), by: "bob".into(), ends: 50 };
        // The same call came meanwhile, and was asked about.
        waiting(&mut table, wish(&ada, "d", "v"));

        assert!(table.keep(&granted, &wish(&ada, "d", "v"), &rules, at(1)));

        assert_eq!(table.take(&wish(&ada, "other", "v"), at(2)), None);
        assert_eq!(table.take(&wish(&ada, "d", "v"), at(2)), Some(granted.clone()));
        assert_eq!(table.take(&wish(&ada, "d", "v"), at(2)), None);
        assert!(table.keep(&granted, &wish(&ada, "d", "v"), &rules, at(3)));
        assert_eq!(table.take(&wish(&ada, "d", "v"), at(50)), None);
        // Without room it is gone.
        assert!(!table.keep(&granted, &wish(&ada, "d", "v"), &rules, at(4)));
    }

    /// Case Z9: nobody agrees to a call of their own, by whatever proof they come.
    #[test]
    fn nobody_decides_on_their_own_call() {
        let (mut table, rules) = (Entries::default(), Rules::default());
        let ada = caller("ada");
        let id = waiting(&mut table, wish(&ada, "d", "v"));
        let token = Caller::from(Identity {
            principal: "jwt:https://login|ada".into(),
            subject: "ada".into(),
            proof: Proof::Jwt,
            ..Identity::default()
        });
        let on_behalf = Caller::from(Identity {
            principal: "jwt:https://login|robot".into(),
            subject: "robot".into(),
            actor: Some("ada".into()),
            proof: Proof::Jwt,
            ..Identity::default()
        });
        for person in [&ada, &token, &on_behalf] {
            assert_eq!(table.decide(&id, person, true, &rules, at(1)), Decided::Own);
        }
        let standing = table.claim(wish(&ada, "d", "v"), &rules, at(2)).unwrap();
        assert!(matches!(standing, Standing::Waiting { new: false, .. }));
    }

    #[test]
    fn a_decision_ends_with_time_and_is_made_once() {
        let (mut table, rules) = (Entries::default(), Rules::default());
        let (ada, bob) = (caller("ada"), caller("bob"));
        let id = waiting(&mut table, wish(&ada, "d", "v"));
        assert_eq!(table.decide(&id, &bob, false, &rules, at(1)), Decided::Done);
        assert_eq!(table.decide(&id, &bob, true, &rules, at(2)), Decided::Unknown);
        let refused = table.claim(wish(&ada, "d", "v"), &rules, at(3)).unwrap();
        assert_eq!(refused, Standing::Refused { id });

        let late = waiting(&mut table, wish(&ada, "late", "v"));
        assert_eq!(table.decide(&late, &bob, true, &rules, at(600)), Decided::Unknown);
        let anew = table.claim(wish(&ada, "d", "v"), &rules, at(700)).unwrap();
        assert!(matches!(anew, Standing::Waiting { new: true, .. }));
    }

    #[test]
    fn another_tenant_sees_nothing_and_decides_nothing() {
        let (mut table, rules) = (Entries::default(), Rules::default());
        let id = waiting(&mut table, wish(&caller("ada"), "d", "v"));
        let stranger = Caller::from(Identity {
            principal: "eve".into(),
            subject: "eve".into(),
            tenant: Some("other".into()),
            proof: Proof::ApiKey,
            ..Identity::default()
        });

        assert!(table.list(&stranger, at(1)).is_empty());
        assert_eq!(table.decide(&id, &stranger, true, &rules, at(1)), Decided::Unknown);
        assert_eq!(table.list(&caller("bob"), at(1)).len(), 1);
    }

    #[test]
    fn one_caller_does_not_take_all_the_room() {
        let (mut table, rules) =
            (Entries::default(), Rules { max_per_caller: 3, ..Rules::default() });
        for n in 0..3 {
            table.claim(wish(&caller("ada"), &n.to_string(), "v"), &rules, at(0)).unwrap();
        }
        let full = table.claim(wish(&caller("ada"), "x", "v"), &rules, at(0)).unwrap_err();
        assert_eq!(full.reason, Reason::Overloaded);
        table.claim(wish(&caller("bob"), "x", "v"), &rules, at(0)).unwrap();
    }
}
