// The desk's one script. Every page works without it; with it a page renews itself, counts down, and listens to keys.
//
// What a page says in its HTML, and this file does:
//   <body data-since="MARK" data-now="TIME">       how much the page knows (see src/web/live.rs); the server's time
//   <section id="x" data-live="posts channels">    is fetched again and put in place when something of a topic changes;
//                                                  never while somebody types in it; children with an id keep it
//   <time data-countdown datetime="…">             is kept current: "in 4 min"
//   <form data-until="TIME"><span data-left>       shows the seconds left, and goes away with them
//   <div data-undo="10"><form>                     the same, that many seconds after the page came
//   <form data-measure="/path" data-into="id">     is sent there while somebody types; the answer is put into #id; or a
//                                                  part of a form with data-channel="x", sent along as `channel`
//   <form data-confirm="Sure?">, or its button     asks first
//   <form data-guard>                              does not let what was typed be lost unasked
//   <a data-key="n">, <button data-key="a">        is pressed by that key, first in the item that has the focus
//   <li data-item="ID">                             is stepped through by j and k; .list > .item, too. In a live part an
//                                                  item is known by its id, data-item or first link
// It loads nothing from elsewhere, keeps two switches in the browser (live, keys), and evaluates no text as code.
(() => {
  "use strict";
  const body = document.body;
  const one = (what, where = document) => where.querySelector(what);
  const all = (what, where = document) => [...where.querySelectorAll(what)];
  const make = (tag, facts = {}, ...inside) => {
    const it = document.createElement(tag);
    for (const [name, value] of Object.entries(facts)) it.setAttribute(name, value);
    it.append(...inside);
    return it;
  };
  const kept = (store, name, value) => {
    // A browser may forbid keeping anything: then a switch lasts as long as the page.
    try {
      if (value === undefined) return store().getItem(name);
      store().setItem(name, value);
    } catch { /* as it is */ }
    return null;
  };
  const tab = () => sessionStorage;
  const browser = () => localStorage;
  const types = (it) => it instanceof Element && (it.matches("input:not([type=hidden],[type=submit],[type=button]), textarea, select") || it.isContentEditable);

  // ---- The server's time ---------------------------------------------------------------------------------------
  const ahead = (Date.parse(body.dataset.now) || Date.now()) - Date.now();
  const now = () => Date.now() + ahead;

  // ---- Progress: shown on whatever takes longer than half a second -----------------------------------------------
  const bar = make("div", { id: "busy", role: "progressbar", "aria-label": "Working", hidden: "" });
  body.append(bar);
  let works = 0;
  const begin = () => {
    works += 1;
    setTimeout(() => { if (works > 0) bar.hidden = false; }, 500);
  };
  const end = (count = 1) => {
    works = Math.max(0, works - count);
    if (works === 0) bar.hidden = true;
  };

  // ---- Forms: ask first, send once ---------------------------------------------------------------------------------
  const chose = (select) => {
    const first = select.multiple ? [] : [0];
    const given = [...select.options].flatMap((it, n) => (it.defaultSelected ? [n] : []));
    const from = given.length ? given : first;
    return [...select.options].some((it, n) => it.selected !== from.includes(n));
  };
  const changed = (form) => [...form.elements].some((it) => {
    if (it.type === "checkbox" || it.type === "radio") return it.checked !== it.defaultChecked;
    return it.tagName === "SELECT" ? chose(it) : types(it) && it.value !== it.defaultValue;
  });

  const ask = (words, label, done) => {
    const go = make("button", { type: "button", class: "danger" }, label);
    const no = make("button", { type: "button", class: "plain" }, "Cancel");
    const sheet = make("dialog", { class: "sheet", "aria-label": words }, make("p", {}, words), make("p", { class: "acts" }, go, no));
    body.append(sheet);
    sheet.addEventListener("close", () => sheet.remove());
    no.addEventListener("click", () => sheet.close());
    go.addEventListener("click", () => { sheet.close(); done(); });
    sheet.showModal();
    no.focus();
  };

  document.addEventListener("submit", (event) => {
    const form = event.target;
    const button = event.submitter;
    const words = (button && button.dataset.confirm) || form.dataset.confirm;
    if (words && !form.sure) {
      event.preventDefault();
      const label = (button && button.textContent.trim()) || "Yes";
      ask(words, label, () => { form.sure = true; form.requestSubmit(button); });
      return;
    }
    form.sure = false;
    if (form.sent) { event.preventDefault(); return; }
    form.sent = true;
    begin();
  });
  document.addEventListener("click", (event) => {
    const link = event.target.closest && event.target.closest("a[href]");
    const plain = link && !event.defaultPrevented && event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey;
    if (plain && link.origin === location.origin && !link.target && !link.hasAttribute("download") && !link.hash) begin();
  });
  addEventListener("pageshow", () => { end(works); for (const form of document.forms) { form.sent = false; form.sure = false; } });
  addEventListener("beforeunload", (event) => {
    if (all("form[data-guard]").some((form) => !form.sent && changed(form))) event.preventDefault();
  });

  // ---- Put in place: only what differs is touched, so focus, scrolling and open details stay --------------------------
  // What a child is, whatever stands before it: an item never turns into another one under somebody's hand.
  const key = (it) => {
    if (it.nodeType !== 1) return "";
    const link = it.matches(".item") && one("a[href]", it);
    return it.id || it.dataset.item || (link ? link.getAttribute("href") : "");
  };
  const morph = (old, fresh) => {
    if (old.isEqualNode(fresh)) return;
    if (old.nodeType !== 1) { old.nodeValue = fresh.nodeValue; return; }
    for (const { name } of [...old.attributes]) {
      const mine = (name === "open" && old.matches("details")) || name === "tabindex";
      if (!mine && !fresh.hasAttribute(name)) old.removeAttribute(name);
    }
    for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
    const known = new Map([...old.children].filter(key).map((it) => [key(it), it]));
    const wanted = new Set([...fresh.children].map(key));
    let at = old.firstChild;
    const drop = () => { const next = at.nextSibling; at.remove(); at = next; };
    for (const child of [...fresh.childNodes]) {
      while (at && key(at) && !wanted.has(key(at))) drop();
      const mine = key(child) && known.get(key(child));
      if (mine) {
        known.delete(key(child));
        while (at && at !== mine && !key(at)) drop();
        // Only what really changed places is moved: moving takes the focus away.
        if (mine === at) at = at.nextSibling; else old.insertBefore(mine, at);
        morph(mine, child);
      } else if (at && at.nodeName === child.nodeName && !key(at) && !key(child)) {
        const next = at.nextSibling;
        morph(at, child);
        at = next;
      } else {
        old.insertBefore(document.importNode(child, true), at);
      }
    }
    while (at) drop();
  };
  // Somebody types there, is asked something, or is about to press an item's button, which would move away under the
  // pointer. A pointer that has rested for long is not about to press.
  let pointed = 0;
  addEventListener("pointermove", () => { pointed = Date.now(); }, { passive: true });
  const points = matchMedia("(hover: hover)");
  const isBusy = (part) => (types(document.activeElement) && part.contains(document.activeElement)) || one("dialog[open]", part) || (points.matches && Date.now() - pointed < 20000 && one(".item button:hover, summary:hover", part)) || all("form", part).some(changed);

  // ---- Live --------------------------------------------------------------------------------------------------------
  const TOPICS = "posts articles channels sources notices";
  const TOKEN = "input[type=hidden][name=token]";
  const token = (one(TOKEN) || { value: "" }).value;
  let since = body.dataset.since;
  let still = kept(tab, "bugle-still") === "1";
  let source = null;
  let wanted = new Set();
  let timer = 0;
  let fetching = false;
  let fresh = Date.now();
  const parts = () => all("[data-live]");
  const lamp = make("button", { type: "button", class: "lamp", "data-key": "l" });
  const says = make("span", { role: "status", class: "quiet" });
  const shine = (words) => {
    lamp.textContent = still ? "Renew this page by itself" : "Stop renewing";
    if (says.textContent !== words) says.textContent = words;
    body.dataset.lamp = source && source.readyState === 1 ? "on" : "off";
  };
  const put = (part, next) => {
    const inside = part.contains(document.activeElement);
    morph(part, next);
    if (!inside || part.contains(document.activeElement)) return;
    // What had the focus is gone: the next key must not meet another item unasked.
    part.tabIndex = -1;
    part.focus({ preventScroll: true });
  };
  const concerns = (part) => part.dataset.live.split(" ").some((topic) => wanted.has(topic));
  const want = (topics) => {
    topics.forEach((topic) => wanted.add(topic));
    if (!timer && !fetching && parts().some(concerns)) timer = setTimeout(renew, Math.random() * 250);
  };
  const renew = async () => {
    timer = 0;
    fetching = true;
    begin();
    const mine = wanted;
    wanted = new Set();
    try {
      const answer = await fetch(location.pathname + location.search, { headers: { "Bugle-Part": "1" }, redirect: "manual", cache: "no-store" });
      if (answer.type === "opaqueredirect" || answer.status === 401) {
        leave();
        shine("You are signed out: load this page again.");
        return;
      }
      if (!answer.ok) throw new Error(String(answer.status));
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const part of parts()) {
        if (!part.dataset.live.split(" ").some((topic) => mine.has(topic))) continue;
        const next = page.getElementById(part.id);
        // What somebody works on waits; the topic stays wanted until they are done.
        if (isBusy(part)) part.dataset.live.split(" ").filter((topic) => mine.has(topic)).forEach((topic) => wanted.add(topic));
        else if (next) put(part, next);
      }
      // What is fetched for all has nobody's token; forms keep the one that this page came with.
      for (const it of all(TOKEN)) it.setAttribute("value", token);
      fresh = Date.now();
      tick();
    } catch {
      mine.forEach((topic) => wanted.add(topic));
    } finally {
      fetching = false;
      end();
    }
  };
  const leave = () => { if (source) source.close(); source = null; };
  const listen = () => {
    if (source || still || document.hidden || !since || parts().length === 0) return;
    source = new EventSource(`/live?since=${encodeURIComponent(since)}`);
    source.onopen = () => shine("This page renews itself.");
    source.addEventListener("changed", (event) => {
      since = event.lastEventId || since;
      want(event.data.split(" "));
    });
    source.onerror = () => {
      // Closed for good: refused, as when too many listen. A page that is not told asks by itself (see below).
      if (source && source.readyState === 2) leave();
      shine("No connection to Bugle; what you see may be old.");
    };
  };
  lamp.addEventListener("click", () => {
    still = !still;
    kept(tab, "bugle-still", still ? "1" : "0");
    if (still) leave(); else { listen(); want(TOPICS.split(" ")); }
    shine(still ? "This page stays as it is." : "This page renews itself.");
  });
  document.addEventListener("visibilitychange", () => { if (document.hidden) leave(); else { listen(); tick(); } });
  addEventListener("pagehide", leave);
  document.addEventListener("focusout", () => setTimeout(() => { if (wanted.size) want([]); }, 500));

  // ---- Each second ---------------------------------------------------------------------------------------------------
  const two = (n) => String(n).padStart(2, "0");
  const left = (ms) => {
    const s = Math.ceil(ms / 1000);
    if (s <= 0) return "due now";
    if (s < 60) return `in ${s} s`;
    if (s < 3600) return `in ${Math.floor(s / 60)} min`;
    if (s < 86400) return `in ${Math.floor(s / 3600)} h ${two(Math.floor((s % 3600) / 60))} min`;
    return `in ${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
  };
  function tick() {
    const at = now();
    for (const it of all("time[data-countdown]")) {
      const words = left(Date.parse(it.dateTime) - at);
      if (it.textContent !== words && !words.includes("NaN")) it.textContent = words;
    }
    for (const it of all("[data-until]")) {
      const s = Math.ceil((Date.parse(it.dataset.until) - at) / 1000);
      if (s <= 0) { it.remove(); continue; }
      const place = one("[data-left]", it);
      if (place) place.textContent = String(s);
    }
    if (document.hidden || still || fetching) return;
    // What was put off, what nobody told us, and what grows old without a change.
    const idle = Date.now() - fresh;
    if ((wanted.size && idle > 3000) || (!source && idle > 60000) || idle > 300000) {
      if (!source) listen();
      fresh = Date.now();
      want(wanted.size ? [] : TOPICS.split(" "));
    }
  }

  // ---- The count while typing ------------------------------------------------------------------------------------------
  const measures = new WeakMap();
  document.addEventListener("input", (event) => {
    const holder = event.target.closest && event.target.closest("[data-measure]");
    const form = holder && holder.closest("form");
    if (!form) return;
    clearTimeout(measures.get(holder));
    const turn = setTimeout(async () => {
      try {
        const fields = new URLSearchParams(new FormData(form));
        if (holder.dataset.channel) fields.append("channel", holder.dataset.channel);
        const answer = await fetch(holder.dataset.measure, { method: "POST", body: fields, headers: { "Bugle-Part": "1" }, redirect: "error" });
        const place = document.getElementById(holder.dataset.into);
        const words = await answer.text();
        // An answer that was overtaken by more typing is out of date.
        if (!answer.ok || !place || measures.get(holder) !== turn) return;
        if ((answer.headers.get("content-type") || "").startsWith("text/html")) {
          const page = new DOMParser().parseFromString(words, "text/html");
          place.replaceChildren(...[...page.body.childNodes].map((it) => document.importNode(it, true)));
        } else place.textContent = words.trim();
      } catch { /* The page counts again when it is saved. */ }
    }, 200);
    measures.set(holder, turn);
  });

  // ---- Keys ------------------------------------------------------------------------------------------------------------
  const places = { t: ["/", "Today"], p: ["/posts", "Posts"], a: ["/articles", "Articles"], s: ["/sources", "Sources"], c: ["/channels", "Channels"] };
  let keys = kept(browser, "bugle-keys") !== "0";
  let go = 0;
  const items = () => all("main [data-item], main .list > .item");
  const item = () => document.activeElement && document.activeElement.closest("main [data-item], main .list > .item");
  const step = (by) => {
    const list = items();
    if (list.length === 0) return;
    const here = list.indexOf(item());
    const next = list[here < 0 ? (by > 0 ? 0 : list.length - 1) : Math.min(list.length - 1, Math.max(0, here + by))];
    if (!next.hasAttribute("tabindex")) next.tabIndex = -1;
    next.focus();
    next.scrollIntoView({ block: "nearest" });
  };
  const seen = (it) => it.getClientRects().length > 0;
  const press = (key) => {
    const what = `[data-key="${CSS.escape(key)}"]`;
    const here = item();
    const it = (here && all(what, here).find(seen)) || all(what).find((it) => seen(it) && !it.closest("main [data-item], main .list > .item"));
    if (!it) return false;
    if (it.matches("input:not([type=submit],[type=button],[type=checkbox],[type=radio]), textarea, select")) it.focus(); else it.click();
    return true;
  };
  const help = () => {
    const rows = [["?", "this sheet"], ["j, k", "next and previous item"], ["o", "open the item"], ["/", "search"]];
    for (const [key, [path, name]] of Object.entries(places)) if (one(`a[href="${path}"]`)) rows.push([`g ${key}`, name]);
    const known = new Set();
    for (const it of all("[data-key]")) {
      const name = it.getAttribute("aria-label") || it.textContent.trim();
      if (!known.has(it.dataset.key) && seen(it)) { known.add(it.dataset.key); rows.push([it.dataset.key, name]); }
    }
    const list = make("dl", { class: "keys" });
    for (const [key, name] of rows) list.append(make("div", {}, make("dt", {}, make("kbd", {}, key)), make("dd", {}, name)));
    const box = make("input", { type: "checkbox", id: "keys-on" });
    box.checked = keys;
    box.addEventListener("change", () => { keys = box.checked; kept(browser, "bugle-keys", keys ? "1" : "0"); });
    const close = make("button", { type: "button", class: "plain" }, "Close");
    const sheet = make("dialog", { class: "sheet", "aria-labelledby": "keys-name" },
      make("h2", { id: "keys-name" }, "Keyboard shortcuts"), list,
      make("p", {}, make("label", { for: "keys-on" }, box, " Shortcuts on")), make("p", { class: "acts" }, close));
    sheet.addEventListener("close", () => sheet.remove());
    close.addEventListener("click", () => sheet.close());
    body.append(sheet);
    sheet.showModal();
  };
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      const open = all("details.menu[open]").pop();
      if (open) { open.open = false; one("summary", open).focus(); }
      return;
    }
    const help_ = event.key === "?";
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || types(event.target) || one("dialog[open]") || (!keys && !help_)) return;
    const then = go && Date.now() - go < 1500;
    go = 0;
    if (then && places[event.key] && one(`a[href="${places[event.key][0]}"]`)) location.assign(places[event.key][0]);
    else if (event.key === "g") go = Date.now();
    else if (help_) help();
    else if (event.key === "j" || event.key === "k") step(event.key === "j" ? 1 : -1);
    else if (event.key === "/" && one("input[type=search]")) one("input[type=search]").focus();
    else if (event.key === "o" && item() && one("a[href]", item())) one("a[href]", item()).click();
    else if (!press(event.key)) return;
    event.preventDefault();
  });
  document.addEventListener("click", (event) => {
    for (const open of all("details.menu[open]")) if (!open.contains(event.target)) open.open = false;
  });

  // ---- Begin -----------------------------------------------------------------------------------------------------------
  const foot = one("footer");
  if (foot) {
    const sheet = make("button", { type: "button", class: "lamp" }, "Keyboard shortcuts");
    sheet.addEventListener("click", help);
    const line = make("p", { class: "desk-line" }, sheet);
    if (since && parts().length) line.append(lamp, says);
    foot.append(line);
    shine(still ? "This page stays as it is." : "");
  }
  for (const form of all("[data-undo] form")) {
    const button = one("button", form);
    form.dataset.until = new Date(now() + 1000 * form.closest("[data-undo]").dataset.undo).toISOString();
    if (button) button.append(" (", make("span", { "data-left": "", "aria-hidden": "true" }), ")");
  }
  setInterval(tick, 1000);
  tick();
  listen();
})();
