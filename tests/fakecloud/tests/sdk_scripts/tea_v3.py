"""A life of a user with the Tea generation of SDKs: signature V3."""

from __future__ import annotations

import json
import os
from typing import Any

from alibabacloud_ram20150501 import models as ram_models
from alibabacloud_ram20150501.client import Client as RamClient
from alibabacloud_sts20150401 import models as sts_models
from alibabacloud_sts20150401.client import Client as StsClient
from alibabacloud_tea_openapi import models as open_api
from alibabacloud_tea_util.models import RuntimeOptions
from Tea.exceptions import TeaException

DOCUMENT = '{"Version":"1","Statement":[{"Effect":"Allow","Action":"oss:Get*","Resource":"*~ é"}]}'


def config(endpoint: str, key_id: str, secret: str, token: str | None = None) -> open_api.Config:
    """Through the proxy of the environment, trusting its CA."""
    return open_api.Config(access_key_id=key_id, access_key_secret=secret, security_token=token,
                           endpoint=endpoint, https_proxy=os.environ["HTTPS_PROXY"],
                           ca=os.environ["CA_FILE"], protocol="https")


def sts(key_id: str, secret: str, token: str | None = None) -> StsClient:
    """An STS client at a regional host."""
    return StsClient(config("sts.us-east-1.aliyuncs.com", key_id, secret, token))


def main() -> dict[str, Any]:
    """The whole story."""
    options = RuntimeOptions()
    key_id, secret = os.environ["KEY_ID"], os.environ["KEY_SECRET"]
    client = sts(key_id, secret)
    try:
        identity = client.get_caller_identity_with_options(options).body.to_map()
    except Exception as error:  # the class differs between releases of the core
        return {"refused": str(error)}
    assumed = client.assume_role_with_options(sts_models.AssumeRoleRequest(
        role_arn=f"acs:ram::{os.environ['ACCOUNT']}:role/vault-target",
        role_session_name="a.b@c_d", duration_seconds=900), options).body.to_map()
    found = assumed["Credentials"]
    session_identity = sts(found["AccessKeyId"], found["AccessKeySecret"], found["SecurityToken"]
                           ).get_caller_identity_with_options(options).body.to_map()
    ram = RamClient(config("ram.aliyuncs.com", key_id, secret))
    ram.create_user_with_options(ram_models.CreateUserRequest(
        user_name="sdk-user", comments="a b*c~d+é/😀"), options)
    ram.create_policy_with_options(ram_models.CreatePolicyRequest(
        policy_name="sdk-policy", policy_document=DOCUMENT), options)
    ram.attach_policy_to_user_with_options(ram_models.AttachPolicyToUserRequest(
        policy_type="Custom", policy_name="sdk-policy", user_name="sdk-user"), options)
    key = ram.create_access_key_with_options(ram_models.CreateAccessKeyRequest(
        user_name="sdk-user"), options).body.to_map()["AccessKey"]
    new_key_identity = sts(key["AccessKeyId"], key["AccessKeySecret"]
                           ).get_caller_identity_with_options(options).body.to_map()
    ram.delete_access_key_with_options(ram_models.DeleteAccessKeyRequest(
        user_name="sdk-user", user_access_key_id=key["AccessKeyId"]), options)
    ram.detach_policy_from_user_with_options(ram_models.DetachPolicyFromUserRequest(
        policy_type="Custom", policy_name="sdk-policy", user_name="sdk-user"), options)
    ram.delete_policy_with_options(ram_models.DeletePolicyRequest(policy_name="sdk-policy"),
                                   options)
    ram.delete_user_with_options(ram_models.DeleteUserRequest(user_name="sdk-user"), options)
    deleted = "still there"
    try:
        ram.get_user_with_options(ram_models.GetUserRequest(user_name="sdk-user"), options)
    except TeaException as error:
        deleted = error.code
    except Exception as error:
        deleted = getattr(error, "code", str(error))
    return {"identity": identity, "assumed": assumed, "session_identity": session_identity,
            "key": key, "new_key_identity": new_key_identity, "deleted": deleted}


if __name__ == "__main__":
    print(json.dumps(main()))
