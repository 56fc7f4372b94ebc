"""What the worklist's grid is made of: columns, rules and look, as streamlit-aggrid takes them."""

from __future__ import annotations

from typing import Any

from st_aggrid import JsCode, StAggridTheme

from app import palette
from app.palette import Scheme
from app.words import TITLES
from ecg_core.store import CONSENSUS

SHORT_TITLES = {"measurements": "Meas.", "cae": "CAE", "vae-bilstm": "BiLSTM", "vae-bilstm-mha": "MHA"}
MEDIAN_MEANS = "Median of the models' percentiles among normal ECGs"
NARROW_PX = 700
ROW_PX = 31
BAR_PX, SMALL_BAR_PX = 44, 18
DOT_PX = 15

_BAR = "Math.max(0, Math.min(1, (-Math.log10(Math.max(1 - p.value / 100, 1e-9)) - 0.30103) / (3 - 0.30103))) * {width}"


def _bar_style(width: int) -> JsCode:
    return JsCode(
        "function(p) { if (p.value === null || p.value === undefined) return {}; "
        f"return {{ backgroundSize: ({_BAR.format(width=width)}).toFixed(1) + 'px 15px' }}; }}"
    )


def _percentile(field: str, title: str, bit: int | None, width: int, bar: int, tip: str) -> dict[str, Any]:
    above = f"(p.data.b & {1 << bit})" if bit is not None else "p.data.v === 'above'"
    return {
        "field": field,
        "headerName": title,
        "headerTooltip": tip,
        "type": "numericColumn",
        "width": width,
        "filter": "agNumberColumnFilter",
        "sortingOrder": ["desc", "asc", None],
        "cellStyle": _bar_style(bar),
        "cellClassRules": {
            "bar": JsCode("function(p) { return p.value !== null && p.value !== undefined; }"),
            "above": JsCode(f"function(p) {{ return p.value !== null && !!({above}); }}"),
        },
        "tooltipValueGetter": JsCode("function(p) { return p.value >= 100 ? 'Higher than all normal ECGs' : null; }"),
        "valueFormatter": JsCode(
            "function(p) { if (p.value === null || p.value === undefined) return ''; "
            "return p.value >= 100 ? '> all' : p.value.toFixed(1); }"
        ),
    }


def _definitions(models: tuple[str, ...]) -> list[dict[str, Any]]:
    several = len(models) > 1
    listed: list[dict[str, Any]] = [
        {"field": "r", "headerName": "Record", "flex": 3, "minWidth": 104, "filter": True, "tooltipField": "r"}
    ]
    if several:
        by_consensus = CONSENSUS in models
        tip = "Percentile among normal ECGs by the consensus" if by_consensus else MEDIAN_MEANS
        title = TITLES[CONSENSUS] if by_consensus else "Median"
        listed.append(_percentile("c", title, None, 104, BAR_PX, tip) | {"sort": "desc"})
    for bit, model in enumerate(models):
        if several and model == CONSENSUS:
            continue
        width, bar = (72, SMALL_BAR_PX) if several else (104, BAR_PX)
        title = SHORT_TITLES.get(model, TITLES[model])
        one = _percentile(f"m{bit}", title, bit, width, bar, f"Percentile among normal ECGs by {title}")
        listed.append(one if several else one | {"sort": "desc"})
    if several:
        dots = (
            "function(p) { if (!p.data.s) return ''; "
            "return '\\u25CF'.repeat(p.data.n) + '\\u25CB'.repeat(p.data.s - p.data.n); }"
        )
        listed.append(
            {
                "field": "n",
                "headerName": "Agree",
                "headerTooltip": "Filled: models that put the record above the alarm threshold",
                "width": 26 + DOT_PX * (len(models) - (CONSENSUS in models)),
                "cellClass": "dots",
                "valueFormatter": JsCode(dots),
                "tooltipValueGetter": JsCode(
                    "function(p) { return p.data.s ? p.data.n + ' of ' + p.data.s + ' models above' : ''; }"
                ),
                "filter": "agNumberColumnFilter",
            }
        )
    return [*listed, *_rest()]


