"""The colours of all charts, in light and in dark.

References
----------
Okabe M, Ito K, Color Universal Design, 2008: eight colours that people with any common colour blindness tell apart.
"""

LIGHT = {
    "ink": "#1b2430",
    "soft": "#6b7785",
    "paper": "#ffffff",
    "series-0": "#0072b2",
    "series-1": "#d55e00",
    "series-2": "#009e73",
    "series-3": "#aa4499",  # darker than theirs: #cc79a7 is faint on white in a thin line
    "series-4": "#e69f00",
    "series-5": "#56b4e9",
}
DARK = {
    "ink": "#e6ebf0",
    "soft": "#8fa0b0",
    "paper": "#10161c",
    "series-0": "#56b4e9",
    "series-1": "#f0894a",
    "series-2": "#2fc79a",
    "series-3": "#dd8fc0",
    "series-4": "#f0c24a",
    "series-5": "#9fd4f2",
}
