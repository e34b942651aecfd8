"""A life of a user with aliyun-python-sdk-core: signature V1, typed and common requests."""

from __future__ import annotations

import json
import os
from typing import Any

from aliyunsdkcore.acs_exception.exceptions import ServerException
from aliyunsdkcore.auth.credentials import StsTokenCredential
from aliyunsdkcore.client import AcsClient
from aliyunsdkcore.request import CommonRequest
from aliyunsdkram.request.v20150501.AttachPolicyToUserRequest import AttachPolicyToUserRequest
from aliyunsdkram.request.v20150501.CreateAccessKeyRequest import CreateAccessKeyRequest
from aliyunsdkram.request.v20150501.CreatePolicyRequest import CreatePolicyRequest
from aliyunsdkram.request.v20150501.CreateUserRequest import CreateUserRequest
from aliyunsdkram.request.v20150501.DeleteUserRequest import DeleteUserRequest
from aliyunsdksts.request.v20150401.AssumeRoleRequest import AssumeRoleRequest
from aliyunsdksts.request.v20150401.GetCallerIdentityRequest import GetCallerIdentityRequest

# This SDK ignores the CA settings of the environment.
CA_FILE = os.environ["CA_FILE"]
DOCUMENT = '{"Version":"1","Statement":[{"Effect":"Allow","Action":"oss:Get*","Resource":"*~ é"}]}'


def send(client: AcsClient, request: Any, **values: str) -> Any:
    """Sets the parameters and sends over TLS."""
    for name, value in values.items():
        getattr(request, f"set_{name}")(value)
    request.set_protocol_type("https")
    return json.loads(client.do_action_with_exception(request))


def ram(client: AcsClient, method: str, action: str, **values: str) -> Any:
    """A request without a class of its own, everything in the query."""
    request = CommonRequest()
    request.set_domain("ram.aliyuncs.com")
    request.set_version("2015-05-01")
    request.set_action_name(action)
    request.set_method(method)
    request.set_protocol_type("https")
    for name, value in values.items():
        request.add_query_param(name, value)
    return json.loads(client.do_action_with_exception(request))


def main() -> dict[str, Any]:
    """The whole story."""
    client = AcsClient(os.environ["KEY_ID"], os.environ["KEY_SECRET"], "cn-hangzhou",
                       verify=CA_FILE)
    try:
        identity = send(client, GetCallerIdentityRequest())
    except ServerException as error:
        return {"refused": error.get_error_code()}
    assumed = send(client, AssumeRoleRequest(), RoleSessionName="a.b@c_d",
                   RoleArn=f"acs:ram::{os.environ['ACCOUNT']}:role/vault-target")
    found = assumed["Credentials"]
    session = AcsClient(region_id="cn-hangzhou", verify=CA_FILE, credential=StsTokenCredential(
        found["AccessKeyId"], found["AccessKeySecret"], found["SecurityToken"]))
    session_identity = send(session, GetCallerIdentityRequest())
    send(client, CreateUserRequest(), UserName="sdk-user", Comments="a b*c~d+é/😀")
    send(client, CreatePolicyRequest(), PolicyName="sdk-policy", PolicyDocument=DOCUMENT)
    send(client, AttachPolicyToUserRequest(), PolicyType="Custom", PolicyName="sdk-policy",
         UserName="sdk-user")
    key = send(client, CreateAccessKeyRequest(), UserName="sdk-user")["AccessKey"]
    user = AcsClient(key["AccessKeyId"], key["AccessKeySecret"], "cn-hangzhou", verify=CA_FILE)
    new_key_identity = send(user, GetCallerIdentityRequest())
    ram(client, "POST", "DeleteAccessKey", UserName="sdk-user", UserAccessKeyId=key["AccessKeyId"])
    ram(client, "GET", "DetachPolicyFromUser", PolicyType="Custom", PolicyName="sdk-policy",
        UserName="sdk-user")
    ram(client, "GET", "DeletePolicy", PolicyName="sdk-policy")
    send(client, DeleteUserRequest(), UserName="sdk-user")
    try:
        ram(client, "GET", "GetUser", UserName="sdk-user")
        deleted = "still there"
    except ServerException as error:
        deleted = error.get_error_code()
    return {"identity": identity, "assumed": assumed, "session_identity": session_identity,
            "key": key, "new_key_identity": new_key_identity, "deleted": deleted}


if __name__ == "__main__":
    print(json.dumps(main()))
