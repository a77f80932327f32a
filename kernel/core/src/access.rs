//! What a call wants to do, to what: the question that policies answer.

/// An action on resources. Built by an operation's access line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// `sqs:SendMessage`; `None` where the action is the operation's own name.
    pub action: Option<&'static str>,
    /// ARNs; `*` when the action knows no resource.
    pub resources: Vec<String>,
    /// Condition keys of the service and their values.
    pub conditions: Vec<(&'static str, Vec<String>)>,
}

impl Access {
    /// On no resource in particular.
    pub fn any() -> Self {
        Self::on("*")
    }

    /// Whoever has signed may: no policy is asked.
    pub fn free() -> Self {
        Self::on_all([])
    }

    pub fn on(resource: impl Into<String>) -> Self {
        Self::on_all([resource.into()])
    }

    pub fn on_all(resources: impl IntoIterator<Item = String>) -> Self {
        Self { action: None, resources: resources.into_iter().collect(), conditions: Vec::new() }
    }

    /// An action that is not named like its operation (`s3:PutObject` guards more than one).
    #[must_use]
    pub fn action(mut self, action: &'static str) -> Self {
        self.action = Some(action);
        self
    }

    #[must_use]
    pub fn condition(mut self, key: &'static str, values: impl IntoIterator<Item = String>) -> Self {
        self.conditions.push((key, values.into_iter().collect()));
        self
    }
}
