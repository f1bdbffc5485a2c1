"""The program and openapi.yaml say the same: routes both ways, parameters, replies, examples, errors.

Environment: BLOCKWATCHD (the program), BLOCKWATCH_CONTRACT (openapi.yaml), BLOCKWATCH_LOG (an EVTX
file with our events)."""

import csv
import gzip
import io
import json
import os
import subprocess
import time
import unittest
from pathlib import Path
from urllib.parse import quote

from contract import Contract, examples_of, schema_faults, unknown_members
from daemon import Daemon
from records import KINDS, rendered_xml

PROGRAM = os.environ["BLOCKWATCHD"]
CONTRACT_FILE = os.environ["BLOCKWATCH_CONTRACT"]
CONTRACT = Contract(CONTRACT_FILE)
RECORDS = 250  # more than two default pages


def text_of(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    return ",".join(quote(str(v), safe="") for v in value) if isinstance(value, list) else quote(str(value), safe="")


class Examples(unittest.TestCase):
    def test_every_parameter_has_an_example_that_fits_its_schema(self):
        for operation in CONTRACT.operations.values():
            for parameter in operation.parameters:
                with self.subTest(operation=operation.id, parameter=parameter["name"]):
                    examples = examples_of(parameter)
                    self.assertTrue(examples)
                    for value in examples.values():
                        self.assertEqual(schema_faults(value, parameter["schema"]), [])

    def test_every_answer_has_an_example_that_fits_its_schema(self):
        for operation in CONTRACT.operations.values():
            for status, response in operation.responses.items():
                for header, described in response.get("headers", {}).items():
                    for value in examples_of(described).values():
                        self.assertEqual(schema_faults(value, described["schema"]), [], header)
                for media_type, media in response.get("content", {}).items():
                    with self.subTest(operation=operation.id, status=status, media_type=media_type):
                        examples = examples_of(media)
                        self.assertTrue(examples or operation.id == "get_docs_file")
                        for value in examples.values():
                            self.assertEqual(schema_faults(value, media["schema"]), [])
                            self.assertEqual(unknown_members(value, media["schema"]), [])
                            if media_type == "application/problem+json":
                                self.assertEqual(str(value["status"]), status)

    def test_text_examples_are_events(self):
        examples = CONTRACT.root["components"]["examples"]
        for line in examples["EventsNdjson"]["value"].splitlines():
            self.assertEqual(schema_faults(json.loads(line), CONTRACT.schemas["Event"]), [])
        for line in examples["Stream"]["value"].splitlines():
            if line.startswith("data: "):
                json.loads(line.removeprefix("data: "))

    def test_event_lists_the_fields_in_order(self):
        fields = CONTRACT.schemas["FieldName"]["enum"]
        self.assertEqual(list(CONTRACT.schemas["Event"]["properties"]), [*fields, "raw"])
        detail = CONTRACT.schemas["EventDetail"]["allOf"][1]["required"]
        self.assertEqual(detail, [*fields, "raw", "explanation"])


class Live(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.daemon = cls.enterClassContext(Daemon(PROGRAM))
        cls.importer = cls.daemon.token("import")
        cls.job = cls.daemon.import_file(rendered_xml(RECORDS), cls.importer)
        cls.auditor = {"Authorization": f"Bearer {cls.daemon.token('audit')}"}
        cls.backup = cls.daemon.ask("POST", "/api/v1/audit/backups", cls.auditor).json["id"]
        cls.admin = {"Authorization": f"Bearer {cls.daemon.token('admin')}", "Content-Type": "application/json"}
        cls.copy = cls.daemon.ask("POST", "/api/v1/backups", cls.admin, "{}").json["id"]

    def conforms(self, operation_id, reply, status=None):
        self.assertEqual(CONTRACT.operations[operation_id].faults(reply), [])
        if status is not None:
            self.assertEqual(reply.status, status, reply.body[:500])
        return reply

    def get(self, operation_id, target, status=200, **headers):
        return self.conforms(operation_id, self.daemon.get(target, **headers), status)

    def problem(self, reply, status, code=None):
        self.assertEqual(reply.status, status, reply.body[:500])
        self.assertEqual(reply.media_type, "application/problem+json")
        self.assertEqual(schema_faults(reply.json, CONTRACT.problem), [])
        self.assertEqual(unknown_members(reply.json, CONTRACT.problem), [])
        self.assertEqual(reply.json["status"], status)
        if code is not None:
            self.assertEqual(reply.json["code"], code)
        return reply.json

    # Routes.

    def test_routes_are_the_same_both_ways(self):
        listed = subprocess.run([PROGRAM, "routes"], stdout=subprocess.PIPE, check=True, text=True, timeout=30)
        routes = {tuple(line.split()) for line in listed.stdout.splitlines()}
        described = {(o.method, o.path, o.id) for o in CONTRACT.operations.values()}
        self.assertEqual(routes - described, set(), "routes without a description")
        self.assertEqual(described - routes, set(), "descriptions without a route")

    def targets(self):
        """One address per GET operation, with an id that exists."""
        event = self.daemon.get("/api/v1/events?limit=1").json["events"][0]["id"]
        values = {"get_event": {"id": event}, "get_import": {"id": self.job["id"]},
                  "get_audit_backup": {"id": self.backup}, "get_backup": {"id": self.copy}}
        for operation in CONTRACT.operations.values():
            if operation.method != "GET":
                continue
            path, needed = operation.path, []
            for parameter in operation.parameters:
                value = values.get(operation.id, {}).get(parameter["name"], parameter.get("example"))
                if parameter["in"] == "path":
                    path = path.replace("{%s}" % parameter["name"], text_of(value))
                elif parameter.get("required"):
                    needed.append(f"{parameter['name']}={text_of(value)}")
            yield operation, path, needed

    def ask_for(self, operation, target):
        if operation.id == "stream_events":
            return self.daemon.frames(target, lambda frames: True)[0]
        return self.daemon.get(target)

    def test_every_get_answers_as_described(self):
        for operation, path, needed in self.targets():
            with self.subTest(operation=operation.id):
                reply = self.ask_for(operation, f"{path}?{'&'.join(needed)}".rstrip("?"))
                self.conforms(operation.id, reply, 307 if operation.id == "get_root" else 200)

    def test_every_head_is_the_get_without_a_body(self):
        for operation, path, needed in self.targets():
            if operation.id == "stream_events":
                continue
            with self.subTest(operation=operation.id):
                target = f"{path}?{'&'.join(needed)}".rstrip("?")
                head, get = self.daemon.ask("HEAD", target), self.daemon.get(target)
                self.assertEqual(head.status, get.status)
                self.assertEqual(head.body, b"")
                self.assertEqual(head.headers["Content-Type"], get.headers["Content-Type"])

    # Access.

    def test_a_session_is_opened_with_a_code_once(self):
        code = self.conforms("make_session_code", self.daemon.ask("POST", "/api/v1/session-codes"), 201).json["code"]
        json_type = {"Content-Type": "application/json"}
        body = json.dumps({"code": code}).encode()
        session = self.conforms("open_session", self.daemon.ask("POST", "/api/v1/session", json_type, body), 201).json
        self.assertEqual(session["scopes"], ["admin"])
        bearer = {"Authorization": f"Bearer {session['token']}"}
        self.conforms("make_audit_backup", self.daemon.ask("POST", "/api/v1/audit/backups", bearer), 201)
        again = self.daemon.ask("POST", "/api/v1/session", json_type, body)
        self.assertEqual(self.problem(self.conforms("open_session", again), 403)["code"], "code_wrong")
        for faulty in (b"{}", b'{"code": 1}', b'{"code": "x", "name": "y"}'):
            self.conforms("open_session", self.daemon.ask("POST", "/api/v1/session", json_type, faulty), 400)

    def test_refused_changes_are_kept_apart(self):
        before = self.get("list_audit_changes", "/api/v1/audit/changes").json
        reply = self.daemon.ask("POST", "/api/v1/audit/backups", {"X-Nothing": "1"})
        self.conforms("make_audit_backup", reply, 401)
        newest = self.get("list_audit_refusals", "/api/v1/audit/refusals?limit=1").json["refusals"][0]
        self.assertEqual((newest["operation"], newest["status"]), ("POST /api/v1/audit/backups", 401))
        self.assertIsNotNone(newest["peer"])
        after = self.get("list_audit_changes", "/api/v1/audit/changes").json
        self.assertEqual(after["changes"], before["changes"])
        self.assertTrue(after["chain"]["intact"], after["chain"])

    # Parameters.

    def test_a_stream_takes_all_parameters_together(self):
        operation = CONTRACT.operations["stream_events"]
        ticket = self.conforms("make_stream_ticket", self.daemon.ask("POST", "/api/v1/stream-tickets"), 201).json["ticket"]
        asked = "&".join(f"{p['name']}={text_of(ticket if p['name'] == 'ticket' else p['example'])}"
                         for p in operation.parameters if p["in"] == "query")
        self.conforms("stream_events", self.ask_for(operation, f"{operation.path}?{asked}"), 200)

    def test_every_parameter_is_taken_with_its_example(self):
        for operation, path, needed in self.targets():
            if operation.id == "stream_events":
                continue
            for parameter in operation.parameters:
                if parameter["in"] != "query" or parameter["name"] == "next":
                    continue  # the example of a page token is no page's
                with self.subTest(operation=operation.id, parameter=parameter["name"]):
                    asked = [n for n in needed if not n.startswith(parameter["name"] + "=")]
                    asked.append(f"{parameter['name']}={text_of(parameter['example'])}")
                    if parameter["name"] == "wait":
                        asked += ["after=0"]
                    self.conforms(operation.id, self.ask_for(operation, f"{path}?{'&'.join(asked)}"), 200)

    def test_every_word_of_an_enumeration_is_taken(self):
        for operation, path, needed in self.targets():
            if operation.id == "stream_events":
                continue  # the same filters; each stream asked for holds a place for a while
            for parameter in operation.parameters:
                words = parameter["schema"].get("enum") or parameter["schema"].get("items", {}).get("enum", [])
                for word in words if parameter["in"] == "query" else []:
                    with self.subTest(operation=operation.id, parameter=parameter["name"], word=word):
                        asked = [n for n in needed if not n.startswith(parameter["name"] + "=")]
                        asked.append(f"{parameter['name']}={word}")
                        self.conforms(operation.id, self.ask_for(operation, f"{path}?{'&'.join(asked)}"), 200)
        for field in CONTRACT.schemas["ValueField"]["enum"]:
            with self.subTest(field=field):
                self.get("field_values", f"/api/v1/fields/{field}/values")

    def test_an_unknown_parameter_is_named_everywhere(self):
        for operation, path, needed in self.targets():
            with self.subTest(operation=operation.id):
                reply = self.ask_for(operation, f"{path}?{'&'.join([*needed, 'direciton=inbound'])}")
                self.conforms(operation.id, reply, 400)
                self.assertIn("direciton", [f["parameter"] for f in reply.json["errors"]])

    def test_nothing_is_clamped(self):
        for wrong in ("limit=0", "limit=1001", "limit=ten", "limit=", "order=up", "count=yes", "fields=raw",
                      "fields=tme", "include=all", "after=-1", "wait=20s", "after=0&wait=61s", "next=AXm3kQ",
                      "format=xml", "remote_port=70000", "remote_port=9-3", "address=10.0.0.0/33",
                      "since=yesterday", "since=1h&until=2h", "event_id=4624", "direction=in", "q=",
                      "limit=1&limit=2", "after=0&order=asc", "direction__not=", "since__not=1h"):
            with self.subTest(wrong=wrong):
                reply = self.get("list_events", f"/api/v1/events?{wrong}", 400)
                self.assertTrue(reply.json["errors"])

    def test_all_faults_come_at_once(self):
        reply = self.get("list_events", "/api/v1/events?direciton=inbound&remote_port=70000&limit=0", 400)
        self.assertEqual({f["parameter"] for f in reply.json["errors"]}, {"direciton", "remote_port", "limit"})
        self.assertIn("direction", next(f["expected"] for f in reply.json["errors"] if f["parameter"] == "direciton"))

    # Events.

    def test_pages_hold_every_event_once_with_all_fields_in_order(self):
        fields, ids, target = CONTRACT.schemas["FieldName"]["enum"], [], "/api/v1/events?count=exact"
        while target:
            reply = self.get("list_events", target)
            ids += [event["id"] for event in reply.json["events"]]
            for event in reply.json["events"]:
                self.assertEqual(list(event), fields)
            link = reply.headers["Link"]
            self.assertEqual(link is None, reply.json["next"] is None)
            self.assertEqual(reply.json["total"], RECORDS)
            target = link and link[link.index("<") + 1:link.index(">")]
            if target and target.startswith("http"):
                target = target.removeprefix(self.daemon.url)
        self.assertEqual((len(ids), len(set(ids))), (RECORDS, RECORDS))

    def test_exports_are_the_pages(self):
        page = self.get("list_events", "/api/v1/events?limit=1000&order=asc&include=raw").json["events"]
        lines = self.get("list_events", "/api/v1/events?order=asc&include=raw", Accept="application/x-ndjson")
        self.assertEqual([json.loads(line) for line in lines.text.splitlines()], page)
        for event in page:
            self.assertEqual(schema_faults(event, CONTRACT.schemas["Event"]), [])
            self.assertEqual(unknown_members(event, CONTRACT.schemas["Event"]), [])
        table = self.get("list_events", "/api/v1/events?format=csv&order=asc")
        rows = list(csv.reader(io.StringIO(table.text, newline="")))
        self.assertEqual(rows[0], CONTRACT.schemas["FieldName"]["enum"])
        plain = [["" if event[f] is None else str(event[f]) for f in rows[0]] for event in page]
        self.assertEqual(rows[1:], plain)

    def test_selected_fields_keep_their_order(self):
        reply = self.get("list_events", "/api/v1/events?fields=reason,time,id&limit=2")
        self.assertEqual([list(event) for event in reply.json["events"]], [["reason", "time", "id"]] * 2)

    def test_each_event_alone_has_record_and_explanation(self):
        page = self.get("list_events", f"/api/v1/events?limit={len(KINDS)}").json["events"]
        self.assertEqual({event["event_id"] for event in page}, {kind[0] for kind in KINDS})
        for event in page:
            with self.subTest(event_id=event["event_id"]):
                detail = self.get("get_event", f"/api/v1/events/{event['id']}").json
                self.assertEqual({k: detail[k] for k in event}, event)
                self.assertEqual(detail["explanation"]["reason"], event["reason"])

    def test_unknown_events_are_404(self):
        for wrong in ("999999999", "0", "nonsense", "48210.5", "%20", "x" * 64):
            with self.subTest(id=wrong):
                self.get("get_event", f"/api/v1/events/{wrong}", 404)

    def test_a_long_poll_says_how_far_it_has_looked(self):
        newest = self.get("list_events", "/api/v1/events?limit=1").json["newest_seq"]
        first = self.get("list_events", "/api/v1/events?after=0&limit=10").json
        self.assertEqual(len(first["events"]), 10)
        self.assertEqual([e["seq"] for e in first["events"]], sorted(e["seq"] for e in first["events"]))
        self.assertEqual(first["covered_seq"], first["events"][-1]["seq"])
        self.assertIsNone(first["gap"])
        nothing = self.get("list_events", f"/api/v1/events?after={newest}&wait=0s").json
        self.assertEqual((nothing["events"], nothing["next"], nothing["covered_seq"]), ([], None, newest))
        rare = self.get("list_events", "/api/v1/events?after=0&host=nowhere&wait=0s").json
        self.assertEqual((rare["events"], rare["covered_seq"]), ([], newest))

    def test_a_stream_replays_frames_as_described(self):
        newest = self.daemon.get("/api/v1/events?limit=1").json["newest_seq"]
        reply, frames = self.daemon.frames("/api/v1/events/stream?after=0", lambda f: len(f) > RECORDS)
        self.conforms("stream_events", reply, 200)
        self.assertEqual(frames[0], [("retry", "3000")])
        seqs = []
        for frame in map(dict, frames[1:RECORDS + 1]):
            event = json.loads(frame["data"])
            self.assertEqual(schema_faults(event, CONTRACT.schemas["Event"]), [])
            self.assertEqual((frame["id"], frame["event"]), (str(event["seq"]), event["action"]))
            seqs.append(event["seq"])
        self.assertEqual(seqs, sorted(set(seqs)))
        self.assertEqual(seqs[-1], newest)
        _, rest = self.daemon.frames("/api/v1/events/stream", lambda f: len(f) > 2,
                                     {"Last-Event-ID": str(seqs[-3])})
        self.assertEqual([dict(frame)["id"] for frame in rest[1:3]], [str(seq) for seq in seqs[-2:]])

    # Statistics.

    def test_statistics_add_up(self):
        for field in CONTRACT.schemas["TopField"]["enum"]:
            top = self.get("top_values", f"/api/v1/stats/top?by={field}&limit=1000").json
            self.assertEqual((top["by"], top["total"]), (field, RECORDS))
            self.assertEqual(sum(v["count"] for v in top["values"]), RECORDS, field)
        for by in ("", "&by=action", "&by=direction", "&by=event_id"):
            line = self.get("timeline", f"/api/v1/stats/timeline?bucket=1m{by}").json
            self.assertEqual(sum(c["count"] for p in line["points"] for c in p["counts"]), RECORDS)
            self.assertTrue(all(p["start"].endswith(":00.0000000Z") for p in line["points"]))
        self.get("field_values", "/api/v1/fields/no_such_field/values", 404)

    # Imports.

    def test_an_import_reports_what_it_found(self):
        report = self.job["report"]
        self.assertEqual(self.job["state"], "done", self.job)
        self.assertEqual((report["source"], report["format"], report["records"], report["stored"], report["duplicate"]),
                         ("xml:contract.xml", "xml", RECORDS, RECORDS, 0))
        size = len(rendered_xml(RECORDS))
        self.assertEqual((self.job["received_bytes"], self.job["total_bytes"], report["bytes"]), (size, size, size))
        self.conforms("get_import", self.daemon.get(f"/api/v1/imports/{self.job['id']}"), 200)

    def upload(self, body, token=None, status=202, **headers):
        headers = {"Content-Type": "application/xml", **{k.replace("_", "-"): v for k, v in headers.items()}}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        return self.conforms("start_import", self.daemon.ask("POST", "/api/v1/imports?name=again.xml", headers, body), status)

    def test_the_same_file_again_packed_stores_nothing(self):
        reply = self.upload(gzip.compress(rendered_xml(RECORDS)), self.importer, Content_Encoding="gzip")
        self.assertEqual(reply.headers["Location"], f"/api/v1/imports/{reply.json['id']}")
        job = self.daemon.import_file(rendered_xml(RECORDS), self.importer)
        self.assertEqual((job["report"]["stored"], job["report"]["duplicate"]), (0, RECORDS))

    def test_a_file_of_no_known_format_says_so(self):
        reply = self.daemon.ask("POST", "/api/v1/imports", {
            "Authorization": f"Bearer {self.importer}", "Content-Type": "application/octet-stream"}, b"\0" * 5000)
        self.conforms("start_import", reply)
        if reply.status == 202:
            self.assertEqual(self.daemon.import_file(b"\0" * 5000, self.importer)["state"], "failed")
        else:
            self.assertIn(reply.status, (400, 415))

    def test_imports_need_their_scope(self):
        self.assertEqual(self.upload(b"<a/>", status=401).headers["WWW-Authenticate"].split()[0], "Bearer")
        self.upload(b"<a/>", "wrong", 401)
        self.upload(b"<a/>", self.daemon.token("read"), 403)

    def test_imports_take_only_what_is_described(self):
        self.upload(b"x", self.importer, 415, Content_Encoding="br")
        self.upload(b"", self.importer, 400)
        self.get("get_import", "/api/v1/imports/nonsense", 404)
        head = f"POST /api/v1/imports HTTP/1.1\r\nHost: {self.daemon.host}:{self.daemon.port}\r\n" \
               f"Authorization: Bearer {self.importer}\r\nContent-Type: application/xml\r\n"
        large = self.daemon.send(f"{head}Content-Length: {(4 << 30) + 1}\r\n\r\n".encode(), "POST")
        self.conforms("start_import", large, 413)
        chunked = self.daemon.send(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode(), "POST")
        self.conforms("start_import", chunked, 411)

    # Backups and settings.

    def admin_ask(self, operation_id, method, path, body, status, **headers):
        reply = self.daemon.ask(method, path, {**self.admin, **{k.replace("_", "-"): v for k, v in headers.items()}}, json.dumps(body))
        return self.conforms(operation_id, reply, status)

    def test_backups(self):
        self.wait_for_copy(self.copy)
        begun = self.admin_ask("start_backup", "POST", "/api/v1/backups", {"name": "a_name-1"}, 202)
        self.assertEqual(begun.headers["Location"], "/api/v1/backups/a_name-1")
        done = self.wait_for_copy("a_name-1")
        self.assertEqual(done["state"], "done")
        self.assertEqual({b["id"] for b in self.get("list_backups", "/api/v1/backups").json["backups"]}, {self.copy, "a_name-1"})
        self.admin_ask("start_backup", "POST", "/api/v1/backups", {"name": "a_name-1"}, 409)
        self.admin_ask("start_backup", "POST", "/api/v1/backups", {"name": "../x"}, 400)
        self.get("get_backup", "/api/v1/backups/none", 404)
        self.conforms("start_backup", self.daemon.ask("POST", "/api/v1/backups", {"Content-Type": "application/json"}, "{}"), 401)

    def wait_for_copy(self, name):
        deadline = time.monotonic() + 60
        while True:
            job = self.get("get_backup", f"/api/v1/backups/{name}").json
            if job["state"] != "running" or time.monotonic() > deadline:
                return job

    def test_settings(self):
        path, examples = "/api/v1/settings", CONTRACT.root["components"]["examples"]
        self.assertEqual(self.get("get_settings", path).json, examples["Settings"]["value"])
        for kind in ("application/json", "application/merge-patch+json"):
            changed = self.admin_ask("change_settings", "PATCH", path, examples["SettingsPatch"]["value"], 200, Content_Type=kind)
            self.assertEqual(changed.json, examples["SettingsChanged"]["value"])
        for wrong in ({"retention_days": -1}, {"max_db_size": 7}, {"record": []}, {"colour": 1}):
            self.admin_ask("change_settings", "PATCH", path, wrong, 400)
        self.conforms("change_settings", self.daemon.ask("PATCH", path, {"Content-Type": "application/json"}, "{}"), 401)
        defaults = {"retention_days": None, "max_db_size": None, "record": None}
        self.assertEqual(self.admin_ask("change_settings", "PATCH", path, defaults, 200).json, examples["Settings"]["value"])

    # The audit policy.

    def audit(self, operation_id, method, path, body=None, status=200, **headers):
        headers = {"If-Match": "*", **self.auditor, **{k.replace("_", "-"): v for k, v in headers.items()}}
        content = None
        if body is not None:
            content = json.dumps(body).encode()
            headers.setdefault("Content-Type", "application/json")
        headers = {name: value for name, value in headers.items() if value is not None}
        return self.conforms(operation_id, self.daemon.ask(method, path, headers, content), status)

    def test_the_policy_is_changed_as_described(self):
        policy, one = "/api/v1/audit/policy", "/api/v1/audit/policy/filtering-platform-packet-drop"
        examples = CONTRACT.root["components"]["examples"]
        for name in ("AuditPreset", "AuditSettings"):
            self.audit("set_audit_policy", "PUT", policy, examples[name]["value"])
        for word in CONTRACT.schemas["AuditPolicyWish"]["properties"]["preset"]["enum"]:
            self.audit("set_audit_policy", "PUT", policy, {"preset": word})
        self.audit("set_audit_policy", "PUT", policy + "?dry_run=true", {"preset": "off"}, If_Match=None)
        changed = self.audit("set_audit_subcategory", "PATCH", one, examples["AuditTemporary"]["value"])
        self.assertEqual(changed.json["settings"][0]["revert"], "pending")
        self.assertEqual(changed.json["who"], "token:contract-audit")
        shown = self.get("get_audit_policy", policy)
        self.assertEqual(changed.headers["ETag"], shown.headers["ETag"])
        self.audit("make_audit_backup", "POST", "/api/v1/audit/backups", status=201)
        restore = f"/api/v1/audit/backups/{self.backup}/restore"
        self.audit("restore_audit_backup", "POST", restore)
        self.audit("restore_audit_backup", "POST", restore, examples["AuditRestoreWish"]["value"])
        listed = self.get("list_audit_changes", "/api/v1/audit/changes?limit=3").json
        self.assertEqual(len(listed["changes"]), 3)
        self.get("list_audit_changes", f"/api/v1/audit/changes?before={listed['next']}")
        self.assertEqual({s["category"] for s in self.get("get_audit_policy", policy + "?all=true").json["subcategories"]},
                         {"System", "Logon/Logoff", "Object Access", "Privilege Use", "Detailed Tracking",
                          "Policy Change", "Account Management", "DS Access", "Account Logon"})

    def test_changes_of_the_policy_are_refused_as_described(self):
        policy, one = "/api/v1/audit/policy", "/api/v1/audit/policy/filtering-platform-connection"
        wish = {"failure": True}
        refused = [(401, {"Authorization": None}), (401, {"Authorization": "Bearer wrong"}), (428, {"If_Match": None}),
                   (403, {"Authorization": f"Bearer {self.daemon.token('read')}"}), (412, {"If_Match": '"old"'}),
                   (415, {"Content_Type": "text/plain"}), (415, {"Content_Encoding": "gzip"})]
        for status, headers in refused:
            with self.subTest(status=status, headers=headers):
                self.audit("set_audit_subcategory", "PATCH", one, wish, status, **headers)
        self.audit("set_audit_subcategory", "PATCH", one, {"failure": "yes"}, 400)
        self.audit("set_audit_subcategory", "PATCH", one, {"failure": True, "x": "y" * 70000}, 413)
        self.audit("set_audit_subcategory", "PATCH", policy + "/nothing", wish, 404)
        self.audit("set_audit_policy", "PUT", policy, {"preset": "all"}, 400)
        self.audit("restore_audit_backup", "POST", "/api/v1/audit/backups/999/restore", None, 404)
        self.get("get_audit_subcategory", policy + "/nothing", 404)
        self.get("get_audit_backup", "/api/v1/audit/backups/999", 404)
        stale = self.audit("set_audit_policy", "PUT", policy, {"preset": "off"}, 412, If_Match='"old"')
        examples = CONTRACT.root["components"]["examples"]
        self.assertEqual(stale.json["code"], examples["PreconditionFailed"]["value"]["code"])
        missing = self.audit("set_audit_policy", "PUT", policy, {"preset": "off"}, 428, If_Match=None)
        self.assertEqual(missing.json["code"], examples["PreconditionRequired"]["value"]["code"])

    def test_streams_are_told_of_a_change(self):
        def told(frames):
            if not told.asked and frames:
                told.asked = True
                self.audit("set_audit_policy", "PUT", "/api/v1/audit/policy", {"preset": "packets"})
            return any(("event", "policy") in frame for frame in frames)
        told.asked = False
        _, frames = self.daemon.frames("/api/v1/events/stream", told)
        frame = next(dict(f) for f in frames if ("event", "policy") in f)
        self.assertEqual(schema_faults(json.loads(frame["data"]), CONTRACT.schemas["AuditChange"]), [])
        self.assertNotIn("id", frame)

    # The transport's errors.

    def raw(self, lines, path="/api/v1/status", host=None):
        host = f"Host: {host or f'{self.daemon.host}:{self.daemon.port}'}\r\n"
        return self.daemon.send(f"GET {path} HTTP/1.1\r\n{host}{lines}\r\n".encode())

    def test_malformed_requests_are_answered_as_described(self):
        own = f"Host: {self.daemon.host}:{self.daemon.port}\r\n"
        for status, lines, path, host in [
                (400, own, "/api/v1/status", None),
                (421, "", "/api/v1/status", "evil.test"),
                (403, "Origin: http://evil.test\r\n", "/api/v1/status", None),
                (403, "Sec-Fetch-Site: cross-site\r\n", "/api/v1/status", None),
                (411, "Transfer-Encoding: chunked\r\n", "/api/v1/status", None),
                (400, "Content-Length: 5\r\n", "/api/v1/status", None),
                (415, "Content-Encoding: gzip\r\n", "/api/v1/status", None),
                (416, "Range: bytes=0-1,3-4\r\n", "/api/v1/status", None),
                (431, "".join(f"X-{i}: y\r\n" for i in range(120)), "/api/v1/status", None),
                (414, "", "/api/v1/status?" + "a=b&" * 2500, None),
                (400, "", "/api/v1/status?token=abc", None),
                (401, "Authorization: Bearer wrong\r\n", "/api/v1/status", None)]:
            with self.subTest(status=status, lines=lines[:40]):
                reply = self.raw(lines, path, host)
                self.problem(reply, status)
                self.assertIn(str(status), CONTRACT.operations["get_status"].responses)
        missing = self.daemon.send(b"GET /api/v1/status HTTP/1.1\r\n\r\n")
        self.problem(missing, 400)

    def test_unknown_paths_and_methods_are_problems(self):
        self.problem(self.daemon.get("/api/v1/nothing"), 404)
        self.problem(self.daemon.get("/api/v2/events"), 404)
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            reply = self.daemon.ask(method, "/api/v1/events", {"Content-Length": "0"})
            self.problem(reply, 405)
            self.assertIn("GET", reply.headers["Allow"])
        self.problem(self.daemon.get("/api/v1/imports"), 405)
        options = self.daemon.ask("OPTIONS", "/api/v1/events")
        self.assertEqual(options.status, 204)
        self.assertIn("GET", options.headers["Allow"])

    def test_impossible_media_types_are_406(self):
        self.get("list_events", "/api/v1/events", 406, Accept="image/png")
        self.get("stream_events", "/api/v1/events/stream", 406, Accept="image/png")

    def test_problem_codes_of_the_examples_are_the_programs(self):
        examples = CONTRACT.root["components"]["examples"]
        said = [
            ("BadRequest", self.daemon.get("/api/v1/events?direciton=inbound&remote_port=70000")),
            ("NotFound", self.daemon.get("/api/v1/events/999999999")),
            ("NotAcceptable", self.daemon.get("/api/v1/events", Accept="image/png")),
            ("MisdirectedRequest", self.raw("", host="evil.test")),
            ("LengthRequired", self.raw("Transfer-Encoding: chunked\r\n")),
            ("UnsupportedMediaType", self.raw("Content-Encoding: br\r\n")),
            ("RangeNotSatisfiable", self.raw("Range: bytes=0-1,3-4\r\n")),
            ("HeaderTooLarge", self.raw("".join(f"X-{i}: y\r\n" for i in range(120)))),
            ("UriTooLong", self.daemon.get("/" + "x" * 300)),
            ("Unauthorized", self.upload(b"<a/>", status=401)),
            ("Forbidden", self.upload(b"<a/>", self.daemon.token("read"), 403)),
        ]
        for name, reply in said:
            with self.subTest(example=name):
                example = examples[name]["value"]
                self.assertEqual({k: reply.json[k] for k in ("status", "title", "code", "type")},
                                 {k: example[k] for k in ("status", "title", "code", "type")})

    # The contract itself.

    def test_the_contract_is_served_as_it_is_written(self):
        self.assertEqual(self.get("get_openapi_yaml", "/openapi.yaml").body, Path(CONTRACT_FILE).read_bytes())
        served = self.get("get_openapi_json", "/openapi.json").json
        self.assertEqual(list(served["paths"]), list(CONTRACT.root["paths"]))
        packed = self.daemon.get("/openapi.json", Accept_Encoding="gzip")
        self.assertEqual(packed.headers["Content-Encoding"], "gzip")
        self.assertEqual(json.loads(gzip.decompress(packed.body)), served)

    def test_files_of_the_page_are_served_and_cached(self):
        page = self.get("get_docs", "/docs").text
        for file in next(p for p in CONTRACT.operations["get_docs_file"].parameters if p["name"] == "file")["schema"]["enum"]:
            with self.subTest(file=file):
                reply = self.daemon.get(f"/docs/{file}")
                self.conforms("get_docs_file", reply, 200)
                self.assertGreater(len(reply.body), 50)
                self.get("get_docs_file", f"/docs/{file}", 304, If_None_Match=reply.headers["ETag"])
                self.assertIn("default-src 'none'", reply.headers["Content-Security-Policy"])
        self.get("get_docs_file", "/docs/nothing.js", 404)
        self.assertNotIn("http://", page)
        self.assertNotIn("https://", page)


class OtherServers(unittest.TestCase):
    def test_every_event_of_an_evtx_log_is_as_described(self):
        operations = CONTRACT.operations
        content = Path(os.environ["BLOCKWATCH_LOG"]).read_bytes()
        with Daemon(PROGRAM, "--record", "block,drop,permit") as daemon:
            report = daemon.import_file(content, daemon.token("import"), "demo.evtx")["report"]
            self.assertEqual((report["format"], report["source"], report["damaged"]), ("evtx", "evtx:demo.evtx", 0))
            self.assertGreater(report["stored"], 0)
            lines = daemon.get("/api/v1/events?format=ndjson&include=raw").text.splitlines()
            self.assertEqual(len(lines), report["stored"])
            for event in map(json.loads, lines[:300]):
                self.assertEqual(schema_faults(event, CONTRACT.schemas["Event"]), [])
                detail = daemon.get(f"/api/v1/events/{event['id']}")
                self.assertEqual(operations["get_event"].faults(detail), [])
            for target in ("/api/v1/stats/top?by=application_name", "/api/v1/stats/timeline?bucket=1h&by=event_id"):
                operation = operations["top_values" if "top" in target else "timeline"]
                self.assertEqual(operation.faults(daemon.get(target)), [])
            sources = daemon.get("/api/v1/sources")
            self.assertEqual(operations["list_sources"].faults(sources), [])
            self.assertEqual([s["name"] for s in sources.json["sources"]], ["evtx:demo.evtx"])

    def test_numbers_above_2_to_the_53_keep_their_digits(self):
        big = 2**63 - 1
        with Daemon(PROGRAM) as daemon:
            daemon.import_file(rendered_xml(len(KINDS), FilterRTID=big), daemon.token("import"))
            page = daemon.get("/api/v1/events")
            self.assertEqual(CONTRACT.operations["list_events"].faults(page), [])
            self.assertEqual({event["filter_id"] for event in page.json["events"]}, {big})
            self.assertEqual(daemon.get(f"/api/v1/events?filter_id={big}").json["events"], page.json["events"])

    def test_reading_needs_a_token_when_the_server_says_so(self):
        with Daemon(PROGRAM, "--require-token") as daemon:
            operations = CONTRACT.operations
            refused = daemon.get("/api/v1/status")
            self.assertEqual((refused.status, operations["get_status"].faults(refused)), (401, []))
            taken = daemon.get("/api/v1/status", Authorization=f"Bearer {daemon.token('read')}")
            self.assertEqual((taken.status, operations["get_status"].faults(taken)), (200, []))
            for _ in range(11):
                last = daemon.get("/api/v1/status", Authorization="Bearer wrong")
            self.assertEqual((last.status, operations["get_status"].faults(last)), (429, []))
            open_to_all = daemon.get("/health/live")
            self.assertEqual((open_to_all.status, operations["health_live"].faults(open_to_all)), (200, []))


if __name__ == "__main__":
    unittest.main()
