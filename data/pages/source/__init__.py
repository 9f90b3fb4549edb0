"""The generator of `data/pages`: reports of invented organisations as PDF and page images, with judged questions.

Run by `python -m workbook data --rebuild-pages`. In the order data flows: `numbers` (seeded series), `look` (fonts,
colours, page furniture), `blocks`, `charts`, `sketch` (what stands on a page), `report` (pages, questions, drawing),
`scan` (pages that look scanned), `reports/` (the reports themselves), `build` (files), `measure` (OCR errors).
"""
