// The page in a notebook: a frame that shows it, and the traits of the widget, which both sides change.
// Owns: passing the camera, the metric and the scale on. The page itself has the script that files have.

const NAMES = ["camera", "metric", "scale"];
const empty = value => !value || (typeof value === "object" && !Object.keys(value).length);

function render({ model, el }) {
  const frame = document.createElement("iframe"), heard = {};
  let ready = false;
  const size = () => { frame.style.height = `${model.get("height")}px`; };
  frame.setAttribute("sandbox", "allow-scripts allow-downloads");
  frame.title = "loss landscape";
  Object.assign(frame.style, { width: "100%", border: "0" });
  frame.srcdoc = model.get("page");
  size();
  const say = names => {
    const said = names.map(name => [name, model.get(name)]).filter(([, value]) => !empty(value));
    frame.contentWindow?.postMessage({ landscape: Object.fromEntries(said) }, "*");
  };
  const hear = event => {
    const said = event.source === frame.contentWindow && event.data && event.data.landscape;
    if (!said) return;
    if (said.ready) {
      ready = true;
      say(NAMES);
      return;
    }
    for (const name of NAMES.filter(name => name in said)) {
      heard[name] = JSON.stringify(said[name]);
      model.set(name, said[name]);
    }
    model.save_changes();
  };
  // What the page itself has said is not said to it again.
  const changed = NAMES.map(name => [`change:${name}`, () => {
    if (ready && JSON.stringify(model.get(name)) !== heard[name]) say([name]);
  }]);
  changed.push(["change:height", size], ["change:page", () => { ready = false; frame.srcdoc = model.get("page"); }]);
  for (const [name, told] of changed) model.on(name, told);
  window.addEventListener("message", hear);
  el.append(frame);
  return () => {
    window.removeEventListener("message", hear);
    for (const [name, told] of changed) model.off(name, told);
  };
}
export default { render };
