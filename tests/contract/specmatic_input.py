"""The contract as Specmatic can test it: openapi.yaml without what its generator cannot express.

Specmatic makes requests from schemas alone. What a schema cannot say would be a false failure:
that a range is low-high, that `after` excludes `order`, that an id exists. Such values become the
enumeration of the parameter's own example; the rest stays as it is written."""

import json

import yaml

from contract import resolve

# Parameters that only make sense with, or without, another one; and free text, of which no value is
# wrong, although Specmatic takes every value but the example for wrong.
WITHOUT = {
    "list_events": {"next", "after", "wait", "format"},
    "field_values": {"prefix"},
}
# Specmatic tries every subset of the optional parameters, so each operation gets a few filters, of
# every kind together. test_contract.py asks with all of them, one at a time.
FILTERS = {
    "list_events": {"direction", "remote_port", "local_address"},
    "top_values": {"protocol", "remote_address", "reason__not", "local_port"},
    "timeline": {"action__not", "event_id", "scope", "since"},
}
# A change that needs If-Match and a larger scope; endless, a body of any kind, an answer whose entries differ in shape, a media type that depends on
# the path: test_contract.py has them.
LEFT_OUT = {"set_audit_policy", "set_audit_subcategory", "make_audit_backup", "restore_audit_backup", "start_backup", "change_settings", "stream_events", "start_import", "get_openapi_json", "get_docs_file"}


def narrowed(parameter):
    """A list becomes one value; free and patterned text becomes the example."""
    schema, example = parameter["schema"], parameter["example"]
    if schema.get("type") == "array":
        parameter["example"] = ",".join(str(value) for value in example)
        words = schema["items"].get("enum", [parameter["example"]])
        return {"type": "string", "enum": sorted({parameter["example"], *words[:3]})}
    if schema["type"] == "string" and "enum" not in schema:
        return {"type": "string", "enum": [example]}
    return schema


def specmatic_input(path, ids):
    """`ids`: operation -> {parameter: value that exists}."""
    with open(path, encoding="utf-8") as file:
        raw = yaml.safe_load(file)
    root = resolve(json.loads(json.dumps(raw)), raw)
    root["components"] = {"securitySchemes": root["components"]["securitySchemes"]}
    # As with --require-token: it takes "nobody or a token" for "a token".
    root["security"] = [{"bearer": []}]
    for path, item in list(root["paths"].items()):
        shared = item.pop("parameters", [])
        for method, operation in list(item.items()):
            name = operation["operationId"]
            if name in LEFT_OUT:
                del item[method]
                continue
            filters = [p for p in shared if name not in FILTERS or p["name"] in FILTERS[name]]
            parameters = [p for p in filters + operation.get("parameters", [])
                          if p["name"] not in WITHOUT.get(name, ()) and p["in"] != "header"]
            for parameter in parameters:
                known = ids.get(name, {}).get(parameter["name"])
                parameter["example"] = parameter["example"] if known is None else known
                parameter["schema"] = narrowed(parameter)
                for name_of_list in ("style", "explode"):
                    parameter.pop(name_of_list, None)
            operation["parameters"] = parameters
            for status, response in list(operation["responses"].items()):
                content = response.get("content", {})
                for media_type, media in list(content.items()):
                    media.pop("examples", None)
                    # It expects every media type without asking for one: the first is the default.
                    if media_type != next(iter(content)) and name == "list_events":
                        del content[media_type]
                # Answers that no generated request brings about.
                if status not in ("200", "307", "400", "401", "404"):
                    del operation["responses"][status]
        if not item:
            del root["paths"][path]
    return root
