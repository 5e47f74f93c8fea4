"""What holds for every page: a title, a language, one heading, names for whatever is operated, no overflow."""

from __future__ import annotations

from playwright.sync_api import Page

LOOK = """() => {
  const found = [];
  const say = (what, element) => found.push(what + (element ? ": " + element.outerHTML.slice(0, 120) : ""));
  const shown = element => element.checkVisibility();
  const all = selector => [...document.querySelectorAll(selector)].filter(shown);
  const ours = selector => all(selector).filter(one => !one.closest(".swagger-ui"));  // its widgets are not ours
  const ids = list => (list || "").split(" ").filter(Boolean);
  if (!document.title.trim()) say("no title");
  if (!["en", "zh-CN"].includes(document.documentElement.lang)) say("lang is " + document.documentElement.lang);
  if (all("h1").length !== 1) say(all("h1").length + " headings of the first level");
  if (all("main").length !== 1) say(all("main").length + " main parts");
  for (const field of ours("input:not([type=hidden]), select, textarea")) {
    const named = [...field.labels].some(label => label.innerText.trim());
    if (!named && !field.getAttribute("aria-label")) say("a field without a label", field);
  }
  for (const one of ours("a[href], button, summary"))
    if (!one.textContent.trim() && !one.getAttribute("aria-label") && !one.querySelector("img[alt]:not([alt=''])"))
      say("nothing says what this does", one);
  for (const image of all("img")) if (!image.hasAttribute("alt")) say("an image without alt", image);
  for (const one of document.querySelectorAll("[aria-describedby], [aria-labelledby]"))
    for (const id of [...ids(one.getAttribute("aria-describedby")), ...ids(one.getAttribute("aria-labelledby"))])
      if (!document.getElementById(id)) say("refers to nothing: " + id, one);
  const known = [...document.querySelectorAll("[id]")].map(one => one.id);
  for (const id of known) if (known.indexOf(id) !== known.lastIndexOf(id)) say("two elements have the id " + id);
  const root = document.documentElement;
  if (root.scrollWidth > root.clientWidth) {
    const wide = all("body *").filter(one => one.getBoundingClientRect().right > root.clientWidth + 1);
    say(`${root.scrollWidth} px wide, the screen has ${root.clientWidth}`, wide.pop());
  }
  return found;
}"""


def faults(page: Page) -> list[str]:
    """What is wrong with a page as it is shown now."""
    found = page.evaluate(LOOK)
    return [str(fault) for fault in found]
