"""The contract as Specmatic can test it: openapi.yaml without what its generator cannot express.

Specmatic makes requests from schemas alone. What a schema cannot say would be a false failure:
that a range is low-high, that `after` excludes `order`, that an id exists. Such values become the
enumeration of the parameter's own example; the rest stays as it is written."""

import json
import sys

import yaml

from contract import resolve

# Parameters that only make sense with, or without, another one.
TOGETHER = {"list_events": {"next", "after", "wait", "format"}}
# Endless, or its media types are not Specmatic's (test_contract.py covers them).
LEFT_OUT = {"stream_events", "start_import"}


def narrowed(parameter):
    """Free text and patterned text become the example."""
    schema, example = parameter["schema"], parameter["example"]
    items = schema.get("items")
    if items is not None and "enum" not in items:
        return {**schema, "items": {"type": "string", "enum": [str(value) for value in example]}}
    if items is None and schema["type"] == "string" and "enum" not in schema and "const" not in schema:
        return {"type": "string", "enum": [example]}
    return schema


def specmatic_input(path, ids):
    """`ids`: operation -> {parameter: value that exists}."""
    with open(path, encoding="utf-8") as file:
        raw = yaml.safe_load(file)
    root = resolve(json.loads(json.dumps(raw)), raw)
    root["components"] = {"securitySchemes": root["components"]["securitySchemes"]}
    for path, item in list(root["paths"].items()):
        shared = item.pop("parameters", [])
        for method, operation in list(item.items()):
            name = operation["operationId"]
            if name in LEFT_OUT:
                del item[method]
                continue
            parameters = [p for p in shared + operation.get("parameters", [])
                          if p["name"] not in TOGETHER.get(name, ())]
            for parameter in parameters:
                known = ids.get(name, {}).get(parameter["name"])
                parameter["example"] = parameter["example"] if known is None else known
                parameter["schema"] = narrowed(parameter)
            operation["parameters"] = parameters
            for status, response in list(operation["responses"].items()):
                for media in response.get("content", {}).values():
                    media.pop("examples", None)
                # Answers that no generated request brings about.
                if status not in ("200", "304", "307", "400", "404"):
                    del operation["responses"][status]
        if not item:
            del root["paths"][path]
    return root


if __name__ == "__main__":
    json.dump(specmatic_input(sys.argv[1], {}), sys.stdout, indent=1)
