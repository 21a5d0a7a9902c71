//! Why a flow matches actions or not, in words and as an object.

use serde_json::Value;

use super::request::{FlowName, Refusal};
use crate::criteria::{Criteria, Tested};
use crate::engine::{Engine, Explained};
use crate::flow::{Flow, FlowId, FlowKey, Stage};
use crate::interface::Role;
use crate::json::{Shown, insert, list, object};
use crate::policy::{Action, Obstacle, View};
use crate::record;

/// The explanation of a live flow.
pub(super) fn answer(engine: &Engine, name: &FlowName) -> Result<Value, Refusal> {
    let Some((id, flow)) = find(engine, name) else {
        let message = "no such flow now: it has ended, or was never seen; `flows` lists those \
                       that live";
        return Err(Refusal::of_key("flow", message));
    };
    let view = engine.view(flow);
    let evaluated = flow.detection.stage != Stage::Undecided;
    let actions = engine.explain(&view);
    let mut answer = explanation(engine, &view, evaluated, &actions);
    let lines = actions.iter().map(|explained| {
        let outcome = &explained.outcome;
        Value::from(format!("{}: {}", outcome.action.name, reason(engine, &view, explained)))
    });
    insert(&mut answer, "words", &list(lines));
    insert(&mut answer, "id", &Shown(id));
    if let Some(record) = answer.get_mut("flow") {
        insert(record, "first_seen_at", &view.unix_millis(flow.first_seen));
        insert(record, "last_seen_at", &view.unix_millis(flow.last_seen));
    }
    Ok(answer)
}

fn find<'e>(engine: &'e Engine, name: &FlowName) -> Option<(FlowId, &'e Flow)> {
    let id = match name {
        FlowName::Id(id) => *id,
        FlowName::Ends(ends) => {
            let (key, _) = FlowKey::new(ends.transport, ends.source, ends.destination);
            engine.flows().find(&key)?
        }
    };
    Some((id, engine.flows().get(id)?))
}

/// The interface of a flow and its side.
pub fn seen_on(view: &View<'_>) -> String {
    let role = Role::WORDS.iter().find(|(_, role)| *role == view.interface.role);
    format!("{} ({})", view.interface.name, role.map_or("", |(word, _)| word))
}

/// Whether the action matches and which check decided, in words.
pub fn reason(engine: &Engine, view: &View<'_>, explained: &Explained<'_>) -> String {
    let outcome = &explained.outcome;
    let text = outcome.decided_by.as_ref().map(|decisive| one_line(decisive.criteria));
    let text = text.unwrap_or_default();
    match outcome.obstacle {
        None if outcome.action.halt_on_match => "matches; no later action is evaluated".to_owned(),
        None => "matches".to_owned(),
        Some(Obstacle::Disabled) => "no: switched off (enabled is false)".to_owned(),
        Some(Obstacle::Halted(by)) => {
            format!("no: {} matched before and ends the evaluation", action_name(engine, by))
        }
        Some(Obstacle::Schedule) => "no: not at this time (time_of_day)".to_owned(),
        Some(Obstacle::Interface) => {
            let wanted = &outcome.action.interface;
            format!("no: for interface {wanted} only, seen on {}", seen_on(view))
        }
        Some(Obstacle::Exempt(_)) => format!("no: global exemption {text}"),
        Some(Obstacle::OwnExemption(_)) => format!("no: its exemption {text}"),
        Some(Obstacle::Criteria) => "no: its criteria do not hold".to_owned(),
    }
}

fn action_name(engine: &Engine, number: usize) -> &str {
    let action: Option<&Action> = engine.config().policy.actions.get(number);
    action.map_or("", |action| action.name.as_str())
}

/// The texts of criteria, on one line.
fn one_line(criteria: &Criteria) -> String {
    let texts: Vec<String> = criteria
        .texts()
        .map(|text| text.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    texts.join(" or ")
}

/// The flow and every action with what decided, as an object. `evaluated`: false for a flow that
/// ended before it was named.
pub fn explanation(
    engine: &Engine,
    view: &View<'_>,
    evaluated: bool,
    actions: &[Explained<'_>],
) -> Value {
    let actions = actions.iter().map(|explained| {
        let outcome = &explained.outcome;
        let mut line = object! {
            "action": outcome.action.name,
            "matches": outcome.obstacle.is_none(),
            "decided_by": match outcome.obstacle {
                None | Some(Obstacle::Criteria) => "criteria",
                Some(Obstacle::Disabled) => "enabled",
                Some(Obstacle::Halted(_)) => "halt_on_match",
                Some(Obstacle::Schedule) => "time_of_day",
                Some(Obstacle::Interface) => "interface",
                Some(Obstacle::Exempt(_)) => "global_exemption",
                Some(Obstacle::OwnExemption(_)) => "exemption",
            },
        };
        if let Some(Obstacle::Halted(by)) = outcome.obstacle {
            insert(&mut line, "halted_by", &action_name(engine, by));
        }
        if let Some(decisive) = &outcome.decided_by {
            insert(&mut line, "expression", &list(decisive.criteria.texts().map(Value::from)));
            let tests = decisive.explanation.tests.iter();
            insert(&mut line, "tests", &list(tests.map(test_as_json)));
        }
        let targets = explained.fires.iter();
        let targets = targets.map(|f| object! {"target": f.target, "wants": f.wants});
        insert(&mut line, "targets", &list(targets));
        line
    });
    object! {
        "type": "explanation",
        "interface": view.interface.name,
        "evaluated": evaluated,
        "actions": list(actions),
        "flow": record::flow(view),
    }
}

fn test_as_json(test: &Tested) -> Value {
    object! {
        "member": test.member,
        "text": test.text,
        "found": test.found,
        "outcome": test.outcome,
        "decided": test.decided,
    }
}
