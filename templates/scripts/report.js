// Starts everything, and opens what a link points to.

// What a fold shows gets its tools and marks when it is opened.
function fillOpened(fold) {
  build(fold);
  enhanceVisible(fold);
  if (chosen !== null) highlightVisible(fold);
}

function openFold(fold) {
  build(fold);
  fold.open = true;
}

function openTarget() {
  const name = decodeURIComponent(location.hash.slice(1));
  const position = pageData ? pageData.people.findIndex((person) => person.anchor === name) : -1;
  if (position >= 0) choose(position);
  const target = document.getElementById(name);
  if (position >= 0 && !target?.closest("article")) return showProfile(position);
  if (!target) return undefined;
  for (let node = target; node; node = node.parentElement) if (node.tagName === "DETAILS") openFold(node);
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
document.addEventListener("toggle", (event) => { if (event.target.open) fillOpened(event.target); }, true);
document.addEventListener("keydown", (event) => { if (event.key === "Escape") hideTip(); });
addEventListener("scroll", hideTip, { passive: true });
addEventListener("hashchange", openTarget);
addEventListener("beforeprint", buildAll);
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((details) => { details.open = true; }));
if (location.hash) openTarget();
performance.mark("qa-report-ready");
requestAnimationFrame(() => whenIdle(buildWhileIdle)); // after the first picture
