"""Settings of the documentation, which ``make docs`` builds by Sphinx."""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDERS = [str(ROOT), str(ROOT / "lib")]
sys.path[:0] = FOLDERS
# Guides are executed in processes of their own, which inherit these: this checkout, no progress
# bars on the page, and one thread, so that a sum has one order.
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [*FOLDERS, os.environ.get("PYTHONPATH")]))
os.environ["LANDSCAPE_PROGRESS"] = "off"
os.environ["OMP_NUM_THREADS"] = "1"

import landscape  # noqa: E402

project = "landscape"
author = "the project's authors"
version = release = landscape.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "myst_nb",
    "docs.extensions.cards",
    "docs.extensions.citation",
    "docs.extensions.docstrings",
    "docs.extensions.execution",
    "docs.extensions.mathml",
    "docs.extensions.repository",
    "docs.extensions.rooms",
]
source_suffix = {".md": "myst-nb", ".rst": "restructuredtext"}
root_doc = "index"
exclude_patterns = ["extensions", "examples"]

# Nothing is fetched while pages are built or read: no inventories of other projects (so their types
# are not links), formulas as MathML, system fonts.
nitpicky = True
nitpick_ignore_regex = [
    ("py:.*", r"(torch|nn|np|numpy|scipy|matplotlib|collections|pathlib|sklearn|pandas)\..*"),
    ("py:class", r"Axes|Figure|Quantity|Plane"),  # Imported by type checkers alone.
]

autodoc_member_order = "bysource"
autodoc_default_options = {"members": True, "inherited-members": False}
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
autosummary_generate = False
python_maximum_signature_line_length = 60
python_use_unqualified_type_names = True
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False
add_module_names = False
toc_object_entries_show_parents = "hide"

myst_enable_extensions = ["attrs_block", "deflist", "dollarmath"]
myst_heading_anchors = 3
nb_execution_mode = "force"
nb_execution_timeout = 300
nb_execution_raise_on_error = True
nb_output_stderr = "remove-warn"
nb_merge_streams = True

html_theme = "furo"
html_title = "landscape"
html_static_path = ["static"]
html_css_files = ["docs.css"]
html_show_copyright = False
html_show_sphinx = False
html_show_sourcelink = False
html_copy_source = False
html_show_search_summary = False  # It would fetch pages, which browsers refuse to a local file.
