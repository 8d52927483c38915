//! What the histories of a session keep alive is bounded.
