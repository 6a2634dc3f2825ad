"""What of an HTTP exchange is recorded: pure functions from bytes to bytes."""

import json

from hypothesis import given
from hypothesis import strategies as st

from agentmesh.effects import http_record


def request(headers=(), body=b"", url="http://h/v1/x", method="post", dropped=()):
    return json.loads(http_record.request_of(method, url, list(headers), body, dropped))


def test_headers_that_vary_or_are_secret_are_left_out():
    """Two processes, two attempts, two keys: one request."""
    kept = request(
        [
            ("Authorization", "Bearer sk-1"),
            ("X-Api-Key", "k"),
            ("Cookie", "c"),
            ("User-Agent", "openai/3"),
            ("X-Stainless-Retry-Count", "1"),
            ("Host", "h:8000"),
            ("Content-Length", "12"),
            ("Traceparent", "00-1"),
            ("X-Custom", "from-environment"),
            ("X-Tenant", "a"),
            ("Content-Type", "application/json"),
        ],
        dropped=["x-custom"],
    )["headers"]

    assert kept == [["content-type", "application/json"], ["x-tenant", "a"]]


def test_the_order_of_headers_does_not_matter():
    """Dictionaries of other versions of an SDK have another order."""
    headers = [("B", "2"), ("a", "1")]

    assert request(headers) == request(headers[::-1])


def test_a_json_body_is_embedded_as_it_is():
    """So that SQL can look into it; its own order and spelling stay."""
    body = b'{"model": "m", "z": 1.0, "a": "\\u00e9"}'
    data = http_record.request_of("POST", "http://h/", [], body)

    assert b'"json":' + body in data


def test_other_bodies_are_text_or_base64():
    """Nothing is lost, and nothing breaks the JSON around it."""
    assert request(body=b"plain \xc3\xa9")["text"] == "plain é"
    assert request(body=b"\xff\xfe")["base64"] == "//4="
    assert request(body=b'{"a": NaN}')["text"] == '{"a": NaN}'
    assert request(body=b'{"cut": ')["text"] == '{"cut": '
    assert {"json", "text", "base64"}.isdisjoint(request())


def test_secrets_in_urls_and_forms_are_hidden():
    """Some APIs take keys in the query, some in a form."""
    url = "https://user:pw@h:8/p?key=abc&q=1&access_token=t&monkey=2#frag"
    form = [("content-type", "application/x-www-form-urlencoded")]

    assert (
        request(url=url)["url"]
        == "https://h:8/p?key=%5Bsecret%5D&q=1&access_token=%5Bsecret%5D&monkey=2"
    )
    assert request(form, b"client_secret=s&grant=x")["text"] == "client_secret=[secret]&grant=x"


def test_names_have_low_cardinality():
    """People group by them; ids would make a group of each."""
    assert http_record.name_of("post", "http://127.0.0.1:4/v1/chat/completions") == (
        "POST 127.0.0.1/v1/chat/completions"
    )
    assert http_record.name_of("GET", "https://h/v1/files/file-abc123def456/content") == (
        "GET h/v1/files/{id}/content"
    )
    assert http_record.name_of("GET", "https://h/orders/42") == "GET h/orders/{id}"


@given(
    st.integers(100, 599),
    st.lists(st.tuples(st.text(st.characters(codec="ascii"), min_size=1), st.text())),
    st.one_of(
        st.binary(),
        st.text().map(str.encode),
        st.recursive(
            st.none() | st.integers() | st.floats(allow_nan=False) | st.text(),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        ).map(lambda value: json.dumps(value).encode()),
    ),
)
def test_a_response_comes_back_byte_for_byte(status, headers, body):
    """Whatever the body is: JSON, text, or neither."""
    data = http_record.response_of(status, headers, body, "application/json")
    again = http_record.exchange_of(data)

    assert (again.status, again.body) == (status, body)
    assert json.loads(data)["status"] == status


def test_cookies_and_transfer_headers_of_responses_are_dropped():
    """The body is recorded decoded and whole; a cookie is a secret."""
    headers = [
        ("Set-Cookie", "s=1"),
        ("Content-Encoding", "gzip"),
        ("Content-Length", "3"),
        ("Transfer-Encoding", "chunked"),
        ("Retry-After", "2"),
    ]
    again = http_record.exchange_of(http_record.response_of(200, headers, b"abc", "text/plain"))

    assert again.headers == [("retry-after", "2")]


def test_the_tokens_of_a_stream_are_found_at_its_end():
    """In chunks of chat completions, and in the last event of a response."""
    chat = b'data: {"usage": null}\n\ndata: {"usage": {"total_tokens": 3}}\n\ndata: [DONE]\n'
    response = b'event: x\ndata: {"response": {"model": "m", "usage": {"total_tokens": 4}}}\n\n'

    assert http_record.usage_in(chat) == {"usage": b'{"total_tokens":3}'}
    assert http_record.usage_in(response) == {"usage": b'{"total_tokens":4}', "model": b'"m"'}
    assert http_record.usage_in(b'age": {"total"}\ndata: {"usage": \n') == {}
