// Makes photo search pleasant: drop or paste a photo anywhere, or choose one, and it is sent at
// once, made smaller first. Without this file the form works with its button.

const LONGEST_SIDE = 1024; // pixels; the server makes it smaller still
const form = document.getElementById("photo-form");
const input = document.getElementById("photo-file");
const status = document.getElementById("photo-status");
const panel = form.closest("details");
document.getElementById("photo-hint").hidden = false;

async function smaller(file) {
  try {
    const picture = await createImageBitmap(file);
    const scale = LONGEST_SIDE / Math.max(picture.width, picture.height);
    if (scale >= 1) return file;
    const canvas = document.createElement("canvas");
    canvas.width = Math.round(picture.width * scale);
    canvas.height = Math.round(picture.height * scale);
    canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
    const blob = await new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.9));
    return blob ? new File([blob], "photo.jpg", { type: "image/jpeg" }) : file;
  } catch {
    return file; // a format that this browser cannot show; the server says what it thinks of it
  }
}

async function search(file) {
  panel.open = true;
  status.textContent = "Looking for things like your photo…";
  const carrier = new DataTransfer();
  carrier.items.add(await smaller(file));
  input.files = carrier.files;
  form.requestSubmit();
}

function photoIn(transfer) {
  return [...(transfer?.files ?? [])].find((file) => file.type.startsWith("image/"));
}

input.addEventListener("change", () => {
  if (input.files.length > 0) search(input.files[0]);
});

document.addEventListener("paste", (event) => {
  const file = photoIn(event.clipboardData);
  if (file) {
    event.preventDefault();
    search(file);
  }
});

document.addEventListener("dragover", (event) => {
  if (event.dataTransfer?.types.includes("Files")) {
    event.preventDefault();
    document.body.classList.add("dropping");
  }
});

document.addEventListener("dragleave", (event) => {
  if (event.relatedTarget === null) document.body.classList.remove("dropping");
});

document.addEventListener("drop", (event) => {
  document.body.classList.remove("dropping");
  if (!event.dataTransfer?.types.includes("Files")) return;
  event.preventDefault();
  const file = photoIn(event.dataTransfer);
  if (file) {
    search(file);
  } else {
    panel.open = true;
    status.textContent = "That is not a photo. Please drop a JPEG, PNG or WebP file.";
  }
});

// A page that comes back from the browser's memory must not still say that it is looking.
window.addEventListener("pageshow", () => {
  status.textContent = "";
});

// Fields left empty would only lengthen the address.
document.getElementById("search").addEventListener("submit", (event) => {
  if (event.target.method !== "get") return;
  for (const field of event.target.elements) {
    if (field.name && !field.value) field.disabled = true;
  }
  setTimeout(() => {
    for (const field of event.target.elements) field.disabled = false;
  });
});
