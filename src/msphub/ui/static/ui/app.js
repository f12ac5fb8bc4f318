/* Small behaviour on top of HTML that works without it. Everything is delegated from the document, so swaps need no set-up. */
(() => {
  "use strict";
  const $ = (selector, from = document) => from.querySelector(selector);
  const $$ = (selector, from = document) => [...from.querySelectorAll(selector)];
  const on = (type, handler, capture = false) => document.addEventListener(type, handler, capture);
  const closest = (event, selector) => (event.target instanceof Element ? event.target.closest(selector) : null);

  /* ---- Theme ---- */
  const showTheme = () => $$("[data-theme-choice]:is(button)").forEach((button) =>
    button.setAttribute("aria-pressed", String(button.dataset.themeChoice === window.msphubTheme.current())));

  /* ---- Toasts ---- */
  const toast = (text, tone = "danger") => {
    const host = $("#toasts");
    if (!host) return;
    $$(".toast-note", host).filter((old) => old.textContent.trim() === text).forEach((old) => old.remove());
    const note = document.createElement("div");
    note.className = `toast-note toast-${tone}`;
    const words = document.createElement("span");
    words.className = "toast-text";
    words.textContent = text;
    const close = document.createElement("button");
    close.type = "button";
    close.className = "toast-close";
    close.dataset.dismiss = "";
    close.setAttribute("aria-label", document.body.dataset.close || "Close");
    close.textContent = "×";
    note.append(words, close);
    host.append(note);
  };
  on("animationend", (event) => { if (event.animationName === "toast-leave") event.target.remove(); });

  /* ---- Main menu as a drawer ---- */
  const drawer = (open) => {
    const button = $("[data-menu-toggle]");
    if (!button) return;
    document.documentElement.classList.toggle("menu-open", open);
    button.setAttribute("aria-expanded", String(open));
    $(".body").inert = open;
    (open ? $("#menu a, #menu summary") : button).focus({ preventScroll: true });
  };

  /* ---- Dialogs ---- */
  const host = () => $("#dialog");
  const openDialog = () => {
    const dialog = host();
    if (!$("[data-dialog-content]", dialog)) return;
    if (!dialog.open) dialog.showModal();
    const first = $("[data-focus]", dialog) || $("[autofocus], .dialog-body input:not([type=hidden]), .dialog-body select, .dialog-body textarea, .dialog-foot .btn-primary, .dialog-foot .btn", dialog);
    if (first) first.focus();
  };

  /* ---- Grid: ticking rows ---- */
  const boxes = (grid) => $$("tbody .tick input", grid);
  const countTicks = (grid) => {
    const all = boxes(grid), ticked = all.filter((box) => box.checked).length;
    const head = $("[data-tick-all]", grid), count = $("[data-bulk-count]", grid);
    if (head) { head.checked = ticked > 0 && ticked === all.length; head.indeterminate = ticked > 0 && ticked < all.length; }
    if (count) count.textContent = String(ticked);
    grid.classList.toggle("has-ticks", ticked > 0);
  };
  let lastBox = null;

  /* ---- Grid: after a swap the controls say what the server says, except the box being typed in ---- */
  const settleGrid = (grid) => {
    const search = $("input[name=q]", grid);
    if (search && search !== document.activeElement) search.value = grid.dataset.q;
    $$(".grid-bar input:is([type=checkbox],[type=radio])", grid).forEach((box) => { box.checked = box.defaultChecked; });
    countTicks(grid);
    measureWide();
  };
  const measureWide = () => $$("[data-wide]").forEach((wrap) => {
    wrap.classList.remove("is-wide");
    wrap.classList.toggle("is-wide", wrap.scrollWidth > wrap.clientWidth + 1);
  });

  /* ---- Parts shown by a choice ---- */
  const showFor = (form) => {
    $$("[data-show-for]", form || document).forEach((part) => {
      const scope = part.closest("form") || document;
      const controls = $$(`[name="${CSS.escape(part.dataset.showFor)}"]`, scope);
      const values = controls.flatMap((control) =>
        ["checkbox", "radio"].includes(control.type) ? (control.checked ? [control.value || "on"] : []) : [control.value]);
      const wanted = part.dataset.showValue.split(" ");
      const shown = wanted.includes("") ? !values.length || values.includes("") : values.some((value) => wanted.includes(value));
      part.hidden = !shown;
      if (part instanceof HTMLFieldSetElement) part.disabled = !shown;
    });
  };

  /* On a small screen the tabs scroll sideways: bring the current one into sight. */
  const showTab = () => {
    const tabs = $(".tabs"), current = $(".tabs [aria-current]");
    if (!tabs || !current) return;
    const [outer, inner] = [tabs, current].map((part) => part.getBoundingClientRect());
    tabs.scrollLeft += inner.left + inner.width / 2 - outer.left - outer.width / 2;
  };

  const setUp = () => { showTheme(); measureWide(); showFor(); showTab(); $$("[data-grid]").forEach(countTicks); };

  on("click", (event) => {
    let it;
    if ((it = closest(event, "button[data-theme-choice]"))) { window.msphubTheme.choose(it.dataset.themeChoice); showTheme(); }
    if ((it = closest(event, "[data-dismiss]"))) it.closest(".toast-note").remove();
    if (closest(event, "[data-menu-toggle]")) drawer(true);
    if (closest(event, "[data-menu-close]")) drawer(false);
    if ((it = closest(event, "[data-dialog-close]"))) it.closest("dialog").close();
    if (event.target === host()) host().close();
    if ((it = closest(event, "[data-untick]"))) {
      const grid = it.closest("[data-grid]");
      boxes(grid).forEach((box) => { box.checked = false; });
      countTicks(grid);
    }
    if ((it = closest(event, "[data-copy]")) && navigator.clipboard) {
      navigator.clipboard.writeText(it.dataset.copy).then(() => {
        it.classList.add("is-copied");
        toast(it.dataset.done, "ok");
        setTimeout(() => it.classList.remove("is-copied"), 1500);
      });
    }
    /* Shift-click ticks a range. */
    if ((it = closest(event, "tbody .tick input"))) {
      const grid = it.closest("[data-grid]"), all = boxes(grid);
      if (event.shiftKey && lastBox && all.includes(lastBox)) {
        const [from, to] = [all.indexOf(lastBox), all.indexOf(it)].sort((a, b) => a - b);
        all.slice(from, to + 1).forEach((box) => { box.checked = it.checked; });
      }
      lastBox = it;
      countTicks(grid);
    }
    /* A click elsewhere closes menus. */
    $$("details.menu[open]").forEach((menu) => { if (!menu.contains(event.target)) menu.open = false; });
    if ((it = closest(event, ".menu-panel a"))) it.closest("details").open = false;
  });

  on("change", (event) => {
    const all = closest(event, "[data-tick-all]");
    if (all) {
      const grid = all.closest("[data-grid]");
      boxes(grid).forEach((box) => { box.checked = all.checked; });
      countTicks(grid);
    }
    const form = closest(event, "form");
    if (form) showFor(form);
  });

  /* The box that narrows a menu's choices is not part of the form it stands in. */
  for (const type of ["input", "change"]) {
    on(type, (event) => {
      const box = closest(event, "[data-narrow]");
      if (!box) return;
      event.stopPropagation();
      const wanted = box.value.trim().toLocaleLowerCase();
      $$(".menu-choice", box.parentElement).forEach((choice) => { choice.hidden = !choice.textContent.toLocaleLowerCase().includes(wanted); });
    }, true);
  }

  on("keydown", (event) => {
    if (event.key === "Escape") {
      const open = $$("details.menu[open]").pop();
      if (open) { open.open = false; $("summary", open).focus(); event.preventDefault(); return; }
      if (document.documentElement.classList.contains("menu-open")) drawer(false);
    }
    if (event.key === "Enter" && closest(event, "[data-narrow]")) event.preventDefault();
    if ((event.key === "ArrowDown" || event.key === "ArrowUp") && closest(event, "details.menu[open]") && !closest(event, "input[type=date], select, input[type=radio]")) {
      const menu = closest(event, "details.menu[open]");
      const stops = $$("summary, a[href], button, input:not([type=hidden])", menu).filter((stop) => stop.offsetParent !== null);
      const next = stops[stops.indexOf(document.activeElement) + (event.key === "ArrowDown" ? 1 : -1)];
      if (next) { next.focus(); event.preventDefault(); }
    }
    /* "/" goes to the search of the list. */
    if (event.key === "/" && !event.ctrlKey && !event.metaKey && !event.altKey && !closest(event, "input, textarea, select, dialog")) {
      const search = $("[data-grid] input[name=q]");
      if (search) { search.focus(); search.select(); event.preventDefault(); }
    }
  });

  /* Main menu groups stay as they were left. */
  on("toggle", (event) => {
    const group = event.target;
    if (!(group instanceof HTMLDetailsElement)) return;
    if (group.dataset.remember) { try { localStorage.setItem(`menu:${group.dataset.remember}`, group.open ? "1" : "0"); } catch { /* not kept */ } }
    if (group.matches(".menu") && group.open) {
      $$("details.menu[open]").forEach((other) => { if (other !== group) other.open = false; });
      const panel = $(".menu-panel", group);
      panel.classList.remove("flip");
      if (panel.getBoundingClientRect().right > document.documentElement.clientWidth - 8) panel.classList.add("flip");
      const narrow = $("[data-narrow]", panel);
      if (narrow) narrow.focus();
    }
  }, true);

  /* ---- htmx 4 ---- */
  on("htmx:config:request", (event) => {
    const { ctx } = event.detail, body = ctx.request.body;
    const source = ctx.sourceElement;
    if (source?.matches?.("[data-lean]") && body instanceof FormData) {
      [...body.keys()].forEach((key) => { if (body.getAll(key).every((value) => value === "")) body.delete(key); });
    }
    if (!/GET|HEAD/.test(ctx.request.method)) {
      const token = $("input[name=csrfmiddlewaretoken]");
      if (token) ctx.request.headers["X-CSRFToken"] = token.value;
    }
  });
  on("htmx:before:history:update", (event) => {
    const { history: change } = event.detail;
    if (change?.type === "push" && change.path === location.pathname + location.search) event.preventDefault();
  });
  on("htmx:after:swap", () => {
    $$("[data-grid]").forEach(settleGrid);
    showTheme();
    showFor();
    if ($("[data-dialog-content]", host() || document)) openDialog();
  });
  /* A switch that could not be saved goes back to what is stored. */
  const takeBack = ({ sourceElement: form }) => { if (form?.matches?.(".switch-form")) form.reset(); };
  on("htmx:response:error", (event) => {
    const status = event.detail.ctx.response.status;
    takeBack(event.detail.ctx);
    if (status >= 500) toast(document.body.dataset.failed);
    else if (status === 403 || status === 404) toast(document.body.dataset.refused);
  });
  on("htmx:error", (event) => {
    const status = event.detail.ctx?.status || "";
    takeBack(event.detail.ctx || {});
    if (/TypeError/.test(status)) toast(document.body.dataset.offline);
  });

  /* A closed dialog forgets its content. `close` does not bubble: capture it. */
  on("close", (event) => { if (event.target === host()) host().replaceChildren(); }, true);

  const start = () => {
    $$("details[data-remember]").forEach((group) => {
      let kept = null;
      try { kept = localStorage.getItem(`menu:${group.dataset.remember}`); } catch { /* open as served */ }
      if (kept !== null && !$("[aria-current]", group)) group.open = kept === "1";
    });
    setUp();
    const summary = $("[data-focus]");
    if (summary) summary.focus();
  };
  if (document.readyState === "loading") on("DOMContentLoaded", start); else start();
  window.addEventListener("resize", measureWide, { passive: true });
  window.addEventListener("pageshow", () => $$("[data-grid]").forEach(countTicks));
})();
