"""Pages of a release in a real browser without network: errors, requests, widths, the map and what it says."""

import io
import re

import pandas as pd
import pytest
from PIL import Image

pytestmark = pytest.mark.browser

PAGES = [
    "index.html",
    "hotspots.html",
    "trends.html",
    "corridors.html",
    "definitions.html",
    "coverage.html",
    "changes.html",
    "methods.html",
    "downloads.html",
    "areas/WLD.html",
    "areas/QMD.html",
    "areas/QMB-02.html",
]
HOT, COLD, BETWEEN = (217, 95, 2), (43, 108, 176), (239, 236, 225)


@pytest.mark.parametrize("width", [390, 1400])
@pytest.mark.parametrize("path", PAGES)
def test_page_opens_cleanly_and_fits(visit, path, width):
    opened = visit(width)
    page = opened.open(path)
    page.wait_for_timeout(150)
    overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert overflow == 0, f"{path} is {overflow} px too wide at {width} px"
    assert opened.problems == []
    assert page.locator("h1").count() == 1
    assert "Invented data." in page.locator(".banner.invented").inner_text()
    smallest = page.evaluate(
        "Math.min(...[...document.querySelectorAll('main p, main td, main th, main li, figcaption')]"
        ".filter(e => e.offsetParent).map(e => parseFloat(getComputedStyle(e).fontSize)))"
    )
    assert smallest >= 12


def open_map(visit, width=1400):
    opened = visit(width)
    page = opened.open("hotspots.html")
    page.wait_for_selector("#map[data-drawn]")
    return opened, page


def middle_of(page, code):
    """Screen position of the middle of an area's first ring."""
    return page.evaluate(
        """code => {
        const map = document.getElementById('map');
        const trace = map.data.find(entry => entry.uid === 'area-' + code);
        const end = trace.x.indexOf(null) < 0 ? trace.x.length : trace.x.indexOf(null);
        const x = trace.x.slice(0, end - 1), y = trace.y.slice(0, end - 1);
        const mean = values => values.reduce((a, b) => a + b, 0) / values.length;
        const layout = map._fullLayout, box = map.getBoundingClientRect();
        return [box.left + layout._size.l + layout.xaxis.l2p(mean(x)),
                box.top + layout._size.t + layout.yaxis.l2p(mean(y))];
    }""",
        code,
    )


def colour_at(page, position):
    image = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    return image.getpixel((round(position[0]), round(position[1])))


def near(pixel, colour):
    return all(abs(a - b) < 10 for a, b in zip(pixel, colour, strict=True))


def test_the_map_colours_the_right_areas(visit):
    opened, page = open_map(visit)
    page.locator("#map").scroll_into_view_if_needed()
    assert near(colour_at(page, middle_of(page, "QMC-05")), HOT)
    assert near(colour_at(page, middle_of(page, "QMA-05")), BETWEEN)
    assert near(colour_at(page, middle_of(page, "QML-01")), (243, 245, 246)), "no figures from this source"
    page.select_option("#select-show", "rate")
    assert not near(colour_at(page, middle_of(page, "QMA-05")), BETWEEN)
    page.select_option("#select-show", "emerging")
    assert near(colour_at(page, middle_of(page, "QMC-05")), (241, 105, 19))
    assert opened.problems == []


def test_unknown_areas_are_hatched_and_named_in_the_legend(visit, folder):
    _, page = open_map(visit)
    page.locator("#map").scroll_into_view_if_needed()
    x, y = middle_of(page, "QMK-07")
    image = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    around = {image.getpixel((round(x) + dx, round(y) + dy)) for dx in range(-5, 6) for dy in range(-5, 6)}
    assert (255, 255, 255) in around
    assert len(around) > 3, "a pattern, not a plain colour"
    legend = page.locator("#map-legend").inner_text()
    for words in (
        "No figures from this source",
        "Not reported",
        "Hidden to protect people",
        "Not assessed",
        "Significantly high",
    ):
        assert words in legend
    counts = [int(count) for count in page.locator("#map-legend .count").all_inner_texts() if count]
    table = pd.read_parquet(folder / "tables" / "hotspots.parquet")
    shown = table[
        (table["area_level"] == "admin1") & (table["measure"] == "victims_detected") & (table["period"] == "2024")
    ]
    assert sum(counts) == (shown["eligibility"] == "assessed").sum()


