/* Behaviour of every page: table filters and the list of pictures. Texts are set as text, never as markup; nothing is
   fetched. */
(function () {
  "use strict";

  function make(tag, attributes, text) {
    var element = document.createElement(tag);
    Object.keys(attributes || {}).forEach(function (name) { element.setAttribute(name, attributes[name]); });
    if (text !== undefined) { element.textContent = text; }
    return element;
  }

  /* ---- tables: filter by text ---------------------------------------------------------------------------------- */

  function filterTables() {
    document.querySelectorAll("input[data-filter]").forEach(function (input) {
      var wanted = input.value.trim().toLowerCase(), shown = 0;
      var table = document.getElementById(input.getAttribute("data-filter"));
      table.querySelectorAll("tbody tr").forEach(function (row) {
        var hit = !wanted || row.textContent.toLowerCase().indexOf(wanted) >= 0;
        row.hidden = !hit;
        shown += hit ? 1 : 0;
      });
      var note = document.getElementById(input.id + "-note");
      if (note) { note.textContent = wanted && !shown ? "No row holds this" : ""; }
    });
  }

  /* ---- pictures: which formats were made is known only after the pages ------------------------------------------ */

  function pictures() {
    var made = window.WAYMARK_RENDERINGS || {};
    document.querySelectorAll("[data-chart]").forEach(function (holder) {
      var entry = made[holder.getAttribute("data-chart")];
      if (!entry) { return; }
      var picture = holder.querySelector(".picture"), links = holder.querySelector(".formats");
      if (picture && entry.svg) {
        picture.replaceChildren(make("img", {
          src: "charts/" + entry.svg.file, alt: picture.getAttribute("data-alt") || "", loading: "lazy",
          width: String(entry.width), height: String(entry.height)
        }));
      }
      ["svg", "png", "pdf"].forEach(function (format) {
        if (links && entry[format]) {
          links.appendChild(make("a", { href: "charts/" + entry[format].file }, format.toUpperCase() + " " + entry[format].size));
        }
      });
    });
  }

  window.Waymark = { make: make, filterTables: filterTables };

  document.addEventListener("DOMContentLoaded", function () {
    document.querySelectorAll("input[data-filter]").forEach(function (input) { input.addEventListener("input", filterTables); });
    pictures();
  });
})();
