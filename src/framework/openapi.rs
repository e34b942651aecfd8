//! The OpenAPI document of a backend, made from its paths.
//!
//! Hosts merge it into their own document, from which user interfaces build forms and client libraries take their
//! function names. Its shape and names follow Vault's `framework` package, as clients are generated from those.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use super::field::{Field, FieldKind};
use super::kind::{BackendKind, SpecialPaths};
use super::path::{OperationSpec, Path};
use super::request::Operation;

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
#[must_use]
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
        let mut item = Map::new();
        set_text(&mut item, "description", path.synopsis);
        let parameters = path_parameters(path);
        if !parameters.is_empty() {
            item.insert("parameters".to_owned(), parameters.into());
        }
        let relative = expansion.trim_start_matches('/');
        let unauthenticated = self
            .special
            .unauthenticated
            .iter()
            .any(|special| is_special(relative, special));
        set_flag(&mut item, "x-vault-unauthenticated", unauthenticated);
        set_flag(
            &mut item,
            "x-vault-createSupported",
            path.operation(Operation::Create).is_some(),
        );
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
        let mut operation = Map::new();
        if let Some(parameter) = list_parameter(path, spec.operation) {
            operation.insert("parameters".to_owned(), json!([parameter]));
        }
        if matches!(spec.operation, Operation::Create | Operation::Update)
            && let Some(schema) = body_schema(path)
        {
            let name = format!("{}Request", title_case(&id));
            let target = format!("#/components/schemas/{name}");
            // The host reads the document into its own structs by member name and knows this one as `ref` alone
            // (OpenBao 2.7.2 drops `$ref`); tools that read our answer itself know only `$ref`.
            let reference = json!({ "$ref": target, "ref": target });
            let body =
                json!({ "required": true, "content": { "application/json": { "schema": reference } } });
            operation.insert("requestBody".to_owned(), body);
            self.schemas.insert(name, schema);
        }
        let responses = match spec.operation {
            Operation::Delete => json!({ "204": { "description": "empty body" } }),
            _ => json!({ "200": { "description": "OK" } }),
        };
        operation.insert("operationId".to_owned(), id.into());
        operation.insert("tags".to_owned(), json!([tag]));
        operation.insert("responses".to_owned(), responses);
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

/// The parameters that all operations share: captured names and query fields, sorted by name.
fn path_parameters(path: &Path) -> Vec<Value> {
    let captured: Vec<&str> = path.pattern.names().collect();
    let mut parameters: Vec<(String, Value)> = Vec::new();
    for name in &captured {
        let field = path.fields.iter().find(|field| field.name() == *name);
        // The document is invalid without an entry, so that even an undescribed capture has one.
        let mut parameter = field.map_or_else(Map::new, parameter);
        parameter.insert("name".to_owned(), (*name).into());
        parameter.insert("in".to_owned(), "path".into());
        parameter.insert("required".to_owned(), true.into());
        parameter
            .entry("schema")
            .or_insert_with(|| json!({ "type": "string" }));
        parameters.push((name.to_lowercase(), parameter.into()));
    }
    for field in path
        .fields
        .iter()
        .filter(|field| field.query && !captured.contains(&field.name()))
    {
        let mut parameter = parameter(field);
        parameter.insert("name".to_owned(), field.name().into());
        parameter.insert("in".to_owned(), "query".into());
        parameters.push((field.name().to_lowercase(), parameter.into()));
    }
    parameters.sort_by(|(one, _), (other, _)| one.cmp(other));
    parameters.into_iter().map(|(_, parameter)| parameter).collect()
}

/// What a path parameter and a query parameter have in common. Here Vault leaves the format out.
fn parameter(field: &Field) -> Map<String, Value> {
    let mut schema = field_schema(field);
    schema.remove("format");
    schema.remove("description");
    schema.remove("deprecated");
    let mut parameter = Map::new();
    set_text(&mut parameter, "description", field.description);
    set_flag(&mut parameter, "deprecated", field.deprecated);
    parameter.insert("schema".to_owned(), schema.into());
    parameter
}

