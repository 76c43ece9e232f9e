// Explains the glossary's terms where they stand in headings of tables and figures: on hover and on focus.

const terms = [];
const tip = element("div", { id: "tip", hidden: true });
tip.setAttribute("role", "tooltip");

function readGlossary() {
  for (const term of document.querySelectorAll(".glossary dt")) {
    for (const name of term.textContent.split(", ")) {
      const words = name.toLowerCase();
      terms.push({ words: words.startsWith("interviewer icc") ? ["interviewer icc", "icc"] : [words], text: term.nextElementSibling.textContent });
    }
  }
}

function findTerm(text) {
  const lower = ` ${text.toLowerCase().replace(/[^\p{L}\p{N}’']+/gu, " ")} `;
  let best = null;
  for (const term of terms) {
    for (const words of term.words) {
      const found = lower.includes(` ${words} `) || lower.includes(` ${words}s `);
      if (found && (!best || words.length > best.length)) best = { length: words.length, text: term.text };
    }
  }
  return best && best.text;
}

function showTip(near, text) {
  tip.textContent = text;
  tip.hidden = false;
  const box = near.getBoundingClientRect();
  const width = Math.min(340, innerWidth - 20);
  tip.style.width = `${width}px`;
  tip.style.left = `${Math.max(10, Math.min(box.left, innerWidth - width - 10))}px`;
  const below = box.bottom + 8;
  tip.style.top = `${below + tip.offsetHeight < innerHeight ? below : Math.max(8, box.top - tip.offsetHeight - 8)}px`;
}

function hideTip() {
  tip.hidden = true;
}

function explain(holder, text) {
  holder.classList.add("term");
  holder.setAttribute("aria-description", text);
  holder.addEventListener("pointerenter", () => showTip(holder, text));
  holder.addEventListener("focus", () => showTip(holder, text));
  holder.addEventListener("pointerleave", hideTip);
  holder.addEventListener("blur", hideTip);
}

function explainTerms(root) {
  for (const heading of root.querySelectorAll("th[scope=col], dl.figures dt, dl.facts dt")) {
    const text = findTerm(heading.textContent);
    if (!text) continue;
    const button = heading.querySelector("button");
    if (!button && heading.tagName === "DT") heading.tabIndex = 0;
    explain(button || heading, text);
  }
}
