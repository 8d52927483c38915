//! A model that records how often and in which order actions were applied: each action
//! appends a line to a page, and no action removes one.

use std::{collections::BTreeMap, sync::Arc};

use imbolc_net::model::{Access, InstrumentId, Invalid, Model, PatchError, Reduction};
use serde::{Deserialize, Serialize};

/// Pages with owners, and page 0, which needs the privilege.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ledger;

/// The page that needs the privilege.
pub const MARGIN: u32 = 0;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Pages(BTreeMap<u32, Arc<Vec<u32>>>);

impl Pages {
    /// The margin and `count` pages, all empty.
    pub fn empty(count: u32) -> Self {
        Self((MARGIN..=count).map(|page| (page, Arc::default())).collect())
    }

    pub fn lines(&self, page: u32) -> &[u32] {
        &self.0[&page]
    }
}

/// Appends a line to a page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Write {
    pub page: u32,
    pub line: u32,
}

/// The lines of a page from number `from` on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Growth {
    page: u32,
    from: usize,
    lines: Vec<u32>,
}

impl Model for Ledger {
    const NAME: &'static str = "ledger";
    const VERSION: u32 = 1;

    type State = Pages;
    type Action = Write;
    type Patch = Vec<Growth>;
    type Effect = ();
    type Outcome = ();
    type Metering = ();
    type Notice = ();

    fn access(_: &Pages, write: &Write) -> Access {
        match write.page {
            MARGIN => Access::Privilege,
            page => Access::Own(InstrumentId(page)),
        }
    }

    fn reduce(pages: &mut Pages, write: &Write) -> Result<Reduction<()>, Invalid> {
        let missing = || Invalid::missing("page", write.page);
        let page = pages.0.get_mut(&write.page).ok_or_else(missing)?;
        Arc::make_mut(page).push(write.line);
        Ok(Reduction::default())
    }

    fn diff(from: &Pages, to: &Pages) -> Option<Vec<Growth>> {
        let growth = |(page, new): (&u32, &Arc<Vec<u32>>)| {
            let old = &from.0[page];
            if Arc::ptr_eq(old, new) {
                return None;
            }
            let same = old.iter().zip(&**new).take_while(|(old, new)| old == new).count();
            let grown = same < old.len() || same < new.len();
            grown.then(|| Growth { page: *page, from: same, lines: new[same..].into() })
        };
        let patch: Vec<_> = to.0.iter().filter_map(growth).collect();
        (!patch.is_empty()).then_some(patch)
    }

    fn apply(pages: &mut Pages, patch: &Vec<Growth>) -> Result<(), PatchError> {
        for growth in patch {
            let page = pages.0.get_mut(&growth.page).ok_or(PatchError("no such page".into()))?;
            let page = Arc::make_mut(page);
            if page.len() < growth.from {
                return Err(PatchError("lines are missing".into()));
            }
            page.truncate(growth.from);
            page.extend(&growth.lines);
        }
        Ok(())
    }

    fn instruments(pages: &Pages) -> Vec<InstrumentId> {
        pages.0.keys().copied().filter(|&page| page != MARGIN).map(InstrumentId).collect()
    }
}
