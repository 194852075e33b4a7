"use strict";
// The page of a new run: plan and price while somebody types, and pictures looked at before they are sent.
(() => {
  const form = document.getElementById("new");
  if (!form || !window.fetch || !window.FormData) return;
  const preview = document.getElementById("preview");
  const look = document.getElementById("look");
  const slots = document.getElementById("slots");
  const more = document.getElementById("more");
  const pattern = document.getElementById("slot");
  const kinds = new Set(["image/jpeg", "image/png", "image/webp"]);
  const largest = 20 * 1024 * 1024;
  const shownAtFirst = 2;
  const pause = 400;
  let timer = 0;
  let asking = null;

  document.documentElement.classList.add("scripted");

  function field(name) {
    return document.getElementById(name);
  }

  function tell(name, text) {
    const place = document.getElementById("mistake-" + name);
    if (place) place.textContent = text;
    const input = field(name);
    if (!input) return;
    if (text) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
  }

  // What the form says, without the bytes of its pictures: the server is only told which slots have one.
  function said() {
    const data = new FormData(form);
    for (const input of form.querySelectorAll('input[type="file"]')) {
      data.delete(input.name);
      if (input.files.length) data.set(input.name.replace("picture", "given"), "1");
    }
    return data;
  }

  async function refresh() {
    clearTimeout(timer);
    if (asking) asking.abort();
    const mine = (asking = new AbortController());
    form.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch("/new/preview", {
        method: "POST",
        body: said(),
        headers: { "Spicy-Part": "preview" },
        signal: mine.signal,
      });
      if (!answer.ok) throw new Error(String(answer.status));
      const text = await answer.text();
      if (mine.signal.aborted) return;
      preview.innerHTML = text;
    } catch (error) {
      if (error.name === "AbortError") return;
      preview.textContent = "The plan cannot be had now: the server does not answer. What you typed is still here.";
    } finally {
      if (asking === mine) {
        asking = null;
        form.removeAttribute("aria-busy");
      }
    }
  }

  function soon() {
    clearTimeout(timer);
    timer = setTimeout(refresh, pause);
  }

  function checkPicture(input) {
    const file = input.files[0];
    let wrong = "";
    if (file && file.size > largest) {
      wrong = "the picture has " + (file.size / 1048576).toFixed(1) + " MiB; at most 20 MiB are taken";
    } else if (file && file.type && !kinds.has(file.type)) {
      wrong = "the picture is no JPEG, PNG or WebP";
    }
    tell(input.name, wrong);
    input.setCustomValidity(wrong);
    show(input, wrong ? null : file);
  }

  function show(input, file) {
    const slot = input.closest(".slot");
    const old = slot.querySelector("img");
    if (old) {
      URL.revokeObjectURL(old.src);
      old.remove();
    }
    if (!file) return;
    const image = document.createElement("img");
    image.alt = "";
    image.src = URL.createObjectURL(file);
    image.onerror = () => image.remove();
    slot.prepend(image);
  }

  function used(slot) {
    return [...slot.querySelectorAll("input")].some((input) => (input.files ? input.files.length : input.value));
  }

  function add() {
    const hidden = [...slots.children].find((slot) => slot.hidden);
    if (hidden) {
      hidden.hidden = false;
      hidden.querySelector("input").focus();
    } else {
      const number = String(slots.children.length + 1);
      const made = pattern.content.firstElementChild.cloneNode(true);
      for (const part of made.querySelectorAll("*")) {
        for (const name of ["id", "name", "for", "aria-describedby"]) {
          const value = part.getAttribute(name);
          if (value) part.setAttribute(name, value.replace(/-0$/, "-" + number));
        }
        if (part.className === "unseen") part.textContent = number;
      }
      slots.append(made);
      made.querySelector("input").focus();
    }
    const room = slots.children.length < Number(more.dataset.most) || [...slots.children].some((slot) => slot.hidden);
    more.hidden = !room;
  }

  [...slots.children].forEach((slot, number) => {
    slot.hidden = number >= shownAtFirst && !used(slot);
  });
  more.hidden = false;
  more.addEventListener("click", add);
  form.addEventListener("input", (event) => {
    if (event.target.type === "file") checkPicture(event.target);
    else if (event.target.name) tell(event.target.name, "");
    soon();
  });
  form.addEventListener("submit", (event) => {
    // Enter in a field looks at the plan; only a button spends.
    if (event.submitter && event.submitter !== look) return;
    event.preventDefault();
    refresh();
  });
  if (form.elements.concept.value.trim()) refresh();
})();
