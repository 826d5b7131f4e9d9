"""Placeholders of stored URLs, and passwords that must not be shown."""

from __future__ import annotations

import pytest

from nova.cells.templates import Urls, fill, masked

RABBIT = "rabbit://nova:s%40crt@mq1:5672,other:pw2@mq2:5673/cell1?ssl=1"


@pytest.mark.parametrize(
    ("stored", "local", "expected"),
    [
        ("rabbit://h/", RABBIT, "rabbit://h/"),
        ("", RABBIT, ""),
        (
            "{scheme}://{username}:{password}@{hostname}:{port}/{path}?{query}",
            RABBIT,
            "rabbit://nova:s%40crt@mq1:5672/cell1?ssl=1",
        ),
        (
            "rabbit://{username1}:{password1}@{hostname1}:{port1},"
            "{username2}:{password2}@{hostname2}:{port2}/c2",
            RABBIT,
            "rabbit://nova:s%40crt@mq1:5672,other:pw2@mq2:5673/c2",
        ),
        (
            "{scheme}://{username}:{password}@{hostname}/nova_cell2?{query}",
            "mysql+pymysql://nova:pw@[2001:db8::1]:3306/nova?charset=utf8mb4",
            "mysql+pymysql://nova:pw@[2001:db8::1]/nova_cell2?charset=utf8mb4",
        ),
        ("{scheme}:///{path}", "sqlite:////var/lib/nova.db", "sqlite:////var/lib/nova.db"),
        ("rabbit://{hostname}:{port}/{hostname3}", "rabbit://mq/", "rabbit://mq:/"),
        ("rabbit://h/{region}", RABBIT, "rabbit://h/{region}"),
        ("rabbit://{username}@h/", "rabbit://{password}:x@h/", "rabbit://{password}@h/"),
    ],
    ids=[
        "no placeholder",
        "empty",
        "all",
        "several hosts",
        "ipv6",
        "absolute file",
        "what is missing is empty",
        "other braces stay",
        "values are not templates",
    ],
)
def test_fill(stored: str, local: str, expected: str) -> None:
    assert fill(stored, local) == expected


def test_each_url_is_filled_from_its_like() -> None:
    stored = Urls("{scheme}://mq/", "{scheme}://db/")
    assert stored.filled(Urls("rabbit://x/", "mysql+pymysql://y/z")) == Urls(
        "rabbit://mq/", "mysql+pymysql://db/"
    )


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("rabbit://u:pw@h:5672/v", "rabbit://u:****@h:5672/v"),
        ("rabbit://u1:a@h1:1,u2:b@h2:2/v", "rabbit://u1:****@h1:1,u2:****@h2:2/v"),
        ("mysql+pymysql://u@h:3306/n", "mysql+pymysql://u@h:3306/n"),
        ("rabbit://u:a:b@h:5672/v", "rabbit://u:****@h:5672/v"),
        ("rabbit://u1:a,b@h1:1,u2:c@h2:2/v", "rabbit://u1:****@h1:1,u2:****@h2:2/v"),
        ("mysql+pymysql://u:p/w@h:3306/n", "mysql+pymysql://u:****@h:3306/n"),
        ("mysql+pymysql://u:p?w@h/n", "mysql+pymysql://u:****@h/n"),
        ("mysql+pymysql://h:3306/n?password=p@w", "mysql+pymysql://h:3306/n?password=****"),
        ("mysql+pymysql://h:3306/n", "mysql+pymysql://h:3306/n"),
        ("mysql+pymysql://u:/:,@h/n?x=1", "mysql+pymysql://u:****@h/n?x=1"),
        (
            "postgresql://h/n?user=u&password=p@w&sslpassword=x&sslmode=require",
            "postgresql://h/n?user=u&password=****&sslpassword=****&sslmode=require",
        ),
        ("none:///", "none:///"),
        ("sqlite:////a:b@c.db", "sqlite:////a:b@c.db"),
        ("", ""),
    ],
)
def test_passwords_are_masked_and_nothing_else(url: str, expected: str) -> None:
    assert masked(url) == expected
