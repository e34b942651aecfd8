"""`path-help` and the OpenAPI document."""

from __future__ import annotations

from typing import Any

import pytest
from harness.aws import AwsEngine
from harness.cli import Cli
from harness.engine import Engine
from openapi_spec_validator import validate

Doc = dict[str, Any]


def test_help_of_the_mount_names_every_path(engine: Engine) -> None:
    text = Cli(engine.server).run(f"path-help {engine.path}").ok().text
    assert text.startswith("## DESCRIPTION\n\nThe AliCloud secrets engine")
    for synopsis in ("Configure", "List the existing roles", "Read, write and reference policies",
                     "Generate an API key or STS credential"):
        assert synopsis in text
    for pattern in ("^config$", "^config/rotate-root$", "^config/ram-policy$", "^roles?/?$", "^role/", "^creds/",
                    "^static-roles/", "^static-creds/", "^rotate-role/"):
        assert pattern in text, text


@pytest.mark.parametrize(("path", "texts"), [
    ("config", ["access_key (string)", "secret_key (string)", "region (string)", "credential_source (string)",
                "oidc_provider_arn (string)", "oidc_token_file (string)", "role_arn (string)",
                "role_session_name (string)", "external_id (string)", "max_retries (int)", "verify (bool)"]),
    ("config/rotate-root", ["Replace the access key", "RAM user"]),
    ("static-roles/any", ["Manage the access key of a RAM user", "username (string)", "rotation_grace_period (duration (sec))"]),
    ("static-creds/any", ["Read the access key of a static role"]),
    ("rotate-role/any", ["Rotate the access key of a static role now"]),
    ("config/ram-policy", ["Show the RAM policy", "to paste into RAM"]),
    ("role", ["List the existing roles"]),
    ("roles", ["List the existing roles"]),
    ("role/any", ["role_arn (string)", "inline_policies", "remote_policies (slice)", "ttl (duration (sec))",
                  "max_ttl (duration (sec))", "wait_for_propagation (duration (sec))", "name (lowercase string)"]),
    ("creds/any", ["Generate an API key or STS credential", "name (lowercase string)"]),
    ("metrics", ["format (string)", "Prometheus' text format"]),
])
def test_help_of_each_path_explains_its_fields(engine: Engine, path: str, texts: list[str]) -> None:
    text = Cli(engine.server).run(f"path-help {engine.path}/{path}").ok().text
    for expected in [f"Request:        {path}", "Matching Route: ^", "## DESCRIPTION", *texts]:
        assert expected in text, text


def test_help_of_what_is_not_there_is_an_error(engine: Engine) -> None:
    output = Cli(engine.server).run(f"path-help {engine.path}/no/such/path")
    assert output.code != 0 and "unsupported path" in output.text


def _ours(engine: Engine, document: Doc) -> dict[str, Doc]:
    prefix = f"/{engine.path}"
    return {path.removeprefix(prefix): item for path, item in document["paths"].items() if path.startswith(prefix)}


def test_the_openapi_document_of_the_server_is_valid_and_has_our_operations(engine: Engine) -> None:
    assert _valid_operations(engine, "AliCloud") == {
        ("/config", "get"): "ali-cloud-read-configuration",
        ("/config", "post"): "ali-cloud-configure",
        ("/config", "delete"): "ali-cloud-delete-configuration",
        ("/config/rotate-root", "post"): "ali-cloud-rotate-root-credentials",
        ("/config/ram-policy", "get"): "ali-cloud-read-ram-policy",
        ("/role", "get"): "ali-cloud-list-roles",
        ("/roles", "get"): "ali-cloud-list-roles2",
        ("/role/{name}", "get"): "ali-cloud-read-role",
        ("/role/{name}", "post"): "ali-cloud-write-role",
        ("/role/{name}", "delete"): "ali-cloud-delete-role",
        ("/creds/{name}", "get"): "ali-cloud-generate-credentials",
        ("/creds/{name}", "post"): "ali-cloud-generate-credentials-with-parameters",
        ("/static-roles", "get"): "ali-cloud-list-static-roles",
        ("/static-roles/{name}", "get"): "ali-cloud-read-static-role",
        ("/static-roles/{name}", "post"): "ali-cloud-write-static-role",
        ("/static-roles/{name}", "delete"): "ali-cloud-delete-static-role",
        ("/static-creds/{name}", "get"): "ali-cloud-read-static-credentials",
        ("/rotate-role/{name}", "post"): "ali-cloud-rotate-static-role",
        ("/orphans", "get"): "ali-cloud-list-orphans",
        ("/orphans/{user}", "delete"): "ali-cloud-delete-orphan",
        ("/metrics", "get"): "ali-cloud-read-metrics",
    }


