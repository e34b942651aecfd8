"""Logins that a hostile client would try, most of them with a good signature: what is refused, and with which words.

`at_the_door` are those that break a rule of the request: STS must not hear of them. Each takes a key whose session may
log in by the role `dev` and gives the fields of the login.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from .api import Json
from .signing import CENTRAL, Key, Signed, b64, encode, timestamp, v1, v3

Login = Callable[[Key], Json]


def _url(prefix: str) -> Login:
    """A good V1 query behind another beginning: V1 does not sign the host."""
    return lambda key: Signed(prefix + v1(key).url.partition("/?")[2]).payload("dev")


def _host(host: str) -> Login:
    return _url(f"https://{host}/?")


def _also(text: str) -> Login:
    """More at the end of a good V1 URL."""
    return lambda key: Signed(v1(key).url + text).payload("dev")


def _signed_v1(*drop: str, at: float = 0, **changes: str) -> Login:
    return lambda key: v1(key, drop=drop, at=at, **changes).payload("dev")


def _signed_v3(**bent: Any) -> Login:
    return lambda key: v3(key, **bent).payload("dev")


def _with(name: str, value: str) -> Login:
    """A V3 request with one more signed header, or another value of one."""
    return _signed_v3(headers={name: value})


def _v3_headers(change: Callable[[dict[str, Any]], Any]) -> Login:
    """A good V3 request whose headers are changed afterwards; what is returned takes their place."""
    def bend(key: Key) -> Json:
        signed = v3(key)
        return signed.payload("dev", identity_request_headers=change(signed.headers) or signed.headers)
    return bend


def _authorization(before: str, after: str) -> Login:
    def change(headers: dict[str, Any]) -> None:
        assert before in headers["Authorization"]
        headers["Authorization"] = headers["Authorization"].replace(before, after, 1)
    return _v3_headers(change)


def _fields(**fields: Any) -> Login:
    """A good V1 login with other fields; None leaves one out."""
    def bend(key: Key) -> Json:
        body = {**v1(key).payload("dev"), **fields}
        return {name: value for name, value in body.items() if value is not None}
    return bend


def _query_of_v3(key: Key) -> Json:
    signed = v3(key, query={"Action": "AssumeRole"})
    return signed.payload("dev")


def _both(key: Key) -> Json:
    return Signed(v1(key).url, v3(key).headers).payload("dev")


def _doubled(name: str) -> Callable[[dict[str, Any]], str]:
    """The headers as JSON in which one of them stands twice, in other letter cases."""
    return lambda headers: json.dumps(headers)[:-1] + f', {json.dumps(name)}: "x"}}'


_HOSTS: dict[str, tuple[Login, int, str]] = {
    "a bucket of the object storage": (_host("sts.oss-cn-hangzhou.aliyuncs.com"), 403, "list of STS hosts"),
    "a bucket in a region without a host": (_host("sts.oss-us-west-1.aliyuncs.com"), 403, "list of STS hosts"),
    "a bucket as a path of another region": (_host("sts.cn-hangzhou.oss.aliyuncs.com"), 403, "list of STS hosts"),
    "a host of the attacker": (_host("attacker.example"), 403, "list of STS hosts"),
    "the name of STS before the attacker's": (_host("sts.aliyuncs.com.attacker.example"), 403, "list of STS hosts"),
    "the name of STS without its dot": (_host("stsxaliyuncs.com"), 403, "list of STS hosts"),
    "the name of STS behind other letters": (_host("evilsts.aliyuncs.com"), 403, "list of STS hosts"),
    "another product": (_host("ram.aliyuncs.com"), 403, "list of STS hosts"),
    "a region that is none": (_host("sts.cn-nowhere.aliyuncs.com"), 403, "list of STS hosts"),
    "a host inside a private network": (_host("sts-vpc.cn-hangzhou.aliyuncs.com"), 403, "allow_vpc_endpoints"),
    "this machine by name": (_host("localhost"), 403, "list of STS hosts"),
    "this machine by address": (_host("127.0.0.1"), 400, "plain name"),
    "this machine by address of version 6": (_host("[::1]"), 400, "plain name"),
    "this machine by number": (_host("2130706433"), 400, "plain name"),
    "this machine in hexadecimal": (_host("0x7f000001"), 400, "plain name"),
    "the metadata of the instance": (_host("100.100.100.200"), 400, "plain name"),
    "the metadata of another cloud": (_host("169.254.169.254"), 400, "plain name"),
    "a dot at the end": (_host("sts.aliyuncs.com."), 400, "plain name"),
    "two dots": (_host("sts..aliyuncs.com"), 400, "plain name"),
    "no host": (_host(""), 400, "plain name"),
    "an escaped dot": (_host("sts%2ealiyuncs.com"), 400, "plain name"),
    "an escaped end": (_host("sts.aliyuncs.com%00.attacker.example"), 400, "plain name"),
    "a letter of another script": (_host("ѕts.aliyuncs.com"), 400, "printable ASCII"),
    "a full stop of another script": (_host("sts。aliyuncs。com"), 400, "printable ASCII"),
    "an encoded name of another script": (_host("xn--ts-nmc.aliyuncs.com"), 400, "plain name"),
    "STS as a user": (_host("sts.aliyuncs.com@attacker.example"), 400, "user or a password"),
    "a user at STS": (_host("user@sts.aliyuncs.com"), 400, "user or a password"),
    "a password at STS": (_host("user:word@sts.aliyuncs.com"), 400, "user or a password"),
    "STS and port as user and password": (_host("sts.aliyuncs.com:443@attacker.example"), 400, "user or a password"),
    "another port": (_host("sts.aliyuncs.com:8443"), 400, "port other than 443"),
    "the port of plain HTTP": (_host("sts.aliyuncs.com:80"), 400, "port other than 443"),
    "a blank port": (_host("sts.aliyuncs.com:"), 400, "port other than 443"),
    "a port with a zero in front": (_host("sts.aliyuncs.com:0443"), 400, "port other than 443"),
    "two ports": (_host("sts.aliyuncs.com:443:443"), 400, "port other than 443"),
    "a path": (_url("https://sts.aliyuncs.com/x?"), 400, "path must be empty"),
    "a path of dots": (_url("https://sts.aliyuncs.com/../?"), 400, "path must be empty"),
    "an escaped path": (_url("https://sts.aliyuncs.com/%2e?"), 400, "path must be empty"),
    "a double slash": (_url("https://sts.aliyuncs.com//?"), 400, "path must be empty"),
    "a fragment": (_also("#x"), 400, "fragment"),
    "STS behind a fragment": (_url("https://attacker.example#@sts.aliyuncs.com/?"), 400, "fragment"),
    "STS behind a question mark": (_url("https://attacker.example?@sts.aliyuncs.com/?"), 403, "list of STS hosts"),
    "STS behind a backslash": (_url("https://attacker.example\\@sts.aliyuncs.com/?"), 400, "backslash"),
    "a backslash behind STS": (_url("https://sts.aliyuncs.com\\.attacker.example/?"), 400, "backslash"),
    "a space in front": (_url(" https://sts.aliyuncs.com/?"), 400, "printable ASCII"),
    "a tab inside": (_url("https://sts.aliyuncs\t.com/?"), 400, "printable ASCII"),
    "a line break and another header": (_url("https://sts.aliyuncs.com/ HTTP/1.1\r\nHost: a\r\n\r\n?"), 400,
                                        "printable ASCII"),
    "plain HTTP": (_url("http://sts.aliyuncs.com/?"), 400, "https://"),
    "a scheme in capitals": (_url("HTTPS://sts.aliyuncs.com/?"), 400, "https://"),
    "a file": (_url("file:///etc/passwd?"), 400, "https://"),
    "no scheme": (_url("//sts.aliyuncs.com/?"), 400, "https://"),
}

_ENCODINGS: dict[str, tuple[Login, int, str]] = {
    "a URL that is not base64": (_fields(identity_request_url="https://sts.aliyuncs.com/"), 400, "not base64"),
    "a URL in two alphabets": (_fields(identity_request_url=b64("https://sts.aliyuncs.com/") + "+_"), 400,
                               "not base64"),
    "a URL that is no text": (_fields(identity_request_url=b64(b"https://sts.aliyuncs.com/?\xff\xfe")), 400,
                              "not base64 of text"),
    "a URL encoded twice": (_fields(identity_request_url=b64(b64("https://sts.aliyuncs.com/"))), 400, "https://"),
    "no URL": (_fields(identity_request_url=None), 400, "identity_request_url is missing"),
    "a blank URL": (_fields(identity_request_url=""), 400, "identity_request_url is missing"),
    "a URL that is an object": (_fields(identity_request_url={"a": 1}), 400, "identity_request_url"),
    "a URL that is too long": (_also("&VaultServerId=" + "x" * 17000), 400, "longer than 16384 bytes"),
    "a URL of a megabyte": (_fields(identity_request_url="A" * (1 << 20)), 400, "too large: at most 64 KiB"),
    "no headers": (_fields(identity_request_headers=None), 400, "identity_request_headers is missing"),
    "blank headers": (_fields(identity_request_headers=""), 400, "identity_request_headers is missing"),
    "headers that are no JSON": (_fields(identity_request_headers=b64("a: b")), 400, "JSON object"),
    "headers that are a number": (_fields(identity_request_headers=7), 400, "JSON object"),
    "headers with something behind": (_fields(identity_request_headers=b64('{"a": "b"} {}')), 400, "JSON object"),
    "headers inside of headers": (_fields(identity_request_headers={"a": {"b": "c"}}), 400, "string or a list"),
    "a header that is null": (_fields(identity_request_headers={"a": None}), 400, "string or a list"),
    "headers nested deeply": (_fields(identity_request_headers=b64('{"a": ' + "[" * 9000 + "]" * 9000 + "}")), 400,
                              "identity_request_headers"),
    "headers that are too long": (_fields(identity_request_headers={"a": "x" * 17000}), 400, "longer than 16384"),
    "too many headers": (_fields(identity_request_headers={f"a{n}": "x" for n in range(65)}), 400,
                         "more than 64 headers"),
    "another method": (_fields(identity_request_method="DELETE"), 400, "POST or GET"),
    "a method in small letters": (_fields(identity_request_method="get"), 400, "POST or GET"),
    "a method with a line break": (_fields(identity_request_method="GET / HTTP/1.1\r\nHost: a\r\n\r\nPOST"), 400,
                                   "POST or GET"),
    "no role": (_fields(role=None), 400, "missing role"),
    "a blank role": (_fields(role=""), 400, "missing role"),
    "a role that is not there": (_fields(role="nobody"), 400, "entry for role nobody not found"),
    "a role that is a path": (_fields(role="../config"), 400, "entry for role ../config not found"),
    "a role with an escape of the terminal": (_fields(role="\x1b[31mdev"), 400, "not found"),
    "a role of a megabyte": (_fields(role="x" * (1 << 20)), 400, "too large: at most 64 KiB"),
}

_QUERIES: dict[str, tuple[Login, int, str]] = {
    "a parameter twice": (_also("&Action=AssumeRole"), 400, "Action is given more than once"),
    "a parameter twice in another case": (_also("&action=AssumeRole"), 400, "action is given more than once"),
    "a parameter twice, once escaped": (_also("&%41ction=AssumeRole"), 400, "Action is given more than once"),
    "two signatures of V1": (_also("&Signature=AAAAAAAAAAAAAAAAAAAAAAAAAAA%3D"), 400, "Signature is given more"),
    "a broken escape": (_also("&VaultServerId=%zz"), 400, "percent sign"),
    "an escaped zero byte": (_also("&VaultServerId=a%00b"), 400, "control character"),
    "an escaped line break": (_also("&VaultServerId=a%0d%0ab"), 400, "control character"),
    "an escape that is no text": (_also("&VaultServerId=%ff"), 400, "not UTF-8"),
    "a semicolon": (_also("&VaultServerId=a;Action=AssumeRole"), 400, "percent-encoded"),
    "a name without a value": (_also("&Action"), 400, "name=value"),
    "nothing between two ampersands": (_also("&&VaultServerId=a"), 400, "name=value"),
    "a parameter of another action": (_signed_v1(RoleArn="acs:ram::1:role/x"), 400, "RoleArn does not belong"),
    "too many parameters": (_also("".join(f"&p{n}=x" for n in range(64))), 400, "more than 64 parameters"),
    "another action": (_signed_v1(Action="AssumeRole"), 400, "Action must be GetCallerIdentity"),
    "an action in another case": (_signed_v1(Action="getcalleridentity"), 400, "Action must be GetCallerIdentity"),
    "no action": (_signed_v1("Action"), 400, "Action is missing"),
    "the version of another product": (_signed_v1(Version="2015-05-01"), 400, "Version must be 2015-04-01"),
    "an answer in XML": (_signed_v1(Format="XML"), 400, "Format must be JSON"),
    "an answer in a form that STS chooses": (_signed_v1("Format"), 400, "Format is missing; it must be JSON"),
    "a region that is not the host's": (lambda key: v1(key, "sts.us-east-1.aliyuncs.com",
                                                       RegionId="cn-hangzhou").payload("dev"), 403, "another region"),
    "a server that this mount is not": (_signed_v1(VaultServerId="https://prod.example"), 403, "no server_id"),
    "another method of signing": (_signed_v1(SignatureMethod="HMAC-SHA256"), 400, "SignatureMethod must be"),
    "a bearer token": (_signed_v1(SignatureType="BEARERTOKEN"), 400, "SignatureType must be empty"),
    "another version of signing": (_signed_v1(SignatureVersion="2.0"), 400, "SignatureVersion must be 1.0"),
    "a nonce that is too long": (_signed_v1(SignatureNonce="n" * 257), 400, "SignatureNonce must be"),
    "no nonce": (_signed_v1("SignatureNonce"), 400, "SignatureNonce is missing"),
    "no time": (_signed_v1("Timestamp"), 400, "Timestamp is missing"),
    "a time that is none": (_signed_v1(Timestamp="2026-02-30T00:00:00Z"), 400, "must be a time in UTC"),
    "a time with an offset": (_signed_v1(Timestamp=timestamp()[:-1] + "+00:00"), 400, "must be a time in UTC"),
    "an old request": (_signed_v1(at=-16 * 60), 400, "more than 15 minutes ago"),
    "a request of a fast clock": (_signed_v1(at=6 * 60), 400, "more than 5 minutes ahead"),
    "a request of the future": (_signed_v1(at=16 * 60), 400, "more than 5 minutes ahead"),
    "a signature of another length": (lambda key: Signed(
        v1(key).url.partition("&Signature=")[0] + "&Signature=" + encode(b64(b"x" * 32))).payload("dev"), 400,
        "Signature must be base64 of 20 bytes"),
    "no signature": (lambda key: Signed(v1(key).url.partition("&Signature=")[0]).payload("dev"), 400,
                     "the request is not signed"),
    "a signature without a value": (_fields(identity_request_url=b64(f"https://{CENTRAL}/?Signature")), 400,
                                    "name=value"),
    "no query": (_fields(identity_request_url=b64("https://sts.aliyuncs.com/")), 400, "the request is not signed"),
}

_HEADERS: dict[str, tuple[Login, int, str]] = {
    "both signatures": (_both, 400, "both a Signature"),
    "another action by V3": (_with("x-acs-action", "AssumeRole"), 400, "x-acs-action must be GetCallerIdentity"),
    "an action that is not signed": (_signed_v3(unsigned=["x-acs-action"]), 400, "x-acs-action must be one of the"),
    "another action in the query of V3": (_query_of_v3, 400, "Action does not belong"),
    "a version that is not signed": (_signed_v3(unsigned=["x-acs-version"]), 400, "x-acs-version must be one of"),
    "a host that is not signed": (_signed_v3(unsigned=["host"]), 400, "host must be one of the signed headers"),
    "a time that is not signed": (_signed_v3(unsigned=["x-acs-date"]), 400, "x-acs-date must be one of"),
    "a token that is not signed": (_signed_v3(unsigned=["x-acs-security-token"]), 400,
                                   "x-acs-security-token must be one of"),
    "a nonce that is not signed": (_signed_v3(unsigned=["x-acs-signature-nonce"]), 400, "must be one of the signed"),
    "no nonce by V3": (_signed_v3(drop=["x-acs-signature-nonce"]), 400, "must be one of the signed"),
    "a host header of the attacker": (_with("host", "attacker.example"), 400, "host must be the url's host"),
    "a host header of another region": (_with("host", "sts.cn-hangzhou.aliyuncs.com"), 400, "the url's host"),
    "a host header with a port": (_with("host", "sts.aliyuncs.com:443"), 400, "host must be the url's host"),
    "the version of another product by V3": (_with("x-acs-version", "2015-05-01"), 400, "x-acs-version must be"),
    "a body": (_with("x-acs-content-sha256", "0" * 64), 400, "hash of an empty body"),
    "another credential in a header": (_with("x-acs-accesskey-id", "LTAI5tNobody"), 400, "the credential of the"),
    "an answer in any form by V3": (_with("accept", "*/*"), 400, "accept must be application/json"),
    "an answer in another form first by V3": (_with("accept", "application/json;q=0, text/xml"), 400,
                                              "accept must be application/json"),
    "a signed header of another product": (_with("x-acs-source-ip", "127.0.0.1"), 400, "cannot be sent on"),
    "a signed owner of resources": (_with("x-acs-resource-owner-account", "1"), 400, "cannot be sent on"),
    "a server that this mount is not by V3": (_signed_v3(query={"VaultServerId": "https://prod.example"}), 403,
                                              "no server_id"),
    "no headers by V3": (lambda key: v3(key).payload("dev", identity_request_headers=""), 400,
                         "identity_request_headers is missing"),
    "an answer in XML by V3": (_with("accept", "application/xml"), 400, "accept must be application/json"),
    "a signed Connection": (_with("connection", "x-acs-date"), 400, "connection cannot be sent on"),
    "a signed Transfer-Encoding": (_with("transfer-encoding", "chunked"), 400, "transfer-encoding cannot be sent on"),
    "a signed Content-Length": (_with("content-length", "100"), 400, "content-length cannot be sent on"),
    "a signed Upgrade": (_with("upgrade", "h2c"), 400, "upgrade cannot be sent on"),
    "a signed Expect": (_with("expect", "100-continue"), 400, "expect cannot be sent on"),
    "a signed Proxy-Authorization": (_with("proxy-authorization", "Basic eDp5"), 400, "cannot be sent on"),
    "a signed Cookie": (_with("cookie", "a=b"), 400, "cookie cannot be sent on"),
    "a signed X-Forwarded-Host": (_with("x-forwarded-host", "attacker.example"), 400, "x-forwarded-host cannot be"),
    "a signed bearer token": (_with("x-acs-bearer-token", "abc"), 400, "x-acs-bearer-token cannot be sent on"),
    "a signed word of the gateway": (_with("x-acs-caller-uid", "1"), 400, "x-acs-caller-uid cannot be sent on"),
    "a compressed answer": (_with("accept-encoding", "gzip"), 400, "accept-encoding must be identity"),
    "a header twice in another case": (_v3_headers(_doubled("X-Acs-Action")), 400, "x-acs-action is given more than"),
    "a header twice in one case": (_v3_headers(_doubled("x-acs-action")), 400, "x-acs-action is given more than"),
    "a header twice as lines": (_v3_headers(lambda h: [*(f"{n}:{v}" for n, v in h.items()), "Host: a"]), 400,
                                "host is given more than once"),
    "a header of two values": (_v3_headers(lambda h: {**h, "x-acs-action": ["GetCallerIdentity", "AssumeRole"]}), 400,
                               "exactly one value"),
    "a header of no value": (_v3_headers(lambda h: {**h, "x-acs-action": []}), 400, "exactly one value"),
    "a line break in a header": (_v3_headers(lambda h: {**h, "x-acs-action": "GetCallerIdentity\r\nHost: a"}), 400,
                                 "outside printable ASCII"),
    "a header in another script": (_v3_headers(lambda h: {**h, "x-acs-action": "GetCallerIdentitу"}), 400,
                                   "outside printable ASCII"),
    "a line break in a header's name": (_v3_headers(lambda h: {**h, "a\r\nhost": "b"}), 400, "no header can have"),
    "a colon in a header's name": (_v3_headers(lambda h: {**h, "host: a": "b"}), 400, "no header can have"),
    "a blank name of a header": (_v3_headers(lambda h: {**h, "": "b"}), 400, "no header can have"),
    "another algorithm": (_authorization("ACS3-HMAC-SHA256", "ACS3-RSA-SHA256"), 400, "Authorization header must"),
    "the scheme of another generation": (_authorization("ACS3-HMAC-SHA256 ", "acs "), 400, "Authorization header"),
    "two credentials": (_authorization("Credential=", "Credential=LTAI,Credential="), 400, "each once"),
    "a field that is not known": (_authorization(",Signature=", ",X=y,Signature="), 400, "each once"),
    "a signature in capitals": (_v3_headers(lambda h: {**h, "Authorization": h["Authorization"][:-64] + "A" * 64}),
                                400, "64 lower-case"),
    "signed headers out of order": (_authorization("=host;x-acs-action;", "=x-acs-action;host;"), 400, "sorted list"),
    "a signed header twice": (_authorization("=host;", "=host;host;"), 400, "sorted list"),
    "a signed header that is not there": (_authorization(";x-acs-version", ";x-acs-trace;x-acs-version"), 400,
                                          "x-acs-trace is listed in SignedHeaders but missing"),
    "an old request by V3": (_signed_v3(at=-16 * 60), 400, "more than 15 minutes ago"),
    "a request of a fast clock by V3": (_signed_v3(at=6 * 60), 400, "more than 5 minutes ahead"),
    "a request of the future by V3": (_signed_v3(at=16 * 60), 400, "more than 5 minutes ahead"),
}

at_the_door: dict[str, tuple[Login, int, str]] = {**_HOSTS, **_ENCODINGS, **_QUERIES, **_HEADERS}
