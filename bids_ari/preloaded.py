"""All that the analysis of a contrast and its reports import; workers are forked from a process that imports this.

What is imported here is shared by the workers, and not searched for garbage.
"""

from importlib import import_module

from bids_ari.runtime.collector import keep_imports, no_collection

with no_collection():
    for name in ("bids_ari.workflow", "jinja2", "PIL.ImageDraw", "PIL.ImageFont"):
        import_module(name)
keep_imports()
