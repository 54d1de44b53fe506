//! Trials at the desk: whom they are for, and how they stand, read from the book.

use super::desk::Desk;
use crate::{
    alerts::{
        orders::Ask,
        page::{Arrived, Page, PageState},
    },
    http::{DrillAnswer, DrillState, DrillTold, orders::DrillError},
    model::{AgencyName, PersonName, local_time::to_micros},
};

/// Stores a trial for a person or by a policy. The first agency speaks: its title is the one that people know.
pub(super) async fn begin(desk: &Desk, who: String) -> Result<DrillAnswer, DrillError> {
    let posts = desk.posts();
    let post = posts.iter().find(|post| post.source.is_some()).or_else(|| posts.first());
    let Some(post) = post else { return Err(DrillError::Unknown { who, known: String::new() }) };
    let (person, policy) = {
        let watch = post.watch.lock().await;
        let paging = &watch.book.policy().paging;
        let person = paging.roster.person(&PersonName::new(who.as_str())).map(|person| person.name.clone());
        let policy = paging.escalation.contains_key(&who).then(|| who.clone()).filter(|_| person.is_none());
        if person.is_none() && policy.is_none() {
            let people = paging.roster.people().map(|person| person.name.to_string());
            let known: Vec<String> = people.chain(paging.escalation.keys().cloned()).collect();
            return Err(DrillError::Unknown { who, known: known.join(", ") });
        }
        (person, policy)
    };
    let id = format!("{:x}", to_micros(desk.clock.now()));
    let agency: AgencyName = post.name.clone();
    let ask = Ask::Drill { policy, person, id: id.clone() };
    desk.order([(agency, vec![ask])]).await?;
    let asked = DrillAnswer {
        id: id.clone(),
        state: DrillState::Waiting,
        opened_at: None,
        told: Vec::new(),
        owner: None,
        acknowledged_at: None,
    };
    Ok(stands(desk, &id).await.unwrap_or(asked))
}

/// How a trial stands; `None` when no book has it.
pub(super) async fn stands(desk: &Desk, id: &str) -> Option<DrillAnswer> {
    for post in desk.posts().iter() {
        let watch = post.watch.lock().await;
        if let Some(page) = watch.book.pages().find(|page| page.drill.as_ref().is_some_and(|drill| drill.id == id)) {
            return Some(of(page, id));
        }
    }
    None
}

fn of(page: &Page, id: &str) -> DrillAnswer {
    let (state, owner, acknowledged_at) = match &page.state {
        PageState::Open => (DrillState::Waiting, None, None),
        PageState::Owned(ownership) => {
            (DrillState::Acknowledged, Some(ownership.ack.by.clone()), Some(ownership.ack.at))
        }
        PageState::Closed { at, owner: Some(owner), .. } => (DrillState::Acknowledged, Some(owner.clone()), Some(*at)),
        PageState::Closed { .. } => (DrillState::Unanswered, None, None),
    };
    let told = page.told.iter().map(|told| DrillTold {
        person: told.person.to_string(),
        by: told.via.as_str().to_owned(),
        at: told.at,
        arrived: match told.arrived {
            Arrived::Held | Arrived::Waiting => "waiting",
            Arrived::Sent { .. } => "sent",
            Arrived::Delivered { .. } => "delivered",
            Arrived::Failed { .. } => "failed",
            Arrived::Withdrawn => "withdrawn",
        }
        .to_owned(),
    });
    DrillAnswer {
        id: id.to_owned(),
        state,
        opened_at: Some(page.opened_at),
        told: told.collect(),
        owner,
        acknowledged_at,
    }
}
