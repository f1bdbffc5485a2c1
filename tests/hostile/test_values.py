"""Values that parsers get wrong, in every parameter, path, header and body of every route of openapi.yaml: answered with 2xx
or 4xx as the contract describes, in UTF-8, and the program goes on.

Environment: BLOCKWATCHD, BLOCKWATCH_CONTRACT (openapi.yaml), BLOCKWATCH_LOG (an EVTX file with our events)."""

import http.client
import json
import os
import time
from collections import Counter
from urllib.parse import quote

from target import PROGRAM, Counts, Target

from contract import Contract, examples_of

# As they stand in an address. Those from "plain" on are UTF-8, so that they also serve in headers and JSON.
BYTES = ["%ff", "%fe%fe%ff%ff", "%c0%af", "%e0%80%af", "%f0%80%80%af", "%c0%80", "%ed%a0%80", "%ed%a0%80%ed%b0%80",
         "%f4%90%80%80", "%f8%88%80%80%80", "%80", "%c3", "a%00b", "%00", "%", "%4", "%zz", "%u0041", "%0d%0aX:%20y",
         "%1b%5b31m", "%7f"]
NUMBERS = ["0", "-0", "-1", "1.5", "1e400", "nan", "inf", "0x10", "+1", "%2b1", "%201", "1%20", "007", "1_000", "١",
           "65535", "65536", "4294967296", "2147483648", "9007199254740991", "9007199254740992", "9223372036854775807",
           "9223372036854775808", "-9223372036854775808", "-9223372036854775809", "18446744073709551615",
           "18446744073709551616", "9" * 40, "8000-1", "0-18446744073709551616", "1,2,,3", ",", "1-", "-"]
TEXTS = ["", "%20", "'", "'%20OR%201=1--", '"', '""', '"a', "%25", "_", "*", "**" * 40, "?", "\\\\?\\C:\\a", "\\\\.\\pipe\\a",
         "../../etc/passwd", "<script>alert(1)</script>", "${jndi:ldap://a}", "{{7*7}}", "=1%2b1", "a" * 1024, "a" * 1025,
         "a" * 6000, "(a*)*" * 200, "🙂", "‮evil", "e%cc%81", "﷐", "%ef%bb%bfa", "%ef%bf%bf", "ſ", "İ", "a,b" * 500]
TIMES = ["2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z", "2026-01-01T24:00:60Z", "0000-01-01T00:00:00Z",
         "9999-12-31T23:59:59.9999999999Z", "2026-01-01T00:00:00%2b99:99", "99999999999999d", "1e9", "-1h", "1h1h", "d"]
ADDRESSES = ["0.0.0.0/0", "::/0", "1.2.3.4/33", "::1/129", "1.2.3.4/-1", "256.1.1.1", "1.2.3", "0x7f.1", "::ffff:1.2.3.4",
             "1.2.3.4-1.2.3.3", "::-1.2.3.4", "fe80::1%25eth0", ":::", "1:2:3:4:5:6:7:8:9", "[::1]"]
VALUES = [quote(value, safe="%") for value in BYTES + NUMBERS + TEXTS + TIMES + ADDRESSES]
# As they stand in JSON, in place of a member's value.
JSON_VALUES = ["null", "true", "0", "-0.0", "1e999", "-1e999", "1e-999", "9223372036854775808", "-9223372036854775809",
               "18446744073709551616", "9" * 400, '""', '"\\ud800"', '"\\udc00\\ud800"', '"\\u0000"', '"\\uffff"', '"‮"',
               '"' + "a" * 60_000 + '"', "[]", "{}", "[" * 63 + "]" * 63, "[" * 65 + "]" * 65, '{"a":1,"a":2}', '{"":{}}',
               '{"' + "a" * 1000 + '":1}', "NaN", "'a'", "01", "[1,]", "", '"\xff"', '"\x00"', "/**/1", '"99999999999h"']


