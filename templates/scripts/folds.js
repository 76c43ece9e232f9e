// Fills the folded pages of items. They are half of the page's elements, and a browser that runs scripts reads what
// stands in a noscript as mere text: the page is ready before they are built, one by one, while nobody waits.

const whenIdle = globalThis.requestIdleCallback || ((work) => setTimeout(work, 20));

function build(fold) {
  const waiting = fold.querySelector(":scope > noscript");
  if (waiting) waiting.outerHTML = waiting.textContent;
}

function buildAll() {
  document.querySelectorAll("details:has(> noscript)").forEach(build);
}

function buildWhileIdle() {
  const fold = document.querySelector("details:has(> noscript)");
  if (!fold) return;
  build(fold);
  if (fold.open) fillOpened(fold);
  whenIdle(buildWhileIdle);
}
