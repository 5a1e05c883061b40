() => {
  // What was asked last goes to the top, so that an answer is read from its first line; whoever scrolls stays.
  let asked = null, held = false;
  for (const kind of ["wheel", "touchmove", "keydown", "pointerdown"])
    document.addEventListener(kind, (event) => { if (event.target.closest?.("#chat")) held = true; }, { passive: true });
  const follow = () => {
    const log = document.querySelector("#chat [role=log]");
    if (!log) return;
    // Of the picker alone: whatever is dropped is judged by its content, a name without an ending too.
    document.querySelector("#box input[type=file]")?.setAttribute("accept", "image/*,.heic,.heif");
    // Copies of the answers' Markdown: with them screen readers say every sentence twice, and its signs.
    for (const one of log.querySelectorAll("[data-testid=bot], [data-testid=user]")) one.removeAttribute("aria-label");
    const rows = log.querySelectorAll(".user-row"), last = rows[rows.length - 1] ?? null;
    if (rows.length !== asked) { asked = rows.length; held = false; }
    if (last && !held) log.scrollTop += last.getBoundingClientRect().top - log.getBoundingClientRect().top - 8;
  };
  const watch = () => {
    const chat = document.querySelector("#chat");
    if (!chat) return setTimeout(watch, 100);
    new MutationObserver(follow).observe(chat, { childList: true, subtree: true });
    chat.addEventListener("load", follow, true);
  };
  watch();
}
