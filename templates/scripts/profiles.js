// Profiles of interviewers who have none on the page, made from the page's data when they are asked for.

function smallBars(item, own) {
  const drawing = svgElement("svg", { class: "spark answers", viewBox: "0 0 110 24", "aria-hidden": "true" });
  const shares = (counts) => { const total = counts.reduce((a, b) => a + b, 0); return counts.map((n) => n / Math.max(total, 1)); };
  const everyone = shares(item.counts), theirs = shares(own);
  const top = Math.max(...everyone, ...theirs, 0.01), step = 110 / everyone.length;
  const path = (values, width) => values.map((share, k) => `M${(k * step + (step - width) / 2).toFixed(1)} 24v${(-23 * share / top).toFixed(1)}h${width.toFixed(1)}V24z`).join("");
  drawing.append(svgElement("path", { class: "bar", d: path(everyone, 0.85 * step) }));
  drawing.append(svgElement("path", { class: "bar marked", d: path(theirs, 0.4 * step) }));
  return drawing;
}

function profileRow(item, cell) {
  const [n, mean, deviation, z, p, own, rank, detectable, counts] = cell.split("|");
  const number = (text) => element("td", { className: "number" }, text);
  const answers = element("td", {});
  if (n !== "0") answers.append(smallBars(item, counts.split(" ").map(Number)));
  const heading = element("th", { scope: "row" }, element("a", { href: `#${item.anchor}` }, item.label));
  const place = rank === "–" ? rank : `${rank} of ${item.ranked}`;
  return element("tr", {}, heading, number(z), answers, number(n), number(mean), number(item.mean), number(deviation), number(p), number(own), number(place), number(detectable));
}

// Indicators stand in the fingerprint only, beside the items; their z is repeated here.
function indicatorRows(position) {
  const row = fingerprintRow(position);
  if (!row) return [];
  const headers = [...fingerprint.tHead.rows[0].cells];
  return [...row.cells].filter((cell) => headers[cell.cellIndex].classList.contains("beside")).map((cell) => element("tr", {},
    element("th", { scope: "row" }, headers[cell.cellIndex].title), element("td", { className: "number" }, cell.textContent),
    element("td", { colSpan: 9, className: "muted" }, "how the interviews were done: + is worrying")));
}

function fact(name, value) {
  return element("div", {}, element("dt", {}, name), element("dd", {}, value));
}

function showProfile(position) {
  const person = pageData.people[position], holder = document.getElementById("asked-for");
  const made = document.getElementById("profile-template").content.cloneNode(true);
  const slot = (name) => made.querySelector(`[data-slot=${name}]`);
  slot("id").textContent = person.id;
  slot("badge").textContent = person.reasons ? (person.severity === "critical" ? "Call first" : "Worth a call") : person.tooFew ? "Too few interviews to judge" : "No call needed";
  if (person.reasons) slot("badge").classList.add(person.severity);
  slot("facts").append(fact("Interviews", person.n));
  if (person.team) slot("facts").append(fact("Team", person.team));
  if (!person.tooFew) slot("facts").append(fact("All items together", `p ${person.p}`));
  if (person.spread !== "–") slot("facts").append(fact("Spread of the interviews", `z ${person.spread}`));
  pageData.covariates.forEach((label, k) => slot("facts").append(fact(label, person.covariates[k])));
  if (person.reasons) {
    made.querySelector("p.prose").before(...person.reasons.map((sentence) => element("p", { className: "say" }, sentence)));
    made.querySelector("p.prose").textContent = "Bars show everybody’s answers, narrow ones theirs.";
  } else if (person.tooFew) made.querySelector("p.prose").textContent = "Too few interviews to tell a habit from chance, which does not mean that all is fine. Bars show everybody’s answers, narrow ones theirs.";
  slot("cells").append(...pageData.items.map((item, k) => profileRow(item, person.cells[k])), ...indicatorRows(position));
  const article = made.querySelector("article"), region = made.querySelector(".scroll");
  article.setAttribute("aria-label", `Interviewer ${person.id}`);
  region.setAttribute("aria-label", `All items of interviewer ${person.id}`);
  holder.replaceChildren(made);
  enhanceVisible(holder);
  // In this order: Firefox scrolls to nothing that it has not laid out yet, and the focus has it laid out.
  article.focus({ preventScroll: true });
  article.scrollIntoView();
}

function startFinder() {
  const options = element("datalist", { id: "all-interviewers" }, ...pageData.people.map((person) => element("option", { value: person.id })));
  const input = element("input", { type: "search" });
  input.setAttribute("list", "all-interviewers");
  const answer = element("span", { className: "muted count" });
  answer.setAttribute("role", "status");
  const go = () => {
    const wanted = input.value.trim();
    const person = pageData.people.find((one) => one.id === wanted);
    answer.textContent = person || !wanted ? "" : (pageData.more ? "No interviewer on this page has this id; results.json has everybody." : "No interviewer has this id.");
    if (!person) return;
    if (location.hash === `#${person.anchor}`) openTarget();
    else location.hash = person.anchor;
  };
  input.addEventListener("change", go);
  document.getElementById("asked-for").before(element("div", { className: "tools" }, element("label", { className: "filter" }, "Show interviewer ", input), answer, options));
}
