// Looks again at a part of a page while something is under way, and puts it in when it has changed. The server says how
// often ([data-every] seconds, 0 is never), and stops it by saying 0. Nothing is asked of a page nobody looks at.
(function () {
  "use strict";

  var IDLE_AFTER_MS = 30 * 60 * 1000;

  Array.prototype.forEach.call(document.querySelectorAll("[data-live]"), function (place) {
    var says = document.querySelector("[data-live-says]");
    var every = Number(place.dataset.every);
    var changed = Date.now();
    var timer = null;

    function again() {
      window.clearTimeout(timer);
      var quiet = Date.now() - changed;
      if (!every || document.hidden || quiet > IDLE_AFTER_MS) { return; }
      // what has not moved for two minutes is looked at less often
      timer = window.setTimeout(look, (quiet > 120000 ? Math.max(every, 15) : every) * 1000);
    }

    function busyHere() {
      return Boolean(place.querySelector("dialog[open], form[data-sent]"));
    }

    function put(answer) {
      if (answer.html === undefined || busyHere()) { return; }
      var held = place.contains(document.activeElement) && document.activeElement.id;
      place.innerHTML = answer.html;
      place.dataset.stamp = answer.stamp;
      changed = Date.now();
      var words = place.querySelector("[data-live-words]");
      if (says && words) { says.textContent = words.textContent; }
      if (held && document.getElementById(held)) { document.getElementById(held).focus(); }
    }

    function look() {
      var url = new URL(place.dataset.live, window.location.href);
      url.searchParams.set("seen", place.dataset.stamp);
      window.fetch(url, { headers: { Accept: "application/json" }, credentials: "same-origin" })
        .then(function (response) {
          if (response.ok) { return response.json(); }
          // signed out or out of scope: asking again is vain; anything else may pass
          if (response.status < 500) { every = 0; }
          return null;
        })
        .then(function (answer) {
          if (answer) { every = answer.every_s; put(answer); }
          again();
        })
        .catch(again);
    }

    document.addEventListener("visibilitychange", function () { if (!document.hidden && every) { look(); } });
    again();
  });
}());
