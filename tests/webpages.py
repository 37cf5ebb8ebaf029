"""Helpers for pages with a script."""

import base64
import hashlib
import json
import re

_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)
_DATA = re.compile(r'<script type="(application/json|text/plain)" id="[\w-]+"[^<>]*>([^<]*)</script>')


def without_own_script(html: str) -> str:
    """Return a page without its one script, which its Content-Security-Policy names; no other script could run."""
    (script,) = _SCRIPT.findall(html)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', html)
    assert policy is not None
    assert policy[1].startswith("default-src 'none'; ")
    assert f"script-src 'sha256-{digest}';" in policy[1]
    assert not re.search("connect-src (?!'none')|unsafe-eval|https?:", policy[1])
    return _SCRIPT.sub("", html)


def without_data(html: str) -> str:
    """Return a page without its data: JSON, and texts of letters and digits, which no browser runs."""
    for kind, content in _DATA.findall(html):
        assert json.loads(content) if kind == "application/json" else re.fullmatch("[A-Za-z0-9+/=]*", content)
    return _DATA.sub("", html)
