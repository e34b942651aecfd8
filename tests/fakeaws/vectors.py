"""Makes the files in `tests/data/aws` that botocore decides: where IAM is for each region, and how it signs calls of IAM.

    target/venv/bin/python3 tests/fakeaws/vectors.py

The cases `aws-…` beside them are those of AWS's published test suite of Signature Version 4 that have no query and path `/`.
"""

from __future__ import annotations

import datetime
from pathlib import Path
from unittest import mock
from urllib.parse import quote, urlencode

import botocore.session
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

_DATA = Path(__file__).resolve().parents[1] / "data/aws"
_TIME = datetime.datetime(2024, 2, 29, 23, 59, 59)
_POLICY = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:*","Resource":"*","Sid":"ü ~*/+"}}'
_CASES = {
    "create-user": ("iam.amazonaws.com", "us-east-1", None,
                    {"Action": "CreateUser", "UserName": "vault-token-deploy-1432735386-0123456789"}),
    "policy": ("iam.amazonaws.com", "us-east-1", None,
               {"Action": "PutUserPolicy", "UserName": "u", "PolicyName": "vault-+=,.@_", "PolicyDocument": _POLICY}),
    "session-token": ("iam.us-gov.amazonaws.com", "us-gov-west-1", "FwoG+/==//token", {"Action": "ListAccessKeys", "UserName": "u"}),
    "own-endpoint": ("iam.internal.example:8443", "cn-north-1", None, {"Action": "DeleteUser", "UserName": "u"}),
}


def main() -> None:
    """Writes all of them."""
    session = botocore.session.get_session()
    regions = [region for partition in session.get_available_partitions()
               for region in session.get_available_regions("ec2", partition)]
    lines = []
    for region in sorted(regions):
        client = session.create_client("iam", region, aws_access_key_id="a", aws_secret_access_key="s")
        lines.append(f"{region} {client.meta.endpoint_url.removeprefix('https://')} {_signing_region(client)}")
    (_DATA / "iam-endpoints").write_text("\n".join(lines) + "\n", "utf-8")
    for name, case in _CASES.items():
        _sign(_DATA / "sign" / f"botocore-{name}", *case)


def _signing_region(client: botocore.client.BaseClient) -> str:
    seen: list[str] = []

    def stop(request: AWSRequest, **_: object) -> None:
        seen.append(str(request.headers["Authorization"], "ascii").split("/")[2])
        raise InterruptedError

    client.meta.events.register("before-send.iam", stop)
    try:
        client.list_users()
    except InterruptedError:
        pass
    return seen[0]


def _sign(folder: Path, host: str, region: str, token: str | None, form: dict[str, str]) -> None:
    body = urlencode(sorted({**form, "Version": "2010-05-08"}.items()), quote_via=quote, safe="-_.~")
    credentials = Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", token)
    request = AWSRequest("POST", f"https://{host}/", data=body,
                         headers={"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"})
    auth = SigV4Auth(credentials, "iam", region)
    with mock.patch("botocore.auth.get_current_datetime", return_value=_TIME):
        auth.add_auth(request)
    authorization = request.headers["Authorization"]
    del request.headers["Authorization"]
    canonical = auth.canonical_request(request)
    folder.mkdir(parents=True, exist_ok=True)
    headers = {"content-type": request.headers["Content-Type"], "host": host, "x-amz-date": request.headers["X-Amz-Date"]}
    if token:
        headers["x-amz-security-token"] = token
    files = {"headers": "\n".join(f"{name}: {value}" for name, value in headers.items()), "body": body,
             "access-key-id": credentials.access_key, "secret": credentials.secret_key, "scope": f"{region} iam",
             "time": f"{_TIME.isoformat()}Z", "canonical-request": canonical,
             "string-to-sign": auth.string_to_sign(request, canonical), "authorization": authorization}
    if token:
        files["token"] = token
    for name, text in files.items():
        (folder / name).write_text(text, "utf-8")


if __name__ == "__main__":
    main()
