//! What generated structs share: the parts of [`Struct`] that are the same in all of them, and `()`, which has no fields.

use crate::{Schema, Shape, Struct, UNIT};

/// Ends an accessor whose index is beyond the table. Tables and structs are generated together, so it does not happen.
///
/// # Panics
/// Always.
pub fn no_member(i: usize) -> ! {
    panic!("no member {i}")
}

/// The `Any` half of a [`Struct`] implementation.
#[macro_export]
macro_rules! any {
    () => {
        fn as_any(&self) -> &dyn ::std::any::Any {
            self
        }
        fn into_any(
            self: ::std::boxed::Box<Self>,
        ) -> ::std::boxed::Box<dyn ::std::any::Any + ::std::marker::Send + ::std::marker::Sync> {
            self
        }
    };
}

/// Makes a [`Struct`] a [`Shape`], and printable.
#[macro_export]
macro_rules! structure {
    ($type:ty) => {
        impl $crate::Shape for $type {
            fn view(&self) -> ::std::option::Option<$crate::Ref<'_>> {
                ::std::option::Option::Some($crate::Ref::Struct(self))
            }
            fn slot(&mut self) -> $crate::Slot<'_> {
                $crate::Slot::Struct(self)
            }
        }
        impl ::std::fmt::Debug for $type {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                $crate::debug(self, f)
            }
        }
    };
}

impl Struct for () {
    fn schema(&self) -> &'static Schema {
        &UNIT
    }
    fn get(&self, i: usize) -> &dyn Shape {
        no_member(i)
    }
    fn get_mut(&mut self, i: usize) -> &mut dyn Shape {
        no_member(i)
    }
    any!();
}
