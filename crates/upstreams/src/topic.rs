//! What one can ask a modern server to be told of, one thing at a time.

use std::collections::BTreeSet;

use toolgate_gateway::upstream::Interest;
use toolgate_protocol::jsonrpc::Message;

/// One thing to be told of (2026-07-28, `subscriptions/listen`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Topic {
    Tools,
    Prompts,
    Resources,
    /// One resource, by its URI.
    Resource(Box<str>),
    /// One task, by its id.
    Task(Box<str>),
}

/// Several, in an order that makes equal requests equal bytes.
pub(crate) type Topics = BTreeSet<Topic>;

/// Whom an announcement is for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Audience {
    /// Those who wait for one of these.
    Of(Vec<Topic>),
    /// Whoever listens: we do not know this kind, and so not who asked for it.
    Everybody,
    /// It has no place on a listen stream (2026-07-28, subscriptions: never progress or logs).
    Nobody,
}

impl Topic {
    /// Whether it names a resource or task, rather than a whole list.
    pub fn is_named(&self) -> bool {
        matches!(self, Topic::Resource(_) | Topic::Task(_))
    }
}

/// All that an interest asks for.
pub(crate) fn topics_of(interest: &Interest) -> Topics {
    let lists = [
        (interest.tools, Topic::Tools),
        (interest.prompts, Topic::Prompts),
        (interest.resources, Topic::Resources),
    ];
    let lists = lists.into_iter().filter(|(wanted, _)| *wanted).map(|(_, topic)| topic);
    let resources = interest.uris.iter().map(|uri| Topic::Resource(uri.as_str().into()));
    let tasks = interest.tasks.iter().map(|id| Topic::Task(id.as_str().into()));
    lists.chain(resources).chain(tasks).collect()
}

/// The part of an interest that is granted.
pub(crate) fn narrowed(interest: &Interest, granted: impl Fn(&Topic) -> bool) -> Interest {
    let named = |list: &[String], topic: fn(Box<str>) -> Topic| {
        list.iter().filter(|name| granted(&topic(name.as_str().into()))).cloned().collect()
    };
    Interest {
        tools: interest.tools && granted(&Topic::Tools),
        prompts: interest.prompts && granted(&Topic::Prompts),
        resources: interest.resources && granted(&Topic::Resources),
        uris: named(&interest.uris, Topic::Resource),
        tasks: named(&interest.tasks, Topic::Task),
        logs_of: None,
    }
}

/// The interest that asks for exactly these.
pub(crate) fn interest_in(topics: &Topics) -> Interest {
    let mut interest = Interest::default();
    for topic in topics {
        match topic {
            Topic::Tools => interest.tools = true,
            Topic::Prompts => interest.prompts = true,
            Topic::Resources => interest.resources = true,
            Topic::Resource(uri) => interest.uris.push(uri.to_string()),
            Topic::Task(id) => interest.tasks.push(id.to_string()),
        }
    }
    interest
}

/// Whom an announcement is for.
pub(crate) fn audience(message: &Message) -> Audience {
    let named = |member: &str| {
        let params = message.params()?;
        Some(params.get(member)?.string()?.into_owned())
    };
    match message.method().unwrap_or_default() {
        "notifications/tools/list_changed" => Audience::Of(vec![Topic::Tools]),
        "notifications/prompts/list_changed" => Audience::Of(vec![Topic::Prompts]),
        "notifications/resources/list_changed" => Audience::Of(vec![Topic::Resources]),
        "notifications/resources/updated" => {
            let uri = named("uri").unwrap_or_default();
            Audience::Of(with_ancestors(&uri).map(|uri| Topic::Resource(uri.into())).collect())
        }
        "notifications/tasks" | "notifications/tasks/status" => {
            Audience::Of(named("taskId").map(|id| Topic::Task(id.into())).into_iter().collect())
        }
        "notifications/progress"
        | "notifications/message"
        | "notifications/cancelled"
        | "notifications/subscriptions/acknowledged" => Audience::Nobody,
        _ => Audience::Everybody,
    }
}

/// A URI and those that it may lie below: what changed may be a part of what somebody subscribed
/// to (2025-11-25, resources: subscriptions).
pub(crate) fn with_ancestors(uri: &str) -> impl Iterator<Item = &str> {
    let cuts = uri.match_indices(['/', '#', '?']).flat_map(|(at, _)| [&uri[..at], &uri[..=at]]);
    cuts.filter(move |cut| *cut != uri).chain(std::iter::once(uri))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn audience_of(method: &str, params: &str) -> Audience {
        let bytes = toolgate_protocol::jsonrpc::notification(method, params);
        audience(&Message::scan_reply(bytes, &Default::default()).unwrap())
    }

    #[test]
    fn a_part_of_a_resource_is_announced_to_those_who_watch_the_whole() {
        let updated = r#"{"uri":"file:///docs/a.md#top"}"#;

        let Audience::Of(topics) = audience_of("notifications/resources/updated", updated) else {
            panic!("an update has an audience")
        };

        for watched in
            ["file:///docs", "file:///docs/", "file:///docs/a.md", "file:///docs/a.md#top"]
        {
            assert!(topics.contains(&Topic::Resource(watched.into())), "{watched}");
        }
        assert!(!topics.contains(&Topic::Resource("file:///docs/a".into())));
    }

    #[test]
    fn progress_and_logs_are_no_announcements_but_unknown_kinds_are() {
        assert_eq!(audience_of("notifications/message", "{}"), Audience::Nobody);
        assert_eq!(audience_of("notifications/progress", "{}"), Audience::Nobody);
        assert_eq!(audience_of("notifications/events/list_changed", "{}"), Audience::Everybody);
    }

    #[test]
    fn an_interest_survives_its_way_through_topics() {
        let interest = Interest {
            tools: true,
            uris: vec!["a://1".into(), "a://2".into()],
            tasks: vec!["t".into()],
            ..Interest::default()
        };

        let topics = topics_of(&interest);

        assert_eq!(interest_in(&topics), interest);
        assert_eq!(narrowed(&interest, |topic| topics.contains(topic)), interest);
    }
}
