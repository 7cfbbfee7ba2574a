"""Services of this kind as others build them, to measure ours against.

`measure` is the section of `make bench`. The services (`flask_service`, `mlserver_model`, `bentoml_service`) run in
environments of their own, which `environments` makes; of this project they import only what a package needs to be read.
"""
