// Starts the index of several surveys: its table can be sorted, searched, copied and downloaded.

document.body.append(tip);
readGlossary();
enhanceVisible(document);
addEventListener("scroll", hideTip, { passive: true });
document.addEventListener("keydown", (event) => { if (event.key === "Escape") hideTip(); });
