// Offers words while they are typed: a combobox with a list (WAI-ARIA 1.2). Without this file the
// search box works as any other.

const WAIT = 120; // milliseconds without a key before the server is asked
const form = document.getElementById("search");
const input = form.elements.namedItem("q");
const list = document.createElement("ul");
let asked = null; // the request under way
let timer = 0;
let typed = ""; // what the person wrote, while the arrow keys show something else

list.id = "suggestions";
list.className = "suggestions";
list.setAttribute("role", "listbox");
list.setAttribute("aria-label", "Suggestions");
list.hidden = true;
form.append(list);
for (const [name, value] of Object.entries({
  role: "combobox",
  "aria-autocomplete": "list",
  "aria-controls": list.id,
  "aria-expanded": "false",
})) input.setAttribute(name, value);

function close() {
  clearTimeout(timer);
  asked?.abort();
  list.hidden = true;
  list.replaceChildren();
  input.setAttribute("aria-expanded", "false");
  input.removeAttribute("aria-activedescendant");
}

function option(suggestion, number) {
  const item = document.createElement("li");
  item.id = `suggestion-${number}`;
  item.setAttribute("role", "option");
  item.setAttribute("aria-selected", "false");
  item.dataset.text = suggestion.text;
  const words = document.createElement("span");
  words.textContent = suggestion.text;
  const hint = document.createElement("span");
  hint.className = "hint";
  const place = suggestion.category.at(-1);
  const count = suggestion.count.toLocaleString("en-GB");
  hint.textContent = place ? `in ${place} · ${count}` : count;
  item.append(words, " ", hint);
  return item;
}

function show(suggestions) {
  if (!suggestions.length || document.activeElement !== input) return close();
  list.replaceChildren(...suggestions.map(option));
  input.removeAttribute("aria-activedescendant");
  list.hidden = false;
  input.setAttribute("aria-expanded", "true");
}

async function ask() {
  asked?.abort();
  if (!typed.trim() || typed.length > 100) return close();
  asked = new AbortController();
  try {
    const query = new URLSearchParams({ q: typed });
    const answer = await fetch(`/v1/suggest?${query}`, { signal: asked.signal });
    if (answer.ok) show((await answer.json()).suggestions);
  } catch (error) {
    if (error.name !== "AbortError") close(); // typing goes on without suggestions
  }
}

function mark(step) {
  const options = [...list.children];
  const at = options.findIndex((one) => one.getAttribute("aria-selected") === "true");
  options[at]?.setAttribute("aria-selected", "false");
  // One place more than there are options: what was typed.
  const next = (at + 1 + step + options.length + 1) % (options.length + 1) - 1;
  const chosen = options[next];
  input.value = chosen ? chosen.dataset.text : typed;
  if (chosen) {
    chosen.setAttribute("aria-selected", "true");
    input.setAttribute("aria-activedescendant", chosen.id);
    chosen.scrollIntoView({ block: "nearest" });
  } else input.removeAttribute("aria-activedescendant");
}

input.addEventListener("input", () => {
  typed = input.value;
  clearTimeout(timer);
  timer = setTimeout(ask, WAIT);
});
input.addEventListener("keydown", (event) => {
  if (list.hidden || event.isComposing) return;
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    mark(event.key === "ArrowDown" ? 1 : -1);
  } else if (event.key === "Escape") {
    event.preventDefault(); // else the browser clears the box
    input.value = typed;
    close();
  }
});
input.addEventListener("blur", close);
form.addEventListener("submit", close);
list.addEventListener("pointerdown", (event) => event.preventDefault()); // keep the focus
list.addEventListener("click", (event) => {
  const chosen = event.target.closest("[role=option]");
  if (!chosen) return;
  input.value = chosen.dataset.text;
  close();
  form.requestSubmit();
});
