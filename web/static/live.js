// Follows the attempt of a lab's page at the proctor, and draws what changed at once.
// Without it, or while the proctor is away, the page asks for itself every two seconds.
"use strict";
(() => {
  const RETRY = 5000;
  const place = document.querySelector("[data-follow]");
  let stream = null;
  let attempt = "";

  function draw() {
    const work = document.getElementById("work");
    htmx.ajax("GET", work.getAttribute("hx-get"), { target: work, swap: "outerHTML" });
  }

  function stop() {
    if (stream) stream.close();
    stream = null;
    attempt = "";
    place.removeAttribute("data-following");
  }

  function listen(address) {
    stream = new EventSource(address);
    stream.onopen = () => place.setAttribute("data-following", "");
    for (const kind of ["report", "attempt"]) stream.addEventListener(kind, draw);
    stream.onerror = () => {
      // The browser comes back by itself unless it was sent away: then a new ticket is needed.
      if (stream && stream.readyState === EventSource.CLOSED) {
        stop();
        setTimeout(follow, RETRY);
      }
    };
  }

  async function follow() {
    const wanted = document.getElementById("work").dataset.attempt || "";
    if (document.hidden || wanted === attempt) return;
    stop();
    if (!wanted) return;
    attempt = wanted;
    try {
      const headers = { "X-CSRFToken": place.dataset.token };
      const reply = await fetch(place.dataset.follow, { method: "POST", headers });
      if (attempt !== wanted) return;
      if (reply.status === 200) listen((await reply.json()).events);
      else stop();
    } catch {
      stop();
    }
  }

  // Nobody looks at a hidden page: its connection is one that another page may need.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return stop();
    draw();
    follow();
  });
  window.addEventListener("pagehide", stop);
  document.body.addEventListener("htmx:afterSettle", follow);
  follow();
})();
