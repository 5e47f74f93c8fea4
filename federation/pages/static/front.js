// Makes the search quicker to use. Everything works without it: answers then come with the page, all at once.
"use strict";

const element = (name, attributes = {}, ...children) => {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
};

// The sign-in has ended, whatever the page itself still shows: through the broker again.
const again = () => location.assign(document.getElementById("again")?.href ?? location.href);

// Parts of the answer, each put in its place as it comes.
const fetched = async url => {
  const answer = await fetch(url, { headers: { Accept: "text/html" } });
  if (answer.status === 401) {
    again();
    return null;
  }
  const text = await answer.text();
  if (answer.ok) return text;
  const said = new DOMParser().parseFromString(text, "text/html").querySelector("main");
  return element("p", { class: "note warn" }, said?.textContent.trim() || String(answer.status)).outerHTML;
};

// The members' answers one by one as they come, then the whole: a line of JSON for each.
const streamed = async place => {
  const answer = await fetch(place.dataset.part, { headers: { Accept: "application/x-ndjson" } });
  if (!answer.headers.get("Content-Type")?.startsWith("application/x-ndjson")) return fetched(place.dataset.part);
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let rest = "", read; !(read = await reader.read()).done;) {
    const lines = (rest + read.value).split("\n");
    rest = lines.pop();
    for (const line of lines.map(text => JSON.parse(text))) {
      if (line.node) place.querySelector(".asked").insertAdjacentHTML("beforeend", line.node);
      if (line.ended) again();
      if (line.answer) return line.answer;
    }
  }
  return null;
};

const fill = async place => {
  const asking = "streamed" in place.dataset ? streamed(place) : fetched(place.dataset.part);
  const html = await asking.catch(() => null);
  if (html === null) {
    place.textContent = "–";
    return;
  }
  const holder = element("div");
  holder.innerHTML = html;
  const nested = [...holder.querySelectorAll("[data-part]")];
  const heading = place.parentElement.querySelector(":scope > h2#answer-title");
  if (heading && holder.querySelector("#answer-title")) heading.remove();
  place.replaceWith(...holder.childNodes);
  nested.forEach(fill);
};

const fillCells = async place => {
  const html = await fetched(place.dataset.cells).catch(() => null);
  if (html === null) {
    place.textContent = "–";
    return;
  }
  const holder = element("template");
  holder.innerHTML = html.includes("<td") ? html : `<td colspan="4">${html}</td>`;
  place.replaceWith(...holder.content.childNodes);
};

// A field for terms: a combobox (ARIA) whose choices become chips.
class TermField {
  constructor(input) {
    this.input = input;
    this.chips = document.getElementById(`${input.id}-chips`);
    this.options = document.getElementById(`${input.id}-options`);
    this.at = -1;
    this.asked = 0;
    for (const [key, value] of Object.entries({
      role: "combobox", "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": this.options.id,
    })) input.setAttribute(key, value);
    input.addEventListener("input", () => this.soon());
    input.addEventListener("focus", () => this.soon());
    input.addEventListener("blur", () => setTimeout(() => this.close(), 150));
    input.addEventListener("keydown", event => this.key(event));
    this.options.addEventListener("mousedown", event => {
      const option = event.target.closest("[role=option]");
      if (option) {
        event.preventDefault();
        this.choose(option);
      }
    });
    this.chips.addEventListener("click", event => {
      const button = event.target.closest("button.drop");
      if (button) {
        event.preventDefault();
        button.closest("li").remove();
        this.chips.hidden = !this.chips.children.length;
        input.focus();
      }
    });
  }

