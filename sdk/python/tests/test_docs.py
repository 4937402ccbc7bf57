"""The documents say what is there."""

import importlib.util
import re

import pytest
from conftest import ROOT

import gadugi_router
from gadugi_router import EventType

DOCS = ROOT / "docs"


@pytest.fixture(scope="module")
def reference():
    spec = importlib.util.spec_from_file_location("reference", ROOT / "sdk" / "python" / "tools" / "reference.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_reference_is_that_of_the_code(reference):
    command = "python sdk/python/tools/reference.py"
    assert reference.PAGE.read_text() == reference.page(), f"run {command}"


def test_the_reference_has_every_public_name_and_each_of_them_says_what_it_is(reference):
    assert sorted(name for names in reference.SECTIONS.values() for name in names) == sorted(gadugi_router.__all__)
    for name in gadugi_router.__all__:
        assert f"### `{name}" in reference.page()
    client = gadugi_router.EventRouterClient
    public = {name for name in dir(client) if not name.startswith("_")} - reference.INTERNAL
    listed = {name for name, _ in reference.members_of(client)}
    assert public == listed
    for thing in (client, gadugi_router.SyncEventRouterClient, gadugi_router.EventStream, gadugi_router.Event):
        assert all(reference.text_of(member) for _, member in reference.members_of(thing))


def test_each_type_of_event_has_its_line_and_no_other_is_named():
    page = (DOCS / "agent-events.md").read_text()
    lines = set(re.findall(r"^\| `([a-z]+\.[a-z_]+)` \|", page, re.MULTILINE))
    assert lines == {each.value for each in EventType} - {"custom"}


@pytest.mark.parametrize("page", ["agent-events.md", "troubleshooting.md", "python-client.md", "client-behaviour.md"])
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", (DOCS / page).read_text()):
        assert (DOCS / target).exists(), target
