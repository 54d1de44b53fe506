// Keeps an open page up to date: parts that changed come over one stream; ages and the present move by themselves.
// Without this script the page reloads every half minute and says the same.
"use strict";
(() => {
  const body = document.body;
  const lost = document.getElementById("lost");
  const speed = Number(body.dataset.speed) || 1;
  // The agent's clock, not this machine's: an age is wrong by as much as the two differ.
  let theirs = Number(body.dataset.now);
  let ours = Date.now();
  let heard = Date.now();
  const now = () => theirs + (Date.now() - ours) * speed;

  const span = (seconds) => {
    const s = Math.max(0, Math.floor(seconds));
    const m = Math.floor(s / 60), h = Math.floor(s / 3600), d = Math.floor(s / 86400);
    if (s < 120) return `${s} s`;
    if (s < 3600) return `${m} min`;
    if (s < 86400) return `${h} h ${String(m % 60).padStart(2, "0")}`;
    return `${d} d ${h % 24} h`;
  };
  const relative = (at) => {
    const ahead = Math.trunc((at - now()) / 1000);
    if (ahead === 0) return "now";
    return ahead > 0 ? `in ${span(ahead)}` : `${span(-ahead)} ago`;
  };
  const move = () => {
    for (const time of document.querySelectorAll("time[data-ago]")) {
      const says = relative(Date.parse(time.dateTime));
      if (time.textContent !== says) time.textContent = says;
    }
    for (const line of document.querySelectorAll("line.now")) {
      const share = (now() - Number(line.dataset.from)) / Number(line.dataset.length);
      const x = `${(Math.min(1, Math.max(0, share)) * 100).toFixed(2)}%`;
      line.setAttribute("x1", x);
      line.setAttribute("x2", x);
    }
    const silence = (Date.now() - heard) / 1000;
    // A page that is not looked at is asked for more seldom, and nobody reads there that it was not.
    const away = !document.hidden && ((live && silence > 15) || (slow && silence > 150));
    body.classList.toggle("lost-touch", away);
    lost.hidden = !away;
    if (away) {
      const says = `No word from shiftwatch for ${span(silence)}: this page may be out of date.`;
      if (lost.textContent !== says) lost.textContent = says;
    }
  };

  const replace = (part) => {
    const place = document.getElementById(part.id);
    if (!place) return fetchWhole();
    if (place.dataset.hash === part.hash) return;
    const open = [...place.querySelectorAll("details[open]")].map((one) => one.id);
    const focused = place.contains(document.activeElement) ? document.activeElement : null;
    const href = focused && focused.getAttribute("href");
    const within = focused && focused.closest("details");
    place.innerHTML = part.html;
    place.dataset.hash = part.hash;
    // What is over can be owned no more.
    const form = document.querySelector("form.acknowledge");
    if (form && place.querySelector("article.alert.resolved")) form.hidden = true;
    for (const id of open) {
      const details = document.getElementById(id);
      if (details) details.open = true;
    }
    if (href) {
      const again = [...place.querySelectorAll("a")].find((one) => one.getAttribute("href") === href);
      if (again) again.focus({ preventScroll: true });
    } else if (within) {
      const again = document.getElementById(within.id);
      if (again) again.querySelector("summary").focus({ preventScroll: true });
    }
  };

  // The whole page once more: when its parts are others than before, and when no stream can be had.
  let fetching = false;
  const fetchWhole = async () => {
    if (fetching) return;
    fetching = true;
    try {
      const answer = await fetch(location.href, { headers: { accept: "text/html" } });
      if (!answer.ok) return;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = [...page.querySelectorAll(".part")];
      const stale = [...document.querySelectorAll(".part")];
      heard = Date.now();
      theirs = Number(page.body.dataset.now);
      ours = heard;
      document.title = page.title;
      if (fresh.map((one) => one.id).join() === stale.map((one) => one.id).join()) {
        for (const one of fresh) replace({ id: one.id, hash: one.dataset.hash, html: one.innerHTML });
      } else {
        const first = stale[0];
        for (const one of fresh) first.before(document.importNode(one, true));
        for (const one of stale) one.remove();
      }
      move();
    } catch {
      // Silence is shown by itself.
    } finally {
      fetching = false;
    }
  };

  // One stream while somebody looks. A browser keeps six connections to an address: pages that were left, and tabs
  // behind others, would hold them all and the next page would not load. Those ask for the whole page now and then.
  const live = body.dataset.live;
  const slow = !live && document.querySelector("#history, #kpis") !== null;
  let stream = null;
  const hush = () => {
    if (stream) stream.close();
    stream = null;
  };
  const listen = () => {
    if (stream || !live || document.hidden) return;
    stream = new EventSource(live);
    stream.addEventListener("beat", (event) => {
      heard = Date.now();
      const said = JSON.parse(event.data);
      theirs = said.now;
      ours = heard;
      if (said.title) document.title = said.title;
      if (said.parts) {
        const have = [...document.querySelectorAll(".part")];
        const same = have.length === said.parts.length
          && have.every((one, n) => one.id === said.parts[n][0] && one.dataset.hash === said.parts[n][1]);
        if (!same) fetchWhole();
      }
      move();
    });
    stream.addEventListener("part", (event) => {
      heard = Date.now();
      replace(JSON.parse(event.data));
      move();
    });
    stream.addEventListener("error", () => {
      // The browser tries again by itself unless it was refused.
      if (stream && stream.readyState === EventSource.CLOSED) hush();
    });
  };
  const attend = () => {
    if (document.hidden) return hush();
    if (!stream && live) fetchWhole();
    listen();
  };
  document.addEventListener("visibilitychange", attend);
  addEventListener("pagehide", hush);
  addEventListener("pageshow", (event) => event.persisted && attend());
  setInterval(() => {
    if (stream || !live) return;
    fetchWhole();
    listen();
  }, 10000);
  // The past changes slowly, and looking it up costs more: once a minute.
  if (slow) setInterval(() => document.hidden || fetchWhole(), 60000);

  // Whoever owned an alert from this device before need not type their name again.
  for (const by of document.querySelectorAll("form.acknowledge input[name=by], form.disposition input[name=by]")) {
    by.value = localStorage.getItem("shiftwatch.by") || body.dataset.user || "";
    by.form.addEventListener("submit", () => localStorage.setItem("shiftwatch.by", by.value));
  }
  const say = document.getElementById("say");
  if (say && location.hash === "#say") say.open = true;

  listen();
  setInterval(move, 1000);
})();