/// The schema of a request's body; none when every field has its place elsewhere.
fn body_schema(path: &Path) -> Option<Value> {
    let captured: Vec<&str> = path.pattern.names().collect();
    let is_in_body = |field: &&Field| !field.query && !captured.contains(&field.name());
    let fields: Vec<&Field> = path.fields.iter().filter(is_in_body).collect();
    if fields.is_empty() {
        return None;
    }
    let mut required: Vec<&str> = fields
        .iter()
        .filter(|field| field.required)
        .map(|field| field.name())
        .collect();
    required.sort_unstable();
    let properties: Map<String, Value> = fields
        .iter()
        .map(|field| (field.name().to_owned(), field_schema(field).into()))
        .collect();
    let mut schema = Map::new();
    schema.insert("type".to_owned(), "object".into());
    schema.insert("properties".to_owned(), properties.into());
    if !required.is_empty() {
        schema.insert("required".to_owned(), required.into());
    }
    Some(schema.into())
}

fn field_schema(field: &Field) -> Map<String, Value> {
    let mut schema = kind_schema(field.kind());
    set_text(&mut schema, "description", field.description);
    set_flag(&mut schema, "deprecated", field.deprecated);
    if let Some(default) = &field.default {
        schema.insert("default".to_owned(), default.clone());
    }
    if !field.allowed.is_empty() {
        // What is allowed in a list is said of its items.
        let target = schema.get_mut("items").and_then(Value::as_object_mut);
        match target {
            Some(items) => items.insert("enum".to_owned(), field.allowed.into()),
            None => schema.insert("enum".to_owned(), field.allowed.into()),
        };
    }
    let display = display_attributes(field);
    if !display.is_empty() {
        schema.insert("x-vault-displayAttrs".to_owned(), display.into());
    }
    schema
}

fn display_attributes(field: &Field) -> Map<String, Value> {
    let display = &field.display;
    let texts = [
        ("name", display.name),
        ("description", display.description),
        ("group", display.group),
        ("editType", display.edit_type),
    ];
    let mut attributes = Map::new();
    for (key, text) in texts {
        set_text(&mut attributes, key, text.unwrap_or_default());
    }
    if let Some(value) = &display.value {
        attributes.insert("value".to_owned(), value.clone());
    }
    set_flag(&mut attributes, "sensitive", display.sensitive);
    attributes
}

/// The JSON schema of a kind, with the formats by which Vault's own clients know it.
fn kind_schema(kind: FieldKind) -> Map<String, Value> {
    let list_of = |items: &str| Map::from_iter(list_entries(items));
    let formatted = |name: &str, format: &str| {
        Map::from_iter([
            ("type".to_owned(), name.into()),
            ("format".to_owned(), format.into()),
        ])
    };
    let plain = |name: &str| Map::from_iter([("type".to_owned(), name.into())]);
    match kind {
        FieldKind::Bool => plain("boolean"),
        FieldKind::CommaIntSlice => list_of("integer"),
        FieldKind::CommaStringSlice | FieldKind::StringSlice => list_of("string"),
        FieldKind::DurationSecond | FieldKind::SignedDurationSecond => formatted("integer", "seconds"),
        FieldKind::Float => formatted("number", "float"),
        FieldKind::Header | FieldKind::String => plain("string"),
        FieldKind::Int => plain("integer"),
        FieldKind::Int64 => formatted("integer", "int64"),
        FieldKind::KvPairs => formatted("object", "kvpairs"),
        FieldKind::LowercaseString => formatted("string", "lowercase"),
        FieldKind::Map => formatted("object", "map"),
        FieldKind::NameString => {
            let mut schema = plain("string");
            schema.insert("pattern".to_owned(), NAME_PATTERN.into());
            schema
        }
        FieldKind::Slice => list_of("object"),
        FieldKind::Time => formatted("string", "date-time"),
    }
}

fn list_entries(items: &str) -> [(String, Value); 2] {
    [
        ("type".to_owned(), "array".into()),
        ("items".to_owned(), json!({ "type": items })),
    ]
}

/// Adds a text with its white space cleaned up, unless nothing is left.
fn set_text(object: &mut Map<String, Value>, key: &str, text: &str) {
    let clean = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if !clean.is_empty() {
        object.insert(key.to_owned(), clean.into());
    }
}

/// Adds a flag that is set.
fn set_flag(object: &mut Map<String, Value>, key: &str, flag: bool) {
    if flag {
        object.insert(key.to_owned(), true.into());
    }
}