def _rest() -> list[dict[str, Any]]:
    quality = (
        "function(p) { if (p.data.v === 'failed') return 'failed: ' + (p.data.e || ''); "
        "if (['not interpretable', 'waiting'].includes(p.data.v)) return p.data.v; return p.value || 'good'; }"
    )
    told = "function(p) { return p.data.v === 'waiting' ? null : p.data.e || p.value || 'good in all leads'; }"
    quiet = "!p.value && (!!p.data.s || p.data.v === 'waiting')"
    decision = "function(p) { return p.value || ''; }"
    who = "function(p) { return p.value ? p.value + (p.data.w ? ': ' + p.data.w : '') : ''; }"
    return [
        {
            "field": "h",
            "headerName": "HR",
            "headerTooltip": "Heart rate, beats per minute",
            "type": "numericColumn",
            "width": 50,
            "filter": "agNumberColumnFilter",
        },
        {
            "field": "q",
            "headerName": "Quality",
            "flex": 2,
            "minWidth": 74,
            "filter": True,
            "valueFormatter": JsCode(quality),
            "tooltipValueGetter": JsCode(told),
            "cellClassRules": {
                "technical": JsCode(f"function(p) {{ return !({quiet}); }}"),
                "quiet": JsCode(f"function(p) {{ return {quiet}; }}"),
            },
        },
        {
            "field": "d",
            "headerName": "Decision",
            "width": 112,
            "filter": True,
            "valueFormatter": JsCode(decision),
            "tooltipValueGetter": JsCode(who),
            "cellClassRules": {"differ": JsCode("function(p) { return p.value === 'reviewers differ'; }")},
        },
    ]


def options(job: str, models: tuple[str, ...]) -> dict[str, Any]:
    """Return the grid's options; what happens in it is told to the desk in the page (`desk.js`).

    Rows are chosen by the desk alone: the grid tells of clicks and of focus a moment later, when the next key may have
    been pressed, and a click on its chosen row would take the choice back.
    """
    with_desk = "function(p) {{ const d = window.parent.leadwise && window.parent.leadwise.desk; if (d) {{ {body} }} }}"
    per_model = [f"m{bit}" for bit, model in enumerate(models) if model != CONSENSUS] if len(models) > 1 else []
    ready = (
        "function(p) { const w = window.parent; "
        "if (!w.leadwise) w.leadwise = { parts: {}, listeners: new w.Set() }; "
        f"const args = ['{job}', p.api, window]; "
        "if (w.leadwise.desk) w.leadwise.desk.attach(...args); else w.leadwise.waiting = args; }"
    )
    narrow = (
        f"function(p) {{ const wide = p.clientWidth >= {NARROW_PX}; const own = {per_model}; "
        "if (own.length) p.api.setColumnsVisible(own, wide); }"
    )
    return {
        "columnDefs": _definitions(models),
        "defaultColDef": {"sortable": True, "resizable": True, "suppressHeaderMenuButton": False, "minWidth": 46},
        "getRowId": JsCode("function(p) { return String(p.data.p); }"),
        "rowSelection": {
            "mode": "singleRow",
            "checkboxes": False,
            "enableClickSelection": False,
        },
        "rowHeight": ROW_PX,
        "headerHeight": 34,
        "animateRows": False,
        "suppressColumnMoveAnimation": True,
        "suppressCellFocus": False,
        "enableBrowserTooltips": True,
        "suppressDragLeaveHidesColumns": True,
        "loading": True,  # until the desk gives it the rows
        "overlayLoadingTemplate": "<span>Reading the records</span>",
        "overlayNoRowsTemplate": "<span>No record here: choose another split above, or wait for the first.</span>",
        "isExternalFilterPresent": JsCode(
            "function() { const all = window.parent.leadwise; return !!(all && all.desk && all.desk.filtering()); }"
        ),
        "doesExternalFilterPass": JsCode("function(node) { return window.parent.leadwise.desk.passes(node.data); }"),
        "onGridReady": JsCode(ready),
        "onGridSizeChanged": JsCode(narrow),
        "onRowDataUpdated": JsCode(with_desk.format(body="d.filled();")),
        "onFirstDataRendered": JsCode(with_desk.format(body="d.filled(true);")),
        "onSortChanged": JsCode(with_desk.format(body="d.keep();")),
        "onFilterChanged": JsCode(with_desk.format(body="d.keep(); d.tell();")),
    }


