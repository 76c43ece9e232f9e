// Points at one interviewer in every figure, and says whose mark is under the pointer.

const SVG = element("div", { innerHTML: "<svg></svg>" }).firstChild.namespaceURI;
let pageData = null;
let chosen = null;

function readPageData() {
  const block = document.getElementById("page-data");
  if (block) pageData = JSON.parse(block.textContent);
}

function svgElement(tag, attributes) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

// The marks of a figure in the order of data-who: round ones, then diamonds; or the lines of a figure of lines.
function marksOf(figure) {
  if (figure.marks) return figure.marks;
  const who = figure.dataset.who.split(" ");
  const lines = figure.querySelectorAll("path.thread");
  const found = [];
  for (const path of lines.length ? lines : figure.querySelectorAll("path.dot:not(.cloud), path.diamond")) {
    for (const part of path.getAttribute("d").split("M").slice(1)) {
      const [x, y, endX, endY] = part.match(/-?[\d.]+/g).map(Number);
      const drop = path.classList.contains("diamond") ? 4.5 : 0;
      found.push(lines.length ? { x: endX, y: endY, from: [x, y] } : { x, y: y + drop });
    }
  }
  figure.marks = found.map((mark, k) => ({ ...mark, who: who[k] === "-" ? null : Number(who[k]) }));
  return figure.marks;
}

function highlightIn(figure) {
  figure.querySelector("g.chosen")?.remove();
  if (chosen === null) return;
  const mark = marksOf(figure).find((one) => one.who === chosen);
  if (!mark) return;
  const group = svgElement("g", { class: "chosen" });
  if (mark.from) group.append(svgElement("path", { d: `M${mark.from[0]} ${mark.from[1]}L${mark.x} ${mark.y}` }));
  else group.append(svgElement("circle", { cx: mark.x, cy: mark.y, r: 7 }));
  const left = mark.x > 200;
  const label = svgElement("text", { x: mark.x + (left ? -11 : 11), y: Math.max(mark.y - 9, 12), "text-anchor": left ? "end" : "start" });
  label.textContent = pageData.people[chosen].id;
  group.append(label);
  figure.append(group);
}

// Over everybody's answers on an item's page, narrow bars of the chosen interviewer's.
function highlightAnswers(figure) {
  figure.querySelector("g.chosen")?.remove();
  if (chosen === null) return;
  const page = figure.closest("details.page").id, k = pageData.items.findIndex((item) => item.anchor === page);
  if (k < 0) return;
  const everyone = pageData.items[k].counts, own = pageData.people[chosen].cells[k].split("|")[8].split(" ").map(Number);
  const total = own.reduce((a, b) => a + b, 0), all = everyone.reduce((a, b) => a + b, 0);
  if (!total) return;
  const tops = [...figure.querySelector("path.bar").getAttribute("d").matchAll(/V([\d.]+)h/g)].map((found) => Number(found[1]));
  const unit = (210 - Math.min(...tops)) * all / Math.max(...everyone), step = 320 / (everyone.length + 0.2);
  const group = svgElement("g", { class: "chosen answers" }), highest = 184, width = 0.34 * step;
  const bars = own.map((n, j) => {
    const height = unit * n / total, x = 48 + (j + 0.6 - 0.17) * step;
    if (height <= highest) return `M${x.toFixed(1)} 210v${(-height).toFixed(1)}h${width.toFixed(1)}V210z`;
    // Higher than the figure: the bar ends in a point, and its share stands beside it.
    const share = svgElement("text", { x: x + width + 3, y: 210 - highest + 10 });
    share.textContent = `${Math.round(100 * n / total)}%`;
    group.append(share);
    return `M${x.toFixed(1)} 210v${7 - highest}l${(width / 2).toFixed(1)} -7l${(width / 2).toFixed(1)} 7V210z`;
  });
  const label = svgElement("text", { x: 366, y: 16, "text-anchor": "end" });
  label.textContent = `${pageData.people[chosen].id} (${total})`;
  group.prepend(svgElement("path", { d: bars.join("") }));
  group.append(label);
  figure.append(group);
}

function highlightVisible(root) {
  for (const figure of root.querySelectorAll("svg[data-who], details.page svg.figure:has(path.bar)")) {
    if (figure.parentElement.closest("details:not([open])")) continue;
    if (figure.dataset.who) highlightIn(figure);
    else highlightAnswers(figure);
  }
}

function choose(position) {
  chosen = position;
  const words = document.getElementById("chosen-words");
  words.textContent = position === null ? "" : `Highlighted: ${pageData.people[position].id}`;
  words.parentElement.hidden = position === null;
  for (const row of document.querySelectorAll("table.fingerprint tr.chosen")) row.classList.remove("chosen");
  if (position !== null) fingerprintRow(position)?.classList.add("chosen");
  highlightVisible(document);
}

function nearestMark(figure, event) {
  const box = figure.getBoundingClientRect();
  const scale = figure.viewBox.baseVal.width / box.width;
  const x = (event.clientX - box.left) * scale, y = (event.clientY - box.top) * scale;
  let best = null, least = 14 * 14;
  for (const mark of marksOf(figure)) {
    if (mark.who === null || mark.from) continue;
    const distance = (mark.x - x) ** 2 + (mark.y - y) ** 2;
    if (distance < least) [best, least] = [mark, distance];
  }
  return best;
}

function watchFigures() {
  document.addEventListener("pointermove", (event) => {
    const figure = event.target.closest?.("svg[data-who]");
    if (!figure || !pageData) return;
    const mark = nearestMark(figure, event);
    if (mark) showTip({ getBoundingClientRect: () => new DOMRect(event.clientX, event.clientY - 8, 0, 16) }, personWords(pageData.people[mark.who]));
    else hideTip();
  });
  document.addEventListener("pointerout", (event) => { if (event.target.closest?.("svg[data-who]")) hideTip(); });
  document.addEventListener("click", (event) => {
    const figure = event.target.closest?.("svg[data-who]");
    const mark = figure && pageData && nearestMark(figure, event);
    if (mark) location.hash = pageData.people[mark.who].anchor;
  });
}

function personWords(person) {
  const team = person.team ? `, team ${person.team}` : "";
  return `Interviewer ${person.id}${team}, ${person.n} interviews`;
}
