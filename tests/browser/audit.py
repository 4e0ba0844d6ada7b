"""Looks at a page as drawn: the contrast of every visible text, the size of the smallest, and targets too small to hit.

Solid backgrounds only: text over a gradient or a picture is not judged.
"""

import time
from dataclasses import dataclass

from playwright.sync_api import expect

from tests.browser.conftest import PATIENCE

TABS = ("Home", "Write", "Prepare", "Train", "Chat", "Export")

QUIET = 3  # times in a row that a page has to have nothing under way: what an answer leads to is asked for a moment later
# Two frames and what is done after them; and whatever moves has arrived, but for what moves for ever.
DRAWN = """async () => {
  const frame = () => new Promise(requestAnimationFrame);
  await frame(); await frame(); await new Promise(done => setTimeout(done, 20));
  await Promise.allSettled(document.getAnimations().filter(a => a.playState === 'running' && a.effect.getComputedTiming().endTime < Infinity).map(a => a.finished));
  return [window.unanswered.size, window.events];
}"""
MEASURE = r"""() => {
  const parse = s => {
    const m = s.match(/[\d.]+/g).map(Number);
    return s.startsWith('color(srgb') ? [m[0] * 255, m[1] * 255, m[2] * 255, m[3] ?? 1] : [m[0], m[1], m[2], m[3] ?? 1];
  };
  const luminance = c => {
    const f = c.slice(0, 3).map(v => { v /= 255; return v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; });
    return .2126 * f[0] + .7152 * f[1] + .0722 * f[2];
  };
  const behind = e => {
    const stack = [];
    for (; e; e = e.parentElement) {
      const c = parse(getComputedStyle(e).backgroundColor);
      if (c[3] > 0) { stack.push(c); if (c[3] === 1) break; }
    }
    return stack.reverse().reduce((r, c) => r.map((v, i) => v * (1 - c[3]) + c[i] * c[3]), [255, 255, 255]);
  };
  const shown = (e, s, r) => r.width >= 2 && r.height >= 2 && s.visibility === 'visible' && +s.opacity > 0 && !e.closest('[aria-hidden=true],.sr-only,.hide,.unseen,.visually-hidden');
  const faint = [], tiny = [];
  let texts = 0;
  for (const e of document.querySelectorAll('.contain *')) {
    const own = [...e.childNodes].some(x => x.nodeType === 3 && x.textContent.trim()) || e.tagName === 'TEXTAREA' && e.value;
    const r = e.getBoundingClientRect(), s = getComputedStyle(e);
    if (!own || !shown(e, s, r)) continue;
    texts++;
    const a = luminance(parse(s.color)), b = luminance(behind(e)), ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05), px = parseFloat(s.fontSize);
    const words = (e.value || e.textContent).trim().slice(0, 40), large = px >= 24 || px >= 18.66 && +s.fontWeight >= 700;
    if (ratio < (large ? 3 : 4.5)) faint.push(`${ratio.toFixed(2)} ${words}`);
    if (px < 13) tiny.push(`${px}px ${words}`);
  }
  const targets = document.querySelectorAll('button, input:enabled:not([type=radio]):not([type=range]):not([type=checkbox]):not([type=file]), .contain label:has(input[type=radio])');
  const small = [...targets].filter(e => {
    const r = e.getBoundingClientRect();
    return r.width > 0 && (r.height < 24 || r.width < 24) && getComputedStyle(e).visibility === 'visible' && !e.closest('[aria-hidden=true],.visually-hidden,.sr-only,.unseen,.hide');
  }).map(e => `${e.className} ${e.textContent.trim().slice(0, 20)} ${Math.round(e.getBoundingClientRect().width)}x${Math.round(e.getBoundingClientRect().height)}`);
  const filled = [...document.querySelectorAll('.contain button.primary')].filter(e => e.offsetParent).map(e => e.textContent.trim());
  return {texts, faint, tiny, small, filled, wide: document.documentElement.scrollWidth - document.documentElement.clientWidth};
}"""


@dataclass(frozen=True)
class Finding:
    """What is wrong with one page state; empty tuples when nothing is."""

    texts: int
    faint: tuple[str, ...]
    tiny: tuple[str, ...]
    small: tuple[str, ...]
    filled: tuple[str, ...]
    wide: int


def measure(page):
    """Look at the page as it is now."""
    found = page.evaluate(MEASURE)
    return Finding(**{name: tuple(value) if isinstance(value, list) else value for name, value in found.items()})


def settle(page):
    """Wait until the page asks for nothing any more, has drawn what it was told, and stays so; a page may ask again because of an answer."""
    end, quiet, known = time.monotonic() + PATIENCE, 0, None
    while quiet < QUIET:
        assert time.monotonic() < end, f"Not at rest within {PATIENCE:.0f} seconds: {[asked.url for asked in page.under_way]}"
        unanswered, events = page.evaluate(DRAWN)
        quiet = 0 if unanswered or page.under_way or (events, page.asked) != known else quiet + 1
        known = events, page.asked


def open_tab(page, name):
    """Open a tab, also when it is folded into the menu of a narrow window, and wait until it shows what it has to."""
    expect(page.locator("#rooms > .tab-wrapper [role=tab]:visible").first).to_be_visible()
    tab = page.locator("#rooms > .tab-wrapper [role=tab]:visible", has_text=name).first
    if tab.count():
        tab.click()
    else:
        page.locator("#rooms > .tab-wrapper .overflow-menu > button").click()
        page.locator("#rooms .overflow-dropdown button", has_text=name).click()
    expect(page.locator(f"#{name.lower()}")).to_be_visible()
    page.mouse.move(700, 890)
    settle(page)


def choose(page, name):
    """Open a character, and wait until every room knows of it."""
    label = page.locator("#cast label", has_text=name).first
    expect(label).to_be_visible()
    settle(page)  # an answer still under way may name somebody else
    if "selected" in label.get_attribute("class"):
        label.click()
    else:
        with page.expect_request(lambda asked: "/queue/join" in asked.url):
            label.click()
    expect(label).to_contain_class("selected")
    settle(page)
