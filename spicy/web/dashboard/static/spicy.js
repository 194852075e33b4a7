"use strict";
// What a page does by itself: it follows what happens, counts time, plays a clip where its picture is, and sends a
// form once. Without it every page still works, when it is loaded again.

(() => {
  const body = document.body;

  // --- Parts that changed -------------------------------------------------------------------------------------

  // Brings an element to the state of a fresh one and leaves alone what is the same: a clip that plays goes on,
  // what is open stays open, what has the focus keeps it.
  function morph(old, fresh) {
    if (old.nodeName !== fresh.nodeName || (old.id || "") !== (fresh.id || "")) {
      if (!isPlayed(old, fresh)) old.replaceWith(fresh);
      return;
    }
    if (old.nodeType !== Node.ELEMENT_NODE) {
      if (old.data !== fresh.data) old.data = fresh.data;
      return;
    }
    if (old.isEqualNode(fresh)) return;
    for (const { name } of [...old.attributes]) {
      if (!fresh.hasAttribute(name) && !isOurs(old, name)) old.removeAttribute(name);
    }
    for (const { name, value } of [...fresh.attributes]) {
      if (old.getAttribute(name) !== value && !isOurs(old, name)) old.setAttribute(name, value);
    }
    if (!old.hasAttribute("data-since")) children(old, fresh);
  }

  function children(old, fresh) {
    const named = new Map();
    for (const child of old.children) if (child.id) named.set(child.id, child);
    let here = old.firstChild;
    for (const wanted of [...fresh.childNodes]) {
      const same = wanted.id && named.get(wanted.id);
      if (same && same !== here) {
        old.insertBefore(same, here);
        morph(same, wanted);
      } else if (here && (same || fits(here, wanted))) {
        const next = here.nextSibling;
        morph(here, wanted);
        here = next;
      } else {
        old.insertBefore(wanted, here);
      }
    }
    while (here) {
      const next = here.nextSibling;
      here.remove();
      here = next;
    }
  }

  function fits(here, wanted) {
    return !here.id && !wanted.id && here.nodeName === wanted.nodeName;
  }

  // What the reader did to an element is theirs.
  function isOurs(element, name) {
    if (element.nodeName === "DETAILS") return name === "open";
    if (element.nodeName === "INPUT" && element.type !== "hidden") return name === "value";
    return name === "data-sent" || (name === "value" && element.name === "csrf");
  }

  // A picture that was made a player stays one while it is of the same clip.
  function isPlayed(old, fresh) {
    return old.nodeName === "VIDEO" && fresh.nodeName === "A" && old.getAttribute("src") === fresh.getAttribute("href");
  }

  function patch(html) {
    const drawn = document.createElement("template");
    drawn.innerHTML = html;
    for (const part of [...drawn.content.children]) {
      const old = document.getElementById(part.id);
      if (!old) continue;
      if (part.hasAttribute("data-append")) append(old, part);
      else morph(old, part);
    }
    finish();
  }

  function append(list, lines) {
    const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 40;
    for (const line of [...lines.children]) {
      if (!document.getElementById(line.id)) list.append(line);
    }
    if (atEnd) list.scrollTop = list.scrollHeight;
  }

  // --- Time, tokens, the end of a log --------------------------------------------------------------------------

  function took(seconds) {
    const whole = Math.max(0, Math.floor(seconds));
    const two = (n) => String(n).padStart(2, "0");
    if (whole < 60) return `${whole} s`;
    if (whole < 3600) return `${Math.floor(whole / 60)} min ${two(whole % 60)} s`;
    return `${Math.floor(whole / 3600)} h ${two(Math.floor((whole % 3600) / 60))} min`;
  }

  function tick() {
    const now = Date.now();
    for (const time of document.querySelectorAll("[data-since]")) {
      const said = took((now - Date.parse(time.dataset.since)) / 1000);
      if (time.textContent !== said) time.textContent = said;
    }
  }

  function finish() {
    const token = document.querySelector('meta[name="csrf"]').content;
    for (const field of document.querySelectorAll('input[name="csrf"][value=""]')) field.value = token;
    const head = document.getElementById("run-head");
    if (head) {
      const sign = head.querySelector(".state .sign").textContent;
      document.title = `${sign} ${head.querySelector("h1").textContent} – spicy`;
    }
    tick();
  }

  // --- Following -----------------------------------------------------------------------------------------------

  let source = null;
  let last = body.dataset.after || "";
  let over = body.hasAttribute("data-over");
  let away = 0;

  function follow() {
    if (!body.dataset.live || over || source) return;
    source = new EventSource(`${body.dataset.live}?after=${encodeURIComponent(last)}`);
    source.addEventListener("open", () => lost(false));
    source.addEventListener("patch", (event) => {
      last = event.lastEventId || last;
      patch(event.data);
    });
    source.addEventListener("end", () => {
      over = true;
      leave();
    });
    source.addEventListener("reload", () => {
      leave();
      location.reload();
    });
    source.addEventListener("error", () => {
      lost(true);
      if (source && source.readyState === EventSource.CLOSED) {
        leave();
        setTimeout(follow, 2000);
      }
    });
  }

  function leave() {
    if (source) source.close();
    source = null;
  }

  function lost(is) {
    const said = document.getElementById("link");
    if (!said || said.hidden === !is) return;
    said.hidden = !is;
    if (!is) askAgain();
  }

  // What was asked for while the server was away did not come: nobody else asks for it again.
  function askAgain() {
    for (const image of document.images) {
      if (image.complete && !image.naturalWidth) image.setAttribute("src", image.getAttribute("src"));
    }
    for (const player of document.querySelectorAll("video")) {
      if (!player.error) continue;
      const at = player.currentTime;
      player.load();
      player.currentTime = at;
    }
  }

  // A browser has few connections to one server: a page that nobody sees gives its own back.
  document.addEventListener("visibilitychange", () => {
    clearTimeout(away);
    if (document.hidden) away = setTimeout(leave, 5000);
    else follow();
  });
  window.addEventListener("pagehide", leave);
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) location.reload();
  });

  // --- Forms and players ---------------------------------------------------------------------------------------

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post") return;
    if (form.hasAttribute("data-sent")) event.preventDefault();
    else form.setAttribute("data-sent", "");
  });

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a.play");
    if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    const player = document.createElement("video");
    player.id = link.id;
    player.controls = true;
    player.autoplay = true;
    player.playsInline = true;
    player.setAttribute("src", link.getAttribute("href"));
    player.setAttribute("aria-label", link.textContent.trim());
    link.replaceWith(player);
    player.focus();
  });

  const log = document.getElementById("log");
  if (log) log.scrollTop = log.scrollHeight;
  finish();
  follow();
  if (body.dataset.live) setInterval(tick, 1000);
})();
