"""openapi.yaml as a judge: what may be asked, and whether a reply is as described."""

import json

import yaml
from jsonschema import Draft202012Validator, FormatChecker


def resolve(node, root):
    """A copy without $ref. Members beside a $ref (a description) are kept, as 3.1 allows."""
    if isinstance(node, list):
        return [resolve(item, root) for item in node]
    if not isinstance(node, dict):
        return node
    found = {}
    if isinstance(node.get("$ref"), str):
        target = root
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part.replace("~1", "/").replace("~0", "~")]
        found = resolve(target, root)
    return {**found, **{k: resolve(v, root) for k, v in node.items() if k != "$ref"}}


def schema_faults(value, schema, where=""):
    checker = Draft202012Validator(schema, format_checker=FormatChecker())
    return [f"{where}{error.json_path}: {error.message}" for error in checker.iter_errors(value)]


def unknown_members(value, schema, where="$"):
    """Members of an answer that the contract does not name. A client must bear with them; we need not."""
    choices = [s for s in schema.get("oneOf", []) if not schema_faults(value, s)]
    parts = [schema, *schema.get("allOf", []), *choices]
    found = []
    if isinstance(value, dict):
        known = {k: s for part in parts for k, s in part.get("properties", {}).items()}
        free = any("additionalProperties" in part for part in parts)
        for name, member in value.items():
            if name in known:
                found += unknown_members(member, known[name], f"{where}.{name}")
            elif not free and known:
                found.append(f"{where}.{name} is not in the contract")
    if isinstance(value, list):
        items = next((part["items"] for part in parts if "items" in part), {})
        for index, item in enumerate(value):
            found += unknown_members(item, items, f"{where}[{index}]")
    return found


def examples_of(holder):
    """The examples of a parameter, header or media type, by name."""
    found = {name: example["value"] for name, example in holder.get("examples", {}).items()}
    if "example" in holder:
        found["example"] = holder["example"]
    return found


class Operation:
    def __init__(self, method, path, item, operation):
        self.method, self.path, self.id = method.upper(), path, operation["operationId"]
        self.parameters = item.get("parameters", []) + operation.get("parameters", [])
        self.responses = operation["responses"]
        self.body = operation.get("requestBody", {}).get("content", {})
        self.security = operation.get("security")

    def faults(self, reply):
        """What of the reply is not as the contract says."""
        described = self.responses.get(str(reply.status))
        if described is None:
            return [f"{self.id}: status {reply.status} is not described: {reply.body[:300]!r}"]
        where = f"{self.id} {reply.status}: "
        faults = [f"{where}header {name} is missing" for name in described.get("headers", {})
                  if name not in reply.headers and name != "Link"]
        content = described.get("content")
        if content is None:
            return faults + ([f"{where}has a body"] if reply.body else [])
        media = content.get(reply.media_type)
        if media is None:
            return faults + [f"{where}media type {reply.media_type} is not described"]
        if reply.media_type.endswith(("/json", "+json")):
            faults += schema_faults(reply.json, media["schema"], where)
            faults += [where + f for f in unknown_members(reply.json, media["schema"])]
        return faults


class Contract:
    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            raw = yaml.safe_load(file)
        # PyYAML turns unquoted dates into objects; what is served as JSON has none of them.
        self.root = resolve(json.loads(json.dumps(raw)), raw)
        self.schemas = self.root["components"]["schemas"]
        self.operations = {
            operation["operationId"]: Operation(method, path, item, operation)
            for path, item in self.root["paths"].items()
            for method, operation in item.items() if method != "parameters"
        }
        self.problem = self.schemas["Problem"]
