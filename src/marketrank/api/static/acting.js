// Tells what the visitor does, without leaving the page: opens, saves, hides. Without this file
// the buttons are plain forms, and only what is opened goes untold.

const EVENTS = "/your-visit/events";
const csrf = document.querySelector("meta[name=csrf]").content;
const notice = document.getElementById("notice");
const SAID = { save: "Saved.", hide: "Hidden. We will not show it to you again." };

function say(words) {
  notice.hidden = false;
  notice.textContent = words;
}

// Of the listing that was opened last: from which results, and why it stood there.
function remember(values) {
  try { sessionStorage.setItem("opened", JSON.stringify(values)); } catch { /* no storage */ }
}

function remembered(listing) {
  try {
    const held = JSON.parse(sessionStorage.getItem("opened"));
    return held?.listing === listing ? held : null;
  } catch {
    return null;
  }
}

function gone(tile) {
  const next = tile.nextElementSibling ?? tile.previousElementSibling;
  tile.remove();
  (next?.querySelector("a.card") ?? document.getElementById("main")).focus();
}

function done(form, button) {
  if (button.value === "save") {
    button.textContent = "Saved";
    button.setAttribute("aria-pressed", "true");
  }
  say(SAID[button.value]);
  const tile = form.closest(".grid > li");
  if (button.value !== "hide") return;
  if (tile) gone(tile);
  else button.disabled = true;
}

document.addEventListener("submit", async (event) => {
  const form = event.target.closest("form.act");
  const button = event.submitter;
  if (!form || !button) return;
  event.preventDefault();
  const body = new URLSearchParams(new FormData(form));
  body.set("kind", button.value);
  try {
    const headers = { "X-Requested-With": "fetch" };
    const answer = await fetch(EVENTS, { method: "POST", body, headers });
    if (!answer.ok) throw new Error(String(answer.status));
    done(form, button);
  } catch {
    say("That did not work. Please load the page again and try once more.");
  }
});

function tell(kind, listing, request) {
  const body = new URLSearchParams({ csrf, kind, listing, request });
  navigator.sendBeacon(EVENTS, body);
}

document.addEventListener("click", (event) => {
  const tile = event.target.closest("a.card")?.closest("li");
  const form = tile?.querySelector("form.act");
  if (!form) return;
  const listing = form.elements.namedItem("listing").value;
  const request = form.elements.namedItem("request").value;
  remember({ listing, request, why: tile.querySelector(".why")?.textContent ?? "" });
  tell("click", listing, request);
});

const article = document.querySelector("article[data-listing]");
if (article) {
  const { listing } = article.dataset;
  const from = remembered(listing);
  const form = article.querySelector("form.act");
  // What is done here follows from the results that led here.
  form.elements.namedItem("request").value = from?.request ?? "";
  tell("view", listing, from?.request ?? "");
  const why = document.getElementById("why");
  if (from?.why) {
    why.textContent = `Why you were shown this: ${from.why}`;
    why.hidden = false;
  }
}
