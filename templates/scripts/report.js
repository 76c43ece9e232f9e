// Starts everything, and opens what a link points to.

function openTarget() {
  const name = decodeURIComponent(location.hash.slice(1));
  const position = pageData ? pageData.people.findIndex((person) => person.anchor === name) : -1;
  if (position >= 0) choose(position);
  const target = document.getElementById(name);
  if (position >= 0 && !target?.closest("article")) return showProfile(position);
  if (!target) return undefined;
  for (let node = target; node; node = node.parentElement) if (node.tagName === "DETAILS") node.open = true;
  return target.scrollIntoView();
}

function addChosen() {
  const clear = element("button", { type: "button", className: "copy" }, "Clear");
  clear.addEventListener("click", () => choose(null));
  const chip = element("li", { className: "chip", hidden: true }, element("span", { id: "chosen-words" }), clear);
  document.querySelector("nav ul").append(chip);
}

document.body.append(tip);
readPageData();
readGlossary();
addChosen();
if (pageData) startFinder();
startFingerprint();
enhanceVisible(document);
explainTerms(document.getElementById("verdict"));
document.querySelectorAll("[data-copy]").forEach(makeCopyable);
watchFigures();
document.addEventListener("toggle", (event) => {
  if (!event.target.open) return;
  enhanceVisible(event.target);
  if (chosen !== null) highlightVisible(event.target);
}, true);
document.addEventListener("keydown", (event) => { if (event.key === "Escape") hideTip(); });
addEventListener("scroll", hideTip, { passive: true });
addEventListener("hashchange", openTarget);
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((details) => { details.open = true; }));
if (location.hash) openTarget();
performance.mark("qa-report-ready");
