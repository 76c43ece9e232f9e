"use strict";
// Sorts, filters, copies and downloads tables. The page is complete without any script.

const FORMULA_START = /^[=+\-@＝＋－＠\t\r\n]/;
const SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹";

function element(tag, properties, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

// "−1,234.5", "+2.3%", "<.001" and "2.1 × 10⁻⁹" as numbers; null where a text is none of these.
function readNumber(text) {
  const power = text.match(/^([−-]?[\d.]+) × 10(⁻?)([⁰¹²³⁴⁵⁶⁷⁸⁹]+)$/);
  if (power) {
    const exponent = [...power[3]].map((digit) => SUPERSCRIPTS.indexOf(digit)).join("");
    return Number(`${power[1].replace("−", "-")}e${power[2] ? "-" : ""}${exponent}`);
  }
  const plain = text.match(/^[<>]?([+−-]?)([\d,]*\.?\d+)%?/);
  return plain ? Number(plain[2].replaceAll(",", "")) * (/[−-]/.test(plain[1]) ? -1 : 1) : null;
}

// What keeps the direction of Arabic and Hebrew words on the page does not belong to them.
const ISOLATES = /\u2068|\u2069\u200e/g;

function cellText(cell) {
  return cell.innerText.replace(ISOLATES, "").replace(/\s+/g, " ").trim();
}

function cellValue(row, column) {
  const cell = row.cells[column];
  if (!cell) return null;
  const given = cell.dataset.value;
  if (given !== undefined) return given === "" ? null : Number(given);
  const text = cell.textContent.replace(ISOLATES, "").trim();
  if (cell.classList.contains("number") || cell.closest("table.fingerprint")) {
    const number = readNumber(text);
    if (number !== null || text === "–") return number;
  }
  return text.toLowerCase();
}

function compareCells(first, second) {
  if (first === null || second === null) return (first === null) - (second === null);
  if (typeof first === "number" && typeof second === "number") return first - second;
  return String(first).localeCompare(String(second), "en", { numeric: true });
}

function sortRows(table, valueOf, ascending) {
  const keyed = [...table.tBodies[0].rows].map((row) => [valueOf(row), row]);
  keyed.sort(([first], [second]) => {
    const order = compareCells(first, second);
    return first === null || second === null || ascending ? order : -order;
  });
  table.tBodies[0].append(...keyed.map(([, row]) => row));
}

function sortBy(table, header) {
  const ascending = header.getAttribute("aria-sort") !== "ascending";
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  header.setAttribute("aria-sort", ascending ? "ascending" : "descending");
  sortRows(table, (row) => cellValue(row, header.cellIndex), ascending);
}

function makeSortable(table) {
  for (const header of table.tHead.rows[0].cells) {
    const button = element("button", { type: "button" }, ...header.childNodes);
    header.append(button);
    button.addEventListener("click", () => sortBy(table, header));
  }
}

function filterRows(table, wanted, count) {
  let shown = 0;
  for (const row of table.tBodies[0].rows) {
    row.hidden = !row.textContent.toLowerCase().includes(wanted);
    shown += row.hidden ? 0 : 1;
  }
  count.textContent = wanted ? `${shown} of ${table.tBodies[0].rows.length}` : "";
}

function filterBox(table, count) {
  const input = element("input", { type: "search" });
  input.addEventListener("input", () => filterRows(table, input.value.trim().toLowerCase(), count));
  return element("label", { className: "filter" }, `${table.dataset.filter || "Find a row"} `, input);
}

// What stands in a cell, for a spreadsheet: a plain number where it is one, and never anything that would be run.
function harmless(text) {
  const plain = text.replaceAll("−", "-");
  if (/^[+-]?[\d,]*\.?\d+$/.test(plain)) return plain.replace(/^\+|,/g, "");
  return FORMULA_START.test(text) ? ` ${text}` : text;
}

function csvField(text) {
  const safe = harmless(text);
  return /[",\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

function shownRows(table) {
  return [...table.rows].filter((row) => !row.hidden).map((row) => [...row.cells].map(cellText));
}

function download(name, text) {
  const link = element("a", { href: URL.createObjectURL(new Blob([text], { type: "text/csv" })), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

function fileName(table) {
  const words = (table.closest(".scroll")?.getAttribute("aria-label") || "table").toLowerCase();
  return `${words.replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "").slice(0, 60) || "table"}.csv`;
}

async function copyText(button, text, fallback) {
  const words = button.textContent;
  try {
    await navigator.clipboard.writeText(text.replace(ISOLATES, ""));
    button.textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(fallback);
    button.textContent = "Selected: press Ctrl+C";
  }
  setTimeout(() => { button.textContent = words; }, 2000);
}

function addTools(table) {
  const count = element("span", { className: "muted count" });
  count.setAttribute("role", "status");
  const copy = element("button", { type: "button", className: "copy" }, "Copy");
  const save = element("button", { type: "button", className: "copy" }, "CSV");
  const about = table.closest(".scroll").getAttribute("aria-label");
  copy.setAttribute("aria-label", `Copy the table: ${about}`);
  save.setAttribute("aria-label", `Download the table as CSV: ${about}`);
  copy.addEventListener("click", () => copyText(copy, shownRows(table).map((row) => row.map(harmless).join("\t")).join("\n"), table));
  save.addEventListener("click", () => {
    download(fileName(table), `\ufeff${shownRows(table).map((row) => row.map(csvField).join(",")).join("\r\n")}\r\n`);
  });
  const bar = element("div", { className: "tools" });
  if (table.dataset.filter || table.tBodies[0].rows.length > 8) bar.append(filterBox(table, count), count);
  bar.append(copy, save);
  table.closest(".scroll").before(bar);
}

// Tables get their tools when they can first be seen: a page with hundreds of them opens at once.
function enhanceTable(table) {
  if (table.dataset.ready || !table.tHead) return;
  table.dataset.ready = "yes";
  if (table.tBodies[0].rows.length > 1) makeSortable(table);
  addTools(table);
  explainTerms(table);
}

function enhanceVisible(root) {
  for (const table of root.querySelectorAll(".scroll table")) {
    const fold = table.parentElement.closest("details:not([open])");
    if (!fold) enhanceTable(table);
  }
}

function makeCopyable(code) {
  const button = element("button", { type: "button", className: "copy" }, "Copy");
  button.addEventListener("click", () => copyText(button, code.innerText, code));
  code.after(button);
}