def test_hover_says_value_rate_interval_source_and_comparability(visit):
    opened, page = open_map(visit)
    page.locator("#map").scroll_into_view_if_needed()
    page.mouse.move(*middle_of(page, "QMC-05"))
    page.wait_for_selector(".hoverlayer .hovertext")
    text = page.locator(".hoverlayer .hovertext").text_content()
    for words in ("Cantria district 5", "persons", "per 100,000", "95 % interval", "q = 0.001", "comparability A"):
        assert words in text
    assert re.search(r"Source: Regional Observatory", text)
    bold = page.evaluate("getComputedStyle(document.querySelector('.hoverlayer .hovertext tspan tspan')).fontWeight")
    assert int(bold) >= 600, "the name stands out, though no style attribute is allowed"
    assert opened.problems == []


def test_hostile_names_are_shown_as_text_in_the_hover(visit):
    opened, page = open_map(visit)
    page.locator("#map").scroll_into_view_if_needed()
    page.mouse.move(*middle_of(page, "QMB-02"))
    page.wait_for_selector(".hoverlayer .hovertext")
    assert "</script><img src=x" in page.locator(".hoverlayer .hovertext").text_content()
    assert page.locator("img[src=x]").count() == 0
    assert opened.problems == []


def test_a_click_opens_the_area(visit):
    _, page = open_map(visit)
    page.locator("#map").scroll_into_view_if_needed()
    position = middle_of(page, "QMC-05")
    page.mouse.move(*position)
    page.wait_for_selector(".hoverlayer .hovertext")
    with page.expect_navigation():
        page.mouse.click(*position)
    assert page.url.endswith("areas/QMC-05.html")
    assert page.locator("h1").inner_text() == "Cantria district 5"


def test_dragging_the_map_does_not_leave_the_page(visit):
    _, page = open_map(visit)
    page.locator("#map").scroll_into_view_if_needed()
    x, y = middle_of(page, "QMC-05")
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 60, y - 20, steps=5)
    page.mouse.up()
    page.wait_for_timeout(300)
    assert page.url.endswith("hotspots.html")


def test_period_and_level_change_table_title_and_funnel(visit):
    opened, page = open_map(visit)
    assert "2024" in page.locator("#map-title").inner_text()
    page.click("#period-before")
    assert "2023" in page.locator("#map-title").inner_text()
    assert not page.locator("#funnel-section").is_visible()
    page.select_option("#select-level", label="Countries")
    assert "countries" in page.locator("#map-title").inner_text()
    assert page.locator("#map-table tbody tr").count() == 12
    assert "2023" in page.locator("#map-title").inner_text(), "the chosen period is kept"
    assert page.locator("#funnel-section").is_visible()
    page.wait_for_selector("#funnel .scatterlayer .point")
    assert page.locator("#funnel .scatterlayer .point").count() == 11, "Kestrel did not report in 2023"
    row = page.locator("#map-table tbody tr", has_text="Kestrel")
    assert "Not reported" in row.inner_text()
    names = page.locator("#map-table tbody th").all_inner_texts()
    assert names == sorted(names)
    assert opened.problems == []


def test_the_map_has_its_own_buttons_and_none_that_leave(visit):
    opened, page = open_map(visit)
    assert page.locator(".modebar-btn").count() == 0
    assert page.evaluate("window.Plotly.Plots.sendDataToCloud") is None
    span = "(() => { const range = document.getElementById('map')._fullLayout.xaxis.range; return range[1] - range[0]; })()"
    whole = page.evaluate(span)
    page.click("#map-closer")
    page.wait_for_function(f"{span} < {whole * 0.7}")
    page.click("#map-farther")
    page.wait_for_function(f"Math.abs({span} - {whole}) < {whole * 0.01}")
    page.click("#map-closer")
    page.click("#map-whole")
    page.wait_for_function(f"Math.abs({span} - {whole}) < {whole * 0.01}")
    assert opened.problems == []


