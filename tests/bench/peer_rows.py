#!/usr/bin/env python3
"""Turns what another reader prints into CSV rows for `sqlite3 .import`, as a user's script would.

    evtxexport LOG    | peer_rows.py evtxexport
    evtx_dump.py LOG  | peer_rows.py xml
"""

import csv
import re
import sys
import xml.etree.ElementTree as ET

WANTED = {"5031", "5150", "5151", "5152", "5153", "5155", "5157", "5159"}


def from_evtxexport(lines):
    """Its text has no names of fields: their order is that of the event's layout."""
    record, strings = {}, []
    for line in lines:
        name, _, value = line.partition(":")
        name = name.strip()
        if name.startswith("String"):
            strings.append(value.partition(":")[2].strip())
        elif name == "Event number":
            yield record, strings
            record, strings = {name: value.strip()}, []
        else:
            record[name] = value.strip()
    yield record, strings


def evtxexport_row(record, strings):
    match = re.search(r"\((\d+)\)", record.get("Event identifier", ""))
    if not match or match.group(1) not in WANTED or len(strings) < 8:
        return None
    return [record["Event number"], record["Written time"], match.group(1), record["Computer name"], *strings[:8],
            "|".join(strings)]


def xml_row(text):
    event = ET.fromstring(text)
    ns = "{http://schemas.microsoft.com/win/2004/08/events/event}"
    system = event.find(ns + "System")
    if system.findtext(ns + "EventID") not in WANTED:
        return None
    data = {d.get("Name"): d.text or "" for d in event.iter(ns + "Data")}
    first = ["ProcessID" if "ProcessID" in data else "ProcessId", "Application", "Direction", "SourceAddress",
             "SourcePort", "DestAddress", "DestPort", "Protocol"]
    return [system.findtext(ns + "EventRecordID"), system.find(ns + "TimeCreated").get("SystemTime"),
            system.findtext(ns + "EventID"), system.findtext(ns + "Computer"),
            *(data.get(name, "") for name in first), "|".join(data.values())]


def xml_texts(lines):
    text = []
    for line in lines:
        if line.startswith("<Event ") or text:
            text.append(line)
        if line.startswith("</Event>"):
            yield "".join(text)
            text = []


def main():
    out = csv.writer(sys.stdout)
    if sys.argv[1] == "evtxexport":
        rows = (evtxexport_row(*r) for r in from_evtxexport(sys.stdin))
    else:
        rows = (xml_row(t) for t in xml_texts(sys.stdin))
    out.writerows(row for row in rows if row)


main()
