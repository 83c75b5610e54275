// Behaviour of every page: dialogs, one press only, the menu on a phone, chosen rows, remote choices, calendars.
// Texts come from the page (data-words), in its language. No request leaves this site.
(function () {
  "use strict";

  var words = JSON.parse(document.body.dataset.words || "{}");

  function all(selector, root) {
    return Array.prototype.slice.call((root || document).querySelectorAll(selector));
  }

  // --- Dialogs: each button has its own, each dialog its own form --------------------------------------------

  function open(dialog) {
    fillPicked(dialog);
    dialog.showModal();
    var first = dialog.querySelector("textarea, input:not([type=hidden]), select");
    if (first) { first.focus(); }
  }

  document.addEventListener("click", function (event) {
    var opener = event.target.closest("[data-opens]");
    if (opener) { open(document.getElementById(opener.dataset.opens)); return; }
    var closer = event.target.closest("[data-closes]");
    if (closer) { closer.closest("dialog").close(); return; }
    if (event.target.tagName === "DIALOG") { event.target.close(); }
  });

  // --- One press only: a form that was sent is not sent again -------------------------------------------------

  document.addEventListener("submit", function (event) {
    var form = event.target;
    if ((form.getAttribute("method") || "").toLowerCase() !== "post") { return; }
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = "yes";
    window.setTimeout(function () { press(form, true); }, 0);
    if (form.hasAttribute("data-download")) { window.setTimeout(function () { release(form); }, 3000); }
  });

  function press(form, pressed) {
    all("button[type=submit]", form).forEach(function (button) { button.disabled = pressed; });
    form.setAttribute("aria-busy", pressed ? "true" : "false");
  }

  function release(form) {
    delete form.dataset.sent;
    press(form, false);
  }

  window.addEventListener("pageshow", function (event) {
    if (event.persisted) { all("form[data-sent]").forEach(release); }
  });

  // --- A select that is its own button ------------------------------------------------------------------------

  document.addEventListener("change", function (event) {
    if (event.target.matches("[data-submits]")) { event.target.form.requestSubmit(); }
  });

  // --- The menu on a phone ------------------------------------------------------------------------------------

  var menuButton = document.querySelector("[data-menu][aria-controls]");

  function showMenu(shown) {
    if (shown === document.body.classList.contains("menu-open")) { return; }
    document.body.classList.toggle("menu-open", shown);
    menuButton.setAttribute("aria-expanded", shown ? "true" : "false");
    (shown ? document.querySelector(".menu-close") : menuButton).focus();
  }

  if (menuButton) {
    all("[data-menu]").forEach(function (button) {
      button.addEventListener("click", function () { showMenu(!document.body.classList.contains("menu-open")); });
    });
    document.addEventListener("keydown", function (event) {
      if (event.key !== "Escape") { return; }
      showMenu(false);
      all("details.who-menu[open]").forEach(function (sheet) { sheet.open = false; });
    });
    document.addEventListener("click", function (event) {
      if (!event.target.closest(".menu, [data-menu]")) { showMenu(false); }
      all("details.who-menu[open]").forEach(function (sheet) {
        if (!sheet.contains(event.target)) { sheet.open = false; }
      });
    });
  }

  // --- Rows chosen in a list ----------------------------------------------------------------------------------

  function chosen(view) { return all('[data-row="' + view + '"]:checked'); }

  function count(bulk) {
    var number = chosen(bulk.dataset.rows).length;
    var text = number ? words.chosen.replace("{number}", number) : "";
    all("[data-count]", bulk).forEach(function (place) { place.textContent = text; });
    all(":scope > [data-opens]", bulk).forEach(function (button) { button.disabled = !number; });
  }

  function fillPicked(dialog) {
    var bulk = dialog.closest("[data-rows]");
    var place = dialog.querySelector("[data-picked]");
    if (!bulk || !place) { return; }
    place.textContent = "";
    chosen(bulk.dataset.rows).forEach(function (row) {
      var key = document.createElement("input");
      key.type = "hidden";
      key.name = "rowid";
      key.value = row.value;
      place.appendChild(key);
    });
  }

  document.addEventListener("change", function (event) {
    var pickAll = event.target.closest("[data-all]");
    if (pickAll) {
      all('[data-row="' + pickAll.dataset.all + '"]').forEach(function (row) { row.checked = pickAll.checked; });
    }
    if (pickAll || event.target.matches("[data-row]")) { all("[data-rows]").forEach(count); }
  });

  all("[data-rows]").forEach(count);

  // --- On a phone the filters wait folded ----------------------------------------------------------------------

  if (window.matchMedia("(max-width: 767px)").matches) {
    all("[data-filters]:not([data-used])").forEach(function (filters) { filters.open = false; });
  }

  // --- What is wrong is read first ----------------------------------------------------------------------------

  var summary = document.querySelector("[data-focus]");
  if (summary) { summary.focus(); }

  // --- Remote choices and calendars (jQuery, Select2 and the calendar come with Flask-AppBuilder) --------------

  var $ = window.jQuery;
  if (!$) { return; }

  if ($.fn.select2) {
    var language = {};
    ["noResults", "searching", "errorLoading", "inputTooShort", "loadingMore", "removeItem"].forEach(function (key) {
      language[key] = function () { return words[key]; };
    });
    $(".remote-select").each(function () {
      var select = this;
      $(select).select2({
        ajax: { url: select.dataset.url, delay: 250, dataType: "json" },
        allowClear: true,
        placeholder: { id: "", text: select.dataset.blank || "" },
        language: language,
        width: "100%",
        dropdownParent: $(select.closest("dialog") || document.body)
      });
    });
    $("select.my_select2").select2({ language: language, width: "100%" });
    // the search box of an opened list takes the focus, so that one can type at once
    $(document).on("select2:open", function () {
      var box = document.querySelector(".select2-container--open .select2-search__field");
      if (box) { box.focus(); }
    });
  }

  if ($.fn.datepicker) {
    $.fn.datepicker.dates.page = {
      days: words.days, daysShort: words.daysMin, daysMin: words.daysMin,
      months: words.months, monthsShort: words.months, today: words.today, clear: words.clear,
      format: "dd/mm/yyyy", titleFormat: "MM yyyy", weekStart: 1
    };
    all(".with-calendar").forEach(function (place) {
      var input = place.querySelector("input");
      $(input).datepicker({
        language: "page", autoclose: true, todayHighlight: true, showOnFocus: false, forceParse: false,
        keyboardNavigation: false
      });
      place.querySelector("[data-calendar]").addEventListener("click", function () {
        $(input).datepicker("update").datepicker("show");
        input.focus();
      });
    });
  }
}());
