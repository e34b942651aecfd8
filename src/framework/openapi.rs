//! The OpenAPI document of a backend, made from its paths.
//!
//! Hosts merge it into their own document, from which user interfaces build forms and client libraries take their
//! function names. Its shape and names follow Vault's `framework` package, as clients are generated from those.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use crate::framework::field::{Field, FieldKind};
use crate::framework::kind::{BackendKind, SpecialPaths};
use crate::framework::path::{OperationSpec, Path};
use crate::framework::request::Operation;

/// What the document says of the host and the mount.
#[derive(Debug, Clone, Copy)]
pub struct DocumentInfo<'a> {
    /// The title of the host's own document.
    pub title: &'a str,
    /// The host's version.
    pub version: &'a str,
    /// What the backend is, for the tag of each operation.
    pub kind: BackendKind,
    /// What operation ids begin with where the path does not say; hosts send the mount's type as
    /// `requestResponsePrefix`.
    pub default_prefix: Option<&'a str>,
}

/// The document for some of a backend's paths, or for all.
pub fn document(paths: &[&Path], special: &SpecialPaths, info: &DocumentInfo<'_>) -> Value {
    let mut builder = Builder {
        info,
        special,
        ids: HashSet::new(),
        paths: Map::new(),
        schemas: Map::new(),
    };
    for path in paths {
        builder.add(path);
    }
    json!({
        "openapi": "3.0.2",
        "info": {
            "title": info.title,
            "description": "HTTP API of one mount. Its paths follow `/v1/` and the path of the mount.",
            "version": info.version,
            "license": {
                "name": "Mozilla Public License 2.0",
                "url": "https://www.mozilla.org/en-US/MPL/2.0",
            },
        },
        "paths": builder.paths,
        "components": { "schemas": builder.schemas },
    })
}

struct Builder<'a> {
    info: &'a DocumentInfo<'a>,
    special: &'a SpecialPaths,
    /// The operation ids so far: each may be used once.
    ids: HashSet<String>,
    paths: Map<String, Value>,
    schemas: Map<String, Value>,
}

impl Builder<'_> {
    fn add(&mut self, path: &Path) {
        for (index, expansion) in path.pattern.openapi_paths().into_iter().enumerate() {
            // As in routing, the first path wins.
            if !self.paths.contains_key(&expansion) {
                let item = self.item(path, &expansion, index);
                self.paths.insert(expansion, item);
            }
        }
    }

    fn item(&mut self, path: &Path, expansion: &str, index: usize) -> Value {
        let relative = expansion.trim_start_matches('/');
        let is_in = |special: &[String]| special.iter().any(|path| path == relative).then_some(true);
        let mut item = object(json!({
            "description": clean(path.synopsis),
            "parameters": path_parameters(path),
            "x-vault-sudo": is_in(&self.special.root_protected),
            "x-vault-unauthenticated": is_in(&self.special.unauthenticated),
            "x-vault-createSupported": path.operation(Operation::Create).map(|_| true),
        }));
        for (method, candidates) in METHODS {
            if let Some(spec) = candidates.iter().find_map(|operation| path.operation(*operation)) {
                item.insert(method.to_owned(), self.operation(path, spec, expansion, index));
            }
        }
        item.into()
    }

    fn operation(&mut self, path: &Path, spec: &OperationSpec, expansion: &str, index: usize) -> Value {
        let id = self.unique(operation_id(
            path,
            spec,
            expansion,
            index,
            self.info.default_prefix,
        ));
        let tag = match self.info.kind {
            BackendKind::Auth => "auth",
            BackendKind::Secrets => "secrets",
        };
        let writes = matches!(spec.operation, Operation::Create | Operation::Update);
        let body = body_schema(path).filter(|_| writes).map(|schema| {
            let name = format!("{}Request", title_case(&id));
            let target = format!("#/components/schemas/{name}");
            self.schemas.insert(name, schema);
            // The host reads the document into its own structs by member name and knows this one as `ref` alone
            // (OpenBao 2.7.2 drops `$ref`); tools that read our answer itself know only `$ref`.
            let reference = json!({ "$ref": target, "ref": target });
            json!({ "required": true, "content": { "application/json": { "schema": reference } } })
        });
        let responses = match spec.operation {
            Operation::Delete => json!({ "204": { "description": "empty body" } }),
            _ => json!({ "200": { "description": "OK" } }),
        };
        let operation = object(json!({
            "operationId": id,
            "tags": [tag],
            "parameters": query_parameters(path, spec.operation),
            "requestBody": body,
            "responses": responses,
        }));
        operation.into()
    }

    /// Numbers an id that is taken already: `list-roles`, `list-roles2`.
    fn unique(&mut self, id: String) -> String {
        let numbered = (2_u32..).map(|number| format!("{id}{number}"));
        let free = std::iter::once(id.clone())
            .chain(numbered)
            .find(|id| !self.ids.contains(id));
        let id = free.unwrap_or(id);
        self.ids.insert(id.clone());
        id
    }
}

