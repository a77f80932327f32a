//! The two directions of reflection: a [`Ref`] to read a value, a [`Slot`] to fill one.

use std::any::Any;
use std::collections::BTreeMap;

use crate::{Body, Bytes, Document, Schema, Timestamp};

/// A structure of an API: fields by index, in the order of its schema's members.
pub trait Struct: Any + Send + Sync {
    fn schema(&self) -> &'static Schema;
    /// The field of member `i`. Panics when there is none: the tables and the struct are generated together.
    fn get(&self, i: usize) -> &dyn Shape;
    fn get_mut(&mut self, i: usize) -> &mut dyn Shape;
    fn as_any(&self) -> &dyn Any;
    fn into_any(self: Box<Self>) -> Box<dyn Any + Send + Sync>;
}

/// A value of any shape.
pub trait Shape: Send + Sync {
    /// What is there; `None` for an absent optional value.
    fn view(&self) -> Option<Ref<'_>>;
    /// A place to put a value into; an absent optional value comes into being.
    fn slot(&mut self) -> Slot<'_>;
    /// Makes an optional value absent again (an explicit `null`); does nothing to a required one.
    fn clear(&mut self) {}
}

/// A value to read.
pub enum Ref<'a> {
    Boolean(bool),
    Integer(i32),
    Long(i64),
    Float(f32),
    Double(f64),
    String(&'a str),
    Blob(&'a Bytes),
    Stream(&'a Body),
    Timestamp(Timestamp),
    Document(&'a Document),
    Struct(&'a dyn Struct),
    List(&'a dyn ListRef),
    Map(&'a dyn MapRef),
}

/// A place to fill.
pub enum Slot<'a> {
    Boolean(&'a mut bool),
    Integer(&'a mut i32),
    Long(&'a mut i64),
    Float(&'a mut f32),
    Double(&'a mut f64),
    String(&'a mut String),
    Blob(&'a mut Bytes),
    Stream(&'a mut Body),
    Timestamp(&'a mut Timestamp),
    Document(&'a mut Document),
    Struct(&'a mut dyn Struct),
    List(&'a mut dyn ListSlot),
    Map(&'a mut dyn MapSlot),
}

pub trait ListRef {
    fn len(&self) -> usize;
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Element `i`; `None` past the end.
    fn at(&self, i: usize) -> Option<&dyn Shape>;
}

pub trait ListSlot {
    fn len(&self) -> usize;
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Appends an empty element and gives it to be filled.
    fn push(&mut self) -> &mut dyn Shape;
}

pub trait MapRef {
    fn len(&self) -> usize;
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Every entry, by key.
    fn each(&self, f: &mut dyn FnMut(&str, &dyn Shape));
}

pub trait MapSlot {
    fn len(&self) -> usize;
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// The value under `key`, emptied or made, to be filled.
    fn entry(&mut self, key: String) -> &mut dyn Shape;
}

macro_rules! scalar {
    ($($type:ty => $variant:ident),* $(,)?) => {$(
        impl Shape for $type {
            fn view(&self) -> Option<Ref<'_>> {
                Some(Ref::$variant(*self))
            }
            fn slot(&mut self) -> Slot<'_> {
                Slot::$variant(self)
            }
        }
    )*};
}
scalar!(bool => Boolean, i32 => Integer, i64 => Long, f32 => Float, f64 => Double, Timestamp => Timestamp);

impl Shape for String {
    fn view(&self) -> Option<Ref<'_>> {
        Some(Ref::String(self))
    }
    fn slot(&mut self) -> Slot<'_> {
        Slot::String(self)
    }
}

macro_rules! by_reference {
    ($($type:ty => $variant:ident),* $(,)?) => {$(
        impl Shape for $type {
            fn view(&self) -> Option<Ref<'_>> {
                Some(Ref::$variant(self))
            }
            fn slot(&mut self) -> Slot<'_> {
                Slot::$variant(self)
            }
        }
    )*};
}
by_reference!(Bytes => Blob, Body => Stream, Document => Document);

impl<T: Shape + Default> Shape for Option<T> {
    fn view(&self) -> Option<Ref<'_>> {
        self.as_ref().and_then(Shape::view)
    }
    fn slot(&mut self) -> Slot<'_> {
        self.get_or_insert_with(T::default).slot()
    }
    fn clear(&mut self) {
        *self = None;
    }
}

impl<T: Shape> Shape for Box<T> {
    fn view(&self) -> Option<Ref<'_>> {
        self.as_ref().view()
    }
    fn slot(&mut self) -> Slot<'_> {
        self.as_mut().slot()
    }
}

impl<T: Shape + Default> Shape for Vec<T> {
    fn view(&self) -> Option<Ref<'_>> {
        Some(Ref::List(self))
    }
    fn slot(&mut self) -> Slot<'_> {
        Slot::List(self)
    }
}

impl<T: Shape + Default> ListRef for Vec<T> {
    fn len(&self) -> usize {
        Vec::len(self)
    }
    fn at(&self, i: usize) -> Option<&dyn Shape> {
        self.get(i).map(|v| v as &dyn Shape)
    }
}

impl<T: Shape + Default> ListSlot for Vec<T> {
    fn len(&self) -> usize {
        Vec::len(self)
    }
    fn push(&mut self) -> &mut dyn Shape {
        self.push_mut(T::default())
    }
}

impl<T: Shape + Default> Shape for BTreeMap<String, T> {
    fn view(&self) -> Option<Ref<'_>> {
        Some(Ref::Map(self))
    }
    fn slot(&mut self) -> Slot<'_> {
        Slot::Map(self)
    }
}

impl<T: Shape + Default> MapRef for BTreeMap<String, T> {
    fn len(&self) -> usize {
        BTreeMap::len(self)
    }
    fn each(&self, f: &mut dyn FnMut(&str, &dyn Shape)) {
        for (key, value) in self {
            f(key, value);
        }
    }
}

impl<T: Shape + Default> MapSlot for BTreeMap<String, T> {
    fn len(&self) -> usize {
        BTreeMap::len(self)
    }
    fn entry(&mut self, key: String) -> &mut dyn Shape {
        let value = BTreeMap::entry(self, key).or_default();
        *value = T::default();
        value
    }
}
