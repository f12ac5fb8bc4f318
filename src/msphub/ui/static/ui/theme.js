/* Runs before the first paint: theme (light, dark or the system's) and the brand's accent, made readable in both. */
(() => {
  "use strict";
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  root.classList.add("js");

  const stored = () => { try { return localStorage.getItem("theme") || "system"; } catch { return "system"; } };

  const channel = (value) => { const part = value / 255; return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4; };
  const luminance = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const contrast = (one, other) => { const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b); return (high + 0.05) / (low + 0.05); };
  const mix = (one, other, share) => one.map((part, i) => Math.round(part + (other[i] - part) * share));
  const parse = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
  const css = (color) => `rgb(${color.join(" ")})`;
  const until = (color, ground, towards, least) => {
    let share = 0, found = color;
    while (contrast(found, ground) < least && share < 1) { share += 0.04; found = mix(color, towards, share); }
    return found;
  };

  const paintAccent = (name) => {
    const meta = document.querySelector('meta[name="accent"]');
    if (!meta || !/^#[0-9a-f]{6}$/i.test(meta.content)) return;
    const accent = parse(meta.content), white = [255, 255, 255], black = [0, 0, 0];
    const ground = name === "dark" ? [22, 24, 29] : [246, 247, 249];
    const text = until(accent, ground, name === "dark" ? white : black, 5.8);
    const fill = until(accent, white, black, 4.6);
    root.style.setProperty("--accent", css(fill));
    root.style.setProperty("--accent-hover", css(mix(fill, black, 0.14)));
    root.style.setProperty("--accent-text", css(text));
  };

  const apply = () => {
    const choice = stored();
    const name = choice === "system" ? (dark.matches ? "dark" : "light") : choice;
    root.setAttribute("data-bs-theme", name);
    root.setAttribute("data-theme-choice", choice);
    paintAccent(name);
  };

  /* The server shows times in the viewer's zone. */
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (zone) document.cookie = `msphub_zone=${zone};path=/;max-age=31536000;samesite=lax`;

  /* A link that posts does nothing of use without the page's script: a click that comes before it waits for it. */
  const early = [];
  const keep = (event) => {
    const link = event.target instanceof Element ? event.target.closest("a[hx-post]") : null;
    if (!link) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    if (!early.includes(link)) early.push(link);
  };
  document.addEventListener("click", keep, true);
  document.addEventListener("DOMContentLoaded", () => setTimeout(() => {
    document.removeEventListener("click", keep, true);
    early.forEach((link) => link.click());
  }));

  apply();
  dark.addEventListener("change", apply);
  window.addEventListener("storage", apply);
  window.msphubTheme = {
    current: stored,
    choose(choice) { try { localStorage.setItem("theme", choice); } catch { /* private window: for this page only */ } apply(); },
  };
})();
