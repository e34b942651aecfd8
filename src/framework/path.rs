//! A path of the API: its pattern, its field table, its handlers and its help.

use std::sync::Arc;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::framework::class::RequestClass;
use crate::framework::error::Error;
use crate::framework::field::{self, Field, FieldKind, FieldValues};
use crate::framework::forward::Forward;
use crate::framework::handler::{Bound, Handler, reading};
use crate::framework::pattern::Pattern;
use crate::framework::request::Operation;
use crate::framework::response::Response;

/// What a handler gives back. No response means "not found" for reads and an empty success for everything else.
pub type HandlerResult = Result<Option<Response>, Error>;

/// The arguments of a handler that needs none.
#[derive(Debug, Deserialize)]
pub struct NoArguments {}

/// One path.
pub struct Path {
    pub(super) pattern: Pattern,
    pub(super) fields: Vec<&'static Field>,
    pub(super) operations: Vec<OperationSpec>,
    pub(super) existence: Option<Bound<FieldValues, Result<bool, Error>>>,
    pub(super) synopsis: &'static str,
    pub(super) description: &'static str,
    pub(super) display: DisplayAttributes,
}

/// One operation of a path.
pub struct OperationSpec {
    pub(super) operation: Operation,
    pub(super) handler: Bound<FieldValues, HandlerResult>,
    pub(super) display: DisplayAttributes,
    pub(super) forward: Forward,
    pub(super) class: RequestClass,
}

/// The parts that the OpenAPI operation ids are made of: prefix, verb and suffix joined by hyphens. A suffix may hold
/// alternatives separated by `|`, one for each path that the pattern expands to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DisplayAttributes {
    /// Such as `ali-cloud`.
    pub prefix: Option<&'static str>,
    /// Such as `generate`; by default the operation's own name.
    pub verb: Option<&'static str>,
    /// Such as `credentials`.
    pub suffix: Option<&'static str>,
}

impl DisplayAttributes {
    /// The prefix alone.
    pub const fn prefix(prefix: &'static str) -> Self {
        Self {
            prefix: Some(prefix),
            verb: None,
            suffix: None,
        }
    }

    /// With this verb.
    pub const fn verb(mut self, verb: &'static str) -> Self {
        self.verb = Some(verb);
        self
    }

    /// With this suffix.
    pub const fn suffix(mut self, suffix: &'static str) -> Self {
        self.suffix = Some(suffix);
        self
    }
}

impl Path {
    /// A path with the given [pattern](Pattern) and nothing else.
    pub fn new(pattern: &'static str) -> Self {
        Self {
            pattern: Pattern::new(pattern),
            fields: Vec::new(),
            operations: Vec::new(),
            existence: None,
            synopsis: "",
            description: "",
            display: DisplayAttributes::default(),
        }
    }

    /// Adds a field.
    pub fn field(mut self, field: Field) -> Self {
        self.fields.push(field::shared(field));
        self
    }

    /// Adds fields, such as those of [`Settings`](crate::framework::Settings).
    pub fn fields(mut self, fields: impl IntoIterator<Item = &'static Field>) -> Self {
        self.fields.extend(fields);
        self
    }

    /// Sets the help: one line, and the full text.
    pub fn help(mut self, synopsis: &'static str, description: &'static str) -> Self {
        self.synopsis = synopsis;
        self.description = description;
        self
    }

    /// Sets what the OpenAPI operation ids of this path begin and end with.
    pub fn display(mut self, display: DisplayAttributes) -> Self {
        self.display = display;
        self
    }

    /// Adds an operation. `handler` gets the engine's state, the context and its arguments, read from the coerced
    /// fields; an argument that was not given is absent, so it is an `Option` or has a serde default.
    pub fn on<S, A>(
        mut self,
        operation: Operation,
        state: &Arc<S>,
        handler: impl Handler<S, A, HandlerResult>,
    ) -> Self
    where
        S: Send + Sync + 'static,
        A: DeserializeOwned + 'static,
    {
        let forward = match operation {
            Operation::Create | Operation::Update | Operation::Delete => Forward::WhenReadOnly,
            _ => Forward::Never,
        };
        self.operations.push(OperationSpec {
            operation,
            handler: reading(state, |values: FieldValues| values.parse(), handler),
            display: DisplayAttributes::default(),
            forward,
            class: RequestClass::Storage,
        });
        self
    }

    /// Serves another operation with the handler of the one added last.
    pub fn and_on(mut self, operation: Operation) -> Self {
        if let Some(last) = self.operations.last() {
            let spec = OperationSpec {
                operation,
                handler: Arc::clone(&last.handler),
                ..*last
            };
            self.operations.push(spec);
        }
        self
    }

    /// Marks the operation added last as one that changes something although its name does not say so (a read that
    /// makes credentials). Such operations are forwarded by a node that cannot write.
    pub fn changing(self) -> Self {
        self.last(|operation| operation.forward = Forward::WhenReadOnly)
    }

    /// Marks the operation added last as one that makes a token: a standby forwards it before it does anything, for
    /// the server would have to forward it afterwards, and a signed request is good for one use.
    pub fn forward_on_standby(self) -> Self {
        self.last(|operation| operation.forward = Forward::OnStandby)
    }

    /// Marks the operation added last as one that makes something in the cloud for its caller.
    pub fn makes_in_cloud(self) -> Self {
        self.last(|operation| operation.class = RequestClass::Issue)
    }

    /// Marks the operation added last as one that may call the cloud for an operator.
    pub fn calls_cloud(self) -> Self {
        self.last(|operation| operation.class = RequestClass::CloudCall)
    }

    /// Marks the operation added last as one that needs neither storage nor the cloud.
    pub(super) fn needs_nothing(self) -> Self {
        self.last(|operation| operation.class = RequestClass::Static)
    }

    /// Gives the operation added last display attributes of its own.
    pub fn displayed(self, display: DisplayAttributes) -> Self {
        self.last(|operation| operation.display = display)
    }

    /// Nothing will be added: a process may have hundreds of mounts.
    pub(super) fn compact(mut self) -> Self {
        self.fields.shrink_to_fit();
        self.operations.shrink_to_fit();
        self
    }

    fn last(mut self, change: impl FnOnce(&mut OperationSpec)) -> Self {
        if let Some(operation) = self.operations.last_mut() {
            change(operation);
        }
        self
    }

    /// Sets the check by which the host tells create from update.
    pub fn exists<S, A>(mut self, state: &Arc<S>, check: impl Handler<S, A, Result<bool, Error>>) -> Self
    where
        S: Send + Sync + 'static,
        A: DeserializeOwned + 'static,
    {
        self.existence = Some(reading(state, |values: FieldValues| values.parse(), check));
        self
    }

    pub(super) fn operation(&self, operation: Operation) -> Option<&OperationSpec> {
        self.operations
            .iter()
            .find(|candidate| candidate.operation == operation)
    }

    /// The path with its lower-case captures folded, if that differs: two spellings must not be two paths to a policy.
    pub(super) fn folded(&self, path: &str) -> Option<String> {
        let captures = self.pattern.captures(path)?;
        let mut folded = path.to_owned();
        for (name, range) in captures.ranges() {
            let lower_case = self
                .fields
                .iter()
                .any(|f| f.name() == name && f.kind() == FieldKind::LowercaseString);
            if let (true, Some(captured)) = (lower_case, path.get(range.clone())) {
                // Names are ASCII, so folding keeps every offset.
                folded.replace_range(range, &captured.to_ascii_lowercase());
            }
        }
        (folded != path).then_some(folded)
    }
}
