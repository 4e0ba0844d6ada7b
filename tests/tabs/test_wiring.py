"""What ties handlers to components."""

import inspect

import gradio as gr
import pytest
from gradio.state_holder import SessionState

from studio.domain.errors import StudioError
from studio.tabs.wiring import MISTAKE, Pick, bind, go, says, ticks
from tests.loop import finish


def greet(studio, name, event: gr.SelectData = None):
    """Say hello."""
    return f"{studio} {name}"


def count(studio, upto):
    """Count."""
    yield from range(upto)


def refuse(studio):
    raise StudioError("There is no <b>Pim</b>. Nothing was changed.")


def refuse_late(studio):
    yield 1
    raise StudioError("Too late.")


def stumble(studio):
    raise ZeroDivisionError("secret/path")


def test_a_bound_handler_keeps_its_name_and_its_words():
    bound = bind(greet, "hello")
    assert (bound.__name__, bound.__doc__, bound("Pim")) == ("greet", "Say hello.", "hello Pim")
    assert not hasattr(bound, "__wrapped__")


def test_gradio_sees_the_inputs_and_the_event_but_not_the_studio():
    assert list(inspect.signature(bind(greet, None)).parameters) == ["name", "event"]


def test_a_generator_stays_a_generator():
    bound = bind(count, None)
    assert inspect.isgeneratorfunction(bound) and list(bound(3)) == [0, 1, 2]
    assert not inspect.isgeneratorfunction(bind(greet, None))


def test_what_a_person_can_mend_is_shown_as_words_not_as_markup():
    with pytest.raises(gr.Error) as shown:
        bind(refuse, None)()
    assert shown.value.message == "There is no &lt;b&gt;Pim&lt;/b&gt;. Nothing was changed."
    assert not shown.value.print_exception


def test_a_generator_that_says_nothing_leaves_the_page_as_it_is():
    with gr.Blocks() as page:
        shown = [gr.Textbox("one"), gr.Textbox("two")]
        page.load(bind(count, None), gr.Number(0, precision=0), shown)
    told = finish(page.process_api(page.fns[0], [0], state=SessionState(page)))["data"]
    assert told == [gr.skip(), gr.skip()]


def test_a_stream_may_refuse_after_it_began():
    stream = bind(refuse_late, None)()
    assert next(stream) == 1
    with pytest.raises(gr.Error, match=r"Too late\."):
        next(stream)


def test_a_mistake_of_ours_is_told_without_its_insides(caplog):
    with pytest.raises(gr.Error) as shown:
        bind(stumble, None)()
    assert shown.value.message == MISTAKE
    assert "secret/path" in caplog.text


def test_somebodys_words_are_text_and_nothing_else():
    box = says("<b>${1+1}</b>", "quote", label="Pim")
    assert isinstance(box, gr.Textbox) and box.value == "<b>${1+1}</b>" and not box.interactive and "says" in box.elem_classes


def test_a_choice_that_has_just_gone_reaches_the_handler_which_can_say_so():
    assert Pick(["a"]).preprocess("gone") == "gone"
    assert Pick([]).get_block_name() == "radio"


def test_go_is_one_arrow_function_so_that_it_can_stand_inside_another():
    assert go("train").startswith("() => {") and go("train").rstrip().endswith("}")


def test_ticks_draw_one_line_each():
    assert ticks([("ok", "Read", "all of it", "tokens"), ("look", "Long", "one line", "")]).count("<li") == 2
