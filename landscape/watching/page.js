// The page of a watched file: puts the texts of each new state into their places. Decides nothing; every text that comes from a
// file is set as text, never as markup.
"use strict";

const at = (id) => document.getElementById(id);
let written = null;
let shown = 0;

function put(id, text) {
  if (at(id).textContent !== text) at(id).textContent = text;
}

function row(cells, kind) {
  const line = document.createElement("tr");
  for (const cell of cells) {
    const place = document.createElement(kind);
    place.textContent = cell;
    line.append(place);
  }
  return line;
}

function show(state) {
  delete document.body.dataset.lost;
  document.body.dataset.phase = state.phase;
  put("title", state.title || "landscape watch");
  put("file", state.file);
  put("progress", [state.progress, state.pace].filter(Boolean).join(" \u00b7 "));
  put("said", state.said);
  put("note", state.note && `no new picture: ${state.note}`);
  at("bar").hidden = state.share === null && state.phase === "waiting";
  if (state.share === null) at("bar").removeAttribute("value");
  else at("bar").value = state.share;
  at("columns").replaceChildren(...(state.rows.length ? [row(state.columns, "th")] : []));
  at("rows").replaceChildren(...state.rows.map((cells) => row(cells, "td")));
  at("facts").replaceChildren(...state.facts.map((fact) => {
    const line = document.createElement("li");
    line.textContent = fact;
    return line;
  }));
  picture(state);
  written = state.age === null ? null : Date.now() / 1000 - state.age;
  age();
  const percent = state.share === null ? "" : `${Math.floor(100 * state.share)} % `;
  document.title = `${percent}${state.title || state.file}`;
}

// The next picture is loaded before it takes the place of the last one, so that nothing flickers.
function picture(state) {
  if (state.picture === shown) return;
  shown = state.picture;
  const next = new Image();
  const number = shown;
  next.onload = () => {
    if (number !== shown) return;
    at("picture").src = next.src;
    at("picture").alt = `${state.title}, ${state.progress}`;
    at("picture").hidden = false;
  };
  next.onerror = () => { at("picture").hidden = at("picture").hidden || number === shown; };
  next.src = `picture.svg?${number}`;
}

function age() {
  if (written === null) return put("age", "");
  const seconds = Math.max(0, Math.round(Date.now() / 1000 - written));
  const minutes = Math.floor(seconds / 60);
  const text = seconds < 90 ? `${seconds} s` : minutes < 90 ? `${minutes} min` : `${Math.round(minutes / 60)} h`;
  put("age", `last written ${text} ago`);
}

const events = new EventSource("events");
events.onmessage = (message) => show(JSON.parse(message.data));
events.onerror = () => {
  document.body.dataset.lost = "";
  put("said", "the watch has ended, or cannot be reached; this is the last state that it showed");
};
setInterval(age, 1000);
