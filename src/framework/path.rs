//! A path of the API: its pattern, its field table, its handlers and its help.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use serde::de::DeserializeOwned;

use crate::framework::class::RequestClass;
use crate::framework::error::Error;
use crate::framework::field::{Field, FieldKind, FieldValues};
use crate::framework::pattern::Pattern;
use crate::framework::request::{Context, Operation};
use crate::framework::response::Response;

/// What a handler gives back. No response means "not found" for reads and an empty success for everything else.
pub type HandlerResult = Result<Option<Response>, Error>;

type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A handler behind its types.
pub type Handler = Arc<dyn Fn(Context, FieldValues) -> BoxFuture<HandlerResult> + Send + Sync>;

type ExistenceCheck = Arc<dyn Fn(Context, FieldValues) -> BoxFuture<Result<bool, Error>> + Send + Sync>;

/// One path.
pub struct Path {
    pub(super) pattern: Pattern,
    pub(super) fields: Vec<Field>,
    pub(super) operations: Vec<OperationSpec>,
    pub(super) existence: Option<ExistenceCheck>,
    pub(super) synopsis: &'static str,
    pub(super) description: &'static str,
    pub(super) display: DisplayAttributes,
}

/// One operation of a path.
pub struct OperationSpec {
    pub(super) operation: Operation,
    pub(super) handler: Handler,
    pub(super) display: DisplayAttributes,
    pub(super) forward: Forward,
    pub(super) class: RequestClass,
}

/// Which nodes must leave an operation to the active node before it does anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Forward {
    /// None: it changes nothing.
    Never,
    /// Standbys. What it makes belongs to the cluster (a token), which a performance secondary writes itself.
    OnStandby,
    /// Every node that cannot write the mount's storage.
    WhenReadOnly,
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

impl Path {
    /// A path with the given [pattern](Pattern) and nothing else.
    #[must_use]
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
    #[must_use]
    pub fn field(mut self, field: Field) -> Self {
        self.fields.push(field);
        self
    }

    /// Adds fields, such as those of [`Settings`](crate::framework::Settings).
    #[must_use]
    pub fn fields(mut self, fields: impl IntoIterator<Item = Field>) -> Self {
        self.fields.extend(fields);
        self
    }

    /// Sets the help: one line, and the full text.
    #[must_use]
    pub fn help(mut self, synopsis: &'static str, description: &'static str) -> Self {
        self.synopsis = synopsis;
        self.description = description;
        self
    }

    /// Sets what the OpenAPI operation ids of this path begin and end with.
    #[must_use]
    pub fn display(mut self, display: DisplayAttributes) -> Self {
        self.display = display;
        self
    }

    /// Adds an operation. `handler` gets the engine's state, the context and its arguments, read from the coerced
    /// fields; an argument that was not given is absent, so it is an `Option` or has a serde default.
    #[must_use]
    pub fn on<S, A, F, R>(mut self, operation: Operation, state: &Arc<S>, handler: F) -> Self
    where
        S: Send + Sync + 'static,
        A: DeserializeOwned + Send + 'static,
        F: Fn(Arc<S>, Context, A) -> R + Send + Sync + 'static,
        R: Future<Output = HandlerResult> + Send + 'static,
    {
        let state = Arc::clone(state);
        let handler: Handler = Arc::new(move |context, values| match values.parse::<A>() {
            Ok(arguments) => Box::pin(handler(Arc::clone(&state), context, arguments)),
            Err(error) => Box::pin(std::future::ready(Err(error))),
        });
        let forward = match operation {
            Operation::Create | Operation::Update | Operation::Delete => Forward::WhenReadOnly,
            _ => Forward::Never,
        };
        self.operations.push(OperationSpec {
            operation,
            handler,
            display: DisplayAttributes::default(),
            forward,
            class: RequestClass::Storage,
        });
        self
    }

    /// Serves another operation with the handler of the one added last.
    #[must_use]
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
    #[must_use]
    pub fn changing(self) -> Self {
        self.forwarded(Forward::WhenReadOnly)
    }

    /// Marks the operation added last as one that makes a token: a standby forwards it before it does anything, for
    /// the server would have to forward it afterwards, and a signed request is good for one use.
    #[must_use]
    pub fn forward_on_standby(self) -> Self {
        self.forwarded(Forward::OnStandby)
    }

    /// Marks the operation added last as one that makes something in the cloud for its caller.
    #[must_use]
    pub fn makes_in_cloud(self) -> Self {
        self.of_class(RequestClass::Issue)
    }

    /// Marks the operation added last as one that may call the cloud for an operator.
    #[must_use]
    pub fn calls_cloud(self) -> Self {
        self.of_class(RequestClass::CloudCall)
    }

    fn of_class(mut self, class: RequestClass) -> Self {
        if let Some(operation) = self.operations.last_mut() {
            operation.class = class;
        }
        self
    }

    fn forwarded(mut self, forward: Forward) -> Self {
        if let Some(operation) = self.operations.last_mut() {
            operation.forward = forward;
        }
        self
    }

    /// Gives the operation added last display attributes of its own.
    #[must_use]
    pub fn displayed(mut self, display: DisplayAttributes) -> Self {
        if let Some(operation) = self.operations.last_mut() {
            operation.display = display;
        }
        self
    }

    /// Sets the check by which the host tells create from update.
    #[must_use]
    pub fn exists<S, A, F, R>(mut self, state: &Arc<S>, check: F) -> Self
    where
        S: Send + Sync + 'static,
        A: DeserializeOwned + Send + 'static,
        F: Fn(Arc<S>, Context, A) -> R + Send + Sync + 'static,
        R: Future<Output = Result<bool, Error>> + Send + 'static,
    {
        let state = Arc::clone(state);
        self.existence = Some(Arc::new(move |context, values| match values.parse::<A>() {
            Ok(arguments) => Box::pin(check(Arc::clone(&state), context, arguments)),
            Err(error) => Box::pin(std::future::ready(Err(error))),
        }));
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

impl fmt::Debug for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Path")
            .field("pattern", &self.pattern)
            .field("operations", &self.operations)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for OperationSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OperationSpec")
            .field("operation", &self.operation)
            .finish_non_exhaustive()
    }
}