class Asker:
    """One connection that is used again, for speed."""

    def __init__(self, target, counts):
        self.target, self.counts, self.statuses = target, counts, Counter()
        self.connection = None

    def ask(self, operation, address, headers=(), body=None):
        # Imports queue up faster than they are stored; they may be told so.
        while (status := self.ask_once(operation, address, headers, body)) == 503 and operation.id == "start_import":
            time.sleep(0.05)
        if status is not None:
            self.statuses[status] += 1

    def ask_once(self, operation, address, headers, body):
        if self.connection is None:
            self.connection = http.client.HTTPConnection(self.target.host, self.target.port, timeout=30)
        connection, self.connection = self.connection, None
        what = f"{operation.method} {address[:300]} {headers if len(str(headers)) < 200 else ''} {(body or b'')[:100]!r}"
        try:
            connection.putrequest(operation.method, address, skip_accept_encoding=True)
            for name, value in headers:
                connection.putheader(name, value)
            if body is not None:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            response = connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            self.counts.check(what, False, repr(error))
            return None
        fault = self.fault(operation, response)
        if response.status != 503 or operation.id != "start_import":
            self.counts.check(what, fault is None, fault)
        if response.isclosed() and not response.will_close:
            self.connection = connection
        else:
            connection.close()
        return response.status

    @staticmethod
    def fault(operation, response):
        if response.status // 100 not in (2, 4):
            return f"{response.status} {response.read()[:300]}"
        if str(response.status) not in operation.responses:
            return f"{response.status} is not in the contract: {response.read()[:300]}"
        media = response.headers.get_content_type()
        if media == "text/event-stream":
            return None  # it has no end
        try:
            text = response.read().decode("utf-8")
            if media.endswith("json"):
                json.loads(text)
        except ValueError as error:
            return f"{response.status} {media}: {error}"
        return None


def text_of(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    return ",".join(quote(str(v), safe="") for v in value) if isinstance(value, list) else quote(str(value), safe="")


def example(parameter):
    return text_of(next(iter(examples_of(parameter).values())))


def headers_of(target, operation):
    if operation.method == "GET":
        return []
    found = [("Authorization", "Bearer " + target.token("admin"))]
    if "application/json" in operation.body:
        found += [("Content-Type", "application/json"), ("If-Match", "*")]
    return found


def body_of(operation):
    if "application/json" in operation.body:
        return json.dumps(next(iter(examples_of(operation.body["application/json"]).values()), {})).encode()
    return b"{}" if operation.body else None


def address_of(operation, query, path_value=None):
    path = operation.path
    for parameter in operation.parameters:
        if parameter["in"] == "path":
            value = example(parameter) if path_value is None else path_value
            path = path.replace("{" + parameter["name"] + "}", value)
    return path + ("?" + "&".join(f"{name}={value}" for name, value in query) if query else "")


def ask_operation(asker, operation):
    headers, body = headers_of(asker.target, operation), body_of(operation)
    needed = [(p["name"], example(p)) for p in operation.parameters if p.get("required") and p["in"] == "query"]
    for parameter in operation.parameters:
        name, place = parameter["name"], parameter["in"]
        others = [pair for pair in needed if pair[0] != name]
        for value in VALUES:
            if place == "query":
                asker.ask(operation, address_of(operation, others + [(name, value)]), headers, body)
            elif place == "path":
                asker.ask(operation, address_of(operation, needed, value), headers, body)
            else:
                raw = value.encode().replace(b"%", b"")[:4000]
                kept = [pair for pair in headers if pair[0].lower() != name.lower()]
                asker.ask(operation, address_of(operation, needed), kept + [(name, raw)], body)
        if place == "query":
            for second in (example(parameter), "", "%ff", "0"):
                asker.ask(operation, address_of(operation, others + [(name, example(parameter)), (name, second)]), headers, body)
        elif place == "header":
            asker.ask(operation, address_of(operation, needed), headers + [(name, example(parameter))] * 2, body)
    for name in ("unknown", "%ff", "%00", "", "limit%20", "a" * 5000):
        asker.ask(operation, address_of(operation, needed + [(name, "1")]), headers, body)


def ask_bodies(asker, operation):
    headers, address = headers_of(asker.target, operation), address_of(operation, [])
    for body in examples_of(operation.body["application/json"]).values():
        for name in [None, "unknown", *body]:
            for value in JSON_VALUES:
                if name is None:
                    text = value
                else:
                    text = json.dumps({**body, name: "HERE"}).replace('"HERE"', value)
                asker.ask(operation, address, headers, text.encode("latin-1", "replace") if "\xff" in text else text.encode())


def main():
    counts = Counts("values")
    contract = Contract(os.environ["BLOCKWATCH_CONTRACT"])
    with Target(PROGRAM) as target:
        with open(os.environ["BLOCKWATCH_LOG"], "rb") as log:
            target.import_file(log.read(), target.token("import"), "demo.evtx")
        asker = Asker(target, counts)

        def load():
            with target.watch() as watch:
                for operation in contract.operations.values():
                    ask_operation(asker, operation)
                    if "application/json" in operation.body:
                        ask_bodies(asker, operation)
            print(watch)
            return watch.faults()

        hard, _ = load()
        counts.check("memory and health meanwhile", not hard, hard)
    counts.end(f", answers {dict(sorted(asker.statuses.items()))}")


if __name__ == "__main__":
    main()