def test_the_openapi_document_of_the_aws_engine_is_valid_and_has_its_operations(aws_engine: AwsEngine) -> None:
    assert _valid_operations(aws_engine, "Aws") == {
        ("/config/root", "get"): "aws-read-root-iam-credentials-configuration",
        ("/config/root", "post"): "aws-configure-root-iam-credentials",
        ("/config/lease", "get"): "aws-read-lease-configuration",
        ("/config/lease", "post"): "aws-configure-lease",
        ("/config/lease", "delete"): "aws-delete-lease-configuration",
        ("/roles", "get"): "aws-list-roles",
        ("/roles/{name}", "get"): "aws-read-role",
        ("/roles/{name}", "post"): "aws-write-role",
        ("/roles/{name}", "delete"): "aws-delete-role",
        ("/creds/{name}", "get"): "aws-generate-credentials",
        ("/orphans", "get"): "aws-list-orphans",
        ("/orphans/{user}", "delete"): "aws-delete-orphan",
        ("/metrics", "get"): "aws-read-metrics",
    }


def _valid_operations(engine: Engine, schemas_prefix: str) -> dict[tuple[str, str], str]:
    """The operation ids of a mount by path and method, out of a document that is valid."""
    document = engine.api.read("sys/internal/specs/openapi").ok().body
    ours = _ours(engine, document)
    # The server's own paths are not ours to mend: the document is validated with our mount alone.
    schemas = {name: schema for name, schema in document["components"]["schemas"].items()
               if name.startswith(schemas_prefix)}
    validate({**document, "paths": {f"/{engine.path}{path}": item for path, item in ours.items()},
              "components": {"schemas": schemas}})
    return {(path, method): item[method]["operationId"]
            for path, item in ours.items() for method in ("get", "post", "delete") if method in item}


def test_the_openapi_document_describes_the_fields(engine: Engine) -> None:
    document = engine.api.read("sys/internal/specs/openapi").ok().body
    post = _ours(engine, document)["/role/{name}"]["post"]
    reference = post["requestBody"]["content"]["application/json"]["schema"]["$ref"]
    assert reference == "#/components/schemas/AliCloudWriteRoleRequest"
    schema = document["components"]["schemas"]["AliCloudWriteRoleRequest"]
    assert set(schema["properties"]) == {
        "role_arn", "inline_policies", "remote_policies", "ttl", "max_ttl", "wait_for_propagation", "role_arns",
        "session_policy", "allow_session_policy", "external_id", "source_identity", "ram_groups", "tags", "description",
        "allowed_ips", "allowed_vpcs", "credential_type", "service_name", "service_credential_days"}
    assert schema["properties"]["ttl"]["type"] == "integer"
    assert schema["properties"]["remote_policies"]["type"] == "array"


def test_the_openapi_document_describes_the_configuration(engine: Engine) -> None:
    schemas = engine.api.read("sys/internal/specs/openapi").ok().body["components"]["schemas"]
    properties = schemas["AliCloudConfigureRequest"]["properties"]
    assert set(properties) == {
        "access_key", "secret_key", "region", "ram_endpoint", "sts_endpoint", "ims_endpoint", "max_custom_policies",
        "max_system_policies", "credential_source", "oidc_provider_arn", "oidc_token_file", "role_arn",
        "role_session_name", "external_id", "max_retries", "fold_role_names", "previous_access_key",
        "previous_secret_key", "default_ttl", "max_ttl", "username_template", "role_session_name_template",
        "rotation_period", "rotation_schedule", "rotation_window", "disable_automated_rotation", "verify"}
    assert properties["credential_source"]["enum"] == ["", "config", "environment", "oidc", "uri", "ecs"]
    assert properties["max_retries"]["type"] == "integer" and properties["max_retries"]["default"] == -1
    assert properties["verify"]["type"] == "boolean"
    assert not [name for name, field in properties.items() if not field["description"]]


def test_the_whole_openapi_document_of_the_server_is_as_valid_as_without_us(engine: Engine) -> None:
    def complaint() -> str:
        try:
            validate(engine.api.read("sys/internal/specs/openapi").ok().body)
        except Exception as error:  # noqa: BLE001 - whatever the validator raises
            return str(error)[:300]
        return ""

    with_us = complaint()
    engine.unmount().ok()
    assert with_us == complaint()
