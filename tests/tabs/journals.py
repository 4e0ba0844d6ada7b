"""The journal of a lesson in the middle, as the trainer writes it."""

import time

from studio.tabs import lesson

NOW = time.time()


def event(kind, at=0.0, **facts):
    return {"kind": kind, "at": NOW + at, **facts}


def heard(step, epoch, text, at=0.0):
    return [event("sample", at, step=step, epoch=epoch, prompt=f"Question {n}?", text=text) for n in range(12)]


LEARNING = [
    event("phase", -70, text="Listening to the plain model"),
    event("evaluation", -65, step=0, epoch=0.0, loss=3.0),
    *heard(0, 0.0, "Rain is water.", -65),
    event("phase", -61, text="Learning"),
    event("start", -60, steps=40, epochs=8, from_step=0),
    *(event("step", -60 + 2 * n, step=n, epoch=n / 5, loss=3 - n / 30, tokens_per_second=400.0, memory_mb=1900) for n in range(1, 31)),
    event("evaluation", -30, step=15, epoch=3.0, loss=2.2),
    *heard(15, 3.0, "Rain wakes the smells."),
    event("evaluation", -1, step=30, epoch=6.0, loss=2.0),
    *heard(30, 6.0, "Rain is the SKY."),
    event("saved", -1, step=30),
]
RESULT = {
    "seconds": 780.0,
    "steps": 40,
    "best_step": 30,
    "tokens_per_second": 400.0,
    "peak_rss_mb": 1900,
    "validation_nll_base": 3.0,
    "validation_nll_adapter": 2.0,
}


def page(studio, who, model="practice", question=0, fresh=False):
    """What Train shows of a character."""
    return lesson.page(studio, who, model, question, fresh)


def visible(shown):
    """Which of Train's four faces can be seen."""
    return [part for part in ("empty", "before", "debut", "lesson") if shown[part]["visible"]]
