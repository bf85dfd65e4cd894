// Sends a picture to each model, and shows what they answer.

const element = (id) => document.getElementById(id);
const [file, drop, error, status, controls, heat, models] =
  ["file", "drop", "error", "status", "controls", "heat", "models"].map(element);

const BUSY_RETRIES = 5;

/** The models as the server lists them, each with its place on the page. */
let shown = [];
let limits = { body_bytes: Infinity };
/** Stops what is under way when another picture comes. */
let current = new AbortController();
let address = "";

/** A copy of the first element in a template. */
const copy = (template) => element(template).content.firstElementChild.cloneNode(true);

async function start() {
  const answer = await fetch("/v1/models");
  const listed = await answer.json();
  limits = listed.limits;
  element("limits").textContent += `, up to ${Math.floor(limits.body_bytes / 2 ** 20)} MiB`;
  shown = listed.models.map((model) => {
    const place = copy("model");
    const id = `model-${models.children.length}`;
    place.querySelector("h2").id = id;
    place.querySelector("h2").textContent = model.name;
    place.setAttribute("aria-labelledby", id);
    const arch = model.arch === model.name ? [] : [model.arch];
    const size = model.input ? [`${model.input.width} × ${model.input.height} pixels`] : [];
    place.querySelector(".about").textContent = [...arch, `${model.classes} classes`, ...size].join(", ");
    models.append(place);
    return { name: model.name, place };
  });
}

/** Asks all models about a picture. */
async function take(picture) {
  current.abort();
  current = new AbortController();
  const { signal } = current;
  say(error, "");
  say(status, "");
  if (picture.size > limits.body_bytes) {
    say(error, `${picture.name} is larger than this server takes.`);
    return;
  }
  URL.revokeObjectURL(address);
  address = URL.createObjectURL(picture);
  say(status, `Looking at ${picture.name} …`);
  const answers = await Promise.allSettled(shown.map((model) => ask(model, picture, signal)));
  if (signal.aborted) return;
  const failures = new Set(answers.filter(({ status }) => status === "rejected").map(({ reason }) => reason.message));
  say(error, [...failures].map((reason) => `${picture.name}: ${reason}`).join("\n"));
  say(status, answers.flatMap(({ value }) => value ?? []).join("; "));
  controls.hidden = !models.querySelector("figure:not([hidden])");
}

/** Asks one model, shows its answer, and returns it in words. */
async function ask(model, picture, signal) {
  const { place } = model;
  place.setAttribute("aria-busy", "true");
  try {
    const answer = await post(`/v1/predict?cam=1&model=${encodeURIComponent(model.name)}`, picture, signal).catch((reason) => {
      // A network without a map of places still has classes.
      if (reason.code !== "no_heat_map") throw reason;
      return post(`/v1/predict?model=${encodeURIComponent(model.name)}`, picture, signal);
    });
    show(place, answer);
    return `${model.name}: ${answer.top[0].label}, ${percent(answer.top[0].probability)}`;
  } catch (reason) {
    if (!signal.aborted) clear(place);
    throw reason;
  } finally {
    if (!signal.aborted) place.removeAttribute("aria-busy");
  }
}

/** The answer to a picture; a server that is busy is asked again. */
async function post(url, picture, signal) {
  for (let attempt = 0; ; attempt++) {
    const type = picture.type.startsWith("image/") ? picture.type : "application/octet-stream";
    const response = await fetch(url, { method: "POST", body: picture, headers: { "content-type": type }, signal }).catch(() => {
      throw new Error("the server cannot be reached.");
    });
    if (response.status === 503 && attempt < BUSY_RETRIES) {
      await new Promise((resume) => setTimeout(resume, 1000));
      continue;
    }
    const answer = await response.json();
    if (!response.ok) throw Object.assign(new Error(answer.error.message), { code: answer.error.code });
    return answer;
  }
}

function show(place, { picture, top, cam }) {
  place.querySelector(".bars").replaceChildren(...top.map(bar));
  const figure = place.querySelector("figure");
  figure.hidden = false;
  const stage = figure.querySelector(".stage");
  const ratio = picture.width / picture.height;
  stage.style.aspectRatio = ratio;
  stage.style.maxWidth = `calc(60vh * ${ratio})`;
  stage.querySelector(".photo").src = address;
  const map = stage.querySelector(".heat");
  map.hidden = !cam;
  if (!cam) return;
  const share = (part, whole) => `${(100 * part) / whole}%`;
  map.src = cam.image;
  map.alt = `Heat map of where ${cam.label} is seen`;
  map.style.left = share(cam.area.x, picture.width);
  map.style.top = share(cam.area.y, picture.height);
  map.style.width = share(cam.area.width, picture.width);
  map.style.height = share(cam.area.height, picture.height);
}

function bar({ label, probability }) {
  const line = copy("bar");
  line.querySelector(".label").textContent = label;
  line.querySelector(".percent").textContent = percent(probability);
  line.querySelector(".fill").style.width = `${100 * probability}%`;
  return line;
}

function clear(place) {
  place.querySelector(".bars").replaceChildren();
  place.querySelector("figure").hidden = true;
}

const percent = (probability) => `${(100 * probability).toFixed(1)} %`;

function say(place, text) {
  place.textContent = text;
  if (place === error) error.hidden = text === "";
}

function takeFirst(files) {
  if (files?.length) take(files[0]);
}

file.addEventListener("change", () => {
  takeFirst(file.files);
  // The same file may be chosen again.
  file.value = "";
});
heat.addEventListener("input", () => models.style.setProperty("--heat", heat.value / 100));
document.addEventListener("paste", (event) => takeFirst(event.clipboardData?.files));
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  drop.classList.add("over");
});
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) drop.classList.remove("over");
});
document.addEventListener("drop", (event) => {
  event.preventDefault();
  drop.classList.remove("over");
  takeFirst(event.dataTransfer?.files);
});

start().catch(() => say(error, "The server cannot be reached."));
