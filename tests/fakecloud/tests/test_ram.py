"""RAM: shapes, limits, conflicts, permissions, lag."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fakecloud import Control, FakeCloud

from helpers import DOCUMENT, Client, code_of


def _user_of(fake: FakeCloud, key: dict[str, str], style: str = "v3") -> Client:
    return Client(fake, key["AccessKeyId"], key["AccessKeySecret"], style=style)


@pytest.mark.parametrize("style", ["v1", "v3"])
def test_life_of_a_dynamic_user(fake: FakeCloud, client: Client, control: Control,
                                style: str) -> None:
    client.style = style
    made = client.ram("CreateUser", UserName="dyn", Comments="é \n*~+")
    assert set(made) == {"RequestId", "User"} and "Arn" not in made["User"]
    user_id = made["User"]["UserId"]
    assert user_id.isdigit() and len(user_id) == 18
    policy = client.ram("CreatePolicy", PolicyName="dyn", PolicyDocument=DOCUMENT)["Policy"]
    assert (policy["PolicyType"], policy["DefaultVersion"]) == ("Custom", "v1")
    named = {"PolicyType": "Custom", "PolicyName": "dyn", "UserName": "dyn"}
    assert set(client.ram("AttachPolicyToUser", **named)) == {"RequestId"}
    client.ram("AddUserToGroup", UserName="dyn", GroupName="auditors")
    key = client.ram("CreateAccessKey", UserName="dyn")["AccessKey"]
    assert len(key["AccessKeyId"]) == 24 and len(key["AccessKeySecret"]) == 30

    dynamic = _user_of(fake, key, style)
    assert dynamic.sts("GetCallerIdentity")["UserId"] == user_id
    assert code_of(dynamic.ram, "ListUsers") == "NoPermission"
    used = client.ram("GetAccessKeyLastUsed", UserName="dyn", UserAccessKeyId=key["AccessKeyId"])
    assert used["AccessKeyLastUsed"]["LastUsedDate"].endswith("Z")

    left = control.leftovers()
    assert [len(left[kind]) for kind in ("users", "keys", "policies", "attachments",
                                         "memberships")] == [1, 1, 1, 1, 1]
    assert not left["clean"]
    for conflict, action, params in (
            ("User.Group", "RemoveUserFromGroup", {"UserName": "dyn", "GroupName": "auditors"}),
            ("User.AccessKey", "DeleteAccessKey",
             {"UserName": "dyn", "UserAccessKeyId": key["AccessKeyId"]}),
            ("User.Policy", "DetachPolicyFromUser", named)):
        assert code_of(client.ram, "DeleteUser", UserName="dyn") == f"DeleteConflict.{conflict}"
        if conflict == "User.Policy":
            assert code_of(client.ram, "DeletePolicy", PolicyName="dyn"
                           ) == "DeleteConflict.Policy.User"
        client.ram(action, **params)
        assert code_of(client.ram, action, **params).startswith("EntityNotExist.User.")
    client.ram("DeletePolicy", PolicyName="dyn")
    client.ram("DeleteUser", UserName="dyn")
    assert code_of(client.ram, "DeleteUser", UserName="dyn") == "EntityNotExist.User"
    assert code_of(dynamic.sts, "GetCallerIdentity") == "InvalidAccessKeyId.NotFound"
    assert control.leftovers()["clean"]
    assert control.state()["recycled"] == {"users": ["dyn"], "keys": [key["AccessKeyId"]]}


@pytest.mark.parametrize("action, params, code", [
    ("CreateUser", {}, "MissingUserName"),
    ("CreateUser", {"UserName": ""}, "InvalidParameter.UserName.Length"),
    ("CreateUser", {"UserName": "x" * 65}, "InvalidParameter.UserName.Length"),
    ("CreateUser", {"UserName": "a b"}, "InvalidParameter.UserName.InvalidChars"),
    ("CreateUser", {"UserName": "a@b"}, "InvalidParameter.UserName.InvalidChars"),
    ("CreateUser", {"UserName": "ALICE"}, "EntityAlreadyExists.User"),
    ("CreateUser", {"UserName": "a", "DisplayName": ""}, "InvalidParameter.DisplayName.Length"),
    ("CreateUser", {"UserName": "a", "DisplayName": "a b"},
     "InvalidParameter.DisplayName.InvalidChars"),
    ("CreateUser", {"UserName": "a", "Comments": "x" * 129}, "InvalidParameter.Comments.Length"),
    ("CreateUser", {"UserName": "a", "Email": "nobody"}, "InvalidParameter.Email.Format"),
    ("CreateUser", {"UserName": "a", "MobilePhone": "1"}, "InvalidParameter.MobilePhone.Format"),
    ("GetUser", {}, "MissingUserName"),
    ("GetUser", {"UserName": "nobody"}, "EntityNotExist.User"),
    ("UpdateUser", {"UserName": "alice", "NewUserName": "vault-operator"},
     "EntityAlreadyExists.User"),
    ("ListUsers", {"MaxItems": "1001"}, "InvalidParameter.MaxItems"),
    ("CreatePolicy", {"PolicyName": "a.b", "PolicyDocument": DOCUMENT},
     "InvalidParameter.PolicyName.InvalidChars"),
    ("CreatePolicy", {"PolicyName": "a_b", "PolicyDocument": DOCUMENT},
     "InvalidParameter.PolicyName.InvalidChars"),
    ("CreatePolicy", {"PolicyName": "x" * 129, "PolicyDocument": DOCUMENT},
     "InvalidParameter.PolicyName.Length"),
    ("CreatePolicy", {"PolicyName": "a", "PolicyDocument": DOCUMENT, "Description": "x" * 1025},
     "InvalidParameter.Description.Length"),
    ("CreatePolicy", {"PolicyName": "a", "PolicyDocument": DOCUMENT + " " * 6144},
     "InvalidParameter.PolicyDocument.Length"),
    ("CreatePolicy", {"PolicyName": "a", "PolicyDocument": DOCUMENT, "Tag": "[{}]"},
     "InvalidParameter.Tag"),
    ("CreatePolicy", {"PolicyName": "APP-readonly", "PolicyDocument": DOCUMENT},
     "EntityAlreadyExists.Policy"),
    ("DeletePolicy", {"PolicyName": "AliyunOSSFullAccess"}, "EntityNotExist.Policy"),
    ("GetPolicy", {"PolicyName": "app-readonly"}, "MissingPolicyType"),
    ("GetPolicy", {"PolicyName": "app-readonly", "PolicyType": "custom"},
     "InvalidParameter.PolicyType"),
    ("GetPolicyVersion", {"PolicyName": "app-readonly", "PolicyType": "Custom",
                          "VersionId": "v9"}, "EntityNotExist.Policy.Version"),
    ("DeletePolicyVersion", {"PolicyName": "app-readonly", "VersionId": "1"},
     "InvalidParameter.VersionId.Format"),
    ("DeletePolicyVersion", {"PolicyName": "app-readonly", "VersionId": "v1"},
     "DeleteConflict.Policy.Version.Default"),
    ("AttachPolicyToUser", {"PolicyName": "nothing", "PolicyType": "System",
                            "UserName": "alice"}, "EntityNotExist.Policy"),
    ("DetachPolicyFromUser", {"PolicyName": "app-readonly", "PolicyType": "Custom",
                              "UserName": "alice"}, "EntityNotExist.User.Policy"),
    ("UpdateAccessKey", {"UserName": "alice", "UserAccessKeyId": "x"}, "MissingStatus"),
    ("UpdateAccessKey", {"UserName": "alice", "UserAccessKeyId": "x", "Status": "Off"},
     "InvalidParameter.Status"),
    ("DeleteAccessKey", {"UserName": "alice"}, "MissingUserAccessKeyId"),
    ("DeleteAccessKey", {"UserName": "alice", "UserAccessKeyId": "x"},
     "EntityNotExist.User.AccessKey"),
    ("AddUserToGroup", {"UserName": "alice", "GroupName": "none"}, "EntityNotExist.Group"),
    ("RemoveUserFromGroup", {"UserName": "alice", "GroupName": "auditors"},
     "EntityNotExist.User.Group"),
    ("CreateGroup", {"GroupName": "a.b"}, "InvalidParameter.GroupName.InvalidChars"),
    ("CreateRole", {"RoleName": "a_b", "AssumeRolePolicyDocument": DOCUMENT},
     "InvalidParameter.RoleName.InvalidChars"),
    ("CreateRole", {"RoleName": "a", "AssumeRolePolicyDocument": DOCUMENT},
     "MalformedPolicyDocument"),
    ("GetLoginProfile", {"UserName": "alice"}, "EntityNotExist.User.LoginProfile"),
    ("UnbindMFADevice", {"UserName": "alice"}, "EntityNotExist.User.MFADevice"),
])
def test_refusals(client: Client, action: str, params: dict[str, str], code: str) -> None:
    assert code_of(client.ram, action, **params) == code


@pytest.mark.parametrize("document", [
    "", "{", "[]", '{"Version":1,"Statement":[]}', '{"Version":"1","Statement":[]}',
    '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}',
    '{"Version":"1","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}',
    '{"Version":"1","Statement":[{"Effect":"Maybe","Action":"*","Resource":"*"}]}',
    '{"Version":"1","Statement":[{"Effect":"Allow","Action":"oss","Resource":"*"}]}',
    '{"Version":"1","Statement":[{"Effect":"Allow","Action":"oss:*"}]}',
])
def test_malformed_documents(client: Client, document: str) -> None:
    code = code_of(client.ram, "CreatePolicy", PolicyName="p", PolicyDocument=document)
    assert code in ("MalformedPolicyDocument", "InvalidParameter.PolicyDocument.Length")


def test_document_size_counts_bytes(client: Client) -> None:
    base = json.loads(DOCUMENT)
    base["Statement"][0]["Resource"] = ["é" * 3000]
    text = json.dumps(base, ensure_ascii=False)
    assert len(text) < 6144 < len(text.encode()) + 100
    text += " " * (6144 - len(text.encode()))
    client.ram("CreatePolicy", PolicyName="exact", PolicyDocument=text)
    assert code_of(client.ram, "CreatePolicy", PolicyName="over", PolicyDocument=text + " "
                   ) == "InvalidParameter.PolicyDocument.Length"


def test_quotas(client: Client, control: Control) -> None:
    control.quotas(users=3, policies=3, groups_per_user=0)
    client.ram("CreateUser", UserName="third")
    assert code_of(client.ram, "CreateUser", UserName="fourth") == "LimitExceeded.User"
    for number in (1, 2):
        client.ram("CreatePolicy", PolicyName=f"p{number}", PolicyDocument=DOCUMENT)
        client.ram("CreateAccessKey", UserName="third")
    assert code_of(client.ram, "CreatePolicy", PolicyName="p3", PolicyDocument=DOCUMENT
                   ) == "LimitExceeded.Policy"
    assert code_of(client.ram, "CreateAccessKey", UserName="third"
                   ) == "LimitExceeded.User.AccessKey"
    assert code_of(client.ram, "AddUserToGroup", UserName="third", GroupName="auditors"
                   ) == "LimitExceeded.User.Group"
    with pytest.raises(Exception, match="unknown names"):
        control.quotas(usres=3)


@pytest.mark.parametrize("kind, most", [("Custom", 10), ("System", 20)])
def test_attachment_limits(client: Client, control: Control, kind: str, most: int) -> None:
    def attach(number: int) -> Any:
        name = f"p{number}" if kind == "Custom" else f"AliyunService{number}ReadOnlyAccess"
        return client.ram("AttachPolicyToUser", PolicyType=kind, PolicyName=name, UserName="alice")

    for number in range(1, most + 1):
        if kind == "Custom":
            control.policy(f"p{number}", actions=["oss:*"])
        attach(number)
    assert code_of(attach, most) == "EntityAlreadyExists.User.Policy"
    control.policy(f"p{most + 1}", actions=["oss:*"])
    assert code_of(attach, most + 1) == "LimitExceeded.User.Policy"
    listed = client.ram("ListPoliciesForUser", UserName="alice")["Policies"]["Policy"]
    assert len(listed) == most
    assert set(listed[0]) == {"PolicyName", "PolicyType", "Description", "DefaultVersion",
                              "AttachDate"}


def test_policy_versions(client: Client) -> None:
    named = {"PolicyName": "app-readonly"}
    typed = {**named, "PolicyType": "Custom"}
    for _ in range(4):
        client.ram("CreatePolicyVersion", PolicyDocument=DOCUMENT, **named)
    assert code_of(client.ram, "CreatePolicyVersion", PolicyDocument=DOCUMENT, **named
                   ) == "LimitExceeded.Policy.Version"
    made = client.ram("CreatePolicyVersion", PolicyDocument=DOCUMENT, SetAsDefault="true",
                      RotateStrategy="DeleteOldestNonDefaultVersionWhenLimitExceeded", **named)
    assert made["PolicyVersion"]["VersionId"] == "v6"
    rows = client.ram("ListPolicyVersions", **typed)["PolicyVersions"]["PolicyVersion"]
    assert [row["VersionId"] for row in rows] == ["v1", "v3", "v4", "v5", "v6"]
    assert [row["IsDefaultVersion"] for row in rows] == [False] * 4 + [True]
    client.ram("DeletePolicyVersion", VersionId="v1", **named)
    client.ram("SetDefaultPolicyVersion", VersionId="v3", **named)
    policy = client.ram("GetPolicy", **typed)
    assert policy["DefaultPolicyVersion"]["VersionId"] == "v3"
    assert policy["Policy"]["AttachmentCount"] == 0
    assert code_of(client.ram, "DeletePolicy", **named) == "DeleteConflict.Policy.Version"
    client.ram("DeletePolicy", CascadingDelete="true", **named)


def test_delete_conflicts_of_policies(client: Client, control: Control) -> None:
    for kind, name in (("Group", "auditors"), ("Role", "vault-target"), ("User", "alice")):
        params = {"PolicyType": "Custom", "PolicyName": "app-readonly", f"{kind}Name": name}
        client.ram(f"AttachPolicyTo{kind}", **params)
        assert code_of(client.ram, "DeletePolicy", PolicyName="app-readonly",
                       CascadingDelete="true") == f"DeleteConflict.Policy.{kind}"
        entities = client.ram("ListEntitiesForPolicy", PolicyType="Custom",
                              PolicyName="app-readonly")
        assert [len(entities[f"{k}s"][k]) for k in ("User", "Group", "Role")
                ] == [int(kind == k) for k in ("User", "Group", "Role")]
        client.ram(f"DetachPolicyFrom{kind}", **params)
    client.ram("DeletePolicy", PolicyName="app-readonly")
    assert control.leftovers()["missing"] == [{"kind": "policy", "name": "app-readonly"}]


def test_foreign_leftovers_block_deletion(client: Client, control: Control) -> None:
    client.ram("CreateUser", UserName="dyn")
    control.post("mfa", user_name="dyn")
    control.post("login_profiles", user_name="dyn")
    assert code_of(client.ram, "DeleteUser", UserName="dyn") == "DeleteConflict.User.LoginProfile"
    client.ram("DeleteLoginProfile", UserName="dyn")
    assert code_of(client.ram, "DeleteUser", UserName="dyn") == "DeleteConflict.User.MFADevice"
    assert "SerialNumber" in client.ram("UnbindMFADevice", UserName="dyn")["MFADevice"]
    client.ram("CreateLoginProfile", UserName="dyn", Password="Secret-1")
    assert code_of(client.ram, "CreateLoginProfile", UserName="dyn", Password="Secret-1"
                   ) == "EntityAlreadyExists.User.LoginProfile"
    client.ram("DeleteLoginProfile", UserName="dyn")
    client.ram("DeleteUser", UserName="dyn")


def test_paging(client: Client, control: Control) -> None:
    for number in range(5):
        control.user(f"page-{number}")
    seen: list[str] = []
    marker: dict[str, str] = {}
    while True:
        page = client.ram("ListUsers", MaxItems="3", **marker)
        seen += [user["UserName"] for user in page["Users"]["User"]]
        if not page["IsTruncated"]:
            assert "Marker" not in page
            break
        marker = {"Marker": page["Marker"]}
    assert seen == sorted(["alice", "vault-operator", *(f"page-{n}" for n in range(5))])
    custom = client.ram("ListPolicies", PolicyType="Custom")["Policies"]["Policy"]
    assert [policy["PolicyName"] for policy in custom] == ["app-readonly"]
    page = client.ram("ListPolicies", MaxItems="31")
    assert page["IsTruncated"]
    rest = client.ram("ListPolicies", Marker=page["Marker"])["Policies"]["Policy"]
    assert [policy["PolicyName"] for policy in rest] == ["app-readonly"]


def test_groups_and_roles(client: Client) -> None:
    group = client.ram("CreateGroup", GroupName="team")["Group"]
    assert group["GroupId"].startswith("g-")
    client.ram("AddUserToGroup", UserName="alice", GroupName="team")
    assert code_of(client.ram, "AddUserToGroup", UserName="alice", GroupName="TEAM"
                   ) == "EntityAlreadyExists.User.Group"
    groups = client.ram("ListGroupsForUser", UserName="alice")["Groups"]["Group"]
    assert set(groups[0]) == {"GroupId", "GroupName", "Comments", "JoinDate"}
    assert code_of(client.ram, "DeleteGroup", GroupName="team") == "DeleteConflict.Group.User"
    client.ram("RemoveUserFromGroup", UserName="alice", GroupName="team")
    client.ram("DeleteGroup", GroupName="team")
    role = client.ram("GetRole", RoleName="vault-target")["Role"]
    assert role["MaxSessionDuration"] == 43200 and role["RoleId"].isdigit()
    client.ram("CreateRole", RoleName="made", MaxSessionDuration="7200",
               AssumeRolePolicyDocument=role["AssumeRolePolicyDocument"])
    assert code_of(client.ram, "CreateRole", RoleName="Made", MaxSessionDuration="7200",
                   AssumeRolePolicyDocument=role["AssumeRolePolicyDocument"]
                   ) == "EntityAlreadyExists.Role"
    client.ram("DeleteRole", RoleName="made")
    assert code_of(client.ram, "GetRole", RoleName="made") == "EntityNotExist.Role"


def test_keys_of_oneself(fake: FakeCloud, client: Client, control: Control) -> None:
    own = client.ram("ListAccessKeys")["AccessKeys"]["AccessKey"]
    assert [key["AccessKeyId"] for key in own] == [client.key_id]
    root = control.key(root=True)
    owner = Client(fake, root["access_key_id"], root["access_key_secret"])
    made = owner.ram("CreateAccessKey")["AccessKey"]
    assert _user_of(fake, made).sts("GetCallerIdentity")["IdentityType"] == "Account"
    session = control.session(role_name="vault-ecs")
    role = Client(fake, session["access_key_id"], session["access_key_secret"],
                  session["security_token"])
    assert code_of(role.ram, "CreateAccessKey") == "MissingUserName"


def test_key_switched_off(fake: FakeCloud, client: Client) -> None:
    key = client.ram("CreateAccessKey", UserName="alice")["AccessKey"]
    change = {"UserName": "alice", "UserAccessKeyId": key["AccessKeyId"]}
    client.ram("UpdateAccessKey", Status="Inactive", **change)
    assert code_of(_user_of(fake, key).sts, "GetCallerIdentity") == "InvalidAccessKeyId.Inactive"
    client.ram("UpdateAccessKey", Status="Active", **change)
    assert _user_of(fake, key).sts("GetCallerIdentity")["IdentityType"] == "RAMUser"


def test_grants(fake: FakeCloud, client: Client, control: Control) -> None:
    control.grant(["ram:CreateUser", "ram:Get*"], user_name="vault-operator")
    client.ram("CreateUser", UserName="dyn")
    client.ram("GetUser", UserName="dyn")
    try:
        client.ram("DeleteUser", UserName="dyn")
        raise AssertionError("not refused")
    except Exception as refused:
        body = refused.body  # type: ignore[attr-defined]
        assert (refused.status, body["Code"]) == (403, "NoPermission")  # type: ignore[attr-defined]
        assert body["AccessDeniedDetail"]["AuthAction"] == "ram:DeleteUser"
    client.sts("GetCallerIdentity")
    assert code_of(client.assume) == "NoPermission"


def test_attached_policies_are_evaluated(fake: FakeCloud, client: Client,
                                         control: Control) -> None:
    """The narrow operator documents of the manual do what they say."""
    account = fake.preset.account_id
    control.policy("narrow", document={"Version": "1", "Statement": [
        {"Effect": "Allow", "Action": ["ram:GetUser", "ram:AttachPolicyToUser"],
         "Resource": [f"acs:ram:*:{account}:user/vault-*"]},
        {"Effect": "Allow", "Action": ["ram:AttachPolicyToUser"],
         "Resource": ["acs:ram:*:system:policy/AliyunOSSReadOnlyAccess",
                      f"acs:ram:*:{account}:policy/app-readonly"]},
        {"Effect": "Deny", "Action": "ram:GetUser",
         "Resource": [f"acs:ram::{account}:user/vault-secret"]}]})
    key = control.user("narrow", keys=1, policies=[{"policy_name": "narrow"}])["keys"][0]
    control.user("vault-1")
    control.user("vault-secret")
    narrow = Client(fake, key["access_key_id"], key["access_key_secret"])
    narrow.ram("GetUser", UserName="vault-1")
    assert code_of(narrow.ram, "GetUser", UserName="alice") == "NoPermission"
    assert code_of(narrow.ram, "GetUser", UserName="vault-secret") == "NoPermission"
    attach = {"UserName": "vault-1", "PolicyType": "System"}
    narrow.ram("AttachPolicyToUser", PolicyName="AliyunOSSReadOnlyAccess", **attach)
    assert code_of(narrow.ram, "AttachPolicyToUser", PolicyName="AdministratorAccess", **attach
                   ) == "NoPermission"


def test_rates(client: Client, control: Control) -> None:
    control.rates(GetUser=3)
    codes = []
    for _ in range(5):
        try:
            client.ram("GetUser", UserName="alice")
            codes.append("")
        except Exception as refused:
            codes.append(refused.code)  # type: ignore[attr-defined]
    assert codes[:3] == ["", "", ""] and "Throttling.User" in codes[3:]


# === eventual consistency ===

def test_new_user_is_invisible_for_some_calls(client: Client, control: Control) -> None:
    control.consistency(new_user={"calls": 2})
    client.ram("CreateUser", UserName="dyn")
    assert code_of(client.ram, "CreateUser", UserName="dyn") == "EntityAlreadyExists.User"
    assert code_of(client.ram, "GetUser", UserName="dyn") == "EntityNotExist.User"
    assert code_of(client.ram, "CreateAccessKey", UserName="dyn") == "EntityNotExist.User"
    client.ram("CreateAccessKey", UserName="dyn")


def test_lag_in_milliseconds(client: Client, control: Control) -> None:
    control.consistency(new_user={"ms": 600_000})
    client.ram("CreateUser", UserName="late")
    assert code_of(client.ram, "GetUser", UserName="late") == "EntityNotExist.User"
    control.consistency(new_user={"ms": 1})
    client.ram("CreateUser", UserName="soon")
    for _ in range(1000):
        try:
            client.ram("GetUser", UserName="soon")
            break
        except Exception as refused:
            assert refused.code == "EntityNotExist.User"  # type: ignore[attr-defined]
    else:
        raise AssertionError("never became visible")


def test_other_lags(fake: FakeCloud, client: Client, control: Control) -> None:
    control.consistency(new_key={"calls": 1}, new_key_listing={"calls": 1},
                        new_policy={"calls": 1}, new_attachment={"calls": 1},
                        deletion={"calls": 1})
    client.ram("CreateUser", UserName="dyn")
    key = client.ram("CreateAccessKey", UserName="dyn")["AccessKey"]
    dynamic = _user_of(fake, key)
    assert code_of(dynamic.sts, "GetCallerIdentity") == "InvalidAccessKeyId.NotFound"
    dynamic.sts("GetCallerIdentity")
    assert client.ram("ListAccessKeys", UserName="dyn")["AccessKeys"]["AccessKey"] == []
    assert len(client.ram("ListAccessKeys", UserName="dyn")["AccessKeys"]["AccessKey"]) == 1
    client.ram("CreatePolicy", PolicyName="dyn", PolicyDocument=DOCUMENT.replace("oss", "ram"))
    named = {"PolicyName": "dyn", "PolicyType": "Custom", "UserName": "dyn"}
    assert code_of(client.ram, "AttachPolicyToUser", **named) == "EntityNotExist.Policy"
    client.ram("AttachPolicyToUser", **named)
    assert code_of(dynamic.ram, "GetUser", UserName="dyn") == "NoPermission"
    dynamic.ram("GetUser", UserName="dyn")
    client.ram("DetachPolicyFromUser", **named)
    client.ram("DeleteAccessKey", UserName="dyn", UserAccessKeyId=key["AccessKeyId"])
    assert code_of(client.ram, "DeletePolicy", PolicyName="dyn") == "DeleteConflict.Policy.User"
    client.ram("DeletePolicy", PolicyName="dyn")
    assert code_of(client.ram, "DeleteUser", UserName="dyn") == "DeleteConflict.User.AccessKey"
    assert code_of(client.ram, "DeleteUser", UserName="dyn") == "DeleteConflict.User.Policy"
    client.ram("DeleteUser", UserName="dyn")


def test_recycle_bin(client: Client, control: Control) -> None:
    def ims(action: str, **params: str) -> Any:
        return client.call("ims.aliyuncs.com", action, "2019-08-15", params)

    user_id = client.ram("CreateUser", UserName="dyn")["User"]["UserId"]
    key = client.ram("CreateAccessKey", UserName="dyn")["AccessKey"]["AccessKeyId"]
    client.ram("DeleteAccessKey", UserName="dyn", UserAccessKeyId=key)
    client.ram("DeleteUser", UserName="dyn")
    assert ims("ListUsersInRecycleBin")["Users"]["User"][0]["UserId"] == user_id
    keys = ims("ListAccessKeysInRecycleBin", UserId=user_id)["AccessKeys"]["AccessKey"]
    assert keys[0]["AccessKeyId"] == key
    ims("DeleteAccessKeyInRecycleBin", UserId=user_id, UserAccessKeyId=key)
    ims("DeleteUserInRecycleBin", UserId=user_id)
    assert control.state()["recycled"] == {"users": [], "keys": []}
    assert ims("GetAccountSummary")["SummaryMap"]["UsersQuota"] == 5000


def test_ims_tags_users_by_id(client: Client, control: Control) -> None:
    def tag(**params: str) -> Any:
        return client.call("ims.aliyuncs.com", "TagResources", "2019-08-15", params)

    user_id = client.ram("CreateUser", UserName="dyn")["User"]["UserId"]
    named = {"ResourceType": "user", "ResourceId.1": user_id}
    tag(**named, **{"Tag.1.Key": "a", "Tag.1.Value": "1", "Tag.2.Key": "b"})
    [user] = [user for user in control.state()["users"] if user["user_name"] == "dyn"]
    assert user["tags"] == {"a": "1", "b": ""}
    for params, code in (
            ({"Tag.1.Key": "aliyun-x"}, "InvalidParameter.Tag"),
            ({"Tag.1.Key": "k" * 129}, "InvalidParameter.Tag"),
            ({"Tag.1.Key": "k", "Tag.1.Value": "v" * 257}, "InvalidParameter.Tag"),
            ({"Tag.2.Key": "k"}, "InvalidParameter.Tag"),
            ({}, "MissingTag"),
            ({f"Tag.{n}.Key": f"k{n}" for n in range(1, 20)}, "LimitExceeded.User.Tag"),
            ({"ResourceId.1": "1", "Tag.1.Key": "k"}, "EntityNotExist.User"),
            ({"ResourceType": "role", "Tag.1.Key": "k"}, "InvalidParameter.ResourceType")):
        assert code_of(tag, **{**named, **params}) == code, params


def test_ram_tags_roles_by_name_and_lists_them_in_pages(client: Client, control: Control) -> None:
    control.role("dev")
    control.role("other", tags={"z": "9"})
    named = {"ResourceType": "role", "ResourceNames": '["Dev"]'}
    client.ram("TagResources", **named, Tag=json.dumps([{"Key": f"k{n}", "Value": "*"} for n in range(20)]))
    assert code_of(client.ram, "TagResources", **named, Tag='[{"Key": "one-more"}]') == "LimitExceeded.Role.Tag"
    pages, token = [], {}
    while True:
        page = client.ram("ListTagResources", **named, PageSize="8", **token)
        pages.append([(row["ResourceName"], row["TagKey"], row["TagValue"]) for row in page["TagResources"]])
        if "NextToken" not in page:
            break
        token = {"NextToken": page["NextToken"]}
    assert [len(page) for page in pages] == [8, 8, 4]
    assert sum(pages, []) == [("dev", f"k{n}", "*") for n in range(20)]
    client.ram("UntagResources", **named, TagKeys='["k0"]')
    assert len(client.ram("ListTagResources", ResourceType="role", PageSize="100")["TagResources"]) == 20
    client.ram("UntagResources", **named, All="true")
    assert client.ram("ListTagResources", **named)["TagResources"] == []
    for params, code in (
            ({"ResourceNames": '["nobody"]'}, "EntityNotExist.Role"),
            ({"ResourceNames": "dev"}, "InvalidParameter.ResourceNames"),
            ({"ResourceType": "user"}, "InvalidParameter.ResourceType"),
            ({"PageSize": "101"}, "InvalidParameter.PageSize"),
            ({"NextToken": "x"}, "InvalidParameter.NextToken")):
        assert code_of(client.ram, "ListTagResources", **{**named, **params}) == code, params
    for tag in ('[{"Key": "aliyun-x"}]', '[{"Key": ""}]', "[]", "x", '["a"]'):
        assert code_of(client.ram, "TagResources", **named, Tag=tag) == "InvalidParameter.Tag", tag


def test_api_keys_for_services(client: Client, control: Control) -> None:
    def ims(action: str, **params: str) -> Any:
        return client.call("ims.aliyuncs.com", action, "2019-08-15", params)

    user_id = client.ram("CreateUser", UserName="dyn")["User"]["UserId"]
    user = {"UserPrincipalName": ims("GetUser", UserId=user_id)["User"]["UserPrincipalName"]}
    wanted = {**user, "ServiceName": "dashscope.aliyuncs.com", "ServiceCredentialName": "a", "CredentialAgeDays": "2"}
    made = ims("CreateServiceCredential", **wanted)["ServiceCredential"]
    assert made["Status"] == "Active" and made["ServiceCredentialSecret"]
    for params, code in (
            ({"ServiceCredentialName": "a"}, "EntityAlreadyExists.User.ServiceCredential"),
            ({"ServiceCredentialName": "a b"}, "InvalidParameter.ServiceCredentialName.InvalidChars"),
            ({"ServiceCredentialName": "b", "CredentialAgeDays": "36601"}, "InvalidParameter.CredentialAgeDays"),
            ({"ServiceCredentialName": "b", "CredentialAgeDays": "0"}, "InvalidParameter.CredentialAgeDays"),
            ({"ServiceCredentialName": "b", "ServiceName": "x"}, "InvalidParameter.ServiceName"),
            ({"ServiceCredentialName": "b", "UserPrincipalName": "x@y"}, "EntityNotExist.User")):
        assert code_of(ims, "CreateServiceCredential", **{**wanted, **params}) == code, params
    second = ims("CreateServiceCredential", **{**wanted, "ServiceCredentialName": "b"})["ServiceCredential"]
    assert code_of(ims, "CreateServiceCredential", **{**wanted, "ServiceCredentialName": "c"}
                   ) == "LimitExceeded.User.ServiceCredential"
    # Another service counts by itself.
    third = ims("CreateServiceCredential", **{**wanted, "ServiceCredentialName": "c",
                                              "ServiceName": "example.aliyuncs.com"})["ServiceCredential"]
    [shown, *_] = ims("ListServiceCredentials", **user)["ServiceCredentials"]
    assert shown["ExpirationTime"] == made["ExpirationTime"] and "ServiceCredentialSecret" not in shown
    assert len(control.leftovers()["service_credentials"]) == 3
    for credential in (made, second, third):
        named = {**user, "ServiceCredentialId": credential["ServiceCredentialId"]}
        assert code_of(client.ram, "DeleteUser", UserName="dyn") == "DeleteConflict.User.ServiceCredential"
        assert code_of(ims, "DeleteServiceCredential", **named) == "DeleteConflict.ServiceCredential.Active"
        ims("UpdateServiceCredential", **named, Status="Inactive")
        ims("DeleteServiceCredential", **named)
    client.ram("DeleteUser", UserName="dyn")
    assert control.leftovers()["clean"]
