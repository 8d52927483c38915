//! What a participant sees of an engine, whichever driver runs it. Nothing here sleeps for
//! a fixed time: a test waits for what must happen.

mod bell;
mod endings;
mod failures;
mod floods;
mod fragile;
mod handing_over;
mod stress;
