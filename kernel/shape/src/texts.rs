//! Structures made of nothing but texts.

/// A structure of texts that are said or not, such as what an error tells besides code and message: its fields, each with
/// its wire name and the [`Location`](crate::Location) it is said in.
#[macro_export]
macro_rules! texts {
    ($(#[$meta:meta])* $vis:vis struct $name:ident { $($field:ident: $wire:literal in $place:ident,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Default)]
        $vis struct $name {
            $($vis $field: Option<String>,)*
        }

        const _: () = {
            static TEXT: $crate::Schema =
                $crate::Schema { name: "Text", kind: $crate::Kind::String, ..$crate::Schema::PLAIN };
            static MEMBERS: &[$crate::Member] = &[$($crate::Member {
                name: $wire,
                wire: $wire,
                schema: &TEXT,
                location: $crate::Location::$place,
                ..$crate::Member::PLAIN
            },)*];
            static SCHEMA: $crate::Schema =
                $crate::Schema { name: stringify!($name), members: MEMBERS, ..$crate::Schema::PLAIN };

            impl $crate::Struct for $name {
                fn schema(&self) -> &'static $crate::Schema {
                    &SCHEMA
                }
                fn get(&self, i: usize) -> &dyn $crate::Shape {
                    let all: &[&dyn $crate::Shape] = &[$(&self.$field),*];
                    all.get(i).copied().unwrap_or_else(|| $crate::no_member(i))
                }
                fn get_mut(&mut self, i: usize) -> &mut dyn $crate::Shape {
                    let all: [&mut dyn $crate::Shape; MEMBERS.len()] = [$(&mut self.$field),*];
                    all.into_iter().nth(i).unwrap_or_else(|| $crate::no_member(i))
                }
                $crate::any!();
            }
            $crate::structure!($name);
        };
    };
}
