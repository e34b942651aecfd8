"""What somebody else may hang on a user that the engine made."""

from __future__ import annotations

from collections.abc import Callable

from fakecloud import Control

Hang = Callable[[Control, str], object]

#: Policies and a group of the preset, which stay when the user goes.
GROUP, SYSTEM_POLICY, CUSTOM_POLICY = "auditors", "AliyunECSReadOnlyAccess", "app-readonly"


def _attach(control: Control, user: str, kind: str, name: str) -> object:
    return control.post("attachments", user_name=user, policy_type=kind, policy_name=name)


#: Each thing, and how it gets there.
BY_HAND: dict[str, Hang] = {
    "key": lambda control, user: control.key(user_name=user),
    "group": lambda control, user: control.post("memberships", user_name=user, group_name=GROUP),
    "login profile": lambda control, user: control.post("login_profiles", user_name=user),
    "mfa device": lambda control, user: control.post("mfa", user_name=user),
    "system policy": lambda control, user: _attach(control, user, "System", SYSTEM_POLICY),
    "custom policy": lambda control, user: _attach(control, user, "Custom", CUSTOM_POLICY),
}


def hang_everything(control: Control, user: str) -> None:
    """One of each."""
    for hang in BY_HAND.values():
        hang(control, user)


def assert_nothing_made(control: Control) -> None:
    """As `clean`, where things that somebody else hung on ours had to go too."""
    left = control.leftovers()
    del left["missing"], left["clean"]
    assert not any(left.values()), left
    control.reset()
