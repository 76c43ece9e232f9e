// The heat map: read-out on hover and by the arrow keys, Enter opens the profile, orders of rows and columns.

let fingerprint = null;
let readout = null;

function fingerprintRow(position) {
  if (!fingerprint) return null;
  return [...fingerprint.tBodies[0].rows].find((row) => row.position === position) || null;
}

function firstItemColumn() {
  return [...fingerprint.tHead.rows[0].cells].findIndex((header) => header.classList.contains("item"));
}

function describeCell(cell) {
  const row = cell.closest("tr"), person = pageData.people[row.position];
  const header = fingerprint.tHead.rows[0].cells[cell.cellIndex];
  if (cell.tagName === "TH" || !header.classList.contains("item")) return `${personWords(person)}; p over all items ${person.p}`;
  const k = pageData.items.findIndex((item) => item.name === header.dataset.name);
  if (k < 0) return `${personWords(person)}; ${header.title}: z ${cell.textContent}`;
  const [n, mean, deviation, z, p] = person.cells[k].split("|");
  const item = pageData.items[k];
  if (n === "0") return `${personWords(person)}; ${item.label}: no answers`;
  return `${personWords(person)}; ${item.label}: z ${z} (p ${p}), ${deviation} scale points from colleagues; their mean ${mean} of ${n} answers, survey ${item.mean}`;
}

function readOut(cell) {
  fingerprint.querySelector("td.here, th.here")?.classList.remove("here");
  cell.classList.add("here");
  readout.textContent = describeCell(cell);
}

// One cell of the grid is a stop of the Tab key, the arrow keys lead to the others.
function makeTabStop(cell) {
  const before = fingerprint.querySelector("tbody [tabindex='0']");
  if (before) before.tabIndex = -1;
  if (cell) cell.tabIndex = 0;
}

function focusCell(cell) {
  makeTabStop(cell);
  cell.focus();
  cell.scrollIntoView({ block: "nearest", inline: "nearest" });
}

function moveFocus(event) {
  const cell = event.target.closest("tbody td, tbody th");
  if (!cell) return;
  const rows = [...fingerprint.tBodies[0].rows].filter((row) => !row.hidden);
  const row = rows.indexOf(cell.parentElement), column = cell.cellIndex, last = cell.parentElement.cells.length - 1;
  const to = {
    ArrowRight: [row, Math.min(column + 1, last)], ArrowLeft: [row, Math.max(column - 1, 0)],
    ArrowDown: [Math.min(row + 1, rows.length - 1), column], ArrowUp: [Math.max(row - 1, 0), column],
    Home: [row, 0], End: [row, last], PageDown: [Math.min(row + 10, rows.length - 1), column], PageUp: [Math.max(row - 10, 0), column],
  }[event.key];
  if (to) focusCell(rows[to[0]].cells[to[1]]);
  else if (event.key === "Enter") location.hash = pageData.people[cell.parentElement.position].anchor;
  else return;
  event.preventDefault();
}

function orderColumns(alike) {
  const first = firstItemColumn();
  const places = fingerprint.dataset.columns.split(" ").map(Number);
  for (const row of fingerprint.rows) {
    row.append(...[...row.cells].slice(first).sort((a, b) => (alike ? places[a.column] - places[b.column] : a.column - b.column)));
  }
}

function selectBox(words, options, act) {
  const select = element("select", {}, ...options.map((option) => element("option", {}, option)));
  select.setAttribute("aria-label", `${words}: order`);
  select.addEventListener("change", () => act(select.value));
  return element("label", { className: "filter" }, `${words} `, select);
}

function orderRows(wanted) {
  const orders = {
    "strongest evidence first": (row) => row.position,
    "alike beside alike": (row) => Number(row.dataset.alike),
    "team": (row) => pageData.people[row.position].team,
    "interviewer": (row) => pageData.people[row.position].id,
  };
  for (const header of fingerprint.tHead.rows[0].cells) header.removeAttribute("aria-sort");
  sortRows(fingerprint, orders[wanted], true);
}

function startFingerprint() {
  fingerprint = document.querySelector("table.fingerprint");
  if (!fingerprint || !pageData) return;
  const first = firstItemColumn();
  [...fingerprint.tHead.rows[0].cells].slice(first).forEach((header, k) => { header.dataset.name = k < pageData.items.length ? pageData.items[k].name : ""; });
  for (const row of fingerprint.rows) [...row.cells].slice(first).forEach((cell, k) => { cell.column = k; });
  [...fingerprint.tBodies[0].rows].forEach((row, position) => { row.position = position; });
  // Links find the profile now, not the row that stands in for it where no script runs.
  for (const row of fingerprint.tBodies[0].rows) row.cells[0].removeAttribute("id");
  enhanceTable(fingerprint);
  const region = fingerprint.closest(".scroll");
  readout = element("p", { className: "readout" }, "Point at a cell, or press Tab and the arrow keys; Enter opens the interviewer’s profile.");
  readout.setAttribute("role", "status");
  const bar = region.previousElementSibling;
  bar.prepend(
    selectBox("Interviewers", ["strongest evidence first", "alike beside alike", ...(pageData.people.some((person) => person.team) ? ["team"] : []), "interviewer"], orderRows),
    selectBox("Items", ["as in the survey", "alike beside alike"], (wanted) => orderColumns(wanted !== "as in the survey")),
  );
  bar.after(readout);
  fingerprint.setAttribute("role", "grid");
  for (const link of fingerprint.querySelectorAll("tbody a")) link.tabIndex = -1;
  makeTabStop(fingerprint.tBodies[0].rows[0].cells[0]);
  bar.addEventListener("input", () => makeTabStop(fingerprint.querySelector("tbody tr:not([hidden]) th")));
  fingerprint.addEventListener("pointerover", (event) => { const cell = event.target.closest("tbody td, tbody th"); if (cell) readOut(cell); });
  fingerprint.addEventListener("focusin", (event) => { const cell = event.target.closest("tbody td, tbody th"); if (cell) readOut(cell); });
  fingerprint.addEventListener("keydown", moveFocus);
  fingerprint.addEventListener("click", (event) => {
    const cell = event.target.closest("tbody td");
    if (cell) location.hash = pageData.people[cell.parentElement.position].anchor;
  });
}