/// Prefix, verb and suffix joined by hyphens. What the operation says wins over what the path says; without a verb,
/// what is missing comes from the mount, the operation and the path.
fn operation_id(
    path: &Path,
    spec: &OperationSpec,
    expansion: &str,
    index: usize,
    default_prefix: Option<&str>,
) -> String {
    let (own, shared) = (spec.display, path.display);
    let verb = own.verb.or(shared.verb);
    let prefix = own
        .prefix
        .or(shared.prefix)
        .or(if verb.is_none() { default_prefix } else { None });
    let from_path = words(expansion);
    let suffix = own.suffix.or(shared.suffix).unwrap_or_default();
    // One alternative for each expansion. When there are fewer, the words of the path take their place.
    let suffix = match suffix.split('|').nth(index) {
        None => &from_path,
        Some("") if verb.is_none() => &from_path,
        Some(alternative) => alternative,
    };
    let verb = verb.unwrap_or(operation_verb(spec.operation));
    let parts = [prefix.unwrap_or_default(), verb, suffix];
    let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join("-").to_lowercase()
}

/// The verb of an operation without one of its own.
fn operation_verb(operation: Operation) -> &'static str {
    match operation {
        Operation::Create => "create",
        Operation::Delete => "delete",
        Operation::List => "list",
        Operation::Read => "read",
        Operation::Update => "write",
        // Not in documents: METHODS names all that are.
        _ => "",
    }
}

/// A path's words joined by hyphens: `/role/{name}` is `role-name`.
fn words(path: &str) -> String {
    let words = path.split(|character: char| !character.is_ascii_alphanumeric() && character != '_');
    words
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join("-")
}

/// An id without its hyphens, each word with a capital: `write-role` is `WriteRole`.
fn title_case(id: &str) -> String {
    let capitalised = |word: &str| {
        let mut characters = word.chars();
        characters
            .next()
            .into_iter()
            .flat_map(char::to_uppercase)
            .chain(characters)
            .collect::<String>()
    };
    id.split('-').map(capitalised).collect()
}

/// LIST is GET with a parameter in the document. Where GET reads as well, the parameter chooses.
fn list_parameter(path: &Path, operation: Operation) -> Option<Value> {
    match operation {
        Operation::List => Some(json!({
            "name": "list",
            "description": "Must be set to `true`",
            "in": "query",
            "required": true,
            "schema": { "type": "string", "enum": ["true"] },
        })),
        Operation::Read if path.operation(Operation::List).is_some() => Some(json!({
            "name": "list",
            "description": "Return a list if `true`",
            "in": "query",
            "schema": { "type": "string" },
        })),
        _ => None,
    }
}

