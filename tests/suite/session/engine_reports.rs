//! Actions of the engine.

use imbolc_net::{protocol::Refusal, studio::NetworkAction, sync::mirror::MirrorError};

use crate::harness::Harness;

#[test]
fn engine_actions_are_refused_even_to_the_host() {
    use imbolc_net::studio::{ProjectAction, ProjectNotice, ProjectOutcome, ProjectReport, Shelf};

    let (task, outcome) = (ProjectAction::List, ProjectOutcome::Done(Shelf::default()));
    let report = NetworkAction::ProjectReport(ProjectReport { task, outcome });
    let mut harness = Harness::new();
    let mut ana = harness.join("Ana", &[]);
    let refused = ana.dispatch(report.clone());
    assert!(matches!(refused, Err(MirrorError::Refused(Refusal::EngineOnly))));
    assert_eq!(harness.session.act(harness.now, &report), Err(Refusal::EngineOnly));
    harness.session.act_for_engine(&report);
    let notice = &harness.session.state().model.projects.notice;
    assert_eq!(*notice, ProjectNotice::Done(ProjectAction::List));
}
