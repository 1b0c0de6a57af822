"""Sphinx: the Markdown pages of the repository, and the reference made from the docstrings.

The source folder is the repository itself, so a link in a page means here what it means on GitHub,
and a link that leads nowhere is a warning. `make docs` makes warnings errors.
"""

import re
from importlib import import_module
from importlib.metadata import version as installed_version
from pathlib import Path

from docutils import nodes
from sphinx.addnodes import pending_xref

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("model", "search_spaces", "tuning")
# `mmatune --help` documents the command line.
LEFT_OUT = ["tuning/cli.py", "tuning/commands"]

# All modules are imported before autodoc looks at the first. It changes annotations of pydantic's
# BaseModel, and pydantic then refuses some of MLflow's models. Processes of `--jobs` share them.
for file in sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py")):
    import_module(".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"))

project = "mmatune"
author = "the mmatune authors"
version = release = installed_version("mmatune")

root_doc = "docs/index"
include_patterns = ["*.md", "docs/**.md", "docs/reference/**.rst", "mlflow/*.md"]
exclude_patterns = [".*", "build", *PACKAGES, "tests", "**/modules.rst"]
extensions = [
    "myst_parser",
    "sphinx.ext.apidoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinxcontrib.mermaid",
]

# The pages.
html_theme = "furo"
html_extra_path = ["site"]  # the address of the site leads to root_doc
myst_heading_anchors = 3  # links to headings, as GitHub makes them
myst_fence_as_directive = ["mermaid"]

# The reference: a page for each folder, which is a wing. All are written anew from the tree.
apidoc_modules = [
    {
        "path": f"../{package}",
        "destination": f"docs/reference/{package}",
        "exclude_patterns": [f"../{name}" for name in LEFT_OUT],
    }
    for package in PACKAGES
]
apidoc_implicit_namespaces = True
apidoc_module_first = True
autodoc_default_options = {"ignore-module-all": True}  # what a module imports is not its own
autodoc_inherit_docstrings = False  # methods of other libraries have their own references
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
napoleon_numpy_docstring = False
napoleon_custom_sections = ["Shapes", "Shape legend"]
default_role = "py:obj"  # `name` is a link where the reference has it, and code everywhere else


def _keep_bars(app, what, name, thing, options, lines: list[str]) -> None:
    """Escape bars: in a docstring they are absolute values and norms, not reST substitutions."""
    lines[:] = [re.sub(r"(``.*?``)|\|", lambda m: m[1] or r"\|", line) for line in lines]


def _link_names(app, doctree) -> None:
    """Make `model.table.Table` in a Markdown page a link to the reference, if it is there."""
    name = re.compile(rf"({'|'.join(PACKAGES)})(\.\w+)+")
    for code in list(doctree.findall(nodes.literal)):
        if not isinstance(code.parent, pending_xref) and name.fullmatch(code.astext()):
            target = {"refdomain": "py", "reftype": "obj", "reftarget": code.astext()}
            code.replace_self(pending_xref("", code.deepcopy(), refdoc=app.env.docname, **target))


def setup(app) -> None:
    app.connect("autodoc-process-docstring", _keep_bars)
    app.connect("doctree-read", _link_names)
