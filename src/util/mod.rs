//! What every layer may use and what uses none of them: quantities, ordered
//! maps, session time, text, and the snapshot cell.

pub(crate) mod io;
pub mod ordmap;
pub mod quantity;
pub mod snapshot;
pub mod text;
pub mod time;