/// Whether a path is one of the special paths that `pattern` names: `+` stands for one segment, a final `*` for
/// anything.
fn is_special(path: &str, pattern: &str) -> bool {
    let (pattern, is_open) = match pattern.strip_suffix('*') {
        Some(pattern) => (pattern, true),
        None => (pattern, false),
    };
    let mut segments = path.split('/');
    let mut wanted = pattern.split('/').peekable();
    while let Some(want) = wanted.next() {
        let Some(segment) = segments.next() else {
            return false;
        };
        let is_open_end = is_open && wanted.peek().is_none();
        if is_open_end {
            return segment.starts_with(want);
        }
        if want != "+" && want != segment {
            return false;
        }
    }
    segments.next().is_none()
}

/// The methods of a path's item. Each shows the first operation that the path has.
const METHODS: [(&str, &[Operation]); 3] = [
    ("get", &[Operation::Read, Operation::List]),
    ("post", &[Operation::Update, Operation::Create]),
    ("delete", &[Operation::Delete]),
];

/// The grammar of names. Vault writes the class as `[\w-.]`, which JavaScript's and Python's expressions refuse.
const NAME_PATTERN: &str = r"^\w([\w.-]*\w)?$";

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::path::{DisplayAttributes, HandlerResult};
    use super::super::request::Context;
    use super::*;

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
                .field(Field::new("ttl", FieldKind::DurationSecond).query())
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
                    "parameters": [name, { "name": "ttl", "in": "query", "schema": { "type": "integer" } }],
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
                .documented_default("a")
                .edit_type("textarea"),
            Field::new("kinds", FieldKind::CommaStringSlice)
                .allowed(&["a"])
                .group("More")
                .display_value(json!(["a"]))
                .display_description("Kinds."),
            Field::new("name", FieldKind::NameString),
        ];
        let expected = [
            json!({
                "type": "string", "enum": ["a", "b"], "default": "a",
                "x-vault-displayAttrs": { "editType": "textarea" },
            }),
            json!({
                "type": "array", "items": { "type": "string", "enum": ["a"] },
                "x-vault-displayAttrs": { "group": "More", "value": ["a"], "description": "Kinds." },
            }),
            json!({ "type": "string", "pattern": NAME_PATTERN }),
        ];
        for (field, expected) in fields.iter().zip(expected) {
            assert_eq!(Value::from(field_schema(field)), expected);
        }
    }

    #[test]
    fn every_kind_has_vaults_schema() {
        let cases = [
            (FieldKind::Bool, "boolean", None),
            (FieldKind::Float, "number", Some("float")),
            (FieldKind::Int, "integer", None),
            (FieldKind::Int64, "integer", Some("int64")),
            (FieldKind::KvPairs, "object", Some("kvpairs")),
            (FieldKind::LowercaseString, "string", Some("lowercase")),
            (FieldKind::Map, "object", Some("map")),
            (FieldKind::SignedDurationSecond, "integer", Some("seconds")),
            (FieldKind::Time, "string", Some("date-time")),
        ];
        for (kind, name, format) in cases {
            let schema = kind_schema(kind);
            let format_found = schema.get("format").and_then(Value::as_str);
            assert_eq!(
                (&schema["type"], format_found),
                (&json!(name), format),
                "{kind:?}"
            );
        }
        assert_eq!(
            kind_schema(FieldKind::Slice)["items"],
            json!({ "type": "object" })
        );
        assert_eq!(
            kind_schema(FieldKind::CommaIntSlice)["items"],
            json!({ "type": "integer" })
        );
    }

    #[test]
    fn special_paths_may_have_wildcards() {
        let cases = [
            ("login", "login", true),
            ("login", "logins", false),
            ("login", "login/x", false),
            ("login/*", "login/x/y", true),
            ("login*", "logins/x", true),
            ("*", "anything", true),
            ("a/+/c", "a/b/c", true),
            ("a/+/c", "a/b/d", false),
            ("a/+/c", "a/b", false),
            ("a/+/c*", "a/b/cd/e", true),
        ];
        for (special, path, expected) in cases {
            assert_eq!(is_special(path, special), expected, "{special} {path}");
        }
    }
}