def test_the_policy_of_a_page_holds_in_the_browser(visit):
    """What a script on a page might try: reach a host, run a text, send a form."""
    page = visit().open("index.html")
    tried = page.evaluate(
        """async () => {
        const broken = [];
        document.addEventListener('securitypolicyviolation', event => broken.push(event.effectiveDirective));
        await fetch('https://example.org/').catch(() => null);
        const script = document.createElement('script');
        script.textContent = 'window.ran = true';
        document.body.append(script);
        const form = document.createElement('form');
        form.action = 'https://example.org/'; form.method = 'post';
        document.body.append(form);
        form.submit();
        await new Promise(done => setTimeout(done, 300));
        return [broken, window.ran === undefined];
    }"""
    )
    assert {"connect-src", "script-src-elem", "form-action"} <= set(tried[0])
    assert tried[1]


def test_recolouring_is_quick(visit):
    _, page = open_map(visit)
    spent = page.evaluate(
        """() => { const select = document.getElementById('select-show'), start = performance.now();
        select.value = 'rate'; select.dispatchEvent(new Event('change')); return performance.now() - start; }"""
    )
    assert spent < 2500


def test_the_first_table_is_there_without_script(chromium, folder):
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((folder / "hotspots.html").as_uri())
    assert page.locator("#map-table tbody tr").count() == 238
    assert "needs JavaScript" in page.locator("noscript").inner_text()
    context.close()


def test_tables_are_filtered_by_text(visit):
    _, page = open_map(visit)
    page.fill("#filter-map-table", "Kestrel")
    assert page.locator("#map-table tbody tr:visible").count() == 20
    assert page.locator("#filter-map-table-note").inner_text() == ""
    page.fill("#filter-map-table", "nowhere at all")
    assert page.locator("#map-table tbody tr:visible").count() == 0
    assert page.locator("#filter-map-table-note").inner_text() == "No row holds this"
    page.fill("#filter-map-table", "")
    assert page.locator("#map-table tbody tr:visible").count() == 238


def test_pictures_stand_on_the_downloads_page(visit):
    opened = visit()
    page = opened.open("downloads.html")
    assert page.locator(".gallery img").count() == 12
    assert all(page.locator(".gallery img").evaluate_all("all => all.map(img => img.alt.length > 5)"))
    assert page.locator(".formats a", has_text="PNG").count() == 12
    page.locator(".gallery img").first.scroll_into_view_if_needed()
    page.wait_for_function("document.querySelector('.gallery img').naturalWidth > 0")
    assert opened.problems == []


def test_print_drops_controls_and_keeps_content(visit):
    opened = visit(794)
    page = opened.open("hotspots.html")
    page.wait_for_selector("#map[data-drawn]")
    page.emulate_media(media="print")
    assert not page.locator("nav.main").is_visible()
    assert not page.locator(".controls").is_visible()
    assert page.locator(".banner.invented").is_visible()
    assert page.evaluate("getComputedStyle(document.querySelector('.table-scroll')).maxHeight") == "none"


def test_keyboard_reaches_content_and_shows_where_it_is(visit):
    opened = visit()
    page = opened.open("index.html")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Tab")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


@pytest.mark.parametrize(
    "path", ["index.html", "hotspots.html", "definitions.html", "corridors.html", "downloads.html"]
)
def test_text_stands_out_from_its_ground(visit, path):
    """WCAG contrast of every visible text against its nearest filled ground: 4.5 to 1."""
    opened = visit()
    page = opened.open(path)
    poor = page.evaluate(
        """() => {
        const rgb = text => text.match(/[\\d.]+/g).map(Number);
        const lum = c => { const v = c.slice(0, 3).map(x => { x /= 255; return x <= .03928 ? x / 12.92 :
            Math.pow((x + .055) / 1.055, 2.4); }); return .2126 * v[0] + .7152 * v[1] + .0722 * v[2]; };
        const found = new Set();
        for (const element of document.querySelectorAll('body *')) {
            if (!element.offsetParent || element.closest('svg')) continue;
            const own = [...element.childNodes].some(node => node.nodeType === 3 && node.textContent.trim());
            if (!own) continue;
            let ground = element, colour = null;
            while (ground) {
                const style = getComputedStyle(ground);
                if (style.backgroundImage !== 'none') break;
                const c = rgb(style.backgroundColor);
                if (c.length === 3 || c[3] > 0) { colour = c; break; }
                ground = ground.parentElement;
            }
            if (!colour) continue;
            const a = lum(rgb(getComputedStyle(element).color)), b = lum(colour);
            const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
            if (ratio < 4.5) found.add(element.tagName + '.' + element.className + ' ' + ratio.toFixed(2));
        }
        return [...found];
    }"""
    )
    assert poor == []
