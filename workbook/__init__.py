"""What serves the notebooks and is no reference: exercises, plots, test beds, measuring, the local Elasticsearch node.

The notebooks import from here and from `lateint_ref`; `lateint_ref` imports nothing from here.
"""

from workbook.catalogue import families_of, pipelines_of
from workbook.catalogue_forms import Forms
from workbook.data import load_apidocs, load_see_also
from workbook.pipelines import Measured, Pipeline, by_score, exact_maxsim, exhaustive, measure, table
from workbook.testbeds import Question, Testbed, encode_once, load_testbed

__all__ = [
    "Forms",
    "Measured",
    "Pipeline",
    "Question",
    "Testbed",
    "by_score",
    "encode_once",
    "exact_maxsim",
    "exhaustive",
    "families_of",
    "load_apidocs",
    "load_see_also",
    "load_testbed",
    "measure",
    "pipelines_of",
    "table",
]
