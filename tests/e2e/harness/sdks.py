"""Requests as the official SDKs sign them. The code here only captures what would go out."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any
from unittest import mock

from .api import Api
from .signing import Key, Signed


class _Captured(BaseException):
    """Ends the call of the SDK; not an `Exception`, which SDKs would handle."""

    def __init__(self, request: Any) -> None:
        super().__init__()
        self.request = request


def _captured(requests: str, call: Callable[[], Any]) -> Signed:
    """What goes through this copy of `requests` into the network, with all of its headers."""
    def send(_adapter: Any, request: Any, *_: Any, **__: Any) -> Any:
        raise _Captured(request)

    with mock.patch.object(import_module(f"{requests}.adapters").HTTPAdapter, "send", send):
        try:
            call()
        except _Captured as captured:
            request = captured.request
            headers = {name: value.decode() if isinstance(value, bytes) else value
                       for name, value in request.headers.items()}
            signature = headers.get("Authorization", "").rpartition("Signature=")[2]
            Api.secrets.update([signature] if signature else [])
            return Signed(request.url, headers, request.method)
    raise AssertionError("the SDK sent nothing")


def core_v1(key: Key, host: str, method: str = "POST", **query: str) -> Signed:
    """`aliyun-python-sdk-core`, as of V1."""
    from aliyunsdkcore.auth.credentials import AccessKeyCredential, StsTokenCredential
    from aliyunsdkcore.client import AcsClient
    from aliyunsdksts.request.v20150401.GetCallerIdentityRequest import GetCallerIdentityRequest

    credential = (StsTokenCredential(key.id, key.secret, key.token) if key.token
                  else AccessKeyCredential(key.id, key.secret))
    # The SDK signs its region, and the host is that of the region or the central one.
    region = host.removeprefix("sts.").removesuffix(".aliyuncs.com") if host.count(".") == 3 else "cn-hangzhou"
    client = AcsClient(region_id=region, credential=credential, auto_retry=False)
    request = GetCallerIdentityRequest()
    request.set_endpoint(host)
    request.set_method(method)
    for name, value in query.items():
        request.add_query_param(name, value)
    return _captured("aliyunsdkcore.vendored.requests", lambda: client.do_action_with_exception(request))


def tea_v3(key: Key, host: str, **query: str) -> Signed:
    """`alibabacloud_sts20150401`, the current generation, which signs with V3."""
    from alibabacloud_sts20150401.client import Client
    from alibabacloud_tea_openapi import models
    from alibabacloud_tea_util.models import RuntimeOptions

    everywhere = models.GlobalParameters(queries=query) if query else None
    client = Client(models.Config(access_key_id=key.id, access_key_secret=key.secret, security_token=key.token,
                                  endpoint=host, global_parameters=everywhere))
    return _captured("requests", lambda: client.get_caller_identity_with_options(RuntimeOptions()))
