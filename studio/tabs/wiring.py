"""What every tab uses to tie its handlers to its components."""

import functools
import html as markup
import inspect
import json
import logging
from abc import ABCMeta
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import gradio as gr

from studio.domain.errors import StudioError
from studio.services.studio import Studio

NOT_DONE = "Not done"
LATEST: Any = {"trigger_mode": "always_last"}  # for what shows the open character: asked while it still answers, it answers once more
FRAMES = 30  # that a page is given to show what was asked for: about half a second
MISTAKE = "That stopped because of a mistake in the studio. What was saved is safe. The details are in studio.log, in the folder where your characters are kept."

# Components whose value the handler judges. Gradio's own refuses, with a raw message, what is not on the list it remembers for this window: after
# a restart, or when something was removed a moment ago. Made without Gradio's metaclass, which writes a .pyi file beside every subclass.
_JUDGED = {"preprocess": lambda self, payload: payload}
Pick: type[gr.Radio] = ABCMeta.__new__(type(gr.Radio), "Radio", (gr.Radio,), dict(_JUDGED))
Tick: type[gr.CheckboxGroup] = ABCMeta.__new__(type(gr.CheckboxGroup), "CheckboxGroup", (gr.CheckboxGroup,), dict(_JUDGED))
Choose: type[gr.Dropdown] = ABCMeta.__new__(type(gr.Dropdown), "Dropdown", (gr.Dropdown,), dict(_JUDGED))


def bind(handler: Callable[..., Any], studio: Studio) -> Callable[..., Any]:
    """`handler` with its first argument fixed: same name, still a generator if it was one, and its StudioErrors shown as a toast."""

    def answer(*values: Any) -> Any:
        with _told():
            return handler(studio, *values)

    def stream(*values: Any) -> Iterator[Any]:
        with _told(), closing(handler(studio, *values)) as answers:
            yield next(answers, gr.skip())  # else Gradio empties all that a handler might have filled, and had nothing to say of
            yield from answers

    bound = functools.wraps(handler)(stream if inspect.isgeneratorfunction(handler) else answer)
    # Gradio reads the signature to count inputs and to find event data: it must see the handler's, without the studio.
    del bound.__wrapped__
    signature = inspect.signature(handler)
    bound.__signature__ = signature.replace(parameters=list(signature.parameters.values())[1:])
    return bound


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except StudioError as error:
        # A toast shows markup, and the sentence may hold a name somebody typed.
        raise gr.Error(markup.escape(str(error), quote=False), title=NOT_DONE, print_exception=False) from error
    except gr.Error:
        raise
    except Exception as error:
        logging.getLogger("studio").exception("A handler stopped")
        raise gr.Error(MISTAKE, title=NOT_DONE, print_exception=False) from error


def when(*events: Any) -> Any:
    """These events as one that others follow: `when(persona.change).then(look, ..., **LATEST)`.

    Gradio 6.31's page asks what listens to one event one after another, and a listener that had to wait asks *all* of them anew when it ends: two
    changes in a row could keep a page at work for minutes. What follows an event is asked at once, and once more for itself alone.
    """
    return gr.on(list(events), None, js="() => {}")


def on_view(tab: gr.Tab, persona: gr.Radio, *events: Any) -> Any:
    """A room is opened, or another character while it is open; and these events. Others follow: `on_view(tab, persona).success(look, ..., **LATEST)`.

    A hidden room is told nothing: it asks when it is opened, and all rooms at once would keep the page at work for seconds.
    """
    seen = f"document.querySelector('#{tab.elem_id}')?.offsetParent"
    return gr.on(
        [tab.select, persona.change, *events],
        None,
        js=f"async () => {{ await new Promise(done => setTimeout(done)); if (!{seen}) throw 'hidden'; }}",
    )


def once_seen(room: str, *events: Any) -> Any:
    """These events, in a page in which this room was opened before: a room nobody has seen has nothing to put away.

    Others follow: `once_seen("chat", persona.change).success(leave, ..., **LATEST)`. Gradio draws a room when it is first opened, and keeps it.
    """
    return gr.on(list(events), None, js=f"() => {{ if (!document.querySelector('#{room}')) throw 'unseen'; }}")


def cast(studio: Studio, wanted: str) -> dict[str, Any]:
    """An update of the selector: everybody there is, with `wanted` open if it exists."""
    characters = studio.library.characters()
    ids = [c.id for c in characters]
    return gr.update(choices=[(c.persona.name, c.id) for c in characters], value=wanted if wanted in ids else next(iter(ids), None))


def go(tab: str) -> str:
    """JavaScript that opens a tab, also when it is folded into the menu of a narrow window. For `button.click(None, js=go("train"))`."""
    # The tab gets the focus, because what had it is behind another one now.
    # Gradio names each tab's button <id>-button, hides a copy for measuring, and moves what does not fit into a menu of plain buttons.
    return f"""() => {{
      const shown = [...document.querySelectorAll('#rooms > .tab-wrapper [role=tab]')].find(e => e.id.startsWith('{tab}') && e.offsetParent && !e.closest('.visually-hidden'));
      if (shown) {{ shown.click(); return void shown.focus(); }}
      const menu = document.querySelector('#rooms > .tab-wrapper .overflow-menu > button');
      menu.click(); menu.focus();
      requestAnimationFrame(() => [...document.querySelectorAll('#rooms .overflow-dropdown button')].find(e => e.textContent.trim().toLowerCase() === '{tab}').click());
    }}"""


def focus(*places: str, lost: bool = False) -> str:
    """JavaScript that gives the focus to the first of these places as soon as one can be seen; with `lost`, only where nothing has it any more.

    Gradio takes a button away with the panel it closes, and whoever has no mouse would have to walk from the top of the page again. Some
    of that happens a moment later, so it is looked after for a while.
    """
    return f"""() => {{
      const seen = () => {json.dumps(places)}.flatMap(place => [...document.querySelectorAll(place)]).find(e => e.offsetParent && !e.disabled);
      let frames = {FRAMES}, given = {json.dumps(lost)};
      const look = () => {{
        const found = seen();
        if (found && (!given || [null, document.body].includes(document.activeElement))) {{ found.focus(); given = true; }}
        if (frames--) requestAnimationFrame(look);
      }};
      requestAnimationFrame(look);
    }}"""


def html(markup_text: str = "", **options: Any) -> gr.HTML:
    """Static markup or a picture made of numbers. Never anything a person or a model wrote: Gradio would run it."""
    return gr.HTML(markup_text, js_on_load=None, apply_default_css=False, **options)


def says(value: str = "", *classes: str, label: str = "", edit: bool = False, **options: Any) -> gr.Textbox:
    """Somebody's words: a text box without a box, so that text stays text. With a label it shows who speaks."""
    shown = {"show_label": bool(label), "container": bool(label), "label": label or "Text", "lines": 1, "max_lines": 12, **options}
    return gr.Textbox(value, interactive=edit, elem_classes=["says", *classes], **shown)


def ticks(rows: Iterable[tuple[str, str, str, str]]) -> str:
    """A list of checks as markup: (`ok`, `look`, `bad` or `wait`; title; sentence; expert word). The studio's own words only."""
    lines = (
        f'<li class="{state}"><b>{title}</b><span>{line}</span>{f"<small>{expert}</small>" if expert else ""}</li>'
        for state, title, line, expert in rows
    )
    return f'<ul class="ticks">{"".join(lines)}</ul>'


def literal(text: str) -> str:
    """Text that neither the browser nor Gradio's templates (`${…}`, `{{…}}`) read as anything but letters."""
    return markup.escape(text).replace("$", "&#36;").replace("{", "&#123;")