/// The parameters of the query: the fields that a read takes there, and what makes a GET a LIST.
fn query_parameters(path: &Path, operation: Operation) -> Vec<Value> {
    let is_read = operation == Operation::Read;
    let fields = path.fields.iter().filter(|field| field.in_query && is_read);
    let parameters = fields.map(|field| {
        let mut schema = field_schema(field);
        let description = schema.remove("description");
        Value::from(object(json!({
            "name": field.name(),
            "in": "query",
            "description": description,
            "schema": schema,
        })))
    });
    parameters.chain(list_parameter(path, operation)).collect()
}

/// The parameters that all operations share: the captured names, sorted. Here Vault leaves the format out.
fn path_parameters(path: &Path) -> Vec<Map<String, Value>> {
    let mut names: Vec<&str> = path.pattern.names().collect();
    names.sort_unstable();
    let parameter = |name| {
        // The document is invalid without an entry, so that even an undescribed capture has one.
        let field = path.fields.iter().find(|field| field.name() == name);
        object(json!({
            "name": name,
            "in": "path",
            "required": true,
            "schema": { "type": "string" },
            "description": field.map(|field| clean(field.description)),
        }))
    };
    names.into_iter().map(parameter).collect()
}

/// The schema of a request's body; none when every field is in the path.
fn body_schema(path: &Path) -> Option<Value> {
    let captured: Vec<&str> = path.pattern.names().collect();
    let fields = || {
        path.fields
            .iter()
            .filter(|field| !captured.contains(&field.name()))
    };
    let properties: Map<String, Value> = fields()
        .map(|field| (field.name().to_owned(), field_schema(field).into()))
        .collect();
    let mut required: Vec<&str> = fields()
        .filter(|field| field.required)
        .map(|field| field.name())
        .collect();
    required.sort_unstable();
    (!properties.is_empty())
        .then(|| object(json!({ "type": "object", "properties": properties, "required": required })).into())
}

/// The JSON schema of a field, with the formats by which Vault's own clients know its kind.
fn field_schema(field: &Field) -> Map<String, Value> {
    let (name, format) = match field.kind() {
        FieldKind::Bool => ("boolean", ""),
        FieldKind::CommaStringSlice | FieldKind::StringSlice => ("array", ""),
        FieldKind::DurationSecond => ("integer", "seconds"),
        FieldKind::Header | FieldKind::String => ("string", ""),
        FieldKind::Int => ("integer", ""),
        FieldKind::KvPairs => ("object", "kvpairs"),
        FieldKind::LowercaseString => ("string", "lowercase"),
    };
    let display = &field.display;
    // What is allowed in a list is said of its items.
    let (items, allowed) = match name {
        "array" => (object(json!({ "type": "string", "enum": field.allowed })), None),
        _ => (Map::new(), Some(field.allowed)),
    };
    object(json!({
        "type": name,
        "format": format,
        "items": items,
        "enum": allowed,
        "description": clean(field.description),
        "deprecated": field.deprecated.then_some(true),
        "default": field.default,
        "x-vault-displayAttrs": object(json!({
            "name": display.name,
            "description": display.description.map(clean),
            "group": display.group,
            "sensitive": display.sensitive.then_some(true),
        })),
    }))
}

/// The members that say something: not those that are null or empty.
fn object(members: Value) -> Map<String, Value> {
    let Value::Object(mut members) = members else {
        return Map::new();
    };
    members.retain(|_, value| match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(elements) => !elements.is_empty(),
        Value::Object(members) => !members.is_empty(),
        Value::Bool(_) | Value::Number(_) => true,
    });
    members
}

