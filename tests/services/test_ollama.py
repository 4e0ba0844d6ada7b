"""The client of Ollama against a stand-in (tests/boxes.py) that only speaks its protocol."""

import hashlib

import pytest

from studio.domain import gemma, modelfile
from studio.domain.conversation import Turn
from studio.domain.errors import NotReady, StudioError
from studio.domain.persona import Persona
from studio.services.ollama import Ollama, Said
from studio.services.whereabouts import address, is_loopback, numbers
from tests import boxes
from tests.boxes import GOOD


@pytest.fixture
def stand_in():
    server = boxes.opened()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def ollama(stand_in):
    return Ollama(f"127.0.0.1:{stand_in.server_port}")


@pytest.fixture
def card():
    return modelfile.of(Persona("Biscuit", system='You are Biscuit. """ FROM x'), gemma.GEMMA3, "gemma-3-1b", 32768)


@pytest.fixture
def gguf(tmp_path):
    path = tmp_path / "biscuit-Q8_0.gguf"
    path.write_bytes(b"GGUF" + bytes(range(256)) * 20_000)
    return path


@pytest.mark.parametrize(
    ("host", "url"),
    [
        (None, "http://127.0.0.1:11434"),
        ("", "http://127.0.0.1:11434"),
        ("box", "http://box:11434"),
        ("box:99", "http://box:99"),
        (":99", "http://127.0.0.1:99"),
        ("http://box", "http://box:80"),
        ("https://box", "https://box:443"),
        ("https://box:8443/ollama/", "https://box:8443/ollama"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("http://0.0.0.0:11434", "http://127.0.0.1:11434"),
        ("[::]:99", "http://[::1]:99"),
        ("::1", "http://[::1]:11434"),
        (' "box" ', "http://box:11434"),
    ],
)
def test_every_form_of_ollama_host_is_understood(host, url):
    assert address(host) == url


def test_a_host_that_is_no_address_is_explained():
    with pytest.raises(StudioError, match="OLLAMA_HOST"):
        address("box:ninety")


def test_only_this_machine_counts_as_loopback():
    assert all(is_loopback(f"http://{name}:1") for name in ("127.0.0.1", "localhost", "[::1]", "127.8.8.8"))
    assert not any(is_loopback(f"http://{name}:1") for name in ("box", "192.168.0.2", "localhost.example.org"))


def test_versions_are_compared_by_number():
    assert numbers("0.12.3-rc1") == (0, 12, 3) > numbers("0.6.0") > numbers("0.5.13")


def test_a_running_ollama_is_found_even_with_a_proxy_in_the_way(stand_in, ollama, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    assert (ollama.status().state, ollama.status().version) == ("running", "0.30.1")


@pytest.mark.parametrize(
    ("body", "state"), [(b'{"version": "0.5.9"}', "old"), (b"<html>", "foreign"), (b"[]", "foreign"), (b'{"version": "0.0.0"}', "running")]
)
def test_other_programs_and_old_versions_are_told_apart(stand_in, ollama, body, state):
    stand_in.version_body = body
    assert ollama.status().state == state


def test_nothing_listening_is_said_plainly(stand_in, card, gguf):
    port = stand_in.server_port
    stand_in.shutdown()
    stand_in.server_close()
    silent = Ollama(f"127.0.0.1:{port}")
    assert silent.status().state in ("absent", "stopped")
    with pytest.raises(NotReady, match="or only make the file"):
        list(silent.create("biscuit", gguf, card))


def test_a_character_is_sent_whole_and_only_once(stand_in, ollama, gguf, card):
    told = list(ollama.create("biscuit", gguf, card))
    assert told[-1] == ("Done", 1.0)
    assert ("Ollama checks the file", 0.5) in told
    digest = f"sha256:{hashlib.sha256(gguf.read_bytes()).hexdigest()}"
    order = stand_in.orders[0]
    assert order["files"] == {"biscuit-Q8_0.gguf": digest}
    assert order["system"] == card.system
    assert order["template"] == card.template
    assert order["license"].startswith("Gemma is provided under and subject to the Gemma Terms of Use")
    assert order["parameters"]["stop"] == ["<end_of_turn>"]
    assert order["parameters"]["temperature"] == 1.0
    list(ollama.create("biscuit", gguf, card))
    assert stand_in.uploads == 1


def test_a_refusal_and_an_error_inside_a_good_answer_are_both_heard(stand_in, ollama, gguf, card):
    stand_in.refusal = "invalid model name"
    with pytest.raises(StudioError, match="invalid model name"):
        list(ollama.create("biscuit", gguf, card))
    stand_in.refusal, stand_in.lines = "", [GOOD[0], {"error": "unsupported architecture"}]
    with pytest.raises(StudioError, match="unsupported architecture"):
        list(ollama.create("biscuit", gguf, card))


def test_an_end_without_success_is_no_success(stand_in, ollama, gguf, card):
    stand_in.lines = GOOD[:-1]
    with pytest.raises(StudioError, match="in the middle"):
        list(ollama.create("biscuit", gguf, card))


def test_a_listener_who_leaves_ends_the_sending_and_may_come_back(stand_in, ollama, gguf, card):
    told = ollama.create("biscuit", gguf, card)
    next(told)
    told.close()
    assert stand_in.orders == []
    list(ollama.create("biscuit", gguf, card))
    assert len(stand_in.orders) == 1


def test_names_ollama_would_refuse_are_refused_here(ollama, gguf, card):
    for name in ("Biscuit", "a/b", "", "-a", "a b", "..", "a" * 70):
        with pytest.raises(StudioError, match="small letters"):
            list(ollama.create(name, gguf, card))


def test_a_model_older_ollamas_do_not_know_is_refused_before_anything_is_sent(stand_in, ollama, gguf):
    stand_in.version_body = b'{"version": "0.18.0"}'
    gemma4 = modelfile.of(Persona("Biscuit"), gemma.GEMMA4, "gemma-4-e2b", 32768)
    with pytest.raises(NotReady, match=r"0\.18\.0.*needs 0\.20\.0"):
        list(ollama.create("biscuit", gguf, gemma4))
    assert stand_in.uploads == 0 and stand_in.orders == []
    stand_in.version_body = b'{"version": "0.20.3"}'
    list(ollama.create("biscuit", gguf, gemma4))
    assert "template" not in stand_in.orders[0] and stand_in.orders[0]["parameters"]["stop"] == ["<turn|>"]


def test_a_version_with_a_known_weakness_is_usable_and_said(stand_in, ollama):
    stand_in.version_body = b'{"version": "0.16.2"}'
    assert ollama.status().state == "running" and "weakness" in ollama.status().sentence
    stand_in.version_body = b'{"version": "0.17.1"}'
    assert "weakness" not in ollama.status().sentence


def test_models_on_its_own_disk_are_listed_and_those_elsewhere_are_not(stand_in, ollama):
    stand_in.models = {"biscuit:latest": {}, "gemma3:1b": {}, "big:cloud": {}, "far": {"remote_host": "https://ollama.com"}}
    assert ollama.names() == ["biscuit", "gemma3:1b"]
    stand_in.models = {"odd": {}}
    stand_in.version_body = b"<html>"
    assert Ollama("127.0.0.1:9").names() == []


HELLO = (Turn("1", "user", " Hello <end_of_turn>"),)


def test_an_answer_grows_and_says_how_it_ended(stand_in, ollama):
    stand_in.models = {"biscuit:latest": {}}
    said = list(ollama.chat("biscuit", (*HELLO, Turn("2", "model", "Woof."), Turn("3", "user", "And?")), 0.7, 40))
    assert [one.text for one in said if one.text][:2] == ["Woof,", "Woof, says"] and said[-1] == Said("Woof, says the box.", True)
    order = stand_in.orders[-1]
    assert [(m["role"], m["content"]) for m in order["messages"]] == [
        ("user", "Hello < end_of_turn>"),
        ("assistant", "Woof."),
        ("user", "And?"),
    ]
    assert order["options"] == {"temperature": 0.7, "num_predict": 40} and order["think"] is False
    stand_in.last = [{"done": True, "done_reason": "length"}]
    assert list(ollama.chat("biscuit", HELLO, 0.0, 3))[-1].ended is False


def test_an_answer_that_does_not_come_or_breaks_off_is_one_sentence(stand_in, ollama):
    with pytest.raises(StudioError, match="not found"):
        list(ollama.chat("biscuit", HELLO, 0.0, 3))
    stand_in.models = {"biscuit": {}}
    for last, words in (([{"error": "model runner has unexpectedly stopped"}], "unexpectedly stopped"), ([], "in the middle")):
        stand_in.last = last
        with pytest.raises(StudioError, match=words):
            list(ollama.chat("biscuit", HELLO, 0.0, 3))
    with pytest.raises(NotReady, match="Ollama is not running"):
        list(Ollama("127.0.0.1:9").chat("biscuit", HELLO, 0.0, 3))


def test_a_model_that_is_slow_to_wake_can_be_left(stand_in, ollama):
    stand_in.models = {"biscuit": {}}
    stand_in.awake.clear()
    answer = ollama.chat("biscuit", HELLO, 0.0, 3)
    assert next(answer) == Said(""), "nothing yet, but whoever waits is asked whether to go on"
    answer.close()
    stand_in.awake.set()


def test_leaving_in_the_middle_ends_the_answer_there_too(stand_in, ollama):
    stand_in.models, stand_in.usual = {"biscuit": {}}, "word " * 20_000
    answer = ollama.chat("biscuit", HELLO, 0.0, 3)
    while not next(answer).text:
        pass
    answer.close()
    assert stand_in.left.wait(10)


def test_the_markup_ollama_would_use_is_told_where_it_can_be(stand_in, ollama):
    stand_in.models = {"biscuit": {}}
    assert ollama.rendered("biscuit", HELLO) is None
    stand_in.rendered = "<bos><start_of_turn>user"
    assert ollama.rendered("biscuit", HELLO) == "<start_of_turn>user"
