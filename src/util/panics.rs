//! Panics of code that the crate calls and does not control: a model's functions,
//! and the serialisation of its types.
//!
//! It must never decide what follows from a panic. The caller makes sure that
//! nothing of its own is half changed.

use std::{
    any::Any,
    cell::Cell,
    panic::{AssertUnwindSafe, catch_unwind},
};

thread_local! {
    /// How many calls of `catch_panic` this thread is in.
    static CATCHING: Cell<u32> = const { Cell::new(0) };
}

/// Whether a panic of the current thread would be caught, and reported as a refusal
/// or an error. The panic hook of a UI should then do nothing: the program goes on,
/// so the terminal must not be given back, nor written to.
#[must_use]
pub fn is_caught() -> bool {
    CATCHING.get() > 0
}

/// Calls `call`, and catches a panic.
///
/// # Errors
/// If `call` panics: the text of the panic. Whatever `call` was changing may be half
/// changed, so it must be a copy that the caller drops.
pub(crate) fn catch_panic<T>(call: impl FnOnce() -> T) -> Result<T, String> {
    CATCHING.set(CATCHING.get().saturating_add(1));
    let result = catch_unwind(AssertUnwindSafe(call));
    CATCHING.set(CATCHING.get().saturating_sub(1));
    result.map_err(|panic| {
        let text = panic_text(&*panic);
        drop_caught(panic);
        text
    })
}

/// Drops what other code defines; a panic of its destructor is ignored.
pub(crate) fn drop_caught<T>(value: T) {
    CATCHING.set(CATCHING.get().saturating_add(1));
    let dropped = catch_unwind(AssertUnwindSafe(|| drop(value)));
    CATCHING.set(CATCHING.get().saturating_sub(1));
    if let Err(panic) = dropped {
        // Its own destructor may panic, too.
        std::mem::forget(panic);
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("a panic").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panic_becomes_its_text() {
        assert_eq!(catch_panic(|| 7), Ok(7));
        assert_eq!(catch_panic(|| panic!("plain")), Err::<(), _>("plain".into()));
        assert_eq!(catch_panic(|| panic!("number {}", 1)), Err::<(), _>("number 1".into()));
        let other = catch_panic(|| std::panic::panic_any(1));
        assert_eq!(other, Err::<(), _>("a panic".into()));
    }

    #[test]
    fn panic_of_a_payload_is_caught() {
        struct Loud;
        impl Drop for Loud {
            fn drop(&mut self) {
                std::panic::panic_any(Self);
            }
        }
        assert_eq!(catch_panic(|| std::panic::panic_any(Loud)), Err::<(), _>("a panic".into()));
        drop_caught(Loud);
        assert!(!is_caught());
    }

    #[test]
    fn hook_is_told_what_is_caught() {
        assert!(!is_caught());
        assert_eq!(catch_panic(is_caught), Ok(true));
        let nested = catch_panic(|| (catch_panic(|| panic!("inner")), is_caught()));
        assert_eq!(nested, Ok((Err::<(), _>("inner".into()), true)));
        assert!(!is_caught());
    }
}