/// A text with its white space cleaned up.
fn clean(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The methods of a path's item. Each shows the first operation that the path has.
const METHODS: [(&str, &[Operation]); 3] = [
    ("get", &[Operation::Read, Operation::List]),
    ("post", &[Operation::Update, Operation::Create]),
    ("delete", &[Operation::Delete]),
];

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::framework::path::{DisplayAttributes, HandlerResult};
    use crate::framework::request::Context;

    const PREFIX: Option<&str> = Some("ali-cloud");
    const NOTHING: DisplayAttributes = DisplayAttributes {
        prefix: None,
        verb: None,
        suffix: None,
    };

    fn shown(verb: Option<&'static str>, suffix: Option<&'static str>) -> DisplayAttributes {
        DisplayAttributes {
            prefix: None,
            verb,
            suffix,
        }
    }

    fn resource(suffix: Option<&'static str>) -> DisplayAttributes {
        DisplayAttributes {
            prefix: PREFIX,
            verb: None,
            suffix,
        }
    }

    async fn nothing(_: Arc<()>, _: Context, _: serde::de::IgnoredAny) -> HandlerResult {
        Ok(None)
    }

    trait WithOperations {
        fn with(self, operations: &[(Operation, DisplayAttributes)]) -> Self;
    }

    impl WithOperations for Path {
        fn with(self, operations: &[(Operation, DisplayAttributes)]) -> Self {
            let state = Arc::new(());
            operations.iter().fold(self, |path, (operation, display)| {
                path.on(*operation, &state, nothing).displayed(*display)
            })
        }
    }

    fn info(kind: BackendKind) -> DocumentInfo<'static> {
        DocumentInfo {
            title: "HashiCorp Vault API",
            version: "1.20.0",
            kind,
            default_prefix: Some("mounted"),
        }
    }

    /// Paths in the shape of the AliCloud secrets engine of HashiCorp.
    fn engine() -> Vec<Path> {
        let configuration = Some("configuration");
        vec![
            Path::new("config")
                .help("Configure the\n  engine.", "")
                .display(resource(None))
                .field(
                    Field::new("access_key", FieldKind::String)
                        .describe("Key.")
                        .required(),
                )
                .field(
                    Field::new("secret_key", FieldKind::String)
                        .required()
                        .display_name("Secret")
                        .sensitive(),
                )
                .with(&[
                    (Operation::Create, shown(Some("configure"), None)),
                    (Operation::Update, shown(Some("configure"), None)),
                    (Operation::Read, shown(None, configuration)),
                    (Operation::Delete, shown(None, configuration)),
                ]),
            Path::new("role/{name}")
                .display(resource(Some("role")))
                .field(Field::new("name", FieldKind::LowercaseString).describe("The role."))
                .field(Field::new("ttl", FieldKind::DurationSecond).documented_default(3600))
                .field(Field::new("remote_policies", FieldKind::StringSlice).deprecated())
                .with(&[
                    (Operation::Create, NOTHING),
                    (Operation::Update, NOTHING),
                    (Operation::Read, NOTHING),
                    (Operation::Delete, NOTHING),
                ]),
            Path::new("roles?/?")
                .display(resource(Some("roles")))
                .with(&[(Operation::List, NOTHING)]),
            Path::new("creds/{name}")
                .display(resource(None))
                .field(Field::new("name", FieldKind::LowercaseString))
                .with(&[(Operation::Read, shown(Some("generate"), Some("credentials")))]),
        ]
    }

    fn documented(paths: &[Path], kind: BackendKind) -> Value {
        let special = SpecialPaths {
            unauthenticated: vec!["login".to_owned()],
            ..SpecialPaths::default()
        };
        document(&paths.iter().collect::<Vec<_>>(), &special, &info(kind))
    }

    fn ids(document: &Value) -> Vec<String> {
        let mut ids = Vec::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for method in ["get", "post", "delete"] {
                if let Some(id) = item[method]["operationId"].as_str() {
                    ids.push(format!("{method} {path} {id}"));
                }
            }
        }
        ids
    }

    fn lists(pattern: &'static str, suffix: &'static str) -> Path {
        Path::new(pattern)
            .display(resource(Some(suffix)))
            .with(&[(Operation::List, NOTHING)])
    }

    #[test]
    fn operation_ids_are_those_that_clients_know() {
        let expected = [
            "get /config ali-cloud-read-configuration",
            "post /config ali-cloud-configure",
            "delete /config ali-cloud-delete-configuration",
            "get /creds/{name} ali-cloud-generate-credentials",
            "get /role ali-cloud-list-roles",
            "get /role/{name} ali-cloud-read-role",
            "post /role/{name} ali-cloud-write-role",
            "delete /role/{name} ali-cloud-delete-role",
            "get /roles ali-cloud-list-roles2",
        ];
        assert_eq!(ids(&documented(&engine(), BackendKind::Secrets)), expected);
    }

    #[test]
    fn suffixes_may_differ_between_expansions() {
        let expected = [
            "get /role ali-cloud-list-auth-roles",
            "get /roles ali-cloud-list-auth-roles2",
        ];
        let together = [lists("roles?/?", "auth-roles|auth-roles2")];
        let apart = [lists("role/?", "auth-roles"), lists("roles/?", "auth-roles2")];
        assert_eq!(ids(&documented(&together, BackendKind::Auth)), expected);
        assert_eq!(ids(&documented(&apart, BackendKind::Auth)), expected);
    }

    #[test]
    fn without_display_attributes_ids_come_from_mount_operation_and_path() {
        let paths = [
            Path::new("a.b/{name}").with(&[(Operation::Create, NOTHING), (Operation::Read, NOTHING)]),
            Path::new("login").with(&[(Operation::Update, shown(Some("login"), None))]),
        ];
        let expected = [
            "get /a.b/{name} mounted-read-a-b-name",
            "post /a.b/{name} mounted-create-a-b-name",
            "post /login login",
        ];
        assert_eq!(ids(&documented(&paths, BackendKind::Auth)), expected);
    }

    #[test]
    fn the_first_of_two_equal_paths_is_documented() {
        let paths = [lists("role/?", "first"), lists("roles?/?", "second|third")];
        let expected = [
            "get /role ali-cloud-list-first",
            "get /roles ali-cloud-list-third",
        ];
        assert_eq!(ids(&documented(&paths, BackendKind::Secrets)), expected);
    }

    #[test]
    fn the_document_of_an_engine_is_complete() {
        let name = json!({
            "name": "name", "in": "path", "required": true, "schema": { "type": "string" },
        });
        let mut described = name.clone();
        described["description"] = "The role.".into();
        let operation = |id: &str| json!({ "operationId": id, "tags": ["secrets"], "responses": { "200": { "description": "OK" } } });
        let writing = |id: &str, schema: &str| {
            let mut operation = operation(id);
            let reference = format!("#/components/schemas/{schema}");
            operation["requestBody"] = json!({
                "required": true,
                "content": { "application/json": { "schema": { "$ref": reference, "ref": reference } } },
            });
            operation
        };
        let deleting = |id: &str| {
            let mut operation = operation(id);
            operation["responses"] = json!({ "204": { "description": "empty body" } });
            operation
        };
        let listing = |id: &str| {
            let mut operation = operation(id);
            operation["parameters"] = json!([{
                "name": "list",
                "description": "Must be set to `true`",
                "in": "query",
                "required": true,
                "schema": { "type": "string", "enum": ["true"] },
            }]);
            json!({ "get": operation })
        };
        let expected = json!({
            "openapi": "3.0.2",
            "info": {
                "title": "HashiCorp Vault API",
                "description": "HTTP API of one mount. Its paths follow `/v1/` and the path of the mount.",
                "version": "1.20.0",
                "license": {
                    "name": "Mozilla Public License 2.0",
                    "url": "https://www.mozilla.org/en-US/MPL/2.0",
                },
            },
            "paths": {
                "/config": {
                    "description": "Configure the engine.",
                    "x-vault-createSupported": true,
                    "get": operation("ali-cloud-read-configuration"),
                    "post": writing("ali-cloud-configure", "AliCloudConfigureRequest"),
                    "delete": deleting("ali-cloud-delete-configuration"),
                },
                "/role/{name}": {
                    "parameters": [described],
                    "x-vault-createSupported": true,
                    "get": operation("ali-cloud-read-role"),
                    "post": writing("ali-cloud-write-role", "AliCloudWriteRoleRequest"),
                    "delete": deleting("ali-cloud-delete-role"),
                },
                "/role": listing("ali-cloud-list-roles"),
                "/roles": listing("ali-cloud-list-roles2"),
                "/creds/{name}": {
                    "parameters": [name],
                    "get": operation("ali-cloud-generate-credentials"),
                },
            },
            "components": { "schemas": {
                "AliCloudConfigureRequest": {
                    "type": "object",
                    "properties": {
                        "access_key": { "type": "string", "description": "Key." },
                        "secret_key": {
                            "type": "string",
                            "x-vault-displayAttrs": { "name": "Secret", "sensitive": true },
                        },
                    },
                    "required": ["access_key", "secret_key"],
                },
                "AliCloudWriteRoleRequest": {
                    "type": "object",
                    "properties": {
                        "ttl": { "type": "integer", "format": "seconds", "default": 3600 },
                        "remote_policies": {
                            "type": "array", "items": { "type": "string" }, "deprecated": true,
                        },
                    },
                },
            } },
        });
        assert_eq!(documented(&engine(), BackendKind::Secrets), expected);
    }

    #[test]
    fn a_login_is_tagged_and_marked() {
        let login = Path::new("login")
            .field(Field::new("identity_request_headers", FieldKind::Header))
            .with(&[(Operation::Update, shown(Some("login"), None))]);
        let document = documented(&[login], BackendKind::Auth);
        let item = &document["paths"]["/login"];
        assert_eq!(item["x-vault-unauthenticated"], true);
        assert_eq!(item["x-vault-createSupported"], Value::Null);
        assert_eq!(item["post"]["tags"], json!(["auth"]));
    }

    #[test]
    fn reading_and_listing_share_one_method() {
        let both = Path::new("role/?").with(&[(Operation::List, NOTHING), (Operation::Read, NOTHING)]);
        let document = documented(&[both], BackendKind::Secrets);
        let get = &document["paths"]["/role"]["get"];
        assert_eq!(get["operationId"], "mounted-read-role");
        assert_eq!(get["parameters"][0]["required"], Value::Null);
    }

    #[test]
    fn what_a_field_says_reaches_its_schema() {
        let fields = [
            Field::new("kind", FieldKind::String)
                .allowed(&["a", "b"])
                .documented_default("a"),
            Field::new("kinds", FieldKind::CommaStringSlice)
                .allowed(&["a"])
                .group("More")
                .display_description("Kinds."),
        ];
        let expected = [
            json!({ "type": "string", "enum": ["a", "b"], "default": "a" }),
            json!({
                "type": "array", "items": { "type": "string", "enum": ["a"] },
                "x-vault-displayAttrs": { "group": "More", "description": "Kinds." },
            }),
        ];
        for (field, expected) in fields.iter().zip(expected) {
            assert_eq!(Value::from(field_schema(field)), expected);
        }
    }

    #[test]
    fn every_kind_has_vaults_schema() {
        let cases = [
            (FieldKind::Bool, "boolean", None),
            (FieldKind::DurationSecond, "integer", Some("seconds")),
            (FieldKind::Int, "integer", None),
            (FieldKind::KvPairs, "object", Some("kvpairs")),
            (FieldKind::LowercaseString, "string", Some("lowercase")),
        ];
        for (kind, name, format) in cases {
            let schema = field_schema(&Field::new("f", kind));
            let format_found = schema.get("format").and_then(Value::as_str);
            assert_eq!(
                (&schema["type"], format_found),
                (&json!(name), format),
                "{kind:?}"
            );
        }
        assert_eq!(
            field_schema(&Field::new("f", FieldKind::StringSlice))["items"],
            json!({ "type": "string" })
        );
    }
}