  soon() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.look(), 120);
  }

  async look() {
    const number = ++this.asked;
    const answer = await fetch(`${this.input.dataset.terms}?q=${encodeURIComponent(this.input.value)}`).catch(() => null);
    if (!answer?.ok || number !== this.asked || document.activeElement !== this.input) return;
    const chosen = new Set([...this.chips.querySelectorAll("input")].map(one => one.value));
    const terms = (await answer.json()).filter(term => !chosen.has(term.id));
    this.options.replaceChildren(...terms.map((term, number) => element(
      "li", { role: "option", id: `${this.options.id}-${number}`, "aria-selected": "false", "data-id": term.id },
      element("span", {}, term.label), " ", element("code", {}, term.id),
    )));
    if (!terms.length) this.options.append(element("li", { class: "none" }, this.input.dataset.none));
    this.at = -1;
    this.options.hidden = false;
    this.input.setAttribute("aria-expanded", "true");
    this.input.removeAttribute("aria-activedescendant");
  }

  close() {
    clearTimeout(this.timer);
    this.asked += 1;
    this.options.hidden = true;
    this.at = -1;
    this.input.setAttribute("aria-expanded", "false");
    this.input.removeAttribute("aria-activedescendant");
  }

  key(event) {
    const options = [...this.options.querySelectorAll("[role=option]")];
    if (event.key === "Escape") this.close();
    else if (event.key === "Backspace" && !this.input.value && this.chips.lastElementChild) {
      this.chips.lastElementChild.remove();
      this.chips.hidden = !this.chips.children.length;
    } else if ((event.key === "ArrowDown" || event.key === "ArrowUp") && options.length && !this.options.hidden) {
      event.preventDefault();
      this.at = (this.at + (event.key === "ArrowDown" ? 1 : this.at < 0 ? 0 : -1) + options.length) % options.length;
      options.forEach((option, number) => option.setAttribute("aria-selected", String(number === this.at)));
      options[this.at].scrollIntoView({ block: "nearest" });
      this.input.setAttribute("aria-activedescendant", options[this.at].id);
    } else if (event.key === "Enter" && this.at >= 0 && options[this.at]) {
      event.preventDefault();
      this.choose(options[this.at]);
    }
  }

  choose(option) {
    const name = option.querySelector("span").textContent;
    this.chips.append(element(
      "li", {}, element("input", { type: "hidden", name: this.input.name, value: option.dataset.id }),
      element("span", {}, name),
      element("button", { type: "button", class: "drop", "aria-label": this.input.dataset.remove.replace("%", name) }, "×"),
    ));
    this.chips.hidden = false;
    this.input.value = "";
    this.input.removeAttribute("aria-invalid");
    this.close();
    this.input.focus();
  }
}

// The variant box says how it understands what is typed.
const reads = input => {
  const assembly = document.getElementById("assembly"), said = document.getElementById("variant-said");
  let timer = 0, asked = 0;
  const look = async () => {
    const number = ++asked, text = input.value.trim();
    if (!text) {
      said.textContent = "";
      said.className = "said-back";
      input.removeAttribute("aria-invalid");
      return;
    }
    const query = new URLSearchParams({ text, assembly: assembly.value });
    const answer = await fetch(`${input.dataset.reads}?${query}`).catch(() => null);
    if (!answer?.ok || number !== asked) return;
    const read = await answer.json();
    said.textContent = read.said;
    said.className = `said-back ${read.ok ? "ok" : "bad"}`;
    if (read.ok) input.removeAttribute("aria-invalid");
    else input.setAttribute("aria-invalid", "true");
    if (read.assembly) assembly.value = read.assembly;
  };
  const soon = () => {
    clearTimeout(timer);
    timer = setTimeout(look, 250);
  };
  input.addEventListener("input", soon);
  assembly.addEventListener("change", soon);
  look();
};

document.querySelectorAll("[data-live]").forEach(field => { field.disabled = false; });
document.querySelectorAll("[data-terms]").forEach(input => new TermField(input));
document.querySelectorAll("[data-reads]").forEach(reads);
document.querySelectorAll("[data-part]").forEach(fill);
document.querySelectorAll("[data-cells]").forEach(fillCells);
