"""Settings of Sphinx for the site that `python -m workbook site` builds."""

project = "Late interaction, step by step"
author = "The authors of the workbook"
copyright = "the authors; text and code under the Apache License 2.0"
extensions = ["myst_nb"]
myst_enable_extensions = ["dollarmath", "amsmath", "deflist"]
myst_heading_anchors = 4
myst_links_external_new_tab = False
nb_execution_mode = "off"
nb_merge_streams = True
html_theme = "furo"
html_title = project
html_static_path = ["_static"]  # of the sources, which `workbook.site` puts together
html_css_files = ["site.css"]
mathjax_path = "mathjax/tex-chtml.js"
html_favicon = "_static/icon.svg"
html_theme_options = {"navigation_with_keys": True}
html_copy_source = False
html_show_sourcelink = False
suppress_warnings = ["mystnb.unknown_mime_type"]
