"""The router: page config, look, navigation. Pages are in `views`."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from app import look, pages, state

STATIC = Path(__file__).parent / "static"

st.set_page_config(page_title="Leadwise", page_icon=STATIC / "icon.svg", layout="wide")
state.prepare()
look.apply()
st.logo(STATIC / look.logo(), size="large")
page = st.navigation(list(pages.pages().values()), position="top")
wish = state.destination()
if wish is not None and page.url_path != pages.path(wish):
    pages.go(wish)
state.arrive(page.url_path)
page.run()
