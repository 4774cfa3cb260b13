// What pages gain where scripts run: answers while one types, copying, printing. Without them everything works as well.
"use strict";

const WAIT_MS = 140; // of quiet after a letter before the search is asked
const said = document.getElementById("said");

/** Tell people who do not see the page. */
function say(text) {
  said.textContent = "";
  requestAnimationFrame(() => { said.textContent = text; });
}

/** Buttons that only a script can keep the promise of. */
function show(root) {
  if (navigator.clipboard) for (const button of root.querySelectorAll("[data-copy]")) button.hidden = false;
  for (const button of root.querySelectorAll("[data-print]")) button.hidden = false;
}

async function copy(button) {
  const address = button.dataset.copy;
  const label = button.firstElementChild;
  const before = label.textContent;
  if (button.classList.contains("done")) return;
  try {
    await navigator.clipboard.writeText(address);
  } catch {
    say(said.dataset.failed);
    return;
  }
  say(said.dataset.copied.replace("{address}", address));
  label.textContent = button.dataset.done;
  button.classList.add("done");
  setTimeout(() => { label.textContent = before; button.classList.remove("done"); }, 2000);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copy], [data-print]");
  if (!button) return;
  if (button.dataset.copy) copy(button);
  else print();
});

/** The search form: the list is asked for again whenever what is asked has changed. */
function live(form) {
  const box = form.elements.q;
  const list = document.getElementById("results");
  let timer, under, asked = query();

  function query() {
    const given = [...new FormData(form)].filter(([, value]) => value.trim());
    return new URLSearchParams(given).toString();
  }

  async function ask() {
    const wanted = query();
    if (wanted === asked) return;
    asked = wanted;
    under?.abort();
    under = new AbortController();
    list.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(`${form.dataset.results}?${wanted}`, { signal: under.signal });
      const content = await answer.text();
      const html = (answer.headers.get("content-type") ?? "").startsWith("text/html");
      history.replaceState(null, "", wanted ? `/?${wanted}` : "/");
      if (html) list.innerHTML = content;
      else refuse(JSON.parse(content).detail);
      if (wanted === query()) offer();
      show(list);
      say(list.querySelector("[data-found], .notice")?.textContent ?? "");
    } catch (error) {
      if (error.name === "AbortError") return;
      asked = null;
      refuse(form.dataset.failed);
      say(form.dataset.failed);
    }
    list.removeAttribute("aria-busy");
  }

  /** The filters' choices, counted among what was found; not below the hand that chooses. */
  function offer() {
    for (const choices of list.querySelectorAll("template[data-choices]")) {
      const filter = form.elements[choices.dataset.choices];
      if (filter !== document.activeElement) filter.replaceChildren(choices.content);
      choices.remove();
    }
  }

  function refuse(why) {
    const notice = document.createElement("p");
    notice.className = "notice";
    notice.textContent = why.charAt(0).toUpperCase() + why.slice(1).replace(/ ([;:])/g, "\u00a0$1");
    list.replaceChildren(notice);
  }

  function soon() {
    clearTimeout(timer);
    timer = setTimeout(ask, WAIT_MS);
  }

  form.addEventListener("input", soon);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    clearTimeout(timer);
    ask();
    form.querySelector("details").open = false; // what was found stands below
    box.blur(); // puts the keyboard of a phone away
    if (matchMedia("(pointer: fine)").matches) box.focus();
  });

  // Down and up go through the results, Escape returns to the box: the results are ordinary links, in order.
  document.addEventListener("keydown", (event) => {
    const links = [...list.querySelectorAll(".result h3 a")];
    const at = links.indexOf(document.activeElement);
    if (event.key === "Escape" && list.contains(document.activeElement)) {
      box.focus();
    } else if (event.key === "ArrowDown" && (document.activeElement === box || at >= 0)) {
      links[Math.min(at + 1, links.length - 1)]?.focus();
      if (links.length) event.preventDefault();
    } else if (event.key === "ArrowUp" && at >= 0) {
      (links[at - 1] ?? box).focus();
      event.preventDefault();
    }
  });
}

show(document);
const form = document.getElementById("search");
if (form) live(form);
