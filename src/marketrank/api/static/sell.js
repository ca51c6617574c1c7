// Photos of a draft: dropped, pasted or chosen, made smaller and shown, before the form is sent.
// Without this file they are chosen with the file field and sent as they are.

const MOST = 8;
const LONGEST = 1024; // pixels, unless the shorter side would be less than SHORTEST
const SHORTEST = 480;
const form = document.getElementById("sell");
const input = document.getElementById("sell-photos");
const zone = document.getElementById("sell-drop");
const list = document.getElementById("sell-previews");
let chosen = []; // [{ file, preview }], in order

document.getElementById("sell-hint").hidden = false;

function canvas(picture, width, height) {
  const made = document.createElement("canvas");
  made.width = Math.max(1, Math.round(width));
  made.height = Math.max(1, Math.round(height));
  made.getContext("2d").drawImage(picture, 0, 0, made.width, made.height);
  return made;
}

async function prepared(file) {
  try {
    const picture = await createImageBitmap(file);
    const long = Math.max(picture.width, picture.height);
    const short = Math.min(picture.width, picture.height);
    const small = 96 / long;
    // The policy of this page allows data: pictures and no blob: ones.
    const preview = canvas(picture, picture.width * small, picture.height * small).toDataURL("image/jpeg", 0.8);
    const scale = Math.max(LONGEST / long, SHORTEST / short);
    if (scale >= 1) return { file, preview };
    const smaller = canvas(picture, picture.width * scale, picture.height * scale);
    const blob = await new Promise((done) => smaller.toBlob(done, "image/jpeg", 0.9));
    return { file: blob ? new File([blob], "photo.jpg", { type: "image/jpeg" }) : file, preview };
  } catch {
    return { file, preview: "" }; // this browser cannot show it; the server says what it thinks
  }
}

function show() {
  const carrier = new DataTransfer();
  for (const one of chosen) carrier.items.add(one.file);
  input.files = carrier.files;
  list.hidden = chosen.length === 0;
  list.replaceChildren(...chosen.map((one, place) => {
    const item = document.createElement("li");
    const image = document.createElement("img");
    image.alt = `Photo ${place + 1}`;
    image.width = image.height = 88;
    if (one.preview) image.src = one.preview;
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Remove";
    button.setAttribute("aria-label", `Remove photo ${place + 1}`);
    button.addEventListener("click", () => {
      chosen.splice(place, 1);
      show();
      ask();
      input.focus();
    });
    item.append(image, button);
    return item;
  }));
}

function ask() {
  form.dispatchEvent(new Event("change", { bubbles: true }));
}

async function add(files) {
  const photos = [...files].filter((file) => file.type.startsWith("image/"));
  if (!photos.length) return;
  chosen = [...chosen, ...(await Promise.all(photos.map(prepared)))].slice(0, MOST);
  show();
  ask();
}

// A choice comes beside those before it. The event that started it is not sent on: the photos are
// not ready yet.
input.addEventListener("change", (event) => {
  event.stopPropagation();
  add(input.files);
});
input.addEventListener("input", (event) => event.stopPropagation());

// Before the photo search of every page takes what is dropped or pasted.
function taking(kind, act) {
  document.addEventListener(kind, (event) => {
    const carrier = event.dataTransfer ?? event.clipboardData;
    if (!carrier?.types.includes("Files")) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    act(carrier);
  }, true);
}
taking("dragover", () => zone.classList.add("over"));
taking("dragleave", () => zone.classList.remove("over"));
taking("drop", (carrier) => {
  zone.classList.remove("over");
  add(carrier.files);
});
taking("paste", (carrier) => add(carrier.files));
