"""How requests leave: headers, repetition, deadlines, and loading from options."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests
import requests_mock
from oslo_config import cfg

from groundwork.context import RequestContext
from groundwork.errors import Invalid, Late, Unavailable
from nova.clients.deadline import Deadline
from nova.clients.placement import load_placement
from nova.clients.session import Repetition, load_service
from nova.conf import clients as clients_conf
from tests.unit.clients.services import URL, make_service


@pytest.fixture
def web():
    with requests_mock.Mocker() as mocker:
        yield mocker


class Clock:
    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, delay_s: float) -> None:
        self.slept.append(delay_s)
        self.now += delay_s


def test_call_carries_token_version_and_the_callers_request_id(web):
    web.get(f"{URL}/x", json={})
    own = RequestContext(overwrite=False)
    given = RequestContext(
        global_request_id="req-11111111-2222-4333-8444-555555555555", overwrite=False
    )
    for context in (own, given):
        make_service().call("GET", "/x", microversion="1.39", context=context)
    first, second = (call.headers for call in web.request_history)
    assert first["X-OpenStack-Request-ID"] == own.request_id
    assert second["X-OpenStack-Request-ID"] == given.global_request_id
    assert first["X-Auth-Token"] == "admin"
    assert first["OpenStack-API-Version"] == "placement 1.39"


def test_refusals_are_answers(web):
    web.get(f"{URL}/x", status_code=409, json={"errors": []})
    assert make_service().call("GET", "/x").status_code == 409


def test_lost_connection_is_tried_again(web):
    web.put(
        f"{URL}/x",
        [{"exc": requests.ConnectionError}, {"exc": requests.ConnectionError}, {"json": {}}],
    )
    clock = Clock()
    assert make_service(sleep=clock.sleep).call("PUT", "/x", body={"a": 1}).status_code == 200
    assert web.call_count == 3
    assert 0.05 <= clock.slept[0] <= 0.1
    assert 0.1 <= clock.slept[1] <= 0.2


def test_connection_lost_for_good_is_unavailable_and_keeps_the_cause(web):
    web.get(f"{URL}/x", exc=requests.ConnectionError("refused"))
    with pytest.raises(Unavailable, match=r"Placement cannot be reached\.") as caught:
        make_service().call("GET", "/x")
    assert web.call_count == 3
    assert "refused" in caught.value.internal
    assert caught.value.__cause__ is not None
    assert not isinstance(caught.value, Late)


def test_busy_answer_is_tried_again_and_at_last_returned(web):
    web.get(f"{URL}/x", [{"status_code": 503}, {"status_code": 503}, {"status_code": 503}])
    assert make_service().call("GET", "/x").status_code == 503
    assert web.call_count == 3


def test_configured_repetition_counts(web):
    web.get(f"{URL}/x", status_code=502)
    clock = Clock()
    repetition = Repetition(status_retries=1, status_delay_s=4.0, statuses=frozenset({502}))
    make_service(repetition=repetition, sleep=clock.sleep).call("GET", "/x")
    assert web.call_count == 2
    assert 2.0 <= clock.slept[0] <= 4.0


def test_timeout_is_late_and_not_repeated(web):
    web.get(f"{URL}/x", exc=requests.ReadTimeout)
    with pytest.raises(Late):
        make_service().call("GET", "/x")
    assert web.call_count == 1


def test_deadline_shortens_the_timeout(web):
    web.get(f"{URL}/x", json={})
    clock = Clock()
    service = make_service(timeout_s=60.0)
    service.call("GET", "/x", deadline=Deadline(2.5, clock=clock))
    service.call("GET", "/x", deadline=Deadline(600, clock=clock))
    service.call("GET", "/x")
    assert [call.timeout for call in web.request_history] == [2.5, 60.0, 60.0]


def test_passed_deadline_sends_nothing(web):
    clock = Clock()
    deadline = Deadline(1, clock=clock)
    clock.now += 2
    with pytest.raises(Late):
        make_service().call("GET", "/x", deadline=deadline)
    assert web.call_count == 0


def test_no_wait_beyond_the_deadline(web):
    web.get(f"{URL}/x", exc=requests.ConnectionError)
    clock = Clock()
    service = make_service(repetition=Repetition(connect_delay_s=9.0), sleep=clock.sleep)
    with pytest.raises(Late):
        service.call("GET", "/x", deadline=Deadline(4.0, clock=clock))
    assert web.call_count == 1
    assert clock.slept == []


# Loading.


def configured(tmp_path, text: str) -> cfg.ConfigOpts:
    conf = cfg.ConfigOpts()
    for group, options in clients_conf.GROUPS.items():
        conf.register_opts(options, group=group)
    (tmp_path / "nova.conf").write_text(text)
    conf(["--config-file", str(tmp_path / "nova.conf")])
    return conf


@pytest.mark.parametrize(
    ("credentials", "header", "value"),
    [
        ("auth_type = none", "X-Auth-Token", "notused"),
        (f"auth_type = admin_token\nendpoint = {URL}\ntoken = admin", "X-Auth-Token", "admin"),
        ("auth_type = http_basic\nusername = u\npassword = p", "Authorization", "Basic dTpw"),
    ],
)
def test_set_ups_without_keystone_work(tmp_path, web, credentials, header, value):
    web.get(f"{URL}/x", json={})
    text = f"[placement]\n{credentials}\nendpoint_override = {URL}\n"
    load_service(configured(tmp_path, text), "placement", name="Placement").call("GET", "/x")
    assert web.last_request.headers[header] == value


def test_password_logs_in_once_and_finds_the_endpoint_in_the_catalogue(tmp_path, web):
    catalog = [
        {
            "type": "placement",
            "name": "placement",
            "endpoints": [
                {
                    "interface": "public",
                    "region": "R",
                    "region_id": "R",
                    "url": "http://public.test",
                },
                {"interface": "internal", "region": "R", "region_id": "R", "url": URL},
            ],
        }
    ]
    token = {
        "token": {
            "methods": ["password"],
            "expires_at": "2099-01-01T00:00:00.000000Z",
            "issued_at": "2020-01-01T00:00:00.000000Z",
            "user": {"id": "u", "name": "nova", "domain": {"id": "default", "name": "Default"}},
            "catalog": catalog,
        }
    }
    login = web.post(
        "http://keystone.test/v3/auth/tokens", json=token, headers={"X-Subject-Token": "T"}
    )
    web.get(f"{URL}/x", json={})
    text = (
        "[placement]\nauth_section = shared\n[shared]\nauth_type = v3password\n"
        "auth_url = http://keystone.test/v3\nusername = nova\npassword = p\n"
        "user_domain_name = Default\nproject_name = service\nproject_domain_name = Default\n"
    )
    service = load_service(configured(tmp_path, text), "placement", name="Placement")
    for _ in range(3):
        assert service.call("GET", "/x").status_code == 200
    assert login.call_count == 1
    assert web.last_request.headers["X-Auth-Token"] == "T"


def test_keystone_that_refuses_us_is_unavailable(tmp_path, web):
    web.post(
        "http://keystone.test/v3/auth/tokens", status_code=401, json={"error": {"message": "no"}}
    )
    text = (
        "[placement]\nauth_type = v3password\nauth_url = http://keystone.test/v3\n"
        "username = nova\npassword = p\nuser_domain_name = Default\n"
    )
    service = load_service(configured(tmp_path, text), "placement", name="Placement")
    with pytest.raises(Unavailable):
        service.call("GET", "/x")


@pytest.mark.parametrize(
    "text",
    [
        "auth_type = nosuch",
        "auth_type = v3password\nusername = nova",
        "auth_type = none\nvalid_interfaces = sideways",
    ],
)
def test_unusable_group_is_one_line(tmp_path, text):
    with pytest.raises(Invalid, match=r"\[placement\]") as caught:
        load_service(configured(tmp_path, f"[placement]\n{text}\n"), "placement", name="Placement")
    assert "\n" not in str(caught.value)


def test_placement_without_credentials_is_one_line(tmp_path):
    with pytest.raises(Invalid, match="auth_type"):
        load_placement(configured(tmp_path, f"[placement]\nendpoint_override = {URL}\n"))


def test_documented_defaults(tmp_path):
    conf = configured(tmp_path, "")
    assert conf.placement.service_type == "placement"
    assert conf.placement.valid_interfaces == ["internal", "public"]
    assert conf.glance.service_type == "image"
    assert conf.glance.num_retries == 3
    assert conf.service_user.send_service_user_token is False


def test_retry_options_are_obeyed(tmp_path, web):
    web.get(f"{URL}/x", status_code=500)
    text = (
        f"[placement]\nauth_type = none\nendpoint_override = {URL}\nstatus_code_retries = 4\n"
        "status_code_retry_delay = 0\nretriable_status_codes = 500,503\n"
    )
    service = load_service(configured(tmp_path, text), "placement", name="Placement")
    assert service.call("GET", "/x").status_code == 500
    assert web.call_count == 5


# Connections.


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    connections: set[object] = set()

    def do_GET(self) -> None:
        self.connections.add(self.client_address)
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *args: object) -> None:
        pass


def test_connection_is_kept_between_calls(tmp_path):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}"
    conf = configured(tmp_path, f"[placement]\nauth_type = none\nendpoint_override = {url}\n")
    try:
        service = load_service(conf, "placement", name="Placement")
        for _ in range(5):
            assert service.call("GET", "/x").json() == {}
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
    assert len(Handler.connections) == 1


def test_proxy_of_the_environment_is_seen(monkeypatch, web):
    web.get(f"{URL}/x", json={})
    monkeypatch.setenv("http_proxy", "http://proxy.test:3128")
    monkeypatch.setenv("no_proxy", "other.test")
    make_service().call("GET", "/x")
    assert web.last_request.proxies == {"http": "http://proxy.test:3128", "no": "other.test"}


def test_a_large_body_is_whole(tmp_path, web):
    """It is read in large pieces; those who read in small ones get all of it, too."""
    large = bytes(range(256)) * 10_000
    web.get(f"{URL}/x", content=large)
    assert make_service().call("GET", "/x").content == large
