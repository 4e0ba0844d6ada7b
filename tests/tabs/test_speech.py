"""What people and models write reaches the Chatbot letter by letter."""

import html

import gradio as gr
import pytest

from studio.domain.conversation import Turn
from studio.tabs.speech import bubbles

NASTY = [
    '<img src="http://example.com/x.png">',
    "<script>alert(1)</script>",
    "![a](http://example.com/x.png) **bold** `code`",
    "&lt;b&gt; &amp; 'quotes' \"too\"",
    "  two spaces first\n    four on the second line\n",
    "${1+1} {{value}} $$x^2$$",
    "Grüße, 猫, 🐕‍🦺",
]


@pytest.mark.parametrize("text", NASTY)
def test_what_was_said_comes_through_gradio_as_it_is(text):
    shown = gr.Chatbot(render_markdown=False).postprocess(bubbles([Turn("1", "user", text)])).model_dump()[0]
    assert html.unescape(shown["content"][0]["text"]) == text


@pytest.mark.parametrize("text", NASTY)
def test_no_markup_is_left_to_draw(text):
    assert "<" not in bubbles([Turn("1", "model", text)])[0]["content"][0]["text"]


def test_each_turn_stands_on_its_speaker_s_side():
    said = bubbles([Turn("1", "user", "Hello."), Turn("2", "model", "Woof.")])
    assert [bubble["role"] for bubble in said] == ["user", "assistant"]
