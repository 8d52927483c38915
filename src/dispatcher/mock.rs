//! A mock of the trait `Dispatcher`, for the tests of a UI.
//!
//! It has no session behind it: every call returns what the test specified.

use std::sync::Arc;

use async_trait::async_trait;
use mockall::mock;

use crate::{
    admission::AdmissionStatus,
    dispatcher::{CloseError, DispatchError, Dispatcher, Events, HostCommand, Identity, Status},
    model::{InstrumentId, Model},
    protocol::NetworkState,
    util::time::Timestamp,
};

mock! {
    /// A [`Dispatcher`] with expected calls and fixed results, which a test sets as
    /// [`mockall`] describes. It panics on an unexpected call, and if an expected call
    /// does not happen.
    pub Dispatcher<M: Model> {}

    #[async_trait]
    impl<M: Model> Dispatcher<M> for Dispatcher<M> {
        fn dispatch(&self, action: M::Action) -> Result<M::Outcome, DispatchError>;
        fn dispatch_all(&self, actions: Vec<M::Action>) -> Result<Vec<M::Outcome>, DispatchError>;
        async fn commit(&self, action: M::Action) -> Result<M::Outcome, DispatchError>;
        fn undo(&self) -> Result<(), DispatchError>;
        fn redo(&self) -> Result<(), DispatchError>;
        fn state(&self) -> Arc<NetworkState<M>>;
        fn confirmed(&self) -> Arc<NetworkState<M>>;
        fn clock(&self) -> Timestamp;
        fn metering(&self) -> M::Metering;
        fn status(&self) -> Status;
        fn identity(&self) -> Identity;
        fn events(&self) -> Events<M>;
        fn request_ownership(&self, instruments: &[InstrumentId]) -> Result<(), DispatchError>;
        fn release_ownership(&self, instruments: &[InstrumentId]) -> Result<(), DispatchError>;
        fn request_privilege(&self) -> Result<(), DispatchError>;
        fn release_privilege(&self) -> Result<(), DispatchError>;
        fn administer(&self, command: HostCommand) -> Result<(), DispatchError>;
        fn admission(&self) -> Option<Arc<AdmissionStatus>>;
        fn resynchronise(&self) -> Result<(), DispatchError>;
        async fn close(&self) -> Result<(), CloseError>;
    }
}
