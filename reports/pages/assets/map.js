/* The interactive map and its funnel. Data comes as JSON inside the page; needs plotly.min.js and waymark.js before it. */
(function () {
  "use strict";

  var FONT = '"DejaVu Sans", system-ui, -apple-system, "Segoe UI", Roboto, sans-serif';
  var INK = "#1c2733";
  var make = window.Waymark.make, filterTables = window.Waymark.filterTables;

  function data(id) {
    var element = document.getElementById(id);
    return element ? JSON.parse(element.textContent) : null;
  }

  /* Plotly reads a few tags in texts: what comes from outside must not form one. */
  function safe(text) {
    return String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
  }

  function number(value, digits) {
    if (value === null || value === undefined) { return "–"; }
    var size = Math.abs(value);
    var places = digits !== undefined ? digits : (value === Math.round(value) || size >= 100) ? 0 : size >= 10 ? 1 : 2;
    return value.toLocaleString("en-GB", { minimumFractionDigits: places, maximumFractionDigits: places })
      .replace("-", "−");
  }

  function probability(value) {
    return value < 0.001 ? "< 0.001" : "= " + value.toFixed(value < 0.1 ? 3 : 2);
  }

  function periodLabel(period) {
    return period.length === 7 && period[5] === "Q" ? period.replace("-", " ") : period;
  }

  function mapPage() {
    var content = data("map-data");
    var element = document.getElementById("map");
    if (!content || !element || !content.views.length || !window.Plotly) { return; }
    var pages = {};
    content.pages.forEach(function (code) { pages[code] = true; });
    var controls = {
      level: document.getElementById("select-level"),
      measure: document.getElementById("select-measure"),
      source: document.getElementById("select-source"),
      period: document.getElementById("select-period"),
      show: document.getElementById("select-show")
    };
    var state = { view: 0, period: content.views[0].start, show: content.views[0].main };
    var drawnLayer = null, drawnCodes = [], drawnAreas = [];

    function view() { return content.views[state.view]; }
    function levelOf(v) { return v.set + "|" + v.level; }

    function fill(select, entries, chosen) {
      select.replaceChildren();
      entries.forEach(function (entry) {
        var option = make("option", { value: entry[0] }, entry[1]);
        option.selected = String(entry[0]) === String(chosen);
        select.appendChild(option);
      });
      select.disabled = entries.length < 2;
    }

    function fillControls() {
      var levels = [], seen = {}, sets = {};
      content.views.forEach(function (v) { (sets[v.level] = sets[v.level] || {})[v.set] = true; });
      content.views.forEach(function (v) {
        if (seen[levelOf(v)]) { return; }
        seen[levelOf(v)] = true;
        var several = Object.keys(sets[v.level]).length > 1;
        levels.push([levelOf(v), several ? v.level + " (" + v.set.replace(/_/g, " ") + ")" : v.level]);
      });
      fill(controls.level, levels, levelOf(view()));
      var measures = [], sources = [], known = {};
      content.views.forEach(function (v, index) {
        if (levelOf(v) !== levelOf(view())) { return; }
        if (!known[v.measure]) { measures.push([v.measure, v.measure]); }
        known[v.measure] = true;
        if (v.measure === view().measure) {
          sources.push([index, v.dataset ? v.source + " · " + v.dataset.replace(/_/g, " ") : v.source]);
        }
      });
      fill(controls.measure, measures, view().measure);
      fill(controls.source, sources, state.view);
      fill(controls.period, view().periods.map(function (p, i) { return [i, periodLabel(p)]; }), state.period);
      var shows = Object.keys(view().methods).map(function (method) {
        return [method, "Assessment (" + content.methods[method] + ")"];
      });
      shows.push(["rate", "Rate per 100,000"]);
      if (view().emerging.length) { shows.push(["emerging", "How it developed over time"]); }
      if (!shows.some(function (entry) { return entry[0] === state.show; })) { state.show = view().main; }
      fill(controls.show, shows, state.show);
    }

    function method() { return view().methods[state.show] ? state.show : view().main; }

    function letter(index) { return view().methods[method()].states[state.period][index]; }

    function rateClass(rate) {
      var limits = view().classes;
      if (!limits.length) { return 2; }
      var position = 0;
      while (position < limits.length && rate >= limits[position]) { position += 1; }
      return Math.round(position / limits.length * (content.ramp.length - 1));
    }

    /* Legend key of an area: [class key, colour, hatch]. */
    function style(index) {
      var v = view();
      if (index === undefined) { return ["o", content.states.o.colour, content.states.o.hatch]; }
      if (state.show === "emerging") {
        var group = v.emerging[index] ? v.emergingGroups[index] : (letter(index) === "m" ? "m" : "x");
        return [group, content.emergingGroups[group].colour, content.emergingGroups[group].hatch];
      }
      var code = letter(index);
      if (state.show === "rate") {
        var rate = v.rate[state.period][index];
        if (rate !== null) {
          var position = rateClass(rate);
          return ["r" + position, content.ramp[position], ""];
        }
        if (code !== "s" && code !== "m") { code = "x"; }
      }
      return [code, content.states[code].colour, content.states[code].hatch];
    }

    function reasonText(index) {
      var known = view().methods[method()].reasons[state.period][String(index)];
      return known === undefined ? content.states.x.label : view().reasons[known];
    }

    function assessmentText(index) {
      var code = letter(index);
      return code === "x" ? capital(reasonText(index)) : content.states[code].label;
    }

    /* How an area stands among its neighbours; '' where that is not significant. */
    function quadrantText(index) {
      var known = view().quadrants;
      return known.length ? content.quadrants[known[state.period][index]] || "" : "";
    }

    /* What holds whatever the counts known only as bounds are; for an area known as bounds the reason says as much. */
    function certaintyText(index) {
      var known = view().certainties;
      var code = known.length ? known[state.period][index] : " ";
      return (code === "c" || code === "p") && letter(index) !== "x" ? content.certainties[code] : "";
    }

    function capital(text) { return text.charAt(0).toUpperCase() + text.slice(1); }

    function intervalText(index) {
      var low = view().low[state.period][index], high = view().high[state.period][index];
      return low === null || high === null ? "" : number(low) + " to " + number(high);
    }

    function nameOf(index) { return content.names[view().codes[index]]; }

    function sourceOf(index) {
      var v = view();
      return v.sources.length ? content.sourceNames[v.sources[v.sourceOf[index]]] : v.source;
    }

    function between(index) {
      var known = view().bounds[state.period][String(index)];
      return known ? number(known[0]) + " to " + number(known[1]) : "";
    }

    function missing(index) {
      if (between(index)) { return "between " + between(index).replace(" to ", " and ") + " " + safe(view().unit); }
      var code = letter(index);
      return code === "s" || code === "m" ? content.states[code].label.toLowerCase() : "no exact figure";
    }

    function hover(index, code) {
      var v = view(), p = state.period;
      if (index === undefined) {
        return "<b>" + safe(content.names[code]) + "</b><br>" + safe(content.states.o.label) +
          (pages[code] ? "<br><i>Click for the area page</i>" : "");
      }
      var lines = ["<b>" + safe(nameOf(index)) + "</b>"];
      var value = v.value[p][index], rate = v.rate[p][index];
      var label = safe(v.measure) + ", " + safe(periodLabel(v.periods[p]));
      lines.push(label + ": " + (value !== null ? number(value) + " " + safe(v.unit) : missing(index)));
      if (rate !== null) {
        lines.push("Rate: " + number(rate) + " per 100,000" + v.basis +
          (intervalText(index) ? " (95 % interval " + intervalText(index) + ")" : ""));
      }
      lines.push(safe(assessmentText(index)));
      var q = v.methods[method()].q[p][index];
      if (q !== null && "hcnabw".indexOf(letter(index)) >= 0) {
        lines.push("q " + safe(probability(q)) + ", " + number(v.methods[method()].family[p][index]) + " areas tested together");
      }
      if (method() === "getis_ord_star" && quadrantText(index)) { lines.push(safe(quadrantText(index))); }
      if (method() === "getis_ord_star" && certaintyText(index)) { lines.push(safe(certaintyText(index))); }
      if (v.verdicts[index] && v.verdicts[index] !== "–") { lines.push("Verdict: " + safe(v.verdicts[index])); }
      if (v.emerging.length && v.emerging[index]) { lines.push("Over time: " + safe(v.emerging[index])); }
      var grade = v.comparability[p][index].trim();
      lines.push("Source: " + safe(shortened(sourceOf(index), 48)) + (grade ? " · comparability " + safe(grade) : ""));
      if (pages[v.codes[index]]) { lines.push("<i>Click for the area page</i>"); }
      return lines.join("<br>");
    }

    function shortened(text, length) { return text.length > length ? text.slice(0, length - 1) + "…" : text; }

    function pattern(hatch) {
      return { shape: hatch, fillmode: "overlay", fgcolor: content.hatchInk[hatch], size: 6, solidity: 0.25 };
    }

    function edge(look) { return look[0] === "m" || look[0] === "o" ? "#c3c9ce" : "#ffffff"; }

    function traces() {
      var v = view(), layer = content.layers[v.layer], position = {};
      v.codes.forEach(function (code, index) { position[code] = index; });
      drawnCodes = [];
      drawnAreas = layer.areas.filter(function (area) { return !area.disc || position[area.code] !== undefined; });
      var shapes = drawnAreas.map(function (area) {
        var line = path(area.rings), x = line[0], y = line[1];
        var index = position[area.code];
        drawnCodes.push(index);
        var look = style(index);
        return {
          type: "scatter", mode: "lines", x: x, y: y, fill: "toself", fillcolor: look[1], fillpattern: pattern(look[2]),
          line: { color: edge(look), width: 0.7 }, hoveron: "fills", hoverinfo: "text", text: hover(index, area.code),
          customdata: [area.code], uid: "area-" + area.code, showlegend: false, name: ""
        };
      });
      if (layer.outline.length) {
        var around = path(layer.outline);
        shapes.push({
          type: "scatter", mode: "lines", x: around[0], y: around[1], line: { color: "#3d4852", width: 1 },
          hoverinfo: "skip", uid: "outline", showlegend: false, name: ""
        });
      }
      return shapes;
    }

    function path(rings) {
      var x = [], y = [];
      rings.forEach(function (ring, count) {
        if (count) { x.push(null); y.push(null); }
        for (var i = 0; i < ring.length; i += 2) { x.push(ring[i]); y.push(ring[i + 1]); }
      });
      return [x, y];
    }

    /* The areas with figures, with a little room around them. */
    function shownBounds() {
      var layer = content.layers[view().layer], whole = layer.bounds, held = {};
      view().codes.forEach(function (code) { held[code] = true; });
      var b = [Infinity, Infinity, -Infinity, -Infinity];
      layer.areas.forEach(function (area) {
        if (!held[area.code]) { return; }
        area.rings.forEach(function (ring) {
          for (var i = 0; i < ring.length; i += 2) {
            b = [Math.min(b[0], ring[i]), Math.min(b[1], ring[i + 1]), Math.max(b[2], ring[i]), Math.max(b[3], ring[i + 1])];
          }
        });
      });
      if (!(b[2] > b[0])) { return whole; }
      var room = Math.max(b[2] - b[0], b[3] - b[1]) * 0.03;
      return [b[0] - room, b[1] - room, b[2] + room, b[3] + room];
    }

    function mark() {
      return content.invented ? [{
        text: "Invented data", showarrow: false, xref: "paper", yref: "paper", x: 0.01, y: 0.99, xanchor: "left",
        yanchor: "top", bgcolor: "#fff3cd", bordercolor: "#8a6d00", borderpad: 4, font: { size: 11, color: "#5f4b00" }
      }] : [];
    }

    function layout() {
      var b = shownBounds();
      var shape = (b[3] - b[1]) / (b[2] - b[0]);
      var width = element.clientWidth || 800;
      /* the element keeps the height, so that nothing below is covered when the window changes */
      element.style.height = Math.round(Math.max(260, Math.min(width * shape + 4, 700))) + "px";
      return {
        autosize: true, margin: { l: 0, r: 0, t: 0, b: 0 }, paper_bgcolor: "#ffffff", plot_bgcolor: "#ffffff",
        xaxis: { visible: false, range: [b[0], b[2]], constrain: "domain" },
        yaxis: { visible: false, range: [b[1], b[3]], scaleanchor: "x", constrain: "domain" },
        hoverlabel: { bgcolor: "#ffffff", bordercolor: "#5b6875", align: "left", font: { family: FONT, size: 12, color: INK } },
        hovermode: "closest", dragmode: "pan", showlegend: false, font: { family: FONT, color: INK },
        annotations: mark()
      };
    }

    /* the page has its own buttons: none that leave it */
    var CONFIG = { displayModeBar: false, displaylogo: false, responsive: true, scrollZoom: false, showLink: false };

    /* Closer by a step (or farther), around the middle of what is shown; the whole map without a step. */
    function zoom(step) {
      var whole = shownBounds(), x = [whole[0], whole[2]], y = [whole[1], whole[3]];
      if (step) {
        [x, y] = ["xaxis", "yaxis"].map(function (axis) {
          var range = element._fullLayout[axis].range, middle = (range[0] + range[1]) / 2, half = (range[1] - range[0]) / 2 * step;
          return [middle - half, middle + half];
        });
      }
      window.Plotly.relayout(element, { "xaxis.range": x, "yaxis.range": y });
    }

    function draw() {
      var v = view();
      element.hidden = !v.layer;
      document.getElementById("map-tools").hidden = !v.layer;
      document.getElementById("map-absent").hidden = Boolean(v.layer);
      if (v.layer && drawnLayer !== v.layer + "|" + state.view) {
        drawnLayer = v.layer + "|" + state.view;
        window.Plotly.react(element, traces(), layout(), CONFIG).then(bind);
      } else if (v.layer) {
        var looks = drawnCodes.map(style);
        window.Plotly.restyle(element, {
          fillcolor: looks.map(function (look) { return look[1]; }),
          "fillpattern.shape": looks.map(function (look) { return look[2]; }),
          "fillpattern.fgcolor": looks.map(function (look) { return pattern(look[2]).fgcolor; }),
          "line.color": looks.map(edge),
          text: drawnCodes.map(function (index, place) { return hover(index, drawnAreas[place].code); })
        }, drawnCodes.map(function (_, trace) { return trace; }));
      }
      legend();
      rows();
      captions();
      funnel();
    }

    var bound = false;
    function bind() {
      element.setAttribute("data-drawn", String(state.view));
      if (bound) { return; }
      bound = true;
      element.on("plotly_click", function (event) {
        var trace = event.points && event.points[0] && event.points[0].data;
        var code = trace && trace.customdata && trace.customdata[0];
        if (code && pages[code]) { window.location.href = "areas/" + encodeURIComponent(code) + ".html"; }
      });
      /* a click inside an area has no point of its own: the area hovered last is meant */
      var hovered = null;
      element.on("plotly_hover", function (event) { hovered = event.points[0].data.customdata[0]; element.style.cursor = "pointer"; });
      element.on("plotly_unhover", function () { hovered = null; });
      var pressed = null;
      element.addEventListener("mousedown", function (event) { pressed = [event.clientX, event.clientY]; }, true);
      element.addEventListener("mouseup", function (event) {
        var still = pressed && Math.abs(pressed[0] - event.clientX) + Math.abs(pressed[1] - event.clientY) < 4;
        if (still && event.button === 0 && hovered && pages[hovered]) {
          window.location.href = "areas/" + encodeURIComponent(hovered) + ".html";
        }
      }, true);
    }

    function legend() {
      var v = view(), list = document.getElementById("map-legend");
      list.replaceChildren();
      /* areas that were assessed, as the table `summary` counts them; of the other classes nothing is counted here */
      var counts = v.methods[state.show] ? v.methods[state.show].counts[state.period] : {};
      var entries = [];
      if (state.show === "rate") {
        var limits = v.classes, last = limits.length;
        for (var i = 0; i <= last; i += 1) {
          var position = last ? Math.round(i / last * (content.ramp.length - 1)) : 2;
          var text = !last ? "All rates" : i === 0 ? "below " + number(limits[0]) : i === last ? number(limits[last - 1]) + " and more"
            : number(limits[i - 1]) + " to " + number(limits[i]);
          entries.push(["r" + position, content.ramp[position], "", text]);
        }
        ["x", "s", "m", "o"].forEach(function (code) {
          entries.push([code, content.states[code].colour, content.states[code].hatch, code === "x" ? "No rate (no population or interval only)" : content.states[code].label]);
        });
      } else if (state.show === "emerging") {
        Object.keys(content.emergingGroups).forEach(function (key) {
          var group = content.emergingGroups[key];
          entries.push([key, group.colour, group.hatch, group.label]);
        });
      } else {
        (state.show === "funnel" ? "awbxsmo" : "hncxsmo").split("").forEach(function (code) {
          var entry = content.states[code];
          entries.push([code, entry.colour, entry.hatch, entry.label]);
        });
      }
      entries.forEach(function (entry) {
        var item = make("li");
        var key = make("span", { "class": "key" });
        key.style.backgroundColor = entry[1];
        if (entry[2]) { key.classList.add("hatch-" + { "/": "slash", x: "cross", ".": "dots" }[entry[2]]); }
        item.appendChild(key);
        item.appendChild(make("span", { "class": "legend-text" }, entry[3]));
        item.appendChild(make("span", { "class": "count" }, counts[entry[0]] ? number(counts[entry[0]][0]) : ""));
        list.appendChild(item);
      });
      document.getElementById("legend-title").textContent = state.show === "rate" ? "Rate per 100,000 residents"
        : state.show === "emerging" ? "Course over all periods" : "Compared with chance";
    }

    function rows() {
      var v = view(), p = state.period, body = document.querySelector("#map-table tbody");
      body.replaceChildren();
      v.codes.forEach(function (code, index) {
        var row = make("tr");
        var head = make("th", { scope: "row" });
        head.appendChild(pages[code] ? make("a", { href: "areas/" + encodeURIComponent(code) + ".html" }, nameOf(index))
          : document.createTextNode(nameOf(index)));
        row.appendChild(head);
        var mark = letter(index), value = v.value[p][index];
        row.appendChild(make("td", { "class": "number" }, value !== null ? number(value) : between(index) || (mark === "s" ? "hidden" : "–")));
        row.appendChild(make("td", { "class": "number" }, number(v.rate[p][index]) + (v.rate[p][index] === null ? "" : v.basis)));
        row.appendChild(make("td", { "class": "number" }, intervalText(index) || "–"));
        row.appendChild(make("td", {}, assessmentText(index)));
        row.appendChild(make("td", {}, [quadrantText(index), certaintyText(index)].filter(Boolean).join(". ") || "–"));
        row.appendChild(make("td", {}, v.emerging.length ? (v.emerging[index] || "–") : "–"));
        row.appendChild(make("td", {}, v.verdicts[index] || "–"));
        row.appendChild(make("td", {}, v.comparability[p][index].trim() || "–"));
        body.appendChild(row);
      });
      filterTables();
    }

    function captions() {
      var v = view(), layer = content.layers[v.layer] || {};
      var what = v.measure + ", " + periodLabel(v.periods[state.period]) + ", " + v.level.toLowerCase();
      document.getElementById("map-title").textContent = what;
      document.getElementById("table-title").textContent = what;
      document.getElementById("map-source").textContent = "Source: " + v.source + (v.dataset ? " (" + v.dataset.replace(/_/g, " ") + ")" : "") +
        (v.issued ? ", published " + v.issued : "") + ". " + (layer.attribution ? "Boundaries: " + layer.attribution + ". " : "") +
        (layer.hasDiscs ? "Very small areas are drawn as discs. " : "");
      element.setAttribute("aria-label", "Map: " + what + ". The table below holds the same figures.");
    }

    function funnel() {
      var section = document.getElementById("funnel-section"), v = view(), entry = v.methods.funnel;
      section.hidden = !entry;
      if (!entry) { return; }
      var p = state.period, points = [];
      v.codes.forEach(function (code, index) {
        var expected = entry.expected[p][index], value = v.value[p][index];
        if (expected && value !== null) { points.push({ index: index, x: expected, y: value / expected }); }
      });
      points.sort(function (a, b) { return a.x - b.x; });
      /* limits run within a region; a ratio of zero stands below the smallest other one on the log scale */
      var floor = points.reduce(function (least, point) { return point.y > 0 ? Math.min(least, point.y) : least; }, 1) / 2;
      var regions = Array.from(new Set(points.map(function (point) { return v.regions[p][point.index]; }))).sort();
      function limit(name, dash, label) {
        var grid = v.limits[name] ? v.limits[name][p] : [], x = [], y = [];
        regions.forEach(function (region) {
          points.forEach(function (point) {
            var known = grid[point.index];
            if (v.regions[p][point.index] !== region || !(known > 0)) { return; }
            x.push(point.x);
            y.push(known);
          });
          x.push(null);
          y.push(null);
        });
        return {
          type: "scatter", mode: "lines", x: x, y: y, line: { color: "#9aa5ae", width: 1.1, dash: dash },
          hoverinfo: "skip", name: label, uid: name, showlegend: name.indexOf("upper") >= 0
        };
      }
      var dots = {
        type: "scatter", mode: "markers", name: "Area", uid: "funnel-areas", hoverinfo: "text", showlegend: false,
        x: points.map(function (point) { return point.x; }), y: points.map(function (point) { return Math.max(point.y, floor); }),
        text: points.map(function (point) { return hover(point.index) + "<br>" + number(point.y, 2) + " times the expected count"; }),
        customdata: points.map(function (point) { return v.codes[point.index]; }),
        marker: {
          size: 9, line: { color: INK, width: 0.8 },
          symbol: points.map(function (point) { return { a: "triangle-up", b: "triangle-down" }[entry.states[p][point.index]] || "circle"; }),
          color: points.map(function (point) { return content.states[entry.states[p][point.index]].colour; })
        }
      };
      var logTicks = [];
      for (var power = -2; power <= 7; power += 1) {
        [1, 2, 5].forEach(function (factor) { logTicks.push(factor * Math.pow(10, power)); });
      }
      window.Plotly.react(document.getElementById("funnel"), [
        limit("limit_lower_998", "dot", ""), limit("limit_upper_998", "dot", "99.8 % limits"),
        limit("limit_lower_95", "dash", ""), limit("limit_upper_95", "dash", "95 % limits"), dots
      ], {
        autosize: true, margin: { l: 60, r: 10, t: 10, b: 50 }, font: { family: FONT, size: 12, color: INK }, hovermode: "closest",
        xaxis: { type: "log", title: { text: "Expected count (log scale)" }, gridcolor: "#dde2e6", tickvals: logTicks, ticktext: logTicks.map(function (tick) { return number(tick); }) },
        yaxis: {
          type: "log", title: { text: "Observed ÷ expected (log scale)" }, gridcolor: "#dde2e6", zeroline: false,
          tickvals: logTicks, ticktext: logTicks.map(function (tick) { return number(tick); })
        },
        shapes: [{ type: "line", xref: "paper", x0: 0, x1: 1, y0: 1, y1: 1, line: { color: INK, width: 1 } }],
        legend: { orientation: "h", y: 1.08, x: 0 }, hoverlabel: { bgcolor: "#ffffff", align: "left", font: { family: FONT, size: 12, color: INK } },
        annotations: mark()
      }, CONFIG);
    }

    function choose(index) {
      var before = view().periods[state.period];
      state.view = index;
      var same = view().periods.indexOf(before);
      state.period = same >= 0 ? same : view().start;
      fillControls();
      draw();
    }

    controls.level.addEventListener("change", function () {
      var wanted = controls.level.value;
      choose(content.views.findIndex(function (v) { return levelOf(v) === wanted; }));
    });
    controls.measure.addEventListener("change", function () {
      var level = levelOf(view()), wanted = controls.measure.value;
      choose(content.views.findIndex(function (v) { return levelOf(v) === level && v.measure === wanted; }));
    });
    controls.source.addEventListener("change", function () { choose(Number(controls.source.value)); });
    controls.period.addEventListener("change", function () { state.period = Number(controls.period.value); draw(); });
    controls.show.addEventListener("change", function () { state.show = controls.show.value; draw(); });
    [["period-before", -1], ["period-after", 1]].forEach(function (entry) {
      document.getElementById(entry[0]).addEventListener("click", function () {
        var next = state.period + entry[1];
        if (next >= 0 && next < view().periods.length) {
          state.period = next;
          controls.period.value = String(next);
          draw();
        }
      });
    });
    [["map-closer", 0.6], ["map-farther", 1 / 0.6], ["map-whole", 0]].forEach(function (entry) {
      document.getElementById(entry[0]).addEventListener("click", function () { zoom(entry[1]); });
    });
    fillControls();
    draw();
  }

  document.addEventListener("DOMContentLoaded", mapPage);
})();
