//! What the served operations need of a model: reachable shapes, and which members must be boxed.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{Model, Operation, Reference, Shape};
use crate::{Error, Fix, Served};

/// A service, narrowed to what is served.
pub(crate) struct Reach<'a> {
    pub(crate) service: &'a str,
    pub(crate) model: &'a Model,
    pub(crate) served: &'a [Served],
    pub(crate) fix: &'a Fix,
    /// By name.
    pub(crate) shapes: BTreeMap<&'a str, &'a Shape>,
    /// Shapes that hold a stream somewhere and so cannot be cloned.
    streaming: BTreeSet<&'a str>,
}

impl<'a> Reach<'a> {
    pub(crate) fn of(
        service: &'a str,
        model: &'a Model,
        served: &'a [Served],
        fix: &'a Fix,
    ) -> Result<Self, Error> {
        let streaming = BTreeSet::new();
        let mut reach = Self { service, model, served, fix, shapes: BTreeMap::new(), streaming };
        for op in served {
            let def = reach.operation(&op.name)?;
            for used in def.input.iter().chain(&def.output).chain(&def.errors) {
                reach.visit(&used.shape)?;
            }
            for path in op.refused.iter().chain(&op.harmless) {
                reach.check_path(&op.name, def, path)?;
            }
        }
        reach.find_streams();
        Ok(reach)
    }

    pub(crate) fn operation(&self, name: &str) -> Result<&'a Operation, Error> {
        self.model
            .operations
            .get(name)
            .ok_or_else(|| Error::List(format!("the model has no operation {name}")))
    }

    pub(crate) fn shape(&self, name: &str) -> Result<&'a Shape, Error> {
        self.shapes.get(name).copied().ok_or_else(|| Error::Model(format!("no shape {name}")))
    }

    /// A shape of the model, whether or not what is served reaches it.
    pub(crate) fn any_shape(&self, name: &str) -> Result<(&'a str, &'a Shape), Error> {
        let found = self.model.shapes.0.iter().find(|(key, _)| key == name);
        let (key, shape) = found.ok_or_else(|| Error::Model(format!("no shape {name}")))?;
        Ok((key, shape))
    }

    fn visit(&mut self, name: &str) -> Result<(), Error> {
        let (key, shape) = self.any_shape(name)?;
        if self.shapes.insert(key, shape).is_some() {
            return Ok(());
        }
        parts(shape).try_for_each(|part| self.visit(&part.shape))
    }

    /// A dotted path of input members, list elements and map values transparent.
    fn check_path(&self, op: &str, def: &Operation, path: &str) -> Result<(), Error> {
        let missing = || Error::List(format!("{op}: its input has no member {path}"));
        let mut at = def.input.as_ref().ok_or_else(missing)?;
        for name in path.split('.') {
            let mut shape = self.shape(&at.shape)?;
            while let Some(inner) = shape.member.as_ref().or(shape.value.as_ref()) {
                shape = self.shape(&inner.shape)?;
            }
            at = shape.members.get(name).ok_or_else(missing)?;
        }
        Ok(())
    }

    fn find_streams(&mut self) {
        // Some models say of a member that it streams, and mean its shape.
        let used = self.shapes.values().flat_map(|shape| parts(shape)).filter(|part| part.streaming);
        self.streaming = used.map(|part| part.shape.as_str()).collect();
        loop {
            let found: Vec<&str> = self
                .shapes
                .iter()
                .filter(|(name, shape)| !self.streaming.contains(*name) && self.holds_stream(shape))
                .map(|(name, _)| *name)
                .collect();
            if found.is_empty() {
                return;
            }
            self.streaming.extend(found);
        }
    }

    fn holds_stream(&self, shape: &Shape) -> bool {
        shape.streaming || parts(shape).any(|part| self.streaming.contains(part.shape.as_str()))
    }

    pub(crate) fn is_streaming(&self, shape: &str) -> bool {
        self.streaming.contains(shape)
    }

    /// Whether a structure reaches itself through this member without a list or map between.
    pub(crate) fn is_recursive(&self, structure: &str, member: &Reference) -> bool {
        let mut seen = BTreeSet::new();
        let mut todo = vec![member.shape.as_str()];
        while let Some(name) = todo.pop() {
            if name == structure {
                return true;
            }
            if seen.insert(name)
                && let Some(shape) = self.shapes.get(name)
            {
                todo.extend(shape.members.iter().map(|(_, m)| m.shape.as_str()));
            }
        }
        false
    }
}

fn parts(shape: &Shape) -> impl Iterator<Item = &Reference> {
    shape.members.iter().map(|(_, m)| m).chain(&shape.member).chain(&shape.key).chain(&shape.value)
}