def theme(scheme: Scheme) -> StAggridTheme:
    """Return the grid's theme in the palette's colours."""
    colour = {name: palette.colour(name, scheme) for name in ("page", "text", "muted", "border", "chosen", "surface")}
    return StAggridTheme(base="quartz").withParams(
        backgroundColor=colour["page"],
        foregroundColor=colour["text"],
        borderColor=colour["border"],
        headerBackgroundColor=colour["page"],
        headerTextColor=colour["muted"],
        headerFontWeight=500,
        headerFontSize=12,
        fontSize=13,
        fontFamily="Inter, system-ui, sans-serif",
        cellHorizontalPadding=7,
        rowHoverColor=colour["surface"],
        selectedRowBackgroundColor=colour["chosen"],
        accentColor=colour["text"],
        wrapperBorder="false",
        wrapperBorderRadius=0,
        headerColumnBorder="false",
        columnBorder="false",
        iconSize=12,
        browserColorScheme=scheme,
    )


def css(scheme: Scheme) -> dict[str, dict[str, str]]:
    """Return rules for the grid's own frame, which has neither the app's fonts nor its height."""
    anomaly, warn, muted = (palette.colour(name, scheme) for name in ("anomaly", "warn", "muted"))
    pale = palette.steps(palette.CELL_STEPS, scheme)[2]
    normals = palette.colour("normals", scheme)
    font = {"font-family": "Inter", "font-weight": "100 900", "font-style": "normal"}
    bar = {"background-repeat": "no-repeat", "background-position": "7px 50%"}
    return {
        "@font-face": font | {"src": "url('../../app/static/inter-latin.woff2') format('woff2')"},
        "html, body, #root": {"height": "100%", "margin": "0", "overflow": "hidden"},
        "#root > div, #gridContainer": {"height": "100% !important", "width": "100% !important"},
        ".ag-root-wrapper": {"border": "0", "font-variant-numeric": "tabular-nums"},
        # a name too long loses its beginning: what tells records of a folder apart stands at the end
        ".ag-cell[col-id='r']": {
            "font-variant-numeric": "normal",  # tabular hyphens tear names apart
            "direction": "rtl",
            "text-align": "left",
        },
        ".ag-cell[col-id='r']::before, .ag-cell[col-id='r']::after": {"content": "'\\200e' / ''"},
        ".ag-header-cell-label": {"font-weight": "500"},
        # the filter's button lies over the title, for who points at it or comes by key
        ".ag-header-cell-filter-button": {
            "position": "absolute",
            "right": "0",
            "top": "50%",
            "transform": "translateY(-50%)",
            "z-index": "2",
            "opacity": "0",
            "padding": "3px",
            "background": palette.colour("page", scheme),
        },
        ".ag-right-aligned-header .ag-header-cell-filter-button": {"right": "auto", "left": "0"},
        ".ag-header-cell:hover .ag-header-cell-filter-button, .ag-header-cell-filter-button.ag-filter-active, "
        ".ag-header-cell:focus-within .ag-header-cell-filter-button": {"opacity": "1"},
        ".ag-cell": {"border-width": "0 1px 0 1px"},
        ".ag-cell.bar": bar | {"background-image": f"linear-gradient({normals}, {normals})"},
        ".ag-cell.bar.above": {"background-image": f"linear-gradient({pale}, {pale})", "color": anomaly},
        ".dots": {"letter-spacing": "2px", "color": muted},
        ".quiet": {"color": muted},
        ".technical": {"color": warn},
        ".differ": {"font-weight": "600"},
        ".ag-row-selected .ag-cell[aria-colindex='1']": {
            "box-shadow": f"inset 3px 0 0 {palette.colour('text', scheme)}"
        },
        ".ag-row-selected::before": {"background-color": palette.colour("chosen", scheme)},
        ".ag-overlay": {"color": muted},
        ".ag-body-viewport, .ag-body-vertical-scroll-viewport": {
            "scrollbar-color": f"{muted} transparent",
            "scrollbar-width": "thin",
        },
    }
