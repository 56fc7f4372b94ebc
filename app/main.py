"""The router: page config, look, navigation. Pages are in `views`."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from app import look, state
from app.views import analyse

STATIC = Path(__file__).parent / "static"

st.set_page_config(page_title="Leadwise", page_icon=STATIC / "icon.svg", layout="wide")
state.prepare()
look.apply()
st.logo(STATIC / look.logo(), size="large")
st.navigation([st.Page(analyse.page, title="Analyse", default=True)], position="top").run()
